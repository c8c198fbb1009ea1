"""Both settings: the quirks of the literature's, the physics of the other, and what holds in each for every policy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.engine.replay import POLICIES, SEMANTICS, ReplayError, ReplayResult, Setting, replay, setting
from scheduler.engine.replay.fleet import HostFleet
from scheduler.engine.replay.literature import LiteratureDay
from scheduler.engine.replay.physical import PhysicalDay
from scheduler.engine.replay.policy import GONE, Decision, Move, Placement, PolicyTraits, View
from tests.engine.replay.cases import G4, G5, TESTBED, Watched, days, noisy_day, traces

MOVERS = ("lr-mmt", "thr-mmt", "ours")


def run(where: Setting, policy: object, seed: int = 0) -> ReplayResult:
    if where.semantics == "literature":
        return LiteratureDay(where.fleet, where.work, policy).run()  # type: ignore[arg-type]
    return PhysicalDay(where.fleet, where.work, policy, seed).run()  # type: ignore[arg-type]


class Scripted:
    """Puts VMs where it is told, and moves at the steps it is told."""

    traits = PolicyTraits("scripted")

    def __init__(self, hosts: list[int], moves: dict[int, list[Move]] | None = None) -> None:
        self.hosts, self.moves = np.array(hosts, dtype=np.int64), moves or {}

    def place(self, start: Placement) -> np.ndarray:
        return self.hosts

    def decide(self, view: View) -> Decision:
        return Decision(self.moves.get(view.step, []))


def steady(*percent: int, samples: int = 5) -> Setting:
    """VMs of 2500, 2000, 1000, 500 MIPS (as many of each) at constant use."""
    return setting(traces([[p] * samples for p in percent]), TESTBED, "literature")


def test_a_host_without_load_is_off_and_the_first_step_is_free() -> None:
    where = steady(50, 50, 50, 50)
    result = run(where, Scripted([1, 1, 3, 3]))
    watts = np.interp([2250 / 5320, 750 / 5320], np.arange(11) / 10, G5.watts).sum()
    assert result.energy_kwh == pytest.approx(watts * 3 * 300 / 3.6e6)
    assert result.series.hosts_on.tolist() == [2, 2, 2, 2]


def test_hosts_without_power_management_draw_their_peak_all_day() -> None:
    result = replay(traces([[50] * 5] * 4), TESTBED, "npa", "literature")
    assert result.energy_kwh == pytest.approx(6 * (117 + 135) * 4 * 300 / 3.6e6)


def test_a_vm_that_asks_for_nothing_twice_is_finished_for_good() -> None:
    where = setting(traces([[9, 0, 0, 90, 90, 90], [9, 0, 9, 0, 9, 9]] * 2), TESTBED, "literature")
    watched = Watched(Scripted([1, 3, 5, 7]))
    result = run(where, watched)
    assert result.dropped == 2
    assert [(view.host == GONE).tolist() for view in watched.views[:2]] == [[True, False, True, False]] * 2


def test_overload_is_shared_out_in_whole_mips() -> None:
    where = steady(99, 99, 99, 99)  # 2475 + 1980 + 990 + 495 = 5940 on 5320
    result = run(where, Scripted([1, 1, 1, 1]))
    got = sum(np.floor(mips * 5320 / 5940) for mips in (2475, 1980, 990, 495))
    assert result.unserved_ratio == pytest.approx(1 - got / 5940)
    assert result.slatah == 1.0
    assert result.pdm == 0.0


def test_a_vm_gets_no_more_than_a_core() -> None:
    result = run(steady(90, 10, 10, 10), Scripted([0, 1, 1, 1]))  # 2250 MIPS on cores of 1860
    assert result.unserved_ratio == pytest.approx((2250 - 1860) / (2250 + 200 + 100 + 50))


def test_a_move_costs_a_tenth_for_the_time_of_its_ram_and_marks_both_hosts() -> None:
    where = steady(40, 40, 40, 40, samples=4)
    result = run(where, Scripted([1, 1, 3, 3], {2: [Move(0, 3)]}))
    seconds, total_s = 870 / 62.5, 2 * 300.0
    assert result.migrations == 1
    assert result.pdm == pytest.approx(0.1 * 1000 * seconds / (2400 * total_s))
    assert result.slatah == pytest.approx(seconds / (2 * total_s))  # the destination, which asks for all of it


@pytest.mark.parametrize("semantics", SEMANTICS)
@pytest.mark.parametrize("policy", MOVERS)
@given(day=days)
@settings(max_examples=6)
def test_every_vm_is_on_exactly_one_host_and_moves_are_to_other_hosts(policy: str, semantics: str, day: object) -> None:
    where = setting(day, TESTBED, semantics)  # type: ignore[arg-type]
    watched = Watched(POLICIES[policy]())
    run(where, watched)
    for view, decision in zip(watched.views, watched.decisions, strict=True):
        known = (view.host == GONE) | ((view.host >= 0) & (view.host < len(where.fleet)))
        assert known.all()
        assert semantics == "literature" or not (view.host == GONE).any()
        for move in decision.moves:
            assert view.host[move.vm] not in (GONE, move.host)
            assert not view.moving[move.vm]


@pytest.mark.parametrize("policy", MOVERS)
@given(day=days)
@settings(max_examples=8)
def test_ram_is_never_promised_twice(policy: str, day: object) -> None:
    where = setting(day, TESTBED, "physical")  # type: ignore[arg-type]
    watched = Watched(POLICIES[policy]())
    result = run(where, watched)
    assert result.details["ram_peak_ratio"] <= 1.0
    for view in watched.views:
        used = np.bincount(view.host, view.ram_mib, len(where.fleet))
        assert (used <= where.fleet.ram_mib).all()


@pytest.mark.parametrize("semantics", SEMANTICS)
@pytest.mark.parametrize("policy", MOVERS)
@given(seed=st.integers(0, 1000), step=st.integers(2, 20))
@settings(max_examples=6)
def test_no_decision_knows_the_future(policy: str, semantics: str, seed: int, step: int) -> None:
    """Other samples later change nothing before (the literature's clock itself looks one sample ahead, see above)."""
    day = noisy_day(seed)
    known = step + (2 if semantics == "literature" else 1)
    other = day.cpu_pct.copy()
    other[:, known:] = noisy_day(seed + 1).cpu_pct[:, known:]
    both = [Watched(POLICIES[policy]()), Watched(POLICIES[policy]())]
    for samples, watched in zip((day.cpu_pct, other), both, strict=True):
        run(setting(replace(day, cpu_pct=samples), TESTBED, semantics), watched)
    assert np.array_equal(both[0].placement, both[1].placement)  # type: ignore[arg-type]
    assert both[0].decisions[:step] == both[1].decisions[:step]


@pytest.mark.parametrize("semantics", SEMANTICS)
@given(day=days, more=st.integers(1, 30))
@settings(max_examples=10)
def test_more_work_in_the_same_places_never_takes_less_energy(semantics: str, day: object, more: int) -> None:
    busier = replace(day, cpu_pct=np.where(day.cpu_pct > 0, np.minimum(day.cpu_pct + more, 100), 0).astype(np.uint8))  # type: ignore[attr-defined, type-var]
    quiet, busy = (run(setting(d, TESTBED, semantics), POLICIES["dvfs"]()) for d in (day, busier))  # type: ignore[arg-type]
    assert busy.energy_kwh >= quiet.energy_kwh - 1e-9


@pytest.mark.parametrize("semantics", SEMANTICS)
@pytest.mark.parametrize("policy", sorted(POLICIES))
def test_figures_are_in_range_repeatable_and_above_the_bound(policy: str, semantics: str) -> None:
    day = noisy_day(3)
    first, second = (replay(day, TESTBED, policy, semantics).to_dict() for _ in range(2))
    assert first == second
    for ratio in ("slatah", "pdm", "slav", "unserved_ratio"):
        assert 0 <= first[ratio] <= 1
    billed = {"literature": 22, "physical": 24}[semantics]  # the literature's last step ends with its last migration
    assert first["energy_kwh"] >= first["bound_kwh"] * billed / (billed + (semantics == "literature")) * 0.999
    assert {len(column) for column in first["series"].values()} == {len(first["series"]["t_s"])}
    assert min(first["series"]["power_w"]) >= 0


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ReplayError, match="unknown policy best"):
        replay(noisy_day(1), TESTBED, "best", "physical")
    with pytest.raises(ReplayError, match="unknown semantics real"):
        replay(noisy_day(1), TESTBED, "ours", "real")


