"""Scheduled tasks: make, edit, switch, run now, take away; and one run, in the name of the owner."""

from __future__ import annotations

import uuid as uuids
from collections.abc import Mapping
from typing import Any

import structlog
from django.db import transaction
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.timezone import now

from domain import faults
from domain.privileges import READ
from domain.states import TaskReason
from inventory import audit, rights
from inventory.journal import changing
from inventory.models import Folder, ScheduledTask, Task, VCenter
from inventory.scheduling import timing as times
from inventory.scheduling.verbs import Many, named
from inventory.selectors.getters import find
from inventory.services.base import check, expect_version, unique, valid_name

log = structlog.get_logger(__name__)
MOST = 500  # of one vCenter


def create(
    user: Any,
    obj: Any,
    *,
    name: str,
    verb: str,
    args: Mapping[str, Any],
    timing: Mapping[str, Any],
    timezone: str = "",
    description: str = "",
) -> ScheduledTask:
    """Let `verb` be done on `obj` at the times of `timing`, wall-clock times in `timezone` (default: the vCenter's).

    It runs with the rights that `user` has then. Raises NoPermission, NotSupported, InvalidName, DuplicateName,
    InvalidArgument, LimitExceeded.
    """
    check(user, "ScheduledTask.Create", obj)
    check(user, named(obj, verb).privilege, obj)
    vcenter = rights.vcenter_of(obj)
    zone = timezone or vcenter.timezone
    times.validate(timing, zone)
    name = valid_name(name)
    unique(ScheduledTask.objects.filter(vcenter=vcenter), name)
    if ScheduledTask.objects.filter(vcenter=vcenter).count() >= MOST:
        raise faults.LimitExceeded(property="scheduled tasks", limit=MOST)
    with changing(vcenter, user) as change:
        row = ScheduledTask.objects.create(
            vcenter=vcenter, entity=obj.moref, entity_kind=str(obj.kind), entity_name=obj.name[:80], name=name,
            description=description[:255], verb=verb, args=dict(args), timing=dict(timing), timezone=zone, owner=user,
        )  # fmt: skip
        times.arm(row)
        change.event("ScheduledTaskCreatedEvent", subject(obj), job=name)
        change.changed(obj)
        audit.append(user, "ScheduledTaskManager.create", subject(obj), {"name": name, "verb": verb, **timing})
    return row


def edit(
    user: Any,
    row: ScheduledTask,
    *,
    name: str,
    description: str,
    args: Mapping[str, Any],
    timing: Mapping[str, Any],
    enabled: bool,
    expected_version: int | None = None,
) -> ScheduledTask:
    """Change everything but the verb and the object.

    Whoever changes what is done, or when, owns it from then on: it runs with the rights of the one who decided that,
    never with those of somebody who had asked for less. Raises NoPermission, NotSupported, InvalidName, DuplicateName,
    InvalidArgument, ConcurrentAccess.
    """
    entity = entity_of(row)
    check(user, "ScheduledTask.Edit", entity)
    name = valid_name(name)
    with changing(row.vcenter, user) as change:
        row = _locked(row)
        expect_version(row, expected_version)
        unique(ScheduledTask.objects.filter(vcenter=row.vcenter), name, own=row)
        moved = dict(timing) != row.timing
        if moved or (enabled and not row.enabled):
            times.validate(timing, row.timezone)
        if moved or dict(args) != row.args:
            check(user, named(entity, row.verb).privilege, entity)
            row.owner = user
        row.name, row.description, row.enabled = name, description[:255], enabled
        row.args, row.timing = dict(args), dict(timing)
        row.change_version += 1
        row.save()
        times.arm(row)
        change.event("ScheduledTaskReconfiguredEvent", subject(entity), job=name)
        change.fact("object.changed", row.entity)
        audit.append(user, "ScheduledTask.reconfigure", subject(entity), {"name": name, **row.args, **row.timing})
    return row


def _locked(row: ScheduledTask) -> ScheduledTask:
    """The row as it is now, for nobody else to change until the transaction ends."""
    rows = ScheduledTask.objects.select_for_update(of=("self",)).select_related("vcenter", "owner").filter(pk=row.pk)
    found = rows.first()
    if found is None:
        raise faults.NotFound(what=row.name)
    return found


def subject(obj: Any) -> Any:
    """What events and the audit log name: the root folder stands for the vCenter."""
    return Folder.objects.get(vcenter=obj, moref=obj.moref) if isinstance(obj, VCenter) else obj


def row_of(obj: Any, pk: str) -> ScheduledTask:
    """One scheduled task of an object; 404 where the object has none of that number."""
    if not pk.isdecimal() or len(pk) > 18:
        raise Http404("scheduled task")
    rows = ScheduledTask.objects.filter(vcenter=rights.vcenter_of(obj), entity=obj.moref)
    return get_object_or_404(rows.select_related("vcenter", "owner"), pk=int(pk))


