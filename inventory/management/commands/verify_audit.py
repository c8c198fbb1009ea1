"""Checks the chain of the audit log."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from inventory import audit


class Command(BaseCommand):
    help = "Check that no entry of the audit log was changed, inserted or removed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--expect", default="", metavar="DIGEST", help="A digest that was printed earlier.")

    def handle(self, *args: Any, **options: Any) -> None:
        verdict = audit.verify(options["expect"])
        if not verdict.intact:
            where = f"Entry {verdict.broken}: " if verdict.broken else ""
            intact = "entry before it is" if verdict.entries == 1 else "entries before it are"
            raise CommandError(f"{where}{verdict.problem} {verdict.entries} {intact} intact.")
        self.stdout.write(f"{verdict.entries} entries, all intact. Newest digest: {verdict.tip}")
