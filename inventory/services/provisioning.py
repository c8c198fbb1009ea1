"""Virtual machines that come: created anew, or copied from another. Each service returns its Task."""

from __future__ import annotations

import uuid as uuids
from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import F

from domain import faults
from domain.morefs import FolderKind, Kind
from inventory import ids, slots
from inventory.hardware import Hardware
from inventory.journal import Change, changing
from inventory.models import Datastore, Folder, Host, ResourcePool, Task, VirtualDisk, VirtualMachine
from inventory.services import vm_checks as checks
from inventory.services import vm_places
from inventory.services.base import check, submit, unique, valid_name

POWER_ON = "VirtualMachine.Interact.PowerOn"
# What it takes to copy a machine or (True) a template, into a machine or (True) a template.
COPYING = {
    (False, False): "VirtualMachine.Provisioning.Clone",
    (False, True): "VirtualMachine.Provisioning.CreateTemplateFromVM",
    (True, False): "VirtualMachine.Provisioning.DeployTemplate",
    (True, True): "VirtualMachine.Provisioning.CloneTemplate",
}
CREATE = "VirtualMachine.Inventory.Create"
NEW_DISK = "VirtualMachine.Config.AddNewDisk"


def create(
    user: Any,
    *,
    folder: Folder,
    pool: ResourcePool,
    name: str,
    datastore: Datastore | None,
    host: Host | None = None,
    disks: Sequence[Mapping[str, Any]] = ({"capacity_bytes": 16 * 1024**3},),
    nics: Sequence[Mapping[str, Any]] = (),
    power_on: bool = False,
    as_template: bool = False,
    **fields: Any,
) -> Task:
    """Create a VM. `fields` are model fields of the hardware (see `hardware.FIELDS`); sizes are checked with faults.
    Disks ask for the right to add them in the folder, as CreateVM_Task does; adapters for that on their networks alone.
    `power_on` asks for the right to power on as well, before anything is made.

    `datastore` holds the disks that name none; a VM that has no disks needs none.
    """
    check(user, CREATE, folder)
    check(user, pool.assigning, pool)
    if disks:
        check(user, NEW_DISK, folder)
    if power_on and not as_template:
        _may_start(user, folder, pool, name)
    home = {"datastore": datastore.moref} if datastore is not None else {}
    changes = {**fields, "disks": {"add": [{**home, **d} for d in disks]}, "nics": {"add": list(nics)}}
    if not all(disk.get("datastore") for disk in changes["disks"]["add"]):
        raise faults.InvalidArgument(property="datastore", reason="a disk needs one")
    checks.hardware(changes)
    with changing(folder.vcenter, user) as change:
        vm = _new_row(change, folder, None if as_template else pool, name, fields.get("guest_id", "otherGuest64"))
        vm.template = as_template
        vm_places.may_change(user, vm, changes)
        hardware = Hardware(vm, [], [])
        hardware.apply(changes)
        checks.consistent(vm)
        _settle(hardware, host, pool)
        args = {"power_on": power_on and not as_template}
        return submit(change, "vm.create", vm, args)


def _may_start(user: Any, folder: Folder, pool: ResourcePool, name: str) -> None:
    """Raise NoPermission where `user` could not power on a VM of this folder and pool: it asks before it is made."""
    check(user, POWER_ON, VirtualMachine(vcenter=folder.vcenter, folder=folder, pool=pool, name=name))


def _may_fill(user: Any, vm: VirtualMachine, datastore: Datastore | None) -> None:
    """The rights on the datastores that a copy of `vm` takes space on, and on the networks that it is plugged into."""
    stores = {datastore} if datastore else {disk.datastore for disk in vm.disks.select_related("datastore")}
    networks = {nic.network for nic in vm.nics.select_related("network") if nic.network}
    vm_places.may_use(user, stores, networks)


