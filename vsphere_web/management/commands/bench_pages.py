"""`manage.py bench_pages`: server time of the pages at a size of your choice, against the bars."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from vsphere_web.bench.apart import machine, own_valkey, rows_of, seeded

FIRST_PAGE_BAR_KIB = 293  # 300 kB


class Command(BaseCommand):
    """Seeds a datacenter of its own and asks for every page; touches no lab."""

    help = "Measure p50/p95 server time, SQL queries and compressed size of the pages."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the size."""
        parser.add_argument("--hosts", type=int, default=2500)
        parser.add_argument("--vms", type=int, default=40_000)
        parser.add_argument("--repeats", type=int, default=20, help="requests per page (20)")
        parser.add_argument("--only", default="", help="pages whose name contains this: tree, summary, alarm …")
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument("--inside", type=Path, help="used by the command itself")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print a row per page; the bars are 100 ms (p95) and 25 queries."""
        if options["inside"]:
            from vsphere_web.bench import pages  # needs the settings that the outer command has made

            self.stdout.write(json.dumps(pages.measure(options["repeats"], options["only"])))
            return
        with own_valkey() as folder:
            seeded(folder, [f"--hosts={options['hosts']}", f"--vms={options['vms']}", "--speed=1"])
            asked = (f"--repeats={options['repeats']}", f"--only={options['only']}", f"--inside={folder}")
            rows = rows_of(folder, "bench_pages", *asked)
        if options["json"]:
            self.stdout.write(json.dumps({"rows": rows, "machine": machine()}))
            return
        for row in rows:
            self.stdout.write(sentence(row))


def sentence(row: dict[str, Any]) -> str:
    """One row for people, with a mark where a bar is missed."""
    if "files" in row:
        verdict = "held" if row["kib"] <= FIRST_PAGE_BAR_KIB else "MISSED"
        return f"{row['page']:<22} {row['kib']:.1f} KiB in {row['files']} files (bar {FIRST_PAGE_BAR_KIB}: {verdict})"
    missed = row["cpu_p95_ms"] > 100 or row["queries"] > 25 or row["status"] != 200
    return (
        f"{row['page']:<22} p50 {row['p50_ms']:6.1f} ms  p95 {row['p95_ms']:6.1f} ms  "
        f"cpu p95 {row['cpu_p95_ms']:6.1f} ms (bar 100)  "
        f"{row['queries']:3} queries (bar 25)  {row['kib']:5.1f} KiB{'  <-- ' + str(row['status']) if missed else ''}"
    )
