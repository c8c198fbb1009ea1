"""The VM DRS score: how well a VM runs on its host, 0..100, and what another assignment would make of it.

``score = 100 · E_cpu · E_mem · E_net``: delivered over demanded CPU with a tax for a crowded cache, memory that is not
reclaimed with a tax for missing burst headroom, network share.  Delivery is the host's own water-filling.  The vendor's
formula is unpublished; inputs follow the public description, constants are ours.  See docs/strategies/drs.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from domain.snapshot import Bools, Floats, Ints
from domain.waterfill import PoolForest, host_forest, pool_demand
from scheduler.engine.entitlement import cpu_pools, mem_pools
from scheduler.engine.score_constants import BURST_TAX, CACHE_KNEE, CACHE_TAX
from scheduler.engine.state import Plan
from scheduler.engine.surrogate import net_share, ramp, reclaim_loss

_EPS = 1e-9

Relocation = tuple[int, int]  # (VM row, host row)


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of all VMs (V,) and of the cluster; a VM that is off has score NaN.  value: (H,) Σ weight·score."""

    score: Floats
    cpu_efficiency: Floats
    mem_efficiency: Floats
    net_efficiency: Floats
    cpu_delivered_mhz: Floats
    mem_delivered_mib: Floats
    cluster: float
    buckets: tuple[int, ...]


