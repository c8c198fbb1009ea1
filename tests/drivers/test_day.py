"""A day and a night of a datacenter: DRS and DPM follow what people do, hour by hour, and every step has its reason."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from statistics import fmean
from typing import Any

import numpy as np
import pytest

from domain.resources import Allocation
from domain.snapshot import DpmBehavior
from domain.specs import PoolSpec, WorkloadSpec
from domain.traces import TraceSet
from hypervisors.simulated.workload import ARCHETYPE_INDEX, DAY_S, MEAN_PHASE_S, NIGHT, working_hours
from inventory.seeding.machines import ARCHETYPES, SIZES
from scheduler.engine.options import DpmOptions, DrsOptions, HaOptions
from scheduler.engine.results import REASON_TEXT, Move, PowerAction
from tests.drivers.rig import Rig, lab
from tests.drivers.site import HOUR_S, Hour, Site

HOSTS, VMS = 8, 120
NOON_H, NIGHT_H, END_H = 12, 24 + 3, 24 + 10  # of the lab's first day, counted through
OPTIONS = DrsOptions(dpm=DpmOptions(enabled=True, behavior=DpmBehavior.AUTOMATED), ha=HaOptions(enabled=True))


def bursts() -> TraceSet:
    """A day without a night, as research machines all over the world have it: short work at any hour."""
    rng = np.random.default_rng(5)
    busy = rng.random((VMS, 288)) < rng.beta(1.0, 5.0, (VMS, 1))
    cpu_pct = np.where(busy, rng.uniform(20, 90, (VMS, 288)), 4.0).astype(np.float32)
    return TraceSet(tuple(f"node{n}" for n in range(VMS)), 300.0, cpu_pct)


def site(trace: TraceSet | None = None, scale: float = 1.0) -> Site:
    """The demo datacenter's kinds and sizes of VMs, on fewer hosts."""
    rng = random.Random(1)
    kinds, sizes = ([list(column) for column in zip(*table, strict=True)] for table in (ARCHETYPES, SIZES))

    def vm(n: int) -> Mapping[str, Any]:
        kind, (vcpus, memory_mib, _disk) = rng.choices(*kinds)[0], rng.choices(*sizes)[0]
        workload = WorkloadSpec(kind, f"day/node{n}" if trace else "", scale)
        shares = {"cpu": Allocation(shares=1000 * vcpus), "memory": Allocation(shares=10 * memory_mib)}
        return {"vcpus": vcpus, "memory_mib": memory_mib, "workload": workload, "pool": "root", **shares}

    inventory = replace(
        lab(hosts=HOSTS, vms=VMS, off=VMS // 10, seed=1, vm=vm), now_s=NOON_H * HOUR_S,
        pools=(PoolSpec("root", "Resources", ""),),
    )  # fmt: skip
    return Site(inventory, OPTIONS, traces={"day": trace} if trace else None)


def on(hours: Mapping[int, Hour], hour: int) -> float:
    return fmean(hours[hour].hosts_on)


@pytest.mark.parametrize("recorded", [False, True], ids=["kinds", "bursts"])
def test_hosts_sleep_at_night_and_are_up_again_in_the_morning(recorded: bool) -> None:
    place = site(replace(bursts(), office=True), scale=2.0) if recorded else site()
    place.run((END_H - NOON_H) * HOUR_S)
    hours, begun = place.hours, {h: hour for h, hour in place.hours.items() if h > NOON_H}
    assert on(hours, NIGHT_H) < on(hours, 14) - 0.9
    assert on(hours, END_H - 1) > on(hours, NIGHT_H)
    assert sum(hour.asleep for hour in begun.values()) > 0 < sum(hour.woken for hour in begun.values())
    assert place.switched.max() <= 3  # a day has one evening and one morning
    assert sum(hour.moves for hour in begun.values()) < 2 * VMS
    scores = [score for hour in begun.values() for score in hour.score]
    assert fmean(scores) > 98
    assert np.quantile(scores, 0.05) > 90  # hosts take five minutes to wake: a morning may pinch for a cycle or two
    assert min(scores) > 75


def test_every_step_has_a_reason_with_numbers_before_and_after() -> None:
    place = site()
    place.run(2 * HOUR_S)
    decisions = [d for plan in place.plans for d in (*plan.moves, *plan.power_actions)]
    assert {type(d) for d in decisions} == {Move, PowerAction}
    for decision in decisions:
        assert decision.reason in REASON_TEXT
        assert decision.before
        assert decision.after
    for action in (d for d in decisions if isinstance(d, PowerAction)):
        assert action.after["power_w"] < action.before["power_w"]


def test_an_office_day_is_the_recorded_one_times_working_hours() -> None:
    """At noon everybody is there and the sample is used as recorded; at night a third of it; batch the other way."""
    phase_s = np.full(2, MEAN_PHASE_S, np.float32)
    kinds = np.array([ARCHETYPE_INDEX["web"], ARCHETYPE_INDEX["batch"]], np.int8)
    assert working_hours(phase_s, kinds, 12 * HOUR_S) == pytest.approx([1.0, NIGHT])
    assert working_hours(phase_s, kinds, 3 * HOUR_S) == pytest.approx([NIGHT, 1.0])
    assert working_hours(phase_s, kinds, 8 * HOUR_S) == pytest.approx([(1 + NIGHT) / 2] * 2)
    saturday_noon_s = 2 * DAY_S + 12 * HOUR_S
    assert working_hours(phase_s, kinds, saturday_noon_s) == pytest.approx([NIGHT, 1.0])
    early = np.array([MEAN_PHASE_S - 7200.0], np.float32)
    assert working_hours(early, kinds[:1], 7 * HOUR_S) == pytest.approx(
        working_hours(phase_s[:1], kinds[:1], 8 * HOUR_S)
    )


def test_a_replaying_machine_keeps_working_hours_only_where_the_day_says_so() -> None:
    flat = TraceSet(("node0",), 300.0, np.full((1, 288), 50.0, np.float32))

    def demand_mhz(trace: TraceSet, hour: float) -> float:
        inventory = replace(
            lab(hosts=1, vms=1, off=0, vm=lambda n: {"vcpus": 1, "workload": WorkloadSpec("web", "day/node0")}),
            now_s=hour * HOUR_S,
        )  # fmt: skip
        rig = Rig(inventory, traces={"day": trace})
        rig.run(60)
        return rig.figure("vm", 398, 0)

    assert demand_mhz(flat, 3) == pytest.approx(demand_mhz(flat, 12))
    office = replace(flat, office=True)
    assert demand_mhz(office, 12) == pytest.approx(demand_mhz(flat, 12))
    assert demand_mhz(office, 3) == pytest.approx(NIGHT * demand_mhz(flat, 3), rel=1e-3)
