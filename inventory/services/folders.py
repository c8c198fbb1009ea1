"""Folders and datacenters: create, rename, move, destroy."""

from __future__ import annotations

from typing import Any

from domain import faults
from domain.limits import DEFAULT_LIMITS
from domain.morefs import FolderKind, Kind
from inventory import ids
from inventory.inverses import one
from inventory.journal import Change, changing
from inventory.models import (
    Cluster,
    Datacenter,
    Datastore,
    Folder,
    Network,
    ResourcePool,
    Task,
    VCenter,
    VirtualMachine,
)
from inventory.services import clusters, vapps, vms
from inventory.services.base import check, instant, unique, valid_name
from inventory.services.containers import FIXED_FOLDERS

# Which kind of folder holds which kind of object.
HOLDS: dict[type, FolderKind] = {
    VirtualMachine: FolderKind.VM,
    Cluster: FolderKind.HOST,
    Datastore: FolderKind.DATASTORE,
    Network: FolderKind.NETWORK,
    Datacenter: FolderKind.DATACENTER,
}

# What it takes to move one.
MOVING: dict[type, str] = {
    Folder: "Folder.Move",
    Cluster: "Host.Inventory.MoveCluster",
    Datastore: "Datastore.Move",
    Network: "Network.Move",
    Datacenter: "Datacenter.Move",
}


def create(user: Any, parent: Folder, name: str) -> Task:
    """A folder of its parent's kind."""
    check(user, "Folder.Create", parent)
    name = valid_name(name)
    unique(parent.children.filter(fixed=False), name)
    if _depth(parent) >= DEFAULT_LIMITS.folder_depth:
        raise faults.LimitExceeded(property="folder depth", limit=DEFAULT_LIMITS.folder_depth)
    with changing(parent.vcenter, user) as change:
        kind = FolderKind(parent.folder_kind)
        folder = Folder.objects.create(
            vcenter=parent.vcenter,
            moref=ids.new_moref(parent.vcenter, Kind.FOLDER, kind),
            name=name,
            folder_kind=kind,
            parent=parent,
            datacenter=parent.datacenter,
        )
        change.event("FolderCreatedEvent", folder, parent)
        change.fact("tree.changed", parent.moref)
        return instant(change, "Folder.createFolder", folder)


def _depth(folder: Folder | None) -> int:
    return 0 if folder is None else 1 + _depth(folder.parent)


def root_folder(vcenter: VCenter) -> Folder:
    return Folder.objects.get(vcenter=vcenter, parent__isnull=True, folder_kind=FolderKind.DATACENTER)


def create_datacenter(user: Any, folder: Folder, name: str) -> Task:
    """A datacenter with its four fixed folders."""
    check(user, "Datacenter.Create", folder)
    if folder.folder_kind != FolderKind.DATACENTER:
        raise faults.NotSupported(reason="datacenters live in datacenter folders")
    name = valid_name(name)
    unique(Datacenter.objects.filter(folder=folder), name)
    with changing(folder.vcenter, user) as change:
        datacenter = new_datacenter(change, folder, name)
        change.fact("tree.changed", folder.moref)
        return instant(change, "Folder.createDatacenter", datacenter)


def new_datacenter(change: Change, folder: Folder, name: str) -> Datacenter:
    vcenter = change.vcenter
    moref = ids.new_moref(vcenter, Kind.DATACENTER)
    datacenter = Datacenter.objects.create(vcenter=vcenter, moref=moref, name=name, folder=folder)
    for kind in FIXED_FOLDERS:
        Folder.objects.create(
            vcenter=vcenter,
            moref=ids.new_moref(vcenter, Kind.FOLDER, kind),
            name=kind.value,
            folder_kind=kind,
            datacenter=datacenter,
            fixed=True,
        )
    change.event("DatacenterCreatedEvent", datacenter, folder)
    return datacenter


def rename(user: Any, obj: Folder | Datacenter, name: str) -> Task:
    check(user, "Folder.Rename" if isinstance(obj, Folder) else "Datacenter.Rename", obj)
    _refuse_fixed(obj)
    name = valid_name(name)
    siblings = obj.parent.children.all() if isinstance(obj, Folder) and obj.parent else None
    unique(Datacenter.objects.filter(folder=obj.folder) if isinstance(obj, Datacenter) else siblings, name, own=obj)
    with changing(obj.vcenter, user) as change:
        old, obj.name = obj.name, name
        obj.save(update_fields=["name"])
        change.event("ObjectRenamedEvent", obj, old=old, new=name)
        change.changed(obj)
        change.fact("tree.changed", _parent(obj).moref)
        told = {"old": old, "new": name}
        return instant(change, f"{obj.kind}.rename", obj, result=told, args=one("name", old, name))


