"""The balance planner: the lowest imbalance a budget of moves can reach, and a proof of how much is left on the table.

1. Best single relocations until the budget is spent (what hbal does).
2. Substitutes and swaps until no pair helps.
3. Large-neighbourhood search: shake a few hosts, repair, keep what is better.
4. Send home whatever earns less than it costs.

See docs/strategies/balance.md for measurements against Ganeti's hbal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scheduler.engine.exchange import substitute, swap
from scheduler.engine.problem import BalanceProblem, Floats, Ints
from scheduler.engine.search import EPSILON, Search

_REGION_HOSTS = 10  # measured: smaller regions stall, larger ones cost more than they find
_REPAIR_PASSES = 8
_POLISH_PASSES = 3
_FINEST = 2.0**24  # load shares are looked at in steps of 1/2^24
_KICKS = (4, 9)  # how many moved units a shake displaces
_TO_THE_WORST = 0.7  # how much the choice of a region leans to hosts that are far from the mean
_UPHILL = 0.02  # of the imbalance: so much worse may be kept at first, to get out of a valley


@dataclass(frozen=True, slots=True)
class Balance:
    """A planned assignment.  host: (U,).  bound: no plan within the budget can reach a lower imbalance."""

    host: Ints
    before: float
    after: float
    bound: float
    moves: int


def plan_balance(
    problem: BalanceProblem,
    max_moves: int,
    *,
    shakes: int = 0,
    min_gain: float = 0.0,
    target: float = 0.0,
    seed: int = 1,
    prove: bool = True,
) -> Balance:
    """The best assignment found within ``max_moves``.

    shakes: rounds of large-neighbourhood search (8 per host is a good measure).  min_gain: imbalance that every single
    move has to earn, else it is dropped.
    target: stop once the imbalance is as low as that.  seed: same seed, same plan.
    prove: also find out how low the imbalance could be; else the bound is 0.
    """
    search = Search(problem, max_moves)
    before = search.objective()
    if problem.units and problem.hosts > 1 and max_moves > 0:
        search.descend(target)
        if search.objective() > target:
            _polish(search)
            _shake(search, shakes, np.random.default_rng(seed))
        _send_home(search, min_gain)
    bound = lower_bound(problem, search.host, max_moves) if prove else 0.0
    return Balance(search.host, before, search.objective(), bound, problem.moves(search.host))


def greedy_moves(problem: BalanceProblem) -> int:
    """How many moves a plain best-improvement search makes before it is stuck: a fair budget where none is given."""
    search = Search(problem, problem.units)
    while True:
        value = search.objective()
        unit, host, best = _steepest(search)
        if not best < value - EPSILON:
            return problem.moves(search.host)
        search.relocate(unit, host)


def _steepest(search: Search) -> tuple[int, int, float]:
    """The relocation with the lowest true objective, all looked at."""
    hosts = len(search.free)
    total, square = search.shares.sum(axis=0), (search.shares**2).sum(axis=0)
    scale = search.scale[search.host]
    objective = np.zeros(search.blocked.shape)
    for metric in range(search.load.shape[1]):
        load, source = search.load[:, metric], search.shares[search.host, metric]
        off, on = load * scale[:, metric], np.outer(load, search.scale[:, metric])
        moved_total = total[metric] + on - off[:, None]
        moved_square = square[metric] + on * (2 * search.shares[:, metric] + on) + (off * (off - 2 * source))[:, None]
        variance = np.maximum(moved_square / hosts - (moved_total / hosts) ** 2, 0.0)
        objective += search.weight[metric] * np.sqrt(variance)
    objective[search.blocked] = np.inf
    objective[search.rows, search.host] = np.inf
    unit, host = divmod(int(objective.argmin()), hosts)
    return unit, host, float(objective[unit, host])


def safe_sequence(problem: BalanceProblem, host: Ints) -> tuple[list[tuple[int, int, int]], Ints]:
    """Order the moves so that no host is ever overfilled and no exclusion group ever meets.

    Returns (unit, source, target) in order and the assignment reached; moves that block each other stay undone.
    """
    search = Search(problem, int(problem.cost.sum()))
    pending = [int(unit) for unit in np.flatnonzero(host != problem.home)]
    order: list[tuple[int, int, int]] = []
    while pending:
        waiting = []
        for unit in pending:
            if search.fits(unit, int(host[unit])):
                order.append((unit, int(search.host[unit]), int(host[unit])))
                search.relocate(unit, int(host[unit]))
            else:
                waiting.append(unit)
        if len(waiting) == len(pending):
            break
        pending = waiting
    return order, search.host


def _polish(search: Search) -> None:
    for _ in range(_POLISH_PASSES):
        steps = search.descend() + substitute(search)
        search.retune()
        steps += swap(search)
        search.retune()
        if not steps:
            return


def _shake(search: Search, rounds: int, rng: np.random.Generator) -> None:
    """Large-neighbourhood search: each round works on a copy of a few hosts, and what it finds is kept where it is
    better, at first also where it is a little worse. The best of all is what remains.
    """
    value = search.objective()
    best, host = value, search.host.copy()
    for turn in range(rounds):
        chosen = _region_hosts(search, rng)
        region = search.region(chosen)
        if not _displace(region, rng):
            continue
        _repair(region)
        shares = search.shares.copy()
        shares[chosen] = region.shares
        found = float(shares.std(axis=0) @ search.weight)
        if found < value * (1.0 + _UPHILL * (1.0 - turn / rounds)) - EPSILON and region.budget >= 0:
            value = found
            _adopt(search, region, chosen)
        if value < best - EPSILON:
            best, host = value, search.host.copy()
    search.go_to(host)


def _region_hosts(search: Search, rng: np.random.Generator) -> Ints:
    """A few hosts at random, rather those whose shares are far from the mean."""
    hosts = len(search.free)
    far = (np.abs(search.shares - search.centre) * search.slope).sum(axis=1)
    chance = (1.0 - _TO_THE_WORST) / hosts + _TO_THE_WORST * far / max(float(far.sum()), EPSILON)
    return rng.choice(hosts, min(_REGION_HOSTS, hosts), replace=False, p=chance / chance.sum())


def _repair(region: Search) -> None:
    for _ in range(_REPAIR_PASSES):
        if not (region.descend() + substitute(region) or swap(region)):
            return


def _displace(region: Search, rng: np.random.Generator) -> bool:
    """Send some moved units home and others anywhere."""
    moved = np.flatnonzero(region.moved)
    if len(moved) == 0:
        return False
    count = min(int(rng.integers(*_KICKS)), len(moved))
    for turn, unit in enumerate(rng.choice(moved, count, replace=False)):
        host = int(region.home[unit]) if turn % 2 == 0 else -1
        if host < 0:
            host = int(rng.integers(len(region.free)))
        if host != region.host[unit] and region.fits(int(unit), host):
            region.relocate(int(unit), host)
    return True


def _adopt(search: Search, region: Search, chosen: Ints) -> None:
    """Carry a region's assignment over to the whole."""
    target = search.host.copy()
    target[region.units] = chosen[region.host]
    search.go_to(target)


