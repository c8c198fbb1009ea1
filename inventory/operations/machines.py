"""Creating, changing, copying and deleting virtual machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import F

from domain import faults
from domain.specs import to_plain
from domain.text import _
from hypervisors.port import Command, Op
from inventory import specs
from inventory.hardware import Hardware
from inventory.journal import Change
from inventory.models import Datastore, Snapshot, Task, VirtualDisk, VirtualMachine
from inventory.operations.base import Operation, failure, queue, register
from inventory.operations.power import fails_with, host_of, vm_of
from inventory.reach import refuse_unreachable


def _define_commands(task: Task) -> Sequence[Command]:
    vm = vm_of(task)
    args = {"spec": to_plain(specs.vm_spec(vm)), "host": str(vm.host.uuid)}
    return [Command(kind=Op.DEFINE_VM, target=str(vm.uuid), args=args, op_id=str(task.pk))]


def _being_created(change: Change, task: Task, _data: Any) -> None:
    vm = vm_of(task)
    change.event("VmBeingCreatedEvent", vm, vm.host, vm.host.cluster, task=task)


def _created(change: Change, task: Task, result: Mapping[str, Any]) -> None:
    _appear(change, task, "VmCreatedEvent")


def _appear(change: Change, task: Task, event: str, **fields: Any) -> VirtualMachine:
    """A VM whose files now exist joins the inventory, and starts if that was asked."""
    vm = vm_of(task)
    VirtualMachine.objects.filter(pk=vm.pk).update(provisioning=False)
    change.event(event, vm, vm.host, vm.host.cluster, task=task, **fields)
    change.changed(vm, vm.host)
    change.fact("tree.changed", vm.folder.moref)
    if task.args.get("power_on"):
        args = {"host": vm.host.moref}
        queue(change, "vm.power_on", vm, args, parent=task, initiator_name=task.initiator_name)
    return vm


def _vanish(change: Change, task: Task, fault: faults.MethodFault) -> None:
    """A VM that could not be made leaves no trace but its task and event."""
    vm = VirtualMachine.everything.filter(vcenter=task.vcenter_id, moref=task.entity, provisioning=True).first()
    if vm is None:
        return
    failure(change, task, "VmOperationFailedEvent", vm, fault, vm.host)
    change.fact("tree.changed", vm.folder.moref)
    release_space(vm)
    vm.delete()


def release_space(vm: VirtualMachine) -> None:
    """Take a VM's promises off its datastores; what files really take comes from the fleet's reports."""
    for disk in vm.disks.all():
        Datastore.objects.filter(pk=disk.datastore_id).update(
            provisioned_bytes=F("provisioned_bytes") - disk.capacity_bytes
        )


def _reconfigure_commands(task: Task) -> Sequence[Command]:
    hardware = Hardware.of(vm_of(task))
    hardware.apply(task.args["changes"])
    refuse_unreachable(Hardware.of(vm_of(task)), hardware)  # hosts may have lost something since it was asked for
    args = {"spec": to_plain(hardware.spec())}
    return [Command(kind=Op.RECONFIGURE_VM, target=str(hardware.vm.uuid), args=args, op_id=str(task.pk))]


def _reconfigured(change: Change, task: Task, _result: Any) -> None:
    vm = vm_of(task)
    before = {d.key: d.capacity_bytes for d in vm.disks.all()}
    hardware = Hardware.of(vm)
    hardware.apply(task.args["changes"])
    hardware.save()
    account_promises(before, hardware)
    change.event("VmReconfiguredEvent", vm, vm.host, vm.host.cluster, task=task, reason=task.args.get("summary", ""))
    change.changed(vm)


def account_promises(before: Mapping[int, int], hardware: Hardware) -> None:
    """Book grown, added and removed disks on their datastores."""
    for disk in hardware.disks:
        _book(disk, disk.capacity_bytes - before.get(disk.key, 0))
    for device in hardware.removed:
        if isinstance(device, VirtualDisk):
            _book(device, -device.capacity_bytes)


def _book(disk: VirtualDisk, delta: int) -> None:
    if delta:
        Datastore.objects.filter(pk=disk.datastore_id).update(provisioned_bytes=F("provisioned_bytes") + delta)


def _clone_commands(task: Task) -> Sequence[Command]:
    vm = vm_of(task)
    source = VirtualMachine.everything.get(vcenter=task.vcenter_id, moref=task.args["source"])
    args = {"spec": to_plain(specs.vm_spec(vm)), "host": str(vm.host.uuid)}
    return [Command(kind=Op.CLONE_VM, target=str(source.uuid), args=args, op_id=str(task.pk))]


def _being_cloned(change: Change, task: Task, _data: Any) -> None:
    vm = vm_of(task)
    change.event("VmBeingClonedEvent", vm, vm.host, task=task, vm=task.args["source_name"], new=vm.name)


def _cloned(change: Change, task: Task, _result: Any) -> None:
    event = "VmDeployedEvent" if task.args.get("from_template") else "VmClonedEvent"
    _appear(change, task, event, old=task.args["source_name"])


def _undefine_commands(task: Task) -> Sequence[Command]:
    vm = vm_of(task)
    return [Command(kind=Op.UNDEFINE_VM, target=str(vm.uuid), args={"delete_files": True}, op_id=str(task.pk))]


def _purged(change: Change, task: Task, _result: Any) -> None:
    vm = vm_of(task)
    change.event("VmPurgedEvent", vm, vm.host, vm.host.cluster, task=task)
    change.fact("tree.changed", vm.folder.moref)
    release_space(vm)
    vm.delete()


def _snapshot_of(task: Task, vm: VirtualMachine) -> Snapshot:
    found = vm.snapshots.filter(moref=task.args["snapshot"]).first()
    if found is None:
        raise faults.NotFound(what=task.args.get("snapshot_name", "snapshot"))
    return found


def _snapshot_commands(op: Op) -> Any:
    names = ("snapshot", "memory", "quiesce", "children", "power")

    def commands(task: Task) -> Sequence[Command]:
        args = {name: task.args[name] for name in names if name in task.args}
        return [Command(kind=op, target=str(vm_of(task).uuid), args=args, op_id=str(task.pk))]

    return commands


def _revert_commands(task: Task) -> Sequence[Command]:
    """Back to the snapshot's disks, with the hardware of then: the fleet and the rows must not part."""
    vm = vm_of(task)
    hardware = back_to(vm, _snapshot_of(task, vm))
    args = {"snapshot": task.args["snapshot"], "power": task.args["power"], "spec": to_plain(hardware.spec())}
    return [Command(kind=Op.SNAPSHOT_REVERT, target=str(vm.uuid), args=args, op_id=str(task.pk))]


