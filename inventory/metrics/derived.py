"""Figures of resource pools and clusters: sums over their VMs and hosts, made when a sample is recorded."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from domain import fairness
from domain.counters import CLUSTER_ROWS, HOST_ROWS, OPERATIONS, POOL_ROWS, VM_ROWS
from hypervisors.port import Sample
from inventory.metrics.failover import tolerated

Float32Array = NDArray[np.float32]
IntArray = NDArray[np.int32]
NOBODY = -1
FULL_PCT = 10_000  # percent counters are in 1/100 %
KIB_PER_MIB = 1024


def _unknown(rows: int) -> NDArray[np.float32]:
    return np.empty((rows, 0), np.float32)


@dataclass(frozen=True)
class Membership:
    """Who belongs where, by slot; `NOBODY` where a slot is free or has no such relation.

    vm_pool: int32[VM slots], slot of the VM's pool. pool_parent: int32[pool slots]; the root pool has NOBODY.
    pool_cluster: int32[pool slots], NOBODY = no such pool. host_cluster: int32[host slots].
    host_memory_mib: float32[host slots], installed. host_cpu_mhz, host_effective_mhz, host_effective_mib:
    float32[host slots], what the hardware has, and what VMs can get of it (0 where the host is not usable).
    cluster_operations: float32[OPERATIONS, cluster slots], counted so far. cluster_reserved: float32[MHz and MiB,
    cluster slots], what the running VMs of a cluster with vSphere HA hold, NaN without HA.
    """

    vm_pool: IntArray
    pool_parent: IntArray
    pool_cluster: IntArray
    host_cluster: IntArray
    host_cpu_mhz: Float32Array
    host_memory_mib: Float32Array
    host_effective_mhz: Float32Array
    host_effective_mib: Float32Array
    cluster_operations: Float32Array = field(default_factory=lambda: _unknown(len(OPERATIONS)))
    cluster_reserved: Float32Array = field(default_factory=lambda: _unknown(2))

    @cached_property
    def pool_levels(self) -> list[IntArray]:
        """Slots of the pools that have a parent, one array per depth, the deepest first."""
        levels: list[IntArray] = []
        here = np.flatnonzero((self.pool_cluster != NOBODY) & (self.pool_parent == NOBODY))
        while here.size:
            here = np.flatnonzero(np.isin(self.pool_parent, here))
            if here.size:
                levels.append(here.astype(np.int32))
        return levels[::-1]

    @cached_property
    def cluster_slots(self) -> int:
        return int(max(self.pool_cluster.max(initial=NOBODY), self.host_cluster.max(initial=NOBODY))) + 1


def with_derived(sample: Sample, members: Membership) -> dict[str, Float32Array]:
    """The sample's arrays per kind, with those of pools and clusters: float32[counters, slots]."""
    return {
        "vm": _as_float32(sample.vm),
        "host": _as_float32(sample.host),
        "datastore": _as_float32(sample.datastore),
        "pool": pool_figures(sample.vm, members),
        "cluster": cluster_figures(sample.host, members, sample.vm),
    }


def pool_figures(vm: Float32Array, members: Membership) -> Float32Array:
    """float32[POOL_ROWS, pool slots]: sums over the VMs of each pool and of the pools below it."""
    slots = len(members.pool_cluster)
    sources = [VM_ROWS.index(key) for key in POOL_ROWS]
    sums = _sum_by(vm[sources], _fitted(members.vm_pool, vm.shape[1]), slots)
    for level in members.pool_levels:
        np.add.at(sums.T, members.pool_parent[level], sums.T[level])
    sums[:, members.pool_cluster == NOBODY] = np.nan
    return sums.astype(np.float32)


