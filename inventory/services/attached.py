"""What datastores and networks have in common: both lie in a folder of one datacenter, and hosts have them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from domain import faults
from domain.morefs import FolderKind
from domain.specs import to_plain
from hypervisors.port import Config
from inventory import specs
from inventory.inverses import one
from inventory.journal import Change, changing
from inventory.models import Folder, Host, Task
from inventory.services.base import check, instant, unique, valid_name


@dataclass(frozen=True)
class Attached:
    """One of the two. `name`: its class in the names of tasks and events, and the field by which `links` (rows of a
    host's) and `devices` (of virtual machines) point to it. `spec` describes it for the fleet."""

    name: str
    folder_kind: FolderKind
    links: Any
    devices: Any
    spec: Callable[[Any], Any]
    described: Config
    removed: Config
    rename_privilege: str
    destroy_privilege: str

    @property
    def field(self) -> str:
        return self.name.lower()


def new_name(kind: Attached, folder: Folder, name: str, rows: Any) -> str:
    """The name of a new one in `folder`. Raises InvalidFolder, InvalidName, DuplicateName."""
    if folder.folder_kind != kind.folder_kind:
        raise faults.InvalidFolder(target=name)
    name = valid_name(name)
    unique(rows.filter(datacenter=folder.datacenter), name)
    return name


def describe(change: Change, kind: Attached, obj: Any) -> None:
    """Tell the fleet of it as it is now."""
    change.configure(kind.described, obj.uuid, spec=to_plain(kind.spec(obj)))


def tell(change: Change, host: Host) -> None:
    """Tell the fleet what a host has now."""
    change.configure(Config.HOST, host.uuid, spec=to_plain(specs.host_spec(host)))


def rename(kind: Attached, user: Any, obj: Any, name: str) -> Task:
    check(user, kind.rename_privilege, obj)
    name = valid_name(name)
    unique(type(obj).objects.filter(datacenter=obj.datacenter), name, own=obj)
    with changing(obj.vcenter, user) as change:
        old, obj.name = obj.name, name
        obj.save(update_fields=["name"])
        describe(change, kind, obj)
        change.event("ObjectRenamedEvent", obj, old=old, new=name)
        change.changed(obj)
        change.fact("tree.changed", obj.folder.moref)
        told = {"old": old, "new": name}
        return instant(change, f"{kind.name}.rename", obj, result=told, args=one("name", old, name))


def destroy(kind: Attached, user: Any, obj: Any) -> Task:
    """From all hosts and the inventory. Raises ResourceInUse while a device of a virtual machine needs it."""
    check(user, kind.destroy_privilege, obj)
    mine = {kind.field: obj}
    users = list(kind.devices.objects.filter(**mine).values_list("vm__name", flat=True)[:3])
    if users:
        raise faults.ResourceInUse(name=obj.name, users=", ".join(users))
    with changing(obj.vcenter, user) as change:
        hosts = list(obj.hosts.select_related("cluster"))
        change.event(f"{kind.name}DestroyedEvent", obj)
        task = instant(change, f"{kind.name}.destroy", obj)
        kind.links.objects.filter(**mine).delete()
        for host in hosts:
            tell(change, host)
        change.configure(kind.removed, obj.uuid)
        folder = obj.folder
        obj.delete()
        change.fact("tree.changed", folder.moref)
        return task
