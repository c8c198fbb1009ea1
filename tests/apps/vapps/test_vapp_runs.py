"""Starting and stopping a vApp: order, delays, tools, failure, cancelling, killed workers."""

from __future__ import annotations

import pytest

from domain import faults
from domain.states import TaskState, VmPower
from domain.vapps import StartAction, StopAction, VAppState
from inventory import pump, sequences
from inventory.models import AuditEntry, Event, ResourcePool, Task, VirtualMachine
from inventory.services import tasks, vapps, vms
from inventory.vapps import Content
from scheduler.services.migration import Target, relocate
from tests import builders, pumping
from tests.apps.vapps.stage import arrange, children_of, fill, fresh, made_vapp, order, powers

pytestmark = pytest.mark.django_db(transaction=True)


# --- start and stop --------------------------------------------------------------------------------------------------
def test_it_starts_in_order_and_stops_in_reverse(lab, shop):
    task = pumping.succeeded(lab.vcenter, vapps.power_on(None, shop))
    assert [child.entity_name for child in children_of(task)] == ["db", "app", "web"]
    ends = [child.completed_lab_s for child in children_of(task)]
    starts = [child.queued_lab_s for child in children_of(task)]
    assert all(end <= start for end, start in zip(ends, starts[1:], strict=False))
    assert set(powers(shop).values()) == {VmPower.ON}
    assert Content(fresh(shop)).state == VAppState.STARTED
    stopped = pumping.succeeded(lab.vcenter, vapps.shut_down(None, fresh(shop)))
    assert [child.entity_name for child in children_of(stopped)] == ["web", "app", "db"]
    assert Content(fresh(shop)).state == VAppState.STOPPED
    told = (
        Event.objects.filter(entity=shop.moref, type__startswith="VApp").order_by("key").values_list("type", flat=True)
    )
    assert list(told)[-4:] == ["VAppStartingEvent", "VAppPoweredOnEvent", "VAppStoppingEvent", "VAppPoweredOffEvent"]
    assert AuditEntry.objects.filter(entity=shop.moref, action="VirtualApp.powerOn").count() == 1


def test_members_of_a_group_start_together(lab, shop):
    order(shop, db=1, app=1, web=1)
    task = vapps.power_on(None, shop)
    assert len(children_of(task)) == 3
    pumping.succeeded(lab.vcenter, task)


def test_the_next_group_waits_for_the_delay(lab, shop):
    arrange(shop, "db", start_delay_s=300)
    task = vapps.power_on(None, shop)
    pumping.advance(lab.vcenter, 200)
    assert powers(shop) == {"db": VmPower.ON, "app": VmPower.OFF, "web": VmPower.OFF}
    assert Content(fresh(shop)).state == VAppState.STARTING
    task.refresh_from_db()
    assert (task.state, task.phase) == (TaskState.RUNNING, sequences.WAITING)
    assert 0 < task.progress_pct < 100
    pumping.succeeded(lab.vcenter, task)
    first, second, _third = children_of(task)
    assert second.queued_lab_s - first.completed_lab_s >= 300


def test_guest_tools_cut_the_delay_short(lab, shop):
    arrange(shop, "db", start_delay_s=3600, wait_for_tools=True)
    task = pumping.succeeded(lab.vcenter, vapps.power_on(None, shop))
    first, second, _third = children_of(task)
    assert second.queued_lab_s - first.completed_lab_s < 600


def test_guests_are_shut_down_where_that_is_asked_for(lab, shop):
    arrange(shop, "web", stop_action=StopAction.GUEST_SHUTDOWN, stop_delay_s=600)
    arrange(shop, "db", stop_action=StopAction.SUSPEND)
    arrange(shop, "app", stop_action=StopAction.NONE)
    pumping.succeeded(lab.vcenter, vapps.power_on(None, shop))
    pumping.advance(lab.vcenter, 120)
    task = pumping.succeeded(lab.vcenter, vapps.shut_down(None, fresh(shop)))
    told = [(child.entity_name, child.operation) for child in children_of(task)]
    assert told == [("web", "vm.shutdown_guest"), ("db", "vm.suspend")]
    assert powers(shop) == {"db": VmPower.SUSPENDED, "app": VmPower.ON, "web": VmPower.OFF}
    assert Content(fresh(shop)).state == VAppState.PARTLY
    resumed = pumping.succeeded(lab.vcenter, vapps.power_on(None, fresh(shop)))
    assert [child.operation for child in children_of(resumed)] == ["vm.resume", "vm.power_on"]


