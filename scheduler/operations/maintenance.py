"""Entering and leaving maintenance mode: tasks that end when the host is empty, not when a job of the fleet does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain import faults
from domain.text import _
from hypervisors.port import Command, Config
from inventory.journal import Change
from inventory.models import Host, Task
from inventory.operations.base import Operation, register
from inventory.operations.hosts import host_of


def _none(_task: Task) -> Sequence[Command]:
    return ()


def _entering(change: Change, task: Task, _data: Any) -> None:
    host = host_of(task)
    change.event("EnteringMaintenanceModeEvent", host, host.cluster, task=task)
    change.changed(host)
    change.fact("tree.changed", host.cluster.moref)


def _entered(change: Change, task: Task, _result: Any) -> None:
    host = host_of(task)
    Host.objects.filter(pk=host.pk).update(in_maintenance=True, entering_maintenance=False)
    change.configure(Config.MAINTENANCE, host.uuid, on=True)
    change.event("EnteredMaintenanceModeEvent", host, host.cluster, task=task)
    change.changed(host)
    change.fact("tree.changed", host.cluster.moref)


def _not_entered(change: Change, task: Task, fault: faults.MethodFault) -> None:
    host = host_of(task)
    Host.objects.filter(pk=host.pk).update(entering_maintenance=False)
    change.event("CanceledHostOperationEvent", host, host.cluster, task=task, reason=fault.sentence)
    change.changed(host)
    change.fact("tree.changed", host.cluster.moref)


ENTER = register(
    Operation(
        "host.enter_maintenance", "HostSystem.enterMaintenanceMode", _("Enter maintenance mode"), _none, _entered,
        _not_entered, _entering, by_fleet=False,
    )
)  # fmt: skip
