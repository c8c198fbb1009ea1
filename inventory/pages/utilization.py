"""Monitor > Resource Allocation > Utilization: what an object uses, wants and is entitled to right now."""

from __future__ import annotations

from typing import Any

from django.db.models import F, Sum
from django.utils.translation import gettext_lazy as _

from domain.morefs import Kind
from domain.resources import UNLIMITED
from inventory import format as forms
from inventory import selectors
from inventory.grids.scopes import vms_of
from inventory.models import Cluster, DatastoreMount, Host, ResourcePool
from inventory.pages import figures
from inventory.pages.capacity import capacity_of
from inventory.pages.figures import KIB, Figure, Meter
from inventory.pages.registry import MONITOR, section
from inventory.pages.summary import host_meters, vm_meters

Known = tuple[tuple[Any, int, str], ...]
TEMPLATE = "inventory/monitor/utilization.html"

CPU_USAGE = (_("CPU usage"), figures.CPU_USAGE_MHZ, "MHz")
CPU_DEMAND = (_("CPU demand"), figures.CPU_DEMAND_MHZ, "MHz")
CPU_ENTITLEMENT = (_("CPU entitlement"), figures.CPU_ENTITLEMENT_MHZ, "MHz")
CPU_READY = (_("CPU ready"), figures.CPU_READY_MS, "ms")
CPU_COSTOP = (_("CPU co-stop"), 399, "ms")
CONSUMED = (_("Memory consumed"), figures.MEMORY_CONSUMED_KB, "KB")
ACTIVE = (_("Memory active"), figures.MEMORY_ACTIVE_KB, "KB")
GRANTED = (_("Memory granted"), figures.MEMORY_GRANTED_KB, "KB")
BALLOONED = (_("Memory ballooned"), figures.MEMORY_BALLOON_KB, "KB")
COMPRESSED = (_("Memory compressed"), figures.MEMORY_COMPRESSED_KB, "KB")
SWAPPED = (_("Memory swapped"), figures.MEMORY_SWAPPED_KB, "KB")
NETWORK = (_("Network"), figures.NET_KBPS, "KBps")
DISK = (_("Disk"), figures.DISK_KBPS, "KBps")
POWER = (_("Power draw"), figures.POWER_W, "W")

VM_FIGURES: Known = (
    CPU_USAGE, CPU_DEMAND, CPU_ENTITLEMENT, CPU_READY, CPU_COSTOP,
    CONSUMED, ACTIVE, GRANTED, BALLOONED, COMPRESSED, SWAPPED,
)  # fmt: skip
HOST_FIGURES: Known = (CPU_USAGE, CPU_READY, CONSUMED, ACTIVE, BALLOONED, COMPRESSED, NETWORK, DISK, POWER)
# Of what lies in a cluster or a pool: the sum over its machines, since nobody samples it.
SUMMED: Known = (CPU_DEMAND, CPU_ENTITLEMENT, ACTIVE, GRANTED, CONSUMED, BALLOONED, COMPRESSED, SWAPPED)


@section(MONITOR, "utilization", _("Utilization"), [Kind.VM], group="allocation", template=TEMPLATE)
def of_vm(page: Any) -> dict[str, Any]:
    return {"meters": vm_meters(page, page.obj), "figures": _own(page, "vm", VM_FIGURES), "allocated": page.obj}


@section(MONITOR, "utilization", _("Utilization"), [Kind.HOST], group="allocation", template=TEMPLATE)
def of_host(page: Any) -> dict[str, Any]:
    return {"meters": host_meters(page, page.obj), "figures": _own(page, "host", HOST_FIGURES)}


@section(MONITOR, "utilization", _("Utilization"), [Kind.CLUSTER], group="allocation", template=TEMPLATE)
def of_cluster(page: Any) -> dict[str, Any]:
    """The hosts of the cluster against what they have, and its machines together."""
    hosts = selectors.hosts_visible(page.user, page.vc).filter(cluster=page.obj)
    mounts = DatastoreMount.objects.filter(host__cluster=page.obj).values("datastore")
    stores = selectors.datastores_visible(page.user, page.vc).filter(pk__in=mounts)
    return {"meters": capacity_of(hosts, stores, page.latest), "figures": _of_machines(page)}


@section(MONITOR, "utilization", _("Utilization"), [Kind.POOL], group="allocation", template=TEMPLATE)
def of_pool(page: Any) -> dict[str, Any]:
    """The machines of the pool against its limits, or against the cluster where it has none."""
    pool: ResourcePool = page.obj
    return {"meters": _pool_meters(page, pool), "figures": _of_machines(page), "allocated": pool}


def _own(page: Any, kind: str, wanted: Known) -> list[Figure]:
    """Figures that are sampled of the object itself; they go on moving in the browser."""
    return [
        Figure(label, figures.value(page.latest, kind, page.obj.slot, key), unit, f"{page.moref} {key}")
        for label, key, unit in wanted
    ]


def _of_machines(page: Any) -> list[Figure]:
    rows = selectors.vms_visible(page.user, page.vc).filter(vms_of(page.obj), template=False)
    slots = list(rows.order_by().values_list("slot", flat=True))
    return [Figure(label, figures.total(page.latest, "vm", slots, key), unit) for label, key, unit in SUMMED]


def _pool_meters(page: Any, pool: ResourcePool) -> list[Meter]:
    mhz, kib = _most(pool.cluster)
    limits = (pool.cpu_limit_mhz, pool.memory_limit_mib)
    cpu, memory = figures.CPU_USAGE_MHZ, figures.MEMORY_CONSUMED_KB
    mhz = mhz if limits[0] == UNLIMITED else min(mhz, float(limits[0]))
    kib = kib if limits[1] == UNLIMITED else min(kib, float(limits[1] * KIB))
    used, consumed = (figures.value(page.latest, "pool", pool.slot, key) for key in (cpu, memory))
    return [
        Meter(_("CPU"), used, mhz, forms.mhz, "MHz", f"{pool.moref} {cpu}"),
        Meter(_("Memory"), consumed, kib, forms.kib, "KB", f"{pool.moref} {memory}"),
    ]


def _most(cluster: Cluster) -> tuple[float, float]:
    """MHz and KiB that the hosts of a cluster have."""
    sums = Host.objects.filter(cluster=cluster).aggregate(mhz=Sum(F("cores") * F("core_mhz")), mib=Sum("memory_mib"))
    return float(sums["mhz"] or 0), float((sums["mib"] or 0) * KIB)