class ScoreModel:
    """Predicts scores for assignments of one plan's cluster.  starting: VMs that are off but will be asked about."""

    def __init__(self, plan: Plan, starting: Ints | None = None) -> None:
        self.plan = plan
        snapshot = plan.snapshot
        self.cpu_pools, self.mem_pools = cpu_pools(snapshot), mem_pools(snapshot)
        rows = np.flatnonzero(plan.on)
        if starting is not None:
            rows = np.union1d(rows, starting)
        self.cpu_whole = self._whole(self.cpu_pools, rows, plan.demand.cpu_mhz)
        self.mem_whole = self._whole(self.mem_pools, rows, plan.demand.mem_mib)
        limited = np.minimum(1.0, plan.demand.cpu_up / np.maximum(plan.demand.cpu_mhz, _EPS))
        self.best_possible: Floats = 100.0 * np.where(plan.demand.cpu_mhz > _EPS, limited, 1.0)

    def _whole(self, pools: PoolForest, rows: Ints, demand: Floats) -> tuple[Floats, Floats]:
        at = self.plan.snapshot.vms.pool_ix[rows]
        return pool_demand(pools, at, demand[rows]), pool_demand(pools, at, np.ones(len(rows)))

    # --- whole cluster ----------------------------------------------------------------------------------------------
    def scores(self, *, measured: bool = False) -> Scores:
        """Scores of the plan's assignment.  measured: also count memory reclaimed already (the present, not a plan)."""
        plan = self.plan
        rows = np.flatnonzero(plan.on)
        parts = self._efficiencies(rows, plan.host_ix[rows], np.arange(len(plan.snapshot.hosts)), measured)
        spread = [np.full(len(plan.on), np.nan) for _ in range(6)]
        score = 100.0 * parts[0] * parts[1] * parts[2]
        for column, values in zip(spread, (score, *parts), strict=True):
            column[rows] = values
        weight = plan.weight[rows]
        cluster = float(weight @ score / weight.sum()) if weight.sum() > 0 else 100.0
        final, cpu, mem, net, cpu_given, mem_given = spread
        return Scores(final, cpu, mem, net, cpu_given, mem_given, cluster, buckets(score))

    def host_values(self, hosts: Ints) -> Floats:
        """Σ weight·score of the VMs on each of some hosts under the plan."""
        return self._values([(int(host), self.plan.members(int(host))) for host in hosts])

    def ideal_values(self) -> Floats:
        """(H,) Σ weight·(best possible score): what no assignment can exceed."""
        rows = np.flatnonzero(self.plan.on)
        ideal = (self.plan.weight * self.best_possible)[rows]
        return np.bincount(self.plan.host_ix[rows], ideal, len(self.plan.load)).astype(np.float64)

    def ideal_value(self, host: int) -> float:
        """The same for one host."""
        here = self.plan.members(host)
        return float(self.plan.weight[here] @ self.best_possible[here])

    # --- what-if ----------------------------------------------------------------------------------------------------
    def gains(self, candidates: Sequence[Sequence[Relocation]], values: Floats | None = None) -> Floats:
        """Change of the cluster's Σ weight·score by each candidate, a set of relocations, evaluated exactly.

        All candidates are evaluated in one water-filling: each sees its own copies of the hosts it touches.  values:
        (H,) ``host_values`` of the present plan, computed here if omitted.
        """
        members: dict[int, Ints] = {}
        copies: list[tuple[int, Ints]] = []
        owner: list[int] = []
        for index, candidate in enumerate(candidates):
            for host in {int(self.plan.host_ix[vm]) for vm, _ in candidate} | {host for _, host in candidate}:
                here = members.setdefault(host, self.plan.members(host))
                for vm, target in candidate:
                    here = here[here != vm] if target != host else np.append(here, vm)
                copies.append((host, here))
                owner.append(index)
        hosts = np.array([host for host, _ in copies], dtype=np.int64)
        if values is None:
            values = np.zeros(len(self.plan.load))
            values[list(members)] = self.host_values(np.array(list(members), dtype=np.int64))
        change = self._values(copies) - values[hosts]
        return np.bincount(np.array(owner, dtype=np.int64), change, len(candidates)).astype(np.float64)

    def predict(self, vm: int, hosts: Ints) -> Floats:
        """The score one VM would have on each of some hosts, everybody else staying."""
        if not len(hosts):
            return np.zeros(0)
        members = [self.plan.members(int(host)) for host in hosts]
        copies = [np.append(here[here != vm], vm) for here in members]
        sizes = np.array([len(here) for here in copies])
        place = np.repeat(np.arange(len(hosts)), sizes)
        cpu, mem, net, _, _ = self._efficiencies(np.concatenate(copies), place, hosts, False)
        mine = np.cumsum(sizes) - 1
        score: Floats = 100.0 * (cpu * mem * net)[mine]
        return score

    def _values(self, copies: list[tuple[int, Ints]]) -> Floats:
        """Σ weight·score for each (host, VMs on it) copy."""
        sizes = [len(vms) for _, vms in copies]
        if not sum(sizes):
            return np.zeros(len(copies))
        rows = np.concatenate([vms for _, vms in copies])
        place = np.repeat(np.arange(len(copies)), sizes)
        cpu, mem, net, _, _ = self._efficiencies(rows, place, np.array([host for host, _ in copies]), False)
        value = self.plan.weight[rows] * 100.0 * cpu * mem * net
        return np.bincount(place, value, len(copies)).astype(np.float64)

    def _efficiencies(
        self, rows: Ints, place: Ints, host_of_place: Ints, measured: bool
    ) -> tuple[Floats, Floats, Floats, Floats, Floats]:
        """E_cpu, E_mem, E_net and delivered CPU and memory of VMs ``rows`` on host copies ``place``."""
        plan, hosts = self.plan, self.plan.snapshot.hosts
        demand, vms = plan.demand, plan.snapshot.vms
        count = len(host_of_place)
        cpu_room, mem_room = hosts.cpu_capacity_mhz[host_of_place], hosts.mem_capacity_mib[host_of_place]
        cpu = _deliver(
            self.cpu_pools,
            self.cpu_whole,
            vms.pool_ix[rows],
            place,
            demand.cpu_mhz[rows],
            demand.cpu_lo[rows],
            demand.cpu_up[rows],
            vms.cpu_shares[rows],
            cpu_room,
        )
        mem = _deliver(
            self.mem_pools, self.mem_whole, vms.pool_ix[rows], place, demand.mem_mib[rows], demand.mem_lo[rows],
            demand.mem_up[rows], vms.mem_shares[rows], mem_room,
        )  # fmt: skip
        used = np.bincount(place, cpu, count) / np.maximum(cpu_room, _EPS)
        e_cpu = _ratio(cpu, demand.cpu_mhz[rows]) * (1 - CACHE_TAX * ramp(used, CACHE_KNEE))[place]
        free = mem_room - np.bincount(place, mem, count)
        reclaimed = np.maximum(demand.mem_up[rows] - mem, 0.0)
        if measured:
            reclaimed = np.maximum(reclaimed, self._reclaimed(rows))
        headroom = np.clip(1 - free[place] / (0.25 * demand.idle_mib[rows] + 1.0), 0.0, 1.0)
        held, wanted = (np.bincount(place, sizes[rows], count) for sizes in (plan.burden[:, 6], demand.mem_up))
        ballooned = reclaim_loss(held.astype(np.float64), wanted.astype(np.float64), mem_room)[place]
        lost = np.maximum(reclaimed / np.maximum(demand.mem_mib[rows], 1.0), ballooned)
        e_mem = np.clip(1 - lost - BURST_TAX * headroom, 0.0, 1.0)
        busy = np.bincount(place, vms.net_mibps[rows], count) / np.maximum(hosts.nic_mibps[host_of_place], _EPS)
        e_net = np.where(vms.net_mibps[rows] > 0, net_share(busy)[place], 1.0)
        return e_cpu, e_mem, e_net, cpu, mem

    def _reclaimed(self, rows: Ints) -> Floats:
        """Demand that the host took away already: swapped working set, half of compressed, a fifth of ballooned."""
        vms = self.plan.snapshot.vms
        active_part = np.minimum(1.0, vms.active_mib[rows] / np.maximum(vms.mem_mib[rows], 1.0))
        taken: Floats = vms.swapped_mib[rows] * active_part + 0.5 * vms.compressed_mib[rows]
        return taken + 0.2 * vms.ballooned_mib[rows]


