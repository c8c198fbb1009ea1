"""Builders of inventories for tests: rows as the services leave them, without tasks, events or a fleet.

`small_lab()` is the inventory most tests want; the functions above it add to any inventory. Every builder takes names
from a counter where none is given, so that two calls never collide.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import AbstractUser
from django.db.models import F

from domain.hardware import DEFAULT_MODEL, SERVER_MODELS
from domain.morefs import FOLDER_PREFIX, PREFIX, FolderKind, Kind, compose
from domain.resources import host_cpu_for_vms_mhz, host_memory_for_vms_mib
from domain.states import HostKind, VmPower
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
    VCenter,
    VirtualDisk,
    VirtualMachine,
    VirtualNic,
)
from tests.ledger import ledger_of, ledgers, next_slot, take_ids, take_moref, unique

GIB = 1024**3


# --- the tree --------------------------------------------------------------------------------------------------------
def make_vcenter(owner: AbstractUser | None = None, **fields: Any) -> VCenter:
    """A vCenter with its root folder `group-d1` and a paused clock."""
    fields = {"name": unique("vcenter"), "clock_speed": 0.0, **fields}
    vcenter = VCenter.objects.create(owner=owner, **fields)
    Folder.objects.create(
        vcenter=vcenter, moref=vcenter.moref, name="Datacenters", folder_kind=FolderKind.DATACENTER, fixed=True
    )
    return vcenter


def root_folder(vcenter: VCenter) -> Folder:
    return Folder.objects.get(vcenter=vcenter, moref=vcenter.moref)


def make_folder(parent: Folder, name: str = "") -> Folder:
    """A folder of the same kind inside `parent`."""
    kind = FolderKind(parent.folder_kind)
    return Folder.objects.create(
        vcenter=parent.vcenter,
        moref=take_moref(parent.vcenter, FOLDER_PREFIX[kind]),
        name=name or unique("folder"),
        folder_kind=kind,
        parent=parent,
        datacenter=parent.datacenter,
    )


def make_datacenter(vcenter: VCenter, name: str = "", folder: Folder | None = None) -> Datacenter:
    """A datacenter with its four fixed folders; they have no parent folder, their parent is the datacenter."""
    datacenter = Datacenter.objects.create(
        vcenter=vcenter,
        moref=take_moref(vcenter, PREFIX[Kind.DATACENTER]),
        name=name or unique("dc"),
        folder=folder or root_folder(vcenter),
    )
    for kind in (FolderKind.VM, FolderKind.HOST, FolderKind.DATASTORE, FolderKind.NETWORK):
        moref = take_moref(vcenter, FOLDER_PREFIX[kind])
        Folder.objects.create(
            vcenter=vcenter, moref=moref, name=str(kind), folder_kind=kind, datacenter=datacenter, fixed=True
        )
    return datacenter


def fixed_folder(datacenter: Datacenter, kind: FolderKind) -> Folder:
    """One of the datacenter's four folders."""
    ledger = ledgers.get(datacenter.vcenter_id)
    known = ledger.folders.get((datacenter.pk, kind)) if ledger else None
    folder = known or Folder.objects.get(datacenter=datacenter, folder_kind=kind, fixed=True)
    if ledger:
        ledger.folders[datacenter.pk, kind] = folder
    return folder


# --- compute ---------------------------------------------------------------------------------------------------------
def make_cluster(
    datacenter: Datacenter, name: str = "", *, folder: Folder | None = None, hosts: int = 0, **fields: Any
) -> Cluster:
    """A cluster with its root pool and `hosts` equal hosts."""
    vcenter = datacenter.vcenter
    kind = Kind.COMPUTE if fields.get("standalone") else Kind.CLUSTER
    cluster = Cluster.objects.create(
        vcenter=vcenter,
        moref=take_moref(vcenter, PREFIX[kind]),
        name=name or unique("cluster"),
        datacenter=datacenter,
        folder=folder or fixed_folder(datacenter, FolderKind.HOST),
        slot=next_slot(vcenter, Cluster),
        **fields,
    )
    _make_pool(cluster, None, "Resources", {"cpu_shares": 4000, "memory_shares": 163_840})
    for _ in range(hosts):
        make_host(cluster)
    return cluster


def root_pool(cluster: Cluster) -> ResourcePool:
    ledger = ledgers.get(cluster.vcenter_id)
    known = ledger.pools.get(cluster.pk) if ledger else None
    pool = known or ResourcePool.objects.get(cluster=cluster, parent__isnull=True)
    if ledger:
        ledger.pools[cluster.pk] = pool
    return pool


def make_pool(parent: ResourcePool | Cluster, name: str = "", **fields: Any) -> ResourcePool:
    """A child pool with normal shares and no reservation; a cluster stands for its root pool."""
    pool = root_pool(parent) if isinstance(parent, Cluster) else parent
    return _make_pool(pool.cluster, pool, name or unique("pool"), fields)


