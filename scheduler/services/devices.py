"""The devices of a VM on its way: which disks change place and format, which adapters change their network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from domain import faults
from domain.states import DiskProvisioning
from inventory.models import Datastore, Host, HostNetwork, Network, ResourcePool, VirtualDisk, VirtualMachine
from inventory.services.base import check
from inventory.services.vm_checks import space

FORMATS = {f.value for f in DiskProvisioning}


@dataclass(frozen=True, slots=True)
class Target:
    """Where a VM is to go; what is None stays.

    `datastore` takes all disks, `disks` single ones by key. `format` (a DiskProvisioning, "" = as it is) is what every
    disk that moves becomes, `formats` says it for single ones. `networks` gives adapters, by key, another network.
    """

    host: Host | None = None
    pool: ResourcePool | None = None
    datastore: Datastore | None = None
    disks: Mapping[int, Datastore] | None = None
    format: str = ""
    formats: Mapping[int, str] | None = None
    networks: Mapping[int, Network] | None = None


@dataclass(slots=True)
class Devices:
    """What changes about the devices of one VM, by their keys: only what differs from the present."""

    disks: dict[int, Datastore] = field(default_factory=dict)
    formats: dict[int, str] = field(default_factory=dict)
    networks: dict[int, Network] = field(default_factory=dict)

    @property
    def store_names(self) -> str:
        return ", ".join(sorted({d.name for d in self.disks.values()}))

    def args(self) -> dict[str, Any]:
        """As arguments of the task: references instead of rows."""
        found: dict[str, Any] = {"disks": {str(k): d.moref for k, d in self.disks.items()}}
        if self.formats:
            found["formats"] = {str(k): f for k, f in self.formats.items()}
        if self.networks:
            found["networks"] = {str(k): n.moref for k, n in self.networks.items()}
        return found


def changes(vm: VirtualMachine, target: Target) -> Devices:
    """What `target` means for the devices of `vm`. Raises InvalidArgument for a device that it does not have."""
    disks = list(vm.disks.select_related("datastore"))
    _known("disk", {d.key for d in disks}, {**(target.disks or {}), **(target.formats or {})})
    found = Devices()
    for disk in disks:
        store = (target.disks or {}).get(disk.key) or target.datastore
        if store is not None and store.pk != disk.datastore_id:
            found.disks[disk.key] = store
        _format(found, disk, target, vm)
    nics = list(vm.nics.all())
    _known("network adapter", {n.key for n in nics}, target.networks or {})
    wanted = {n.key: (target.networks or {}).get(n.key) for n in nics}
    here = {n.key: n.network_id for n in nics}
    found.networks = {k: net for k, net in wanted.items() if net is not None and net.pk != here[k]}
    return found


def _known(what: str, keys: set[int], wanted: Mapping[int, Any]) -> None:
    for key in wanted:
        if key not in keys:
            raise faults.InvalidArgument(property=what, reason=f"there is none with the key {key}")


def _format(found: Devices, disk: VirtualDisk, target: Target, vm: VirtualMachine) -> None:
    """A disk is written anew only on its way to another datastore; the chain of a snapshot keeps its format."""
    own = (target.formats or {}).get(disk.key, "")
    wanted = own or (target.format if disk.key in found.disks else "")
    if not wanted or wanted == disk.provisioning:
        return
    if wanted not in FORMATS:
        raise faults.InvalidArgument(property="format", reason=", ".join(sorted(FORMATS)))
    if disk.key not in found.disks:
        raise faults.InvalidArgument(property="format", reason=f"{disk.label} stays on its datastore")
    if vm.snapshots.exists():
        raise faults.InvalidArgument(property="format", reason="the virtual machine has snapshots")
    found.formats[disk.key] = wanted


def refuse_disks(user: Any, vm: VirtualMachine, host: Host, devices: Devices) -> None:
    """`host` reaches every datastore that the VM will be on, and those that disks go to have room for all of them."""
    mounted = set(host.mounts.filter(accessible=True).values_list("datastore_id", flat=True))
    coming: dict[int, int] = {}
    for disk in vm.disks.select_related("datastore"):
        store = devices.disks.get(disk.key, disk.datastore)
        if store.pk not in mounted:
            raise faults.CannotAccessVmDisk(host=host.name, datastore=store.name, name=vm.name)
        if disk.key in devices.disks:
            check(user, "Datastore.AllocateSpace", store)
            thin = devices.formats.get(disk.key, disk.provisioning) == DiskProvisioning.THIN
            coming[store.pk] = coming.get(store.pk, 0) + (disk.used_bytes if thin else disk.capacity_bytes)
            space(store, coming[store.pk])


def refuse_networks(user: Any, vm: VirtualMachine, host: Host, devices: Devices) -> None:
    """`host` has the network of every adapter as it will be, and the person may use those that are new."""
    present = set(HostNetwork.objects.filter(host=host).values_list("network_id", flat=True))
    for nic in vm.nics.select_related("network"):
        network = devices.networks.get(nic.key, nic.network)
        if network is not None and network.pk not in present:
            raise faults.CannotAccessNetwork(host=host.name, network=network.name, name=vm.name)
        if network is not None and nic.key in devices.networks:
            check(user, "Network.Assign", network)


def by_source(vm: VirtualMachine, instead: Mapping[int, Network]) -> dict[int, Network]:
    """The network of each adapter of `vm`, from a map of present networks (row number) to new ones."""
    found = {nic.key: instead.get(nic.network_id or 0) for nic in vm.nics.all()}
    return {key: network for key, network in found.items() if network is not None}
