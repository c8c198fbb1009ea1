"""The nodes of a tree that somebody with rights on a part of it has to see to get there."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Model

from domain.morefs import FOLDER_PREFIX, FolderKind
from domain.privileges import READ
from inventory import rights
from inventory.models import Datastore, Folder, Network, ResourcePool, VCenter, VirtualMachine
from inventory.selectors.visible import objects_visible

_LEAF: dict[FolderKind, tuple[type[Model], str, type[Model]]] = {
    FolderKind.VM: (VirtualMachine, "folder_id", Folder),
    FolderKind.HOST: (VirtualMachine, "pool_id", ResourcePool),
    FolderKind.DATASTORE: (Datastore, "folder_id", Folder),
    FolderKind.NETWORK: (Network, "folder_id", Folder),
}


def ways_to(user: rights.User, vc: VCenter, kind: FolderKind) -> set[str]:
    """Of the tree that grows from the folders of `kind`: what the person can read, and all containers above it."""
    containers = rights.of(user, vc).containers
    ways: set[str] = set()
    for moref in (*_readable_containers(user, vc, kind), *_of_readable_leaves(user, vc, kind)):
        for above in containers.chain(moref):
            if above in ways:
                break
            ways.add(above)
    if kind == FolderKind.VM:
        _add_vapps(user, vc, ways)
    return ways


def _add_vapps(user: rights.User, vc: VCenter, ways: set[str]) -> None:
    """vApps hang in two trees: those that can be read, or hold a VM that can, with the folders that lead to them."""
    known = rights.of(user, vc)
    rows = ResourcePool.objects.filter(vcenter=vc, is_vapp=True).select_related(
        "folder", "parent", "cluster__datacenter"
    )
    vapps = {one.pk: one for one in rows}
    if not vapps:
        return
    held = objects_visible(user, vc, VirtualMachine).filter(pool__in=list(vapps)).order_by()
    seen = {one.pk for one in vapps.values() if READ in known.at(one.moref)} | set(held.values_list("pool", flat=True))
    for pk in seen:
        at: ResourcePool | None = vapps[pk]
        while at is not None:
            ways.add(at.moref)
            folder = (at.folder or at.cluster.datacenter).moref
            at = vapps.get(at.parent_id or 0)
        ways.update(known.containers.chain(folder))


def _readable_containers(user: rights.User, vc: VCenter, kind: FolderKind) -> Iterable[str]:
    known = rights.of(user, vc)
    compute = ("domain-", "host-", "resgroup-") if kind == FolderKind.HOST else ()
    prefixes = (FOLDER_PREFIX[kind], FOLDER_PREFIX[FolderKind.DATACENTER], "datacenter-", *compute)
    return [moref for moref in known.containers.parents if moref.startswith(prefixes) and READ in known.at(moref)]


def _of_readable_leaves(user: rights.User, vc: VCenter, kind: FolderKind) -> Iterable[str]:
    model, column, container = _LEAF[kind]
    morefs = rights.of(user, vc).containers.morefs[container]
    pks = objects_visible(user, vc, model).order_by().values_list(column, flat=True).distinct()
    return [morefs[pk] for pk in pks if pk in morefs]
