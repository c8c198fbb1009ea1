"""The inventory's rows as the descriptions that a hypervisor takes (`domain.specs`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from domain.resources import Allocation
from domain.specs import (
    DatastoreSpec,
    DiskSpec,
    FaultRates,
    HostSpec,
    Inventory,
    NetworkSpec,
    NicSpec,
    PlacedHost,
    PlacedSnapshot,
    PlacedVm,
    PoolSpec,
    VmSpec,
    WorkloadSpec,
)
from domain.states import (
    DatastoreKind,
    DiskProvisioning,
    HostConnection,
    HostKind,
    HostPower,
    IpFamily,
    SharesLevel,
    StandbyMode,
    VmPower,
)
from inventory.models import (
    Datastore,
    DatastoreMount,
    Host,
    HostNetwork,
    Network,
    ResourcePool,
    Snapshot,
    VCenter,
    VirtualDisk,
    VirtualMachine,
    VirtualNic,
)


def cpu_allocation(row: Any) -> Allocation:
    return Allocation(
        row.cpu_reservation_mhz,
        row.cpu_limit_mhz,
        row.cpu_shares,
        SharesLevel(row.cpu_shares_level),
        getattr(row, "cpu_expandable", True),
    )


def memory_allocation(row: Any) -> Allocation:
    return Allocation(
        row.memory_reservation_mib,
        row.memory_limit_mib,
        row.memory_shares,
        SharesLevel(row.memory_shares_level),
        getattr(row, "memory_expandable", True),
    )


def disk_spec(disk: VirtualDisk, datastore_uuid: Any = None) -> DiskSpec:
    return DiskSpec(
        key=disk.key,
        label=disk.label,
        capacity_bytes=disk.capacity_bytes,
        datastore=str(datastore_uuid or disk.datastore.uuid),
        provisioning=DiskProvisioning(disk.provisioning),
        used_bytes=disk.used_bytes,
        independent=disk.independent,
    )


def nic_spec(nic: VirtualNic, network_uuid: Any = None) -> NicSpec:
    uuid = network_uuid or (nic.network.uuid if nic.network else "")
    return NicSpec(
        key=nic.key, label=nic.label, network=str(uuid), mac=nic.mac, connected=nic.connected,
        start_connected=nic.start_connected,
    )  # fmt: skip


def vm_spec(
    vm: VirtualMachine, disks: Iterable[DiskSpec] | None = None, nics: Iterable[NicSpec] | None = None
) -> VmSpec:
    """Description of a VM; devices are read from the database where they are not given."""
    if disks is None:
        disks = [disk_spec(d) for d in vm.disks.select_related("datastore")]
    if nics is None:
        nics = [nic_spec(n) for n in vm.nics.select_related("network")]
    return VmSpec(
        uuid=str(vm.uuid),
        name=vm.name,
        slot=vm.slot,
        pool=str(vm.pool.uuid) if vm.pool else "",
        vcpus=vm.vcpus,
        cores_per_socket=vm.cores_per_socket,
        memory_mib=vm.memory_mib,
        cpu=cpu_allocation(vm),
        memory=memory_allocation(vm),
        disks=tuple(disks),
        nics=tuple(nics),
        cd_datastore=str(vm.cd_datastore.uuid) if vm.cd_datastore_id and vm.cd_datastore else "",
        cd_connected=vm.cd_connected,
        guest_id=vm.guest_id,
        hardware_version=vm.hardware_version,
        cpu_hot_add=vm.cpu_hot_add,
        cpu_hot_remove=vm.cpu_hot_remove,
        memory_hot_add=vm.memory_hot_add,
        tools_installed=vm.tools_installed,
        boot_delay_ms=vm.boot_delay_ms,
        template=vm.template,
        workload=WorkloadSpec(vm.archetype, vm.trace, vm.trace_scale, vm.trace_offset_s),
    )


def host_spec(host: Host, datastores: Iterable[Any] | None = None, networks: Iterable[Any] | None = None) -> HostSpec:
    """Description of a host; `datastores` and `networks` are uuids, read from the database where not given."""
    from domain.hardware import DEFAULT_MODEL, SERVER_MODELS

    if datastores is None:
        datastores = host.datastores.values_list("uuid", flat=True)
    if networks is None:
        networks = host.networks.values_list("uuid", flat=True)
    model = SERVER_MODELS.get(host.model, SERVER_MODELS[DEFAULT_MODEL])
    root = host.cluster.pools.get(parent__isnull=True) if not hasattr(host, "root_pool_uuid") else None
    return HostSpec(
        uuid=str(host.uuid),
        name=host.name,
        slot=host.slot,
        root_pool=str(root.uuid if root else getattr(host, "root_pool_uuid", "")),
        model=host.model,
        kind=HostKind(host.host_kind),
        sockets=host.sockets,
        cores=host.cores,
        threads=host.threads,
        core_mhz=host.core_mhz,
        memory_mib=host.memory_mib,
        nic_mbps=tuple(host.nic_mbps),
        watts=model.watts,
        generation=host.cpu_generation,
        evc=host.cluster.evc_mode,
        vmotion_enabled=host.vmotion_enabled,
        vmotion_ip_family=IpFamily(host.vmotion_ip_family),
        edition=host.edition,
        datastores=tuple(str(u) for u in datastores),
        networks=tuple(str(u) for u in networks),
        boot_median_s=host.boot_median_s,
    )


def pool_spec(pool: ResourcePool, parent_uuid: Any = None) -> PoolSpec:
    parent = parent_uuid or (pool.parent.uuid if pool.parent else "")
    return PoolSpec(
        uuid=str(pool.uuid),
        name=pool.name,
        parent=str(parent),
        cpu=cpu_allocation(pool),
        memory=memory_allocation(pool),
        scalable_shares=pool.scalable_shares,
    )


def datastore_spec(datastore: Datastore) -> DatastoreSpec:
    return DatastoreSpec(
        uuid=str(datastore.uuid),
        name=datastore.name,
        slot=datastore.slot,
        kind=DatastoreKind(datastore.store_kind),
        capacity_bytes=datastore.capacity_bytes,
        ssd=datastore.ssd,
        iops_max=datastore.iops_max,
        bandwidth_mbps=datastore.bandwidth_mbps,
    )


def network_spec(network: Network) -> NetworkSpec:
    return NetworkSpec(str(network.uuid), network.name, network.vlan)


def placed_host(host: Host, spec: HostSpec) -> PlacedHost:
    return PlacedHost(
        spec=spec,
        power=HostPower.OFF if host.power_state == HostPower.OFF else HostPower.ON,
        connected=host.connection_state != HostConnection.DISCONNECTED,
        in_maintenance=host.in_maintenance,
        in_standby=host.standby_mode in (StandbyMode.IN, StandbyMode.EXITING),
    )


def inventory_of(vcenter: VCenter) -> Inventory:
    """The whole description of a vCenter's fleet. A fixed number of queries; O(objects) time."""
    return Inventory(
        seed=vcenter.seed,
        version=vcenter.config_version,
        now_s=vcenter.lab_seconds(),
        seq=vcenter.fleet_seq,
        hosts=tuple(_placed_hosts(vcenter)),
        vms=tuple(_placed_vms(vcenter)),
        pools=tuple(_pools(vcenter)),
        datastores=tuple(datastore_spec(d) for d in Datastore.objects.filter(vcenter=vcenter)),
        networks=tuple(network_spec(n) for n in Network.objects.filter(vcenter=vcenter)),
        rates=FaultRates(**vcenter.fault_rates),
    )


