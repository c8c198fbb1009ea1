"""What the agent of an isolated host does by itself: stop VMs, so that they can start elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from domain.states import VmPower
from domain.text import _
from hypervisors.port import Command, Op
from inventory.journal import Change
from inventory.models import Task
from inventory.operations.base import Operation, register
from inventory.operations.power import event_on_start, fails_with, set_power, vm_of


def _by_agent(op: Op) -> Callable[[Task], Sequence[Command]]:
    def commands(task: Task) -> Sequence[Command]:
        return [Command(kind=op, target=str(vm_of(task).uuid), args={"by_agent": True}, op_id=str(task.pk))]

    return commands


def _stopped(change: Change, task: Task, _result: object) -> None:
    vm = vm_of(task)
    set_power(vm, VmPower.OFF)
    change.event("VmPoweredOffEvent", vm, vm.host, vm.host.cluster, task=task)
    change.changed(vm, vm.host)


POWER_OFF = register(
    Operation(
        "vm.ha_power_off", "VirtualMachine.powerOff", _("Power Off virtual machine"), _by_agent(Op.POWER_OFF),
        _stopped, fails_with("VmFailedToPowerOffEvent"), event_on_start("VmStoppingEvent"), cancelable=False,
    )
)  # fmt: skip
SHUTDOWN = register(
    Operation(
        "vm.ha_shutdown", "VirtualMachine.shutdownGuest", _("Shut down guest operating system"),
        _by_agent(Op.SHUTDOWN_GUEST), _stopped, fails_with("VmOperationFailedEvent"),
        event_on_start("VmGuestShutdownEvent"), cancelable=False,
    )
)  # fmt: skip
