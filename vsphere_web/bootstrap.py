"""From nothing but Python and pip to an environment with every library: what `manage.py lab` and `test` do first.

Standard library only. Nothing happens where Django can be imported already (containers, CI images, an active
environment): then this Python is the one that was meant.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from vsphere_web.steps import StepFailed, run, say, step

BASE_DIR = Path(__file__).resolve().parent.parent
VENV_DIR = BASE_DIR / ".venv"
VENV_PYTHON = VENV_DIR / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
OLDEST_PYTHON = (3, 11)
REQUIREMENTS = {"lab": "requirements.txt", "test": "requirements-dev.txt"}
RESTARTED = "VSPHERE_WEB_RESTARTED"


def ensure(argv: list[str]) -> None:
    """Return where Django imports; otherwise make `.venv` if `argv` asks for a lab or a test, and start again in it."""
    if importlib.util.find_spec("django"):
        return
    try:
        _prepare(argv[1] if len(argv) > 1 else "")
    except StepFailed as failure:
        sys.exit(f"\n{failure}")
    sys.stdout.flush()
    _restart(argv)


def _prepare(command: str) -> None:
    if sys.version_info < OLDEST_PYTHON:
        wanted = ".".join(map(str, OLDEST_PYTHON))
        raise StepFailed(
            f"This is Python {sys.version.split()[0]}.", f"use Python {wanted} or newer, e.g. python{wanted}"
        )
    if os.environ.get(RESTARTED):
        raise StepFailed(f"Django is missing in {VENV_DIR}.", "delete that folder and start again")
    if command in REQUIREMENTS:
        _install(REQUIREMENTS[command])
    elif not VENV_PYTHON.exists():
        raise StepFailed("Django is not installed.", "run `python3 manage.py lab` once; it installs what is needed")


def _install(requirements: str) -> None:
    """Install `requirements` into `.venv`, unless exactly these are there."""
    stamp = VENV_DIR / f"installed-{requirements}"
    wanted = _digest("requirements.txt", requirements)
    if stamp.exists() and stamp.read_text() == wanted:
        return
    say("Setting up (once):")
    if not VENV_PYTHON.exists():
        with step(f"Making a Python environment in {VENV_DIR.name}/"):
            _make_venv()
    with step("Installing Python packages (a minute or two)"):
        advice = "check the network connection or pip's settings, then start again; what is done stays done"
        run(
            [VENV_PYTHON, "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", BASE_DIR / requirements],
            advice,
        )
    stamp.write_text(wanted)


def _make_venv() -> None:
    """Make `.venv` with pip in it; Debian's Python cannot by itself, then the pip that runs outside puts one in."""
    advice = "install Python's venv module (Debian, Ubuntu: apt install python3-venv)"
    if importlib.util.find_spec("ensurepip"):
        run([sys.executable, "-m", "venv", VENV_DIR], advice)
        return
    run([sys.executable, "-m", "venv", "--without-pip", VENV_DIR], advice)
    run([sys.executable, "-m", "pip", "--python", VENV_PYTHON, "install", "-q", "pip"], advice)


def _digest(*names: str) -> str:
    return hashlib.sha256(b"".join((BASE_DIR / name).read_bytes() for name in names)).hexdigest()


def _restart(argv: list[str]) -> None:
    """Run the same command line in `.venv`; the process keeps its id, so that signals reach the right one."""
    environment = {**os.environ, RESTARTED: "1"}
    command = [str(VENV_PYTHON), str(BASE_DIR / "manage.py"), *argv[1:]]
    if os.name == "nt":
        sys.exit(subprocess.run(command, env=environment, check=False).returncode)
    os.execve(VENV_PYTHON, command, environment)