def cluster_figures(host: Float32Array, members: Membership, vm: Float32Array | None = None) -> Float32Array:
    """float32[CLUSTER_ROWS, cluster slots]: sums over the hosts; percentages of what the reporting hosts have; how
    evenly the VMs are served, which failures are tolerated, and what was done so far."""
    slots = members.cluster_slots
    cluster = _fitted(members.host_cluster, host.shape[1])

    summed = (6, 33, 98, 12, 157, 159)
    reporting = ~np.isnan(host[HOST_ROWS.index(6)])
    installed, memory, effective_mhz, effective_mib = (
        _widened(figures, host.shape[1])
        for figures in (
            members.host_cpu_mhz, members.host_memory_mib, members.host_effective_mhz, members.host_effective_mib,
        )
    )  # fmt: skip
    capacity = np.stack([installed, effective_mhz, effective_mib, installed * reporting, memory * reporting])
    rows = np.concatenate([host[[HOST_ROWS.index(key) for key in summed]], capacity])
    *sums, mhz, mib = _sum_by(rows, cluster, slots)
    figures = dict(zip((*summed, 278, 276, 277), sums, strict=True))
    figures[2] = _ratio(figures[6], mhz) * FULL_PCT
    figures[24] = _ratio(figures[98], mib * KIB_PER_MIB) * FULL_PCT
    figures |= _fairness(vm, members) | {280: _failures(effective_mhz, effective_mib, cluster, members)}
    figures |= dict(zip(OPERATIONS, _wide(members.cluster_operations, slots, 0.0), strict=True))
    result = np.array([figures[key] for key in CLUSTER_ROWS], np.float32)
    result[:, ~np.isin(np.arange(slots), members.pool_cluster)] = np.nan
    return result


def _fairness(vm: Float32Array | None, members: Membership) -> dict[int, NDArray[np.float64]]:
    slots = members.cluster_slots
    if vm is None:
        return dict.fromkeys((215, 216), np.full(slots, np.nan))
    used, demand, granted, *reclaimed = vm[[VM_ROWS.index(key) for key in (6, 398, 29, 90, 70, 105)]]
    pool = _fitted(members.vm_pool, vm.shape[1])
    owner = np.where(pool == NOBODY, NOBODY, np.append(members.pool_cluster, NOBODY)[pool])
    return {
        215: fairness.index(fairness.delivered_part(used, demand), owner, slots),
        216: fairness.index(fairness.held_part(granted, *reclaimed), owner, slots),
    }


def _failures(
    mhz: Float32Array, mib: Float32Array, cluster: IntArray, members: Membership
) -> NDArray[np.float64]:  # fmt: skip
    """Hosts that may fail, per cluster with vSphere HA."""
    reserved = _wide(members.cluster_reserved, members.cluster_slots, np.nan)
    result = np.full(members.cluster_slots, np.nan)
    capacity = np.stack([mhz, mib], axis=1)
    for slot in np.flatnonzero(~np.isnan(reserved[0])):
        usable = (cluster == slot) & (mhz > 0)
        result[slot] = tolerated(capacity[usable], reserved[:, slot])
    return result


def _wide(rows: Float32Array, slots: int, filler: float) -> NDArray[np.float64]:
    """`rows` for exactly `slots` columns; what is not known is the filler."""
    known = min(rows.shape[1], slots)
    wide = np.full((len(rows), slots), filler)
    wide[:, :known] = rows[:, :known]
    return wide


def _sum_by(figures: Float32Array, owner: IntArray, slots: int) -> NDArray[np.float64]:
    """float64[rows, slots]: per row, the sums of the columns that belong to each owner; NaN counts as nothing."""
    rows, width = len(figures), slots + 1
    if not rows:
        return np.empty((0, slots))
    place = owner + 1  # NOBODY gathers in a column of its own
    present = np.where(np.isnan(figures), 0.0, figures)
    cells = (place + width * np.arange(rows)[:, None]).ravel()
    sums: NDArray[np.float64] = np.bincount(cells, present.ravel(), rows * width).astype(np.float64)  # none: integers
    return sums.reshape(rows, width)[:, 1:]


def _fitted(owner: IntArray, slots: int) -> IntArray:
    """`owner` for exactly `slots` columns: a column that the membership does not know belongs to nobody."""
    return _padded(owner, slots, NOBODY)


def _widened(figures: Float32Array, slots: int) -> Float32Array:
    return _padded(figures, slots, 0)


def _padded(array: NDArray, slots: int, filler: int) -> NDArray:
    if len(array) >= slots:
        return array[:slots]
    return np.concatenate([array, np.full(slots - len(array), filler, array.dtype)])


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _as_float32(array: Float32Array) -> Float32Array:
    return np.asarray(array, np.float32)
