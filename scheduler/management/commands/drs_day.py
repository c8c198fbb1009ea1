"""What DRS and DPM did with a cluster in the last lab hours: hosts on, demand, score, moves, energy, hour by hour.

    manage.py drs_day
    manage.py drs_day --cluster Cluster-A --hours 48 --json

Reads the recorded decisions and migrations of a lab (`manage.py lab --speed 600 --traces DAY` lets a day pass in
minutes). Up to 1,500 cycles are kept, 25 hours at one a minute.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

import numpy as np
from django.core.management.base import BaseCommand, CommandError, CommandParser

from domain.hardware import STANDBY_W
from inventory.models import Cluster
from scheduler import recording
from scheduler.engine.power import power_w
from scheduler.models import Decision, Migration

HOUR_S = 3600.0
LOOKED_AT_S = 600.0  # between two snapshots that are read
HEAD = "  hour  hosts on  demand GHz  power W  score  lowest  moves  woken  asleep"
LINE = (
    "{hour:>6.0f} {hosts_on:>9.1f} {demand_ghz:>11.1f} {power_w:>8.0f} {score:>6.1f} {score_min:>7.1f} {moves:>6}"
    " {woken:>6} {asleep:>7}"
)


@dataclass(frozen=True, slots=True)
class Hour:
    """One lab hour of a cluster; `hour` counts from the lab's start, means over its cycles."""

    hour: float
    hosts_on: float
    demand_ghz: float
    power_w: float
    score: float
    score_min: float
    moves: int
    woken: int
    asleep: int


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--cluster", default="", help="name; default: the first cluster")
        parser.add_argument("--hours", type=float, default=24.0, help="how far back, lab hours (24)")
        parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")

    def handle(self, *args: Any, **options: Any) -> None:
        rows = Cluster.objects.filter(standalone=False).select_related("vcenter").order_by("id")
        cluster = rows.filter(name=options["cluster"]).first() if options["cluster"] else rows.first()
        if cluster is None:
            raise CommandError("There is no such cluster.")
        since_s = cluster.vcenter.lab_seconds() - HOUR_S * options["hours"]
        hours = list(hours_of(cluster, since_s))
        if options["json"]:
            self.stdout.write(json.dumps({"rows": [asdict(hour) for hour in hours], "cluster": cluster.name}))
            return
        self.stdout.write(HEAD)
        for hour in hours:
            self.stdout.write(LINE.format(**asdict(hour)))
        if hours:
            on, score = fmean(hour.hosts_on for hour in hours), fmean(hour.score for hour in hours)
            moves, kwh = sum(hour.moves for hour in hours), sum(hour.power_w for hour in hours) / 1000
            self.stdout.write(f"{on:.2f} hosts on, score {score:.1f}, {moves} moves, {kwh:.2f} kWh in {len(hours)} h")


def hours_of(cluster: Cluster, since_s: float) -> Iterable[Hour]:
    """The lab hours from `since_s` on of which cycles are kept."""
    rows = Decision.objects.filter(cluster=cluster, lab_s__gte=since_s).order_by("lab_s")
    known = list(rows.values_list("id", "lab_s", "score"))
    for number in sorted({int(lab_s // HOUR_S) for _pk, lab_s, _score in known}):
        mine = [row for row in known if int(row[1] // HOUR_S) == number]
        yield _hour(cluster, number, mine)


def _hour(cluster: Cluster, number: int, cycles: list[tuple[int, float, float]]) -> Hour:
    chosen: dict[int, int] = {}
    for pk, lab_s, _score in cycles:
        chosen.setdefault(int(lab_s // LOOKED_AT_S), pk)
    seen = [
        _seen(bytes(blob)) for blob in Decision.objects.filter(pk__in=chosen.values()).values_list("inputs", flat=True)
    ]
    on, demand, watts = (fmean(values) for values in zip(*seen, strict=True))
    start, end = number * HOUR_S, (number + 1) * HOUR_S
    moves = Migration.objects.filter(
        vcenter=cluster.vcenter, ok=True, ended_lab_s__gte=start, ended_lab_s__lt=end, cause__in=("drs", "dpm")
    ).count()
    actions = cluster.recommendations.filter(state="applied", ended_lab_s__gte=start, ended_lab_s__lt=end)
    scores = [score for _pk, _lab_s, score in cycles]
    return Hour(
        float(number), on, demand / 1000, watts, fmean(scores), min(scores), moves,
        actions.filter(kind="powerOn").count(), actions.filter(kind="powerOff").count(),
    )  # fmt: skip


def _seen(blob: bytes) -> tuple[int, float, float]:
    """Hosts on, MHz wanted and W drawn in one recorded snapshot."""
    snapshot = recording.snapshot_from_plain(recording.unpack(bytes(blob))["snapshot"])
    hosts, vms = snapshot.hosts, snapshot.vms
    running = hosts.powered_on & ~hosts.standby
    used = np.bincount(vms.host_ix[snapshot.placed], vms.cpu_demand_mhz[snapshot.placed], len(hosts))
    load = np.minimum(used / np.maximum(hosts.cpu_capacity_mhz, 1.0), 1.0)
    watts = np.where(running, power_w(hosts, np.arange(len(hosts)), load), STANDBY_W)
    return int(running.sum()), float(vms.cpu_demand_mhz[snapshot.placed].sum()), float(watts.sum())
