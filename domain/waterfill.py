"""Hierarchical water-filling: who gets how much of a contended resource.

The one kernel behind cluster entitlement (what a VM deserves, seen as if the cluster were one giant host) and host
delivery (what it really gets this tick).  Reservation, limit and shares mean what they mean in vSphere; see
docs/strategies/entitlement.md for the formula and its proof sketch.  Units are the caller's: MHz or MiB.

Everything is vectorised over *all* parents of a tree level, so a forest of 2,500 hosts costs one sort per level.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_SHARE_FLOOR = 1e-6  # of the largest sibling: a sibling with no shares is served last, without dividing by zero


def waterfill(seg: Ints, nseg: int, cap: Floats, lo: Floats, up: Floats, s: Floats) -> Floats:
    """Divide ``cap[k]`` among the children of every segment ``k`` at once, exactly.

    Finds, per segment, the water level λ with ``Σ clip(λ·s, lo, up) = clip(cap, Σlo, Σup)``.  Where even the floors
    do not fit (``cap < Σlo``: an overcommitted cluster) every floor is scaled by ``cap / Σlo``.

    seg: int (n,) parent index per child, in 0..nseg-1, any order.  cap: (nseg,).  lo, up: (n,), 0 <= lo <= up, finite.
    s: (n,) shares, relative among siblings only.  Returns (n,) allocations with lo <= x <= up wherever the floors fit.
    """
    if len(seg) == 0:
        return np.zeros(0)
    cap = np.maximum(np.asarray(cap, dtype=np.float64), 0.0)
    floors, ceilings = np.bincount(seg, lo, nseg), np.bincount(seg, up, nseg)
    squeeze = np.where(floors > cap, cap / np.maximum(floors, 1e-300), 1.0)
    if (squeeze < 1.0).any():
        lo = lo * squeeze[seg]
        up = np.where(squeeze[seg] < 1.0, lo, up)
    target = np.minimum(cap, ceilings)
    shares = _normalised_shares(seg, nseg, s)
    level = _water_level(seg, nseg, target, lo, up, shares)
    filled: Floats = np.clip(level[seg] * shares, lo, up)
    return _settle(filled, seg, nseg, target, lo, up, shares)


def _normalised_shares(seg: Ints, nseg: int, s: Floats) -> Floats:
    """Shares relative to the largest sibling, floored, so that breakpoints stay within floating-point reach."""
    largest = np.zeros(nseg)
    np.maximum.at(largest, seg, s)
    largest[largest <= 0] = 1.0
    shares: Floats = np.maximum(s / largest[seg], _SHARE_FLOOR)
    return shares


def _water_level(seg: Ints, nseg: int, target: Floats, lo: Floats, up: Floats, s: Floats) -> Floats:
    """λ per segment: walk the sorted breakpoints lo/s (a child starts to rise) and up/s (it is full)."""
    owner = np.concatenate([seg, seg])
    point = np.concatenate([lo / s, up / s])
    turn = np.concatenate([s, -s])
    order = np.lexsort((point, owner))
    owner, point, turn = owner[order], point[order], turn[order]
    count = np.bincount(owner, minlength=nseg)
    first = np.minimum(np.cumsum(count) - count, len(owner) - 1)
    slope = _running(turn, first, owner)
    gain = np.zeros(len(point))
    gain[1:] = np.where(owner[1:] == owner[:-1], (point[1:] - point[:-1]) * slope[:-1], 0.0)
    volume = np.bincount(seg, lo, nseg)[owner] + _running(gain, first, owner)
    reached = volume <= target[owner] * (1 + 1e-12) + 1e-9
    at = np.clip(first + np.bincount(owner[reached], minlength=nseg) - 1, 0, len(point) - 1)
    rest = np.maximum(target - volume[at], 0.0)
    level: Floats = point[at] + np.where(slope[at] > 1e-9, rest / np.maximum(slope[at], 1e-9), 0.0)
    return level


def _running(values: Floats, first: Ints, owner: Ints) -> Floats:
    """Cumulative sum that restarts at the first entry of every segment."""
    total = np.cumsum(values)
    before = np.where(first > 0, total[first - 1], 0.0)
    running: Floats = total - before[owner]
    return running


def _settle(x: Floats, seg: Ints, nseg: int, target: Floats, lo: Floats, up: Floats, s: Floats) -> Floats:
    """Newton steps: the rounding of the long cumulative sums goes to the children still between their bounds."""
    for _ in range(2):
        rest = target - np.bincount(seg, x, nseg)
        if np.all(np.abs(rest) <= 1e-9 * np.maximum(target, 1.0)):
            break
        room = np.where(rest[seg] > 0, x < up, x > lo)
        weight = np.bincount(seg, s * room, nseg)
        step = np.where(weight > 0, rest / np.maximum(weight, 1e-300), 0.0)
        x = np.where(room, np.clip(x + step[seg] * s, lo, up), x)
    return x


@dataclass(frozen=True, slots=True)
class PoolForest:
    """Resource pools of one resource (CPU or memory), one or many trees.

    parent: int (P,), -1 for a root; a parent stands before its children (parent[i] < i).
    reservation, limit, shares: float (P,); a negative limit means unlimited.  Of a root only the capacity given to
    ``divvy_forest`` counts.
    """

    parent: Ints
    reservation: Floats
    limit: Floats
    shares: Floats

    def depths(self) -> Ints:
        """Depth of every pool, 0 for roots."""
        depth = np.zeros(len(self.parent), dtype=np.int64)
        at = self.parent.copy()
        while (at >= 0).any():
            inside = at >= 0
            depth[inside] += 1
            at[inside] = self.parent[at[inside]]
        return depth


def unlimited_as_inf(limit: ArrayLike) -> Floats:
    """vSphere writes "unlimited" as -1; arithmetic wants infinity."""
    limit = np.asarray(limit, dtype=np.float64)
    finite: Floats = np.where(limit < 0, np.inf, limit)
    return finite


def leaf_bounds(
    demand: Floats, reservation: Floats, limit: Floats, held: Floats | None = None
) -> tuple[Floats, Floats]:
    """Floor and ceiling of a VM: ``lo = min(r, l, d)``, ``up = min(l, d)``.

    held: what the VM occupies already; for memory a reservation that was touched is not given back, so the floor is
    ``min(r, l, max(d, held))``.  A negative limit means unlimited.
    """
    ceiling = unlimited_as_inf(limit)
    wanted = demand if held is None else np.maximum(demand, held)
    lo = np.minimum(np.minimum(reservation, ceiling), wanted)
    up: Floats = np.maximum(np.minimum(ceiling, demand), lo)
    return lo, up


def divvy_forest(
    pools: PoolForest, root_capacity: Floats, leaf_pool: Ints, leaf_lo: Floats, leaf_up: Floats, leaf_shares: Floats
) -> tuple[Floats, Floats]:
    """Divide the capacity of every tree among its VMs, level by level.

    root_capacity: (P,), read at the roots only.  leaf_pool: int (n,) pool of each VM.  leaf_lo, leaf_up: from
    ``leaf_bounds``.  leaf_shares: (n,).  Returns (leaf_allocation (n,), pool_allocation (P,)).
    """
    depth = pools.depths()
    lo, up = _pool_bounds(pools, depth, leaf_pool, leaf_lo, leaf_up)
    is_root = pools.parent < 0
    allocation = np.where(is_root, np.minimum(root_capacity, up), 0.0)
    leaves = np.zeros(len(leaf_pool))
    leaf_depth = depth[leaf_pool]
    for level in range(int(depth.max(initial=0)) + 1):
        mine = np.flatnonzero(leaf_depth == level)
        below = np.flatnonzero((depth == level + 1) & ~is_root)
        share_out = _divvy_level(
            allocation,
            np.concatenate([leaf_pool[mine], pools.parent[below]]),
            np.concatenate([leaf_lo[mine], lo[below]]),
            np.concatenate([leaf_up[mine], up[below]]),
            np.concatenate([leaf_shares[mine], pools.shares[below]]),
        )
        leaves[mine] = share_out[: len(mine)]
        allocation[below] = share_out[len(mine) :]
    return leaves, allocation


def _divvy_level(allocation: Floats, parent: Ints, lo: Floats, up: Floats, s: Floats) -> Floats:
    """One water-filling over all parents of a level, numbered densely."""
    parents, seg = np.unique(parent, return_inverse=True)
    return waterfill(seg, len(parents), allocation[parents], lo, up, s)


def _pool_bounds(
    pools: PoolForest, depth: Ints, leaf_pool: Ints, leaf_lo: Floats, leaf_up: Floats
) -> tuple[Floats, Floats]:
    """Bottom-up: ``up = min(l, Σup)``, ``lo = min(up, max(Σlo, min(r, Σup)))``; roots are not limited here."""
    count = len(pools.parent)
    sum_lo = np.bincount(leaf_pool, leaf_lo, count)
    sum_up = np.bincount(leaf_pool, leaf_up, count)
    limit = np.where(pools.parent < 0, np.inf, unlimited_as_inf(pools.limit))
    lo, up = np.zeros(count), np.zeros(count)
    for level in range(int(depth.max(initial=0)), -1, -1):
        here = np.flatnonzero(depth == level)
        up[here] = np.minimum(limit[here], sum_up[here])
        lo[here] = np.minimum(up[here], np.maximum(sum_lo[here], np.minimum(pools.reservation[here], sum_up[here])))
        inner = here[pools.parent[here] >= 0]
        np.add.at(sum_lo, pools.parent[inner], lo[inner])
        np.add.at(sum_up, pools.parent[inner], up[inner])
    return lo, up


@dataclass(frozen=True, slots=True)
class HostForest:
    """Every host's local copy of the pool tree, holding only the pools that have VMs there.

    pools: the forest, one tree per host that runs a VM.  host, pool: int (P',) which host and which cluster pool a
    node copies.  leaf_node: int (n,) node of each VM.
    """

    pools: PoolForest
    host: Ints
    pool: Ints
    leaf_node: Ints

    def divvy(self, host_capacity: Floats, lo: Floats, up: Floats, shares: Floats) -> Floats:
        """What each VM receives from its host.  host_capacity: (H,); lo, up, shares: (n,)."""
        delivered, _ = divvy_forest(self.pools, host_capacity[self.host], self.leaf_node, lo, up, shares)
        return delivered


def pool_demand(pools: PoolForest, vm_pool: Ints, demand: Floats) -> Floats:
    """(P,) demand of every pool's VMs, descendants included."""
    total = np.bincount(vm_pool, demand, len(pools.parent)).astype(np.float64)
    for pool in range(len(pools.parent) - 1, -1, -1):
        if pools.parent[pool] >= 0:
            total[pools.parent[pool]] += total[pool]
    return total


def host_forest(
    pools: PoolForest, vm_pool: Ints, vm_host: Ints, demand: Floats, whole: tuple[Floats, Floats] | None = None
) -> HostForest:
    """Flow the cluster's pools down to the hosts: ``x(pool, host) = x(pool) · Σd(pool's VMs there) / Σd(pool)``.

    r, l and s of a pool are divided over hosts by the demand of its VMs (descendants included); a pool without demand
    is divided by VM count.  vm_pool, vm_host: int (n,), every VM runs on a host.  whole: ``pool_demand`` of all VMs by
    demand and by count, when the VMs given are only those of some hosts.  After Gulati et al. 2012 (local pool
    trees); the proportional rule is our modelling decision.
    """
    count = len(pools.parent)
    depth = pools.depths()
    key = vm_host.astype(np.int64) * count + vm_pool
    keys = _with_ancestors(np.unique(key), pools.parent, count)
    keys = keys[np.lexsort((keys, depth[keys % count]))]  # parents before children
    host, pool = keys // count, keys % count
    by_key = np.argsort(keys, kind="stable")
    leaf_node = by_key[np.searchsorted(keys, key, sorter=by_key)]
    above = pools.parent[pool]
    parent_node = np.full(len(keys), -1, dtype=np.int64)
    inner = above >= 0
    parent_node[inner] = by_key[np.searchsorted(keys, host[inner] * count + above[inner], sorter=by_key)]
    if whole is None:
        whole = pool_demand(pools, vm_pool, demand), pool_demand(pools, vm_pool, np.ones(len(vm_pool)))
    part = _demand_fraction(parent_node, depth[pool], pool, leaf_node, demand, whole)
    limit = unlimited_as_inf(pools.limit)[pool]
    local = PoolForest(
        parent=parent_node,
        reservation=pools.reservation[pool] * part,
        limit=np.where(np.isinf(limit), -1.0, np.where(np.isinf(limit), 0.0, limit) * part),
        shares=pools.shares[pool] * part,
    )
    return HostForest(local, host, pool, leaf_node)


def _with_ancestors(keys: Ints, parent: Ints, count: int) -> Ints:
    """Add the (host, ancestor pool) keys of every (host, pool) key."""
    found, fresh = [keys], keys
    while len(fresh):
        above = parent[fresh % count]
        inner = above >= 0
        fresh = np.unique(fresh[inner] // count * count + above[inner])
        found.append(fresh)
    return np.unique(np.concatenate(found))


def _demand_fraction(
    parent_node: Ints, depth: Ints, pool: Ints, leaf_node: Ints, demand: Floats, whole: tuple[Floats, Floats]
) -> Floats:
    """Share of a pool's demand that sits on each of its host copies (VM count where the pool demands nothing)."""
    fractions = []
    for weight, total in zip((np.asarray(demand, dtype=np.float64), np.ones(len(leaf_node))), whole, strict=True):
        local = np.bincount(leaf_node, weight, len(parent_node))
        for level in range(int(depth.max(initial=0)), 0, -1):
            here = np.flatnonzero(depth == level)
            np.add.at(local, parent_node[here], local[here])
        fractions.append(local / np.maximum(total[pool], 1e-300))
    by_demand, by_count = fractions
    chosen: Floats = np.where(whole[0][pool] > 0, by_demand, by_count)
    return chosen
