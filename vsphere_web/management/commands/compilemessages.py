"""`manage.py compilemessages`, in pure Python."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from vsphere_web.messages import compile_catalogues


class Command(BaseCommand):
    """Takes the place of Django's command, which needs the gettext tools."""

    help = "Compile the message catalogues that changed."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Compile and say how many."""
        self.stdout.write(f"{compile_catalogues(settings.LOCALE_PATHS)} catalogue(s) compiled.")
