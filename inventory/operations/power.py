"""Power operations of virtual machines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.db.models import F

from domain import faults
from domain.hardware import CPU_GENERATIONS
from domain.states import VmPower
from domain.text import _
from hypervisors.port import Command, Op
from inventory.journal import Change
from inventory.models import Host, Task, VirtualMachine
from inventory.operations.base import Operation, entity_of, failure, register


def vm_of(task: Task) -> VirtualMachine:
    """The task's VM; ManagedObjectNotFound where it has gone."""
    return entity_of(task, VirtualMachine.everything.select_related("host", "host__cluster", "pool", "folder"))


def host_of(task: Task, vm: VirtualMachine) -> Host:
    """The host named in the task's args, or the VM's present one."""
    moref = task.args.get("host")
    if not moref:
        return vm.host
    return Host.objects.select_related("cluster").get(vcenter=task.vcenter_id, moref=moref)


def simple(op: Op) -> Callable[[Task], Sequence[Command]]:
    """Commands of an operation that needs nothing but its VM."""

    def commands(task: Task) -> Sequence[Command]:
        return [Command(kind=op, target=str(vm_of(task).uuid), args={}, op_id=str(task.pk))]

    return commands


def event_on_start(name: str) -> Callable[[Change, Task, Any], None]:
    def started(change: Change, task: Task, _data: Any) -> None:
        vm = vm_of(task)
        change.event(name, vm, host_of(task, vm), vm.host.cluster, task=task)
        change.changed(vm)

    return started


def fails_with(name: str) -> Callable[[Change, Task, faults.MethodFault], None]:
    def failed(change: Change, task: Task, fault: faults.MethodFault) -> None:
        try:
            vm = vm_of(task)
        except faults.ManagedObjectNotFound:
            return
        failure(change, task, name, vm, fault, vm.host, vm.host.cluster)

    return failed


def set_power(vm: VirtualMachine, power: VmPower, **values: Any) -> None:
    """Store a power state; what follows from it follows here."""
    vm.power_state = power
    fields = {"power_state": power, **values}
    if power != VmPower.ON:
        fields |= {"tools_status": "toolsNotRunning", "ip_address": ""}
    VirtualMachine.everything.filter(pk=vm.pk).update(**fields)


def _power_on_commands(task: Task) -> Sequence[Command]:
    vm = vm_of(task)
    host = host_of(task, vm)
    args = {"host": str(host.uuid), "setup": vm.enter_bios_setup}
    return [Command(kind=Op.POWER_ON, target=str(vm.uuid), args=args, op_id=str(task.pk))]


def _powered_on(change: Change, task: Task, _result: Any) -> None:
    vm = vm_of(task)
    host = host_of(task, vm)
    values: dict[str, Any] = {}
    if task.operation == "vm.power_on":  # a guest that resumes has not booted: it has what it had
        # `enter_bios_setup` was asked for the next boot, which this was.
        values = {"features_mask": captured_features(host), "enter_bios_setup": False}
        vm.nics.update(connected=F("start_connected"))
    set_power(vm, VmPower.ON, host=host, **values)
    name = "DrsVmPoweredOnEvent" if task.args.get("placed_by") == "drs" else "VmPoweredOnEvent"
    change.event(name, vm, host, host.cluster, task=task)
    change.changed(vm, host)


def captured_features(host: Host) -> int:
    """The CPU features that a guest sees when it starts: the cluster's EVC mode masks the host's own."""
    generation = CPU_GENERATIONS.get(host.cluster.evc_mode or host.cpu_generation)
    return generation.features if generation else 0


def _after(power: VmPower, event: str) -> Callable[[Change, Task, Any], None]:
    def done(change: Change, task: Task, _result: Any) -> None:
        vm = vm_of(task)
        set_power(vm, power)
        change.event(event, vm, vm.host, vm.host.cluster, task=task)
        change.changed(vm, vm.host)

    return done


def _was_reset(change: Change, task: Task, _result: Any) -> None:
    vm = vm_of(task)
    VirtualMachine.objects.filter(pk=vm.pk).update(boot_lab_s=change.lab_s, boot_memory_mib=vm.memory_mib)
    change.event("VmPoweredOnEvent", vm, vm.host, vm.host.cluster, task=task)
    change.changed(vm)


def _guest_down(change: Change, task: Task, result: Any) -> None:
    """The guest's own power-off is reported before the job ends and has its event then."""
    vm = vm_of(task)
    if vm.power_state == VmPower.OFF:
        return
    set_power(vm, VmPower.OFF)
    change.event("VmPoweredOffEvent", vm, vm.host, vm.host.cluster, task=task)
    change.changed(vm, vm.host)


register(
    Operation(
        "vm.power_on", "VirtualMachine.powerOn", _("Power On virtual machine"), _power_on_commands, _powered_on,
        fails_with("VmFailedToPowerOnEvent"), event_on_start("VmStartingEvent"),
    )
)  # fmt: skip
register(
    Operation(
        "vm.power_off", "VirtualMachine.powerOff", _("Power Off virtual machine"), simple(Op.POWER_OFF),
        _after(VmPower.OFF, "VmPoweredOffEvent"), fails_with("VmFailedToPowerOffEvent"),
        event_on_start("VmStoppingEvent"), cancelable=False,
    )
)  # fmt: skip
register(
    Operation(
        "vm.reset", "VirtualMachine.reset", _("Reset virtual machine"), simple(Op.RESET), _was_reset,
        fails_with("VmOperationFailedEvent"), event_on_start("VmResettingEvent"), cancelable=False,
    )
)  # fmt: skip
register(
    Operation(
        "vm.suspend", "VirtualMachine.suspend", _("Suspend virtual machine"), simple(Op.SUSPEND),
        _after(VmPower.SUSPENDED, "VmSuspendedEvent"), fails_with("VmFailedToSuspendEvent"),
        event_on_start("VmSuspendingEvent"),
    )
)  # fmt: skip
register(
    Operation(
        "vm.resume", "VirtualMachine.powerOn", _("Resume virtual machine"), simple(Op.RESUME), _powered_on,
        fails_with("VmFailedToPowerOnEvent"), event_on_start("VmResumingEvent"),
    )
)  # fmt: skip
register(
    Operation(
        "vm.shutdown_guest", "VirtualMachine.shutdownGuest", _("Shut down guest operating system"),
        simple(Op.SHUTDOWN_GUEST), _guest_down, fails_with("VmOperationFailedEvent"),
        event_on_start("VmGuestShutdownEvent"), cancelable=False,
    )
)  # fmt: skip
register(
    Operation(
        "vm.reboot_guest", "VirtualMachine.rebootGuest", _("Restart guest operating system"),
        simple(Op.REBOOT_GUEST), _was_reset, fails_with("VmOperationFailedEvent"),
        event_on_start("VmGuestRebootEvent"), cancelable=False,
    )
)  # fmt: skip
