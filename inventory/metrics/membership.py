"""Who belongs where, read from the inventory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from time import monotonic

import numpy as np
from django.db.models import F

from domain.resources import host_cpu_for_vms_mhz, host_memory_for_vms_mib
from inventory.metrics.derived import NOBODY, IntArray, Membership
from inventory.models import Host, ResourcePool, VCenter, VirtualMachine
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
    """Three queries; whoever records many samples keeps the answer until a VM, host or pool is added, moved or gone."""
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
    )


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