def _send_home(search: Search, min_gain: float) -> None:
    """The fewest moves for the gain: undo every move that improves the imbalance by less than ``min_gain``."""
    if min_gain <= 0:
        return
    for _ in range(len(search.host)):
        value = search.objective()
        worst, loss = -1, min_gain
        for unit in np.flatnonzero(search.moved):
            if search.fits(int(unit), int(search.home[unit])):
                without = _objective_at_home(search, int(unit))
                if without - value < loss * search.cost[unit]:
                    worst, loss = int(unit), (without - value) / float(search.cost[unit])
        if worst < 0:
            return
        search.relocate(worst, int(search.home[worst]))
    search.retune()


def _objective_at_home(search: Search, unit: int) -> float:
    """The imbalance if one moved unit had stayed at home."""
    home, host = search.home[unit], search.host[unit]
    shares = search.shares.copy()
    shares[host] -= search.load[unit] * search.scale[host]
    shares[home] += search.load[unit] * search.scale[home]
    return float(shares.std(axis=0) @ search.weight)


def lower_bound(problem: BalanceProblem, host: Ints, max_moves: int, rounds: int = 40) -> float:
    """An imbalance below which no plan of at most ``max_moves`` moves can fall.

    A standard deviation is the support function ``max u·x/√H`` over unit vectors u orthogonal to 1.  With u fixed the
    objective is linear in the assignment, so the best plan for it takes the ``max_moves`` most profitable moves; that
    value is a lower bound for every u.  Frank-Wolfe steps from the plan found improve u.  Room on hosts and rules
    between VMs are relaxed, which can only lower the bound.  Loads come in steps (a vCPU, a memory module), which gives
    a second bound that no budget can beat; the better one counts.
    """
    if problem.units == 0 or problem.hosts < 2:
        return 0.0
    return max(_linear_bound(problem, host, max_moves, rounds), _granularity_bound(problem))


