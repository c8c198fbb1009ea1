"""Taking a checkpoint, and copying one to a new vCenter, as tasks."""

from __future__ import annotations

import uuid
from typing import Any

from classroom.checkpoints import capture, going_back, jobs, services
from classroom.models.checkpoints import Checkpoint
from domain.text import _
from inventory.models import Task, VCenter
from inventory.services.base import valid_name


def ask_to_take(vcenter: VCenter, user: Any, name: str) -> Task:
    """Queue a checkpoint; what is kept is the lab as it is when a worker comes.

    Raises:
        NoPermission, InvalidName, DuplicateName, LimitExceeded: see `services.may_take`.
        TaskInProgress: the lab is being kept or taken back already.
    """
    name = services.may_take(vcenter, user, name)
    # Where its file will be is known before a worker begins: whoever comes after one that died finds what it left.
    args = {"name": name, "path": services.new_path(vcenter)}
    return jobs.ask(TAKE, vcenter, user, args, {"checkpoint": name})


def ask_to_copy(checkpoint: Checkpoint, user: Any, name: str) -> Task:
    """Queue a copy; the lab itself goes on undisturbed, and so do other jobs of it.

    Raises:
        NoPermission, InvalidName: as usual.
        InvalidState: the checkpoint's file is gone.
    """
    services.may_copy(checkpoint, user)
    going_back.require_file(checkpoint)
    args = {"checkpoint": checkpoint.pk, "name": valid_name(name), "vcenter": str(uuid.uuid4())}
    told = {"checkpoint": checkpoint.name, "name": args["name"]}
    return jobs.ask(COPY, checkpoint.vcenter, user, args, told, exclusive=False)


def _take(task: Task, says: jobs.Says) -> None:
    services.take(task.vcenter, task.initiator, task.args["name"], task, says)


def _forget_file(task: Task) -> None:
    path = task.args["path"]
    if not Checkpoint.objects.filter(path=path).exists():
        services.drop_file(path)


def _copy(task: Task, says: jobs.Says) -> None:
    services.copy(going_back.named_by(task), task.initiator, task.args["name"], asked=task, says=says)


def _forget_copy(task: Task) -> None:
    capture.forget_stillborn(task.args["vcenter"])


TAKE = jobs.register("lab.takeCheckpoint", "Lab.takeCheckpoint", _("Take checkpoint"), _take, _forget_file)
COPY = jobs.register("lab.copyCheckpoint", "Lab.copyCheckpoint", _("Copy checkpoint"), _copy, _forget_copy)
