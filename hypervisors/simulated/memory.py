"""Memory of one tick: guests touch pages, hosts that run short take pages back (balloon, compression, swap).

States and order of means after Epping & Denneman; who loses is decided by the same pool-tree water-filling as CPU, with
an idle tax of 75 % (Waldspurger, OSDI 2002): target demand = active + 0.25 · idle. MiB throughout.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.waterfill import host_forest, leaf_bounds, pool_demand
from hypervisors.simulated.layout import Layout
from hypervisors.simulated.physics import HostLoad
from hypervisors.simulated.state import FleetState
from hypervisors.simulated.tables import Hog, Tools
from hypervisors.simulated.tuning import TICK_S, Physics

Floats = NDArray[np.float64]

ENTER = (0.64, 0.32, 0.16)  # free / minFree below which a host is soft, hard, low
LEAVE = 1.1  # times that to leave again
IDLE_WEIGHT = 0.25


@dataclass(slots=True)
class MemoryTick:
    """Memory of the running VMs after this tick, (n,) MiB; hosts (H,)."""

    touched: Floats
    active: Floats
    balloon: Floats
    swapped: Floats
    compressed: Floats
    consumed: Floats
    progress: Floats  # of the guest per CPU delivered
    host_used: Floats
    host_free: Floats


def consumed_mib(touched: Floats, balloon: Floats, swapped: Floats, compressed: Floats, physics: Physics) -> Floats:
    """Host memory behind a VM: what it touched, less shared pages and what was taken back."""
    left = touched * (1.0 - physics.shared_ratio) - balloon - swapped - physics.compress_saving * compressed
    return np.maximum(0.0, left)


def run_memory(state: FleetState, layout: Layout, load: HostLoad, now_s: float, physics: Physics) -> MemoryTick:
    vms, on = state.vms, layout.on
    tick = MemoryTick(
        vms.touched_mib[on].astype(float), vms.active_mib[on].astype(float), vms.balloon_mib[on].astype(float),
        vms.swapped_mib[on].astype(float), vms.compressed_mib[on].astype(float), np.zeros(0), np.ones(len(on)),
        np.zeros(0), np.zeros(0),
    )  # fmt: skip
    desired = _desired(state, layout, now_s, physics)
    _touch(state, layout, tick, load, desired, physics)
    _settle(state, layout, tick, load, physics)
    if state.hosts.mem_state.any() or _held_back(tick) or (tick.consumed > layout.mem_limit).any():
        _reclaim(state, layout, tick, load, physics)
        _measure(layout, tick, load, physics)  # the state that called for it stays visible for this tick
    _follow_active(state, layout, tick, physics)
    _store(state, layout, tick)
    return tick


def _held_back(tick: MemoryTick) -> bool:
    return bool(tick.balloon.any() or tick.swapped.any() or tick.compressed.any())


def _desired(state: FleetState, layout: Layout, now_s: float, physics: Physics) -> Floats:
    """Pages a guest would have touched by now, were there room."""
    uptime = np.maximum(0.0, now_s - state.vms.boot_s[layout.on])
    rest = (1.0 - physics.boot_touch_ratio) * np.exp(-uptime / physics.touch_time_s)
    desired = layout.memory * (1.0 - rest)
    hogs = (state.vms.hog[layout.on] & Hog.MEMORY) != 0
    return np.where(hogs, layout.memory, desired)


def _used(layout: Layout, tick: MemoryTick, load: HostLoad) -> Floats:
    hosts = len(layout.mem_mib)
    return np.bincount(layout.host, tick.consumed + layout.overhead, hosts) + load.memory_mib


def _touch(
    state: FleetState, layout: Layout, tick: MemoryTick, load: HostLoad, desired: Floats, physics: Physics
) -> None:
    """Let guests touch new pages as far as their host has free ones; in the low state nobody gets any."""
    tick.consumed = consumed_mib(tick.touched, tick.balloon, tick.swapped, tick.compressed, physics)
    grow = np.maximum(0.0, desired - tick.touched)
    wanted = np.bincount(layout.host, grow, len(layout.mem_mib))
    room = layout.mem_mib - _used(layout, tick, load) - ENTER[2] * layout.min_free
    ratio = np.clip(room / np.maximum(wanted, 1e-9), 0.0, 1.0)
    tick.touched = tick.touched + grow * ratio[layout.host]


def _settle(state: FleetState, layout: Layout, tick: MemoryTick, load: HostLoad, physics: Physics) -> None:
    """Consumption, free memory and the state of each host, with hysteresis."""
    _measure(layout, tick, load, physics)
    ratio = tick.host_free / np.maximum(layout.min_free, 1.0)
    level = sum((ratio < enter).astype(np.int8) for enter in ENTER)
    stay = sum((ratio < enter * LEAVE).astype(np.int8) for enter in ENTER)
    now = np.minimum(np.maximum(level, state.hosts.mem_state), stay)
    state.hosts.mem_state[:] = np.where(layout.running, now, 0)


def _measure(layout: Layout, tick: MemoryTick, load: HostLoad, physics: Physics) -> None:
    tick.consumed = consumed_mib(tick.touched, tick.balloon, tick.swapped, tick.compressed, physics)
    tick.host_used = _used(layout, tick, load)
    tick.host_free = layout.mem_mib - tick.host_used


def _reclaim(state: FleetState, layout: Layout, tick: MemoryTick, load: HostLoad, physics: Physics) -> None:
    """Take from those above their target on short hosts; give back where there is room again."""
    level = state.hosts.mem_state
    need = np.where(level > 0, physics.free_target_ratio * layout.min_free - tick.host_free, 0.0)
    need = np.maximum(0.0, need)
    take = np.maximum(0.0, tick.consumed - layout.mem_limit)
    if need.any():
        take = np.maximum(take, _shares_of(layout, tick, need))
    if take.any():
        _take(state, layout, tick, take, physics)
    spare = np.where(level == 0, tick.host_free - physics.free_target_ratio * layout.min_free * 1.25, 0.0)
    if (spare > 0).any():
        _give_back(layout, tick, np.maximum(0.0, spare), physics)
    _swap_excess(state, layout, tick, load, physics)


def _shares_of(layout: Layout, tick: MemoryTick, need: Floats) -> Floats:
    """Who gives how much of what each host needs: excess over the water-filled target, never below the reservation."""
    demand = tick.active + IDLE_WEIGHT * np.maximum(0.0, tick.consumed - tick.active)
    some, hosts = np.flatnonzero(need[layout.host] > 0), len(need)
    consumed, host, pool = tick.consumed[some], layout.host[some], layout.tree_pool[some]
    wanted = np.minimum(demand[some], consumed)
    lo, up = leaf_bounds(wanted, layout.mem_reservation[some], layout.mem_limit[some], consumed)
    target = np.bincount(host, consumed, hosts) - need
    whole = pool_demand(layout.mem_pools, layout.tree_pool, demand), layout.pool_count
    forest = host_forest(layout.mem_pools, pool, host, demand[some], whole)
    goal = forest.divvy(np.maximum(0.0, target), np.minimum(lo, up), up, layout.mem_shares[some])
    excess = np.maximum(0.0, consumed - goal)
    ratio = np.minimum(1.0, need / np.maximum(np.bincount(host, excess, hosts), 1e-9))
    shares = np.zeros(len(demand))
    shares[some] = excess * ratio[host]
    return shares


def _take(state: FleetState, layout: Layout, tick: MemoryTick, take: Floats, physics: Physics) -> None:
    """Balloon first; on hard and low hosts compression, then swap. A VM over its own limit is swapped at once."""
    level = state.hosts.mem_state[layout.host]
    tools = state.vms.tools[layout.on] == Tools.RUNNING
    room = np.maximum(0.0, physics.balloon_max_ratio * layout.memory - tick.balloon)
    balloon = np.minimum(take, np.minimum(room, physics.balloon_mibps * TICK_S)) * (tools & (level < 3))
    tick.balloon = tick.balloon + balloon
    rest = take - balloon
    hard = level >= 2
    room = np.maximum(0.0, physics.compress_max_ratio * layout.memory - tick.compressed)
    compressed = np.minimum(rest / physics.compress_saving, room) * hard
    tick.compressed = tick.compressed + compressed
    rest = rest - physics.compress_saving * compressed
    over_limit = np.maximum(0.0, tick.consumed - balloon - layout.mem_limit)
    swap = np.where(hard, rest, np.minimum(rest, over_limit))
    wanted = np.bincount(layout.host, swap, len(layout.mem_mib))
    budget = np.minimum(1.0, physics.swap_mibps * TICK_S / np.maximum(wanted, 1e-9))
    tick.swapped = tick.swapped + swap * budget[layout.host]


def _swap_excess(state: FleetState, layout: Layout, tick: MemoryTick, load: HostLoad, physics: Physics) -> None:
    """Physical memory is finite: what does not fit after all that is swapped, whatever the rate."""
    tick.consumed = consumed_mib(tick.touched, tick.balloon, tick.swapped, tick.compressed, physics)
    over = np.maximum(0.0, _used(layout, tick, load) - layout.mem_mib)
    if over.any():
        free_to_take = np.maximum(0.0, tick.consumed - layout.mem_reservation)
        ratio = np.minimum(1.0, over / np.maximum(np.bincount(layout.host, free_to_take, len(over)), 1e-9))
        tick.swapped = tick.swapped + free_to_take * ratio[layout.host]
        state.hosts.mem_state[over > 0] = 3


def _give_back(layout: Layout, tick: MemoryTick, spare: Floats, physics: Physics) -> None:
    """Balloons deflate, compressed and swapped pages return, as far as the host has spare memory."""
    rate = physics.balloon_mibps * TICK_S
    headroom = np.maximum(0.0, layout.mem_limit - tick.consumed)
    for name, size in (("balloon", 1.0), ("compressed", physics.compress_saving), ("swapped", 1.0)):
        held: Floats = getattr(tick, name)
        back = np.minimum(np.minimum(held, rate), headroom / size)
        wanted = np.bincount(layout.host, back * size, len(spare))
        back = back * np.minimum(1.0, spare / np.maximum(wanted, 1e-9))[layout.host]
        setattr(tick, name, held - back)
        spare = np.maximum(0.0, spare - np.bincount(layout.host, back * size, len(spare)))
        headroom = np.maximum(0.0, headroom - back * size)


def _follow_active(state: FleetState, layout: Layout, tick: MemoryTick, physics: Physics) -> None:
    """The working set follows the load: quickly up, slowly down. Active pages that were taken stall the guest."""
    smooth = state.vms.smooth[layout.on].astype(np.float64)
    told = state.vms.recorded_active[layout.on]
    goal = layout.memory * np.where(told > 0, told, np.clip(0.05 + 0.45 * smooth, 0.02, 0.9))
    hogs = (state.vms.hog[layout.on] & Hog.MEMORY) != 0
    goal = np.minimum(np.where(hogs, 0.95 * layout.memory, goal), tick.touched)
    pace = np.where(goal > tick.active, physics.active_up, physics.active_down)
    tick.active = np.minimum(tick.active + pace * (goal - tick.active), tick.touched)
    if _held_back(tick):
        tick.progress = 1.0 / (1.0 + physics.swap_stall_factor * stalled_ratio(tick))


def stalled_ratio(tick: MemoryTick) -> Floats:
    """Part of the working set that is away: what cannot be idle pages, and a tenth of a fair share of the rest."""
    resident = tick.touched - tick.swapped - tick.balloon - tick.compressed
    missing = np.maximum(0.0, tick.active - resident)
    unlucky = 0.1 * (tick.swapped + 0.25 * tick.compressed) * tick.active / np.maximum(tick.touched, 1.0)
    ratio: Floats = np.minimum(1.0, (missing + unlucky) / np.maximum(tick.active, 1.0))
    return ratio


def _store(state: FleetState, layout: Layout, tick: MemoryTick) -> None:
    vms, on = state.vms, layout.on
    vms.touched_mib[on], vms.active_mib[on] = tick.touched, tick.active
    vms.balloon_mib[on], vms.swapped_mib[on], vms.compressed_mib[on] = tick.balloon, tick.swapped, tick.compressed
