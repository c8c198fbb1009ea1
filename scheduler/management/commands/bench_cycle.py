"""Time one DRS cycle at vSphere's maxima: entitlement, prechecks, the whole plan, evacuation and DPM."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from django.core.management.base import BaseCommand, CommandError

from domain.snapshot import ClusterSnapshot
from scheduler.engine.compat import prechecks
from scheduler.engine.drs import evacuation_plan, plan_cycle
from scheduler.engine.entitlement import cluster_entitlement
from scheduler.engine.options import DpmOptions, DrsOptions
from scheduler.engine.rules import RuleBook
from scheduler.engine.synthetic import synthetic_clusters
from scheduler.management.commands.bench_balance import machine

NOW_S = 100_000.0
# What a cluster of at most 96 hosts and 8,000 VMs may take on one core, and what all clusters together.
BARS_S = {"precheck": (0.05, float("inf")), "plan": (1.0, 10.0)}


class Command(BaseCommand):
    """`manage.py bench_cycle --hosts H --vms V [--evacuate] [--engine score|classic] [--json]`."""

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Sizes; more than 96 hosts are split into clusters of at most 96."""
        parser.add_argument("--hosts", type=int, default=96)
        parser.add_argument("--vms", type=int, default=8000)
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--engine", choices=["score", "classic"], default="score")
        parser.add_argument("--evacuate", action="store_true", help="also plan the evacuation of one host per cluster")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Measure every phase over all clusters and print one row each."""
        if options["hosts"] < 2 or options["vms"] < 1:
            raise CommandError("a cluster needs at least 2 hosts and 1 virtual machine")
        clusters = synthetic_clusters(options["hosts"], options["vms"], options["seed"])
        drs = DrsOptions(engine=options["engine"])
        rows = [_row(options, len(clusters), *measured) for measured in measure(clusters, drs, options["evacuate"])]
        if options["json"]:
            self.stdout.write(json.dumps({"rows": rows, "machine": machine()}))
            return
        for row in rows:
            figure = f"{row['phase']:>12}: {row['seconds'] * 1000:9.1f} ms, {row['moves']} moves"
            self.stdout.write(figure + _verdict(row))


def _row(options: dict[str, Any], clusters: int, phase: str, moves: int, seconds: float) -> dict[str, Any]:
    each, together = BARS_S.get(phase, (None, None))
    bar = min(each * clusters, together) if each is not None and together is not None else None
    return {
        "hosts": options["hosts"], "vms": options["vms"], "phase": phase, "moves": moves, "seconds": seconds,
        "bar_seconds": bar,
    }  # fmt: skip


def _verdict(row: dict[str, Any]) -> str:
    if row["bar_seconds"] is None:
        return ""
    kept = "kept" if row["seconds"] <= row["bar_seconds"] else "MISSED"
    return f" (bar {row['bar_seconds'] * 1000:.0f} ms: {kept})"


def measure(clusters: list[ClusterSnapshot], options: DrsOptions, evacuate: bool) -> list[tuple[str, int, float]]:
    """(phase, moves, CPU seconds) summed over all clusters: what one core of its own would take."""
    power = replace(options, dpm=DpmOptions(enabled=True, threshold=5))
    phases: list[tuple[str, Callable[[ClusterSnapshot], int]]] = [
        ("entitlement", lambda cluster: 0 * len(cluster_entitlement(cluster, options).cpu_mhz)),
        ("precheck", lambda cluster: _one_precheck(_mixed(cluster))),
        ("plan", lambda cluster: len(plan_cycle(cluster, options, NOW_S).moves)),
        ("dpm", lambda cluster: len(plan_cycle(_idle(cluster), power, NOW_S).moves)),
    ]
    if evacuate:
        phases.append(("evacuate", lambda cluster: len(evacuation_plan(cluster, 0, options).moves)))
    rows = []
    for phase, work in phases:
        started = time.process_time()
        moves = sum(work(cluster) for cluster in clusters)
        rows.append((phase, moves, time.process_time() - started))
    return rows


def _one_precheck(cluster: ClusterSnapshot) -> int:
    """All checks of one VM against every host of its cluster, rules included."""
    prechecks(cluster, np.array([0]), must_ok=RuleBook(cluster).must_ok)
    return 0


def _mixed(cluster: ClusterSnapshot) -> ClusterSnapshot:
    """The same cluster with hosts of both IP families and some without a license for vMotion, so that both are looked
    at: a cluster of one family is told from its hosts alone."""
    number = np.arange(len(cluster.hosts))
    hosts = cluster.hosts.with_columns(vmotion_ipv6=number % 4 == 1, vmotion_licensed=number % 8 > 0)
    return replace(cluster, hosts=hosts)


def _idle(cluster: ClusterSnapshot) -> ClusterSnapshot:
    """The same cluster at night: a quarter of the demand."""
    vms = cluster.vms
    columns = ("cpu_demand_mhz", "cpu_demand_300s_mhz", "cpu_demand_2400s_mhz", "cpu_p05_mhz", "cpu_p95_mhz")
    quiet = {name: getattr(vms, name) * 0.25 for name in columns}
    return replace(cluster, vms=vms.with_columns(**quiet, active_mib=vms.active_mib * 0.3))
