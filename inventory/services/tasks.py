"""Cancelling tasks."""

from __future__ import annotations

from typing import Any

from domain import faults
from domain.states import TaskState
from hypervisors.port import Command, Config
from inventory import rights
from inventory.journal import changing
from inventory.models import Task
from inventory.operations import base
from inventory.services.base import check

CANCEL = "Global.CancelTask"


def cancel(user: Any, task: Task) -> Task:
    """Ask for the end of a task: of one's own, with the right to cancel also of others'. One that was not submitted yet
    ends at once, another when its host has rolled back.

    Raises NoPermission, or InvalidState where the task has ended or passed the point of no return.
    """
    if user is not None and (task.initiator_id != user.pk or rights.curbed(user, CANCEL, task.vcenter)):
        check(user, CANCEL, task.vcenter)
    task.refresh_from_db()
    if not task.live or not task.cancelable:
        raise faults.InvalidState(name=task.entity_name, reason="the task can no longer be cancelled")
    name = user.get_username() if user is not None else "System"
    with changing(task.vcenter, user) as change:
        task.result = {**task.result, "cancelled_by": name}
        Task.objects.filter(pk=task.pk).update(cancel_requested=True, result=task.result)
        if task.state == TaskState.QUEUED and task.lease_until is None:
            base.fail(change, task, faults.RequestCanceled(user=name))
        else:
            change.command(Command(kind=Config.CANCEL, target=str(task.pk), args={"op_id": str(task.pk)}))
            change.fact("task.changed", task.pk)
    return task