def _new_row(change: Change, folder: Folder, pool: ResourcePool | None, name: str, guest_id: str) -> VirtualMachine:
    """An unsaved VM with its numbers, its name checked."""
    name = valid_name(name)
    if folder.folder_kind != FolderKind.VM:
        raise faults.InvalidFolder(target=folder.name)
    unique(VirtualMachine.objects.filter(folder=folder), name)
    checks.vcenter_has_room(change.vcenter)
    return VirtualMachine(
        vcenter=change.vcenter,
        moref=ids.new_moref(change.vcenter, Kind.VM),
        name=name,
        uuid=uuids.uuid4(),
        folder=folder,
        pool=pool,
        slot=slots.take(change.vcenter, VirtualMachine),
        guest_id=guest_id,
        provisioning=True,
    )


def _settle(hardware: Hardware, host: Host | None, pool: ResourcePool) -> None:
    """Choose the host, check the space, save the rows."""
    vm = hardware.vm
    vm.host = vm_places.home(hardware, pool, host)
    for disk in hardware.disks:
        checks.space(disk.datastore, disk.capacity_bytes if disk.provisioning != "thin" else 0)
        Datastore.objects.filter(pk=disk.datastore_id).update(
            provisioned_bytes=F("provisioned_bytes") + disk.capacity_bytes
        )
    vm.save()
    for disk in hardware.disks:
        disk.vm = vm
        disk.save()
    for nic in hardware.nics:
        nic.vm = vm
        nic.save()


def copying(vm: VirtualMachine, *, as_template: bool) -> str:
    """The privilege that it takes on the machine or template which a copy is made of."""
    return COPYING[vm.template, as_template]


def arriving(vms: Sequence[VirtualMachine], *, as_template: bool) -> tuple[str, ...]:
    """Those that copies of `vms` take on the folder where they arrive; a template's disks are not asked about."""
    disks = (NEW_DISK,) if not as_template and VirtualDisk.objects.filter(vm__in=vms).exists() else ()
    return ("VirtualMachine.Inventory.CreateFromExisting", *disks)


def clone(
    user: Any,
    vm: VirtualMachine,
    *,
    name: str,
    folder: Folder,
    pool: ResourcePool | None = None,
    host: Host | None = None,
    datastore: Datastore | None = None,
    power_on: bool = False,
    as_template: bool = False,
) -> Task:
    """A full copy of a VM or template; `as_template` makes the copy a template (which has no pool)."""
    check(user, copying(vm, as_template=as_template), vm)
    for privilege in arriving([vm], as_template=as_template):
        check(user, privilege, folder)
    checks.operable(vm, busy_is_fine=True)
    home = pool or vm.pool
    if home is None:
        raise faults.InvalidArgument(property="pool", reason="choose where the copy is to run")
    if not as_template:  # a template is in no pool
        check(user, home.assigning, home)
    _may_fill(user, vm, datastore)
    if power_on and not as_template:
        _may_start(user, folder, home, name)
    with changing(vm.vcenter, user) as change:
        copy = _new_row(change, folder, None if as_template else home, name, vm.guest_id)
        copy.template = as_template
        hardware = _copied(vm, copy, datastore)
        _settle(hardware, host, home)
        source = {"source": vm.moref, "source_name": vm.name, "from_template": vm.template}
        return submit(change, "vm.clone", copy, {**source, "power_on": power_on and not as_template})


def _copied(vm: VirtualMachine, copy: VirtualMachine, datastore: Datastore | None) -> Hardware:
    fields = {name: getattr(vm, name) for name in checks.COPIED}
    disks = [
        {
            "capacity_bytes": d.capacity_bytes, "provisioning": d.provisioning, "datastore": store.moref,
            "independent": d.independent,
        }
        for d in vm.disks.select_related("datastore")
        for store in (datastore or d.datastore,)
    ]  # fmt: skip
    nics = [{"network": n.network.moref, "adapter": n.adapter} for n in vm.nics.select_related("network") if n.network]
    hardware = Hardware(copy, [], [])
    hardware.apply({**fields, "disks": {"add": disks}, "nics": {"add": nics}})
    return hardware
