"""What every VM deserves: demand, pool trees, cluster entitlement, and the room its pool has left.

See docs/strategies/entitlement.md.  All results are arrays over the snapshot's VMs, 0 for VMs that are off.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from domain.snapshot import Bools, ClusterSnapshot, PoolTable
from domain.waterfill import Floats, PoolForest, divvy_forest, leaf_bounds
from scheduler.engine.options import DrsOptions


@dataclass(frozen=True, slots=True)
class Demand:
    """Demand and waterfill bounds of every VM (V,), both resources."""

    cpu_mhz: Floats
    cpu_lo: Floats
    cpu_up: Floats
    mem_mib: Floats
    mem_lo: Floats
    mem_up: Floats
    idle_mib: Floats


@dataclass(frozen=True, slots=True)
class Entitlement:
    """What every VM deserves now, seen as if the cluster were one giant host."""

    cpu_mhz: Floats
    mem_mib: Floats
    pool_cpu_mhz: Floats
    pool_mem_mib: Floats

    def weight(self, cpu_capacity_mhz: float, mem_capacity_mib: float) -> Floats:
        """Weight of a VM in cluster averages: its share of the cluster, CPU and memory added up."""
        return self.cpu_mhz / max(cpu_capacity_mhz, 1.0) + self.mem_mib / max(mem_capacity_mib, 1.0)


def memory_demand_mib(snapshot: ClusterSnapshot, options: DrsOptions) -> Floats:
    """``active + idle_ratio·(consumed - active) + overhead``; with the assigned metric the configured size."""
    vms = snapshot.vms
    if options.memory_metric == "assigned":
        demand: Floats = vms.mem_mib + vms.overhead_mib
    else:
        demand = vms.active_mib + options.idle_ratio * _idle_mib(snapshot) + vms.overhead_mib
    return demand


def held_mib(snapshot: ClusterSnapshot) -> Floats:
    """(V,) what each running VM would hold if no host took memory back: consumed, reclaimed and overhead.

    Hosts on which more than their memory is held balloon, compress and swap, however little of it is active.
    """
    vms = snapshot.vms
    touched = vms.consumed_mib + vms.ballooned_mib + vms.compressed_mib + vms.swapped_mib
    held: Floats = (np.minimum(vms.mem_mib, np.maximum(touched, vms.active_mib)) + vms.overhead_mib) * snapshot.placed
    return held


def _idle_mib(snapshot: ClusterSnapshot) -> Floats:
    idle: Floats = np.maximum(snapshot.vms.consumed_mib - snapshot.vms.active_mib, 0.0)
    return idle


def demand_of(snapshot: ClusterSnapshot, options: DrsOptions, cpu_mhz: Floats | None = None) -> Demand:
    """Demand with its bounds.  cpu_mhz: another CPU demand than the present one (a window mean, a percentile)."""
    vms = snapshot.vms
    on = snapshot.placed.astype(np.float64)
    cpu = np.minimum(vms.cpu_demand_mhz if cpu_mhz is None else cpu_mhz, vms.cpu_max_mhz) * on
    cpu_lo, cpu_up = leaf_bounds(cpu, vms.cpu_reservation_mhz * on, vms.cpu_limit_mhz)
    mem = memory_demand_mib(snapshot, options) * on
    limit = np.where(vms.mem_limit_mib < 0, -1.0, vms.mem_limit_mib + vms.overhead_mib)
    touched = (np.minimum(vms.mem_reservation_mib, vms.consumed_mib) + vms.overhead_mib) * on
    mem_lo, mem_up = leaf_bounds(mem, touched, limit, held=touched)
    return Demand(cpu, cpu_lo, cpu_up, mem, mem_lo, mem_up, _idle_mib(snapshot) * on)


def cpu_pools(snapshot: ClusterSnapshot) -> PoolForest:
    """The pool tree for CPU, scalable shares resolved."""
    pools = snapshot.pools
    shares = _scaled(snapshot, pools.cpu_shares, snapshot.vms.cpu_shares, whole_pool=4000.0)
    return PoolForest(pools.parent, pools.cpu_reservation_mhz, pools.cpu_limit_mhz, shares)


def mem_pools(snapshot: ClusterSnapshot) -> PoolForest:
    """The pool tree for memory, scalable shares resolved."""
    pools = snapshot.pools
    shares = _scaled(snapshot, pools.mem_shares, snapshot.vms.mem_shares, whole_pool=163840.0)
    return PoolForest(pools.parent, pools.mem_reservation_mib, pools.mem_limit_mib, shares)


def _scaled(snapshot: ClusterSnapshot, shares: Floats, vm_shares: Floats, whole_pool: float) -> Floats:
    """Scalable shares: a pool below a scaling parent counts level x Σ shares of the powered-on VMs under it."""
    pools = snapshot.pools
    if not pools.scalable_shares.any():
        return shares
    below = np.bincount(snapshot.vms.pool_ix, vm_shares * snapshot.placed, len(pools)).astype(np.float64)
    for pool in range(len(pools) - 1, 0, -1):
        if pools.parent[pool] >= 0:
            below[pools.parent[pool]] += below[pool]
    scaled = np.where(pools.parent >= 0, pools.scalable_shares[np.maximum(pools.parent, 0)], False)
    effective: Floats = np.where(scaled, shares / whole_pool * below, shares)
    return effective


def usable_capacity(snapshot: ClusterSnapshot) -> tuple[float, float]:
    """(CPU MHz, memory MiB) of the hosts that run VMs now and are not leaving."""
    usable = snapshot.hosts.running & ~snapshot.hosts.evacuating
    return float(snapshot.hosts.cpu_capacity_mhz[usable].sum()), float(snapshot.hosts.mem_capacity_mib[usable].sum())


def cluster_entitlement(snapshot: ClusterSnapshot, options: DrsOptions, *, static: bool = False) -> Entitlement:
    """Divide the whole cluster over its pool tree.  static: as if every VM went to its maximum."""
    demand = demand_of(snapshot, options, snapshot.vms.cpu_max_mhz if static else None)
    on = snapshot.placed
    cpu_up, mem_up = demand.cpu_up, demand.mem_up
    if static:
        mem_up = np.where(on, snapshot.vms.mem_mib + snapshot.vms.overhead_mib, 0.0)
    cpu_capacity, mem_capacity = usable_capacity(snapshot)
    cpu, pool_cpu = _divide(snapshot, cpu_pools(snapshot), cpu_capacity, on, demand.cpu_lo, cpu_up, "cpu")
    mem, pool_mem = _divide(snapshot, mem_pools(snapshot), mem_capacity, on, demand.mem_lo, mem_up, "mem")
    return Entitlement(cpu, mem, pool_cpu, pool_mem)


def _divide(
    snapshot: ClusterSnapshot, pools: PoolForest, capacity: float, on: Bools, lo: Floats, up: Floats, resource: str
) -> tuple[Floats, Floats]:
    rows = np.flatnonzero(on)
    shares = (snapshot.vms.cpu_shares if resource == "cpu" else snapshot.vms.mem_shares)[rows]
    roots = np.where(pools.parent < 0, capacity, 0.0)
    given, pool = divvy_forest(pools, roots, snapshot.vms.pool_ix[rows], lo[rows], np.maximum(up, lo)[rows], shares)
    entitled = np.zeros(len(on))
    entitled[rows] = given
    return entitled, pool


def unreserved_in_pools(
    snapshot: ClusterSnapshot, running: Bools | None = None, asleep: Bools | None = None
) -> tuple[Floats, Floats]:
    """(P,) CPU and (P,) memory that a VM powered on in each pool may still reserve, borrowing up expandable parents.

    ``avail(p) = max(0, r(p) - used(p)) + avail(parent) if expandable``, an ancestor's limit caps it; the root holds the
    usable capacity.  running: (V,) the VMs that count as powered on, the snapshot's if omitted.
    asleep: (H,) hosts in standby that would be woken for a power-on, none if omitted.
    """
    vms, pools = snapshot.vms, snapshot.pools
    on = snapshot.placed if running is None else running
    cpu_capacity, mem_capacity = usable_capacity(snapshot)
    if asleep is not None:
        cpu_capacity += float(snapshot.hosts.cpu_capacity_mhz[asleep].sum())
        mem_capacity += float(snapshot.hosts.mem_capacity_mib[asleep].sum())
    memory = (vms.mem_reservation_mib + vms.overhead_mib) * on
    return (
        _available(
            pools, pools.cpu_reservation_mhz, pools.cpu_limit_mhz, pools.cpu_expandable, cpu_capacity,
            _per_pool(snapshot, vms.cpu_reservation_mhz * on),
        ),
        _available(
            pools, pools.mem_reservation_mib, pools.mem_limit_mib, pools.mem_expandable, mem_capacity,
            _per_pool(snapshot, memory),
        ),
    )  # fmt: skip


def _per_pool(snapshot: ClusterSnapshot, amount: Floats) -> Floats:
    return np.bincount(snapshot.vms.pool_ix, amount, len(snapshot.pools)).astype(np.float64)


def _available(
    pools: PoolTable, reservation: Floats, limit: Floats, expandable: Bools, capacity: float, direct: Floats
) -> Floats:
    used = direct.astype(np.float64)
    reserved = np.where(pools.parent < 0, capacity, reservation)
    for pool in range(len(pools) - 1, -1, -1):
        if pools.parent[pool] >= 0:
            used[pools.parent[pool]] += max(reservation[pool], used[pool])
    free = np.zeros(len(pools))
    for pool in range(len(pools)):
        parent = pools.parent[pool]
        borrowed = free[parent] if parent >= 0 and expandable[pool] else 0.0
        free[pool] = max(0.0, reserved[pool] - used[pool]) + borrowed
        if parent >= 0 and limit[pool] >= 0:
            free[pool] = min(free[pool], max(0.0, limit[pool] - used[pool]))
    return free
