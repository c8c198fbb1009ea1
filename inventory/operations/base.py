"""How a task is carried out: the commands that start it, and what the inventory records when the fleet is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.utils.timezone import now

from domain import faults
from domain.events import EVENTS
from domain.morefs import Kind
from domain.states import TaskReason, TaskState
from hypervisors.port import Command
from inventory import ids
from inventory.journal import Change
from inventory.models import Task

Result = Mapping[str, Any]
Entity = TypeVar("Entity", bound=Model)
# How long a submitted task may be unknown to the fleet before its commands are sent again (wall time).
LEASE = timedelta(seconds=10)
MAX_ATTEMPTS = 6


def _nothing(_change: Change, _task: Task, _result: Any) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Operation:
    """One verb. `commands` may raise a MethodFault, which ends the task; `done` and `failed` run in the transaction
    that ends it. `failure_event` gets the fields `name` and `reason`."""

    key: str
    description_id: str
    label: str
    commands: Callable[[Task], Sequence[Command]]
    done: Callable[[Change, Task, Result], None] = _nothing
    failed: Callable[[Change, Task, faults.MethodFault], None] = _nothing
    started: Callable[[Change, Task, Any], None] = _nothing
    cancelable: bool = True
    by_fleet: bool = True  # False: no job of the fleet ends it; whoever registered it looks after it


REGISTRY: dict[str, Operation] = {}


def register(operation: Operation) -> Operation:
    REGISTRY[operation.key] = operation
    return operation


def queue(
    change: Change,
    key: str,
    entity: Any,
    args: Mapping[str, Any] | None = None,
    *,
    reason: TaskReason = TaskReason.USER,
    parent: Task | None = None,
    priority: str = "",
    exclusive: bool = True,
    initiator_name: str = "",
) -> Task:
    """Write a queued task for `entity`; raises TaskInProgress where another task holds it (the database decides)."""
    operation = REGISTRY[key]
    task = Task(
        vcenter=change.vcenter,
        moref=ids.new_moref(change.vcenter, Kind.TASK),
        description_id=operation.description_id,
        operation=key,
        args=dict(args or {}),
        entity=entity.moref,
        entity_kind=str(entity.kind),
        entity_name=entity.shown_name[:80],
        cancelable=operation.cancelable,
        exclusive=exclusive,
        initiator=change.user,
        initiator_name=initiator_name or change.user_name,
        reason=reason,
        parent=parent,
        priority=priority,
        queued_lab_s=change.lab_s,
    )
    task.chain_id = parent.chain_id if parent else int(task.moref.removeprefix("task-"))
    refuse_busy(task)
    task.save()
    change.fact("task.changed", task.pk)
    return task


def refuse_busy(task: Task) -> None:
    """Raise TaskInProgress with the name of the task that holds the entity. The unique constraint decides races."""
    if not task.exclusive:
        return
    live = Task.objects.filter(
        vcenter=task.vcenter_id, entity=task.entity, exclusive=True, state__in=(TaskState.QUEUED, TaskState.RUNNING)
    ).first()
    if live is not None:
        raise faults.TaskInProgress(name=task.entity_name, task=live.description_id)


def record_instant(
    change: Change,
    description_id: str,
    entity: Any,
    *,
    result: Mapping[str, Any] | None = None,
    args: Mapping[str, Any] | None = None,
) -> Task:
    """A task that needed no hypervisor: it is done in the transaction that asked for it."""
    moment = now()
    task = Task.objects.create(
        vcenter=change.vcenter,
        moref=ids.new_moref(change.vcenter, Kind.TASK),
        description_id=description_id,
        operation="",
        args=dict(args or {}),
        entity=entity.moref,
        entity_kind=str(entity.kind),
        entity_name=entity.shown_name[:80],
        state=TaskState.SUCCESS,
        progress_pct=100,
        cancelable=False,
        exclusive=False,
        initiator=change.user,
        initiator_name=change.user_name,
        result=dict(result or {}),
        started_at=moment,
        completed_at=moment,
        queued_lab_s=change.lab_s,
        started_lab_s=change.lab_s,
        completed_lab_s=change.lab_s,
    )
    change.fact("task.changed", task.pk)
    return task


def start(change: Change, task: Task, data: Any) -> bool:
    """queued -> running; False where somebody else has done it."""
    moved = Task.objects.filter(pk=task.pk, state=TaskState.QUEUED).update(
        state=TaskState.RUNNING, started_at=now(), started_lab_s=change.lab_s, progress_pct=0
    )
    if not moved:
        return False
    task.state = TaskState.RUNNING
    REGISTRY[task.operation].started(change, task, data)
    change.fact("task.changed", task.pk)
    return True


def finish(change: Change, task: Task, result: Result) -> bool:
    """-> success, with what the operation records; False where the task had ended before."""
    if not _end(change, task, state=TaskState.SUCCESS, result=dict(result), progress_pct=100):
        return False
    REGISTRY[task.operation].done(change, task, result)
    return True


def fail(change: Change, task: Task, fault: faults.MethodFault) -> bool:
    """-> error with a typed fault; False where the task had ended before."""
    if not close(change, task, fault):
        return False
    if task.operation:
        REGISTRY[task.operation].failed(change, task, fault)
    return True


def close(change: Change, task: Task, fault: faults.MethodFault) -> bool:
    """-> error, without what the operation would do about it."""
    cancelled = isinstance(fault, faults.RequestCanceled)
    return _end(change, task, state=TaskState.ERROR, fault=fault.to_dict(), cancelled=cancelled)


def _end(change: Change, task: Task, **values: Any) -> bool:
    ended = Task.objects.filter(pk=task.pk, state__in=(TaskState.QUEUED, TaskState.RUNNING)).update(
        completed_at=now(), completed_lab_s=change.lab_s, cancelable=False, lease_until=None, phase="", **values
    )
    if not ended:
        return False
    if task.started_at is None:
        Task.objects.filter(pk=task.pk, started_at__isnull=True).update(started_at=now(), started_lab_s=change.lab_s)
    for name, value in values.items():
        setattr(task, name, value)
    change.fact("task.changed", task.pk)
    return True


def entity_of(task: Task, rows: QuerySet[Entity]) -> Entity:
    """The one of `rows` that the task is about; ManagedObjectNotFound where it has gone."""
    found = rows.filter(vcenter=task.vcenter_id, moref=task.entity).first()
    if found is None:
        raise faults.ManagedObjectNotFound(moref=task.entity)
    return found


def failure(change: Change, task: Task, event: str, entity: Any, fault: faults.MethodFault, *others: Any) -> None:
    """The event of a failed operation."""
    if event in EVENTS:
        change.event(event, entity, *others, task=task, reason=fault.sentence, name=REGISTRY[task.operation].label)
    change.changed(entity)
