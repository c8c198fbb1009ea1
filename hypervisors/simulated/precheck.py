"""What a move needs: its plan, its checks, its space, its cost units and the links that it streams over."""

from __future__ import annotations

from dataclasses import dataclass

from domain import faults
from domain.hardware import VMOTION_LEAST_MBPS
from domain.specs import vm_from_plain
from domain.states import DiskProvisioning
from domain.vmotion import families_differ
from hypervisors.simulated import describe
from hypervisors.simulated.fleet import Fleet
from hypervisors.simulated.moves import Move
from hypervisors.simulated.records import JobRecord
from hypervisors.simulated.tables import Phase, Power


@dataclass(frozen=True, slots=True)
class MovePlan:
    source: int
    destination: int
    disks: dict[str, str]  # disk key -> datastore uuid, only of disks that change place
    live: bool
    thick: dict[str, bool]  # of the disks that change place: whether they are thick afterwards, where a spec says so


def plan_of(fleet: Fleet, job: JobRecord) -> MovePlan:
    """What the arguments of a MIGRATE mean now."""
    slot, state = fleet.vm(job.target), fleet.state
    after = vm_from_plain(job.args["spec"]) if job.args.get("spec") else None  # malformed: refused before it begins
    source = int(state.vms.host[slot])
    destination = fleet.host(str(job.args["host"])) if job.args.get("host") else source
    wanted = {str(k): str(v) for k, v in (job.args.get("disks") or {}).items()}
    here = {str(int(state.disks.key[r])): int(state.disks.datastore[r]) for r in fleet.disks_of(slot)}
    disks = {k: u for k, u in wanted.items() if k in here and describe.datastore(fleet, u) != here[k]}
    formats = {str(d.key): d.provisioning != DiskProvisioning.THIN for d in after.disks} if after else {}
    thick = {key: formats[key] for key in disks if key in formats}
    return MovePlan(source, destination, disks, bool(state.vms.power[slot] == Power.ON), thick)


def cost(fleet: Fleet, job: JobRecord) -> dict[str, int]:
    """Cost units per resource: vMotion 1 · 1 · 1, Storage vMotion 4 · 0 · 16, both 4 · 1 · 16, cold 1 · 0 · 16."""
    plan, units = plan_of(fleet, job), fleet.tuning.costs
    compute = plan.destination != plan.source
    if not plan.live:
        host, nic, store = units.provisioning_host, 0, units.provisioning_datastore if plan.disks else 0
    elif plan.disks:
        host, nic, store = units.storage_host, units.vmotion_nic if compute else 0, units.storage_datastore
    else:
        host, nic, store = units.vmotion_host, units.vmotion_nic, units.vmotion_datastore
    ends = {plan.source, plan.destination}
    touched = set(fleet.stores_of(fleet.vm(job.target)))
    touched |= {describe.datastore(fleet, uuid) for uuid in plan.disks.values()}
    total = {f"host:{h}": host for h in sorted(ends)} | {f"nic:{h}": nic for h in sorted(ends)}
    total |= {f"datastore:{d}": store for d in sorted(touched)}
    return {resource: n for resource, n in total.items() if n}


def check(fleet: Fleet, move: Move) -> None:
    """Raise the first fault that forbids the move on these machines (the inventory has shown them all beforehand)."""
    name = fleet.vm_name(move.vm)
    if move.destination == move.source and not move.disks:
        raise faults.InvalidState(name=name, reason="it is there already")
    if move.live:
        fleet.need_host(move.source)
    fleet.need_host(move.destination)
    if fleet.state.hosts.maintenance[move.destination] and move.live and move.destination != move.source:
        raise faults.InvalidHostState(host=fleet.host_name(move.destination), state="in maintenance mode")
    if move.destination != move.source:
        _check_features(fleet, move, name)
        if move.live:
            _check_vmotion(fleet, move)
    _check_files(fleet, move, name)


def _check_features(fleet: Fleet, move: Move, name: str) -> None:
    if fleet.state.vms.power[move.vm] == Power.OFF:
        return
    needed = int(fleet.state.vms.features[move.vm])
    if needed & ~int(fleet.state.hosts.features[move.destination]):
        raise faults.CpuIncompatible(host=fleet.host_name(move.destination), name=name)


def _check_vmotion(fleet: Fleet, move: Move) -> None:
    """Network and license of each end, the destination's first, and whether the two understand each other."""
    hosts = fleet.state.hosts
    for host in (move.destination, move.source):
        where = {"host": fleet.host_name(host), "atSourceHost": host == move.source}
        if not hosts.vmotion[host] or not hosts.nic_count[host]:
            raise faults.VMotionNotConfigured(**where)
        if vmotion_mbps(fleet, host) <= 0:
            raise faults.VMotionLinkDown(**where)
        if vmotion_mbps(fleet, host) < VMOTION_LEAST_MBPS:
            raise faults.VMotionLinkCapacityLow(**where)
        if not hosts.vmotion_licensed[host]:
            raise faults.VMotionNotLicensed(**where)
    if hosts.vmotion_ipv6[move.source] != hosts.vmotion_ipv6[move.destination]:
        names = (fleet.host_name(move.source), fleet.host_name(move.destination))
        raise families_differ(*names, source_ipv6=bool(hosts.vmotion_ipv6[move.source]))


def _check_files(fleet: Fleet, move: Move, name: str) -> None:
    """The destination reaches every datastore that the VM will be on; those it leaves must answer, too."""
    state, after = fleet.state, set[int]()
    for row in fleet.disks_of(move.vm):
        target = move.disks.get(str(int(state.disks.key[row])))
        after.add(describe.datastore(fleet, target) if target else int(state.disks.datastore[row]))
    for store in sorted(after):
        if not state.mounts[move.destination, store]:
            uuid = state.datastore_ids.names[store]
            raise faults.CannotAccessVmDisk(host=fleet.host_name(move.destination), datastore=uuid, name=name)
    for store in sorted(after | set(fleet.stores_of(move.vm)) if move.disks else after):
        if not state.datastores.accessible[store]:
            raise faults.FileFault(name=name, reason=state.datastore_ids.names[store])