def two_hosts(percent: list[list[int]], count: int = 3) -> Setting:
    where = setting(traces(percent), TESTBED, "physical")
    work = replace(where.work, ram_mib=np.full(len(where.work), 600.0))
    return Setting(HostFleet.of((G5,) * count), work, "physical")


def test_a_move_to_a_dark_host_waits_for_the_boot_and_the_emptied_host_stops() -> None:
    where = two_hosts([[40] * 12, [40] * 12, [40] * 12, [40] * 12], count=2)
    watched = Watched(Scripted([0, 0, 0, 0], {1: [Move(vm, 1) for vm in range(4)]}))
    result = run(where, watched)
    homes = [set(view.host.tolist()) for view in watched.views]
    assert homes[0] == {0}
    assert homes[-1] == {1}
    assert result.details["boots"] == 1
    assert result.series.hosts_on.tolist()[:3] == [1, 2, 2]
    assert result.series.hosts_on[-1] == 1


def test_a_boot_and_a_stop_are_billed() -> None:
    percent = [[40] * 12] * 4
    still = run(two_hosts(percent, 2), Scripted([0, 0, 0, 0]))
    moved = run(two_hosts(percent, 2), Scripted([0, 0, 0, 0], {1: [Move(vm, 1) for vm in range(4)]}))
    boot_j = G5.watts[5] * 150  # the shortest boot there is
    assert moved.energy_kwh - still.energy_kwh > boot_j / 3.6e6


