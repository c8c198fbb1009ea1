"""Sending an empty host to standby, and waking it. Emptying it first is the business of whoever asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from domain import faults
from domain.text import _
from hypervisors.port import Command, Op
from inventory.journal import Change
from inventory.models import Host, Task
from inventory.operations.base import Operation, register
from inventory.operations.hosts import host_of, simple

WAKE_LEARNING = 0.3  # weight of the newest measurement in the wake-up estimate


def _event(task: Task, change: Change, name: str, **fields: Any) -> Host:
    """The event, in its DRS form where DPM asked."""
    host = host_of(task)
    prefix = "Drs" if task.args.get("cause") == "dpm" else ""
    change.event(prefix + name, host, host.cluster, task=task, **fields)
    change.changed(host)
    change.fact("tree.changed", host.cluster.moref)
    return host


def _says(name: str) -> Callable[[Change, Task, Any], None]:
    def record(change: Change, task: Task, _data: Any) -> None:
        _event(task, change, name)

    return record


def _none(_task: Task) -> Sequence[Command]:
    return ()


def _not_entered(change: Change, task: Task, fault: faults.MethodFault) -> None:
    host = host_of(task)
    Host.objects.filter(pk=host.pk, standby_mode="entering").update(standby_mode="none")
    change.event("CanceledHostOperationEvent", host, host.cluster, task=task, reason=fault.sentence)
    change.changed(host)


def _woken(change: Change, task: Task, _result: Mapping[str, Any]) -> None:
    host = _event(task, change, "ExitedStandbyModeEvent")
    took_s = max(1.0, change.lab_s - (task.started_lab_s or change.lab_s))
    learnt = (1 - WAKE_LEARNING) * host.wake_estimate_s + WAKE_LEARNING * took_s
    Host.objects.filter(pk=host.pk).update(
        wake_estimate_s=learnt, last_exit_standby_lab_s=change.lab_s, last_exit_standby_ok=True
    )


def _not_woken(change: Change, task: Task, fault: faults.MethodFault) -> None:
    host = _event(task, change, "ExitStandbyModeFailedEvent", reason=fault.sentence)
    Host.objects.filter(pk=host.pk).update(last_exit_standby_lab_s=change.lab_s, last_exit_standby_ok=False)


ENTER = register(
    Operation(
        "host.enter_standby", "HostSystem.powerDownToStandBy", _("Enter standby mode"), simple(Op.ENTER_STANDBY),
        _says("EnteredStandbyModeEvent"), _not_entered, _says("EnteringStandbyModeEvent"),
    )
)  # fmt: skip
EVACUATE = register(
    Operation("host.evacuate_for_standby", "HostSystem.evacuate", _("Evacuate host for standby"), _none, by_fleet=False)
)
EXIT = register(
    Operation(
        "host.exit_standby", "HostSystem.powerUpFromStandBy", _("Exit standby mode"), simple(Op.EXIT_STANDBY),
        _woken, _not_woken, _says("ExitingStandbyModeEvent"), cancelable=False,
    )
)  # fmt: skip
