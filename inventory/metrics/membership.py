"""Who belongs where, read from the inventory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from time import monotonic

import numpy as np
from django.db.models import Case, Count, F, Sum, Value, When

from domain.resources import DEFAULT_SLOT_MHZ, host_cpu_for_vms_mhz, host_memory_for_vms_mib, overhead_mib
from domain.states import VmPower
from inventory.metrics.derived import NOBODY, IntArray, Membership
from inventory.models import Cluster, Host, ResourcePool, VCenter, VirtualMachine
from inventory.prepared import Prepared

KEPT_S = 10.0
MOST_KEPT = 64
_vms = Prepared(
    lambda pk: (
        VirtualMachine.objects.filter(vcenter=pk, pool__isnull=False).order_by().values_list("slot", "pool__slot")
    )
)
_pools = Prepared(
    lambda pk: ResourcePool.objects.filter(vcenter=pk).order_by().values_list("slot", "cluster__slot", "parent__slot")
)
_clusters = Prepared(
    lambda pk: (
        Cluster.objects.filter(vcenter=pk)
        .order_by()
        .values_list("slot", "power_ons", "power_offs", "vmotions", "storage_vmotions")
    )
)
_COUNTED_MHZ = Case(When(cpu_reservation_mhz__gt=0, then=F("cpu_reservation_mhz")), default=Value(DEFAULT_SLOT_MHZ))
_reserved = Prepared(
    lambda pk: (
        VirtualMachine.objects.filter(
            vcenter=pk, power_state=VmPower.ON, host__cluster__ha_enabled=True, host__cluster__standalone=False
        )
        .order_by()
        .values("host__cluster__slot")
        .annotate(
            mhz=Sum(_COUNTED_MHZ), mib=Sum("memory_reservation_mib"), vms=Count("pk"), cpus=Sum("vcpus"),
            size=Sum("memory_mib"),
        )
        .values_list("host__cluster__slot", "mhz", "mib", "vms", "cpus", "size")
    )
)  # fmt: skip
_kept: OrderedDict[str, tuple[tuple[int, int, int], float, Membership]] = OrderedDict()


def kept_membership(vcenter: VCenter) -> Membership:
    """The same as `membership`, read again when a command or an event of the fleet came, and at least every 10 s.

    `vcenter` must be fresh: its configuration version and event number say whether what is kept still holds.
    """
    key, stamp = str(vcenter.uuid), (vcenter.timeline, vcenter.config_version, vcenter.fleet_seq)
    known = _kept.get(key)
    if known is None or known[0] != stamp or monotonic() - known[1] > KEPT_S:
        known = _kept[key] = (stamp, monotonic(), membership(vcenter))
    _kept.move_to_end(key)
    if len(_kept) > MOST_KEPT:
        _kept.popitem(last=False)
    return known[2]


def membership(vcenter: VCenter) -> Membership:
    """Five queries; whoever records many samples keeps the answer until a VM, host or pool is added, moved or gone."""
    vms = _vms.rows(vcenter.pk)
    pool_rows = _pools.rows(vcenter.pk)
    hosts = list(Host.objects.filter(vcenter=vcenter).order_by().annotate(cluster_slot=F("cluster__slot")))
    return Membership(
        vm_pool=_relation(vms),
        pool_cluster=_relation((slot, cluster) for slot, cluster, _ in pool_rows),
        pool_parent=_relation((slot, NOBODY if parent is None else parent) for slot, _, parent in pool_rows),
        host_cluster=_relation((host.slot, host.cluster_slot) for host in hosts),
        host_cpu_mhz=_figures((host.slot, host.capacity_mhz) for host in hosts),
        host_memory_mib=_figures((host.slot, host.memory_mib) for host in hosts),
        host_effective_mhz=_figures((host.slot, _effective_mhz(host)) for host in hosts),
        host_effective_mib=_figures((host.slot, _effective_mib(host)) for host in hosts),
        cluster_operations=_columns(4, _clusters.rows(vcenter.pk), 0.0),
        cluster_reserved=_columns(2, map(_held, _reserved.rows(vcenter.pk)), np.nan),
    )


def _held(row: tuple[int, ...]) -> tuple[float, ...]:
    """(cluster, MHz, MiB) that running VMs hold: reservations, and the memory overhead of each."""
    slot, mhz, mib, vms, cpus, size = row
    fixed = overhead_mib(0, 0)  # the overhead is linear in processors and memory
    return slot, mhz, mib + vms * fixed + (overhead_mib(cpus, size) - fixed)


def _columns(rows: int, known: Iterable[tuple[float, ...]], filler: float) -> np.ndarray:
    """float32[rows, slots] of (slot, figure, figure, …)."""
    table = np.array(list(known), np.float64).reshape(-1, rows + 1)
    slots = table[:, 0].astype(np.int64)
    columns = np.full((rows, slots.max(initial=-1) + 1), filler, np.float32)
    columns[:, slots] = table[:, 1:].T
    return columns


def _effective_mhz(host: Host) -> float:
    return host_cpu_for_vms_mhz(host.cores, host.core_mhz, host.hosted) if host.usable else 0.0


def _effective_mib(host: Host) -> float:
    return host_memory_for_vms_mib(host.memory_mib, host.hosted) if host.usable else 0.0


def _relation(pairs: Iterable[tuple[int, int]]) -> IntArray:
    known = np.array(list(pairs), np.int64).reshape(-1, 2)
    owner = np.full(known[:, 0].max(initial=-1) + 1, NOBODY, np.int32)
    owner[known[:, 0]] = known[:, 1]
    return owner


def _figures(pairs: Iterable[tuple[int, float]]) -> np.ndarray:
    known = np.array(list(pairs), np.float64).reshape(-1, 2)
    slots = known[:, 0].astype(np.int64)
    figures = np.zeros(slots.max(initial=-1) + 1, np.float32)
    figures[slots] = known[:, 1]
    return figures
