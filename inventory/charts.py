"""What can be charted of an object: its counters with their words, its panels, its series over a period."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from numpy.typing import NDArray

from domain import instances
from domain.counters import COUNTERS, INTERVALS, Interval, keys_of
from inventory import metrics
from inventory.live.watch import METRIC_KINDS
from inventory.metrics import Series, computed
from inventory.models import Datacenter, Host, ManagedObject, VCenter, VirtualMachine

Text = str | Promise

PERIODS: dict[str, Text] = {
    "realtime": _("Real-time"),
    "day": _("Last day"),
    "week": _("Last week"),
    "month": _("Last month"),
    "year": _("Last year"),
}
INTERVAL_OF = {interval.name: interval for interval in INTERVALS}
GROUPS: dict[str, Text] = {
    "cpu": _("CPU"),
    "mem": _("Memory"),
    "net": _("Network"),
    "disk": _("Disk"),
    "datastore": _("Datastore"),
    "power": _("Power"),
    "clusterServices": _("Cluster services"),
    "sys": _("System"),
    "vmop": _("Virtual machine operations"),
}
LABELS: dict[int, Text] = {
    2: _("CPU usage"),
    6: _("CPU usage in MHz"),
    12: _("CPU ready"),
    398: _("CPU demand"),
    397: _("CPU entitlement"),
    399: _("CPU co-stop"),
    400: _("CPU max limited"),
    395: _("CPU capacity"),
    278: _("CPU capacity of all hosts"),
    24: _("Memory usage"),
    33: _("Memory active"),
    98: _("Memory consumed"),
    29: _("Memory granted"),
    90: _("Memory ballooned"),
    70: _("Memory swapped"),
    49: _("Memory swapped by the host"),
    105: _("Memory compressed"),
    422: _("Memory latency"),
    68: _("Memory state"),
    143: _("Network usage"),
    125: _("Disk usage"),
    133: _("Highest disk latency"),
    155: _("Uptime"),
    157: _("Power draw"),
    159: _("Energy"),
    276: _("Effective CPU"),
    277: _("Effective memory"),
    281: _("Space used"),
    282: _("Space provisioned"),
    283: _("Space capacity"),
    178: _("Read operations per second"),
    179: _("Write operations per second"),
    182: _("Read latency"),
    183: _("Write latency"),
    13: _("CPU idle"),
    14: _("CPU used"),
    11: _("CPU wait"),
    404: _("CPU readiness"),
    85: _("Memory swapped in per second"),
    86: _("Memory swapped out per second"),
    102: _("Memory overhead"),
    37: _("Memory shared"),
    148: _("Network received"),
    149: _("Network transmitted"),
    130: _("Disk read"),
    131: _("Disk written"),
    156: _("Heartbeats of the guest"),
    215: _("CPU fairness"),
    216: _("Memory fairness"),
    280: _("Host failures that can be tolerated"),
    256: _("Power-on operations"),
    257: _("Power-off operations"),
    273: _("Migrations with vMotion"),
    274: _("Migrations with Storage vMotion"),
}
# The small charts of the overview, per kind of entity.
PANELS: dict[str, tuple[tuple[Text, tuple[int, ...]], ...]] = {
    "vm": (
        (_("CPU usage"), (2,)),
        (_("CPU usage, demand and entitlement"), (6, 398, 397)),
        (_("CPU ready and co-stop"), (12, 399)),
        (_("Memory"), (29, 98, 33)),
        (_("Memory reclaimed"), (90, 70, 105)),
        (_("Network and disk"), (143, 125)),
        (_("Highest disk latency"), (133,)),
        (_("Power draw"), (157,)),
        (_("Space"), (281, 282, 283)),
    ),
    "host": (
        (_("CPU usage"), (2,)),
        (_("CPU usage in MHz"), (6, 395)),
        (_("CPU ready"), (12,)),
        (_("Memory"), (29, 98, 33)),
        (_("Memory reclaimed"), (90, 49, 105)),
        (_("Network and disk"), (143, 125)),
        (_("Highest disk latency"), (133,)),
        (_("Power draw"), (157,)),
    ),
    "cluster": (
        (_("CPU usage"), (2,)),
        (_("CPU usage in MHz"), (6, 276, 278)),
        (_("Memory usage"), (24,)),
        (_("Memory"), (98, 33)),
        (_("CPU ready"), (12,)),
        (_("Power draw"), (157,)),
        (_("Fairness"), (215, 216)),
        (_("Power-on and power-off operations"), (256, 257)),
        (_("Migrations"), (273, 274)),
    ),
    "datacenter": (
        (_("CPU usage in MHz"), (6, 276, 278)),
        (_("Memory"), (98, 33)),
        (_("CPU ready"), (12,)),
        (_("Power draw"), (157,)),
        (_("Power-on and power-off operations"), (256, 257)),
        (_("Migrations"), (273, 274)),
    ),
    "pool": ((_("CPU usage and demand"), (6, 398)), (_("Memory"), (29, 98, 33))),
    "datastore": (
        (_("Space"), (281, 282, 283)),
        (_("Operations per second"), (178, 179)),
        (_("Latency"), (182, 183)),
        (_("Disk usage"), (125,)),
    ),
}
# The models whose objects have charts; a datacenter has no series of its own (inventory/chart_sums.py).
CHARTED: dict[type[ManagedObject], str] = {**METRIC_KINDS, Datacenter: "datacenter"}
CHOSEN_MAX = 8
SIZE_SOURCES = (2, 6)  # usage and MHz: their ratio is processors · core


@dataclass(frozen=True)
class Choice:
    """A counter as the chooser offers it."""

    key: int
    label: Text
    unit: str
    rollup: str


def kind_of(obj: Any) -> str | None:
    """The kind of entity whose figures an object has, None where it has none."""
    return CHARTED.get(type(obj))


def choices(kind: str) -> dict[str, list[Choice]]:
    """The counters of a kind of entity by group, in the groups' order."""
    found: dict[str, list[Choice]] = {group: [] for group in GROUPS}
    for key in keys_of(kind):
        counter = COUNTERS[key]
        found[counter.group].append(Choice(key, LABELS[key], counter.unit, counter.rollup))
    return {group: counters for group, counters in found.items() if counters}


