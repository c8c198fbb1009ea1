"""Busy VMs together, VMs that may rise at once apart, where hosts cost most in their first tenth of load."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.testbed import HostModel, load_testbed
from domain.traces import load_traces
from scheduler.engine.replay import Setting, bound_kwh, bound_whole_kwh, run_policy, setting
from scheduler.engine.replay.concentration import Concentration, is_bent
from scheduler.engine.replay.consolidation import ConsolidationPolicy
from scheduler.engine.replay.fleet import HostFleet, Workload
from scheduler.engine.replay.physical import PhysicalDay
from scheduler.engine.replay.policy import Decision, Placement, View
from scheduler.engine.replay.rises import PAST_KEPT, Rises, size_classes
from scheduler.engine.replay.search import PlacementSearch
from tests.engine.replay.cases import BENT, DATA, G4, G5, TESTBED, Watched, needs_data, traces


def sized(percent: np.ndarray, cores: list[int], ram_mib: list[float], hosts: int = 4) -> Setting:
    """VMs of 2500 MIPS a core on bent hosts (8 cores, 16 GiB)."""
    where = setting(traces(percent), TESTBED, "physical")
    work = replace(where.work, mips=2500.0 * np.array(cores), cores=np.array(cores, float), ram_mib=np.array(ram_mib))
    return Setting(HostFleet.of((BENT,) * hosts), work, "physical")


def mixed_day(seed: int, samples: int = 40) -> Setting:
    """Sixteen steady or idle small VMs, and eight greater ones that rise together from time to time."""
    random = np.random.default_rng(seed)
    level = np.where(random.random((16, 1)) < 0.4, random.uniform(40, 90, (16, 1)), 1)
    small = np.clip(level + random.normal(0, 3, (16, samples)), 0, 100)
    great = np.where(random.random(samples) < 0.15, 95, 2) + random.normal(0, 2, (8, samples))
    percent = np.clip(np.concatenate((small, great)), 0, 100).astype(np.uint8)
    return sized(percent, [1] * 16 + [2] * 8, [1024.0] * 16 + [3072.0] * 8)


def start_of(where: Setting) -> Placement:
    work: Workload = where.work
    return Placement(where.fleet, work.mips, work.cores, work.ram_mib, work.ratio(0), ram_enforced=True)


@pytest.mark.parametrize(("model", "bent"), [(G4, False), (G5, False), (BENT, True)])
def test_load_is_cheaper_together_on_some_models_only(model: HostModel, bent: bool) -> None:
    assert is_bent(HostFleet.of((model,) * 3)) is bent


def test_a_mix_of_models_is_left_to_the_even_spread() -> None:
    assert not is_bent(HostFleet.of((BENT, replace(BENT, ram_mib=32_768))))


def test_steady_vms_start_together_and_quiet_ones_apart_from_them() -> None:
    """24 VMs of 2 GiB fill three hosts; four of them ask for a whole core each, half a host together."""
    where = sized(np.array([[100] * 3] * 4 + [[0] * 3] * 20), [1] * 24, [2048.0] * 24)
    placed = ConsolidationPolicy().place(start_of(where))
    assert len(np.unique(placed)) == 3
    assert len(np.unique(placed[:4])) == 1


def test_vms_alike_start_apart() -> None:
    """Six idle VMs of four cores, which nobody has seen rise: three hosts could not carry three of them on one."""
    where = sized(np.array([[0] * 3] * 6 + [[0] * 3] * 12), [4] * 6 + [1] * 12, [4096.0] * 6 + [2048.0] * 12)
    placed = ConsolidationPolicy().place(start_of(where))
    assert np.bincount(placed[:6])[np.unique(placed)].tolist() == [2, 2, 2]


def test_vms_that_rose_together_are_parted_before_they_rise_again() -> None:
    percent = np.ones((8, 30), dtype=np.uint8)
    percent[:3, 10:12] = percent[:3, 20:22] = 100  # three VMs of four cores, of different sizes: nobody could know
    where = sized(percent, [4] * 3 + [1] * 5, [1024.0, 2100.0, 4200.0] + [1024.0] * 5, hosts=2)
    policy = ConsolidationPolicy()
    policy.concentration = Concentration.begin(start_of(where))
    watched = Watched(_At(policy, [0] * 3 + [1] * 5))
    PhysicalDay(where.fleet, where.work, watched).run()
    homes = watched.views[18].host[:3]
    assert len(np.unique(homes)) == 2


class _At:
    """A policy that begins where it is told."""

    def __init__(self, policy: ConsolidationPolicy, hosts: list[int]) -> None:
        self.policy, self.hosts, self.traits = policy, np.array(hosts), policy.traits

    def place(self, start: Placement) -> np.ndarray:
        return self.hosts

    def decide(self, view: View) -> Decision:
        return self.policy.decide(view)


def test_vms_alike_have_as_many_cores_and_about_as_much_ram() -> None:
    size = size_classes(np.array([8.0, 8, 8, 4]), np.array([31_000.0, 39_000, 20_000, 31_000]))
    assert size[0] == size[1]
    assert len({int(size[0]), int(size[2]), int(size[3])}) == 3


def test_of_a_long_day_the_greatest_samples_are_remembered() -> None:
    rises = Rises(np.full(3, 100.0), np.arange(3), 1000.0, 1, [np.full(3, 90.0)])
    for _ in range(3 * PAST_KEPT):
        rises.samples.append(np.full(3, 1.0))
    scenarios = rises.scenarios()
    assert scenarios.demand.shape[1] <= PAST_KEPT + 1
    assert scenarios.demand[:, 1].tolist() == [90, 90, 90]
    assert (np.diff(scenarios.weight[1:]) >= 0).all()


@given(seed=st.integers(0, 1000))
@settings(max_examples=6)
def test_a_search_always_adds_up_and_only_improves(seed: int) -> None:
    where = mixed_day(seed)
    begun, random = Concentration.begin(start_of(where)), np.random.default_rng(seed)
    for step in range(1, 12):
        begun.rises.samples.append(where.work.ratio(step) * where.work.mips)
    search = PlacementSearch(where.fleet, where.work.ram_mib, begun.rises.scenarios(), begun.rises.recent(6))
    search.start(random.integers(0, 4, 24))
    lit, free_mib = np.ones(4, dtype=bool), np.full(4, 6000.0)
    before, began = search.total(lit), search.host.copy()
    moves = search.improve(free_mib, np.arange(24), [0, 1, 2, 3], np.full(24, 1.0), 50)
    assert search.total(lit) <= before - len(moves) * 1.0 + 1e-3
    assert (free_mib >= 0).all()
    again = PlacementSearch(where.fleet, where.work.ram_mib, begun.rises.scenarios(), begun.rises.recent(6))
    again.start(search.host)
    assert again.cost.tolist() == pytest.approx(search.cost.tolist(), abs=0.1)
    assert {vm for vm, _ in moves} == set(np.flatnonzero(began != search.host).tolist())


@given(seed=st.integers(0, 1000))
@settings(max_examples=4)
def test_ram_is_never_promised_twice_and_no_whole_hosts_do_it_for_less(seed: int) -> None:
    where = mixed_day(seed)
    result = run_policy(where, "ours")
    assert result.details["ram_peak_ratio"] <= 1.0
    least = bound_whole_kwh(where.fleet, where.work)
    assert least is not None
    assert result.energy_kwh >= least * (1 - result.unserved_ratio) * 0.999


@given(seed=st.integers(0, 1000), step=st.integers(2, 30))
@settings(max_examples=4)
def test_no_decision_knows_the_future(seed: int, step: int) -> None:
    where, other = mixed_day(seed), mixed_day(seed + 1)
    percent = where.work.cpu_pct.copy()
    percent[:, step + 1 :] = other.work.cpu_pct[:, step + 1 :]
    both = []
    for samples in (where.work.cpu_pct, percent):
        both.append(Watched(ConsolidationPolicy()))
        PhysicalDay(where.fleet, replace(where.work, cpu_pct=samples), both[-1]).run()
    assert np.array_equal(both[0].placement, both[1].placement)  # type: ignore[arg-type]
    assert both[0].decisions[:step] == both[1].decisions[:step]


def test_a_host_woken_for_a_busy_hour_is_emptied_after_it() -> None:
    percent = np.full((16, 60), 2, dtype=np.uint8)
    percent[:, 10:20] = 100
    where = sized(percent, [1] * 16, [1000.0] * 16, hosts=3)  # 16 cores' worth at most: two hosts; one holds all RAM
    result = run_policy(where, "ours")
    on = result.series.hosts_on
    assert on[0] == on[-1] == 1
    assert on.max() == 2


def test_a_day_that_fits_nowhere_is_refused_by_name() -> None:
    where = sized(np.array([[10] * 3] * 9), [1] * 9, [8192.0] * 9)
    with pytest.raises(ValueError, match="fits on no host"):
        run_policy(where, "ours")


@needs_data
@pytest.mark.parametrize(("day", "over_bound"), [(2, 1.10), (19, 1.09), (20, 1.06)])
def test_ours_clears_the_bars_of_the_physical_setting_on_modern_hosts(day: int, over_bound: float) -> None:
    """Days from the middle of the month's range; docs/strategies/consolidation.md has all of them."""
    month = load_traces(next((DATA / "bitbrains").glob("*.npz")))
    where = setting(month.window(288 * day, 288 * (day + 1)), load_testbed(DATA / "hosts.json"), "physical")
    result = run_policy(where, "ours")
    assert result.energy_kwh <= over_bound * bound_kwh(where.fleet, where.work, "physical")
    assert result.unserved_ratio <= 0.0005
    assert result.details["ram_peak_ratio"] <= 1.0
