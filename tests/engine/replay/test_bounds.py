"""The bounds: right where the answer is known, and never above what a policy needed."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.engine.replay import POLICIES, SEMANTICS, bound_kwh, bound_w, bound_whole_kwh, run_policy, setting
from scheduler.engine.replay.bounds import HostKind, finished, liquid_bound_w, ram_bound_w, whole_bound_w
from tests.engine.replay.cases import BENT, G4, G5, TESTBED, days, noisy_day, traces

KINDS = [HostKind(400, G4.mips, G4.ram_mib, np.array(G4.watts)), HostKind(400, G5.mips, G5.ram_mib, np.array(G5.watts))]


def test_full_hosts_of_the_most_efficient_kind_are_the_cheapest_way_to_do_their_work() -> None:
    assert liquid_bound_w(KINDS, np.array([10 * 5320.0])).tolist() == pytest.approx([10 * 135])


def test_a_small_rest_goes_to_the_host_that_does_it_cheapest() -> None:
    bound = liquid_bound_w(KINDS, np.array([372.0]))[0]
    assert bound == pytest.approx(89.4, abs=0.1)  # a G4 at 10 %, where a G5 would draw 96


@given(demand=st.floats(0, 4 * 3720.0))
@settings(max_examples=30)
def test_no_choice_of_a_few_hosts_at_tenths_of_load_beats_the_bound(demand: float) -> None:
    bound = liquid_bound_w(KINDS, np.array([demand]))[0]
    options = [(0.0, 0.0)] + [(k.mips * j / 10, float(k.watts[j])) for k in KINDS for j in range(11)]
    best = min(
        sum(power for _, power in chosen)
        for chosen in product(options, repeat=3)
        if sum(mips for mips, _ in chosen) >= min(demand, 3 * 5320)
    )
    assert bound <= best + 1e-6


def test_where_ram_needs_all_hosts_their_idle_power_is_the_floor() -> None:
    small = [HostKind(10, G4.mips, G4.ram_mib, np.array(G4.watts))]
    bound = ram_bound_w(small, np.array([0.0]), 10 * 4096.0)[0]
    assert bound == pytest.approx(860, rel=1e-4)


def test_the_floor_rises_with_the_work_and_with_the_ram() -> None:
    demand = np.linspace(0, 200_000, 9)
    some, more = ram_bound_w(KINDS, demand, 100 * 4096.0), ram_bound_w(KINDS, demand, 200 * 4096.0)
    assert (np.diff(some) > 0).all()
    assert (more > some).all()


def test_finished_vms_are_those_that_ask_for_nothing_twice() -> None:
    day = traces([[0, 0, 5, 5], [5, 0, 0, 5], [5, 5, 5, 0], [5, 0, 5, 5]])
    work = setting(day, TESTBED, "literature").work
    assert finished(work)[:, -1].tolist() == [False, True, True, False]


@pytest.mark.parametrize("semantics", SEMANTICS)
@given(day=days)
@settings(max_examples=5)
def test_no_policy_undercuts_the_bound(semantics: str, day: object) -> None:
    """In the literature's setting over the steps that it bills: the first is free, the last ends before its time."""
    where = setting(day, TESTBED, semantics)  # type: ignore[arg-type]
    power_w = bound_w(where.fleet, where.work, semantics)
    assert bound_kwh(where.fleet, where.work, semantics) == pytest.approx(power_w.sum() * 300 / 3.6e6)
    billed = np.minimum(power_w[:-1], power_w[1:]) if semantics == "literature" else power_w
    result = run_policy(where, "ours")
    served = 1 - result.unserved_ratio
    assert result.energy_kwh >= billed.sum() * 300 / 3.6e6 * served * 0.999


def test_the_bound_knows_no_policy() -> None:
    where = setting(noisy_day(2), TESTBED, "physical")
    before = bound_kwh(where.fleet, where.work, "physical")
    for policy in POLICIES:
        run_policy(where, policy)
    assert bound_kwh(where.fleet, where.work, "physical") == before


THREE = HostKind(3, BENT.mips, BENT.ram_mib, np.array(BENT.watts))


@given(load=st.floats(0, 3), ram=st.integers(0, 3))
@settings(max_examples=40)
def test_whole_hosts_need_what_the_best_of_all_splits_needs(load: float, ram: int) -> None:
    """All hosts but one at twentieths of load, the last one with what is left: finer than the bound's own choice."""
    best = np.inf
    for hosts in range(max(ram, 1), 4):
        for split in product(np.arange(21) / 20, repeat=hosts - 1):
            rest = load - sum(split)
            if -1e-9 <= rest <= 1 + 1e-9:
                best = min(best, float(np.interp((*split, rest), np.arange(11) / 10, BENT.watts).sum()))
    assert whole_bound_w(THREE, np.array([load * BENT.mips]), ram * BENT.ram_mib)[0] == pytest.approx(best)


def test_whole_hosts_never_need_less_than_fractions_of_hosts() -> None:
    demand = np.linspace(0, 3, 31) * BENT.mips
    whole = whole_bound_w(THREE, demand, 1.7 * BENT.ram_mib)
    assert (whole >= ram_bound_w([THREE], demand, 1.7 * BENT.ram_mib) - 1e-6).all()
    assert whole[0] == 2 * BENT.watts[0]


def test_whole_hosts_are_counted_only_where_hosts_are_equal() -> None:
    mixed = setting(noisy_day(2), TESTBED, "physical")
    assert bound_whole_kwh(mixed.fleet, mixed.work) is None
