"""Runs the real `manage.py lab` in a process of its own, as a person would."""

import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from vsphere_web.env import BASE_DIR

# A recorded day, where the data for benchmarks lie beside the project; without it labs make up their own load.
RECORDED_DAY = (
    Path(os.environ.get("BENCHMARK_DATA", BASE_DIR.parent / "shared" / "data")) / "planetlab/planetlab-20110303.npz"
)
# A machine may be shared with others: patience costs nothing where all is well.
PATIENCE_S = 600.0
PATIENCE_MS = 180_000  # for one thing on a page
LOWEST_PORT = 15_000
# What must not leak from the test process into a lab that starts from nothing.
LEAKING = (
    "DATA_DIR",
    "DATABASE_URL",
    "REDIS_URL",
    "SECRET_KEY",
    "ALLOWED_HOSTS",
    "VSPHERE_WEB_MODE",
    "DJANGO_SETTINGS_MODULE",
)


def free_port() -> int:
    """Return a port of the loopback that nobody listens on.

    Below those that the system gives to whoever connects anywhere: until a lab listens, one of them may be taken.
    Workers of one run take different ones.
    """
    number, width = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]), 16
    while True:
        port = random.SystemRandom().randrange(LOWEST_PORT + number % width, _first_ephemeral_port(), width)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _first_ephemeral_port() -> int:
    try:
        first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except OSError:
        return 32_768
    return first if first > LOWEST_PORT + 1000 else 65_536


def wait_for(condition: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> Any:
    """Return the first true value of `condition()`; fail with `what` if none comes."""
    deadline_s = time.monotonic() + patience_s
    while not (value := condition()):
        assert time.monotonic() < deadline_s, f"waited in vain: {what}"
        time.sleep(0.1)
    return value


class LabProcess:
    """One `manage.py lab` on a free port, with its data in `data_dir` and its words in `data_dir`/terminal.log."""

    def __init__(
        self, data_dir: Path, *arguments: str, env: dict[str, str] | None = None, port: int | None = None
    ) -> None:
        self.data_dir, self.arguments, self.port = data_dir, arguments, port or free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self._env = {name: value for name, value in os.environ.items() if name not in LEAKING} | (env or {})
        self.process: subprocess.Popen[bytes] | None = None

    def launch(self) -> "LabProcess":
        """Start the command and return at once."""
        options = [f"--port={self.port}", f"--data-dir={self.data_dir}", *self.arguments]
        with (self.data_dir / "terminal.log").open("ab") as terminal:
            self.process = subprocess.Popen(
                [sys.executable, str(BASE_DIR / "manage.py"), "lab", *options],
                env=self._env, stdin=subprocess.DEVNULL, stdout=terminal, stderr=terminal,
            )  # fmt: skip
        return self

    def start(self) -> "LabProcess":
        """Start the command and wait until the lab says that it is ready; one that does not is stopped."""
        self.launch()
        try:
            wait_for(lambda: self.note().get("ready") or self.has_ended(), "the lab to be ready")
            assert not self.has_ended(), "the lab ended"
        except AssertionError as failure:
            self.stop()
            raise AssertionError(f"{failure}:\n{self.terminal()}") from None
        return self

    def run_to_end(self) -> int:
        """Start the command, wait until it ends by itself, return its exit code."""
        process = self.launch().process
        assert process
        return process.wait(PATIENCE_S)

    def stop(self, with_signal: int = signal.SIGINT) -> int:
        """Send a signal (Ctrl-C's by default), wait for the end, return the exit code."""
        assert self.process
        if self.process.poll() is None:
            self.process.send_signal(with_signal)
        return self.process.wait(PATIENCE_S)

    def has_ended(self) -> bool:
        """Tell whether the command is over."""
        return self.process is not None and self.process.poll() is not None

    def note(self) -> dict[str, Any]:
        """Return what the supervisor notes about itself: url, pid, ready, children (name -> process id)."""
        try:
            note: dict[str, Any] = json.loads((self.data_dir / "lab.json").read_text())
        except (OSError, ValueError):
            return {}
        return note

    def pids(self) -> dict[str, int]:
        """Return the process ids of the parts that run now, by name."""
        return {name: pid for name, pid in self.note().get("children", {}).items() if pid}

    def accounts(self) -> list[dict[str, str]]:
        """Return the logins of the demo datacenter."""
        accounts: list[dict[str, str]] = json.loads((self.data_dir / "accounts.json").read_text())
        return accounts

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Read the lab's database as it is, beside the processes that write it."""
        path = f"file:{self.data_dir / 'db.sqlite3'}?mode=ro"
        with closing(sqlite3.connect(path, uri=True, timeout=120)) as connection:
            return connection.execute(query, values).fetchall()

    def terminal(self) -> str:
        """Return what the command printed."""
        path = self.data_dir / "terminal.log"
        return path.read_text() if path.exists() else ""

    def manage(self, *arguments: str) -> str:
        """Run a management command on the lab's own database and return what it printed; fail where it failed."""
        done = self._managed(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def try_to_manage(self, *arguments: str) -> str:
        """The same, whatever became of it: everything it said."""
        done = self._managed(*arguments)
        return done.stdout + done.stderr

    def _managed(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, str(BASE_DIR / "manage.py"), *arguments]
        return subprocess.run(command, env=self._child_env(), check=False, capture_output=True, text=True)

    def talk(self, *arguments: str) -> "subprocess.Popen[str]":
        """The same, for a command that reads lines and answers them; what it says to people goes to this terminal."""
        command = [sys.executable, str(BASE_DIR / "manage.py"), *arguments]
        return subprocess.Popen(
            command, env=self._child_env(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def _child_env(self) -> dict[str, str]:
        from vsphere_web.supervisor.environment import child_environment
        from vsphere_web.supervisor.options import Options

        return child_environment(Options(port=self.port, data_dir=self.data_dir), self._env)
