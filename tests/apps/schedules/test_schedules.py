"""Scheduled tasks: when they are due, whose rights they run with, and what is told of a run."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now
from django_celery_beat.models import ClockedSchedule, PeriodicTask
from django_celery_beat.schedulers import ModelEntry
from hypothesis import given
from hypothesis import strategies as st

from domain import faults
from domain.states import TaskReason, TaskState, VmPower
from inventory.grids.scopes import vms_of
from inventory.models import Event, Permission, ScheduledTask, Task
from inventory.scheduling import VERBS, timing, verbs_for
from inventory.scheduling.entrance import run
from inventory.services import schedules
from tests.builders import SmallLab, make_vapp, make_vm, small_lab
from tests.cast import Cast, admit, make_cast

pytestmark = pytest.mark.django_db
DAILY = {"kind": "daily", "at": "18:00"}


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture
def lab(cast: Cast) -> SmallLab:
    made = small_lab(cast.student, hosts=2, vms=4)
    admit(cast, made.vcenter)
    return made


def plan(
    user: Any, obj: Any, verb: str = "power-on", when: Any = DAILY, title: str = "Morning", **args: Any
) -> ScheduledTask:
    return schedules.create(user, obj, name=title, verb=verb, args=args, timing=when)


def ran(row: ScheduledTask, delivery: str = "d1") -> ScheduledTask:
    schedules.carry_out(row.pk, delivery)
    row.refresh_from_db()
    return row


def entry(row: ScheduledTask) -> PeriodicTask:
    found = timing.entry_of(row)
    assert found is not None
    return found


# --- when ------------------------------------------------------------------------------------------------------------
SEOUL = "Asia/Seoul"


@pytest.mark.parametrize(
    ("when", "due"),
    [
        ({"kind": "once", "at": "2026-12-01T08:30"}, "2026-11-30T23:30"),
        ({"kind": "hourly", "minute": 15}, "2026-11-22T12:15"),
        ({"kind": "daily", "at": "18:00"}, "2026-11-23T09:00"),
        ({"kind": "weekly", "at": "07:00", "days": [0, 4]}, "2026-11-22T22:00"),
        ({"kind": "monthly", "at": "00:00", "day": 31}, "2026-12-30T15:00"),
    ],
)
def test_the_next_run_is_a_time_on_the_wall(when: Any, due: str) -> None:
    after = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)  # 21:00 of a Sunday in Seoul
    assert timing.next_run(when, SEOUL, after) == datetime.fromisoformat(f"{due}+00:00")


def test_a_time_that_the_clocks_skip_comes_an_hour_later() -> None:
    after = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)
    due = timing.next_run({"kind": "daily", "at": "02:30"}, "Europe/Berlin", after)
    assert due == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


@given(
    when=st.one_of(
        st.builds(lambda m: {"kind": "hourly", "minute": m}, st.integers(0, 59)),
        st.builds(lambda h, d: {"kind": "weekly", "at": f"{h:02}:00", "days": d}, st.integers(0, 23),
                  st.lists(st.integers(0, 6), min_size=1)),
        st.builds(lambda h, d: {"kind": "monthly", "at": f"{h:02}:00", "day": d}, st.integers(0, 23),
                  st.integers(1, 31)),
    ),
    after=st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
    zone=st.sampled_from(["UTC", SEOUL, "Europe/Berlin", "Asia/Kolkata", "America/New_York"]),
)  # fmt: skip
def test_a_repeated_task_always_has_a_next_run(when: Any, after: datetime, zone: str) -> None:
    due = timing.next_run(when, zone, after)
    assert due is not None
    assert after < due <= after + timedelta(days=62)


@pytest.mark.parametrize(
    "when",
    [{}, {"kind": "never"}, {"kind": "daily"}, {"kind": "daily", "at": "25:00"}, {"kind": "hourly", "minute": True},
     {"kind": "weekly", "at": "08:00", "days": []}, {"kind": "monthly", "at": "08:00", "day": 32},
     {"kind": "once", "at": "2020-01-01T00:00"}],
)  # fmt: skip
def test_what_is_no_time_is_refused(lab: SmallLab, cast: Cast, when: Any) -> None:
    with pytest.raises(faults.InvalidArgument):
        plan(cast.student, lab.vms[1], when=when)
    assert not PeriodicTask.objects.filter(task=timing.TASK).exists()


def test_beat_agrees_with_the_page(lab: SmallLab, cast: Cast) -> None:
    """The entry that beat works with is due when the list says so."""
    lab.vcenter.timezone = SEOUL
    lab.vcenter.save()
    lab.vms[1].vcenter.refresh_from_db()
    row = plan(cast.student, lab.vms[1], when={"kind": "weekly", "at": "18:00", "days": [0, 2, 6]})
    known = ModelEntry(entry(row))
    due = timing.next_run(row.timing, row.timezone, now())
    in_s = known.schedule.remaining_estimate(now()).total_seconds()
    assert due is not None
    assert abs((due - now()).total_seconds() - in_s) < 61
    assert due.astimezone(ZoneInfo(SEOUL)).weekday() in (0, 2, 6)
    assert json.loads(entry(row).args) == [row.pk]


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


# --- editing ---------------------------------------------------------------------------------------------------------
def change(user: Any, row: ScheduledTask, **values: Any) -> ScheduledTask:
    """Save the edit form of a task with these values changed."""
    now_ = {"name": row.name, "description": row.description, "args": row.args, "timing": row.timing, "enabled": True}
    return schedules.edit(user, row, **{**now_, **values})


def test_beat_follows_an_edit(lab: SmallLab, cast: Cast) -> None:
    """Another time, and another kind of time: what beat knew before is gone, and it counts from now."""
    row = plan(cast.student, lab.vms[1])
    PeriodicTask.objects.filter(pk=entry(row).pk).update(last_run_at=now() - timedelta(days=1), total_run_count=3)
    soon = (now() + timedelta(hours=2)).replace(second=0, microsecond=0)
    once = {"kind": "once", "at": soon.astimezone(ZoneInfo(row.timezone)).strftime("%Y-%m-%dT%H:%M")}
    row = change(cast.student, row, timing=once)
    known = entry(row)
    assert (known.clocked.clocked_time, known.crontab, known.one_off) == (soon, None, True)
    assert (known.last_run_at, known.total_run_count) == (None, 0)
    row = change(cast.student, row, timing={**once, "at": "2031" + once["at"][4:]})
    assert entry(row).clocked.clocked_time > soon
    assert entry(change(cast.student, row, timing=DAILY)).clocked is None
    assert not ClockedSchedule.objects.exists()


def test_a_name_alone_leaves_the_owner(lab: SmallLab, cast: Cast) -> None:
    row = change(cast.teacher, plan(cast.student, lab.vms[1]), name="Evening", description="before the class")
    assert (row.owner, row.name, row.description) == (cast.student, "Evening", "before the class")
    assert entry(row).description.startswith("Evening")
    assert Event.objects.filter(type="ScheduledTaskReconfiguredEvent", entity=lab.vms[1].moref).count() == 1


@pytest.mark.parametrize("what", ["args", "timing"])
def test_nobody_borrows_the_rights_of_another(lab: SmallLab, cast: Cast, what: str) -> None:
    """Whoever decides what is done, or when, answers for it; the operator may schedule, but not change clusters."""
    row = plan(cast.student, lab.cluster, "set-drs", level="manual", threshold="")
    new = {"args": {"level": "off", "threshold": ""}} if what == "args" else {"timing": {"kind": "hourly", "minute": 1}}
    with pytest.raises(faults.NoPermission):
        change(cast.operator, row, **new)
    row.refresh_from_db()
    assert (row.owner, row.args["level"], row.timing) == (cast.student, "manual", DAILY)
    assert change(cast.teacher, row, **new).owner == cast.teacher


def test_a_stale_edit_is_refused(lab: SmallLab, cast: Cast) -> None:
    row = plan(cast.student, lab.vms[1])
    change(cast.student, row, description="first")
    with pytest.raises(faults.ConcurrentAccess):
        change(cast.student, row, description="second", expected_version=row.change_version)


def test_editing_is_for_those_who_may(lab: SmallLab, cast: Cast, client: Client) -> None:
    row = plan(cast.student, lab.vms[1])
    with pytest.raises(faults.NoPermission):
        change(cast.reader, row, name="mine")
    url = reverse("inventory:dialog", args=(lab.vcenter.uuid, lab.vms[1].moref, "edit-schedule"))
    for who, status in ((cast.student, 200), (cast.reader, 403), (cast.outsider, 404)):
        client.force_login(who)
        assert client.get(f"{url}?task={row.pk}").status_code == status
    client.force_login(cast.student)
    assert client.get(f"{url}?task=999999").status_code == 404
    other = plan(cast.student, lab.cluster, "set-drs", title="of another object", level="manual")
    assert client.get(f"{url}?task={other.pk}").status_code == 404


def test_the_edit_dialog_merges(lab: SmallLab, cast: Cast, client: Client) -> None:
    """What only they changed is taken over, what both changed is shown side by side, and saving again keeps ours."""
    row = plan(cast.student, lab.vms[1], "take-snapshot", {"kind": "weekly", "at": "02:00", "days": [0]},
               name="Night", memory=False, quiesce=False)  # fmt: skip
    client.force_login(cast.student)
    url = reverse("inventory:dialog", args=(lab.vcenter.uuid, lab.vms[1].moref, "edit-schedule")) + f"?task={row.pk}"
    opened = client.get(url).context["form"]
    sent = {
        "name": "Ours", "description": "", "enabled": "on", "recurrence": "weekly", "at": "03:00", "days": ["0"],
        "take-snapshot-name": "Night", "version": opened["version"].value(), "base": opened["base"].value(),
    }  # fmt: skip
    change(cast.teacher, row, name="Theirs", timing={"kind": "weekly", "at": "02:00", "days": [4, 6]})
    answer = client.post(url, sent)
    assert (answer.status_code, answer["X-Fault"]) == (422, "ConcurrentAccess")
    form = answer.context["form"]
    found = {d.field: (d.yours, d.theirs, d.taken) for d in form.differences}
    assert found == {"name": ("Ours", "Theirs", False), "days": ("Monday", "Friday, Sunday", True)}
    assert form["days"].value() == ["4", "6"]
    again = {**sent, "days": ["4", "6"], "version": form["version"].value(), "base": form["base"].value()}
    assert client.post(url, again).status_code == 202
    row.refresh_from_db()
    assert (row.name, row.timing) == ("Ours", {"kind": "weekly", "at": "03:00", "days": [4, 6]})
    assert row.args == {"name": "Night", "memory": False, "quiesce": False}


# --- verbs of other objects ------------------------------------------------------------------------------------------
def test_a_template_is_deployed(lab: SmallLab, cast: Cast) -> None:
    row = ran(plan(cast.student, lab.template, "deploy", name="lesson", pool=lab.pool.moref, power_on=True))
    assert row.last_fault is None
    made = type(lab.vm).objects.get(moref=row.last_task.entity)
    assert (made.pool, made.template, made.name[:7]) == (lab.pool, False, "lesson-")
    assert row.last_task.args["power_on"]


@pytest.mark.parametrize("where", ["datastore", "network"])
def test_all_machines_of_a_datastore_or_network(lab: SmallLab, cast: Cast, where: str) -> None:
    row = ran(plan(cast.student, getattr(lab, where), "take-snapshots", name="night", memory=False, quiesce=False))
    assert row.last_fault is None
    asked = Task.objects.filter(operation="vm.snapshot_create", reason=TaskReason.SCHEDULE)
    here = type(lab.vm).objects.filter(vms_of(getattr(lab, where)), template=False)
    assert set(asked.values_list("entity", flat=True)) == set(here.values_list("moref", flat=True))
    assert asked.exists()
    assert ran(plan(cast.student, getattr(lab, where), "delete-snapshots-of-vms", title="b"), "d2").last_result == {
        "started": 0, "refused": 0,
    }  # fmt: skip


def test_verbs_of_clusters(lab: SmallLab, cast: Cast) -> None:
    row = ran(plan(cast.student, lab.cluster, "set-ha", title="a", on="on"))
    lab.cluster.refresh_from_db()
    assert lab.cluster.ha_enabled
    assert row.last_task.description_id == "ClusterComputeResource.reconfigureEx"
    row = ran(plan(cast.student, lab.cluster, "run-drs", title="b"))
    assert row.last_fault["fault"] == "InvalidState"  # no figures have arrived yet, and that is what the list says
    row = ran(plan(cast.student, lab.cluster, "apply-recommendations", title="c"))
    assert (row.last_fault, row.last_result) == (None, {"started": 0, "refused": 0})


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


# --- vApps -----------------------------------------------------------------------------------------------------------
@pytest.fixture
def shop(lab: SmallLab) -> Any:
    """A vApp with one machine that is off."""
    vapp = make_vapp(lab.cluster, "shop")
    make_vm(lab.host, "shop-db", pool=vapp, datastore=lab.datastore)
    return vapp


def test_a_vapp_is_started_and_stopped_by_the_clock(cast: Cast, lab: SmallLab, shop: Any) -> None:
    keys = [verb.key for verb in verbs_for(cast.student, shop)]
    assert keys[:3] == ["vapp-power-on", "vapp-shut-down", "vapp-suspend"]
    assert "power-on-vms" not in keys  # it would not keep the order
    row = ran(plan(cast.student, shop, "vapp-power-on"))
    assert (row.last_fault, row.last_task.entity) == (None, shop.moref)
    assert row.last_task.reason == TaskReason.SCHEDULE
    stop = ran(plan(cast.student, shop, "vapp-shut-down", title="Evening"))
    assert stop.last_fault["fault"] == "VAppOperationInProgress"  # it is still being started


def test_it_stands_on_the_menu_and_the_list_of_a_vapp(cast: Cast, lab: SmallLab, shop: Any, client: Client) -> None:
    client.force_login(cast.student)
    base = f"/vc/{lab.vcenter.uuid}/{shop.moref}/"
    assert "dialog/schedule-task" in client.get(f"{base}menu/").content.decode()
    assert "Power on vApp" in client.get(f"{base}dialog/schedule-task/").content.decode()
    plan(cast.student, shop, "vapp-power-on")
    assert "Power on vApp" in client.get(f"{base}configure/scheduled-tasks/").content.decode()


@pytest.mark.parametrize("who", ["reader", "outsider"])
def test_who_may_not_start_a_vapp_cannot_let_the_clock_do_it(cast: Cast, shop: Any, who: str) -> None:
    with pytest.raises(faults.NoPermission):
        plan(getattr(cast, who), shop, "vapp-power-on")
