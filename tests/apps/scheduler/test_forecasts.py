"""Predictive power management in the product: figures of yesterday's morning wake a host before today's."""

from __future__ import annotations

import numpy as np
import pytest

from domain.counters import ROWS
from inventory.metrics import folder, store
from inventory.models import Host, VirtualMachine
from scheduler.engine.drs import plan_cycle
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
