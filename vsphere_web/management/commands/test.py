"""`manage.py test`: the whole suite by pytest, from nothing."""

import os
import subprocess
import sys
import tempfile
from argparse import REMAINDER
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from vsphere_web import frontend
from vsphere_web.env import BASE_DIR
from vsphere_web.messages import compile_catalogues
from vsphere_web.steps import StepFailed, say

APP_TESTS = "tests/apps"
SECOND_DATABASE = "TEST_DATABASE_URL"
NOTHING_COLLECTED = 5
NO_BYTECODE, BYTECODE_FOLDER = "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX"
USUAL_WIDTH = 2
WIDTH_OF_ALL = 3  # the browser's tests and the live ones mostly wait: a third process uses the cores meanwhile


class Command(BaseCommand):
    """Takes the place of Django's runner; every argument goes on to pytest."""

    help = "Run the tests: `test`, `test tests/unit -k water`, any pytest argument."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Leave the arguments to pytest."""
        parser.add_argument("--setup-only", action="store_true", help="install what the tests need, run none")
        parser.add_argument("pytest_arguments", nargs=REMAINDER, help="passed on to pytest")

    def run_from_argv(self, argv: list[str]) -> None:
        """Keep options that look like Django's own (`-v`, `--version`) for pytest."""
        super().run_from_argv([*argv[:2], *(["--setup-only"] if "--setup-only" in argv else ["--", *argv[2:]])])

    def handle(self, *args: Any, **options: Any) -> None:
        """Prepare, run the app tests on PostgreSQL if one is named, then everything on SQLite."""
        if not find_spec("pytest"):
            raise CommandError("pytest is not installed here: pip install -r requirements-dev.txt")
        try:
            frontend.ensure()
        except StepFailed as failure:
            raise CommandError(str(failure)) from failure
        compile_catalogues(settings.LOCALE_PATHS)
        if not options["setup_only"]:
            with environment(os.environ) as env:
                sys.exit(run_suite(options["pytest_arguments"], env))


@contextmanager
def environment(outer: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """The variables of the tests: `outer`, but what is compiled is kept.

    Labs, workers and commands of the tests are some hundred processes of 600 modules each. Where no bytecode is to be
    written beside the sources, it lies in a folder that goes with the run.
    """
    env = dict(outer)
    if not env.pop(NO_BYTECODE, "") or env.get(BYTECODE_FOLDER):
        yield env
        return
    with tempfile.TemporaryDirectory(prefix="vsphere-web-bytecode-", ignore_cleanup_errors=True) as folder:
        yield env | {BYTECODE_FOLDER: folder}


def run_suite(arguments: Sequence[str], env: Mapping[str, str]) -> int:
    """Run pytest once, or twice where TEST_DATABASE_URL is set; return the first exit code that is not 0.

    PostgreSQL comes first, so that the last line printed is that of the whole suite.
    """
    second = 0
    if env.get(SECOND_DATABASE) and (chosen := arguments_for_apps(arguments)) is not None:
        say(f"The tests of the apps, on the server of {SECOND_DATABASE}:")
        second = run_pytest(chosen, env, USUAL_WIDTH)
        second = 0 if second == NOTHING_COLLECTED else second
    without = {name: value for name, value in env.items() if name != SECOND_DATABASE}
    if second:
        say(f"The tests of the apps FAILED on the server of {SECOND_DATABASE}, see above; now the suite on SQLite:")
    width = USUAL_WIDTH if paths_in(arguments) else WIDTH_OF_ALL
    return run_pytest(arguments, without, width) or second


def paths_in(arguments: Sequence[str]) -> list[str]:
    """Return those of `arguments` that name files, folders or tests in them."""
    return [argument for argument in arguments if Path(argument.partition("::")[0]).exists()]


def arguments_for_apps(arguments: Sequence[str]) -> list[str] | None:
    """Return `arguments` narrowed to the app tests; None where they name other tests only."""
    paths = paths_in(arguments)
    others = [argument for argument in arguments if argument not in paths]
    app_paths = [path for path in paths if Path(path).is_relative_to(APP_TESTS)]
    if paths and not app_paths:
        return None
    return [*others, *(app_paths or [APP_TESTS])] if (BASE_DIR / APP_TESTS).is_dir() else None


def run_pytest(arguments: Sequence[str], env: Mapping[str, str], width: int) -> int:
    """Run pytest in the project's folder, `width` processes wide unless `arguments` say otherwise."""
    is_said = any(argument.startswith(("-n", "--numprocesses", "--pdb")) for argument in arguments)
    command = [sys.executable, "-m", "pytest", *([] if is_said else ["-n", str(width)]), *arguments]
    return subprocess.run(command, cwd=BASE_DIR, env=dict(env), check=False).returncode