def test_moves_share_the_wire_and_wait_for_slots() -> None:
    where = two_hosts([[5] * 6] * 8, count=2)
    alone = run(where, Scripted([0] * 6 + [1] * 2, {1: [Move(0, 1)]}))
    crowd = run(where, Scripted([0] * 6 + [1] * 2, {1: [Move(vm, 1) for vm in range(4)] + [Move(6, 0)]}))
    assert crowd.details["waiting_peak"] == 5
    assert alone.pdm == pytest.approx(0.1 * 125 * (600 / 62.5) / (600 * 6 * 300))
    # Four share a port and take four times as long; the fifth has to wait and then has the port for itself.
    assert crowd.pdm == pytest.approx(((125 + 125 + 100 + 100) * 4 + 25) / 125 * alone.pdm)


def test_a_move_without_ram_at_its_destination_does_not_happen() -> None:
    where = two_hosts([[5] * 6] * 8, count=2)
    ram = replace(where.work, ram_mib=np.full(8, 1000.0))
    watched = Watched(Scripted([0] * 4 + [1] * 4, {1: [Move(0, 1)]}))
    result = PhysicalDay(where.fleet, ram, watched).run()
    assert watched.views[-1].host.tolist() == [0] * 4 + [1] * 4
    assert not watched.views[-1].moving.any()
    assert result.details["ram_peak_ratio"] <= 1.0


def test_unmoved_hosts_of_another_kind_are_in_the_fleet_as_given() -> None:
    where = setting(noisy_day(1), TESTBED, "literature")
    assert where.fleet.names[:2] == (G4.name, G5.name)
    assert where.work.mips.tolist() == [2500] * 4 + [2000] * 4 + [1000] * 4 + [500] * 4
