"""`manage.py bench_beat`: what a heartbeat costs, part by part, against its bar."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from vsphere_web.bench.apart import machine, own_valkey, rows_of

BAR_MS = 8.0
SIZES = {"labs": 4, "hosts": 8, "vms": 80, "beats": 40}


class Command(BaseCommand):
    """Labs, a database and a Valkey of its own; touches no lab."""

    help = "Measure the CPU of a heartbeat: fleet, samples, tasks, alarms, scheduler, Redis."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare how many labs of what size, and how fast their clocks run."""
        for name, size in SIZES.items():
            parser.add_argument(f"--{name}", type=int, default=size, help=f"{name} ({size})")
        parser.add_argument("--speed", type=float, default=60.0, help="lab seconds per second (60)")
        parser.add_argument("--profile", type=Path, help="write a cProfile of the measured beats there")
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument("--inside", type=Path, help="used by the command itself")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print a row per part; the bar is 8 ms CPU for the whole beat of 8 hosts with 80 VMs at x60."""
        sizes = {name: options[name] for name in SIZES}
        if options["inside"]:
            from vsphere_web.bench import beat  # needs the settings that the outer command has made

            self.stdout.write(json.dumps(beat.measure(speed=options["speed"], profile=options["profile"], **sizes)))
            return
        said = [f"--{name}={value}" for name, value in {**sizes, "speed": options["speed"]}.items()]
        said += [f"--profile={options['profile']}"] if options["profile"] else []
        with own_valkey() as folder:
            rows = rows_of(folder, "bench_beat", *said, f"--inside={folder}")
        if options["json"]:
            self.stdout.write(json.dumps({"rows": rows, "machine": machine(), "bar_ms": BAR_MS}))
            return
        for row in rows:
            self.stdout.write(sentence(row))


def sentence(row: dict[str, Any]) -> str:
    """One row for people, the verdict behind the whole."""
    text = f"{row['part']:<40} {row['cpu_ms']:6.2f} ms CPU"
    if "queries" not in row:
        return text
    verdict = "held" if row["cpu_ms"] <= BAR_MS else "MISSED"
    calls = f"{row['queries']:.1f} queries, {row['redis_calls']:.1f} calls to Valkey"
    return f"{text}  (bar {BAR_MS:g}: {verdict}; {calls}; a core carries {1000 / row['cpu_ms']:.0f} such labs)"
