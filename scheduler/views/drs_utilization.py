"""Cluster > Monitor > vSphere DRS > CPU / Memory / Network Utilization: a bar per host, a block per VM.

The length of a block is what the VM uses, its colour which part of what it is entitled to it gets. Nobody is entitled
to a part of a network: there the colour is what a link as busy as the host's delivers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from domain.states import VmPower
from inventory import format as forms
from inventory import selectors
from inventory.pages import figures, section
from inventory.pages.registry import MONITOR
from scheduler.engine.surrogate import net_share
from scheduler.selectors.cluster import MIB_PER_S_PER_MBPS
from scheduler.views import drs_monitor  # noqa: F401  its sections come before these
from scheduler.views.drs_base import CLUSTER, newest, plan_of

WIDTH = 1_000.0  # of the drawing; the page scales it
KIB = 1024.0
FULL, GOOD, POOR = 0.98, 0.8, 0.5


@dataclass(frozen=True)
class Resource:
    """One of the resources: its counters, what turns them into the unit of the capacity, and the key of the
    entitlements; without one every VM of a host gets the same part of what it asks for."""

    used: int
    demand: int
    factor: float
    entitled: str
    capacity: Callable[[Any], float]
    form: Callable[[Any], str]
    unit: str


CPU = Resource(
    figures.CPU_USAGE_MHZ, figures.CPU_DEMAND_MHZ, 1.0, "entitlement_cpu_mhz",
    lambda host: float(host.capacity_mhz), forms.mhz, "MHz",
)  # fmt: skip
MEMORY = Resource(
    figures.MEMORY_CONSUMED_KB, figures.MEMORY_ACTIVE_KB, 1 / KIB, "entitlement_mem_mib",
    lambda host: float(host.memory_mib), forms.mib, "MB",
)  # fmt: skip
NETWORK = Resource(
    figures.NET_KBPS, figures.NET_KBPS, 1.0, "",
    lambda host: (host.nic_mbps or [10_000])[0] * MIB_PER_S_PER_MBPS * KIB, forms.kbps, "MB/s",
)  # fmt: skip


@dataclass(frozen=True)
class Block:
    """One VM in a host's bar; x and width in units of the drawing."""

    vm: Any
    x: float
    width: float
    tone: str
    tip: str


@dataclass(frozen=True)
class Bar:
    host: Any
    blocks: list[Block]
    used: str
    capacity: str
    pct: float
    limit_x: float  # where the host's capacity ends


@section(MONITOR, "cpu-utilization", gettext_lazy("CPU Utilization"), CLUSTER, group="drs",
         template="scheduler/drs/utilization.html")  # fmt: skip
def cpu_utilization(page: Any) -> dict[str, Any]:
    return _utilization(page, CPU)


@section(MONITOR, "memory-utilization", gettext_lazy("Memory Utilization"), CLUSTER, group="drs",
         template="scheduler/drs/utilization.html")  # fmt: skip
def memory_utilization(page: Any) -> dict[str, Any]:
    return _utilization(page, MEMORY)


@section(MONITOR, "network-utilization", gettext_lazy("Network Utilization"), CLUSTER, group="drs",
         template="scheduler/drs/utilization.html")  # fmt: skip
def network_utilization(page: Any) -> dict[str, Any]:
    return _utilization(page, NETWORK) | {"legend": ASKED_LEGEND}


def _utilization(page: Any, resource: Resource) -> dict[str, Any]:
    absolute = page.request.GET.get("in") == "unit"
    visible = selectors.hosts_visible(page.user, page.vc).filter(cluster=page.obj)
    rows = selectors.vms_visible(page.user, page.vc).filter(host__cluster=page.obj, power_state=VmPower.ON)
    on: dict[int, list[Any]] = defaultdict(list)
    for vm in rows.select_related("vcenter").order_by("name"):
        on[vm.host_id].append(vm)
    hosts = list(visible.select_related("vcenter").order_by("name"))
    widest = max((resource.capacity(host) for host in hosts), default=1.0)
    entitled = plan_of(newest(page.obj)).get(resource.entitled, {}) if resource.entitled else {}
    draw = _Drawing(page, resource, entitled)
    bars = [draw.bar(host, on[host.pk], widest if absolute else resource.capacity(host)) for host in hosts]
    return {"bars": bars, "absolute": absolute, "unit": resource.unit, "drawn_width": WIDTH, "legend": LEGEND}


LEGEND = (
    ("full", gettext_lazy("gets all it is entitled to")),
    ("good", gettext_lazy("80 % or more")),
    ("poor", gettext_lazy("50 % or more")),
    ("bad", gettext_lazy("less than half")),
)
ASKED_LEGEND = (("full", gettext_lazy("gets all it asks for")), *LEGEND[1:])


class _Drawing:
    """Bars of one page: `entitled` by reference of the VM."""

    def __init__(self, page: Any, resource: Resource, entitled: dict[str, float]) -> None:
        self.page, self.resource, self.entitled = page, resource, entitled

    def bar(self, host: Any, vms: list[Any], scale: float) -> Bar:
        form, capacity = self.resource.form, self.resource.capacity(host)
        used = {vm.moref: self._figure(vm, self.resource.used) or 0.0 for vm in vms}
        total, x, blocks = sum(used.values()), 0.0, []
        busy = total / capacity if capacity else 0.0
        stretch = WIDTH / max(scale, total, 1.0)  # what is over the top is drawn too
        for vm in sorted(vms, key=lambda one: -used[one.moref]):
            width = used[vm.moref] * stretch
            said = self._said(vm, used[vm.moref]) if self.resource.entitled else self._shared(vm, used[vm.moref], busy)
            blocks.append(Block(vm, round(x, 2), round(width, 2), *said))
            x += width
        pct = 100 * busy
        return Bar(host, blocks, form(total), form(capacity), pct, round(capacity * stretch, 2))

    def _figure(self, vm: Any, key: int) -> float | None:
        value = figures.value(self.page.latest, "vm", vm.slot, key)
        return None if value is None else value * self.resource.factor

    def _said(self, vm: Any, used: float) -> tuple[str, str]:
        """The colour of a block and what it says when pointed at."""
        form, demand = self.resource.form, self._figure(vm, self.resource.demand)
        entitled = self.entitled.get(vm.moref)
        share = delivered(used, entitled, demand)
        fields = {
            "vm": vm.name, "entitled": form(entitled), "demand": form(demand), "used": form(used),
            "pct": forms.pct(round(100 * share, 1)),
        }  # fmt: skip
        text = _("%(vm)s\nEntitled: %(entitled)s\nDemand: %(demand)s\nDelivered: %(used)s (%(pct)s of entitlement)")
        return tone(share), text % fields

    def _shared(self, vm: Any, used: float, busy: float) -> tuple[str, str]:
        """The same for a VM on a link that all VMs of the host use alike."""
        share = float(net_share(np.array([busy]))[0])
        fields = {"vm": vm.name, "used": self.resource.form(used), "pct": forms.pct(round(100 * share, 1))}
        return tone(share), _("%(vm)s\nUsed: %(used)s\nDelivered: %(pct)s of what it asks for") % fields


def delivered(used: float, entitled: float | None, demand: float | None) -> float:
    """The part 0..1 of its entitlement that a VM gets; it is entitled to no more than it wants now."""
    wanted = min(value for value in (entitled, demand, float("inf")) if value is not None)
    return 1.0 if wanted in (0.0, float("inf")) else min(1.0, used / wanted)


def tone(share: float) -> str:
    return "full" if share >= FULL else ("good" if share >= GOOD else ("poor" if share >= POOR else "bad"))
