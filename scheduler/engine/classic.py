"""DRS before vSphere 7, after Gulati et al. 2012: even out normalised entitlement.

``N_h = Σ E_v / C_h``, ``I = w_cpu·sd(N_cpu) + w_mem·sd(N_mem)``; move until I is below the threshold's target.  Kept
for comparison with published results.  The balance planner replaces the paper's single moves; its filters stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np

from domain.snapshot import Bools, Floats, Ints
from scheduler.engine.balance import BalanceOutcome, Considered, movable_units
from scheduler.engine.costs import judge
from scheduler.engine.planner import lower_bound, plan_balance
from scheduler.engine.problem import BalanceProblem
from scheduler.engine.score import ScoreModel
from scheduler.engine.state import Plan

_ROUNDS = 4
_CONTENDED_WEIGHT = 0.75  # of the resource that is short, instead of a half each


@dataclass(frozen=True, slots=True)
class Imbalance:
    """The cluster's imbalance, the target of the migration threshold, and a bound no plan can beat."""

    value: float
    target: float
    bound: float


def imbalance(plan: Plan) -> Imbalance:
    """Imbalance of the planned assignment over the hosts in use."""
    hosts = _hosts(plan)
    if len(hosts) < 2:
        return Imbalance(0.0, 0.0, 0.0)
    value = float(_normalised(plan, hosts).std(axis=0) @ _weights(plan, hosts))
    return Imbalance(value, target_imbalance(plan.options.threshold, len(hosts)), 0.0)


def target_imbalance(threshold: int, hosts: int) -> float:
    """``0.1·(5 - k)/√n``; threshold 1 applies only mandatory moves, so its target is never undercut."""
    return float("inf") if threshold <= 1 else 0.1 * (5 - threshold) / sqrt(max(hosts, 1))


def move_priority(value: float, hosts: int) -> int:
    """``6 - ceil(I/0.1·√n)``, within 2..5 for load moves (KB 1007485 as quoted by vBrownBag)."""
    return min(5, max(2, 6 - ceil(value / 0.1 * sqrt(max(hosts, 1)))))


def balance_classic(plan: Plan, movable: Bools) -> BalanceOutcome:
    """Move VMs of ``plan`` until the imbalance is below target or nothing is worth its cost."""
    outcome = BalanceOutcome()
    allowed = movable.copy()
    for _ in range(_ROUNDS):
        state = imbalance(plan)
        if plan.options.threshold <= 1 or state.value <= state.target:
            break
        moved = _one_round(plan, allowed, state, outcome)
        if not moved:
            break
    return outcome


def _one_round(plan: Plan, allowed: Bools, state: Imbalance, outcome: BalanceOutcome) -> int:
    """Plan, filter by cost and benefit, apply.  Returns the number of VMs moved; rejected VMs leave ``allowed``."""
    hosts = _hosts(plan)
    units = movable_units(plan, allowed & np.isin(plan.host_ix, hosts))
    if not units or len(hosts) < 2:
        return 0
    problem = _problem(plan, hosts, units)
    least = plan.options.min_goodness_ratio * (state.value - state.target)
    budget = _budget(plan, len(hosts))
    found = plan_balance(problem, budget, min_gain=max(least / budget, 1e-9), target=state.target, prove=False)
    scratch, accepted = plan.copy(), 0
    model = ScoreModel(scratch)
    for index in np.flatnonzero(found.host != problem.home):
        unit, target = units[index], int(hosts[found.host[index]])
        if not _worthwhile(model, unit, target, allowed, outcome):
            continue
        for vm in unit:
            scratch.move(int(vm), target)
            outcome.priority[int(vm)] = move_priority(state.value, len(hosts))
        accepted += 1
    if not accepted or imbalance(scratch).value > state.value - least:
        return 0
    plan.adopt(scratch)
    return accepted


def _worthwhile(model: ScoreModel, unit: Ints, target: int, allowed: Bools, outcome: BalanceOutcome) -> bool:
    """Open on the planned state, and the gain is worth cost and risk."""
    plan = model.plan
    if not plan.open_hosts(unit)[:, target].all():
        return False
    gain = model.gains([[(int(vm), target) for vm in unit]])
    verdict = judge(plan, unit[:1], np.array([target]), gain)
    if not verdict.accepted[0]:
        allowed[unit] = False
    numbers = float(gain[0]), float(verdict.cost[0]), float(verdict.gain_worst[0])
    said = "taken" if verdict.accepted[0] else "too costly or risky"
    outcome.considered.append(Considered(int(unit[0]), target, *numbers, said))
    if not verdict.accepted[0]:
        return False
    for vm in unit:
        outcome.gain[int(vm)] = float(gain[0]) / len(unit)
    return True


def classic_bound(plan: Plan, movable: Bools) -> float:
    """No assignment reachable from the present one has a lower imbalance."""
    hosts = _hosts(plan)
    units = movable_units(plan, movable & np.isin(plan.host_ix, hosts))
    if not units or len(hosts) < 2:
        return imbalance(plan).value
    problem = _problem(plan, hosts, units)
    return lower_bound(problem, problem.home, len(units))


