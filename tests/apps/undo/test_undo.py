"""Undo: back to what was, by the same services, and refused where the object is not as the task left it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from domain import faults
from inventory import rights
from inventory.hardware import AS_THE_CLUSTER, OVERRIDES
from inventory.inverses import UNDO_FOR
from inventory.models import Permission, Tag, TagAssignment, TagCategory, Task
from inventory.services import clusters, folders, naming, permissions, pools, tags, vms
from inventory.services.undo import undo
from scheduler.services import rules, settings
from tests.builders import SmallLab
from tests.cast import Cast, grant, system_role

pytestmark = pytest.mark.django_db


def _folder(lab: SmallLab, user: Any) -> Any:
    folders.create(user, lab.vm_folder, "elsewhere")
    return lab.vm_folder.children.get(name="elsewhere")


# (what to do, how to read what it changes)
Step = tuple[Callable[[Any, SmallLab], Any], Callable[[SmallLab], Any]]
STEPS: dict[str, Step] = {
    "rename a vm": (lambda u, lab: naming.rename(u, lab.vms[1], "new"), lambda lab: lab.vms[1].name),
    "rename a cluster": (lambda u, lab: naming.rename(u, lab.cluster, "new"), lambda lab: lab.cluster.name),
    "rename a pool": (lambda u, lab: naming.rename(u, lab.pool, "new"), lambda lab: lab.pool.name),
    "rename a datacenter": (lambda u, lab: naming.rename(u, lab.datacenter, "new"), lambda lab: lab.datacenter.name),
    "move a vm": (lambda u, lab: folders.move(u, lab.vms[1], _folder(lab, u)), lambda lab: lab.vms[1].folder_id),
    "move a vm to a pool": (
        lambda u, lab: vms.move_to_pool(u, lab.vms[1], _other_pool(lab)), lambda lab: lab.vms[1].pool_id
    ),
    "notes": (lambda u, lab: vms.set_notes(u, lab.vms[1], "new"), lambda lab: lab.vms[1].notes),
    "settings of a pool": (
        lambda u, lab: pools.reconfigure(u, lab.pool, {"cpu_shares_level": "high"}),
        lambda lab: (lab.pool.cpu_shares_level, lab.pool.cpu_shares),
    ),
    "settings of a cluster": (
        lambda u, lab: settings.reconfigure(u, lab.cluster, {"drs_threshold": 5, "drs_enabled": True}),
        lambda lab: (lab.cluster.drs_threshold, lab.cluster.drs_enabled),
    ),
    "an override": (
        lambda u, lab: rules.set_override(u, [lab.vms[1]], drs_override="manual", ha_vm_monitoring="vmMonitoringOnly"),
        lambda lab: overrides(lab.vms[1]),
    ),
    "an override that goes": (lambda u, lab: _follow(u, lab), lambda lab: overrides(lab.vms[1])),
    "tag": (lambda u, lab: tags.assign(u, lab.vms[1], _tag(lab)), lambda lab: _tagged(lab)),
    "no tag": (lambda u, lab: _untag(u, lab), lambda lab: _tagged(lab)),
}  # fmt: skip


def overrides(vm: Any) -> dict[str, Any]:
    """What a machine has of its own now."""
    return type(vm).objects.filter(pk=vm.pk).values(*OVERRIDES).get()


def _follow(user: Any, lab: SmallLab) -> Any:
    """Take away what the machine has of its own."""
    return rules.set_override(user, [lab.vms[1]], **AS_THE_CLUSTER)


def _tagged(lab: SmallLab) -> bool:
    return TagAssignment.objects.filter(entity=lab.vms[1].moref, tag=_tag(lab)).exists()


def _untag(user: Any, lab: SmallLab) -> Any:
    return tags.unassign(user, lab.vms[1], _tag(lab))


def _other_pool(lab: SmallLab) -> Any:
    root = lab.cluster.pools.get(parent__isnull=True)
    return root if lab.vms[1].pool_id != root.pk else lab.pool


def seen(lab: SmallLab, step: Step) -> Any:
    for one in (lab.vms[1], lab.cluster, lab.pool, lab.datacenter):
        one.refresh_from_db()
    return step[1](lab)


@pytest.mark.parametrize("name", STEPS)
def test_there_and_back_again(lab: SmallLab, cast: Cast, name: str) -> None:
    step = STEPS[name]
    if name == "no tag":
        tags.assign(cast.student, lab.vms[1], _tag(lab))
    if name == "an override that goes":
        rules.set_override(cast.student, [lab.vms[1]], ha_restart_priority="high", ha_ready_delay_s=30)
    before = seen(lab, step)
    task = step[0](cast.student, lab)
    after = seen(lab, step)
    assert before != after
    back = undo(cast.student, task)
    assert seen(lab, step) == before
    task.refresh_from_db()
    assert task.result["undone_by"] == "student"
    with pytest.raises(faults.NotSupported):
        undo(cast.student, task)
    undo(cast.student, back)  # and forth again
    assert seen(lab, step) == after


# --- tags and permissions --------------------------------------------------------------------------------------------
def _tag(lab: SmallLab) -> Tag:
    category, _made = TagCategory.objects.get_or_create(vcenter=lab.vcenter, name="Stage")
    return Tag.objects.get_or_create(category=category, name="Test")[0]


def _given(lab: SmallLab, cast: Cast) -> Any:
    """What the outsider has on the machine."""
    held = Permission.objects.filter(entity=lab.vm.moref, user=cast.outsider)
    return list(held.values_list("role__name", "propagate"))


def _take_away(lab: SmallLab, cast: Cast) -> Task:
    grant(cast.outsider, lab.vm, "VM user", propagate=False)
    return permissions.take(cast.student, lab.vm, Permission.objects.get(entity=lab.vm.moref, user=cast.outsider))


def _change(lab: SmallLab, cast: Cast) -> Task:
    grant(cast.outsider, lab.vm, "VM user", propagate=False)
    return permissions.give(cast.student, lab.vm, cast.outsider, system_role("Read-only"))[1]


GIVEN: dict[str, tuple[Callable[[SmallLab, Cast], Task], Any, Any]] = {
    "add": (lambda lab, cast: permissions.give(cast.student, lab.vm, cast.outsider, system_role("Read-only"))[1],
            [], [("Read-only", True)]),
    "change": (_change, [("VM user", False)], [("Read-only", True)]),
    "remove": (_take_away, [("VM user", False)], []),
}  # fmt: skip


@pytest.mark.parametrize("what", GIVEN)
def test_a_permission_goes_back(lab: SmallLab, cast: Cast, what: str) -> None:
    act, before, after = GIVEN[what]
    task = act(lab, cast)
    assert _given(lab, cast) == after
    with pytest.raises(faults.NoPermission):
        undo(cast.reader, task)
    back = undo(cast.student, task)
    assert _given(lab, cast) == before
    task.refresh_from_db()
    with pytest.raises(faults.NotSupported):
        undo(cast.student, task)
    undo(cast.student, back)
    assert _given(lab, cast) == after


def test_who_lost_the_right_takes_no_permission_back(lab: SmallLab, cast: Cast) -> None:
    own = grant(cast.operator, lab.vm, "Administrator")
    _permission, task = permissions.give(cast.operator, lab.vm, cast.outsider, system_role("VM user"))
    Permission.objects.filter(pk=own.pk).update(role=system_role("VM power user"))
    rights.forget(cast.operator)
    with pytest.raises(faults.NoPermission):
        undo(cast.operator, task)
    assert _given(lab, cast) == [("VM user", True)]


def test_a_permission_that_was_changed_since_stays(lab: SmallLab, cast: Cast) -> None:
    _permission, task = permissions.give(cast.student, lab.vm, cast.outsider, system_role("VM user"))
    permissions.give(cast.teacher, lab.vm, cast.outsider, system_role("Read-only"))
    with pytest.raises(faults.ConcurrentAccess):
        undo(cast.student, task)
    assert _given(lab, cast) == [("Read-only", True)]


def test_a_role_or_tag_that_is_gone(lab: SmallLab, cast: Cast) -> None:
    role = permissions.create_role(cast.student, lab.vcenter, "Passing", ["VirtualMachine.Interact.PowerOn"])
    given, _task = permissions.give(cast.student, lab.vm, cast.outsider, role)
    task = permissions.take(cast.student, lab.vm, given)
    permissions.delete_role(cast.student, role)
    with pytest.raises(faults.NotFound):
        undo(cast.student, task)
    tag = _tag(lab)
    tags.assign(cast.student, lab.vm, tag)
    task = tags.unassign(cast.student, lab.vm, tag)
    tags.delete_tag(cast.student, tag)
    with pytest.raises(faults.NotFound):
        undo(cast.student, task)


def test_a_tag_that_was_taken_off_since_stays_off(lab: SmallLab, cast: Cast) -> None:
    task = tags.assign(cast.student, lab.vm, _tag(lab))
    tags.unassign(cast.teacher, lab.vm, _tag(lab))
    with pytest.raises(faults.ConcurrentAccess):
        undo(cast.student, task)


def test_what_was_changed_since_stays(lab: SmallLab, cast: Cast) -> None:
    task = naming.rename(cast.student, lab.cluster, "mine")
    naming.rename(cast.teacher, lab.cluster, "theirs")
    with pytest.raises(faults.ConcurrentAccess):
        undo(cast.student, task)
    lab.cluster.refresh_from_db()
    assert lab.cluster.name == "theirs"
    task.refresh_from_db()
    assert task.undoable


def test_a_name_that_is_taken_meanwhile(lab: SmallLab, cast: Cast) -> None:
    old = lab.vms[1].name
    task = naming.rename(cast.student, lab.vms[1], "new")
    naming.rename(cast.student, lab.vms[2], old)
    with pytest.raises(faults.DuplicateName):
        undo(cast.student, task)


def test_a_place_that_is_gone(lab: SmallLab, cast: Cast) -> None:
    elsewhere = _folder(lab, cast.student)
    folders.move(cast.student, lab.vms[1], elsewhere)
    task = folders.move(cast.student, lab.vms[1], lab.vm_folder)
    folders.destroy(cast.student, elsewhere)
    with pytest.raises(faults.ManagedObjectNotFound):
        undo(cast.student, task)


def test_rights_are_asked_again(lab: SmallLab, cast: Cast) -> None:
    task = clusters.rename(cast.student, lab.cluster, "new")
    with pytest.raises(faults.NoPermission):
        undo(cast.reader, task)


def test_what_the_system_did_on_its_own_stays(lab: SmallLab, cast: Cast) -> None:
    task = settings.reconfigure(None, lab.cluster, {"drs_threshold": 5})
    assert not task.undoable
    with pytest.raises(faults.NotSupported):
        undo(cast.student, task)
    lab.cluster.refresh_from_db()
    assert lab.cluster.drs_threshold == 5


def test_not_for_ever(lab: SmallLab, cast: Cast) -> None:
    task = clusters.rename(cast.student, lab.cluster, "new")
    Task.objects.filter(pk=task.pk).update(completed_at=now() - UNDO_FOR - timedelta(seconds=1))
    with pytest.raises(faults.NotSupported):
        undo(cast.student, task)


def test_the_button_of_a_row(lab: SmallLab, cast: Cast, client: Client) -> None:
    task = naming.rename(cast.student, lab.vms[1], "new")
    client.force_login(cast.student)
    url = reverse("inventory:task-undo", args=(task.pk,))
    assert f'hx-post="{url}"' in client.get("/tasks/recent/").content.decode()
    answer = client.post(url)
    assert answer.status_code == 202
    again = client.get("/tasks/recent/").content.decode()
    assert f'hx-post="{url}"' not in again
    assert "Undone by student" in again
    assert client.post(url).status_code == 409
    client.force_login(cast.outsider)
    assert client.post(url).status_code == 404
