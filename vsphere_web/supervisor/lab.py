"""The life of a lab: prepare, start, wait until it is really there, watch, end."""

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from django.conf import settings

from vsphere_web import env as environment
from vsphere_web import frontend
from vsphere_web.env import BASE_DIR
from vsphere_web.messages import compile_catalogues
from vsphere_web.steps import StepFailed, run, say, step
from vsphere_web.supervisor import accounts, ports, programs, readiness, valkey
from vsphere_web.supervisor.environment import child_environment
from vsphere_web.supervisor.lock import LabIsRunning, LabLock
from vsphere_web.supervisor.options import Options
from vsphere_web.supervisor.processes import Child, Program, end_all

VALKEY_PATIENCE_S = 60.0  # it reads its append-only file first
GRACE_S = 8.0
TICK_S = 0.1
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# What --fresh removes; nothing else in the folder is touched, whatever folder was named.
OWN_FILES = ("db.sqlite3", "db.sqlite3-wal", "db.sqlite3-shm", "secret_key", "accounts.json")
OWN_FOLDERS = ("valkey", "logs", "metrics", "traces")


def supervise(options: Options) -> int:
    """Run a lab until it is told to stop; return the exit code."""
    lab = Lab(options)
    try:
        with stop_signals_raise(), lab.held():
            lab.bring_up()
            lab.watch()
    except LabIsRunning as running:
        say(f"{running}\n  What to do: use it, stop it with Ctrl-C where it runs, or choose another --data-dir.")
        return 1
    except StepFailed as failure:
        say(f"\n{failure}")
        return 1
    except KeyboardInterrupt:
        say("Stopped.")
    return 0


class Lab:
    """The processes of one data folder."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.env = child_environment(options)
        self.lock = LabLock(options.data_dir)
        self.store: list[Child] = []
        self.children: list[Child] = []
        self.ready = False

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the data folder; end every process before letting it go."""
        self.lock.acquire(self.options.url)
        try:
            yield
        finally:
            with stop_signals_ignored():
                self._end()
                self.lock.release()

    def bring_up(self) -> None:
        """Do every step from an empty folder to pages that move.

        Raises:
            StepFailed: a step did not succeed.
        """
        options = self.options
        self._check_port()
        if options.fresh:
            self._forget()
        say(f"Starting the lab in {options.data_dir}:")
        frontend.ensure()
        compile_catalogues(settings.LOCALE_PATHS)
        self._start_store()
        with step("Preparing the database"):
            run(self.manage("migrate", "--noinput", "--verbosity=0"), self._advice("database"), env=self.env)
        self._seed()
        self._start_processes()
        readiness.wait(self)
        self.ready = True
        self._note()
        self._welcome()

    def watch(self) -> None:
        """Keep everything running until a signal comes."""
        while True:
            self.tend()
            time.sleep(TICK_S)

    def tend(self) -> None:
        """Start again what died."""
        changed = [child.tend() for child in (*self.store, *self.children)]
        if any(changed):
            self._note()

    @property
    def url(self) -> str:
        """Return the address of the web server."""
        return self.options.url

    def log_path(self, name: str) -> str:
        """Return where the output of the process `name` goes."""
        return str(self.options.data_dir / "logs" / f"{name}.log")

    def _check_port(self) -> None:
        bind, port = self.options.bind, self.options.port
        if not ports.is_free(bind, port):
            other = ports.next_free(bind, port)
            raise StepFailed(
                f"Port {port} on {bind} is in use or not allowed.", f"choose another: --port {other or 'N'}"
            )

    def _forget(self) -> None:
        folder = self.options.data_dir
        for name in OWN_FILES:
            (folder / name).unlink(missing_ok=True)
        for name in OWN_FOLDERS:
            shutil.rmtree(folder / name, ignore_errors=True)
        for variable in ("DATABASE_URL", "REDIS_URL"):
            if environment.env.str(variable, default=""):
                say(f"  {variable} is set: what that server holds is not touched by --fresh.")

    def _start_store(self) -> None:
        """Start the lab's own Valkey, or make sure that the server of REDIS_URL answers."""
        url = self.env["REDIS_URL"]
        if environment.env.str("REDIS_URL", default=""):
            with step("Asking the Redis of REDIS_URL"):
                if not valkey.wait_until_it_answers(url, patience_s=5):
                    raise StepFailed(
                        "It does not answer.", "start it, correct REDIS_URL, or unset it for a Valkey of the lab's own"
                    )
            return
        socket, folder = environment.valkey_socket(self.options.data_dir), self.options.data_dir / "valkey"
        with step("Starting Valkey"):
            valkey.prepare(socket, folder)
            self.store = [self._child("valkey", valkey.command(valkey.find_server(), socket, folder))]
            if not valkey.wait_until_it_answers(url, VALKEY_PATIENCE_S):
                raise StepFailed("Valkey does not answer.", f"see {self.log_path('valkey')}")

    def _seed(self) -> None:
        """Let `seed_demo` fill an empty database; it shows its own progress and changes nothing the second time."""
        say("  Demo datacenter:")
        env = accounts.seeding_environment(self.options, self.env)
        if subprocess.run(self.manage("seed_demo", *self.options.seed_arguments()), env=env, check=False).returncode:
            raise StepFailed("The demo datacenter could not be made.", "see the message above; --fresh starts over")
        accounts.note(self.options.data_dir, env)

    def _start_processes(self) -> None:
        options = self.options
        with step("Starting web server, workers and clock"):
            self.children = [
                self._child("web", programs.web(options.bind, options.port)),
                self._child("worker", programs.worker("default", "default", processes=2)),
                self._child("pump", programs.worker("pump", "pump", processes=2)),
                self._child("beat", programs.beat()),
            ]
            self._note()

    def _child(self, name: str, command: list[str]) -> Child:
        log = self.options.data_dir / "logs" / f"{name}.log"
        child = Child(Program(name, command, self.env, log), on_death=lambda message: say(f"  {message}; see {log}"))
        child.start()
        return child

    def manage(self, *arguments: str) -> list[str]:
        """Return the command line of a management command."""
        return [sys.executable, str(BASE_DIR / "manage.py"), *arguments]

    def _advice(self, what: str) -> str:
        return f"correct the {what} settings in the environment, or start over with --fresh"

    def _note(self) -> None:
        pids = {child.program.name: child.pid for child in (*self.store, *self.children)}
        self.lock.write_note(url=self.options.url, ready=self.ready, children=pids)

    def _welcome(self) -> None:
        known = accounts.noted(self.options.data_dir)
        say(f"\nReady: {self.url}")
        for account in known:
            say(f"  {account['username']:<14} {account['password']:<14} {account['about']}".rstrip())
        if not self.options.is_private:
            say("  Every machine that reaches this one can open it, and passwords travel unencrypted.")
            if accounts.are_well_known(known):
                say("  THESE PASSWORDS ARE WELL KNOWN: change them in the admin site, or start over with --fresh.")
        say("Ctrl-C stops everything; the data stay.")

    def _end(self) -> None:
        if not (self.children or self.store):
            return
        say("\nStopping ...")
        end_all(list(reversed(self.children)), GRACE_S)
        end_all(self.store, GRACE_S)  # last: the others write to it until they are gone


@contextmanager
def stop_signals_raise() -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and a closed terminal all raise KeyboardInterrupt within the block."""

    def stop(signum: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    with _signals(stop):
        yield


@contextmanager
def stop_signals_ignored() -> Iterator[None]:
    """Let nothing interrupt the block: stopping takes a few seconds at most."""
    with _signals(signal.SIG_IGN):
        yield


@contextmanager
def _signals(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)
