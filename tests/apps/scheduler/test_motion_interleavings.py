"""Moves, power, maintenance, crashes and cancels in any order: one owner each, tasks that end, a fleet that agrees."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.faults import MethodFault
from domain.states import TaskState, VmPower
from hypervisors.port import Injection
from inventory import fleet
from inventory.models import Host, Task, VirtualMachine
from inventory.services import tasks, vms
from scheduler import failover
from scheduler.services import maintenance
from scheduler.services.migration import Target, relocate
from tests import pumping
from tests.apps.scheduler.motion_rig import Stage, running_stage

LIVE = (TaskState.QUEUED, TaskState.RUNNING)
HOSTS, VMS = 3, 5
STEP = st.one_of(
    st.tuples(st.just("move"), st.integers(0, VMS - 1), st.integers(0, HOSTS - 1)),
    st.tuples(st.just("off"), st.integers(0, VMS - 1), st.just(0)),
    st.tuples(st.just("on"), st.integers(0, VMS - 1), st.just(0)),
    st.tuples(st.just("enter"), st.integers(0, HOSTS - 1), st.just(0)),
    st.tuples(st.just("leave"), st.integers(0, HOSTS - 1), st.just(0)),
    st.tuples(st.just("crash"), st.integers(0, HOSTS - 1), st.sampled_from((30, 300))),
    st.tuples(st.just("isolate"), st.integers(0, HOSTS - 1), st.sampled_from((10, 90))),
    st.tuples(st.just("cancel"), st.integers(0, 5), st.just(0)),
    st.tuples(st.just("fail"), st.integers(0, VMS - 1), st.just(0)),
)
PAUSE_S = st.sampled_from((0.0, 0.5, 2.0, 20.0))


def act(stage: Stage, what: str, index: int, more: int) -> None:
    """Ask for one thing as a person would; a refusal is an answer too."""
    try:
        if what == "move":
            relocate(None, stage.vm(index), Target(host=stage.host(more)))
        elif what == "off":
            vms.power_off(None, stage.vm(index))
        elif what == "on":
            vms.power_on(None, stage.vm(index))
        elif what == "enter":
            maintenance.enter(None, stage.host(index), timeout_s=240)
        elif what == "leave":
            maintenance.leave(None, stage.host(index))
        elif what == "cancel":
            cancel(index)
        else:
            harm(stage, what, index, more)
    except MethodFault:
        pass


def cancel(index: int) -> None:
    live = list(Task.objects.filter(state__in=LIVE).select_related("vcenter").order_by("id"))
    if live:
        tasks.cancel(None, live[index % len(live)])


def harm(stage: Stage, what: str, index: int, seconds: int) -> None:
    if what == "crash":
        stage.break_(stage.host(index), Injection.HOST_CRASH, duration_s=seconds)
    elif what == "isolate":
        stage.break_(stage.host(index), Injection.ISOLATE, duration_s=seconds)
    else:
        stage.break_(stage.vm(index), Injection.FAIL_NEXT_MIGRATION)


def settle(stage: Stage) -> None:
    """Let everything come to its end: tasks, restarts, and the faults that mend themselves."""
    pumping.advance(stage.vc, 400, 20.0)
    for _ in range(15):
        if not Task.objects.filter(state__in=LIVE).exists() and not failover.restarts_wait(stage.vc):
            return
        pumping.advance(stage.vc, 120, 20.0)


def agrees(stage: Stage) -> None:
    """The inventory says of every machine what the fleet says: the same host, the same power state."""
    driver = fleet.driver_for(stage.vc)
    told = driver.whereabouts()
    hosts = dict(Host.objects.filter(vcenter=stage.vc).values_list("pk", "uuid"))
    known = VirtualMachine.objects.filter(vcenter=stage.vc)
    for vm in known:
        assert told[str(vm.uuid)] == (str(hosts[vm.host_id]), VmPower(vm.power_state)), vm.name
    assert len(told) == known.count()


def truthful() -> None:
    """Every task has ended, with a fault where it failed and without one where it did not."""
    for task in Task.objects.all():
        assert task.state in (TaskState.SUCCESS, TaskState.ERROR), (task.operation, task.entity_name, task.phase)
        assert bool(task.fault) == (task.state == TaskState.ERROR)
        if task.operation == "vm.relocate" and task.state == TaskState.SUCCESS:
            assert task.detail.get("rounds") is not None or task.args["kind"] != "vmotion"


@pytest.mark.django_db(transaction=True)
@settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(steps=st.lists(st.tuples(STEP, PAUSE_S), min_size=4, max_size=8), response=st.sampled_from(("none", "powerOff")))
def test_whatever_happens_each_machine_has_one_owner(steps, response):
    Task.objects.all().delete()
    stage = running_stage(
        HOSTS, VMS, people=False,
        ha_enabled=True, ha_options={"isolation_response": response, "admission": "disabled"},
    )  # fmt: skip
    for (what, index, more), pause_s in steps:
        act(stage, what, index, more)
        if pause_s:
            pumping.advance(stage.vc, pause_s, min(pause_s, 5.0))
    settle(stage)
    truthful()
    agrees(stage)