def entity_of(row: ScheduledTask) -> Any:
    """The object of a scheduled task; one that is gone is answered for by its vCenter."""
    return find(row.vcenter, row.entity) or row.vcenter


def enable(user: Any, row: ScheduledTask) -> None:
    """Raises InvalidArgument where its only moment has passed."""
    if row.timing["kind"] == times.ONCE:
        times.validate(row.timing, row.timezone)
    _switch(user, row, True)


def disable(user: Any, row: ScheduledTask) -> None:
    _switch(user, row, False)


def _switch(user: Any, row: ScheduledTask, enabled: bool) -> None:
    entity = entity_of(row)
    check(user, "ScheduledTask.Edit", entity)
    with changing(row.vcenter, user) as change:
        row = _locked(row)
        if row.enabled == enabled:
            return
        row.enabled = enabled
        row.change_version += 1
        row.save(update_fields=["enabled", "change_version"])
        times.arm(row)
        verb = "ScheduledTask.enable" if enabled else "ScheduledTask.disable"
        audit.append(user, verb, subject(entity), {"name": row.name})
        change.fact("object.changed", row.entity)


def remove(user: Any, row: ScheduledTask) -> None:
    entity = entity_of(row)
    check(user, "ScheduledTask.Delete", entity)
    with changing(row.vcenter, user) as change:
        change.event("ScheduledTaskRemovedEvent", subject(entity), job=row.name)
        audit.append(user, "ScheduledTask.remove", subject(entity), {"name": row.name})
        change.fact("object.changed", row.entity)
        row.delete()


def run_now(user: Any, row: ScheduledTask) -> ScheduledTask:
    """Do it at once, whether it is enabled or not, with the rights of its owner."""
    entity = entity_of(row)
    check(user, "ScheduledTask.Run", entity)
    audit.append(user, "ScheduledTask.run", subject(entity), {"name": row.name})
    carry_out(row.pk, f"now-{uuids.uuid4().hex}", by_hand=True)
    row.refresh_from_db()
    return row


# --- one run ---------------------------------------------------------------------------------------------------------
def carry_out(pk: int, run_id: str, by_hand: bool = False) -> bool:
    """One run; False where it was done already, is switched off, or gone. What is refused is recorded, not raised.

    The claim, what the verb asks for and the record are one transaction: a delivery that is repeated finds `run_id`.
    """
    with transaction.atomic():
        rows = ScheduledTask.objects.select_for_update(of=("self",)).select_related("vcenter", "owner")
        row = rows.filter(pk=pk).first()
        if row is None or row.last_run_id == run_id or not (row.enabled or by_hand):
            return False
        row.last_run_at, row.last_run_id = now(), run_id
        row.last_task, row.last_result, row.last_fault = None, {}, None
        try:
            with transaction.atomic():
                _note(row, *_ask(row))
        except faults.MethodFault as fault:
            _refused(row, fault)
        except Exception as error:
            log.exception("schedule.failed", schedule=pk)
            _refused(row, faults.SystemError_(reason=type(error).__name__))
        if row.timing["kind"] == times.ONCE and not by_hand:
            row.enabled = False
            row.change_version += 1
        row.save()
    return True


def _ask(row: ScheduledTask) -> tuple[list[Task], int]:
    """Call the verb as its owner, after the rights that the owner has now: (tasks, how many were refused)."""
    obj, owner = find(row.vcenter, row.entity), row.owner
    if obj is None:
        raise faults.ManagedObjectNotFound(moref=row.entity)
    if not row.vcenter.active:
        raise faults.InvalidState(name=row.vcenter.name, reason="the vCenter is not active")
    if not owner.is_active or not rights.has(owner, READ, obj):
        raise faults.NoPermission(privilege=READ, object=row.entity_name)
    verb = named(obj, row.verb)
    rights.require(owner, verb.privilege, obj)
    with changing(row.vcenter, owner) as change:
        change.event("ScheduledTaskStartedEvent", subject(obj), job=row.name)
        change.changed(obj)
        result = verb.run(owner, obj, row.args)
    many = result if isinstance(result, Many) else Many([result] if isinstance(result, Task) else [])
    return many.tasks, many.refused


def _note(row: ScheduledTask, tasks: list[Task], refused: int) -> None:
    Task.objects.filter(pk__in=[task.pk for task in tasks]).update(reason=TaskReason.SCHEDULE)
    row.last_task = tasks[0] if tasks else None
    row.last_result = {"started": len(tasks), "refused": refused}


def _refused(row: ScheduledTask, fault: faults.MethodFault) -> None:
    """Record the fault; a task whose object is gone for good is switched off."""
    row.last_fault = fault.to_dict()
    entity = entity_of(row)
    with changing(row.vcenter, row.owner) as change:
        change.event("ScheduledTaskFailedEvent", subject(entity), job=row.name, reason=fault.sentence)
        change.fact("object.changed", row.entity)
    if isinstance(fault, faults.ManagedObjectNotFound):
        row.enabled = False
        times.arm(row)
