"""One tick of the physical model: what guests want, what hosts deliver. Vectorised over the running VMs.

Order (docs/strategies/physics.md): demand -> copies and system take their CPU first -> pool trees share the rest out ->
ready, co-stop -> memory (memory.py) -> disks and networks (storage.py) -> power (power.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.waterfill import host_forest, leaf_bounds, pool_demand, unlimited_as_inf
from hypervisors.simulated.layout import Layout
from hypervisors.simulated.state import FleetState
from hypervisors.simulated.tuning import TICK_S, Physics
from hypervisors.simulated.workload import BACKLOG

Floats = NDArray[np.float64]
TICK_MS = TICK_S * 1000.0


@dataclass(frozen=True, slots=True)
class HostLoad:
    """What moves and other work take from each host before VMs are served. All (H,)."""

    cpu_mhz: Floats  # helper threads of copies
    memory_mib: Floats  # held for VMs that are arriving
    reserved_mhz: Floats  # the part of the CPU that copies of high priority have reserved


@dataclass(slots=True)
class CpuTick:
    """CPU of one tick. (n,) per running VM, (H,) per host; MHz and ms."""

    demand: Floats
    used: Floats
    entitled: Floats
    ready_ms: Floats
    costop_ms: Floats
    limited_ms: Floats
    host_used: Floats  # all that runs on the hardware
    utilisation: Floats  # (H,) of the hardware, 0..1


def system_mhz(state: FleetState, layout: Layout, physics: Physics) -> Floats:
    """CPU that the hypervisor, and below a hosted one its OS, uses on each running host."""
    ratio = physics.system_cpu_ratio + physics.host_os_cpu_ratio * state.hosts.hosted
    used: Floats = layout.raw_mhz * ratio * layout.running
    return used


def guest_demand(state: FleetState, layout: Layout, physics: Physics) -> Floats:
    """MHz that each running VM would use alone: its load, and for batch work what waits."""
    vms, on = state.vms, layout.on
    demand = vms.load[on] * layout.max_mhz
    waiting = BACKLOG[layout.archetype]
    if waiting.any():
        demand = np.where(waiting, demand + vms.backlog_mhz_s[on] / TICK_S, demand)
    if len(state.datastores.accessible) and not state.datastores.accessible[state.datastores.exists == 1].all():
        stuck = (layout.home >= 0) & (state.datastores.accessible[layout.home] == 0)
        demand = np.where(stuck, physics.lost_demand_ratio * demand, demand)
    demand = np.minimum(demand, layout.max_mhz * vms.speed[on])
    return np.where(vms.paused[on] == 1, 0.0, demand)


def deliver(layout: Layout, demand: Floats, capacity: Floats) -> Floats:
    """MHz each running VM gets: its host's copy of the pool tree, water-filled (quick where nothing is short)."""
    lo, up = leaf_bounds(demand, layout.cpu_reservation, layout.cpu_limit)
    short = np.bincount(layout.host, up, len(capacity)) > capacity
    limited = len(layout.limited_pools) > 0
    if not limited and not short.any():
        return up
    by_demand = pool_demand(layout.cpu_pools, layout.tree_pool, demand)
    binding = limited and (by_demand > unlimited_as_inf(layout.cpu_pools.limit))[layout.limited_pools].any()
    some = slice(None) if binding else np.flatnonzero(short[layout.host])
    return _share_out(layout, demand, capacity, lo, up, some, (by_demand, layout.pool_count))


def _share_out(
    layout: Layout, demand: Floats, capacity: Floats, lo: Floats, up: Floats, some: slice | NDArray[np.intp],
    whole: tuple[Floats, Floats],
) -> Floats:  # fmt: skip
    """Water-fill the hosts of `some` VMs; everybody else's host has room for what they want."""
    pool, host = layout.tree_pool[some], layout.host[some]
    result = up.copy()
    if len(host):
        forest = host_forest(layout.cpu_pools, pool, host, demand[some], whole)
        result[some] = forest.divvy(capacity, lo[some], up[some], layout.cpu_shares[some])
    return result


def run_cpu(state: FleetState, layout: Layout, load: HostLoad, physics: Physics) -> CpuTick:
    demand = guest_demand(state, layout, physics)
    system = system_mhz(state, layout, physics)
    capacity = np.maximum(0.0, layout.cpu_mhz - load.cpu_mhz)
    used = deliver(layout, demand, capacity)
    host_used = np.bincount(layout.host, used, len(capacity)) + system + load.cpu_mhz * layout.running
    utilisation = host_used / np.maximum(layout.raw_mhz, 1.0)
    busy = np.minimum(utilisation, physics.cpu_utilisation_cap)
    ready, costop, limited = _waiting(layout, demand, used, busy, physics)
    return CpuTick(demand, used, used, ready, costop, limited, host_used, np.minimum(utilisation, 1.0))


def _waiting(
    layout: Layout, demand: Floats, used: Floats, busy: Floats, physics: Physics
) -> tuple[Floats, Floats, Floats]:
    """ready, co-stop, limited (ms per tick, over vCPUs). Shortage, plus M/M/c queueing after Sakasegawa (1977)."""
    run_ms = TICK_MS * used / layout.core_mhz
    queue = busy ** (np.sqrt(2.0 * (layout.cores + 1.0)) - 1.0) / (layout.cores * (1.0 - busy))
    ready = TICK_MS * (demand - used) / layout.core_mhz + run_ms * np.minimum(1.0, queue)[layout.host]
    costop = physics.costop_ratio * ready * (layout.vcpus - 1.0) / layout.vcpus
    room = np.maximum(0.0, TICK_MS * layout.vcpus - run_ms)
    squeeze = np.minimum(1.0, room / np.maximum(ready + costop, 1e-9))
    limited = TICK_MS * np.maximum(0.0, demand - layout.cpu_limit) / layout.core_mhz
    ready = ready * squeeze
    return ready, costop * squeeze, np.minimum(limited, ready)


def keep_backlog(state: FleetState, layout: Layout, cpu: CpuTick, progress: Floats, physics: Physics) -> None:
    """Batch work that was not done waits for the next tick."""
    waiting = BACKLOG[layout.archetype]
    if waiting.any():
        arrived = state.vms.load[layout.on] * layout.max_mhz
        left = state.vms.backlog_mhz_s[layout.on] + (arrived - cpu.used * progress) * TICK_S
        state.vms.backlog_mhz_s[layout.on] = np.where(
            waiting, np.clip(left, 0.0, physics.backlog_cap_s * layout.max_mhz), 0.0
        )
