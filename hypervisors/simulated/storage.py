"""Disks and networks of one tick: contention on datastores and NICs, latency, and files that grow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.waterfill import waterfill
from hypervisors.simulated.layout import Layout
from hypervisors.simulated.physics import CpuTick
from hypervisors.simulated.state import FleetState
from hypervisors.simulated.tables import Hog, HostTable
from hypervisors.simulated.tuning import TICK_S, Physics
from hypervisors.simulated.workload import IOPS, NET_KIBPS

Floats = NDArray[np.float64]
BASE_NET_KIBPS = 1.0
KIB_PER_MBIT = 1000 / 8 * 1000 / 1024


@dataclass(slots=True)
class IoTick:
    """I/O of the running VMs, (n,), and of the datastores, (D,)."""

    disk_kibps: Floats
    net_kibps: Floats
    latency_ms: Floats
    host_disk_kibps: Floats
    host_net_kibps: Floats
    store_iops: Floats
    store_latency_ms: Floats


def vm_network_mbps(hosts: HostTable) -> Floats:
    """VM traffic runs over vmnic0; when that is down and another link is up, over the other (teaming)."""
    first = (hosts.nics_up & 1) == 1
    other = (hosts.nics_up & ~1) != 0
    spare = np.where(other, hosts.vmotion_nic_mbps, 0.0)
    result: Floats = np.where(first, hosts.vm_nic_mbps, spare) * (hosts.isolated == 0)
    return result


def run_io(state: FleetState, layout: Layout, cpu: CpuTick, progress: Floats, physics: Physics) -> IoTick:
    stores, hosts = state.datastores, len(layout.running)
    activity = cpu.used / np.maximum(layout.core_mhz, 1.0) * progress  # busy vCPUs
    iops = IOPS[layout.archetype] * activity
    iops = np.where(layout.home >= 0, iops, 0.0)
    iops, latency = _datastores(state, layout, iops, physics)
    plugged = state.vms.link[layout.on] > 0
    net = np.minimum(NET_KIBPS[layout.archetype] * activity + BASE_NET_KIBPS, 2.0**30) * plugged
    net = _networks(state, layout, net)
    disk = iops * physics.io_kib
    state.vms.iops[layout.on] = iops
    home = np.maximum(layout.home, 0)
    vm_latency = np.where(layout.home >= 0, latency[home], 0.0) if len(latency) else np.zeros(len(disk))
    vm_latency[np.isin(layout.on, _mirrored(state))] *= physics.mirror_latency
    return IoTick(
        disk, net, vm_latency, np.bincount(layout.host, disk, hosts).astype(float),
        np.bincount(layout.host, net, hosts).astype(float),
        stores.iops.astype(np.float64), latency,
    )  # fmt: skip


def _mirrored(state: FleetState) -> list[int]:
    """VMs whose disks are on their way: what the guest writes goes to both places."""
    return [move.vm for move in state.moves.values() if move.live and move.stage == "disks"]


def _datastores(state: FleetState, layout: Layout, wanted: Floats, physics: Physics) -> tuple[Floats, Floats]:
    """Delivered I/O per VM and latency per datastore: an open queue, capped at 97 % (domain model)."""
    stores = state.datastores
    if not stores.size:
        return wanted, np.zeros(0)
    copies = np.zeros(stores.size)
    for move in state.moves.values():
        if move.stage == "disks":
            for uuid in set(move.disks.values()):
                copies[state.datastore_ids.find(uuid)] += move.rate_mibps * 1024 / physics.io_kib
    home = np.maximum(layout.home, 0)
    total = np.bincount(home, wanted, stores.size) + copies
    top = np.where(stores.slow == 1, stores.iops_max / physics.slow_factor, stores.iops_max).astype(np.float64)
    top = np.maximum(np.where(stores.accessible == 1, top, 0.0), 1e-9)
    delivered = wanted * (np.minimum(1.0, top / np.maximum(total, 1e-9)) * stores.accessible)[home]
    base = np.where(stores.ssd == 1, physics.latency_ssd_ms, physics.latency_hdd_ms)
    base = base * np.where(stores.slow == 1, physics.slow_factor, 1.0)
    latency = base / (1.0 - np.minimum(0.97, total / top))
    latency = np.where(stores.accessible == 1, latency, physics.lost_latency_ms)
    stores.iops[:], stores.latency_ms[:] = np.minimum(total, top), latency
    return delivered, latency


def _networks(state: FleetState, layout: Layout, wanted: Floats) -> Floats:
    """Max-min fair shares of each host's VM link."""
    capacity = vm_network_mbps(state.hosts) * KIB_PER_MBIT
    total = np.bincount(layout.host, wanted, len(capacity))
    if (total <= capacity).all():
        return wanted
    return waterfill(layout.host, len(capacity), capacity, np.zeros(len(wanted)), wanted, np.ones(len(wanted)))


