"""Starts one process of a production site in place of the calling command, after the checks that protect it."""

import os
import sys
from typing import NoReturn

from django.core import checks
from django.core.management.base import CommandError


def replace_process(command: list[str]) -> NoReturn:
    """Run `command` with this process's id, so that service managers signal the right one.

    Raises:
        CommandError: the settings are not fit for production.
    """
    found = checks.run_checks(include_deployment_checks=True)
    serious = [problem for problem in found if problem.is_serious(checks.ERROR)]
    if serious:
        lines = "\n".join(f"  {problem.id}: {problem.msg} {problem.hint or ''}" for problem in serious)
        raise CommandError(f"This process will not start:\n{lines}\n`manage.py lab` runs a lab without any settings.")
    sys.stdout.flush()
    os.execvp(command[0], command)
