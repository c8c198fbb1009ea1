"""Load balancing with the score engine: moves, swaps and group moves that win the most weighted score points.

A round relieves the hosts that lose points, worst first; a host's chain of moves stands only if its VMs win what the
migration threshold asks for.  Rounds repeat from the new state until one changes nothing, which is why a second cycle
right after the first finds nothing to do.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from domain.snapshot import Bools, Floats, Ints
from scheduler.engine.costs import judge
from scheduler.engine.options import SCORE_GAIN
from scheduler.engine.score import Relocation, ScoreModel
from scheduler.engine.state import Plan
from scheduler.engine.surrogate import estimated_gains
from scheduler.engine.swaps import swap_candidates

_ROUNDS = 6
_STEPS = 48  # moves off one host: eight at a time, some ten seconds each, within a minute
_LOOK = 3  # candidates per source host that get an exact look
_TARGETS = 24  # emptiest hosts considered as destinations
_CURIOUS = 8  # hosts below the threshold that are looked at for the counterfactual
_KEPT = 300  # candidates kept for the record
LEAST_POINTS = 0.25  # a host losing fewer points per weight is left alone

Candidate = tuple[Relocation, ...]


@dataclass(slots=True)
class Chain:
    """The moves that relieve one source host, and what they win."""

    source: int
    weight: float
    gain: float = 0.0
    steps: list[tuple[Candidate, float]] = field(default_factory=list)

    @property
    def points(self) -> float:
        """Mean points won by the VMs that were on the source."""
        return self.gain / max(self.weight, 1e-12)

    @property
    def priority(self) -> int:
        """Smallest threshold that asks for no more than this; 6 = none."""
        return next((level for level, least in SCORE_GAIN.items() if self.points >= least), 6)


@dataclass(frozen=True, slots=True)
class Considered:
    """One candidate: the first VM row it moves, where to, and what came of it.  Numbers in weighted score points."""

    vm: int
    host: int
    gain: float
    cost: float
    gain_worst: float
    verdict: str


@dataclass(slots=True)
class BalanceOutcome:
    """What balancing did to the plan.

    priority, gain: per moved VM row.  refused: chains below the threshold.  considered: every candidate that got an
    exact look in the last round, with its numbers and its verdict.
    """

    priority: dict[int, int] = field(default_factory=dict)
    gain: dict[int, float] = field(default_factory=dict)
    refused: list[Chain] = field(default_factory=list)
    considered: list[Considered] = field(default_factory=list)


def balance(plan: Plan, movable: Bools) -> BalanceOutcome:
    """Move VMs of ``plan`` until no chain of moves is worth its threshold.  movable: (V,)."""
    outcome = BalanceOutcome()
    if plan.options.threshold <= 1:
        return outcome
    for _ in range(_ROUNDS):
        attempt = plan.copy()
        chains, considered = _relieve(attempt, movable)
        kept = [chain for chain in chains if chain.steps and chain.priority <= plan.options.threshold]
        outcome.refused = [chain for chain in chains if chain.steps and chain.priority > plan.options.threshold]
        outcome.considered = (outcome.considered + considered)[:_KEPT]
        if not kept:
            return outcome
        if len(kept) == len(chains):
            plan.adopt(attempt)
        else:
            _replay(plan, kept)
        for chain in kept:
            _note(outcome, plan, chain)
    return outcome


def _note(outcome: BalanceOutcome, plan: Plan, chain: Chain) -> None:
    for candidate, gain in chain.steps:
        for vm, _ in candidate:
            if plan.host_ix[vm] == plan.start[vm]:
                outcome.priority.pop(vm, None)
                continue
            outcome.priority[vm] = min(chain.priority, outcome.priority.get(vm, 5))
            outcome.gain[vm] = outcome.gain.get(vm, 0.0) + gain / len(candidate)


def _replay(plan: Plan, chains: Iterable[Chain]) -> None:
    """Apply the chains that stand; a step that needed one that fell is left out."""
    for chain in chains:
        for candidate, _ in chain.steps:
            if len(candidate) > 1 or plan.open_hosts(np.array([candidate[0][0]]))[0, candidate[0][1]]:
                for vm, host in candidate:
                    plan.move(vm, host)


def _relieve(plan: Plan, movable: Bools) -> tuple[list[Chain], list[Considered]]:
    """One round on a scratch plan: a chain of moves for every host that loses enough points, worst hosts first."""
    model = ScoreModel(plan)
    values = model.host_values(np.arange(len(plan.load)))
    loss = np.maximum(model.ideal_values() - values, 0.0)
    chains: list[Chain] = []
    considered: list[Considered] = []
    for source in _sources(plan, loss):
        chain = Chain(source, float(plan.load[source, 3]))
        floor = plan.options.min_goodness_ratio * float(loss[source]) + 1e-12
        for _ in range(_most_steps(plan)):
            step = _best_step(plan, model, values, source, movable, floor, considered)
            if step is None:
                break
            _take(plan, model, values, chain, step)
            if model.ideal_value(source) - values[source] <= LEAST_POINTS * max(plan.load[source, 3], 1e-12):
                break
        chains.append(chain)
    return chains, considered


def _sources(plan: Plan, loss: Floats) -> list[int]:
    """Hosts worth relieving, worst first.  A chain wins at most what its host loses, so hosts that lose less than the
    threshold asks for are left alone, but for a few that tell what a bolder threshold would do."""
    points = np.where(plan.snapshot.hosts.running, loss / np.maximum(plan.load[:, 3], 1e-12), 0.0)
    order = np.argsort(-points, kind="stable")
    eligible = [int(h) for h in order if points[h] > max(LEAST_POINTS, SCORE_GAIN[plan.options.threshold])]
    curious = [int(h) for h in order if points[h] > LEAST_POINTS][len(eligible) :][:_CURIOUS]
    return eligible + curious


def _most_steps(plan: Plan) -> int:
    """Moves off one host per cycle: what can finish in the interval, or the operator's limit."""
    limit = plan.options.max_moves_per_host
    return _STEPS if limit is None else limit