def _pools(vcenter: VCenter) -> list[PoolSpec]:
    pools = ResourcePool.objects.filter(vcenter=vcenter).select_related("parent").order_by("id")
    return [pool_spec(p) for p in pools]


def _placed_hosts(vcenter: VCenter) -> Iterable[PlacedHost]:
    roots = dict(ResourcePool.objects.filter(vcenter=vcenter, parent__isnull=True).values_list("cluster_id", "uuid"))
    stores, nets = defaultdict(list), defaultdict(list)
    mounts = DatastoreMount.objects.filter(host__vcenter=vcenter)
    for host_id, uuid in mounts.values_list("host_id", "datastore__uuid"):
        stores[host_id].append(uuid)
    for host_id, uuid in HostNetwork.objects.filter(host__vcenter=vcenter).values_list("host_id", "network__uuid"):
        nets[host_id].append(uuid)
    for host in Host.objects.filter(vcenter=vcenter).select_related("cluster", "license").order_by("id"):
        host.root_pool_uuid = roots[host.cluster_id]  # type: ignore[attr-defined]
        yield placed_host(host, host_spec(host, stores[host.id], nets[host.id]))


def _placed_vms(vcenter: VCenter) -> Iterable[PlacedVm]:
    stores = dict(Datastore.objects.filter(vcenter=vcenter).values_list("id", "uuid"))
    nets = dict(Network.objects.filter(vcenter=vcenter).values_list("id", "uuid"))
    disks, nics, snapshots = defaultdict(list), defaultdict(list), defaultdict(list)
    for disk in VirtualDisk.objects.filter(vm__vcenter=vcenter).order_by("vm_id", "key"):
        disks[disk.vm_id].append(disk_spec(disk, stores[disk.datastore_id]))
    for nic in VirtualNic.objects.filter(vm__vcenter=vcenter).order_by("vm_id", "key"):
        nics[nic.vm_id].append(nic_spec(nic, nets.get(nic.network_id or 0)))
    for snapshot in Snapshot.objects.filter(vm__vcenter=vcenter, ready=True).select_related("parent").order_by("id"):
        snapshots[snapshot.vm_id].append(snapshot_spec(snapshot))
    rows = VirtualMachine.everything.filter(vcenter=vcenter, provisioning=False)
    for vm in rows.select_related("pool", "host", "cd_datastore", "current_snapshot").order_by("id"):
        spec = vm_spec(vm, disks[vm.id], nics[vm.id])
        current = vm.current_snapshot.moref if vm.current_snapshot else ""
        yield PlacedVm(
            spec, str(vm.host.uuid), VmPower(vm.power_state), tuple(snapshots[vm.id]), current, vm.boot_lab_s
        )


def snapshot_spec(snapshot: Snapshot) -> PlacedSnapshot:
    return PlacedSnapshot(
        id=snapshot.moref,
        parent=snapshot.parent.moref if snapshot.parent else "",
        with_memory=snapshot.with_memory,
        image_bytes=snapshot.memory_bytes,
        delta_bytes=snapshot.delta_bytes,
    )