def make_vapp(parent: ResourcePool | Cluster, name: str = "", **fields: Any) -> ResourcePool:
    """A vApp with normal shares, whose place among VMs and templates is the datacenter."""
    pool = root_pool(parent) if isinstance(parent, Cluster) else parent
    folder = fixed_folder(pool.cluster.datacenter, FolderKind.VM)
    return _make_pool(pool.cluster, pool, name or unique("vapp"), {"is_vapp": True, "folder": folder, **fields})


def _make_pool(cluster: Cluster, parent: ResourcePool | None, name: str, fields: dict[str, Any]) -> ResourcePool:
    vcenter = cluster.vcenter
    values = {"cpu_shares": 4000, "memory_shares": 163_840, **fields}
    return ResourcePool.objects.create(
        vcenter=vcenter,
        moref=take_moref(vcenter, PREFIX[Kind.VAPP if fields.get("is_vapp") else Kind.POOL]),
        name=name,
        cluster=cluster,
        parent=parent,
        slot=next_slot(vcenter, ResourcePool),
        **values,
    )


def hardware_fields(model: str) -> dict[str, Any]:
    """The columns of a host that follow from its server model."""
    server = SERVER_MODELS[model]
    return {
        "model": model,
        "vendor": server.vendor,
        "cpu_model": server.cpu_model,
        "cpu_generation": server.generation,
        "sockets": server.sockets,
        "cores": server.cores,
        "threads": server.threads,
        "core_mhz": server.core_mhz,
        "memory_mib": server.memory_mib,
        "nic_mbps": list(server.nic_mbps),
    }


def make_host(cluster: Cluster, name: str = "", *, model: str = DEFAULT_MODEL, **fields: Any) -> Host:
    """A connected, powered-on host; the root pool guarantees what its hosts can give."""
    vcenter = cluster.vcenter
    host = Host.objects.create(
        vcenter=vcenter,
        moref=take_moref(vcenter, PREFIX[Kind.HOST]),
        name=name or unique("esx"),
        cluster=cluster,
        slot=next_slot(vcenter, Host),
        **{**hardware_fields(model), **fields},
    )
    hosted = host.host_kind == HostKind.HOSTED
    ResourcePool.objects.filter(cluster=cluster, parent__isnull=True).update(
        cpu_reservation_mhz=F("cpu_reservation_mhz") + int(host_cpu_for_vms_mhz(host.cores, host.core_mhz, hosted)),
        memory_reservation_mib=F("memory_reservation_mib") + int(host_memory_for_vms_mib(host.memory_mib, hosted)),
    )
    if ledger := ledgers.get(vcenter.pk):
        ledger.pools.pop(cluster.pk, None)  # it guarantees more now
    return host


def make_standalone_host(datacenter: Datacenter, name: str = "", **fields: Any) -> Host:
    """A host with a compute resource of its own, as the tree shows it outside any cluster."""
    name = name or unique("esx")
    return make_host(make_cluster(datacenter, name, standalone=True), name, **fields)


# --- storage and networks --------------------------------------------------------------------------------------------
def make_datastore(datacenter: Datacenter, name: str = "", *, hosts: list[Host] | None = None, **f: Any) -> Datastore:
    """A datastore that `hosts` mount."""
    vcenter = datacenter.vcenter
    folder = f.pop("folder", None) or fixed_folder(datacenter, FolderKind.DATASTORE)
    datastore = Datastore.objects.create(
        vcenter=vcenter,
        moref=take_moref(vcenter, PREFIX[Kind.DATASTORE]),
        name=name or unique("datastore"),
        datacenter=datacenter,
        folder=folder,
        slot=next_slot(vcenter, Datastore),
        **f,
    )
    DatastoreMount.objects.bulk_create(DatastoreMount(host=host, datastore=datastore) for host in hosts or ())
    return datastore


def make_network(datacenter: Datacenter, name: str = "", *, hosts: list[Host] | None = None, **f: Any) -> Network:
    """A port group that `hosts` have."""
    vcenter = datacenter.vcenter
    folder = f.pop("folder", None) or fixed_folder(datacenter, FolderKind.NETWORK)
    network = Network.objects.create(
        vcenter=vcenter,
        moref=take_moref(vcenter, PREFIX[Kind.NETWORK]),
        name=name or unique("network"),
        datacenter=datacenter,
        folder=folder,
        **f,
    )
    HostNetwork.objects.bulk_create(HostNetwork(host=host, network=network) for host in hosts or ())
    return network


def offer(datastore: Datastore, network: Network, hosts: Iterable[Host]) -> None:
    """Some more hosts mount a datastore and have a network."""
    for host in hosts:
        DatastoreMount.objects.create(host=host, datastore=datastore)
        HostNetwork.objects.create(host=host, network=network)


