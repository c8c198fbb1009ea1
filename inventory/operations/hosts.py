"""Power operations of hosts. Maintenance and standby with evacuation belong to the scheduler, which builds on these."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from domain import faults
from domain.text import _
from hypervisors.port import Command, Op
from inventory.journal import Change
from inventory.models import Host, Task
from inventory.operations.base import Operation, entity_of, failure, register


def host_of(task: Task) -> Host:
    """The task's host; ManagedObjectNotFound where it has gone."""
    return entity_of(task, Host.objects.select_related("cluster", "vcenter"))


def simple(op: Op) -> Callable[[Task], Sequence[Command]]:
    def commands(task: Task) -> Sequence[Command]:
        args = {"force": bool(task.args.get("force"))}
        return [Command(kind=op, target=str(host_of(task).uuid), args=args, op_id=str(task.pk))]

    return commands


def announces(name: str) -> Callable[[Change, Task, Any], None]:
    """An event with the task's reason when the operation starts, or when it is done."""

    def record(change: Change, task: Task, _data: Any) -> None:
        host = host_of(task)
        change.event(name, host, host.cluster, task=task, reason=task.args.get("reason", ""))
        change.changed(host)

    return record


def fails_with(name: str) -> Callable[[Change, Task, faults.MethodFault], None]:
    def failed(change: Change, task: Task, fault: faults.MethodFault) -> None:
        host = host_of(task)
        failure(change, task, name, host, fault, host.cluster)

    return failed


register(
    Operation(
        "host.reboot", "HostSystem.reboot", _("Reboot host"), simple(Op.HOST_REBOOT),
        started=announces("HostRebootedEvent"), failed=fails_with("HostDasErrorEvent"), cancelable=False,
    )
)  # fmt: skip
register(
    Operation(
        "host.shutdown", "HostSystem.shutdown", _("Shut down host"), simple(Op.HOST_SHUTDOWN),
        started=announces("HostShutdownEvent"), failed=fails_with("HostDasErrorEvent"), cancelable=False,
    )
)  # fmt: skip
register(
    Operation(
        "host.power_on", "HostSystem.powerUp", _("Power on host"), simple(Op.HOST_POWER_ON),
        done=announces("HostPoweredOnEvent"), failed=fails_with("HostDasErrorEvent"), cancelable=False,
    )
)  # fmt: skip