def _budget(plan: Plan, hosts: int) -> int:
    per_host = plan.options.max_moves_per_host
    return hosts * (8 if per_host is None else per_host)


def _hosts(plan: Plan) -> Ints:
    return np.flatnonzero(plan.accepting)


def _normalised(plan: Plan, hosts: Ints) -> Floats:
    """(n, 2) entitlement over capacity."""
    count = len(plan.load)
    rows = np.flatnonzero(plan.on)
    table = plan.snapshot.hosts
    cpu = np.bincount(plan.host_ix[rows], plan.entitlement.cpu_mhz[rows], count) / np.maximum(table.cpu_capacity_mhz, 1)
    mem = np.bincount(plan.host_ix[rows], plan.entitlement.mem_mib[rows], count) / np.maximum(table.mem_capacity_mib, 1)
    both: Floats = np.stack([cpu, mem], axis=1)[hosts]
    return both


def _weights(plan: Plan, hosts: Ints) -> Floats:
    """Half each; a resource that some host lacks counts three quarters."""
    peak = _demand_peak(plan, hosts)
    if peak.max() <= 1.0:
        return np.array([0.5, 0.5])
    short = int(peak.argmax())
    weights = np.full(2, 1 - _CONTENDED_WEIGHT)
    weights[short] = _CONTENDED_WEIGHT
    return weights


def _demand_peak(plan: Plan, hosts: Ints) -> Floats:
    table = plan.snapshot.hosts
    capacity = np.stack([table.cpu_capacity_mhz, table.mem_capacity_mib], axis=1)
    peak: Floats = (plan.load[hosts, :2] / np.maximum(capacity[hosts], 1.0)).max(axis=0)
    return peak


def _problem(plan: Plan, hosts: Ints, units: list[Ints]) -> BalanceProblem:
    """The balance problem of the open hosts; VMs that may not move are their base load."""
    local = np.full(len(plan.load), -1, dtype=np.int64)
    local[hosts] = np.arange(len(hosts))
    flat, sizes = np.concatenate(units), np.array([len(unit) for unit in units], dtype=np.int64)
    first = np.cumsum(sizes) - sizes
    leader = flat[first]
    entitled = np.stack([plan.entitlement.cpu_mhz, plan.entitlement.mem_mib], axis=1)
    load = np.add.reduceat(entitled[flat], first, axis=0)
    table = plan.snapshot.hosts
    capacity = np.stack([table.cpu_capacity_mhz, table.mem_capacity_mib], axis=1)[hosts]
    moving = np.zeros((len(hosts), 2))
    np.add.at(moving, local[plan.host_ix[leader]], load)
    apart, occupied = _groups(plan, hosts, units)
    return BalanceProblem(
        load=load,
        base=_normalised(plan, hosts) * np.maximum(capacity, 1.0) - moving,
        inverse_capacity=1.0 / np.maximum(capacity, 1.0),
        weight=_weights(plan, hosts),
        home=local[plan.host_ix[leader]],
        cost=sizes,
        need=np.add.reduceat(plan.needs[flat], first, axis=0),
        free=plan.room[hosts].copy(),
        allowed=_allowed(plan, hosts, units, local),
        apart=apart,
        occupied=occupied,
    )


def _allowed(plan: Plan, hosts: Ints, units: list[Ints], local: Ints) -> Bools:
    """(U, n) hosts that what is fixed leaves open to a unit; no preferred rule gets worse."""
    flat = np.concatenate(units)
    cost = plan.rules.should_cost[flat]
    worse = cost > cost[np.arange(len(flat)), plan.host_ix[flat]][:, None]
    open_hosts: Bools = ((plan.codes[flat] == 0) & ~worse)[:, hosts]
    first = np.cumsum([0, *[len(unit) for unit in units[:-1]]])
    allowed: Bools = np.logical_and.reduceat(open_hosts, first, axis=0)
    allowed[np.arange(len(units)), local[plan.host_ix[flat[first]]]] = True
    return allowed


def _groups(plan: Plan, hosts: Ints, units: list[Ints]) -> tuple[Bools, Ints]:
    """Exclusion groups of the units, and how many members that cannot move each host holds."""
    apart = np.zeros((len(units), len(plan.rules.apart)), dtype=bool)
    occupied = np.zeros((len(hosts), len(plan.rules.apart)), dtype=np.int64)
    unit_of = np.full(len(plan.on), -1, dtype=np.int64)
    unit_of[np.concatenate(units)] = np.repeat(np.arange(len(units)), [len(unit) for unit in units])
    for group, (_, members) in enumerate(plan.rules.apart):
        inside = unit_of[members]
        apart[inside[inside >= 0], group] = True
        fixed = members[plan.on[members] & (inside < 0)]
        occupied[:, group] = np.bincount(plan.host_ix[fixed], minlength=len(plan.load))[hosts]
    return apart, occupied
