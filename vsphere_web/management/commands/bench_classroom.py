"""`manage.py bench_classroom`: a class of labs with fast clocks and a browser each, against its bars."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from vsphere_web.bench.apart import machine, own_valkey, rows_of
from vsphere_web.bench.classroom_report import report, sentence
from vsphere_web.supervisor.ports import next_free

FIRST_PORT = 22_000
SIZES = {"students": 40, "hosts": 8, "vms": 80}


class Command(BaseCommand):
    """Labs, processes and students of its own on the loopback; touches no lab."""

    help = "Measure a class: time to make a lab, pump, pages, push, memory, disk and CPU, every clock at x60."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the class."""
        for name, size in SIZES.items():
            parser.add_argument(f"--{name}", type=int, default=size, help=f"{name} ({size})")
        parser.add_argument("--speed", type=float, default=60.0, help="lab seconds per second (60)")
        parser.add_argument("--seconds", type=float, default=30.0, help="how long is measured (30)")
        parser.add_argument("--think", type=float, default=10.0, help="each student opens a page every S seconds (10)")
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument("--inside", type=Path, help="used by the command itself")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print a row per figure, with its bar and whether it is held."""
        given = {name: options[name] for name in (*SIZES, "speed", "seconds", "think")}
        if options["inside"]:
            from vsphere_web.bench import classroom  # needs the settings that the outer command has made

            port = next_free("127.0.0.1", FIRST_PORT) or FIRST_PORT
            self.stdout.write(json.dumps(classroom.measure(folder=options["inside"], port=port, **given)))
            return
        with own_valkey() as folder:
            said = [f"--{name}={value}" for name, value in given.items()]
            rows = rows_of(folder, "bench_classroom", *said, f"--inside={folder}")
        if options["json"]:
            self.stdout.write(json.dumps({"rows": [report(rows, **given)], "machine": machine()}))
            return
        for row in rows:
            self.stdout.write(sentence(row))
        self.stdout.write(f"on {machine()}")
