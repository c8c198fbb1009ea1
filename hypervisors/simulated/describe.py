"""Writing descriptions (specs) into the tables: hosts, pools, datastores, virtual machines and their disks."""

from __future__ import annotations

import numpy as np

from domain import faults
from domain.hardware import CPU_GENERATIONS, SERVER_MODELS
from domain.licensing import allows_vmotion
from domain.resources import UNLIMITED
from domain.specs import DatastoreSpec, DiskSpec, HostSpec, NicSpec, PoolSpec, VmSpec
from domain.states import DiskProvisioning, HostKind, IpFamily
from hypervisors.simulated import noise, power, workload
from hypervisors.simulated.fleet import Fleet
from hypervisors.simulated.tables import WATT_POINTS, Phase, Power, Tools


def put_host(fleet: Fleet, spec: HostSpec) -> int:
    """Add or change a host; a new one is on and connected."""
    state, hosts = fleet.state, fleet.state.hosts
    slot = state.host_ids.find(spec.uuid)
    fresh = slot < 0
    if fresh:
        slot = spec.slot
        _need_free(slot, state.host_ids.uuids, spec.name)
        hosts.reserve(slot + 1)
        state.grow_mounts()
    state.host_ids.put(slot, spec.uuid, spec.name)
    hosts.cores[slot], hosts.threads[slot], hosts.core_mhz[slot] = spec.cores, spec.threads, spec.core_mhz
    hosts.memory_mib[slot], hosts.hosted[slot] = spec.memory_mib, spec.kind == HostKind.HOSTED
    hosts.vm_nic_mbps[slot] = spec.nic_mbps[0] if spec.nic_mbps else 0
    hosts.vmotion_nic_mbps[slot] = spec.nic_mbps[min(1, len(spec.nic_mbps) - 1)] if spec.nic_mbps else 0
    hosts.nic_count[slot] = min(len(spec.nic_mbps), 31)
    hosts.vmotion[slot], hosts.boot_median_s[slot] = spec.vmotion_enabled, spec.boot_median_s
    hosts.vmotion_ipv6[slot] = spec.vmotion_ip_family == IpFamily.IPV6
    hosts.vmotion_licensed[slot] = allows_vmotion(spec.edition)
    hosts.features[slot] = _features(spec)
    hosts.watts()[:, slot] = _curve(spec)
    state.mounts[slot, :] = False
    for uuid in spec.datastores:
        store = state.datastore_ids.find(uuid)
        if store >= 0:
            state.mounts[slot, store] = True
    if fresh:
        _start_host(fleet, slot, spec)
    fleet.hosts_changed()
    return slot


def _start_host(fleet: Fleet, slot: int, spec: HostSpec) -> None:
    hosts = fleet.state.hosts
    hosts.exists[slot] = hosts.managed[slot] = hosts.responding[slot] = 1
    hosts.key[slot] = noise.key_of(fleet.state.seed, spec.uuid)
    hosts.nics_up[slot] = (1 << int(hosts.nic_count[slot])) - 1
    hosts.boot_s[slot] = hosts.segment_s[slot] = fleet.now_s
    fleet.hosts_changed()
    hosts.idle_mhz[slot] = fleet.capacity(slot)[0]
    power.change_phase(fleet.state, slot, Phase.ON, fleet.now_s)


def _curve(spec: HostSpec) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    watts = spec.watts if len(spec.watts) == WATT_POINTS else SERVER_MODELS["lab-1u"].watts
    if not spec.watts and spec.model in SERVER_MODELS:
        watts = SERVER_MODELS[spec.model].watts
    return np.asarray(watts, dtype=np.float64)


def _features(spec: HostSpec) -> int:
    """CPU feature mask: the host's generation, cut down to the cluster's EVC baseline."""
    own = CPU_GENERATIONS[spec.generation].features if spec.generation in CPU_GENERATIONS else 0
    return own & CPU_GENERATIONS[spec.evc].features if spec.evc in CPU_GENERATIONS else own


def _need_free(slot: int, uuids: list[str], name: str) -> None:
    if slot < 0 or (slot < len(uuids) and uuids[slot]):
        raise faults.InvalidArgument(property="slot", reason=f"{slot} ({name})")


def need_slot(fleet: Fleet, spec: VmSpec) -> None:
    """The slot that the inventory gave to a new VM is free."""
    _need_free(spec.slot, fleet.state.vm_ids.uuids, spec.name)


