"""What the inventory asks a hypervisor to have: frozen descriptions of VMs, hosts, pools, datastores and networks.

`slot` is the entity's column in every per-entity array (live figures, metrics); the inventory hands slots out per
vCenter and kind and reuses the slot of a deleted entity.
Sizes: memory MiB, disks bytes, CPU MHz, network Mbit/s.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from domain.resources import Allocation
from domain.states import DatastoreKind, DiskProvisioning, HostKind, HostPower, IpFamily, SharesLevel, VmPower

VM_CPU = Allocation()
VM_MEMORY = Allocation(shares=10_240)
POOL_CPU = Allocation(shares=4000)
POOL_MEMORY = Allocation(shares=163_840)


@dataclass(frozen=True, slots=True)
class DiskSpec:
    key: int
    label: str
    capacity_bytes: int
    datastore: str  # uuid
    provisioning: DiskProvisioning = DiskProvisioning.THIN
    used_bytes: int = 0
    independent: bool = False


@dataclass(frozen=True, slots=True)
class NicSpec:
    key: int
    label: str
    network: str  # uuid
    mac: str
    connected: bool = True
    start_connected: bool = True  # what `connected` becomes at power-on


@dataclass(frozen=True, slots=True)
class WorkloadSpec:
    """Where a guest's demand comes from: an archetype, or a recorded trace (see `domain.traces`)."""

    archetype: str = "web"  # idle web db batch vdi ci
    trace: str = ""  # key of a trace in the fleet's trace set, "" = none
    scale: float = 1.0
    offset_s: float = 0.0


@dataclass(frozen=True, slots=True)
class VmSpec:
    uuid: str
    name: str
    slot: int
    pool: str  # uuid of the resource pool
    vcpus: int = 1
    cores_per_socket: int = 1
    memory_mib: int = 1024
    cpu: Allocation = VM_CPU
    memory: Allocation = VM_MEMORY
    disks: tuple[DiskSpec, ...] = ()
    nics: tuple[NicSpec, ...] = ()
    cd_datastore: str = ""
    cd_connected: bool = False
    guest_id: str = "otherGuest64"
    hardware_version: int = 20
    cpu_hot_add: bool = False
    cpu_hot_remove: bool = False
    memory_hot_add: bool = False
    tools_installed: bool = True
    boot_delay_ms: int = 0
    template: bool = False
    workload: WorkloadSpec = field(default_factory=WorkloadSpec)


@dataclass(frozen=True, slots=True)
class HostSpec:
    uuid: str
    name: str
    slot: int
    root_pool: str  # uuid of the root pool of its cluster or compute resource
    model: str = "lab-1u"
    kind: HostKind = HostKind.BARE_METAL
    sockets: int = 1
    cores: int = 16
    threads: int = 32
    core_mhz: int = 2600
    memory_mib: int = 131_072
    nic_mbps: tuple[int, ...] = (10_000, 10_000)
    watts: tuple[float, ...] = ()
    generation: str = "intel-cascadelake"
    evc: str = ""  # key of the cluster's EVC baseline, "" = none
    vmotion_enabled: bool = True
    vmotion_ip_family: IpFamily = IpFamily.IPV4
    edition: str = ""  # of its license (`domain.licensing.Edition`), "" = evaluation mode
    datastores: tuple[str, ...] = ()  # uuids mounted
    networks: tuple[str, ...] = ()  # uuids present
    boot_median_s: float = 300.0


@dataclass(frozen=True, slots=True)
class PoolSpec:
    uuid: str
    name: str
    parent: str  # uuid, "" for a root pool
    cpu: Allocation = POOL_CPU
    memory: Allocation = POOL_MEMORY
    scalable_shares: bool = False


@dataclass(frozen=True, slots=True)
class DatastoreSpec:
    uuid: str
    name: str
    slot: int
    kind: DatastoreKind = DatastoreKind.VMFS
    capacity_bytes: int = 4 * 1024**4
    ssd: bool = True
    iops_max: int = 50_000
    bandwidth_mbps: int = 16_000


@dataclass(frozen=True, slots=True)
class NetworkSpec:
    uuid: str
    name: str
    vlan: int = 0