def _deliver(
    pools: PoolForest, whole: tuple[Floats, Floats], pool_ix: Ints, place: Ints, demand: Floats, lo: Floats,
    up: Floats, shares: Floats, capacity: Floats,
) -> Floats:  # fmt: skip
    """Water-filling on host copies; a copy with room for everybody delivers the ceilings without one."""
    ceiling = np.maximum(up, lo)
    if (pools.limit[pools.parent >= 0] >= 0).any():
        crowded: Bools = np.ones(len(place), dtype=bool)
    else:
        crowded = (np.bincount(place, ceiling, len(capacity)) > capacity + _EPS)[place]
    given = ceiling.copy()
    if crowded.any():
        forest = host_forest(pools, pool_ix[crowded], place[crowded], demand[crowded], whole)
        given[crowded] = forest.divvy(capacity, lo[crowded], ceiling[crowded], shares[crowded])
    return given


def _ratio(given: Floats, wanted: Floats) -> Floats:
    ratio: Floats = np.where(wanted > _EPS, np.minimum(given / np.maximum(wanted, _EPS), 1.0), 1.0)
    return ratio


def buckets(score: Floats) -> tuple[int, ...]:
    """How many VMs score 0-20, 21-40, 41-60, 61-80, 81-100."""
    place = np.clip(np.ceil(score / 20.0).astype(np.int64) - 1, 0, 4)
    return tuple(int(n) for n in np.bincount(place, minlength=5))


def score_bound(plan: Plan) -> float:
    """An upper bound of the cluster score over *all* assignments to the hosts in use.

    Relaxation: one giant host.  CPU and memory are each divided as a fractional knapsack (first to whom a MHz or MiB is
    worth most score), taxes and whole VMs are ignored; the smaller result holds.
    """
    rows = np.flatnonzero(plan.on)
    usable = plan.snapshot.hosts.running
    weight = plan.weight[rows]
    if not len(rows) or weight.sum() <= 0:
        return 100.0
    bounds = []
    for demand, up, capacity in (
        (plan.demand.cpu_mhz, plan.demand.cpu_up, plan.snapshot.hosts.cpu_capacity_mhz),
        (plan.demand.mem_mib, plan.demand.mem_up, plan.snapshot.hosts.mem_capacity_mib),
    ):
        bounds.append(_knapsack(weight, demand[rows], up[rows], float(capacity[usable].sum())))
    return 100.0 * min(bounds) / float(weight.sum())


def _knapsack(weight: Floats, demand: Floats, up: Floats, capacity: float) -> float:
    """max Σ w·min(1, x/d) with Σx <= capacity and x <= up."""
    idle = demand <= _EPS
    order = np.argsort(-weight[~idle] / demand[~idle], kind="stable")
    size, value = up[~idle][order], (weight * up / np.maximum(demand, _EPS))[~idle][order]
    before = np.cumsum(size) - size
    part = np.clip((capacity - before) / np.maximum(size, _EPS), 0.0, 1.0)
    return float(weight[idle].sum() + value @ part)