def test_suspend_and_power_off_take_everything(lab, shop):
    arrange(shop, "db", stop_action=StopAction.NONE)
    pumping.succeeded(lab.vcenter, vapps.power_on(None, shop))
    pumping.succeeded(lab.vcenter, vapps.suspend(None, fresh(shop)))
    assert Content(fresh(shop)).state == VAppState.SUSPENDED
    task = vapps.power_off(None, fresh(shop))
    assert len(children_of(task)) == 3
    pumping.succeeded(lab.vcenter, task)
    assert set(powers(shop).values()) == {VmPower.OFF}


def test_a_child_vapp_is_one_member_with_an_order_of_its_own(lab, shop):
    inner = made_vapp(lab, "cluster", parent=shop)
    fill(lab, inner, "a", "b")
    order(inner, a=2, b=1)
    pool = builders.make_pool(shop, "plain")
    fill(lab, pool, "tool")
    order(shop, db=1, cluster=2, tool=2, app=3, web=4)
    task = pumping.succeeded(lab.vcenter, vapps.power_on(None, fresh(shop)))
    assert children_of(task)[0].entity_name == "db"
    assert {child.entity_name for child in children_of(task)[1:3]} == {"cluster", "tool"}
    below = next(child for child in children_of(task) if child.entity_name == "cluster")
    assert [child.entity_name for child in children_of(below)] == ["b", "a"]
    assert set(powers(fresh(shop)).values()) == {VmPower.ON}
    with pytest.raises(faults.InvalidPowerState):
        vapps.power_on(None, fresh(inner))


def test_one_that_fails_ends_the_run_with_its_name_and_leaves_the_others_on(lab, shop):
    VirtualMachine.objects.filter(name="app").update(memory_reservation_mib=8_000_000, memory_mib=8_000_000)
    task = pumping.finished(lab.vcenter, vapps.power_on(None, shop))
    assert task.state == TaskState.ERROR
    fault = faults.from_dict(task.fault)
    assert isinstance(fault, faults.VAppEntityFailed)
    assert (fault.fields["name"], fault.fields["vm"]) == ("shop", "app")
    assert powers(shop) == {"db": VmPower.ON, "app": VmPower.OFF, "web": VmPower.OFF}
    failed = Event.objects.get(entity=shop.moref, type="VAppOperationFailedEvent")
    assert "app" in failed.fields["reason"]
    assert vapps.shut_down(None, fresh(shop)).state == TaskState.RUNNING


def test_nothing_to_do_is_said(lab, shop):
    with pytest.raises(faults.InvalidPowerState):
        vapps.shut_down(None, shop)
    with pytest.raises(faults.InvalidState):
        vapps.power_on(None, made_vapp(lab, "empty"))
    for name in ("db", "app", "web"):
        arrange(shop, name, start_action=StartAction.NONE)
    with pytest.raises(faults.InvalidState):
        vapps.power_on(None, fresh(shop))


