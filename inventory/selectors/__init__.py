"""Reading the inventory on behalf of a person: the only way from an address to an object, and from a person to a list.

Whoever may not read an object gets the same 404 as for one that does not exist. What may be read but not done raises
`NoPermission`.
"""

from inventory.selectors import tree
from inventory.selectors.getters import (
    cluster_for,
    datacenter_for,
    datastore_for,
    deleted_vm_for,
    find,
    folder_for,
    host_for,
    network_for,
    object_for,
    pool_for,
    readable,
    vcenter_for,
    vcenters_at_home,
    vcenters_for,
    vm_for,
)
from inventory.selectors.permissions import AppliedPermission, permissions_on
from inventory.selectors.visible import (
    clusters_visible,
    datacenters_visible,
    datastores_visible,
    deleted_vms_visible,
    entities_visible,
    folders_visible,
    hosts_visible,
    networks_visible,
    objects_visible,
    pools_visible,
    reads_everything,
    vms_visible,
)

__all__ = [
    "AppliedPermission",
    "cluster_for",
    "clusters_visible",
    "datacenter_for",
    "datacenters_visible",
    "datastore_for",
    "datastores_visible",
    "deleted_vm_for",
    "deleted_vms_visible",
    "entities_visible",
    "find",
    "folder_for",
    "folders_visible",
    "host_for",
    "hosts_visible",
    "network_for",
    "networks_visible",
    "object_for",
    "objects_visible",
    "permissions_on",
    "pool_for",
    "pools_visible",
    "readable",
    "reads_everything",
    "tree",
    "vcenter_for",
    "vcenters_at_home",
    "vcenters_for",
    "vm_for",
    "vms_visible",
]
