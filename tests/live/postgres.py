"""A PostgreSQL server of a test's own, which may be stopped as by pulling the plug, and a lab on it."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import psycopg

from tests.labs import LabProcess, free_port, wait_for

DEBIAN = Path("/usr/lib/postgresql")
ACCOUNT = "postgres"  # the server refuses to run as root


def programs() -> Path | None:
    """The folder with the server's programs; None where there are none, or nobody who may run them."""
    found = shutil.which("pg_ctl")
    folder = Path(found).parent if found else next(iter(sorted(DEBIAN.glob("*/bin"), reverse=True)), None)
    if folder is None or not (folder / "initdb").exists():
        return None
    return folder if os.getuid() or _account() else None


def _account() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(ACCOUNT)
    except KeyError:
        return None


class PostgresServer:
    """A server on a free port of the loopback, with its data in a folder of its own."""

    def __init__(self, programs: Path) -> None:
        self._programs, self.port = programs, free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="vsphere-web-postgres-"))
        self.url = f"postgres://lab@127.0.0.1:{self.port}/postgres"
        if account := None if os.getuid() else _account():
            os.chown(self._folder, account.pw_uid, account.pw_gid)
        self._run("initdb", "--username=lab", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C")

    def start(self) -> PostgresServer:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        self._run("pg_ctl", "start", "--wait", f"--options={options}", f"--log={self._folder / 'server.log'}")
        return self

    def restart(self) -> None:
        """Without a word to anybody who is connected, and without a checkpoint."""
        self._run("pg_ctl", "stop", "--mode=immediate", "--wait")
        self.start()

    def remove(self) -> None:
        self._run("pg_ctl", "stop", "--mode=immediate", "--wait")
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), f"--pgdata={self._folder / 'data'}", *arguments]
        as_account = [] if os.getuid() else ["runuser", "-u", ACCOUNT, "--"]
        # Not captured: the server keeps what it inherits open.
        subprocess.run(
            [*as_account, *command], check=True, cwd=self._folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )


class PostgresLab(LabProcess):
    """A lab whose inventory lies on that server."""

    def __init__(self, data_dir: Path, server: PostgresServer, *arguments: str) -> None:
        super().__init__(data_dir, *arguments, env={"DATABASE_URL": server.url})
        self._server = server

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the server, as soon as it answers."""
        found = wait_for(lambda: self._asked(query.replace("?", "%s"), values), "the database to answer")
        return found[0]

    def _asked(self, query: str, values: tuple[object, ...]) -> tuple[list[tuple[Any, ...]]] | None:
        try:
            with psycopg.connect(self._server.url) as connection:
                return (connection.execute(query, values).fetchall(),)  # type: ignore[arg-type]
        except psycopg.OperationalError:
            return None