def back_to(vm: VirtualMachine, snapshot: Snapshot) -> Hardware:
    """The VM with the hardware that the snapshot remembers; nothing is saved."""
    hardware = Hardware.of(vm)
    hardware.apply(snapshot.config.get("fields", {}))
    return hardware


def _snapshot_taken(change: Change, task: Task, result: Mapping[str, Any]) -> None:
    vm = vm_of(task)
    snapshot = _snapshot_of(task, vm)
    snapshot.ready = True
    snapshot.size_bytes = int(result.get("size_bytes", 0))
    snapshot.config["memory_bytes"] = snapshot.size_bytes  # nothing has been written since
    snapshot.save()
    VirtualMachine.objects.filter(pk=vm.pk).update(current_snapshot=snapshot)
    change.event("VmSnapshotCreatedEvent", vm, vm.host, task=task, snapshot=snapshot.name)
    change.changed(vm)


def _snapshot_not_taken(change: Change, task: Task, fault: faults.MethodFault) -> None:
    vm = vm_of(task)
    vm.snapshots.filter(moref=task.args["snapshot"], ready=False).delete()
    failure(change, task, "VmOperationFailedEvent", vm, fault, vm.host)


def _reverted(change: Change, task: Task, _result: Any) -> None:
    vm = vm_of(task)
    snapshot = _snapshot_of(task, vm)
    hardware = back_to(vm, snapshot)
    hardware.vm.power_state = task.args["power"]
    hardware.vm.current_snapshot = snapshot
    hardware.save()
    change.event("VmSnapshotRevertedEvent", vm, vm.host, task=task, snapshot=snapshot.name)
    change.changed(vm, vm.host)


