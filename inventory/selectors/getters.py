"""From an address to an object: 404 for strangers, `NoPermission` where something named may not be done."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from django.http import Http404

from domain.morefs import Kind, kind_of
from domain.privileges import READ
from inventory import rights
from inventory.models import (
    Cluster,
    Datacenter,
    Datastore,
    Folder,
    Host,
    ManagedObject,
    Network,
    Permission,
    ResourcePool,
    VCenter,
    VirtualMachine,
)
from inventory.prepared import PreparedModels

M = TypeVar("M", bound=ManagedObject)

MODELS: dict[Kind, type[ManagedObject]] = {
    Kind.FOLDER: Folder,
    Kind.DATACENTER: Datacenter,
    Kind.CLUSTER: Cluster,
    Kind.COMPUTE: Cluster,
    Kind.HOST: Host,
    Kind.POOL: ResourcePool,
    Kind.VAPP: ResourcePool,
    Kind.VM: VirtualMachine,
    Kind.DATASTORE: Datastore,
    Kind.NETWORK: Network,
}

# vCenters that a person reaches but does not see everywhere, as querysets of primary keys.
ELSEWHERE: list[Callable[[rights.User], QuerySet[Any]]] = []

# What pages and services of an object nearly always look at next.
_NEXT_TO: dict[type[Model], tuple[str, ...]] = {
    Folder: ("parent", "datacenter"),
    Datacenter: ("folder",),
    Cluster: ("folder", "datacenter"),
    Host: ("cluster", "cluster__datacenter"),
    ResourcePool: ("cluster", "cluster__datacenter", "parent", "folder"),
    VirtualMachine: ("folder", "pool", "host", "host__cluster", "current_snapshot"),
    Datastore: ("folder", "datacenter"),
    Network: ("folder", "datacenter"),
}


# --- vCenters --------------------------------------------------------------------------------------------------------
def vcenters_for(user: rights.User) -> QuerySet[VCenter]:
    """The vCenters in which `user` can read something."""
    if not user.is_active:
        return VCenter.objects.none()
    if user.is_superuser:
        return VCenter.objects.all()
    granted = Permission.objects.filter(rights.granted_to(user)).exclude(role__privileges=[])  # [] is No access
    return VCenter.objects.filter(Q(owner_id=user.pk) | Q(pk__in=granted.values("vcenter")))


def vcenters_at_home(user: rights.User) -> QuerySet[VCenter]:
    """Those of `vcenters_for` that home, trees and panes show: a teacher's forty labs of others are elsewhere."""
    rows = vcenters_for(user)
    for left_out in ELSEWHERE:
        rows = rows.exclude(pk__in=left_out(user))
    return rows


def vcenter_for(user: rights.User, uuid: UUID | str) -> VCenter:
    """One vCenter; 404 unless `user` can read something in it."""
    try:
        return vcenters_for(user).get(uuid=uuid)
    except (VCenter.DoesNotExist, ValidationError) as error:
        raise Http404("vCenter") from error


# --- objects ---------------------------------------------------------------------------------------------------------
def find(vcenter: VCenter, moref: str) -> ManagedObject | VCenter | None:
    """The object of that reference, whoever asks; the root folder's reference means the vCenter itself."""
    if moref == vcenter.moref:
        return vcenter
    kind = kind_of(moref)
    model = MODELS.get(kind) if kind else None
    if model is None:
        return None
    found = _by_reference(model).first(vcenter.pk, moref)
    if found is not None:
        found.vcenter = vcenter
    return found


@cache
def _by_reference(model: type[ManagedObject]) -> PreparedModels[ManagedObject]:
    def build(vcenter: int, moref: str) -> QuerySet[ManagedObject]:
        rows = model._default_manager.filter(vcenter=vcenter, moref=moref).order_by()
        return rows.select_related(*_NEXT_TO[model])

    return PreparedModels(build)


def object_for(user: rights.User, vc: VCenter, moref: str, *privileges: str) -> Any:
    """Any object that `user` may read, with the privileges named; `group-d1` is the vCenter itself."""
    obj = find(vc, moref)
    return _guarded(user, obj, privileges)


def readable(user: rights.User, obj: rights.Entity) -> bool:
    """True where `user` may see the object at all."""
    return rights.has(user, READ, obj)


def _rows(model: type[M], vcenter: VCenter) -> QuerySet[M]:
    return model._default_manager.filter(vcenter=vcenter).select_related("vcenter", *_NEXT_TO[model])


def _guarded(user: rights.User, obj: Any, privileges: tuple[str, ...]) -> Any:
    if obj is None or not readable(user, obj):
        raise Http404("object")
    for privilege in privileges:
        rights.require(user, privilege, obj)
    return obj


def _object_of(model: type[M], user: rights.User, vc: VCenter, moref: str, privileges: tuple[str, ...]) -> M:
    obj: M = _guarded(user, _rows(model, vc).filter(moref=moref).first(), privileges)
    return obj


def vm_for(user: rights.User, vc: VCenter, moref: str, *privileges: str) -> VirtualMachine:
    """A virtual machine or template in the inventory."""
    return _object_of(VirtualMachine, user, vc, moref, privileges)


def deleted_vm_for(user: rights.User, vc: VCenter, moref: str, *privileges: str) -> VirtualMachine:
    """A virtual machine in the recycle bin."""
    rows = VirtualMachine.everything.filter(vcenter=vc, moref=moref, deleted_at__isnull=False)
    vm: VirtualMachine = _guarded(user, rows.select_related("vcenter", "folder", "pool", "host").first(), privileges)
    return vm


def host_for(user: rights.User, vc: VCenter, moref: str, *privileges: str) -> Host:
    return _object_of(Host, user, vc, moref, privileges)


def cluster_for(user: rights.User, vc: VCenter, moref: str, *privileges: str) -> Cluster:
    """A cluster, or the compute resource of a standalone host."""
    return _object_of(Cluster, user, vc, moref, privileges)


def pool_for(user: rights.User, vc: VCenter, moref: str, *privileges: str) -> ResourcePool:
    return _object_of(ResourcePool, user, vc, moref, privileges)


def folder_for(user: rights.User, vc: VCenter, moref: str, *privileges: str) -> Folder:
    """A folder; `group-d1` is the root folder as a folder."""
    return _object_of(Folder, user, vc, moref, privileges)


def datacenter_for(user: rights.User, vc: VCenter, moref: str, *privileges: str) -> Datacenter:
    return _object_of(Datacenter, user, vc, moref, privileges)


def datastore_for(user: rights.User, vc: VCenter, moref: str, *privileges: str) -> Datastore:
    return _object_of(Datastore, user, vc, moref, privileges)


def network_for(user: rights.User, vc: VCenter, moref: str, *privileges: str) -> Network:
    return _object_of(Network, user, vc, moref, privileges)
