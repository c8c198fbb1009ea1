"""Going back to a checkpoint as a task. It is the only live one that outlives the timeline it was asked in: it ends in
the transaction that turns the lab back."""

from __future__ import annotations

from typing import Any

from classroom.checkpoints import jobs, services
from classroom.models.checkpoints import Checkpoint
from domain import faults
from domain.text import _
from inventory.models import Task
from inventory.services.base import check


def ask(checkpoint: Checkpoint, user: Any) -> Task:
    """Queue the rewind; the lab goes on until a worker turns it back.

    Raises:
        NoPermission: as usual.
        TaskInProgress: the lab is being taken back or kept already.
        InvalidState: the checkpoint's file is gone.
    """
    check(user, services.PRIVILEGE, checkpoint.vcenter)
    require_file(checkpoint)
    args = {"checkpoint": checkpoint.pk, "name": checkpoint.name}
    return jobs.ask(REWIND, checkpoint.vcenter, user, args, {"checkpoint": checkpoint.name})


def require_file(checkpoint: Checkpoint) -> None:
    """Raise InvalidState where the checkpoint's file is gone."""
    if not checkpoint.file.is_file():
        raise faults.InvalidState(name=checkpoint.name, reason=_("its file is gone"))


def named_by(task: Task) -> Checkpoint:
    """The checkpoint that a task is about. Raises NotFound where it is gone."""
    rows = Checkpoint.objects.select_related("vcenter").filter(pk=task.args["checkpoint"], vcenter=task.vcenter_id)
    found = rows.first()
    if found is None:
        raise faults.NotFound(what=_("The checkpoint"))
    return found


def _do(task: Task, says: jobs.Says) -> None:
    services.rewind(named_by(task), task.initiator, task, says)


REWIND = jobs.register("lab.rewind", "Lab.rewind", _("Go back to checkpoint"), _do)