def period_of(name: str) -> Interval:
    """The interval of a period's name; what is none is real-time."""
    return INTERVAL_OF.get(name, INTERVALS[0])


def counters_of(kind: str, text: str) -> list[int]:
    """The counters in "2,398" that this kind of entity has, each once, at most CHOSEN_MAX; none known = the first."""
    wanted = dict.fromkeys(int(word) for word in text.split(",") if word.isdecimal() and len(word) < 6)
    return [key for key in wanted if key in keys_of(kind)][:CHOSEN_MAX] or [keys_of(kind)[0]]


def series(vcenter: VCenter, obj: Any, keys: Sequence[int], interval: Interval, since_s: float | None = None) -> Series:
    """The series of an object; `since_s`: only points after that lab time."""
    kind = kind_of(obj) or "vm"
    back = since_s is not None and computed.looks_back(kind, keys)
    from_s = since_s - interval.sampling_s if since_s is not None and back else since_s
    sized = computed.needs_size(kind, keys)
    times_s, found = known(vcenter, obj, computed.sources(kind, keys), interval, from_s, sized=sized)
    wanted = times_s > _first_s(since_s, interval)
    values = {key: figures[wanted] for key, figures in computed.values(kind, keys, found).items()}
    return Series(interval, times_s[wanted], values)


def known(
    vcenter: VCenter, obj: Any, sources: Sequence[int], interval: Interval, since_s: float | None = None, *,
    sized: bool = False,
) -> tuple[NDArray[np.float64], computed.Known]:  # fmt: skip
    """Lab times, and stored counters of an object at them; `sized`: of a machine, with what it ran on at each point."""
    keys = list(dict.fromkeys((*sources, *SIZE_SOURCES) if sized else sources))
    first_s = None if since_s is None else _first_s(since_s, interval)
    found = metrics.series(vcenter, kind_of(obj) or "vm", obj.slot, keys, interval, first_s)
    processors, memory_mib = computed.size_of(obj)
    there = size_then(obj, found.values).count if sized else processors
    return found.times_s, computed.Known(found.values, interval.sampling_s, there, memory_mib)


def _first_s(since_s: float | None, interval: Interval) -> float:
    return -math.inf if since_s is None else since_s + interval.sampling_s / 2


def size_then(vm: VirtualMachine, stored: Mapping[int, NDArray[Any]]) -> instances.Size:
    """Processors and cores of a machine at each point, so that one that is added changes nothing about the past."""

    @cache
    def speeds() -> Sequence[float]:
        rows = Host.objects.filter(vcenter=vm.vcenter_id).order_by()
        return list(rows.values_list("core_mhz", flat=True).distinct())

    usage, mhz = (np.asarray(stored[key], np.float64) for key in SIZE_SOURCES)
    return instances.size_then(usage, mhz, vm.vcpus, vm.host.core_mhz, speeds)


def as_json(
    vcenter: VCenter, interval: Interval, times_s: Iterable[Any], values: Mapping[str, tuple[int, Iterable[Any]]]
) -> dict[str, Any]:
    """Dates in seconds since 1970 and figures in the counters' units, percent as 0..100; null = no sample.

    `values`: per line its counter and its figures as they are recorded.
    """
    epoch_s = vcenter.lab_epoch.timestamp()
    return {
        "period": interval.name,
        "sampling": interval.sampling_s,
        "epoch": epoch_s,
        "times": [round(epoch_s + float(t), 3) for t in times_s],
        "series": {line: _plain(figures, key) for line, (key, figures) in values.items()},
    }


def scale(key: int) -> float:
    """What a figure is divided by to be shown: percent counters are in 1/100 %."""
    return 100.0 if COUNTERS[key].unit == "percent" else 1.0


def _plain(values: Iterable[Any], key: int) -> list[float | None]:
    divisor = scale(key)
    return [None if value != value else float(f"{value / divisor:.6g}") for value in map(float, values)]
