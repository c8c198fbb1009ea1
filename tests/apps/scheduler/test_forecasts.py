"""Power management and the past: yesterday's morning wakes a host before today's; how far back demand is averaged."""

from __future__ import annotations

import numpy as np
import pytest

from domain.counters import ROWS
from domain.faults import InvalidArgument
from inventory.metrics import folder, store
from inventory.models import Host, VirtualMachine
from scheduler.engine.drs import plan_cycle
from scheduler.engine.options import DrsOptions, with_advanced
from scheduler.selectors.cluster import frame_of
from scheduler.settings_of import options_of
from tests.apps.scheduler.test_pages import World

pytestmark = pytest.mark.django_db(transaction=True)
DAY_S, MORNING_S = 86_400, 8 * 3600
CPU_DEMAND = 398


def record_a_day(world: World, low_mhz: float, high_mhz: float) -> float:
    """Yesterday from ten past eight on `high_mhz` per VM, before and until today at eight `low_mhz`; returns now."""
    now_s = DAY_S * 3 + MORNING_S
    slots = max(vm.slot for vm in world.vms) + 1
    lows = {kind: np.zeros((len(rows), slots), np.float32) for kind, rows in ROWS.items()}
    highs = {kind: values.copy() for kind, values in lows.items()}
    row = ROWS["vm"].index(CPU_DEMAND)
    lows["vm"][row], highs["vm"][row] = low_mhz, high_mhz
    with store.Writer(folder(world.lab.vcenter)) as writer:
        for time_s in range(now_s - DAY_S - 3600, now_s + 1, 20):
            busy = now_s - DAY_S + 600 < time_s < now_s - DAY_S + 7200
            if time_s > now_s - 3600 or time_s % 300 == 0 or time_s < now_s - DAY_S + 3600:
                writer.record(float(time_s), highs if busy else lows)
    return float(now_s)


def actions(world: World, predictive: bool) -> list[tuple[str, str]]:
    cluster = world.cluster
    cluster.drs_options = {**(cluster.drs_options or {}), "predictive": predictive}
    cluster.save()
    frame = frame_of(cluster)
    plan = plan_cycle(frame.snapshot, options_of(cluster), frame.now_s)
    return [(action.host, action.operation) for action in plan.power_actions]


def test_a_host_is_woken_before_the_morning_that_yesterday_had(db):
    world = World()
    asleep, awake = world.lab.hosts[0], world.lab.hosts[1:]
    VirtualMachine.objects.filter(pk__in=[vm.pk for vm in world.vms]).update(vcpus=8, host=awake[0], memory_mib=1024)
    for index, vm in enumerate(world.vms):
        VirtualMachine.objects.filter(pk=vm.pk).update(host=awake[index % 2])
    Host.objects.filter(pk=asleep.pk).update(
        power_state="standBy", standby_mode="in", bmc_address="10.0.0.9", wake_estimate_s=300.0
    )
    room = awake[0].cores * awake[0].core_mhz / (len(world.vms) / 2)
    record_a_day(world, 0.5 * room, 1.2 * room)
    assert actions(world, predictive=False) == []
    assert actions(world, predictive=True) == [(asleep.moref, "powerOn")]


# --- the windows of the advanced options ------------------------------------------------------------------------------
def record_an_hour(world: World, before_mhz: float, now_mhz: float, lasted_s: float) -> None:
    """Demand per VM: `now_mhz` for the last `lasted_s` seconds of an hour, `before_mhz` before."""
    slots = max(vm.slot for vm in world.vms) + 1
    row, end_s = ROWS["vm"].index(CPU_DEMAND), 7200
    with store.Writer(folder(world.lab.vcenter)) as writer:
        for time_s in range(end_s - 3600, end_s + 1, 20):
            arrays = {kind: np.zeros((len(rows), slots), np.float32) for kind, rows in ROWS.items()}
            arrays["vm"][row] = now_mhz if time_s > end_s - lasted_s else before_mhz
            writer.record(float(time_s), arrays)


@pytest.mark.parametrize(
    ("option", "column"),
    [("VmDemandHistorySecsHostOn", "cpu_demand_300s_mhz"), ("VmDemandHistorySecsHostOff", "cpu_demand_2400s_mhz")],
)
def test_demand_is_averaged_over_the_window_that_the_option_says(db, option, column):
    world = World()
    record_an_hour(world, 100.0, 1100.0, lasted_s=60.0)

    def mean(**advanced: str) -> float:
        world.cluster.drs_options = {"advanced": advanced}
        world.cluster.save()
        vms = frame_of(world.cluster).snapshot.vms
        return float(getattr(vms, column)[0])

    usual_s = 300 if column == "cpu_demand_300s_mhz" else 2400
    assert mean() == pytest.approx(100 + 1000 * 60 / usual_s)
    assert mean(**{option: "60"}) == pytest.approx(1100)
    assert mean(**{option: "3600"}) == pytest.approx(100 + 1000 * 60 / 3600)
    assert mean(**{option: "absurd"}) == pytest.approx(100 + 1000 * 60 / usual_s)


def test_a_shorter_window_wakes_a_host_for_a_load_that_has_just_come(db):
    world = World()
    asleep, awake = world.lab.hosts[0], world.lab.hosts[1:]
    VirtualMachine.objects.filter(pk__in=[vm.pk for vm in world.vms]).update(vcpus=8, memory_mib=1024)
    for index, vm in enumerate(world.vms):
        VirtualMachine.objects.filter(pk=vm.pk).update(host=awake[index % len(awake)])
    Host.objects.filter(pk=asleep.pk).update(power_state="standBy", standby_mode="in", bmc_address="10.0.0.9")
    room = awake[0].cores * awake[0].core_mhz / (len(world.vms) / len(awake))
    record_an_hour(world, 0.5 * room, 1.2 * room, lasted_s=60.0)
    woken = []
    for advanced in ({}, {"VmDemandHistorySecsHostOn": "60"}):
        world.cluster.drs_options = {"advanced": advanced}
        world.cluster.save()
        frame = frame_of(world.cluster)
        plan = plan_cycle(frame.snapshot, options_of(world.cluster), frame.now_s)
        woken.append([action.operation for action in plan.power_actions])
    assert woken == [[], ["powerOn"]]


@pytest.mark.parametrize("text", ["19", "3601", "-1", "nan", "soon", "1e9"])
@pytest.mark.parametrize("option", ["VmDemandHistorySecsHostOn", "VmDemandHistorySecsHostOff"])
def test_a_window_that_no_history_can_fill_is_refused(option, text):
    with pytest.raises(InvalidArgument):
        with_advanced(DrsOptions(), {option: text})
