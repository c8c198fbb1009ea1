"""What every service does: check the right, write the task, wake a worker after the commit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction

from domain import faults
from domain.limits import DEFAULT_LIMITS
from domain.states import TaskReason
from inventory import audit, rights, tasks
from inventory.inverses import UNDO
from inventory.journal import Change
from inventory.models import Task
from inventory.operations import base as operations
from inventory.waking import tell


def check(user: Any, privilege: str, *objects: Any) -> None:
    """Raise NoPermission unless `user` has `privilege` on every object. `None` is the system itself."""
    if user is not None:
        for one in objects:
            rights.require(user, privilege, one)


def submit(change: Change, key: str, entity: Any, args: Mapping[str, Any] | None = None, **options: Any) -> Task:
    """Queue a task and, once the transaction has committed, wake a worker for it."""
    try:
        with transaction.atomic():
            task = operations.queue(change, key, entity, args, **options)
    except IntegrityError:
        # Somebody else's task was written between the look and the insert: the constraint decided.
        raise faults.TaskInProgress(name=entity.name, task="another task") from None
    audit.append(change.user, task.description_id, entity, {k: v for k, v in (args or {}).items() if k != UNDO})
    transaction.on_commit(lambda: wake(task.pk))
    return task


def instant(
    change: Change,
    description_id: str,
    entity: Any,
    *,
    result: Mapping[str, Any] | None = None,
    args: Mapping[str, Any] | None = None,
) -> Task:
    """A finished task for what needed no hypervisor; `args` may note how to undo it (`inventory.inverses`)."""
    audit.append(change.user, description_id, entity, dict(result or {}))
    return operations.record_instant(change, description_id, entity, result=result, args=args)


def wake(task_id: int) -> None:
    """Tell a worker. Without a broker the task waits for the next pump, which submits what was forgotten."""
    tell(tasks.begin.apply_async, task_id)


def valid_name(name: str) -> str:
    """A name without surrounding blanks; InvalidName where it is empty, too long or has control characters."""
    name = str(name).strip()
    if not 1 <= len(name) <= DEFAULT_LIMITS.name_length or any(ord(c) < 32 for c in name):
        raise faults.InvalidName(name=name[:90])
    return name


def unique(rows: Any, name: str, own: Any = None) -> None:
    """Raise DuplicateName where `rows` already has the name."""
    same = rows.filter(name=name)
    if own is not None:
        same = same.exclude(pk=own.pk)
    if same.exists():
        raise faults.DuplicateName(name=name)


def number(values: Mapping[str, Any], key: str, low: int, high: int) -> None:
    """Raise where `values[key]` is given and is no whole number in low..high."""
    if key not in values:
        return
    value = values[key]
    if isinstance(value, bool) or not isinstance(value, int):
        raise faults.InvalidArgument(property=key, reason="it has to be a whole number")
    if value > high:
        raise faults.LimitExceeded(property=key, limit=high)
    if value < low:
        raise faults.InvalidArgument(property=key, reason=f"it has to be at least {low}")


def expect_version(row: Any, expected: int | None) -> None:
    """Raise ConcurrentAccess where somebody saved `row` since the form was opened."""
    if expected is not None and row.change_version != int(expected):
        raise faults.ConcurrentAccess(name=row.name)


USER = TaskReason.USER