def put_pool(fleet: Fleet, spec: PoolSpec) -> int:
    """Add or change a pool; its parent must be known or empty."""
    state, pools = fleet.state, fleet.state.pools
    slot = state.pool_ids.find(spec.uuid)
    if slot < 0:
        slot = state.pool_ids.free_slot()
        pools.reserve(slot + 1)
    state.pool_ids.put(slot, spec.uuid, spec.name)
    pools.exists[slot], pools.scalable[slot] = 1, spec.scalable_shares
    pools.parent[slot] = state.pool_ids.find(spec.parent) if spec.parent else -1
    pools.cpu_reservation[slot], pools.cpu_shares[slot] = spec.cpu.reservation, spec.cpu.shares
    pools.cpu_limit[slot] = spec.cpu.limit
    pools.mem_reservation[slot], pools.mem_shares[slot] = spec.memory.reservation, spec.memory.shares
    pools.mem_limit[slot] = spec.memory.limit
    fleet.changed()
    return slot


def put_datastore(fleet: Fleet, spec: DatastoreSpec) -> int:
    """Add or change a datastore; a new one answers."""
    state, stores = fleet.state, fleet.state.datastores
    slot = state.datastore_ids.find(spec.uuid)
    if slot < 0:
        slot = spec.slot
        _need_free(slot, state.datastore_ids.uuids, spec.name)
        stores.reserve(slot + 1)
        state.grow_mounts()
        stores.exists[slot] = stores.accessible[slot] = 1
    state.datastore_ids.put(slot, spec.uuid, spec.name)
    stores.ssd[slot], stores.capacity_bytes[slot] = spec.ssd, spec.capacity_bytes
    stores.iops_max[slot], stores.bandwidth_mbps[slot] = spec.iops_max, spec.bandwidth_mbps
    fleet.changed()
    return slot


def put_vm(fleet: Fleet, spec: VmSpec, host: int) -> int:
    """Add or change a VM. A new one is off on `host`; a known one keeps its dynamics, host and used bytes."""
    state, vms = fleet.state, fleet.state.vms
    for disk in spec.disks:
        datastore(fleet, disk.datastore)
    slot = state.vm_ids.find(spec.uuid)
    fresh = slot < 0
    if fresh:
        slot = spec.slot
        _need_free(slot, state.vm_ids.uuids, spec.name)
        vms.reserve(slot + 1)
        vms.exists[slot], vms.host[slot], vms.home[slot], vms.speed[slot] = 1, host, -1, 1.0
        vms.key[slot] = noise.key_of(state.seed, spec.uuid)
    state.vm_ids.put(slot, spec.uuid, spec.name)
    vms.pool[slot] = state.pool_ids.find(spec.pool)
    vms.template[slot], vms.vcpus[slot], vms.memory_mib[slot] = spec.template, spec.vcpus, spec.memory_mib
    vms.cpu_reservation_mhz[slot], vms.cpu_shares[slot] = spec.cpu.reservation, spec.cpu.shares
    vms.cpu_limit_mhz[slot] = np.inf if spec.cpu.limit == UNLIMITED else spec.cpu.limit
    vms.mem_reservation_mib[slot], vms.mem_shares[slot] = spec.memory.reservation, spec.memory.shares
    vms.mem_limit_mib[slot] = np.inf if spec.memory.limit == UNLIMITED else spec.memory.limit
    workload.assign(vms, slot, spec.workload, workload.trace_of(spec.workload.trace, state.trace_sets, fleet.traces))
    vms.boot_delay_s[slot] = spec.boot_delay_ms / 1000
    plug(fleet, slot, spec.nics)
    if not spec.tools_installed:
        vms.tools[slot] = Tools.NOT_INSTALLED
    elif vms.tools[slot] == Tools.NOT_INSTALLED:
        vms.tools[slot] = Tools.RUNNING if vms.power[slot] == Power.ON else Tools.NOT_RUNNING
    put_disks(fleet, slot, spec.disks, fresh)
    fleet.changed()
    return slot


def plug(fleet: Fleet, slot: int, nics: tuple[NicSpec, ...]) -> None:
    """Connect the adapters as the specs say; a guest whose address changes so has not told it yet."""
    vms = fleet.state.vms
    link = min((nic.key for nic in nics if nic.network and nic.connected), default=0)
    vms.boot_link[slot] = min((nic.key for nic in nics if nic.network and nic.start_connected), default=0)
    if link != vms.link[slot]:
        vms.link[slot], vms.tools_told[slot] = link, 0


def datastore(fleet: Fleet, uuid: str) -> int:
    slot = fleet.state.datastore_ids.find(uuid)
    if slot < 0:
        raise faults.NotFound(what=uuid)
    return slot


