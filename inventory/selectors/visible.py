"""Lists as a person may see them. Whoever reads the whole tree (nearly everybody) pays nothing for the filter."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db.models import Model, Q, QuerySet

from domain.grants import strongest, union
from domain.privileges import READ
from inventory import rights
from inventory.containers import CONTAINERS
from inventory.models import (
    Cluster,
    Datacenter,
    Datastore,
    Folder,
    Host,
    Network,
    ResourcePool,
    VCenter,
    VirtualMachine,
)

M = TypeVar("M", bound=Model)
LISTED: tuple[type[Model], ...] = (*CONTAINERS, Datastore, Network, VirtualMachine)


def reads_everything(user: rights.User, vc: VCenter) -> bool:
    """True for whoever may read every object of the vCenter: no list needs a filter then."""
    uniform = rights.of(user, vc).uniform
    return uniform is not None and READ in uniform


def visible_q(user: rights.User, vc: VCenter, model: type[Model]) -> Q:
    """The condition under which a row of `model` in `vc` may be read by `user`."""
    known = rights.of(user, vc)
    if known.uniform is not None:
        return Q() if READ in known.uniform else Q(pk__in=())
    if model in CONTAINERS:
        return Q(pk__in=known.readable(model))
    return _leaf_q(known, model)


def _leaf_q(known: rights.Rights, model: type[Model]) -> Q:
    """A leaf is seen through what it lies in, unless a permission on the leaf itself says otherwise."""
    allowed: set[str] = set()
    refused: set[str] = set()
    for entity, grants in known.grants.items():
        readable = READ in union(strongest(grants, below=False))
        (allowed if readable else refused).add(entity)
    return (_inside_q(known, model) & ~Q(moref__in=refused)) | Q(moref__in=allowed)


def _inside_q(known: rights.Rights, model: type[Model]) -> Q:
    inside = Q(folder_id__in=known.readable(Folder, below=True))
    if model is not VirtualMachine:
        return inside
    compute = {pk for pk in known.containers.morefs[Cluster] if READ in known.below(known.containers.host_of_pools(pk))}
    templates = Q(pool__isnull=True, host__cluster_id__in=compute)
    return inside | Q(pool_id__in=known.readable(ResourcePool, below=True)) | templates


def _list(user: rights.User, vc: VCenter, model: type[M], rows: QuerySet[M] | None = None) -> QuerySet[M]:
    chosen: Any = model._default_manager.all() if rows is None else rows
    return chosen.filter(visible_q(user, vc, model), vcenter=vc)


def objects_visible(user: rights.User, vc: VCenter, model: type[M]) -> QuerySet[M]:
    """The rows of any managed object's model that `user` may read."""
    return _list(user, vc, model)


def vms_visible(user: rights.User, vc: VCenter) -> QuerySet[VirtualMachine]:
    """Virtual machines and templates in the inventory."""
    return _list(user, vc, VirtualMachine)


def deleted_vms_visible(user: rights.User, vc: VCenter) -> QuerySet[VirtualMachine]:
    """Virtual machines in the recycle bin."""
    return _list(user, vc, VirtualMachine, VirtualMachine.everything.filter(deleted_at__isnull=False))


def hosts_visible(user: rights.User, vc: VCenter) -> QuerySet[Host]:
    return _list(user, vc, Host)


def clusters_visible(user: rights.User, vc: VCenter) -> QuerySet[Cluster]:
    """Clusters; the compute resources of standalone hosts are among them (`standalone`)."""
    return _list(user, vc, Cluster)


def pools_visible(user: rights.User, vc: VCenter) -> QuerySet[ResourcePool]:
    """Resource pools; the root pools are among them (`parent` null)."""
    return _list(user, vc, ResourcePool)


def folders_visible(user: rights.User, vc: VCenter) -> QuerySet[Folder]:
    """Folders; the fixed ones and the root are among them (`fixed`)."""
    return _list(user, vc, Folder)


def datacenters_visible(user: rights.User, vc: VCenter) -> QuerySet[Datacenter]:
    return _list(user, vc, Datacenter)


def datastores_visible(user: rights.User, vc: VCenter) -> QuerySet[Datastore]:
    return _list(user, vc, Datastore)


def networks_visible(user: rights.User, vc: VCenter) -> QuerySet[Network]:
    return _list(user, vc, Network)


def entities_visible(user: rights.User, vc: VCenter, field: str = "entity") -> Q:
    """For tasks, events, alarms: the condition that the object named by reference in `field` may be read.

    An object that is gone is seen by whoever reads the whole tree alone.
    """
    if reads_everything(user, vc):
        return Q()
    seen = Q()
    for model in LISTED:
        seen |= Q(**{f"{field}__in": objects_visible(user, vc, model).order_by().values("moref")})
    return seen
