"""Resource pools: create, change, move, destroy, each under admission control.

A vApp is a pool too: what both have is here, with the privileges and events of its kind; `vapps` has the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain import faults
from domain.limits import DEFAULT_LIMITS as LIMITS
from domain.privileges import into
from domain.specs import to_plain
from domain.states import SharesLevel
from hypervisors.port import Config
from inventory import admission, ids, slots, specs
from inventory.hardware import follow_levels
from inventory.inverses import note, one, values
from inventory.journal import Change, changing
from inventory.models import ResourcePool, Task, VirtualMachine
from inventory.services.base import check, expect_version, instant, number, unique, valid_name

FIELDS = {
    "cpu_reservation_mhz", "cpu_limit_mhz", "cpu_shares_level", "cpu_shares", "cpu_expandable",
    "memory_reservation_mib", "memory_limit_mib", "memory_shares_level", "memory_shares", "memory_expandable",
    "scalable_shares",
}  # fmt: skip


def create(user: Any, parent: ResourcePool, name: str, **allocation: Any) -> Task:
    """A pool under `parent`; `allocation` = the fields of FIELDS."""
    check(user, "VApp.AssignResourcePool" if parent.is_vapp else "Resource.CreatePool", parent)
    pool = planned(parent, name, allocation)
    with changing(parent.vcenter, user) as change:
        add(change, pool)
        change.event("ResourcePoolCreatedEvent", pool, parent.cluster)
        return instant(change, "ResourcePool.createResourcePool", pool)


def planned(parent: ResourcePool, name: str, allocation: Mapping[str, Any], *, is_vapp: bool = False) -> ResourcePool:
    """An unsaved pool under `parent` whose name and figures have been checked."""
    name = valid_name(name)
    unique(parent.children.all(), name)
    _limits(parent)
    validate(allocation)
    pool = ResourcePool(
        vcenter=parent.vcenter, name=name, cluster=parent.cluster, parent=parent, slot=0, is_vapp=is_vapp
    )
    _apply(pool, {"cpu_shares": 4000, "memory_shares": 163_840, **allocation})
    admission.check_pool(pool, parent)
    return pool


def add(change: Change, pool: ResourcePool) -> None:
    """Give a planned pool its numbers, save it and tell the fleet and the trees."""
    pool.moref = ids.new_moref(change.vcenter, pool.kind)
    pool.slot = slots.take(change.vcenter, ResourcePool)
    pool.save()
    _tell(change, pool)
    tell_trees(change, pool.parent, pool)


def tell_trees(change: Change, *pools: ResourcePool | None) -> None:
    """What hangs on these pools has changed; a vApp hangs among virtual machines and templates as well."""
    for pool in pools:
        if pool is None:
            continue
        change.fact("tree.changed", pool.moref)
        if pool.is_vapp:
            beside = pool.folder if pool.folder and not pool.folder.fixed else pool.cluster.datacenter
            change.fact("tree.changed", beside.moref)


def _limits(parent: ResourcePool) -> None:
    depth, at = 0, parent
    while at.parent is not None:
        depth, at = depth + 1, at.parent
    if depth + 1 > LIMITS.pool_depth:
        raise faults.LimitExceeded(property="resource pool depth", limit=LIMITS.pool_depth)
    if parent.children.count() >= LIMITS.children_per_pool:
        raise faults.LimitExceeded(property="children of a resource pool", limit=LIMITS.children_per_pool)
    if parent.cluster.pools.count() >= LIMITS.pools_per_cluster:
        raise faults.LimitExceeded(property="resource pools of a cluster", limit=LIMITS.pools_per_cluster)


def validate(values: Mapping[str, Any]) -> None:
    unknown = set(values) - FIELDS
    if unknown:
        raise faults.InvalidArgument(property=min(unknown), reason="there is no such setting")
    for resource, unit in (("cpu", "mhz"), ("memory", "mib")):
        number(values, f"{resource}_reservation_{unit}", 0, 2**31 - 1)
        number(values, f"{resource}_limit_{unit}", -1, 2**31 - 1)
        number(values, f"{resource}_shares", 1, LIMITS.shares * 4)
        if values.get(f"{resource}_shares_level", "normal") not in {s.value for s in SharesLevel}:
            raise faults.InvalidArgument(property=f"{resource}_shares_level", reason="low, normal, high or custom")
        limit = values.get(f"{resource}_limit_{unit}", -1)
        if limit != -1 and values.get(f"{resource}_reservation_{unit}", 0) > limit:
            raise faults.InvalidArgument(property=f"{resource}_limit_{unit}", reason="it is below the reservation")


def _apply(pool: ResourcePool, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        setattr(pool, name, value)
    follow_levels(pool)


def _tell(change: Change, pool: ResourcePool) -> None:
    change.configure(Config.POOL, pool.uuid, spec=to_plain(specs.pool_spec(pool)))


def _refuse_root(pool: ResourcePool) -> None:
    if pool.is_root:
        raise faults.NotSupported(reason="the root resource pool follows its cluster")


def reconfigure(user: Any, pool: ResourcePool, changes: Mapping[str, Any], expected_version: int | None = None) -> Task:
    check(user, "VApp.ResourceConfig" if pool.is_vapp else "Resource.EditPool", pool)
    _refuse_root(pool)
    validate(changes)
    stored = ResourcePool.objects.get(pk=pool.pk)
    expect_version(stored, expected_version)
    _apply(pool, changes)
    admission.check_pool(pool, pool.parent)  # type: ignore[arg-type]
    with changing(pool.vcenter, user) as change:
        pool.change_version += 1
        pool.save()
        _tell(change, pool)
        change.event(_event(pool, "Reconfigured"), pool, pool.cluster, reason=", ".join(sorted(changes)))
        change.changed(pool)
        undo = note("resources", values(stored, changes), values(pool, changes))
        return instant(change, f"{pool.kind}.updateConfig", pool, args=undo)


def _event(pool: ResourcePool, what: str) -> str:
    return f"{'VApp' if pool.is_vapp else 'ResourcePool'}{what}Event"


def rename(user: Any, pool: ResourcePool, name: str) -> Task:
    check(user, "VApp.Rename" if pool.is_vapp else "Resource.RenamePool", pool)
    _refuse_root(pool)
    name = valid_name(name)
    unique(ResourcePool.objects.filter(parent=pool.parent), name, own=pool)
    with changing(pool.vcenter, user) as change:
        old, pool.name = pool.name, name
        pool.save(update_fields=["name"])
        _tell(change, pool)
        change.event("ObjectRenamedEvent", pool, old=old, new=name)
        change.changed(pool)
        tell_trees(change, pool.parent, pool)
        told = {"old": old, "new": name}
        return instant(change, f"{pool.kind}.rename", pool, result=told, args=one("name", old, name))


def move(user: Any, pool: ResourcePool, parent: ResourcePool) -> Task:
    """Hang a pool or vApp under another one of the same cluster."""
    check(user, "VApp.Move" if pool.is_vapp else "Resource.MovePool", pool)
    check(user, into(receiving(pool), vapp=parent.is_vapp), parent)
    _refuse_root(pool)
    if parent.cluster_id != pool.cluster_id:
        raise faults.InvalidArgument(property="parent", reason="it belongs to another cluster")
    at: ResourcePool | None = parent
    while at is not None:
        if at.pk == pool.pk:
            raise faults.InvalidArgument(property="parent", reason="a pool cannot lie inside itself")
        at = at.parent
    unique(parent.children.all(), pool.name, own=pool)
    admission.check_pool(pool, parent)
    with changing(pool.vcenter, user) as change:
        undo = note("pool", {"pool": pool.parent.moref}, {"pool": parent.moref})  # type: ignore[union-attr]
        tell_trees(change, pool.parent, pool)
        pool.parent = parent
        pool.save(update_fields=["parent"])
        _tell(change, pool)
        change.event(_event(pool, "Moved"), pool, new=parent.name)
        tell_trees(change, parent)
        return instant(change, f"{pool.kind}.moveInto", pool, args=undo)


def receiving(pool: ResourcePool) -> str:
    """The privilege that it takes on the pool which a pool or vApp moves into; see `privileges.into` for a vApp."""
    return "Resource.AssignVAppToPool" if pool.is_vapp else "Resource.MovePool"


def destroy(user: Any, pool: ResourcePool) -> Task:
    """Remove a pool; its children move to its parent, under new names where they would clash."""
    check(user, "Resource.DeletePool", pool)
    _refuse_root(pool)
    if pool.is_vapp:
        raise faults.NotSupported(reason="a vApp is deleted with its virtual machines")
    parent = pool.parent
    assert parent is not None
    with changing(pool.vcenter, user) as change:
        for child in pool.children.all():
            clash = parent.children.filter(name=child.name).exists()
            child.name = f"{child.name} ({child.moref})"[:80] if clash else child.name
            child.parent = parent
            child.save(update_fields=["parent", "name"])
            _tell(change, child)
        for vm in VirtualMachine.everything.filter(pool=pool):
            change.configure(Config.MOVE_VM, vm.uuid, pool=str(parent.uuid))
        VirtualMachine.everything.filter(pool=pool).update(pool=parent)
        change.event("ResourcePoolDestroyedEvent", pool, pool.cluster)
        task = instant(change, "ResourcePool.destroy", pool)
        change.configure(Config.REMOVE_POOL, pool.uuid)
        pool.delete()
        change.fact("tree.changed", parent.moref)
        return task
