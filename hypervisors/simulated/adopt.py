"""Building a fleet from the inventory, or reconciling a living one with it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping

from domain import faults
from domain.faults import MethodFault
from domain.specs import Inventory, PlacedHost, PlacedVm, PoolSpec
from domain.states import HostPower, VmPower
from domain.traces import TraceSet
from hypervisors.port import Op
from hypervisors.simulated import describe, engine, jobs, power
from hypervisors.simulated import hosts as host_machines
from hypervisors.simulated.fleet import Fleet, swap_file_bytes
from hypervisors.simulated.records import Directory, Snapshot, SnapshotTree
from hypervisors.simulated.state import FleetState
from hypervisors.simulated.tables import Phase, Power, Tools
from hypervisors.simulated.tuning import DEFAULT_TUNING, Tuning

_CREATING = {Op.DEFINE_VM.value}  # their target is not there before they end


def rebuild(
    state: FleetState | None, inventory: Inventory, traces: Mapping[str, TraceSet] | None = None,
    tuning: Tuning = DEFAULT_TUNING,
) -> FleetState:  # fmt: skip
    """The fleet that the inventory describes.

    Of what `state` knows the dynamics live on (power, place, memory, jobs); what vanished is dropped and its running
    jobs fail; what is new starts as the inventory says, running VMs running. A state older than what the inventory has
    recorded (`seq`) tells a past that has been overtaken: the fleet starts afresh.
    """
    if state is None or state.seq < inventory.seq:
        first = engine.first_tick(inventory.now_s)
        state = FleetState(inventory.seed, now_s=inventory.now_s, tick=first, seq=inventory.seq)
    fleet = Fleet(state.copy(), traces or {}, tuning)
    _reserve(fleet.state, inventory)
    _drop_vanished(fleet, inventory)
    for pool in _parents_first(inventory.pools):
        describe.put_pool(fleet, pool)
    for store in inventory.datastores:
        describe.put_datastore(fleet, store)
    for placed in inventory.hosts:
        _adopt_host(fleet, placed)
    for vm in inventory.vms:
        _adopt_vm(fleet, vm)
    fleet.state.rates, fleet.state.version = inventory.rates, inventory.version
    return fleet.state


def _reserve(state: FleetState, inventory: Inventory) -> None:
    """Tables grow once, not entity by entity."""
    for table, specs in (
        (state.hosts, [h.spec.slot for h in inventory.hosts]),
        (state.vms, [v.spec.slot for v in inventory.vms]),
        (state.datastores, [d.slot for d in inventory.datastores]),
    ):
        table.reserve(max(specs, default=-1) + 1, spare=False)
    if not state.disks.size:
        state.disks.reserve(sum(len(v.spec.disks) for v in inventory.vms), spare=False)
    state.grow_mounts()


def _drop_vanished(fleet: Fleet, inventory: Inventory) -> None:
    state = fleet.state
    vms = {v.spec.uuid for v in inventory.vms}
    hosts = {h.spec.uuid for h in inventory.hosts}
    _fail_orphans(fleet, vms | hosts)
    _drop(fleet, state.vm_ids, vms, lambda f, slot: describe.drop_vm(f, slot, keep_files=False))
    _drop(fleet, state.host_ids, hosts, host_machines.remove)
    _drop(fleet, state.pool_ids, {p.uuid for p in inventory.pools}, describe.drop_pool)
    _drop(fleet, state.datastore_ids, {d.uuid for d in inventory.datastores}, describe.drop_datastore)


def _drop(fleet: Fleet, ids: Directory, keep: set[str], drop: Callable[[Fleet, int], None]) -> None:
    for slot, uuid in enumerate([*ids.uuids]):
        if uuid and uuid not in keep:
            with contextlib.suppress(MethodFault):  # a datastore still in use stays
                drop(fleet, slot)


def _fail_orphans(fleet: Fleet, known: set[str]) -> None:
    """Running jobs whose entity the inventory no longer has end with the truth."""
    for job in [j for j in fleet.state.jobs.values() if j.active]:
        if job.target not in known and job.kind not in _CREATING:
            jobs.fail(fleet, job, faults.NotFound(what=job.target))


def _parents_first(pools: tuple[PoolSpec, ...]) -> list[PoolSpec]:
    by_uuid = {p.uuid: p for p in pools}

    def depth(pool: PoolSpec) -> int:
        level = 0
        while pool.parent in by_uuid and level < len(pools):
            pool, level = by_uuid[pool.parent], level + 1
        return level

    return sorted(pools, key=depth)


def _adopt_host(fleet: Fleet, placed: PlacedHost) -> None:
    state = fleet.state
    fresh = state.host_ids.find(placed.spec.uuid) < 0
    slot = describe.put_host(fleet, placed.spec)
    state.hosts.maintenance[slot], state.hosts.managed[slot] = placed.in_maintenance, placed.connected
    if not fresh:
        return
    if placed.in_standby or placed.power == HostPower.STANDBY:
        power.change_phase(state, slot, Phase.STANDBY, fleet.now_s)
    elif placed.power == HostPower.OFF:
        power.change_phase(state, slot, Phase.OFF, fleet.now_s)
        state.hosts.responding[slot] = 0
    fleet.hosts_changed()


def _adopt_vm(fleet: Fleet, placed: PlacedVm) -> None:
    state = fleet.state
    fresh = state.vm_ids.find(placed.spec.uuid) < 0
    host = state.host_ids.find(placed.host)
    if fresh and host < 0:
        return  # a VM without a host has nothing that lives
    try:
        slot = describe.put_vm(fleet, placed.spec, host)
    except MethodFault:
        return
    if fresh and placed.snapshots:
        state.snapshots[placed.spec.uuid] = _tree(placed)
    if fresh and placed.power == VmPower.ON and state.hosts.phase[host] == Phase.ON:
        _found_running(fleet, slot, placed)
    elif fresh and placed.power == VmPower.SUSPENDED:
        fleet.set_power(slot, Power.SUSPENDED)
        _remember_boot(fleet, slot, placed)
        state.vms.image_bytes[slot] = float(placed.spec.memory_mib) * 2**20


def _tree(placed: PlacedVm) -> SnapshotTree:
    """The snapshots as the inventory recorded them, with what they were last seen to take."""
    nodes = {}
    for known in placed.snapshots:
        power = Power.ON if known.with_memory else Power.OFF
        nodes[known.id] = Snapshot(
            known.id, known.parent, int(power), float(known.image_bytes), float(known.delta_bytes)
        )
    return SnapshotTree(placed.current_snapshot, nodes)


def _found_running(fleet: Fleet, slot: int, placed: PlacedVm) -> None:
    """A VM that the inventory knows as running has been running since it booted: no events, tools up."""
    vms, ratio = fleet.state.vms, fleet.tuning.physics.boot_touch_ratio
    fleet.set_power(slot, Power.ON)
    vms.features[slot] = fleet.state.hosts.features[vms.host[slot]]
    _remember_boot(fleet, slot, placed)
    vms.swap_bytes[slot] = swap_file_bytes(placed.spec.memory_mib, placed.spec.memory.reservation)
    vms.touched_mib[slot] = ratio * placed.spec.memory_mib
    vms.reported_bytes[slot] = sum(d.used_bytes for d in placed.spec.disks)
    if vms.tools[slot] != Tools.NOT_INSTALLED:
        vms.tools[slot], vms.tools_told[slot] = Tools.RUNNING, 0  # told by the next ticks


def _remember_boot(fleet: Fleet, slot: int, placed: PlacedVm) -> None:
    fleet.state.vms.boot_s[slot] = min(placed.boot_lab_s or fleet.now_s, fleet.now_s)