def put_disks(fleet: Fleet, slot: int, specs: tuple[DiskSpec, ...], fresh: bool = False) -> None:
    """Make a VM's disks those of the specs; a disk that stays keeps its used bytes and its datastore."""
    disks = fleet.state.disks
    rows = {} if fresh else {int(disks.key[row]): row for row in fleet.disks_of(slot)}
    wanted = {spec.key for spec in specs}
    for key, row in rows.items():
        if key not in wanted:
            disks.clear(row)
            fleet.disks_changed()
    for spec in specs:
        row = rows.get(spec.key, -1)
        if row < 0:
            row = _new_disk(fleet, slot, spec)
        disks.capacity_bytes[row], disks.independent[row] = spec.capacity_bytes, spec.independent
        disks.thick[row] = spec.provisioning != DiskProvisioning.THIN
    if fresh and specs:
        fleet.state.vms.home[slot] = datastore(fleet, specs[0].datastore)
    elif specs:
        _find_home(fleet, slot, specs)


def _new_disk(fleet: Fleet, slot: int, spec: DiskSpec) -> int:
    disks = fleet.state.disks
    row = int(np.argmin(disks.exists)) if disks.size else 0
    if row >= disks.size or disks.exists[row]:
        row = disks.size
        disks.reserve(row + 1)
    disks.exists[row], disks.vm[row], disks.key[row] = 1, slot, spec.key
    disks.datastore[row] = datastore(fleet, spec.datastore)
    disks.used_bytes[row] = min(spec.used_bytes, spec.capacity_bytes)
    fleet.disks_changed()
    return row


def _find_home(fleet: Fleet, slot: int, specs: tuple[DiskSpec, ...]) -> None:
    """The VM's folder is beside its first disk; a VM without disks keeps its folder."""
    vms = fleet.state.vms
    stores = {int(fleet.state.disks.datastore[row]) for row in fleet.disks_of(slot)}
    if int(vms.home[slot]) not in stores:
        vms.home[slot] = fleet.state.datastore_ids.find(specs[0].datastore)


def files_bytes(fleet: Fleet, slot: int) -> dict[int, float]:
    """Bytes of a VM's files per datastore."""
    state = fleet.state
    total: dict[int, float] = {}
    for row in fleet.disks_of(slot):
        disks, store = state.disks, int(state.disks.datastore[row])
        size = float(disks.capacity_bytes[row] if disks.thick[row] else disks.used_bytes[row])
        total[store] = total.get(store, 0.0) + size
    home, vms = int(state.vms.home[slot]), state.vms
    if home >= 0:
        tree = state.snapshots.get(state.vm_ids.uuids[slot])
        own = float(vms.swap_bytes[slot] + vms.image_bytes[slot] + vms.delta_bytes[slot])
        total[home] = total.get(home, 0.0) + own + (tree.total_bytes() if tree else 0.0)
    return total


def drop_vm(fleet: Fleet, slot: int, keep_files: bool) -> None:
    """Forget a VM; its files go, or stay behind on their datastores."""
    state = fleet.state
    if keep_files:
        for store, size in files_bytes(fleet, slot).items():
            state.datastores.other_bytes[store] += size
    for row in fleet.disks_of(slot):
        state.disks.clear(row)
    fleet.disks_changed()
    uuid = state.vm_ids.uuids[slot]
    state.snapshots.pop(uuid, None)
    state.timers.cancel("tools", uuid)
    state.timers.cancel("guest", uuid)
    state.vms.clear(slot)
    state.vm_ids.drop(slot)
    fleet.changed()


def drop_host(fleet: Fleet, slot: int) -> None:
    """Forget a host and the VMs that are registered on it."""
    state = fleet.state
    for vm in fleet.vms_on(slot, None):
        drop_vm(fleet, vm, keep_files=True)
    uuid = state.host_ids.uuids[slot]
    for kind in ("host", "beat"):
        state.timers.cancel(kind, uuid)
    state.hosts.clear(slot)
    state.mounts[slot, :] = False
    state.host_ids.drop(slot)
    fleet.hosts_changed()


def drop_pool(fleet: Fleet, slot: int) -> None:
    """Forget a pool; what is in it belongs to its parent."""
    state = fleet.state
    parent = int(state.pools.parent[slot])
    state.vms.pool[(state.vms.exists == 1) & (state.vms.pool == slot)] = parent
    state.pools.parent[(state.pools.exists == 1) & (state.pools.parent == slot)] = parent
    state.pools.clear(slot)
    state.pool_ids.drop(slot)
    fleet.changed()


def drop_datastore(fleet: Fleet, slot: int) -> None:
    """Forget a datastore that no VM and no running job uses."""
    state = fleet.state
    claimed = any(str(slot) in job.work.get("bytes", ()) for job in state.jobs.values())
    if claimed or ((state.disks.exists == 1) & (state.disks.datastore == slot)).any():
        raise faults.ResourceInUse(name=state.datastore_ids.names[slot], users="VM")
    state.datastores.clear(slot)
    state.mounts[:, slot] = False
    state.datastore_ids.drop(slot)
    fleet.changed()