def _linear_bound(problem: BalanceProblem, host: Ints, max_moves: int, rounds: int) -> float:
    start = problem.shares(problem.home)
    point, best = problem.shares(host), 0.0
    barrier = np.where(problem.allowed, 0.0, np.inf)
    price = np.empty_like(barrier)
    for turn in range(rounds):
        direction = _direction(point, problem.weight)
        np.matmul(problem.load, (direction * problem.inverse_capacity).T, out=price)
        value, answer = _best_response(problem, start, direction, price, barrier, max_moves)
        best = max(best, value)
        point += (answer - point) * (2.0 / (turn + 2.0) if turn else 0.05)
    return best


def _granularity_bound(problem: BalanceProblem) -> float:
    """Σ_k of the least deviation that loads in multiples of a common step allow on equal hosts."""
    scale = problem.inverse_capacity
    if (scale != scale[0]).any() or (problem.base != problem.base[0]).any():
        return 0.0
    hosts, total = problem.hosts, 0.0
    for metric in range(problem.load.shape[1]):
        load = problem.load[:, metric] * scale[0, metric]
        whole = np.rint(load * _FINEST)
        if np.abs(whole - load * _FINEST).max() > 1e-6 * max(float(whole.max()), 1.0) or whole.max() > 2**53:
            continue
        step = int(np.gcd.reduce(whole.astype(np.int64)))
        rest = int(whole.sum() // step) % hosts if step else 0
        total += float(problem.weight[metric]) * step / _FINEST * float(np.sqrt(rest * (hosts - rest))) / hosts
    return total


def _direction(shares: Floats, weight: Floats) -> Floats:
    """(H, K) gradient of the objective: centred, unit length per metric, weighted."""
    centred = shares - shares.mean(axis=0)
    length = np.sqrt((centred**2).sum(axis=0))
    gradient: Floats = centred / np.maximum(length, 1e-12) * weight / np.sqrt(len(shares))
    return gradient


def _best_response(
    problem: BalanceProblem, start: Floats, direction: Floats, price: Floats, barrier: Floats, max_moves: int
) -> tuple[float, Floats]:
    """Value and (H, K) shares of the best divisible plan for a linear objective.

    price: (U, H) of each unit on each host, overwritten; barrier: (U, H) inf where it may not go, 0 elsewhere.
    """
    rows = np.arange(problem.units)
    stay = price[rows, problem.home]
    price += barrier
    target = price.argmin(axis=1)
    gain = np.maximum(stay - price[rows, target], 0.0)
    order = np.argsort(-gain / problem.cost, kind="stable")
    spent = np.cumsum(problem.cost[order])
    part = np.clip((max_moves - (spent - problem.cost[order])) / problem.cost[order], 0.0, 1.0)
    part[gain[order] <= 0] = 0.0
    value = float((start * direction).sum() - (gain[order] * part).sum())
    shares = start.copy()
    weighted = problem.load[order] * part[:, None]
    np.add.at(shares, problem.home[order], -weighted * problem.inverse_capacity[problem.home[order]])
    np.add.at(shares, target[order], weighted * problem.inverse_capacity[target[order]])
    return value, shares
