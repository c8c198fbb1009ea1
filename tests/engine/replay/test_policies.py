"""The policies themselves: overload detection of the peers, forecast, ledger and choices of ours."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.engine.replay import PlacementError, replay, setting
from scheduler.engine.replay.consolidation import ConsolidationPolicy
from scheduler.engine.replay.fleet import HostFleet
from scheduler.engine.replay.forecast import DemandForecast
from scheduler.engine.replay.ledger import Ledger, Work
from scheduler.engine.replay.peers import LocalRegression, StaticThreshold
from scheduler.engine.replay.placement import _swapped, keepers_first, pack_ram
from scheduler.engine.replay.policy import Placement, View
from tests.engine.replay.cases import G4, G5, TESTBED, days, noisy_day, traces

FLEET = HostFleet.of((G4, G5, G4, G5))


def view(demand: list[float], host: list[int], step: int = 1, ram_enforced: bool = False) -> View:
    """VMs of 1000 MIPS and 600 MiB asking for ``demand`` MIPS."""
    n, hosts = len(demand), len(FLEET)
    asked = np.array(demand, dtype=np.float64)
    load = np.bincount(host, asked, hosts) / FLEET.mips
    free = FLEET.ram_mib - 600.0 * np.bincount(host, minlength=hosts) if ram_enforced else np.full(hosts, np.inf)
    return View(
        step, 300.0, FLEET, np.full(n, 1000.0), np.ones(n), np.full(n, 600.0), asked / 1000, asked, np.array(host),
        np.zeros(n, dtype=bool), np.arange(n), load, np.ones(hosts, dtype=bool), free, ram_enforced,
    )  # fmt: skip


def start(n: int, ram_mib: float, ram_enforced: bool = True, mips: float = 500.0) -> Placement:
    ones = np.ones(n)
    return Placement(FLEET, mips * ones, ones, ram_mib * ones, 0.2 * ones, ram_enforced)


def test_the_regression_is_a_straight_line_one_step_ahead() -> None:
    detector = LocalRegression()
    for k in range(12):
        load = detector.observe(view([100.0 + 10 * k, 50.0], [1, 1], step=k))
    assert load[0].tolist() == pytest.approx([210, 220, 1])
    assert load[1].tolist() == pytest.approx([50, 50, 1])


def test_a_short_history_falls_back_to_a_threshold() -> None:
    detector = LocalRegression()
    short = detector.observe(view([900.0, 1000.0], [0, 1]))
    assert short[:, 2].tolist() == [0, 0]
    mips = np.array([1280.0, 1440.0])  # 0.7031 and 0.6944 of the capacity
    assert detector.overloaded(short, mips).tolist() == [True, False]


def test_a_forecast_counts_with_its_safety() -> None:
    load = np.array([[0.0, 833.0, 1.0], [0.0, 834.0, 1.0]])
    assert LocalRegression().overloaded(load, np.full(2, 1000.0)).tolist() == [False, True]
    assert StaticThreshold().overloaded(np.array([[801.0, 0, 0], [799.0, 0, 0]]), np.full(2, 1000.0)).tolist() == [
        True,
        False,
    ]


@given(level=st.floats(10, 900), seed=st.integers(0, 100))
@settings(max_examples=15)
def test_the_forecast_learns_level_and_spread_of_steady_noise(level: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    forecast = DemandForecast.first(np.full(50, 1000.0), np.full(50, level / 1000))
    for _ in range(300):
        forecast.observe(random.normal(level, 40, 50), np.ones(50, dtype=bool))
    assert forecast.level.mean() == pytest.approx(level, rel=0.03, abs=6)
    assert np.sqrt(forecast.variance.mean()) == pytest.approx(40, rel=0.1)


def test_what_all_vms_have_in_common_is_followed_faster_than_any_one_of_them() -> None:
    forecast, running = DemandForecast.first(np.full(50, 1000.0), np.full(50, 0.2)), np.ones(50, dtype=bool)
    running[:10] = False  # finished: what they no longer ask for is no fall of the others
    for step in range(40):
        forecast.observe(np.where(running, 200.0 + 10.0 * step, 0.0), running)
    asked = 200.0 + 10.0 * 39
    assert abs(forecast.level[-1] - asked) < 0.5 * abs(forecast.mean[-1] - asked)


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 3)), max_size=12))
@settings(max_examples=40)
def test_a_ledger_always_adds_up_and_undoes_what_it_did(moves: list[tuple[int, int]]) -> None:
    here = view([10.0, 200, 30, 400, 50, 600, 70, 800], [0, 0, 1, 1, 1, 2, 3, 3], ram_enforced=True)
    forecast = DemandForecast.first(here.mips, here.ratio)
    ledger = Ledger(here, Work.at(here, forecast), np.ones(8, dtype=bool))
    untouched = [ledger.demand.copy(), ledger.level.copy(), ledger.variance.copy(), ledger.free_mib.copy()]
    for vm, host in moves:
        if vm not in ledger.moves and ledger.host[vm] != host:
            ledger.move(vm, host)
    assert ledger.demand.tolist() == pytest.approx(np.bincount(ledger.host, here.demand_mips, 4).tolist())
    assert ledger.count.tolist() == np.bincount(ledger.host, minlength=4).tolist()
    for vm in list(ledger.moves):
        ledger.undo(vm)
    for before, after in zip(untouched, (ledger.demand, ledger.level, ledger.variance, ledger.free_mib), strict=True):
        assert after.tolist() == pytest.approx(before.tolist(), abs=1e-6)
    assert not ledger.receiving.any()


def settled_policy(quiet: View) -> ConsolidationPolicy:
    """Has seen the same samples for long enough to know them."""
    policy = ConsolidationPolicy()
    for step in range(2, 60):
        policy.decide(View(**{**vars(quiet), "step": step}))
    return policy


def test_a_host_that_overflows_sheds_no_more_than_the_overflow() -> None:
    quiet = view([700.0] * 6 + [700.0] * 6, [1] * 6 + [3] * 6)
    policy = settled_policy(quiet)
    loud = view([1000.0] * 5 + [700.0] + [400.0] * 6, [1] * 6 + [3] * 6, step=60)  # 5700 of 5320 on host 1
    moves = policy.decide(loud).moves
    assert [move.host for move in moves] == [3]
    assert loud.demand_mips[moves[0].vm] >= 380


def test_a_quiet_cluster_is_left_alone_and_a_second_look_moves_nothing() -> None:
    quiet = view([700.0] * 6 + [700.0] * 6, [1] * 6 + [3] * 6)
    policy = settled_policy(quiet)
    assert [policy.decide(View(**{**vars(quiet), "step": step})).moves for step in range(60, 80)] == [[]] * 20


def test_a_host_too_many_is_emptied_as_a_whole() -> None:
    spread = view([150.0] * 12, [1] * 6 + [3] * 6)
    policy = ConsolidationPolicy()
    moves = [policy.decide(View(**{**vars(spread), "step": step})).moves for step in range(2, 12)]
    gone = next(step for step in moves if step)
    assert len(gone) == 6
    assert len({spread.host[move.vm] for move in gone}) == 1


def test_packing_opens_no_more_hosts_than_ram_needs_and_spreads_over_them() -> None:
    placed = pack_ram(start(8, ram_mib=1000.0))
    assert np.bincount(placed, minlength=4).max() == 4
    assert len(np.unique(placed)) == 2


def test_where_ram_is_too_tight_to_spread_pairs_change_places() -> None:
    """Eight VMs of 1 GiB fill two hosts of 4 GiB; the great ones were packed onto one of them."""
    given = np.array([2000.0] * 4 + [200.0] * 4)
    here = Placement(FLEET, given, np.ones(8), np.full(8, 1024.0), np.full(8, 0.2), True)
    placed = _swapped(here, np.array([1] * 4 + [3] * 4), np.array([1, 3]))
    assert np.bincount(placed, given, 4).tolist() == [0, 4400, 0, 4400]
    assert np.bincount(placed, minlength=4).tolist() == [0, 4, 0, 4]


def test_quiet_vms_make_room_in_ram_for_those_of_an_overflowing_host() -> None:
    """Host 1 overflows, host 3 has CPU but no RAM free, host 0 RAM but no CPU: host 3's quiet VMs go to host 0."""
    demand, host = [1000.0] * 6 + [5.0] * 6 + [1000.0] * 3, [1] * 6 + [3] * 6 + [0] * 3
    crowded = view(demand, host, ram_enforced=True)
    moves = ConsolidationPolicy().decide(crowded).moves
    assert {(host[move.vm], move.host) for move in moves} == {(3, 0)}
    assert len(moves) == 3  # room for three VMs like the one that has to leave


