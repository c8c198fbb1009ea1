"""Undo: the inverse of a rename, a move, a change of settings, devices, licenses, tags or permissions, while the
object is as that task left it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from domain import faults
from domain.text import _
from inventory import audit, device_notes, rights, selectors
from inventory.inverses import UNDO, values
from inventory.journal import changing
from inventory.models import Folder, Role, Tag, TagAssignment, Task, VCenter, VirtualMachine
from inventory.services import (
    autostart,
    clusters,
    folders,
    hosts,
    licenses,
    naming,
    permissions,
    pools,
    tags,
    vapps,
    vms,
)

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Inverse:
    """`current(obj, names)` reads what the task had changed, `restore(user, obj, before)` asks the service for it."""

    current: Callable[[Any, Any], dict[str, Any]]
    restore: Callable[[Any, Any, Values], Any]


def _folder_of(obj: Any, names: Any) -> dict[str, Any]:
    folder = obj.parent if isinstance(obj, Folder) else obj.folder
    return {"folder": folder.moref if folder else ""}


def _pool_of(obj: Any, names: Any) -> dict[str, Any]:
    pool = obj.pool if isinstance(obj, VirtualMachine) else obj.parent
    return {"pool": pool.moref if pool else ""}


def _to_folder(user: Any, obj: Any, before: Values) -> Any:
    return folders.move(user, obj, still_there(selectors.find(obj.vcenter, before["folder"]), user, before["folder"]))


def _to_pool(user: Any, obj: Any, before: Values) -> Any:
    pool = still_there(selectors.find(obj.vcenter, before["pool"]), user, before["pool"])
    move = vms.move_to_pool if isinstance(obj, VirtualMachine) else pools.move
    return move(user, obj, pool)


def still_there(place: Any, user: Any, moref: str) -> Any:
    """Where an object came from. Raises ManagedObjectNotFound where that is gone, or not for this person."""
    if isinstance(place, VCenter):
        place = folders.root_folder(place)
    if place is None or not selectors.readable(user, place):
        raise faults.ManagedObjectNotFound(moref=moref)
    return place


def _tags_of(obj: Any, names: Any) -> dict[str, Any]:
    rows = TagAssignment.objects.filter(vcenter=rights.vcenter_of(obj), entity=obj.moref, tag__in=list(names))
    on = {str(tag) for tag in rows.values_list("tag", flat=True)}
    return {name: name in on for name in names}


def _to_tags(user: Any, obj: Any, before: Values) -> Any:
    done = None
    for pk, had in before.items():
        tag = Tag.objects.select_related("category").filter(pk=pk).first()
        if tag is None:
            raise faults.NotFound(what=_("The tag"))
        done = (tags.assign if had else tags.unassign)(user, obj, tag)
    return done


def _to_permissions(user: Any, obj: Any, before: Values) -> Any:
    """Asked of the same services: whoever may not give, or take, this role there any more cannot undo it either."""
    done = None
    for name, held in before.items():
        principal = permissions.principal_of(name)
        if held is None:
            done = permissions.take(user, obj, permissions.of(obj, [name])[name])
        else:
            role = Role.objects.filter(pk=held["role"]).first()
            if role is None or principal is None:
                raise faults.NotFound(what=_("The role") if role is None else _("The account"))
            _given, done = permissions.give(user, obj, principal, role, held["propagate"])
    return done


def _to_hardware(user: Any, vm: VirtualMachine, before: Values) -> Any:
    return vms.reconfigure(user, vm, device_notes.changes_back(vm, before))


INVERSES: dict[str, Inverse] = {
    "name": Inverse(values, lambda user, obj, before: naming.rename(user, obj, before["name"])),
    "folder": Inverse(_folder_of, _to_folder),
    "pool": Inverse(_pool_of, _to_pool),
    "notes": Inverse(values, lambda user, vm, before: vms.set_notes(user, vm, before["notes"])),
    "hardware": Inverse(device_notes.current, _to_hardware),
    "tags": Inverse(_tags_of, _to_tags),
    "permissions": Inverse(permissions.held, _to_permissions),
    "resources": Inverse(values, pools.reconfigure),
    "vapp": Inverse(values, vapps.restore_options),
    "cluster": Inverse(values, clusters.reconfigure),
    "autostart": Inverse(values, autostart.restore),
    "vmotion": Inverse(values, lambda user, host, before: hosts.set_vmotion(user, host, **before)),
    "license": Inverse(lambda host, names: {"license": host.license_id}, licenses.restore),
}


def undo(user: Any, task: Task) -> Any:
    """Take a task back; returns the task that does it. It is done by the same services, with the same checks.

    Raises NotSupported where there is no way back, ManagedObjectNotFound where the object is gone, ConcurrentAccess
    where somebody changed it since, and whatever the service refuses.
    """
    with transaction.atomic():
        task = Task.objects.select_for_update(of=("self",)).select_related("vcenter").get(pk=task.pk)
        noted = task.args.get(UNDO) or {}
        inverse = INVERSES.get(noted.get("kind", ""))
        if task.no_way_back:
            raise faults.NotSupported(reason=task.no_way_back)
        if inverse is None or not task.undoable:
            raise faults.NotSupported(reason="this task cannot be undone any more")
        obj = selectors.find(task.vcenter, task.entity)
        if obj is None or not selectors.readable(user, obj):
            raise faults.ManagedObjectNotFound(moref=task.entity)
        if _plain(inverse.current(obj, noted["after"])) != _plain(noted["after"]):
            raise faults.ConcurrentAccess(name=obj.name)
        done = inverse.restore(user, obj, noted["before"])
        _remember(user, task, obj)
    return done


def _plain(some: Values) -> Any:
    """As it comes back from the database."""
    return json.loads(json.dumps(dict(some), default=str))


def _remember(user: Any, task: Task, obj: Any) -> None:
    with changing(rights.vcenter_of(obj), user) as change:
        Task.objects.filter(pk=task.pk).update(result={**task.result, "undone_by": change.user_name or "System"})
        change.fact("task.changed", task.pk)
        audit.append(user, "Task.undo", obj, {"task": task.moref})
