"""Snapshots of virtual machines: a tree of points to which a VM can go back."""

from __future__ import annotations

from typing import Any

from domain import faults
from domain.limits import DEFAULT_LIMITS
from domain.morefs import Kind
from domain.states import VmPower
from inventory import admission, ids, placement
from inventory.hardware import FIELDS, OVERRIDES
from inventory.journal import changing
from inventory.models import Snapshot, Task, VirtualMachine
from inventory.operations.machines import back_to
from inventory.services import vm_checks as checks
from inventory.services.base import check, instant, submit, valid_name

# What a snapshot brings back of the hardware.
KEPT = sorted(FIELDS - {"notes", *OVERRIDES})


def take(
    user: Any, vm: VirtualMachine, name: str, description: str = "", memory: bool = False, quiesce: bool = False
) -> Task:
    """Freeze the disks (and, of a running VM, its memory) under a name."""
    check(user, "VirtualMachine.State.CreateSnapshot", vm)
    checks.operable(vm)
    name = valid_name(name)
    with_memory = memory and vm.powered_on
    _may_take(vm, with_memory)
    with changing(vm.vcenter, user) as change:
        snapshot = Snapshot.objects.create(
            vm=vm,
            moref=ids.new_moref(vm.vcenter, Kind.SNAPSHOT),
            name=name,
            description=description[:4000],
            parent=vm.current_snapshot,
            created_lab_s=change.lab_s,
            power_state=VmPower.ON if with_memory else VmPower.OFF,
            with_memory=with_memory,
            quiesced=quiesce,
            config={"fields": {f: getattr(vm, f) for f in KEPT}},
        )
        args = {"snapshot": snapshot.moref, "snapshot_name": name, "memory": with_memory, "quiesce": quiesce}
        return submit(change, "vm.snapshot_create", vm, args)


def _may_take(vm: VirtualMachine, with_memory: bool) -> None:
    depth, at = 0, vm.current_snapshot
    while at is not None:
        depth, at = depth + 1, at.parent
    if depth >= DEFAULT_LIMITS.snapshot_depth:
        raise faults.TooManySnapshotLevels(name=vm.name, limit=DEFAULT_LIMITS.snapshot_depth)
    independent = vm.disks.filter(independent=True).first()
    if with_memory and independent is not None:
        raise faults.MemorySnapshotOnIndependentDisk(disk=independent.label)


def revert(user: Any, vm: VirtualMachine, snapshot: Snapshot | None = None) -> Task:
    """Back to a snapshot (the current one by default): hardware, disks and power state of then."""
    check(user, "VirtualMachine.State.RevertToSnapshot", vm)
    checks.operable(vm)
    target = snapshot or vm.current_snapshot
    if target is None or target.vm_id != vm.pk or not target.ready:
        raise faults.NotFound(what="The snapshot")
    power = target.power_state
    if power == VmPower.ON:
        _may_run(vm, target)
    with changing(vm.vcenter, user) as change:
        args = {"snapshot": target.moref, "snapshot_name": target.name, "power": power}
        return submit(change, "vm.snapshot_revert", vm, args)


def _may_run(vm: VirtualMachine, target: Snapshot) -> None:
    """A snapshot with memory lets the VM run again, as large as it was then: its host must take it."""
    if not vm.powered_on and not vm.host.usable:
        raise faults.InvalidHostState(host=vm.host.name, state=placement.state_words(vm.host))
    planned = back_to(VirtualMachine.objects.select_related("pool", "host", "host__cluster").get(pk=vm.pk), target)
    admission.check_power_on(planned.vm, planned.vm.host)


def remove(user: Any, vm: VirtualMachine, snapshot: Snapshot, children: bool = False) -> Task:
    """Merge a snapshot's changes into its parent, alone or with everything below it."""
    check(user, "VirtualMachine.State.RemoveSnapshot", vm)
    checks.operable(vm)
    if snapshot.vm_id != vm.pk:
        raise faults.NotFound(what="The snapshot")
    with changing(vm.vcenter, user) as change:
        args = {"snapshot": snapshot.moref, "snapshot_name": snapshot.name, "children": children}
        return submit(change, "vm.snapshot_delete", vm, args)


def remove_all(user: Any, vm: VirtualMachine) -> Task:
    check(user, "VirtualMachine.State.RemoveSnapshot", vm)
    checks.operable(vm)
    with changing(vm.vcenter, user) as change:
        return submit(change, "vm.snapshot_delete_all", vm)


def consolidate(user: Any, vm: VirtualMachine) -> Task:
    """Merge what earlier failed to merge; with snapshots present, the same work as removing them all."""
    return remove_all(user, vm)


def rename(user: Any, vm: VirtualMachine, snapshot: Snapshot, name: str, description: str = "") -> Task:
    check(user, "VirtualMachine.State.RenameSnapshot", vm)
    if snapshot.vm_id != vm.pk:
        raise faults.NotFound(what="The snapshot")
    with changing(vm.vcenter, user) as change:
        snapshot.name, snapshot.description = valid_name(name), description[:4000]
        snapshot.save(update_fields=["name", "description"])
        change.changed(vm)
        return instant(change, "VirtualMachineSnapshot.rename", vm)