def test_great_vms_go_where_a_core_can_carry_them() -> None:
    placed = pack_ram(start(2, ram_mib=1000.0, mips=2500.0))
    assert {FLEET.names[host] for host in placed} == {"G5"}


def test_keepers_get_the_greatest_demands() -> None:
    here = start(12, ram_mib=1000.0, ram_enforced=False)
    ratio = np.linspace(0.1, 0.6, 12)
    placed = keepers_first(
        Placement(here.fleet, here.mips, here.cores, here.ram_mib, ratio, ram_enforced=False), np.array([1])
    )
    assert (placed == 1).sum() == 4
    assert ratio[placed == 1].min() > ratio[placed != 1].max() - 0.3


@pytest.mark.parametrize("policy", ["dvfs", "lr-mmt", "ours"])
def test_a_vm_that_fits_nowhere_is_named(policy: str) -> None:
    crowd = traces(np.full((200, 4), 10))
    with pytest.raises(PlacementError, match="fits on no host"):
        replay(crowd, TESTBED, policy, "literature")


@given(day=days)
@settings(max_examples=10)
def test_ours_needs_less_energy_than_leaving_vms_where_they_are(day: object) -> None:
    still = replay(day, TESTBED, "dvfs", "literature")  # type: ignore[arg-type]
    ours = replay(day, TESTBED, "ours", "literature")  # type: ignore[arg-type]
    assert ours.energy_kwh <= still.energy_kwh


def test_a_day_of_another_length_and_step_replays() -> None:
    day = noisy_day(5, samples=7)
    where = setting(day, TESTBED, "physical")
    assert where.work.steps == 7
    assert len(replay(day, TESTBED, "ours", "physical").series.t_s) == 7
