"""`manage.py lab`: a whole laboratory from one command."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from vsphere_web.supervisor import options as lab_options
from vsphere_web.supervisor.lab import supervise


class Command(BaseCommand):
    """Runs in the foreground until Ctrl-C."""

    help = "Set up, start and watch a lab: Valkey, web server, workers and clock."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options of a lab."""
        lab_options.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Supervise until told to stop."""
        sys.exit(supervise(lab_options.from_arguments(options)))
