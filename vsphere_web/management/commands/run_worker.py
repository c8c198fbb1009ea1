"""`manage.py run_worker`: a worker of a production site."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from vsphere_web.production import replace_process
from vsphere_web.supervisor import programs


class Command(BaseCommand):
    """A site has at least one worker for each queue, so that long jobs never delay the heartbeat."""

    help = "Work on background jobs (production)."
    requires_system_checks: list[str] = []  # replace_process runs them all

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare what to work on."""
        parser.add_argument("--queues", default="default,pump", help="queues to take jobs from (default,pump)")
        parser.add_argument("--processes", type=int, default=2, help="jobs at a time (2)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Become a worker named after its queues."""
        queues = options["queues"]
        replace_process(programs.worker(queues.replace(",", "-"), queues, options["processes"]))