# --- one at a time ---------------------------------------------------------------------------------------------------
def test_a_second_operation_is_refused_while_one_runs(lab, shop, boss):
    inner = made_vapp(lab, "inner", parent=shop)
    fill(lab, inner, "cache")
    vapps.power_on(None, fresh(shop))
    for verb in (vapps.power_on, vapps.shut_down, vapps.power_off, vapps.suspend, vapps.destroy):
        with pytest.raises(faults.VAppOperationInProgress):
            verb(None, fresh(shop))
    with pytest.raises(faults.VAppTaskInProgress):
        vapps.power_on(None, fresh(inner))
    web = VirtualMachine.objects.select_related("pool", "host__cluster", "folder", "vcenter").get(name="web")
    for act in (vms.power_on, vms.delete_from_disk, vms.mark_as_template):
        with pytest.raises(faults.VAppTaskInProgress):
            act(boss, web)
    with pytest.raises(faults.VAppTaskInProgress):
        vms.move_to_pool(boss, web, builders.root_pool(lab.cluster))
    with pytest.raises(faults.VAppTaskInProgress):
        relocate(boss, web, Target(host=lab.hosts[1], pool=builders.root_pool(lab.cluster)))
    assert relocate(boss, web, Target(host=lab.hosts[1])).state == TaskState.QUEUED  # it stays in the vApp


def test_the_database_lets_one_operation_live_at_most(lab, shop, monkeypatch):
    """Two requests that both saw an idle vApp: the unique constraint decides."""
    vapps.power_on(None, shop)
    monkeypatch.setattr(vapps, "refuse_running", lambda vapp: None)
    with pytest.raises(faults.VAppOperationInProgress):
        vapps.power_on(None, fresh(shop))


def test_a_run_is_cancelled_with_what_it_has_begun(lab, shop):
    arrange(shop, "db", start_delay_s=300)
    task = vapps.power_on(None, shop)
    pumping.advance(lab.vcenter, 100)
    tasks.cancel(None, Task.objects.select_related("vcenter").get(pk=task.pk))
    pumping.advance(lab.vcenter, 600)
    task.refresh_from_db()
    assert (task.state, task.cancelled) == (TaskState.ERROR, True)
    assert powers(shop) == {"db": VmPower.ON, "app": VmPower.OFF, "web": VmPower.OFF}
    assert len(children_of(task)) == 1


# --- killed and repeated ---------------------------------------------------------------------------------------------
def test_a_run_goes_on_from_what_is_stored(lab, shop, monkeypatch):
    """A worker that dies inside a step takes everything of that step with it; the next beat does it again."""
    task = vapps.power_on(None, shop)
    real, calls = sequences._store, []

    def dies(*args):
        calls.append(args)
        raise KeyboardInterrupt if len(calls) == 1 else RuntimeError("killed")

    monkeypatch.setattr(sequences, "_store", dies)
    with pytest.raises(KeyboardInterrupt):
        pumping.advance(lab.vcenter, 120)
    assert [child.entity_name for child in children_of(task)] == ["db"]
    monkeypatch.setattr(sequences, "_store", real)
    pumping.succeeded(lab.vcenter, task)
    assert [child.entity_name for child in children_of(task)] == ["db", "app", "web"]


def test_two_processes_with_the_same_row_begin_a_member_once(lab, shop):
    task = vapps.power_on(None, shop)
    pumping.finished(lab.vcenter, children_of(task)[0], limit_s=60)
    rows = Task.objects.select_related("vcenter")
    stale = [rows.get(pk=task.pk), rows.get(pk=task.pk)]
    for one in stale:
        sequences.steward(one, lab.vcenter.lab_seconds())
    pumping.succeeded(lab.vcenter, task)
    assert [child.entity_name for child in children_of(task)] == ["db", "app", "web"]


def test_a_task_delivered_twice_and_a_fleet_that_was_lost_change_nothing(lab, shop):
    task = vapps.power_on(None, shop)
    for _ in range(3):
        pump.submit(task.pk)
    pumping.advance(lab.vcenter, 10, 5)
    pumping.meet(lab.vcenter)
    pumping.succeeded(lab.vcenter, task)
    assert [child.entity_name for child in children_of(task)] == ["db", "app", "web"]


def test_a_vapp_that_goes_under_its_run_ends_it(lab, shop):
    task = vapps.power_on(None, shop)
    VirtualMachine.objects.filter(pool=shop).update(pool=builders.root_pool(lab.cluster))
    ResourcePool.objects.filter(pk=shop.pk).delete()
    done = pumping.finished(lab.vcenter, task)
    assert faults.from_dict(done.fault).name == "ManagedObjectNotFound"
