"""Child processes that are started again when they die, and that never outlive their supervisor."""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from vsphere_web.env import BASE_DIR

FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 30.0
HEALTHY_AFTER_S = 30.0
LOG_LIMIT_BYTES = 20 * 1024 * 1024
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Program:
    """What to run, under which name, with which environment; its output goes to `log`."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    log: Path


class Child:
    """One program that is kept running until it is stopped."""

    def __init__(self, program: Program, on_death: Callable[[str], None]) -> None:
        self.program = program
        self._on_death = on_death
        self._process: subprocess.Popen[bytes] | None = None
        self._started_s = 0.0
        self._due_s = 0.0
        self._delay_s = FIRST_DELAY_S

    @property
    def pid(self) -> int | None:
        """Return the process id while it runs."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the program in a process group of its own, so that a Ctrl-C reaches the supervisor alone."""
        program = self.program
        program.log.parent.mkdir(parents=True, exist_ok=True)
        with program.log.open("ab") as log:
            self._process = subprocess.Popen(
                program.command, cwd=BASE_DIR, env=dict(program.env), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, preexec_fn=_end_with_parent(os.getpid()),
            )  # fmt: skip
        self._started_s = time.monotonic()

    def tend(self) -> bool:
        """Notice a death, start again when it is due; return whether the process id changed."""
        _shorten(self.program.log)
        if self._process and self._process.poll() is not None:
            self._bury(self._process)
            return True
        if self._process is None and time.monotonic() >= self._due_s:
            self.start()
            return True
        return False

    def ask_to_end(self) -> None:
        """Send SIGTERM."""
        if self._process:
            self._process.terminate()

    def end(self, deadline_s: float) -> None:
        """Wait until `deadline_s` (monotonic) for the process to end, then kill what is left of its group."""
        if not self._process:
            return
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.0, deadline_s - time.monotonic()))
        _kill_group(self._process.pid)
        self._process.wait()
        self._process = None

    def _bury(self, process: subprocess.Popen[bytes]) -> None:
        """Kill what the dead process left behind and decide when to start it again, later each time it dies young."""
        _kill_group(process.pid)
        now_s = time.monotonic()
        if now_s - self._started_s > HEALTHY_AFTER_S:
            self._delay_s = FIRST_DELAY_S
        self._on_death(
            f"{self.program.name} ended ({_cause(process.returncode)}); starting again in {self._delay_s:g} s"
        )
        self._due_s = now_s + self._delay_s
        self._delay_s = min(self._delay_s * 2, LONGEST_DELAY_S)
        self._process = None


def end_all(children: Sequence[Child], grace_s: float) -> None:
    """End `children` together: asked first, killed after `grace_s`."""
    for child in children:
        child.ask_to_end()
    deadline_s = time.monotonic() + grace_s
    for child in children:
        child.end(deadline_s)


def _shorten(log: Path) -> None:
    """Keep one older part of a log that has grown long; a process that appends to it goes on at its new beginning."""
    if log.stat().st_size > LOG_LIMIT_BYTES:
        shutil.copyfile(log, log.with_suffix(".old.log"))
        os.truncate(log, 0)


def _kill_group(group: int) -> None:
    with suppress(ProcessLookupError, PermissionError):  # nobody is left; macOS says "permission" of zombies
        os.killpg(group, signal.SIGKILL)


def _cause(returncode: int) -> str:
    return f"signal {-returncode}" if returncode < 0 else f"code {returncode}"


def _end_with_parent(parent: int) -> Callable[[], None] | None:
    """Return what makes a new process end when `parent` does, even by kill -9; Linux only."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl  # looked up before the fork: no import may happen after it

    def end_with_parent() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died in between
            os._exit(1)

    return end_with_parent