def _taken(state: FleetState) -> tuple[NDArray[np.intp], Floats]:
    """The disks that exist, (n,) rows, and the bytes that each takes: a thick one all that it may."""
    disks = state.disks
    live = np.flatnonzero(disks.exists)
    return live, np.where(disks.thick[live] == 1, disks.capacity_bytes[live], disks.used_bytes[live])


def used_bytes(state: FleetState) -> Floats:
    """(D,) bytes taken on every datastore: disks, swap files, memory images, snapshots, left-over files."""
    stores, vms, disks = state.datastores, state.vms, state.disks
    used = stores.other_bytes.copy()
    live, taken = _taken(state)
    used += np.bincount(disks.datastore[live], taken, stores.size)[: stores.size]
    homed = np.flatnonzero((vms.exists == 1) & (vms.home >= 0))
    files = vms.swap_bytes[homed] + vms.image_bytes[homed] + vms.delta_bytes[homed]
    used += np.bincount(vms.home[homed], files, stores.size)[: stores.size]
    for uuid, tree in state.snapshots.items():
        home = int(vms.home[state.vm_ids.find(uuid)])
        if home >= 0:
            used[home] += tree.total_bytes()
    return used


def provisioned_bytes(state: FleetState, used: Floats) -> Floats:
    """(D,) bytes if every thin disk grew to its capacity."""
    disks = state.disks
    live = np.flatnonzero(disks.exists & (1 - disks.thick))
    promise = np.maximum(0.0, disks.capacity_bytes[live] - disks.used_bytes[live])
    promised: Floats = used + np.bincount(disks.datastore[live], promise, len(used))[: len(used)]
    return promised


def vm_bytes(state: FleetState) -> tuple[Floats, Floats, Floats]:
    """(V,) bytes that every machine takes, that it may come to take, and that its disks have."""
    vms = state.vms
    live, taken = _taken(state)
    owner, capacity = state.disks.vm[live], state.disks.capacity_bytes[live]
    kept = vms.image_bytes + vms.delta_bytes
    for uuid, tree in state.snapshots.items():
        kept[state.vm_ids.find(uuid)] += tree.total_bytes()
    disk_bytes: Floats = np.bincount(owner, capacity, vms.size)[: vms.size].astype(np.float64)
    used: Floats = np.bincount(owner, taken, vms.size)[: vms.size] + vms.swap_bytes + kept
    swap_file = np.maximum(vms.swap_bytes, vms.memory_mib * float(2**20))
    return used, disk_bytes + swap_file + kept, disk_bytes


def grow_files(state: FleetState, layout: Layout, used: Floats, physics: Physics) -> None:
    """Thin disks and snapshot deltas grow with what guests write; a full datastore stops them."""
    vms, disks, on = state.vms, state.disks, layout.on
    if not len(on) or not state.datastores.size:
        return
    room = np.maximum(0.0, state.datastores.capacity_bytes - used)
    open_ = (room > 0) & (state.datastores.accessible == 1)
    written = np.zeros(vms.size)
    written[on] = vms.iops[on] * (physics.write_ratio * physics.io_kib * 1024 * TICK_S)
    if state.snapshots:
        _grow_deltas(state, written, open_, room, physics)
    live = np.flatnonzero(disks.exists & (1 - disks.thick))
    vm, store = disks.vm[live], disks.datastore[live]
    grow = written[vm] * physics.new_block_ratio * open_[store]
    share = np.maximum(np.bincount(vm, minlength=vms.size), 1)[vm]
    disks.used_bytes[live] = np.minimum(disks.capacity_bytes[live], disks.used_bytes[live] + grow / share)


def _grow_deltas(state: FleetState, written: Floats, open_: NDArray[np.bool_], room: Floats, physics: Physics) -> None:
    """The delta of each VM with a snapshot takes its writes; its base disks stand still."""
    vms = state.vms
    for uuid, tree in state.snapshots.items():
        slot = state.vm_ids.find(uuid)
        home = int(vms.home[slot])
        grow = written[slot] * physics.delta_ratio
        if vms.hog[slot] & Hog.SNAPSHOT:
            grow = physics.runaway_delta_mibps * 2**20 * TICK_S
        written[slot] = 0.0
        if tree.current and home >= 0 and open_[home]:
            top = float(state.disks.capacity_bytes[(state.disks.vm == slot) & (state.disks.exists == 1)].sum())
            vms.delta_bytes[slot] = min(top, vms.delta_bytes[slot] + min(grow, room[home]))
