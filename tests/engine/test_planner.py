"""The balance planner and the htools reader."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.engine.htools import HtoolsError, parse_snapshot
from scheduler.engine.htools_run import balance_snapshot
from scheduler.engine.planner import greedy_moves, lower_bound, plan_balance, safe_sequence
from scheduler.engine.problem import BalanceProblem, simple_problem
from scheduler.engine.search import EPSILON, Screen, Search

SEEDS = st.integers(0, 2**32 - 1)


def _problem(seed: int, units: int = 40, hosts: int = 5) -> BalanceProblem:
    rng = np.random.default_rng(seed)
    home = rng.integers(0, hosts, units)
    memory = rng.choice([1.0, 2.0, 4.0], units)
    free = np.bincount(home, memory, hosts).max() + rng.integers(1, 9) - np.bincount(home, memory, hosts)
    load = np.column_stack([rng.random(units), memory])
    return simple_problem(load, 1 / rng.choice([8.0, 16.0], (hosts, 2)), home, memory[:, None], free[:, None])


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.integers(0, 30))
def test_a_plan_is_never_worse_stays_in_budget_and_above_its_bound(seed: int, budget: int) -> None:
    problem = _problem(seed)
    plan = plan_balance(problem, budget, shakes=5, seed=seed)
    assert plan.moves == problem.moves(plan.host) <= budget
    assert plan.after <= plan.before + 1e-9
    assert plan.after >= plan.bound - 1e-9
    assert plan.after == pytest.approx(problem.objective(plan.host))


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.integers(1, 40))
def test_shaking_never_leaves_a_worse_plan_than_not_shaking(seed: int, shakes: int) -> None:
    problem = _problem(seed)
    still, shaken = (plan_balance(problem, 12, shakes=n, seed=seed, prove=False) for n in (0, shakes))
    assert shaken.after <= still.after + 1e-9
    assert shaken.moves <= 12


def test_shaking_finds_what_single_relocations_and_swaps_do_not() -> None:
    problem = _problem(3, units=300, hosts=20)
    still, shaken = (plan_balance(problem, 100, shakes=n, prove=False).after for n in (0, 128))
    assert shaken < 0.3 * still


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_no_host_is_overfilled_at_any_step(seed: int) -> None:
    problem = _problem(seed)
    order, final = safe_sequence(problem, plan_balance(problem, 25, shakes=5).host)
    free, host = problem.free.copy(), problem.home.copy()
    for unit, source, target in order:
        assert host[unit] == source
        free[target] -= problem.need[unit]
        assert (free >= -1e-9).all(), "the copy arrives before the original leaves"
        free[source] += problem.need[unit]
        host[unit] = target
    assert (host == final).all()


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_the_bound_holds_against_every_assignment(seed: int) -> None:
    rng = np.random.default_rng(seed)
    home = rng.integers(0, 3, 6)
    load = rng.choice([1.0, 2.0, 3.0], (6, 2))
    problem = simple_problem(load, np.full((3, 2), 0.125), home, np.ones((6, 1)), np.full((3, 1), 99.0))
    for budget in (1, 2, 6):
        possible = [np.array(host) for host in product(range(3), repeat=6)]
        best = min(problem.objective(host) for host in possible if problem.moves(host) <= budget)
        assert lower_bound(problem, home, budget) <= best + 1e-9
        assert plan_balance(problem, budget, shakes=5).after >= best - 1e-9


def test_exclusion_groups_are_never_brought_together() -> None:
    plain = _problem(3)
    apart = np.zeros((plain.units, 2), dtype=bool)
    apart[:5, 0] = True
    apart[10:14, 1] = True
    home = plain.home.copy()
    home[:5], home[10:14] = np.arange(5), np.arange(4)
    fields = {name: getattr(plain, name) for name in plain.__slots__}
    problem = BalanceProblem(**{**fields, "apart": apart, "home": home, "occupied": np.zeros((5, 2), dtype=int),
                                "free": np.full((5, 1), 99.0)})  # fmt: skip
    host = plan_balance(problem, 40, shakes=20).host
    for group in range(2):
        assert len(set(host[apart[:, group]])) == apart[:, group].sum()


# --- htools ---------------------------------------------------------------------------------------------------------
def _text(vms: int = 40, seed: int = 1) -> tuple[str, str]:
    rng = np.random.default_rng(seed)
    nodes = rng.choice(4, vms, p=[0.6, 0.2, 0.1, 0.1])
    memory = rng.choice([1024, 2048, 4096], vms)
    used = np.bincount(nodes, memory, 4)
    data = ["g1|uuid-g1|preferred||", ""]
    data += [f"n{i}|262144|1024|{262144 - 1024 - used[i]}|0|0|16|N|uuid-g1|1||N|0|0|1.0" for i in range(4)] + [""]
    data += [f"v{i}|{memory[i]}|0|2|running|Y|n{nodes[i]}||ext|tier:a{i % 9}|1" for i in range(vms)] + ["", "", ""]
    util = [f"v{i} {rng.random() / 10:.4f} {rng.random() / 20:.4f} 0 0" for i in range(vms)]
    return "\n".join(data), "\n".join(util)


def test_a_snapshot_is_balanced_within_the_moves_of_a_greedy_search() -> None:
    cluster = parse_snapshot(*_text())
    budget = greedy_moves(cluster.problem)
    plan = balance_snapshot(cluster)
    assert 0 < plan.moves <= budget
    assert plan.score_after < plan.score_before
    assert plan.bound <= plan.score_after
    assert len({step[0] for step in plan.steps}) == len(plan.steps) == plan.moves


def test_exclusion_tags_of_the_cluster_become_rules() -> None:
    data, util = _text()
    tagged = data.rstrip("\n") + "\n\nhtools:iextags:tier\n\n"
    problem = parse_snapshot(tagged, util).problem
    assert problem.apart.shape[1] == 9
    assert parse_snapshot(data, util).problem.apart.shape[1] == 0


def _break(data: str, old: str, new: str) -> str:
    assert old in data
    return data.replace(old, new, 1)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("v0|", "v1|", "appears twice"),
        ("v0|", "v0\nv00|", "data line 8: an instance has 9 fields or more, found 1"),
        ("n1|262144", "n1|lots", "data line 4: “lots” is not a number"),
        ("n1|262144", "n1|-5", "data line 4"),
        ("n1|262144", "n1|nan", "data line 4"),
        ("|16|N|", "|0|N|", "no memory or no processors"),
        ("|16|N|", "|16|X|", "is not Y, N or M"),
        ("Y|n0||", "Y|n9||", "unknown node"),
        ("Y|n0||", "Y|n0|n1|", "secondary node"),
        ("g1|uuid-g1|preferred||\n", "g1|a|p||\ng2|b|p||\n", "one group"),
    ],
)
def test_bad_snapshots_say_what_and_where(old: str, new: str, message: str) -> None:
    data, util = _text()
    with pytest.raises(HtoolsError, match=message):
        parse_snapshot(_break(data, old, new), util)


@pytest.mark.parametrize(
    ("util", "message"),
    [
        ("v0 0.1 0.1 0", "util line 1: expected a name and four numbers"),
        ("v0 0.1 0.1 0 0\nv0 0.1 0.1 0 0", "util line 2: instance v0 appears twice"),
        ("ghost 0.1 0.1 0 0", "util line 1: there is no instance ghost"),
        ("v0 x 0.1 0 0", "util line 1: “x” is not a number"),
        ("v0 inf 0.1 0 0", "util line 1"),
    ],
)
def test_bad_utilisation_says_what_and_where(util: str, message: str) -> None:
    with pytest.raises(HtoolsError, match=message):
        parse_snapshot(_text()[0], util)


@pytest.mark.parametrize("data", ["", "\n\n\n", "just one line", "g|u|p||\n\n\n\n"])
def test_something_else_is_no_snapshot(data: str) -> None:
    with pytest.raises(HtoolsError):
        parse_snapshot(data)


@pytest.mark.parametrize("seed", range(12))
def test_the_best_relocation_is_the_one_that_looking_at_all_exactly_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    problem = _problem(seed, units=int(rng.integers(1, 60)), hosts=int(rng.integers(2, 9)))
    if seed % 3 == 0:  # not everybody may go everywhere
        forbidden = rng.random(problem.allowed.shape) < 0.3
        forbidden[np.arange(problem.units), problem.home] = False
        problem = replace(problem, allowed=~forbidden)
    search = Search(problem, int(rng.integers(1, 40)))
    screen = Screen(search)
    for _ in range(80):
        gains = search.gains()
        gains[~search.moved & (search.cost > search.budget)] = np.inf
        lowest = float(gains.min())
        found = screen.best()
        if found is None:
            assert lowest >= -2 * EPSILON
            return
        assert gains[found] == pytest.approx(lowest, rel=1e-9, abs=1e-12)
        source = int(search.host[found[0]])
        search.relocate(*found)
        screen.moved(found[0], source)
        search.retune()
    pytest.fail("a descent has to end")
