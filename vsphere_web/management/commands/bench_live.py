"""`manage.py bench_live`: push to many sockets, measured from the publisher to the clients."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from vsphere_web.bench.apart import machine, own_valkey, rows_of
from vsphere_web.supervisor.ports import next_free

FIRST_PORT = 21_000


class Command(BaseCommand):
    """Starts a server, a Valkey and clients of its own on the loopback; touches no lab."""

    help = "Measure live push: latency, losses and server CPU per message, next to two plain ways to do it."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare how many, how often, how long."""
        parser.add_argument("--clients", type=int, default=500, help="web sockets (500)")
        parser.add_argument("--rate", type=float, default=1.0, help="messages per second (1)")
        parser.add_argument("--seconds", type=float, default=10.0, help="how long each way is measured (10)")
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument("--inside", type=Path, help="used by the command itself")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print a row per way to push."""
        if options["inside"]:
            from vsphere_web.bench import live  # needs the settings that the outer command has made

            port = next_free("127.0.0.1", FIRST_PORT) or FIRST_PORT
            rows = live.measure(options["clients"], options["rate"], options["seconds"], options["inside"], port)
            self.stdout.write(json.dumps(rows))
            return
        rows = measured_apart(options)
        if options["json"]:
            self.stdout.write(json.dumps({"rows": rows, "machine": machine()}))
            return
        for row in rows:
            self.stdout.write(sentence(row))


def measured_apart(options: dict[str, Any]) -> list[dict[str, Any]]:
    """Run this command again in an environment of its own and return its rows."""
    said = [f"--{name}={options[name]}" for name in ("clients", "rate", "seconds")]
    with own_valkey() as folder:
        return rows_of(folder, "bench_live", *said, f"--inside={folder}")


def sentence(row: dict[str, Any]) -> str:
    """One row for people."""
    figures = {name: "-" if row[name] is None else f"{row[name]:.0f}" for name in ("p50_ms", "p99_ms")}
    cpu = "-" if row["cpu_ms_per_message"] is None else f"{row['cpu_ms_per_message']:.1f}"
    return (
        f"{row['path']:<24} {row['clients']} clients, {row['rate_hz']:g}/s, {row['payload_bytes']} bytes: "
        f"p50 {figures['p50_ms']} ms, p99 {figures['p99_ms']} ms, lost {row['lost']}, {cpu} ms CPU per message"
    )
