"""Datastores: create, rename, mount, unmount, destroy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Q

from domain import faults
from domain.limits import DEFAULT_LIMITS as LIMITS
from domain.morefs import FolderKind, Kind
from domain.states import DatastoreKind
from hypervisors.port import Config
from inventory import ids, slots, specs
from inventory.journal import Change, changing
from inventory.models import Datastore, DatastoreMount, Folder, Host, Task, VirtualDisk, VirtualMachine
from inventory.services import attached
from inventory.services.attached import Attached
from inventory.services.base import check, instant, number
from inventory.services.containers import datacenter_of

KIND = Attached(
    "Datastore", FolderKind.DATASTORE, DatastoreMount, VirtualDisk, specs.datastore_spec, Config.DATASTORE,
    Config.REMOVE_DATASTORE, "Datastore.Rename", "Datastore.Delete",
)  # fmt: skip

MOUNTS = "Host.Config.Storage"  # what a host mounts is its own configuration


def create(
    user: Any,
    folder: Folder,
    name: str,
    kind: str,
    capacity_bytes: int,
    hosts: Iterable[Host],
    ssd: bool = True,
    local: bool = False,
) -> Task:
    """A datastore in a datastore folder, mounted on `hosts`."""
    hosts = list(hosts)
    check(user, "Datastore.Create", folder)
    check(user, MOUNTS, *hosts)
    name = attached.new_name(KIND, folder, name, Datastore.objects)
    number({"capacity_bytes": capacity_bytes}, "capacity_bytes", 1024**3, LIMITS.datastore_bytes)
    if kind not in {k.value for k in DatastoreKind}:
        raise faults.InvalidArgument(property="type", reason=", ".join(k.value for k in DatastoreKind))
    with changing(folder.vcenter, user) as change:
        datastore = Datastore.objects.create(
            vcenter=folder.vcenter,
            moref=ids.new_moref(folder.vcenter, Kind.DATASTORE),
            name=name,
            folder=folder,
            datacenter=datacenter_of(folder),
            slot=slots.take(folder.vcenter, Datastore),
            store_kind=kind,
            capacity_bytes=capacity_bytes,
            ssd=ssd,
            local=local,
        )
        attached.describe(change, KIND, datastore)
        for host in hosts:
            _mount(change, datastore, host)
        change.event("DatastoreCreatedEvent", datastore, folder)
        change.fact("tree.changed", folder.moref)
        return instant(change, "HostDatastoreSystem.createDatastore", datastore)


def _mount(change: Change, datastore: Datastore, host: Host) -> None:
    _made, fresh = DatastoreMount.objects.get_or_create(host=host, datastore=datastore)
    if fresh:
        attached.tell(change, host)
        change.event("DatastoreMountedEvent", datastore, host)


def mount(user: Any, datastore: Datastore, hosts: Iterable[Host]) -> Task:
    hosts = list(hosts)
    check(user, MOUNTS, *hosts)
    with changing(datastore.vcenter, user) as change:
        for host in hosts:
            if datastore.mounts.count() >= LIMITS.hosts_per_datastore and datastore.store_kind == DatastoreKind.VMFS:
                raise faults.LimitExceeded(property="hosts of a datastore", limit=LIMITS.hosts_per_datastore)
            _mount(change, datastore, host)
        change.changed(datastore)
        return instant(change, "HostDatastoreSystem.mount", datastore)


def unmount(user: Any, datastore: Datastore, host: Host) -> Task:
    """Refused while a VM on that host has a disk there, or a drive that reads an image from it."""
    check(user, MOUNTS, host)
    disk, drive = Q(disks__datastore=datastore), Q(cd_datastore=datastore, cd_connected=True)
    used = VirtualMachine.everything.filter(disk | drive, host=host).first()
    if used is not None:
        raise faults.ResourceInUse(name=datastore.name, users=used.name)
    with changing(datastore.vcenter, user) as change:
        DatastoreMount.objects.filter(host=host, datastore=datastore).delete()
        attached.tell(change, host)
        change.event("DatastoreUnmountedEvent", datastore, host)
        change.changed(datastore, host)
        return instant(change, "HostDatastoreSystem.unmount", datastore)


def rename(user: Any, datastore: Datastore, name: str) -> Task:
    return attached.rename(KIND, user, datastore, name)


def destroy(user: Any, datastore: Datastore) -> Task:
    """Raises ResourceInUse while a virtual machine has a disk there."""
    return attached.destroy(KIND, user, datastore)
