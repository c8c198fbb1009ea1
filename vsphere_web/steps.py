"""Set-up steps told on a terminal: what is done, how long it took, what failed and what to do about it.

Standard library only: manage.py uses it before anything is installed.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

TAIL_LINES = 15


class StepFailed(Exception):
    """A step did not succeed: what went wrong, and what a person can do."""

    def __init__(self, what: str, advice: str, output: str = "") -> None:
        super().__init__(what)
        self.what, self.advice, self.output = what, advice, output

    def __str__(self) -> str:
        quoted = "".join(f"\n    | {line}" for line in self.output.splitlines())
        return f"{self.what}{quoted}\n  What to do: {self.advice}"


@contextmanager
def step(title: str) -> Iterator[None]:
    """Print `title`, then how long the block took, or that it failed."""
    began = time.monotonic()
    _write(f"  {title} ... ")
    try:
        yield
    except BaseException:
        _write("failed\n")
        raise
    _write(f"done ({time.monotonic() - began:.1f} s)\n")


def run(
    command: Sequence[str | Path], advice: str, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> str:
    """Run `command` silently and return its output; raise StepFailed with the end of it where the command fails."""
    name = " ".join(Path(part).name for part in command[:3])
    try:
        done = subprocess.run(
            [str(part) for part in command], env=env, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, text=True, errors="replace", check=False,
        )  # fmt: skip
    except OSError as problem:
        raise StepFailed(f"{name} could not be started: {problem}", advice) from problem
    if done.returncode:
        tail = "\n".join(deque(done.stdout.splitlines(), TAIL_LINES))
        raise StepFailed(f"{name} ended with code {done.returncode}.", advice, tail)
    return done.stdout


def say(message: str = "") -> None:
    """Print one line at once, also into a pipe."""
    _write(f"{message}\n")


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