def _take(plan: Plan, model: ScoreModel, values: Floats, chain: Chain, step: tuple[Candidate, float]) -> None:
    candidate, gain = step
    hosts = sorted({int(plan.host_ix[vm]) for vm, _ in candidate} | {host for _, host in candidate})
    for vm, host in candidate:
        plan.move(vm, host)
    values[hosts] = model.host_values(np.array(hosts, dtype=np.int64))
    chain.gain += gain
    chain.steps.append(step)


def _best_step(
    plan: Plan, model: ScoreModel, values: Floats, source: int, movable: Bools, floor: float,
    considered: list[Considered],
) -> tuple[Candidate, float] | None:  # fmt: skip
    """The best acceptable step for one source host; a swap is tried where no single move will do."""
    best = _judge(plan, model, values, single_candidates(plan, source, movable), floor, considered)
    return best or _judge(plan, model, values, swap_candidates(plan, source, movable), floor, considered)


def _judge(
    plan: Plan, model: ScoreModel, values: Floats, found: list[Candidate], floor: float,
    considered: list[Considered],
) -> tuple[Candidate, float] | None:  # fmt: skip
    """The candidate with the highest exact gain that is worth its cost and risk."""
    if not found:
        return None
    gains = model.gains(found, values)
    first = np.array([candidate[0] for candidate in found], dtype=np.int64)
    verdict = judge(plan, first[:, 0], first[:, 1], gains)
    good = np.where((gains > floor) & verdict.accepted, gains, -np.inf)
    best = int(good.argmax())
    for index, candidate in enumerate(found):
        if len(considered) < _KEPT:
            said = "too little gain" if gains[index] <= floor else "too costly or risky"
            if good[index] > -np.inf:
                said = "taken" if index == best else "another was better"
            numbers = float(gains[index]), float(verdict.cost[index]), float(verdict.gain_worst[index])
            considered.append(Considered(*candidate[0], *numbers, said))
    return None if good[best] == -np.inf else (found[best], float(gains[best]))


def single_candidates(plan: Plan, source: int, movable: Bools) -> list[Candidate]:
    """The most promising relocations of one unit from a source, by the quick estimate."""
    here = np.zeros(len(plan.on), dtype=bool)
    here[plan.members(source)] = True
    units = movable_units(plan, here & movable)
    if not units:
        return []
    burden = np.stack([plan.burden[unit].sum(axis=0) for unit in units])
    targets = emptiest(plan)
    gains = estimated_gains(plan.load, burden, np.full(len(units), source), plan.snapshot.hosts, targets)
    gains[~_open_to_units(plan, units, burden)[:, targets]] = -np.inf
    best, where = gains.max(axis=1), targets[gains.argmax(axis=1)]
    order = np.argsort(-best, kind="stable")[:_LOOK]
    return [tuple((int(vm), int(where[u])) for vm in units[u]) for u in order if best[u] > 0]


def emptiest(plan: Plan) -> Ints:
    """Open hosts with the lowest use of their scarcest resource."""
    hosts = plan.snapshot.hosts
    used = np.maximum(
        plan.load[:, 0] / np.maximum(hosts.cpu_capacity_mhz, 1e-9),
        plan.load[:, 1] / np.maximum(hosts.mem_capacity_mib, 1e-9),
    )
    open_hosts = np.flatnonzero(plan.accepting)
    return np.take(open_hosts, np.argsort(used[open_hosts], kind="stable")[:_TARGETS])


def movable_units(plan: Plan, wanted: Bools) -> list[Ints]:
    """Single VMs, and groups under an affinity rule that sit on one host and can all move."""
    units: list[Ints] = []
    if (wanted & plan.rules.is_together).any():
        for _, members in plan.rules.together:
            running = members[plan.on[members]]
            if len(running) and wanted[running].all() and len(set(plan.host_ix[running].tolist())) == 1:
                units.append(running)
    single = np.flatnonzero(wanted & ~plan.rules.is_together)
    return units + list(single[:, None])


def _open_to_units(plan: Plan, units: list[Ints], burden: Floats) -> Bools:
    """(n, H) hosts where a whole unit fits, memory demand included (balancing never overfills)."""
    flat = np.concatenate(units)
    should = plan.rules.should_cost[flat]
    worse = should > should[np.arange(len(flat)), plan.host_ix[flat]][:, None]
    open_hosts = plan.open_hosts(flat) & ~worse
    first = np.cumsum([0, *[len(unit) for unit in units[:-1]]])
    whole: Bools = open_hosts[first]
    for index, unit in enumerate(units):
        if len(unit) > 1:
            whole[index] = open_hosts[first[index] : first[index] + len(unit)].all(axis=0)
            whole[index] &= (plan.needs[unit].sum(axis=0) <= plan.room).all(axis=1)
    fill = plan.options.dpm.high_ratio if plan.options.dpm.enabled else 1.0
    room = fill * plan.snapshot.hosts.mem_capacity_mib - plan.load[:, 1]
    fits: Bools = np.less_equal(burden[:, 1][:, None], room[None, :])
    whole &= fits
    return whole
