"""One lab per data folder: a lock that ends with its holder, and a note of who that is."""

import fcntl
import json
import os
from pathlib import Path
from typing import IO, Any

from vsphere_web.steps import StepFailed


class LabIsRunning(Exception):
    """Another lab holds the folder; `url` and `pid` are its."""

    def __init__(self, url: str, pid: int | None) -> None:
        super().__init__(f"A lab is running in this folder already: {url} (process {pid}).")
        self.url, self.pid = url, pid


class LabLock:
    """Holds `folder`/lab.lock; the kernel lets go of it however the process ends, so none is ever stale."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "lab.lock"
        self.note_path = folder / "lab.json"
        self._file: IO[str] | None = None

    def acquire(self, url: str) -> None:
        """Take the lock for the lab at `url`.

        Raises:
            LabIsRunning: another process holds it.
            StepFailed: the folder cannot be written to.
        """
        lock = self._open()
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            note = self.read_note()
            raise LabIsRunning(note.get("url", "address not known yet"), note.get("pid")) from None
        self._file = lock
        self.write_note(url=url, ready=False, children={})

    def _open(self) -> IO[str]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            return self.path.open("w")
        except OSError as problem:
            raise StepFailed(
                f"The data folder cannot be used: {problem}.", "choose another: --data-dir PATH"
            ) from problem

    def write_note(self, **facts: Any) -> None:
        """Tell others about this lab: its address, whether it is ready, the process ids of its parts."""
        draft = self.note_path.with_suffix(".draft")
        draft.write_text(json.dumps({"pid": os.getpid(), **facts}))
        draft.replace(self.note_path)

    def read_note(self) -> dict[str, Any]:
        """Return what the holder wrote last; empty where there is nothing."""
        try:
            note: dict[str, Any] = json.loads(self.note_path.read_text())
        except (OSError, ValueError):
            return {}
        return note

    def release(self) -> None:
        """Let the folder go."""
        if self._file:
            self.note_path.unlink(missing_ok=True)
            self._file.close()
            self._file = None
