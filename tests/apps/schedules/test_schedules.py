"""Scheduled tasks: whose rights they run with, what is told of a run, who may have them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now
from django_celery_beat.models import PeriodicTask

from domain import faults
from domain.states import TaskReason, TaskState, VmPower
from inventory.models import Event, Permission, ScheduledTask, Task
from inventory.scheduling import VERBS, timing, verbs_for
from inventory.scheduling.entrance import run
from inventory.services import schedules
from tests.apps.schedules.stage import entry, plan, ran
from tests.builders import SmallLab
from tests.cast import Cast

pytestmark = pytest.mark.django_db


# --- a run -----------------------------------------------------------------------------------------------------------
def test_a_run_asks_for_a_task_in_the_owners_name(lab: SmallLab, cast: Cast) -> None:
    row = ran(plan(cast.operator, lab.vms[1]))
    task = row.last_task
    assert task is not None
    assert (task.initiator, task.reason, task.state) == (cast.operator, TaskReason.SCHEDULE, TaskState.QUEUED)
    assert task.entity == lab.vms[1].moref
    assert row.last_fault is None
    assert Event.objects.filter(type="ScheduledTaskStartedEvent", entity=lab.vms[1].moref).count() == 1


def test_a_delivery_that_comes_twice_runs_once(lab: SmallLab, cast: Cast) -> None:
    row = plan(cast.student, lab.vms[1])
    assert run.apply(args=[row.pk], task_id="same").get()
    assert not run.apply(args=[row.pk], task_id="same").get()
    assert Task.objects.filter(operation="vm.power_on").count() == 1


def test_a_right_that_was_taken_away_is_a_recorded_fault(lab: SmallLab, cast: Cast) -> None:
    row = plan(cast.operator, lab.vms[1])
    Permission.objects.filter(user=cast.operator).update(role=Permission.objects.get(user=cast.reader).role)
    row = ran(row)
    assert row.last_fault is not None
    assert row.last_fault["fault"] == "NoPermission"
    assert row.last_fault["fields"]["privilege"] == "VirtualMachine.Interact.PowerOn"
    assert row.last_task is None
    assert not Task.objects.exists()
    assert Event.objects.filter(type="ScheduledTaskFailedEvent").count() == 1
    assert not Event.objects.filter(type="ScheduledTaskStartedEvent").exists()


def test_an_owner_who_left_can_do_nothing(lab: SmallLab, cast: Cast) -> None:
    row = plan(cast.operator, lab.vms[1])
    cast.operator.is_active = False
    cast.operator.save()
    assert ran(row).last_fault["fault"] == "NoPermission"


def test_a_refused_state_is_told_and_the_next_run_tries_again(lab: SmallLab, cast: Cast) -> None:
    type(lab.vm).objects.filter(pk=lab.vms[1].pk).update(power_state=VmPower.ON)
    row = ran(plan(cast.student, lab.vms[1]))
    assert row.last_fault["fault"] == "InvalidPowerState"
    type(lab.vm).objects.filter(pk=lab.vms[1].pk).update(power_state=VmPower.OFF)
    assert ran(row, "d2").last_fault is None
    assert row.last_task is not None


def test_an_object_that_is_gone_ends_it(lab: SmallLab, cast: Cast) -> None:
    row = plan(cast.student, lab.vms[1])
    type(lab.vm).everything.filter(pk=lab.vms[1].pk).update(deleted_at=now())
    row = ran(row)
    assert row.last_fault["fault"] == "ManagedObjectNotFound"
    assert not row.enabled
    assert not entry(row).enabled


def test_once_is_once(lab: SmallLab, cast: Cast) -> None:
    soon = (now() + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M")
    row = plan(cast.student, lab.vms[1], when={"kind": "once", "at": soon})
    assert entry(row).one_off
    assert entry(row).clocked.clocked_time > now()
    assert not ran(row).enabled


def test_all_machines_of_a_container(lab: SmallLab, cast: Cast) -> None:
    off = type(lab.vm).objects.filter(template=False, power_state=VmPower.OFF).count()
    row = ran(plan(cast.student, lab.vcenter, "power-on-vms"))
    assert off > 1
    assert row.last_result["started"] + row.last_result["refused"] == off
    assert row.last_result["started"] > 0
    assert (
        Task.objects.filter(operation="vm.power_on", reason=TaskReason.SCHEDULE).count() == row.last_result["started"]
    )


def test_levels_of_drs_and_dpm(lab: SmallLab, cast: Cast) -> None:
    ran(plan(cast.student, lab.cluster, "set-drs", title="a", level="manual", threshold="5"))
    ran(plan(cast.student, lab.cluster, "set-dpm", title="b", level="automated"))
    lab.cluster.refresh_from_db()
    assert (lab.cluster.drs_enabled, lab.cluster.drs_automation, lab.cluster.drs_threshold) == (True, "manual", 5)
    assert (lab.cluster.dpm_enabled, lab.cluster.dpm_automation) == (True, "automated")


# --- who may ---------------------------------------------------------------------------------------------------------
def test_a_reader_may_look_only(lab: SmallLab, cast: Cast) -> None:
    row = plan(cast.student, lab.vms[1])
    for service in (schedules.enable, schedules.disable, schedules.run_now, schedules.remove):
        with pytest.raises(faults.NoPermission):
            service(cast.reader, row)
    with pytest.raises(faults.NoPermission):
        plan(cast.reader, lab.vms[1], title="other")


def test_nobody_schedules_what_they_may_not_do(lab: SmallLab, cast: Cast) -> None:
    with pytest.raises(faults.NoPermission):
        plan(cast.operator, lab.cluster, "set-drs", level="manual")
    assert "set-drs" not in {verb.key for verb in verbs_for(cast.operator, lab.cluster)}


def test_a_deleted_one_leaves_nothing_to_beat(lab: SmallLab, cast: Cast) -> None:
    row = plan(cast.student, lab.vms[1])
    schedules.remove(cast.student, row)
    assert not PeriodicTask.objects.filter(task=timing.TASK).exists()


def test_switching_off_reaches_beat(lab: SmallLab, cast: Cast) -> None:
    row = plan(cast.student, lab.vms[1])
    schedules.disable(cast.student, row)
    assert not entry(row).enabled
    assert not schedules.carry_out(row.pk, "late")
    schedules.enable(cast.student, row)
    assert entry(row).enabled


def test_beat_follows_labs_that_come_and_go(lab: SmallLab, cast: Cast) -> None:
    """A checkpoint is brought back, or a lab taken away, without the signals of single rows."""
    soon = (now() + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M")
    row = plan(cast.student, lab.vms[1], when={"kind": "once", "at": soon})
    other = plan(cast.student, lab.vms[1], title="other")
    PeriodicTask.objects.filter(pk=entry(row).pk).delete()
    rows = ScheduledTask.objects.filter(pk=other.pk)
    rows._raw_delete(rows.db)
    timing.sweep()
    assert entry(row).clocked.clocked_time > now()
    assert timing.entry_of(other) is None


# --- pages -----------------------------------------------------------------------------------------------------------
def test_from_the_dialog_to_the_list(lab: SmallLab, cast: Cast, client: Client) -> None:
    client.force_login(cast.student)
    vm = lab.vms[1]
    dialog = reverse("inventory:dialog", args=(lab.vcenter.uuid, vm.moref, "schedule-task"))
    drawn = client.get(dialog).content.decode()
    assert all(f'value="{verb.key}"' in drawn for verb in VERBS.values() if "vm" in verb.kinds)
    sent = {"name": "Nightly", "verb": "take-snapshot", "recurrence": "weekly", "at": "02:00", "days": ["0", "3"]}
    refused = client.post(dialog, sent)
    assert refused.status_code == 422  # a snapshot has a name
    assert client.post(dialog, {**sent, "take-snapshot-name": "Night"}).status_code == 202
    row = ScheduledTask.objects.get()
    assert (row.args["name"], row.timing) == ("Night", {"kind": "weekly", "at": "02:00", "days": [0, 3]})
    page = reverse("inventory:object-section", args=(lab.vcenter.uuid, vm.moref, "configure", "scheduled-tasks"))
    assert "Nightly" in client.get(page).content.decode()
    url = reverse("inventory:schedule-verb", args=(lab.vcenter.uuid, vm.moref, row.pk, "run"))
    assert client.post(url).status_code == 200
    row.refresh_from_db()
    assert row.last_task.operation == "vm.snapshot_create"
    assert row.last_task.moref in client.get(page).content.decode()
