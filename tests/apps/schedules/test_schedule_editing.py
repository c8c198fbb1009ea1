"""Changing a scheduled task: what beat learns, whose it is then, two who change it at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now
from django_celery_beat.models import ClockedSchedule, PeriodicTask

from domain import faults
from inventory.models import Event, ScheduledTask
from inventory.services import schedules
from tests.apps.schedules.stage import DAILY, entry, plan
from tests.builders import SmallLab
from tests.cast import Cast

pytestmark = pytest.mark.django_db


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
