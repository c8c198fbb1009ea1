"""Work on a whole lab as a task: asked for by a page, done by a worker.

A checkpoint, a rewind, a copy read, check and write a whole lab, and may wait for the fleet's lease; no request waits
for that. What such a task did is done in the transaction that ends it, so that it tells the truth whichever process
dies: a job whose worker died is tried again, and after `MAX_ATTEMPTS` ends in error, with nothing half made left.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils.timezone import now

from domain import faults
from domain.states import TaskState
from domain.text import _
from hypervisors.port import Command
from inventory import audit
from inventory.journal import Change, changing
from inventory.models import Task, VCenter
from inventory.operations import base
from inventory.services.folders import root_folder
from inventory.waking import tell

log = structlog.get_logger(__name__)
PRIVILEGE = "Lab.Manage"  # on the vCenter: the owner's and the teacher's
LIVE = (TaskState.QUEUED, TaskState.RUNNING)
LIMIT_S = 100  # of one job in a worker; big labs take long
LEASE = timedelta(seconds=120)  # longer than a worker's job ever lives
FORGOTTEN = timedelta(seconds=15)  # a message that has not come by then was lost
MAX_ATTEMPTS = 3

Says = Callable[[str, int], None]  # (phase, percent): how far it is


def silent(_phase: str, _percent: int) -> None:
    """Where nobody is shown how far it is."""


def _nothing(_task: Task) -> None:
    return None


def _no_commands(_task: Task) -> Sequence[Command]:
    return ()


@dataclass(frozen=True, slots=True)
class Job:
    """One verb. `do` does the work, ends the task with it (`finish`) and says how far it is, or raises a MethodFault;
    `clear` takes away what a job that came to no end has left outside the database."""

    operation: base.Operation
    do: Callable[[Task, Says], None]
    clear: Callable[[Task], None] = _nothing


JOBS: dict[str, Job] = {}


def register(
    key: str, description_id: str, label: str, do: Callable[[Task, Says], None],
    clear: Callable[[Task], None] = _nothing,
) -> Job:  # fmt: skip
    """A verb that workers know; `description_id` names its tasks."""
    operation = base.Operation(key, description_id, label, _no_commands, cancelable=False, by_fleet=False)
    JOBS[key] = Job(base.register(operation), do, clear)
    return JOBS[key]


# --- asking ----------------------------------------------------------------------------------------------------------
def ask(
    job: Job, vcenter: VCenter, user: Any, args: Mapping[str, Any], told: Mapping[str, Any], exclusive: bool = True
) -> Task:
    """Queue a job; the lab goes on until a worker comes. The caller has checked the right. `told` is for the audit log.

    Raises:
        TaskInProgress: another job has the lab, and this one needs it for itself.
    """
    whole = {**args, "by_person": user is not None}
    try:
        with changing(vcenter, user) as change:
            root = root_folder(vcenter)
            task = base.queue(change, job.operation.key, root, whole, exclusive=exclusive)
            audit.append(user, job.operation.description_id, root, dict(told))
    except IntegrityError:  # somebody else's was written between the look and the insert
        raise faults.TaskInProgress(name=vcenter.name, task=job.operation.description_id) from None
    transaction.on_commit(lambda: wake(task.pk))
    return task


def wake(task_id: int) -> None:
    """Tell a worker. Without a broker `wake_stranded` does it later."""
    from classroom import tasks

    tell(tasks.lab_job.apply_async, task_id)


def wake_stranded() -> None:
    """A worker that died, or a message that was lost: ask again."""
    rows = _free().filter(operation__in=JOBS, state__in=LIVE, queued_at__lt=now() - FORGOTTEN)
    for pk in rows.values_list("pk", flat=True):
        wake(pk)


def _free() -> Any:
    return Task.objects.filter(Q(lease_until__isnull=True) | Q(lease_until__lt=now()))


# --- in the worker ---------------------------------------------------------------------------------------------------
def work(task_id: int) -> bool:
    """Do a job, once: True where this call did it. A refusal ends the task with its sentence."""
    task = _claimed(task_id)
    if task is None:
        return False
    try:
        _may_go_on(task)
        JOBS[task.operation].do(task, lambda phase, percent: _say(task, phase, percent))
    except faults.MethodFault as fault:
        _fail(task, fault)
    except SoftTimeLimitExceeded:
        _fail(task, faults.Timedout(timeout_s=LIMIT_S))
    except Exception as error:  # or it would be tried for ever
        log.exception("lab.job", task=task_id, operation=task.operation)
        _fail(task, faults.SystemError_(reason=type(error).__name__))
    else:
        return True
    return False


def _claimed(task_id: int) -> Task | None:
    waiting = _free().filter(pk=task_id, operation__in=JOBS, state__in=LIVE)
    if not waiting.update(lease_until=now() + LEASE, attempts=F("attempts") + 1):
        return None
    return Task.objects.select_related("vcenter", "initiator").get(pk=task_id)


def _may_go_on(task: Task) -> None:
    if task.attempts > MAX_ATTEMPTS:
        raise faults.SystemError_(reason="no worker came to its end")
    if task.initiator is None and task.args["by_person"]:  # an account that has gone since
        raise faults.NoPermission(privilege=PRIVILEGE, object=task.entity_name)


def _say(task: Task, phase: str, percent: int) -> None:
    """Show on the open pages how far it is."""
    with changing(VCenter.objects.get(pk=task.vcenter_id)) as change:
        base.start(change, task, {})
        Task.objects.filter(pk=task.pk, state__in=LIVE).update(phase=phase, progress_pct=percent)
        change.fact("task.changed", task.pk)


def finish(change: Change, task: Task, result: Mapping[str, Any]) -> Task:
    """End the task in the transaction that did its work.

    Raises:
        InvalidState: it has ended meanwhile (the lab was reset, or taken back), so that nothing may be left of it.
    """
    if not base.finish(change, task, result):
        raise faults.InvalidState(name=task.entity_name, reason=_("the task has ended meanwhile"))
    return task


def _fail(task: Task, fault: faults.MethodFault) -> None:
    try:
        JOBS[task.operation].clear(task)
    except OSError as error:  # the task ends all the same
        log.warning("lab.job.left", task=task.pk, error=str(error))
    vcenter = VCenter.objects.filter(pk=task.vcenter_id).first()
    if vcenter is None:  # deleted meanwhile, with the task
        return
    with changing(vcenter) as change:
        base.fail(change, task, fault)