@dataclass(frozen=True, slots=True)
class PlacedSnapshot:
    """A snapshot as the inventory knows it; `parent` "" stands on the base disks."""

    id: str
    parent: str = ""
    with_memory: bool = False  # going back to it, the VM runs
    image_bytes: int = 0  # its memory image
    delta_bytes: int = 0  # written since


@dataclass(frozen=True, slots=True)
class PlacedVm:
    """A VM as the inventory knows it: its spec, where it is, and whether it runs."""

    spec: VmSpec
    host: str
    power: VmPower = VmPower.OFF
    snapshots: tuple[PlacedSnapshot, ...] = ()  # parents before their children
    current_snapshot: str = ""  # id of the one that it goes on from
    boot_lab_s: float = 0.0


@dataclass(frozen=True, slots=True)
class PlacedHost:
    spec: HostSpec
    power: HostPower = HostPower.ON
    connected: bool = True
    in_maintenance: bool = False
    in_standby: bool = False


@dataclass(frozen=True, slots=True)
class FaultRates:
    """Random faults, events per host-hour or VM-hour; all zero in a quiet lab."""

    host_crash: float = 0.0
    host_hang: float = 0.0
    nic_flap: float = 0.0
    exit_standby_failure: float = 0.0  # per wake-up
    vmotion_failure: float = 0.0  # per migration
    datastore_slow: float = 0.0
    datastore_lost: float = 0.0
    guest_crash: float = 0.0


@dataclass(frozen=True, slots=True)
class Inventory:
    """Everything a fleet is built from or reconciled with; `version` is the inventory's configuration counter.

    Configuration commands carry the version they lead to. A fleet takes a version only if it follows on its own; after
    a gap (a lost command) it stays behind, which the inventory sees and answers with `rebuild`.
    """

    seed: int
    version: int
    now_s: float
    seq: int = 0  # last event that was recorded; a fresh fleet numbers on from here
    hosts: tuple[PlacedHost, ...] = ()
    vms: tuple[PlacedVm, ...] = ()
    pools: tuple[PoolSpec, ...] = ()
    datastores: tuple[DatastoreSpec, ...] = ()
    networks: tuple[NetworkSpec, ...] = ()
    rates: FaultRates = field(default_factory=FaultRates)


def to_plain(spec: Any) -> dict[str, Any]:
    """JSON form of any spec above."""
    return asdict(spec)


def allocation_from(data: Mapping[str, Any]) -> Allocation:
    return Allocation(
        int(data["reservation"]), int(data["limit"]), int(data["shares"]), SharesLevel(data["level"]),
        bool(data["expandable"]),
    )  # fmt: skip


def vm_from_plain(data: Mapping[str, Any]) -> VmSpec:
    """The VmSpec that `to_plain` wrote, after a trip through JSON."""
    values = dict(data)
    values["cpu"], values["memory"] = allocation_from(data["cpu"]), allocation_from(data["memory"])
    values["disks"] = tuple(
        DiskSpec(**{**d, "provisioning": DiskProvisioning(d["provisioning"])}) for d in data["disks"]
    )
    values["nics"] = tuple(NicSpec(**n) for n in data["nics"])
    values["workload"] = WorkloadSpec(**data["workload"])
    return VmSpec(**values)


def host_from_plain(data: Mapping[str, Any]) -> HostSpec:
    lists = {k: tuple(data[k]) for k in ("nic_mbps", "watts", "datastores", "networks")}
    family = IpFamily(data.get("vmotion_ip_family", IpFamily.IPV4))  # a command may be older than this field
    return HostSpec(**{**data, **lists, "kind": HostKind(data["kind"]), "vmotion_ip_family": family})


def pool_from_plain(data: Mapping[str, Any]) -> PoolSpec:
    return PoolSpec(**{**data, "cpu": allocation_from(data["cpu"]), "memory": allocation_from(data["memory"])})


def datastore_from_plain(data: Mapping[str, Any]) -> DatastoreSpec:
    return DatastoreSpec(**{**data, "kind": DatastoreKind(data["kind"])})
