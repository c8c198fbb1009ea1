"""Virtual machines: power, change, move, delete. Each service returns its Task and raises typed faults."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db.models import F
from django.utils.timezone import now

from domain import faults
from domain.morefs import FolderKind
from domain.states import TaskReason, ToolsStatus, VmPower
from hypervisors.port import Config
from inventory import admission, device_notes, placement
from inventory.hardware import Hardware
from inventory.inverses import one
from inventory.journal import changing
from inventory.models import Folder, Host, ResourcePool, Task, VirtualMachine
from inventory.reach import refuse_unreachable
from inventory.services import vm_checks as checks
from inventory.services import vm_places
from inventory.services.base import check, instant, submit, unique, valid_name

MOVE = "VirtualMachine.Inventory.Move"
RECYCLE_BIN_STAYS = timedelta(hours=24)


# --- power -----------------------------------------------------------------------------------------------------------
def power_on(user: Any, vm: VirtualMachine, host: Host | None = None, **options: Any) -> Task:
    """Start or resume. Placement chooses the host where none is given."""
    check(user, "VirtualMachine.Interact.PowerOn", vm)
    checks.operable(vm)
    checks.free_of_vapp(user, vm)
    if vm.template:
        raise faults.InvalidState(name=vm.name, reason="a template cannot be powered on")
    if vm.power_state == VmPower.SUSPENDED:
        return _resume(user, vm, **options)
    checks.power_is(vm, VmPower.OFF, wanted=VmPower.OFF)
    if options.get("reason") != TaskReason.SYSTEM:
        placement.guard(user, vm, host)
    chosen = host or placement.host_for_power_on(vm)
    if not chosen.usable:
        raise faults.InvalidHostState(host=chosen.name, state=placement.state_words(chosen))
    admission.check_power_on(vm, chosen)
    checks.swap_space(vm)
    with changing(vm.vcenter, user) as change:
        return submit(change, "vm.power_on", vm, {"host": chosen.moref}, **options)


def _resume(user: Any, vm: VirtualMachine, **options: Any) -> Task:
    if not vm.host.usable:
        raise faults.InvalidHostState(host=vm.host.name, state=placement.state_words(vm.host))
    placement.guard(user, vm, vm.host)
    admission.check_power_on(vm, vm.host)
    with changing(vm.vcenter, user) as change:
        return submit(change, "vm.resume", vm, **options)


def resume(user: Any, vm: VirtualMachine) -> Task:
    check(user, "VirtualMachine.Interact.PowerOn", vm)
    checks.operable(vm)
    checks.free_of_vapp(user, vm)
    checks.power_is(vm, VmPower.SUSPENDED, wanted=VmPower.SUSPENDED)
    return _resume(user, vm)


def _act(user: Any, vm: VirtualMachine, privilege: str, key: str, *allowed: VmPower, **options: Any) -> Task:
    check(user, privilege, vm)
    checks.operable(vm)
    checks.free_of_vapp(user, vm)
    checks.power_is(vm, *allowed, wanted=allowed[0])
    with changing(vm.vcenter, user) as change:
        return submit(change, key, vm, **options)


def power_off(user: Any, vm: VirtualMachine, **options: Any) -> Task:
    """Hard power off; a suspended VM loses its saved state."""
    allowed = (VmPower.ON, VmPower.SUSPENDED)
    return _act(user, vm, "VirtualMachine.Interact.PowerOff", "vm.power_off", *allowed, **options)


def reset(user: Any, vm: VirtualMachine) -> Task:
    return _act(user, vm, "VirtualMachine.Interact.Reset", "vm.reset", VmPower.ON)


def suspend(user: Any, vm: VirtualMachine, **options: Any) -> Task:
    return _act(user, vm, "VirtualMachine.Interact.Suspend", "vm.suspend", VmPower.ON, **options)


def _guest(user: Any, vm: VirtualMachine, privilege: str, key: str, **options: Any) -> Task:
    check(user, privilege, vm)
    checks.operable(vm)
    checks.free_of_vapp(user, vm)
    checks.power_is(vm, VmPower.ON, wanted=VmPower.ON)
    if vm.tools_status != ToolsStatus.OK:
        raise faults.ToolsUnavailable(name=vm.name)
    with changing(vm.vcenter, user) as change:
        return submit(change, key, vm, **options)


def shutdown_guest(user: Any, vm: VirtualMachine, **options: Any) -> Task:
    return _guest(user, vm, "VirtualMachine.Interact.PowerOff", "vm.shutdown_guest", **options)


def reboot_guest(user: Any, vm: VirtualMachine) -> Task:
    return _guest(user, vm, "VirtualMachine.Interact.Reset", "vm.reboot_guest")


# --- change ----------------------------------------------------------------------------------------------------------
def reconfigure(user: Any, vm: VirtualMachine, changes: Mapping[str, Any], expected_version: int | None = None) -> Task:
    """Change hardware and options: fields of `hardware.FIELDS`, `cd_datastore`, and
    `disks: {add: [{capacity_bytes, provisioning, datastore}], grow: {key: bytes}, remove: [key]}`,
    `nics: {add: [{network, adapter}], edit: {key: {network, connected}}, remove: [key]}`."""
    for privilege in checks.privileges_for(changes):
        check(user, privilege, vm)
    checks.operable(vm)
    checks.version(vm, expected_version)
    checks.hardware(changes)
    vm_places.may_change(user, vm, changes)
    checks.allowed_now(vm, changes)
    planned = Hardware.of(VirtualMachine.objects.select_related("pool", "host", "host__cluster").get(pk=vm.pk))
    planned.apply(changes)
    checks.consistent(planned.vm)
    refuse_unreachable(Hardware.of(vm), planned)
    checks.disks(vm, changes.get("disks") or {})
    if vm.powered_on and admission.asks_more(planned.vm, vm):
        admission.check_power_on(planned.vm, planned.vm.host)
    with changing(vm.vcenter, user) as change:
        args = {"changes": checks.plain(changes), "summary": checks.summary(vm, changes)}
        args |= device_notes.noted(vm, planned, changes)
        return submit(change, "vm.reconfigure", vm, args)


def rename(user: Any, vm: VirtualMachine, name: str) -> Task:
    check(user, "VirtualMachine.Config.Rename", vm)
    name = valid_name(name)
    unique(VirtualMachine.objects.filter(folder=vm.folder), name, own=vm)
    with changing(vm.vcenter, user) as change:
        old, vm.name = vm.name, name
        _save(vm, "name")
        change.configure(Config.RENAME_VM, vm.uuid, name=name)
        change.event("VmRenamedEvent", vm, vm.host, old=old, new=name)
        change.changed(vm)
        change.fact("tree.changed", vm.folder.moref)
        told = {"old": old, "new": name}
        return instant(change, "VirtualMachine.rename", vm, result=told, args=one("name", old, name))


def set_notes(user: Any, vm: VirtualMachine, notes: str, expected_version: int | None = None) -> Task:
    check(user, "VirtualMachine.Config.Annotation", vm)
    checks.version(vm, expected_version)
    if len(notes) > 4096:
        raise faults.LimitExceeded(property="notes", limit=4096)
    with changing(vm.vcenter, user) as change:
        old, vm.notes = vm.notes, notes
        _save(vm, "notes")
        change.event("VmReconfiguredEvent", vm, vm.host, reason="notes")
        change.changed(vm)
        return instant(change, "VirtualMachine.reconfigure", vm, args=one("notes", old, notes))


def _save(vm: VirtualMachine, *fields: str) -> None:
    vm.change_version = F("change_version") + 1
    vm.save(update_fields=[*fields, "change_version"])
    vm.refresh_from_db(fields=["change_version"])


def move_to_folder(user: Any, vm: VirtualMachine, folder: Folder) -> Task:
    check(user, MOVE, vm, folder)
    if folder.folder_kind != FolderKind.VM or folder.vcenter_id != vm.vcenter_id:
        raise faults.InvalidFolder(target=folder.name)
    unique(VirtualMachine.objects.filter(folder=folder), vm.name, own=vm)
    with changing(vm.vcenter, user) as change:
        old, vm.folder = vm.folder, folder
        change.fact("tree.changed", old.moref)
        _save(vm, "folder")
        change.event("VmMovedToFolderEvent", vm, folder)
        change.fact("tree.changed", folder.moref)
        return instant(change, "Folder.moveInto", vm, args=one("folder", old.moref, folder.moref))


def move_to_pool(user: Any, vm: VirtualMachine, pool: ResourcePool) -> Task:
    """Move into another pool of the same cluster, if that pool can guarantee what a running VM has reserved."""
    check(user, "Resource.AssignVMToPool", vm)
    check(user, pool.assigning, pool)
    checks.operable(vm)
    checks.free_of_vapp(user, vm)
    if vm.template or vm.pool is None:
        raise faults.InvalidState(name=vm.name, reason="a template is in no resource pool")
    if pool.cluster_id != vm.pool.cluster_id:
        raise faults.InvalidArgument(property="pool", reason="it belongs to another cluster; migrate the VM instead")
    if vm.powered_on:
        admission.Guarantees.of(pool.cluster, without=vm).check(pool.pk, admission.Need.of(vm))
    with changing(vm.vcenter, user) as change:
        old, vm.pool = vm.pool, pool
        _save(vm, "pool")
        change.configure(Config.MOVE_VM, vm.uuid, pool=str(pool.uuid))
        change.event("VmResourcePoolMovedEvent", vm, pool, old=old.name)
        change.changed(vm, old, pool)
        change.fact("tree.changed", old.moref)
        change.fact("tree.changed", pool.moref)
        if old.is_vapp or pool.is_vapp:  # among virtual machines and templates it hangs elsewhere now
            beside = vm.folder.datacenter if vm.folder.fixed and vm.folder.datacenter else vm.folder
            change.fact("tree.changed", beside.moref)
        return instant(change, "ResourcePool.moveInto", vm, args=one("pool", old.moref, pool.moref))


# --- templates -------------------------------------------------------------------------------------------------------
def mark_as_template(user: Any, vm: VirtualMachine) -> Task:
    check(user, "VirtualMachine.Provisioning.MarkAsTemplate", vm)
    checks.operable(vm)
    checks.free_of_vapp(user, vm)
    checks.power_is(vm, VmPower.OFF, wanted=VmPower.OFF)
    if vm.template:
        raise faults.InvalidState(name=vm.name, reason="it is a template already")
    with changing(vm.vcenter, user) as change:
        if vm.pool:
            change.fact("tree.changed", vm.pool.moref)
        vm.template, vm.pool = True, None
        _save(vm, "template", "pool")
        change.configure(Config.MOVE_VM, vm.uuid, pool="")
        change.event("VmUpgradedToTemplateEvent", vm, vm.host)
        change.changed(vm)
        change.fact("tree.changed", vm.folder.moref)
        return instant(change, "VirtualMachine.markAsTemplate", vm)


def mark_as_vm(user: Any, vm: VirtualMachine, pool: ResourcePool, host: Host | None = None) -> Task:
    check(user, "VirtualMachine.Provisioning.MarkAsVM", vm)
    check(user, pool.assigning, pool)
    if not vm.template:
        raise faults.InvalidState(name=vm.name, reason="it is no template")
    home = vm_places.home(Hardware.of(vm), pool, host)
    with changing(vm.vcenter, user) as change:
        vm.template, vm.pool, vm.host = False, pool, home
        _save(vm, "template", "pool", "host")
        change.configure(Config.MOVE_VM, vm.uuid, pool=str(pool.uuid), host=str(home.uuid))
        change.event("VmMarkedAsVmEvent", vm, home)
        change.changed(vm)
        change.fact("tree.changed", vm.folder.moref)
        change.fact("tree.changed", pool.moref)
        return instant(change, "VirtualMachine.markAsVirtualMachine", vm)


# --- delete ----------------------------------------------------------------------------------------------------------
def _leave(user: Any, vm: VirtualMachine, event: str, description_id: str, purge: bool) -> Task:
    """Out of the inventory; its files stay, for a day or for good."""
    checks.operable(vm)
    checks.free_of_vapp(user, vm)
    checks.power_is(vm, VmPower.OFF, wanted=VmPower.OFF)
    with changing(vm.vcenter, user) as change:
        vm.deleted_at = now()
        vm.purge_at = vm.deleted_at + RECYCLE_BIN_STAYS if purge else None
        _save(vm, "deleted_at", "purge_at")
        change.event(event, vm, vm.host, vm.host.cluster, vm.folder)
        change.changed(vm)
        change.fact("tree.changed", vm.folder.moref)
        if vm.pool:
            change.fact("tree.changed", vm.pool.moref)
        return instant(change, description_id, vm)


def unregister(user: Any, vm: VirtualMachine) -> Task:
    """Remove from inventory; the files stay on their datastores, where `restore` finds them."""
    check(user, "VirtualMachine.Inventory.Unregister", vm)
    return _leave(user, vm, "VmRemovedEvent", "VirtualMachine.unregister", purge=False)


def delete_from_disk(user: Any, vm: VirtualMachine) -> Task:
    """Into the recycle bin; its files go after `RECYCLE_BIN_STAYS`."""
    check(user, "VirtualMachine.Inventory.Delete", vm)
    return _leave(user, vm, "VmRecycledEvent", "VirtualMachine.destroy", purge=True)


def returning(vm: VirtualMachine) -> list[tuple[str, Folder | ResourcePool]]:
    """What it takes to put a deleted VM back, and where: as RegisterVM_Task asks. A template is in no pool."""
    pool = [(vm.pool.assigning, vm.pool)] if vm.pool is not None else []
    return [("VirtualMachine.Inventory.Register", vm.folder), *pool]


def restore(user: Any, vm: VirtualMachine) -> Task:
    """Back from the recycle bin, or register a VM whose files were kept."""
    for privilege, place in returning(vm):
        check(user, privilege, place)
    if vm.deleted_at is None:
        raise faults.InvalidState(name=vm.name, reason="it is in the inventory")
    unique(VirtualMachine.objects.filter(folder=vm.folder), vm.name)
    with changing(vm.vcenter, user) as change:
        vm.deleted_at = vm.purge_at = None
        _save(vm, "deleted_at", "purge_at")
        change.event("VmRestoredEvent", vm, vm.host, vm.folder)
        change.fact("tree.changed", vm.folder.moref)
        if vm.pool:
            change.fact("tree.changed", vm.pool.moref)
        return instant(change, "VirtualMachine.register", vm)


def purge(user: Any, vm: VirtualMachine) -> Task:
    """Delete the files of a VM in the recycle bin now."""
    check(user, "VirtualMachine.Inventory.Delete", vm)
    if vm.deleted_at is None:
        raise faults.InvalidState(name=vm.name, reason="delete it from disk first")
    with changing(vm.vcenter, user) as change:
        return submit(change, "vm.purge", vm)
