"""Where a virtual machine may be: the rights on pools, datastores and networks that it comes to use, and the host."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from domain import faults
from inventory import admission, placement
from inventory.hardware import Hardware
from inventory.models import Datastore, Host, Network, ResourcePool, VirtualMachine
from inventory.reach import Reach
from inventory.services.base import check

BROWSE = "Datastore.Browse"  # to choose a file of it


# --- rights ----------------------------------------------------------------------------------------------------------
def may_change(user: Any, vm: VirtualMachine, changes: Mapping[str, Any]) -> None:
    """The rights on datastores that are to hold more, and on networks that an adapter is plugged into anew."""
    adds = (changes.get("disks") or {}).get("add") or ()
    grown = {int(key) for key in (changes.get("disks") or {}).get("grow") or ()}
    have = list(vm.disks.select_related("datastore")) if vm.pk else []
    stores = {one.datastore for one in have if one.key in grown}
    if have and any(not disk.get("datastore") for disk in adds):
        stores.add(have[0].datastore)
    stores |= {_row(Datastore, vm, disk["datastore"]) for disk in adds if disk.get("datastore")}
    may_use(user, stores, _plugged_anew(vm, changes.get("nics") or {}))
    image = _row(Datastore, vm, changes["cd_datastore"]) if changes.get("cd_datastore") else None
    if image is not None and image.pk != vm.cd_datastore_id:
        check(user, BROWSE, image)


def may_use(user: Any, stores: Iterable[Datastore], networks: Iterable[Network]) -> None:
    """Raise NoPermission where `user` may not allocate space on a datastore or assign a network."""
    for store in sorted(stores, key=lambda one: one.moref):
        check(user, "Datastore.AllocateSpace", store)
    for network in sorted(networks, key=lambda one: one.moref):
        check(user, "Network.Assign", network)


def _plugged_anew(vm: VirtualMachine, nics: Mapping[str, Any]) -> set[Network]:
    """Networks of new adapters, and those that one which is there comes to; where it stays needs no right."""
    now = dict(vm.nics.values_list("key", "network_id")) if vm.pk else {}
    wanted = {_row(Network, vm, nic["network"]) for nic in nics.get("add") or () if nic.get("network")}
    for key, nic in (nics.get("edit") or {}).items():
        network = _row(Network, vm, nic["network"]) if nic.get("network") else None
        if network is not None and network.pk != now.get(int(key)):
            wanted.add(network)
    return wanted


def _row(model: Any, vm: VirtualMachine, which: Any) -> Any:
    """A row by its reference, or as it is. Raises ManagedObjectNotFound."""
    if isinstance(which, model):
        return which
    found = model.objects.filter(vcenter=vm.vcenter_id, moref=str(which)).first()
    if found is None:
        raise faults.ManagedObjectNotFound(moref=str(which))
    return found


# --- the host --------------------------------------------------------------------------------------------------------
def home(hardware: Hardware, pool: ResourcePool, host: Host | None) -> Host:
    """The host that a VM is registered on: the one asked for, else the usable one with the most room.

    Raises the typed fault of a host that is asked for, or NoCompatibleHost and its like where none is fit.
    """
    if host is not None and host.cluster_id != pool.cluster_id:
        raise faults.InvalidArgument(property="host", reason="it is not in the cluster of the resource pool")
    candidates = [host] if host is not None else list(Host.objects.filter(cluster=pool.cluster_id).order_by("name"))
    against = {one.pk: list(Reach.of(one).faults_of(hardware)) for one in candidates if one.usable}
    fit = [one for one in candidates if one.usable and not against[one.pk]]
    if not fit:
        raise _nowhere(hardware.vm, candidates, [fault for found in against.values() for fault in found])
    free = admission.room(fit)
    return max(fit, key=lambda h: free[h.pk].memory_mib)


def _nowhere(vm: VirtualMachine, hosts: list[Host], against: list[faults.MethodFault]) -> faults.MethodFault:
    """What the first usable host lacks, or that none is usable."""
    if against:
        return against[0]
    if len(hosts) == 1:
        return faults.InvalidHostState(host=hosts[0].name, state=placement.state_words(hosts[0]))
    return faults.NoCompatibleHost(name=vm.name, reason="no host of the cluster is ready")
