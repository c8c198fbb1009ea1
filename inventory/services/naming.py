"""Renaming anything that has a name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from domain import faults
from inventory.models import Cluster, Datacenter, Datastore, Folder, Network, ResourcePool, Task, VirtualMachine
from inventory.services import clusters, datastores, folders, networks, pools, vms

RENAME: dict[type, Callable[[Any, Any, str], Task]] = {
    VirtualMachine: vms.rename,
    Folder: folders.rename,
    Datacenter: folders.rename,
    Cluster: clusters.rename,
    ResourcePool: pools.rename,
    Datastore: datastores.rename,
    Network: networks.rename,
}


def rename(user: Any, obj: Any, name: str) -> Task:
    """Rename `obj` by the rules of its kind. Raises InvalidName, DuplicateName, NotSupported."""
    service = RENAME.get(type(obj))
    if service is None:
        raise faults.NotSupported(reason="this object cannot be renamed")
    return service(user, obj, name)
