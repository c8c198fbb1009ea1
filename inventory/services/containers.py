"""Parts shared by the services of folders, clusters, pools and hosts."""

from __future__ import annotations

from typing import Any

from domain import faults
from domain.morefs import FolderKind, Kind
from domain.specs import to_plain
from hypervisors.port import Config
from inventory import ids, slots, specs
from inventory.journal import Change
from inventory.models import Cluster, Datacenter, Folder, ResourcePool

FIXED_FOLDERS = (FolderKind.VM, FolderKind.HOST, FolderKind.DATASTORE, FolderKind.NETWORK)


def datacenter_of(folder: Folder) -> Datacenter:
    """The datacenter that a folder lies in. Raises InvalidFolder for a folder above all datacenters."""
    if folder.datacenter is None:
        raise faults.InvalidFolder(target=folder.name)
    return folder.datacenter


def new_compute(change: Change, folder: Folder, name: str, *, standalone: bool, **fields: Any) -> Cluster:
    """A cluster, or the compute resource of a standalone host, with its root pool; the fleet learns of the pool."""
    cluster = Cluster.objects.create(
        vcenter=change.vcenter,
        moref=ids.new_moref(change.vcenter, Kind.COMPUTE if standalone else Kind.CLUSTER),
        name=name,
        folder=folder,
        datacenter=datacenter_of(folder),
        standalone=standalone,
        slot=slots.take(change.vcenter, Cluster),
        **fields,
    )
    root = ResourcePool.objects.create(
        vcenter=change.vcenter,
        moref=ids.new_moref(change.vcenter, Kind.POOL),
        name="Resources",
        cluster=cluster,
        slot=slots.take(change.vcenter, ResourcePool),
        cpu_shares=4000,
        memory_shares=163_840,
    )
    change.configure(Config.POOL, root.uuid, spec=to_plain(specs.pool_spec(root)))
    return cluster
