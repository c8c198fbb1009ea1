"""Replaying a recorded day: a task that a worker carries out, not the fleet."""

from __future__ import annotations

from collections.abc import Sequence

from domain import faults
from domain.text import _
from hypervisors.port import Command
from inventory.journal import Change
from inventory.models import Task
from inventory.operations.base import Operation, register
from scheduler.models import Replay


def _none(_task: Task) -> Sequence[Command]:
    return ()


def _failed(change: Change, task: Task, fault: faults.MethodFault) -> None:
    """The figures that were reached stay; the trace is not needed any more."""
    Replay.objects.filter(task=task, done=False).update(done=True, fault=fault.to_dict(), trace=b"", running_until=None)
    change.fact("object.changed", task.entity)


REPLAY = register(
    Operation(
        "cluster.replay", "ClusterComputeResource.replayDay", _("Replay recorded day"), _none, failed=_failed,
        by_fleet=False,
    )
)  # fmt: skip