def _refuse_fixed(obj: Any) -> None:
    if isinstance(obj, Folder) and (obj.fixed or obj.parent is None):
        raise faults.NotSupported(reason=f"“{obj.name}” belongs to its datacenter and stays as it is")


def _parent(obj: Any) -> Any:
    return obj.parent if isinstance(obj, Folder) else obj.folder


def moving(obj: Any) -> str:
    """The privilege that it takes to move an object to another folder, on the object and on that folder."""
    if isinstance(obj, VirtualMachine):
        return vms.MOVE
    return vapps.MOVE if isinstance(obj, ResourcePool) else MOVING[type(obj)]


def move(user: Any, obj: Any, folder: Folder) -> Task:
    """Move a folder, datacenter, cluster, datastore or network into another folder of its kind."""
    if isinstance(obj, VirtualMachine):
        return vms.move_to_folder(user, obj, folder)
    if isinstance(obj, ResourcePool):
        return vapps.move_to_folder(user, obj, folder)
    check(user, moving(obj), obj, folder)
    _refuse_fixed(obj)
    _fits(obj, folder)
    unique(type(obj).objects.filter(**{"parent" if isinstance(obj, Folder) else "folder": folder}), obj.name, own=obj)
    with changing(obj.vcenter, user) as change:
        undo = one("folder", _parent(obj).moref, folder.moref)
        change.fact("tree.changed", _parent(obj).moref)
        field = "parent" if isinstance(obj, Folder) else "folder"
        setattr(obj, field, folder)
        obj.save(update_fields=[field])
        change.event("ObjectMovedEvent", obj, folder)
        change.fact("tree.changed", folder.moref)
        return instant(change, "Folder.moveInto", obj, args=undo)


def _fits(obj: Any, folder: Folder) -> None:
    kind = obj.folder_kind if isinstance(obj, Folder) else HOLDS.get(type(obj))
    same_place = isinstance(obj, Datacenter) or obj.datacenter_id == folder.datacenter_id
    if folder.vcenter_id != obj.vcenter_id or folder.folder_kind != kind or not same_place:
        raise faults.InvalidFolder(target=obj.name)
    at: Folder | None = folder
    while at is not None:
        if at == obj:
            raise faults.InvalidFolder(target=obj.name)
        at = at.parent


def destroy(user: Any, obj: Folder | Datacenter) -> Task:
    """Delete an empty datacenter, or a folder with what is in it (a VM folder's VMs go to the recycle bin)."""
    if isinstance(obj, Datacenter):
        return _destroy_datacenter(user, obj)
    check(user, "Folder.Delete", obj)
    _refuse_fixed(obj)
    with changing(obj.vcenter, user) as change:
        _empty(user, obj)
        parent = obj.parent
        assert parent is not None  # `_refuse_fixed` has seen to it
        change.event("FolderDestroyedEvent", obj)
        task = instant(change, "Folder.destroy", obj)
        if VirtualMachine.everything.filter(folder=obj).exists():
            # VMs in the recycle bin come back into the parent.
            VirtualMachine.everything.filter(folder=obj).update(folder=parent)
        ResourcePool.objects.filter(folder=obj).update(folder=parent)  # a vApp lives on: it runs elsewhere
        obj.delete()
        change.fact("tree.changed", parent.moref)
        return task


def _empty(user: Any, folder: Folder) -> None:
    for child in folder.children.all():
        destroy(user, child)
    for datacenter in folder.datacenters.all():
        _destroy_datacenter(user, datacenter)
    for vm in VirtualMachine.objects.filter(folder=folder).select_related("host", "pool", "vcenter"):
        vms.delete_from_disk(user, vm)
    for cluster in folder.clusters.all():
        clusters.destroy(user, cluster)
    held = [*folder.datastores.all()[:3], *folder.networks.all()[:3]]
    if held:
        raise faults.ResourceInUse(name=folder.name, users=", ".join(h.name for h in held))


def _destroy_datacenter(user: Any, datacenter: Datacenter) -> Task:
    check(user, "Datacenter.Delete", datacenter)
    held = [*datacenter.clusters.all()[:3], *datacenter.datastores.all()[:3], *datacenter.networks.all()[:3]]
    if held:
        raise faults.ResourceInUse(name=datacenter.name, users=", ".join(h.name for h in held))
    with changing(datacenter.vcenter, user) as change:
        change.event("DatacenterDestroyedEvent", datacenter)
        task = instant(change, "Datacenter.destroy", datacenter)
        change.fact("tree.changed", datacenter.folder.moref)
        for folder in Folder.objects.filter(datacenter=datacenter).order_by("-id"):
            folder.delete()
        datacenter.delete()
        return task
