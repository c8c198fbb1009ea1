"""`manage.py run_beat`: the clock of a production site."""

from typing import Any

from django.core.management.base import BaseCommand

from vsphere_web.production import replace_process
from vsphere_web.supervisor import programs


class Command(BaseCommand):
    """Wakes periodic work; a site has exactly one."""

    help = "Wake periodic work (production; one per site)."
    requires_system_checks: list[str] = []  # replace_process runs them all

    def handle(self, *args: Any, **options: Any) -> None:
        """Become the clock."""
        replace_process(programs.beat())
