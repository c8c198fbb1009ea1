"""`manage.py frontend`: fetch the browser packages and build static/vendor."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from vsphere_web import frontend
from vsphere_web.steps import StepFailed


class Command(BaseCommand):
    """Images and packages call it at build time; `lab` and `test` call it by themselves."""

    help = "Fetch the browser packages with npm and build static/vendor where it is out of date."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Build, or say that all is in place."""
        try:
            frontend.ensure()
        except StepFailed as failure:
            raise CommandError(str(failure)) from failure
        self.stdout.write("static/vendor is up to date.")
