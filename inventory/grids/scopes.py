"""Which rows belong to an object: the VMs of a pool, the hosts of a datastore, the datastores of a VM.

Every function narrows a queryset of rows that the person may see; none widens it. Subtrees are found in one query.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.db.models import Exists, Model, OuterRef, Q, QuerySet

from domain.morefs import ROOT_FOLDER, FolderKind
from inventory.models import (
    Cluster,
    Datacenter,
    Datastore,
    DatastoreMount,
    Folder,
    Host,
    HostNetwork,
    Network,
    ResourcePool,
    VirtualDisk,
    VirtualMachine,
    VirtualNic,
)


def subtree(top: Folder | ResourcePool) -> list[int]:
    """Primary keys of a folder or pool and all below it."""
    below: dict[int | None, list[int]] = defaultdict(list)
    siblings = type(top)._default_manager.filter(vcenter=top.vcenter_id)
    for pk, parent in siblings.values_list("pk", "parent_id"):
        below[parent].append(pk)
    found, waiting = [], [top.pk]
    while waiting:
        found.append(waiting.pop())
        waiting += below[found[-1]]
    return found


def is_root(obj: Any) -> bool:
    return getattr(obj, "moref", "") == ROOT_FOLDER


def _datacenters_below(folder: Folder) -> Q:
    return Q(folder__in=subtree(folder))


def vms_of(obj: Any) -> Q:
    """Which VMs (as a condition on VirtualMachine) belong to any managed object."""
    if is_root(obj):
        return Q()
    match obj:
        case Datacenter():
            return Q(folder__datacenter=obj)
        case Cluster():
            return Q(host__cluster=obj)
        case Host():
            return Q(host=obj)
        case ResourcePool():
            return Q(pool__in=subtree(obj))
        case Datastore():
            return Exists(VirtualDisk.objects.filter(vm=OuterRef("pk"), datastore=obj))  # type: ignore[return-value]
        case Network():
            return Exists(VirtualNic.objects.filter(vm=OuterRef("pk"), network=obj))  # type: ignore[return-value]
        case Folder():
            return _vms_of_folder(obj)
    return Q(pk__in=())


def _vms_of_folder(folder: Folder) -> Q:
    below = subtree(folder)
    match FolderKind(folder.folder_kind):
        case FolderKind.VM:
            return Q(folder__in=below)
        case FolderKind.HOST:
            return Q(host__cluster__folder__in=below)
        case FolderKind.DATACENTER:
            return Q(folder__datacenter__folder__in=below)
        case FolderKind.DATASTORE:
            on_it = VirtualDisk.objects.filter(vm=OuterRef("pk"), datastore__folder__in=below)
            return Exists(on_it)  # type: ignore[return-value]
    on_net = VirtualNic.objects.filter(vm=OuterRef("pk"), network__folder__in=below)
    return Exists(on_net)  # type: ignore[return-value]


def hosts_of(obj: Any) -> Q:
    if is_root(obj):
        return Q()
    match obj:
        case Datacenter():
            return Q(cluster__datacenter=obj)
        case Cluster():
            return Q(cluster=obj)
        case VirtualMachine():
            return Q(pk=obj.host_id)
        case Datastore():
            return Exists(DatastoreMount.objects.filter(host=OuterRef("pk"), datastore=obj))  # type: ignore[return-value]
        case Network():
            return Exists(HostNetwork.objects.filter(host=OuterRef("pk"), network=obj))  # type: ignore[return-value]
        case Folder() if obj.folder_kind == FolderKind.HOST:
            return Q(cluster__folder__in=subtree(obj))
        case Folder() if obj.folder_kind == FolderKind.DATACENTER:
            return Q(cluster__datacenter__folder__in=subtree(obj))
    return Q(pk__in=())


def clusters_of(obj: Any) -> Q:
    real = Q(standalone=False)
    if is_root(obj):
        return real
    match obj:
        case Datacenter():
            return real & Q(datacenter=obj)
        case Folder() if obj.folder_kind == FolderKind.HOST:
            return real & Q(folder__in=subtree(obj))
        case Folder() if obj.folder_kind == FolderKind.DATACENTER:
            return real & Q(datacenter__folder__in=subtree(obj))
    return Q(pk__in=())


def pools_of(obj: Any) -> Q:
    """Pools below a cluster, a standalone host or a pool; root pools are no rows."""
    named = Q(parent__isnull=False)
    if is_root(obj):
        return named
    match obj:
        case Cluster():
            return named & Q(cluster=obj)
        case Host():
            return named & Q(cluster=obj.cluster_id, cluster__standalone=True)
        case Datacenter():
            return named & Q(cluster__datacenter=obj)
        case ResourcePool():
            return named & Q(pk__in=subtree(obj)) & ~Q(pk=obj.pk)
    return Q(pk__in=())


def datacenters_of(obj: Any) -> Q:
    if is_root(obj):
        return Q()
    return _datacenters_below(obj) if isinstance(obj, Folder) else Q(pk__in=())


def datastores_of(obj: Any) -> Q:
    if is_root(obj):
        return Q()
    mounted = DatastoreMount.objects.filter(datastore=OuterRef("pk"))
    match obj:
        case Datacenter():
            return Q(datacenter=obj)
        case Cluster():
            return Exists(mounted.filter(host__cluster=obj))  # type: ignore[return-value]
        case Host():
            return Exists(mounted.filter(host=obj))  # type: ignore[return-value]
        case VirtualMachine():
            return Exists(VirtualDisk.objects.filter(datastore=OuterRef("pk"), vm=obj))  # type: ignore[return-value]
        case Folder() if obj.folder_kind == FolderKind.DATASTORE:
            return Q(folder__in=subtree(obj))
        case Folder() if obj.folder_kind == FolderKind.DATACENTER:
            return Q(datacenter__folder__in=subtree(obj))
    return Q(pk__in=())


def networks_of(obj: Any) -> Q:
    if is_root(obj):
        return Q()
    present = HostNetwork.objects.filter(network=OuterRef("pk"))
    match obj:
        case Datacenter():
            return Q(datacenter=obj)
        case Cluster():
            return Exists(present.filter(host__cluster=obj))  # type: ignore[return-value]
        case Host():
            return Exists(present.filter(host=obj))  # type: ignore[return-value]
        case VirtualMachine():
            return Exists(VirtualNic.objects.filter(network=OuterRef("pk"), vm=obj))  # type: ignore[return-value]
        case Folder() if obj.folder_kind == FolderKind.NETWORK:
            return Q(folder__in=subtree(obj))
        case Folder() if obj.folder_kind == FolderKind.DATACENTER:
            return Q(datacenter__folder__in=subtree(obj))
    return Q(pk__in=())


def folders_of(obj: Any) -> Q:
    """Folders directly inside a folder; a datacenter's are those inside its four fixed ones."""
    if isinstance(obj, Datacenter):
        return Q(parent__datacenter=obj, parent__fixed=True)
    return Q(parent=obj) if isinstance(obj, Folder) else Q(pk__in=())


def narrow(rows: QuerySet[Any], condition: Q) -> QuerySet[Any]:
    return rows.filter(condition)


def primary_keys(rows: Iterable[Model]) -> list[int]:
    return [row.pk for row in rows]