def _snapshot_removed(change: Change, task: Task, _result: Any) -> None:
    vm = vm_of(task)
    snapshot = _snapshot_of(task, vm)
    doomed = subtree(snapshot) if task.args.get("children") else [snapshot]
    if vm.current_snapshot_id in {s.pk for s in doomed}:
        VirtualMachine.objects.filter(pk=vm.pk).update(current_snapshot=snapshot.parent)
    if not task.args.get("children"):
        snapshot.children.update(parent=snapshot.parent)
    Snapshot.objects.filter(pk__in=[s.pk for s in doomed]).delete()
    change.event("VmSnapshotRemovedEvent", vm, vm.host, task=task, snapshot=snapshot.name)
    change.changed(vm)


def subtree(snapshot: Snapshot) -> list[Snapshot]:
    """A snapshot and everything below it."""
    return [snapshot, *(s for child in snapshot.children.all() for s in subtree(child))]


def _all_removed(change: Change, task: Task, _result: Any) -> None:
    vm = vm_of(task)
    VirtualMachine.objects.filter(pk=vm.pk).update(current_snapshot=None, consolidation_needed=False)
    vm.snapshots.all().delete()
    change.event("VmDisksConsolidatedEvent", vm, vm.host, task=task)
    change.changed(vm)


def _remove_all_commands(task: Task) -> Sequence[Command]:
    vm = vm_of(task)
    roots = vm.snapshots.filter(parent__isnull=True, ready=True).values_list("moref", flat=True)
    args = {"all": True, "snapshots": list(roots)}
    return [Command(kind=Op.CONSOLIDATE, target=str(vm.uuid), args=args, op_id=str(task.pk))]


register(
    Operation(
        "vm.create", "VirtualMachine.create", _("Create virtual machine"), _define_commands, _created, _vanish,
        _being_created,
    )
)  # fmt: skip
register(
    Operation(
        "vm.reconfigure", "VirtualMachine.reconfigure", _("Reconfigure virtual machine"), _reconfigure_commands,
        _reconfigured, fails_with("VmOperationFailedEvent"), cancelable=False,
    )
)  # fmt: skip
register(
    Operation(
        "vm.clone", "VirtualMachine.clone", _("Clone virtual machine"), _clone_commands, _cloned, _vanish,
        _being_cloned,
    )
)  # fmt: skip
register(
    Operation(
        "vm.purge", "VirtualMachine.destroy", _("Delete virtual machine files"), _undefine_commands, _purged,
        fails_with("VmOperationFailedEvent"), cancelable=False,
    )
)  # fmt: skip
register(
    Operation(
        "vm.snapshot_create", "VirtualMachine.createSnapshot", _("Create virtual machine snapshot"),
        _snapshot_commands(Op.SNAPSHOT_CREATE), _snapshot_taken, _snapshot_not_taken,
    )
)  # fmt: skip
register(
    Operation(
        "vm.snapshot_revert", "VirtualMachine.revertToSnapshot", _("Revert to snapshot"),
        _revert_commands, _reverted, fails_with("VmOperationFailedEvent"), cancelable=False,
    )
)  # fmt: skip
register(
    Operation(
        "vm.snapshot_delete", "VirtualMachine.removeSnapshot", _("Remove snapshot"),
        _snapshot_commands(Op.SNAPSHOT_DELETE), _snapshot_removed, fails_with("VmOperationFailedEvent"),
        cancelable=False,
    )
)  # fmt: skip
register(
    Operation(
        "vm.snapshot_delete_all", "VirtualMachine.removeAllSnapshots", _("Delete all snapshots"),
        _remove_all_commands, _all_removed, fails_with("VmOperationFailedEvent"), cancelable=False,
    )
)  # fmt: skip
__all__ = ["account_promises", "back_to", "host_of", "release_space", "subtree"]
