"""`manage.py run_web`: the web server of a production site."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from vsphere_web.production import replace_process
from vsphere_web.supervisor import programs


class Command(BaseCommand):
    """Pages and sockets; as many of these as the site needs."""

    help = "Serve pages and web sockets (production)."
    requires_system_checks: list[str] = []  # replace_process runs them all

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare where to listen."""
        parser.add_argument("--bind", default="127.0.0.1", help="address to listen on (127.0.0.1)")
        parser.add_argument("--port", type=int, default=8000, help="port to listen on (8000)")
        parser.add_argument("--processes", type=int, default=1, help="server processes (1)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Become the web server."""
        replace_process(programs.web(options["bind"], options["port"], options["processes"]))