def moved_files(fleet: Fleet, move: Move) -> dict[int, float]:
    """Bytes that the move brings to each datastore: disks, and with the first one swap, image and snapshots."""
    state, total = fleet.state, dict[int, float]()
    rows = sorted(fleet.disks_of(move.vm), key=lambda row: int(state.disks.key[row]))
    for number, row in enumerate(rows):
        key = str(int(state.disks.key[row]))
        target = move.disks.get(key)
        if target is None:
            continue
        store = describe.datastore(fleet, target)
        thick = move.thick.get(key, bool(state.disks.thick[row]))
        size = float(state.disks.capacity_bytes[row] if thick else state.disks.used_bytes[row])
        total[store] = total.get(store, 0.0) + size + (_folder_bytes(fleet, move.vm) if number == 0 else 0.0)
    return total


def _folder_bytes(fleet: Fleet, slot: int) -> float:
    vms = fleet.state.vms
    tree = fleet.state.snapshots.get(fleet.state.vm_ids.uuids[slot])
    own = float(vms.swap_bytes[slot] + vms.image_bytes[slot] + vms.delta_bytes[slot])
    return own + (tree.total_bytes() if tree else 0.0)


def moved_bytes(fleet: Fleet, move: Move) -> float:
    return sum(moved_files(fleet, move).values())


def claim_space(fleet: Fleet, job: JobRecord, move: Move) -> None:
    claim = moved_files(fleet, move)
    for store, size in claim.items():
        fleet.need_space(store, size)
    job.work["bytes"] = {str(store): size for store, size in claim.items()}


def vmotion_mbps(fleet: Fleet, host: int) -> float:
    """Nominal rate of the vMotion NIC (vmnic1, or the only one), 0 while it is down."""
    hosts = fleet.state.hosts
    nic = min(1, int(hosts.nic_count[host]) - 1)
    up = nic >= 0 and hosts.nic_up(host, nic) and not hosts.isolated[host] and hosts.phase[host] == Phase.ON
    return float(hosts.vmotion_nic_mbps[host]) if up else 0.0


def links(fleet: Fleet, move: Move, capacity: dict[str, float]) -> list[str]:
    """The links that a stream crosses; capacities (MiB/s) that `capacity` lacks are added to it.

    A regular copy is held back by the processors, too: all of them on a host share what is idle there, at least a part
    of a core. One of high priority has its own.
    Figures of the network in MB/s are taken as MiB/s, as the literature's do: 10 Gb/s · 0.9 = 1125.
    """
    model = fleet.tuning.move
    hosts = fleet.state.hosts
    crossed = [f"stream:{move.op_id}"]
    capacity[crossed[0]] = model.streams * model.stream_gbps * 1000 / 8 if move.live else model.cold_copy_mibps
    for host in {move.source, move.destination} if move.destination != move.source else ():
        crossed.append(f"nic:{host}")
        if crossed[-1] not in capacity:
            capacity[crossed[-1]] = vmotion_mbps(fleet, host) / 8 * model.efficiency
    for host in move.ends if move.live and not move.high else ():
        crossed.append(f"cpu:{host}")
        cores = float(hosts.idle_mhz[host]) / max(float(hosts.core_mhz[host]), 1.0)
        capacity[crossed[-1]] = max(model.min_core, cores) / model.core_per_gbps * 1000 / 8
    for store in _moving_stores(fleet, move) if move.stage == "disks" else ():
        crossed.append(f"datastore:{store}")
        capacity[crossed[-1]] = store_mibps(fleet, store)
    return crossed


def reserve_helpers(fleet: Fleet, move: Move) -> None:
    """Reserve on both hosts what a copy of high priority needs at the full rate of its link (Gulati et al. 2012: 30 %
    of a core on 1 GbE, a core on 10 GbE).

    Raises:
        InsufficientHostCpuCapacityFault: a host has not that much left; the move does not start.
    """
    model, hosts = fleet.tuning.move, fleet.state.hosts
    gbps = min(min(vmotion_mbps(fleet, host) for host in move.ends) / 1000, model.streams * model.stream_gbps)
    cores = max(model.min_core, model.core_per_gbps * gbps)
    needs = {host: cores * float(hosts.core_mhz[host]) for host in move.ends}
    for host, need in needs.items():
        left = fleet.capacity(host)[0] - fleet.reserved(host)[0] + fleet.helpers_mhz(host)
        if need > left + 1e-6:
            name = fleet.host_name(host)
            raise faults.InsufficientHostCpuCapacityFault(host=name, unreserved=int(left), requested=int(need))
    move.helper_mhz = {str(host): need for host, need in needs.items()}


def _moving_stores(fleet: Fleet, move: Move) -> list[int]:
    """Datastores that the disks leave and those that they go to."""
    disks = fleet.state.disks
    rows = [r for r in fleet.disks_of(move.vm) if str(int(disks.key[r])) in move.disks]
    targets = {describe.datastore(fleet, uuid) for uuid in move.disks.values()}
    return sorted({int(disks.datastore[r]) for r in rows} | targets)


def store_mibps(fleet: Fleet, store: int) -> float:
    stores = fleet.state.datastores
    if not stores.accessible[store]:
        return 0.0
    slow = fleet.tuning.physics.slow_factor if stores.slow[store] else 1.0
    return float(stores.bandwidth_mbps[store]) / 8 / slow
