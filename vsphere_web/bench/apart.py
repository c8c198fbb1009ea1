"""Runs a benchmark's inside in an environment of its own: a folder, a database, a Valkey that nobody else uses."""

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vsphere_web.env import BASE_DIR, valkey_socket
from vsphere_web.supervisor import valkey
from vsphere_web.supervisor.environment import child_environment
from vsphere_web.supervisor.options import Options
from vsphere_web.supervisor.processes import Child, Program, end_all

OUTER = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY")


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    return {"cores": os.cpu_count(), "python": platform.python_version(), "load": os.getloadavg()[0]}


@contextmanager
def own_valkey() -> Iterator[Path]:
    """A folder with a running Valkey; both are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="vsphere-web-bench-") as name:
        folder = Path(name)
        socket = valkey_socket(folder)
        valkey.prepare(socket, folder / "valkey")
        command = valkey.command(valkey.find_server(), socket, folder / "valkey")
        server = Child(Program("valkey", command, os.environ, folder / "valkey.log"), on_death=print)
        server.start()
        try:
            yield folder
        finally:
            end_all([server], grace_s=5)


def manage(folder: Path, *arguments: str) -> str:
    """A management command in that environment; its own words go to this terminal's error stream."""
    outer = {name: value for name, value in os.environ.items() if name not in OUTER}
    environment = child_environment(Options(data_dir=folder), outer) | {"LOG_LEVEL": "WARNING"}
    command = [sys.executable, str(BASE_DIR / "manage.py"), *arguments]
    return subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout


def rows_of(folder: Path, *arguments: str) -> list[dict[str, Any]]:
    """What the inside printed as its last line."""
    rows: list[dict[str, Any]] = json.loads(manage(folder, *arguments).splitlines()[-1])
    return rows


def seeded(folder: Path, arguments: Sequence[str]) -> None:
    """Tables and a demo datacenter."""
    manage(folder, "migrate", "--verbosity=0")
    manage(folder, "seed_demo", *arguments)