# --- virtual machines ------------------------------------------------------------------------------------------------
def make_vm(
    host: Host,
    name: str = "",
    *,
    pool: ResourcePool | None = None,
    folder: Folder | None = None,
    datastore: Datastore | None = None,
    network: Network | None = None,
    disk_bytes: int = 16 * GIB,
    **fields: Any,
) -> VirtualMachine:
    """A powered-off VM with a disk where `datastore` is given and an adapter where `network` is given."""
    vm = make_vms([host], 1, name=name, pool=pool, folder=folder, **fields)[0]
    if datastore is not None:
        VirtualDisk.objects.create(vm=vm, datastore=datastore, capacity_bytes=disk_bytes)
        Datastore.objects.filter(pk=datastore.pk).update(provisioned_bytes=F("provisioned_bytes") + disk_bytes)
    if network is not None:
        VirtualNic.objects.create(vm=vm, network=network, mac=f"00:50:56:00:{vm.pk >> 8 & 255:02x}:{vm.pk & 255:02x}")
    return vm


def make_vms(
    hosts: list[Host],
    number: int,
    *,
    name: str = "",
    pool: ResourcePool | None = None,
    folder: Folder | None = None,
    **fields: Any,
) -> list[VirtualMachine]:
    """`number` VMs dealt to `hosts` in turn, in few queries; a template has no pool."""
    vcenter, datacenter = hosts[0].vcenter, hosts[0].cluster.datacenter
    folder = folder or fixed_folder(datacenter, FolderKind.VM)
    pools = {host.cluster_id: pool or root_pool(host.cluster) for host in hosts}
    first, slot = take_ids(vcenter, number), next_slot(vcenter, VirtualMachine, number)
    return VirtualMachine.everything.bulk_create(
        VirtualMachine(
            vcenter=vcenter,
            moref=compose(PREFIX[Kind.VM], first + i),
            name=name if name and number == 1 else unique(name or "vm"),
            folder=folder,
            host=hosts[i % len(hosts)],
            pool=None if fields.get("template") else pools[hosts[i % len(hosts)].cluster_id],
            slot=slot + i,
            **fields,
        )
        for i in range(number)
    )


# --- a whole inventory -----------------------------------------------------------------------------------------------
@dataclass
class SmallLab:
    """What `small_lab` built; `vms[0]` runs, the others are off."""

    vcenter: VCenter
    datacenter: Datacenter
    cluster: Cluster
    hosts: list[Host]
    standalone: Host
    pool: ResourcePool
    vm_folder: Folder
    datastore: Datastore
    local_datastore: Datastore
    network: Network
    vms: list[VirtualMachine] = field(default_factory=list)
    template: VirtualMachine | None = None

    @property
    def vm(self) -> VirtualMachine:
        return self.vms[0]

    @property
    def host(self) -> Host:
        return self.hosts[0]


def small_lab(owner: AbstractUser | None = None, *, hosts: int = 2, vms: int = 3) -> SmallLab:
    """One datacenter: a cluster of `hosts` with a pool, a standalone host, a shared and a local datastore, a network,

    a VM folder, `vms` VMs (the first in the folder and the pool, running) and a template.
    """
    vcenter = make_vcenter(owner)
    with ledger_of(vcenter):
        return _small_lab(vcenter, hosts, vms)


def _small_lab(vcenter: VCenter, hosts: int, vms: int) -> SmallLab:
    datacenter = make_datacenter(vcenter, "Main")
    cluster = make_cluster(datacenter, "Cluster", hosts=hosts)
    members = list(Host.objects.filter(cluster=cluster).order_by("id"))
    lab = SmallLab(
        vcenter=vcenter,
        datacenter=datacenter,
        cluster=cluster,
        hosts=members,
        standalone=make_standalone_host(datacenter),
        pool=make_pool(cluster, "Production"),
        vm_folder=make_folder(fixed_folder(datacenter, FolderKind.VM), "Web"),
        datastore=make_datastore(datacenter, "shared", hosts=members),
        local_datastore=make_datastore(datacenter, "local", hosts=members[:1], local=True),
        network=make_network(datacenter, "VM Network", hosts=members),
    )
    _populate(lab, vms)
    return lab


def _populate(lab: SmallLab, vms: int) -> None:
    devices = {"datastore": lab.datastore, "network": lab.network}
    lab.vms.append(make_vm(lab.host, pool=lab.pool, folder=lab.vm_folder, power_state=VmPower.ON, **devices))
    lab.vms += [make_vm(lab.hosts[i % len(lab.hosts)], **devices) for i in range(1, vms)]
    lab.template = make_vm(lab.host, unique("template"), template=True, datastore=lab.datastore)
