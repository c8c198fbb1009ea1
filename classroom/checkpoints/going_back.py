"""Going back to a checkpoint as a task: asked for by a page, done by a worker.

A rewind reads, checks and writes a whole lab, and may wait for the fleet's lease; no request waits for that. The task
is the only live one that outlives the timeline it was asked in: it ends in the transaction that turns the lab back.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.db import transaction
from django.db.models import F, Q
from django.utils.timezone import now
from kombu.exceptions import OperationalError

from classroom.checkpoints import capture, services
from classroom.models.checkpoints import Checkpoint
from domain import faults
from domain.text import _
from hypervisors.port import Command
from inventory import audit
from inventory.journal import changing
from inventory.models import Task, VCenter
from inventory.operations import base
from inventory.services.base import check
from inventory.services.folders import root_folder

log = structlog.get_logger(__name__)
LEASE = timedelta(seconds=120)  # longer than the limit of a worker's job
FORGOTTEN = timedelta(seconds=15)  # a message that has not come by then was lost
MAX_ATTEMPTS = 3
READING, TURNING = _("Reading the checkpoint"), _("Putting everything back")


def _none(_task: Task) -> Sequence[Command]:
    return ()


REWIND = base.register(
    base.Operation(
        services.REWIND_KEY, "Lab.rewind", _("Go back to checkpoint"), _none, cancelable=False, by_fleet=False
    )
)


def ask(checkpoint: Checkpoint, user: Any) -> Task:
    """Queue the rewind; the lab goes on until a worker turns it back.

    Raises:
        NoPermission: as usual.
        TaskInProgress: the lab is being taken back already.
        InvalidState: the checkpoint's file is gone.
    """
    vcenter = checkpoint.vcenter
    check(user, services.PRIVILEGE, vcenter)
    if not checkpoint.file.is_file():
        raise faults.InvalidState(name=checkpoint.name, reason=_("its file is gone"))
    args = {"checkpoint": checkpoint.pk, "name": checkpoint.name, "by_person": user is not None}
    with changing(vcenter, user) as change:
        root = root_folder(vcenter)
        task = base.queue(change, REWIND.key, root, args)
        audit.append(user, REWIND.description_id, root, {"checkpoint": checkpoint.name})
    transaction.on_commit(lambda: wake(task.pk))
    return task


# --- in the worker ---------------------------------------------------------------------------------------------------
def work(task_id: int) -> bool:
    """Turn the lab back, once: True where this call did it. A refusal ends the task with its sentence."""
    task = _claimed(task_id)
    if task is None:
        return False
    try:
        _turn_back(task)
    except faults.MethodFault as fault:
        _fail(task, fault)
    except SoftTimeLimitExceeded:
        _fail(task, faults.Timedout(timeout_s=int(LEASE.total_seconds())))
    except Exception as error:  # or it would be tried for ever
        log.exception("checkpoint.rewind", task=task_id)
        _fail(task, faults.SystemError_(reason=type(error).__name__))
    else:
        return True
    return False


def _claimed(task_id: int) -> Task | None:
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=now())
    waiting = Task.objects.filter(free, pk=task_id, operation=REWIND.key, state__in=capture.LIVE)
    if not waiting.update(lease_until=now() + LEASE, attempts=F("attempts") + 1):
        return None
    return Task.objects.select_related("vcenter", "initiator").get(pk=task_id)


def _turn_back(task: Task) -> None:
    if task.attempts > MAX_ATTEMPTS:
        raise faults.SystemError_(reason="no worker came to its end")
    if task.initiator is None and task.args["by_person"]:  # an account that has gone since
        raise faults.NoPermission(privilege=services.PRIVILEGE, object=task.entity_name)
    checkpoint = Checkpoint.objects.select_related("vcenter").filter(pk=task.args["checkpoint"]).first()
    if checkpoint is None or checkpoint.vcenter_id != task.vcenter_id:
        raise faults.NotFound(what=_("The checkpoint"))
    _say(task, READING, 5)
    services.rewind(checkpoint, task.initiator, task, lambda: _say(task, TURNING, 40))


def _say(task: Task, phase: str, progress: int) -> None:
    """Show on the open pages how far it is."""
    with changing(VCenter.objects.get(pk=task.vcenter_id)) as change:
        base.start(change, task, {})
        Task.objects.filter(pk=task.pk).update(phase=phase, progress_pct=progress)
        change.fact("task.changed", task.pk)


def _fail(task: Task, fault: faults.MethodFault) -> None:
    with changing(VCenter.objects.get(pk=task.vcenter_id)) as change:
        base.fail(change, task, fault)


def wake(task_id: int) -> None:
    """Tell a worker. Without a broker `wake_stranded` does it later."""
    from classroom import tasks

    try:
        tasks.rewind.apply_async((task_id,), retry=False)
    except (OperationalError, OSError) as error:
        log.warning("broker.unreachable", task=task_id, error=str(error))


def wake_stranded() -> None:
    """A worker that died, or a message that was lost: ask again."""
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=now())
    rows = Task.objects.filter(free, operation=REWIND.key, state__in=capture.LIVE, queued_at__lt=now() - FORGOTTEN)
    for pk in rows.values_list("pk", flat=True):
        wake(pk)
