"""Snapshots and clones: delta disks, memory images, merging, copying.

A snapshot begins a delta disk that takes all later writes. `SnapshotTree.current` is the one the VM runs on; what is
written since is the VM's `delta_bytes` until another snapshot is taken, and then the snapshot's own `bytes`.
"""

from __future__ import annotations

from typing import Any

from domain import faults
from domain.limits import DEFAULT_LIMITS
from hypervisors.port import Op
from hypervisors.simulated import describe, guests, jobs, precheck
from hypervisors.simulated.fleet import Fleet
from hypervisors.simulated.jobs import OPERATIONS, Operation, lasting
from hypervisors.simulated.migration import resident_mib
from hypervisors.simulated.records import JobRecord, Snapshot, SnapshotTree
from hypervisors.simulated.tables import Power
from hypervisors.simulated.vm_jobs import claim_disks, spec_of, stop_unless_off, wake_guest

MIB = float(2**20)
COPY_RATIO = 0.5  # of a datastore's bandwidth that merging or cloning gets beside the guests


def _tree(fleet: Fleet, uuid: str) -> SnapshotTree:
    return fleet.state.snapshots.setdefault(uuid, SnapshotTree())


def _node(fleet: Fleet, job: JobRecord) -> Snapshot:
    tree = fleet.state.snapshots.get(job.target)
    node = tree.nodes.get(str(job.args["snapshot"])) if tree else None
    if node is None:
        raise faults.NotFound(what=str(job.args["snapshot"]))
    return node


def _writing_s(fleet: Fleet, slot: int, size_bytes: float) -> float:
    """Time to write so many bytes beside the VM."""
    home = int(fleet.state.vms.home[slot])
    rate = precheck.store_mibps(fleet, home) * COPY_RATIO if home >= 0 else 100.0
    if rate <= 0:
        raise faults.FileFault(name=fleet.vm_name(slot), reason=fleet.state.datastore_ids.names[home])
    return size_bytes / MIB / rate


def _need_running_host(fleet: Fleet, job: JobRecord, slot: int) -> None:
    if fleet.state.vms.power[slot] == Power.ON:
        fleet.need_host(int(fleet.state.vms.host[slot]))
        job.hosts = (int(fleet.state.vms.host[slot]),)


# --- create ---
def _begin_create(fleet: Fleet, job: JobRecord) -> None:
    slot, disks = fleet.vm(job.target), fleet.state.disks
    _need_running_host(fleet, job, slot)
    depth = _depth(fleet, job.target)
    if depth >= DEFAULT_LIMITS.snapshot_depth:
        raise faults.TooManySnapshotLevels(name=fleet.vm_name(slot), limit=DEFAULT_LIMITS.snapshot_depth)
    image = 0.0
    if job.args.get("memory") and fleet.state.vms.power[slot] == Power.ON:
        independent = [int(disks.key[row]) for row in fleet.disks_of(slot) if disks.independent[row]]
        if independent:
            raise faults.MemorySnapshotOnIndependentDisk(disk=str(independent[0]))
        image = resident_mib(fleet, slot) * MIB
    home = int(fleet.state.vms.home[slot])
    if home >= 0 and image:
        fleet.need_space(home, image)
        job.work["bytes"] = {str(home): image}
    job.work["image"] = image
    seconds = lasting(fleet, job, fleet.tuning.durations.snapshot) + _writing_s(fleet, slot, image)
    jobs.enter(fleet, job, "taking snapshot", seconds)


def _depth(fleet: Fleet, uuid: str) -> int:
    tree = fleet.state.snapshots.get(uuid)
    depth, at = 0, tree.current if tree else ""
    while tree and at:
        depth, at = depth + 1, tree.nodes[at].parent
    return depth


def _end_create(fleet: Fleet, job: JobRecord) -> None:
    slot, tree, vms = fleet.vm(job.target), _tree(fleet, job.target), fleet.state.vms
    if tree.current:
        tree.nodes[tree.current].bytes += float(vms.delta_bytes[slot])
    vms.delta_bytes[slot] = 0.0
    image = float(job.work.pop("image"))
    job.work.pop("bytes", None)
    node = Snapshot(str(job.args["snapshot"]), tree.current, int(Power.ON if image else Power.OFF), image)
    tree.nodes[node.id] = node
    tree.current = node.id
    guests.tell_sizes(fleet, slot)
    jobs.done(fleet, job, snapshot=node.id, size_bytes=int(image))


# --- revert ---
def _begin_revert(fleet: Fleet, job: JobRecord) -> None:
    slot, node, vms = fleet.vm(job.target), _node(fleet, job), fleet.state.vms
    host = int(vms.host[slot])
    if job.args.get("spec"):
        spec_of(job)  # malformed: refused before anything has begun
    _need_running_host(fleet, job, slot)
    if node.power == Power.ON and vms.power[slot] != Power.ON:
        fleet.need_host(host)
        fleet.need_room(host, slot)
        job.work["claim"], job.hosts = [host, slot], (host,)
    seconds = lasting(fleet, job, fleet.tuning.durations.snapshot) + _writing_s(fleet, slot, node.image_bytes)
    jobs.enter(fleet, job, "reverting", seconds)


def _end_revert(fleet: Fleet, job: JobRecord) -> None:
    slot, node, vms = fleet.vm(job.target), _node(fleet, job), fleet.state.vms
    vms.delta_bytes[slot] = 0.0
    _tree(fleet, job.target).current = node.id
    job.work = {}
    stop_unless_off(fleet, slot, job.op_id)
    if job.args.get("spec"):
        describe.put_vm(fleet, spec_of(job), int(vms.host[slot]))
    if node.power == Power.ON:
        vms.touched_mib[slot] = min(node.image_bytes / MIB, float(vms.memory_mib[slot]))
        wake_guest(fleet, slot, int(vms.host[slot]), job.op_id)
    guests.tell_sizes(fleet, slot)
    jobs.done(fleet, job, snapshot=node.id)


# --- delete, consolidate ---
def _doomed(fleet: Fleet, job: JobRecord) -> list[str]:
    """Ids that a delete takes away, children before their parents."""
    tree = fleet.state.snapshots.get(job.target) or SnapshotTree()
    if job.kind == Op.CONSOLIDATE:
        return list(tree.nodes)[::-1] if job.args.get("all") else []
    doomed = [_node(fleet, job).id]
    if job.args.get("children"):
        for node in tree.nodes.values():  # parents stand before their children
            if node.parent in doomed:
                doomed.append(node.id)
    return doomed[::-1]


def _begin_delete(fleet: Fleet, job: JobRecord) -> None:
    slot = fleet.vm(job.target)
    _need_running_host(fleet, job, slot)
    tree = fleet.state.snapshots.get(job.target) or SnapshotTree()
    doomed = _doomed(fleet, job)
    merging = sum(tree.nodes[i].bytes for i in doomed) + float(fleet.state.vms.delta_bytes[slot])
    seconds = lasting(fleet, job, fleet.tuning.durations.snapshot) + _writing_s(fleet, slot, merging)
    jobs.enter(fleet, job, "consolidating", seconds)
    job.cancelable = False


def _end_delete(fleet: Fleet, job: JobRecord) -> None:
    slot = fleet.vm(job.target)
    for snapshot in _doomed(fleet, job):
        _merge(fleet, slot, job.target, snapshot)
    tree = fleet.state.snapshots.get(job.target)
    if tree is not None and not tree.nodes:
        del fleet.state.snapshots[job.target]
    guests.tell_sizes(fleet, slot)
    jobs.done(fleet, job)


def _merge(fleet: Fleet, slot: int, uuid: str, snapshot: str) -> None:
    """A snapshot's delta joins its parent's, or the base disks; its memory image goes."""
    tree, vms = _tree(fleet, uuid), fleet.state.vms
    node = tree.nodes.pop(snapshot)
    for child in tree.nodes.values():
        if child.parent == snapshot:
            child.parent = node.parent
    if tree.current == snapshot:
        tree.current = node.parent
        if not node.parent:
            _into_base(fleet, slot, float(vms.delta_bytes[slot]))
            vms.delta_bytes[slot] = 0.0
    if node.parent:
        tree.nodes[node.parent].bytes += node.bytes
    else:
        _into_base(fleet, slot, node.bytes)


def _into_base(fleet: Fleet, slot: int, size_bytes: float) -> None:
    disks, rows = fleet.state.disks, fleet.disks_of(slot)
    for row in rows:
        disks.used_bytes[row] = min(disks.capacity_bytes[row], disks.used_bytes[row] + size_bytes / len(rows))


# --- clone ---
def _clone_cost(fleet: Fleet, job: JobRecord) -> dict[str, int]:
    source, spec, units = fleet.vm(job.target), spec_of(job), fleet.tuning.costs
    stores = set(fleet.stores_of(source)) | {describe.datastore(fleet, d.datastore) for d in spec.disks}
    cost = {f"host:{_clone_host(fleet, job)}": units.provisioning_host}
    return cost | {f"datastore:{store}": units.provisioning_datastore for store in sorted(stores)}


def _clone_host(fleet: Fleet, job: JobRecord) -> int:
    uuid: Any = job.args.get("host")
    return fleet.host(str(uuid)) if uuid else int(fleet.state.vms.host[fleet.vm(job.target)])


def _source_bytes(fleet: Fleet, slot: int) -> dict[int, float]:
    """Used bytes per disk key of a VM, deltas of its snapshots in the first."""
    disks, rows = fleet.state.disks, fleet.disks_of(slot)
    used = {int(disks.key[row]): float(disks.used_bytes[row]) for row in rows}
    tree = fleet.state.snapshots.get(fleet.state.vm_ids.uuids[slot])
    extra = float(fleet.state.vms.delta_bytes[slot]) + sum(n.bytes for n in tree.nodes.values()) if tree else 0.0
    if used and extra:
        used[min(used)] += extra
    return used


def _begin_clone(fleet: Fleet, job: JobRecord) -> None:
    source, spec, host = fleet.vm(job.target), spec_of(job), _clone_host(fleet, job)
    if fleet.state.vm_ids.find(spec.uuid) >= 0:
        jobs.done(fleet, job, host=fleet.state.host_ids.uuids[host])
        return
    describe.need_slot(fleet, spec)
    fleet.need_host(host)
    used = _source_bytes(fleet, source)
    claim_disks(fleet, job, spec, used)
    job.hosts = (host,)
    size = sum(used.values())
    rates = [precheck.store_mibps(fleet, s) for s in fleet.stores_of(source)]
    rates += [precheck.store_mibps(fleet, describe.datastore(fleet, d.datastore)) for d in spec.disks]
    if min(rates, default=100.0) <= 0:
        raise faults.FileFault(name=fleet.vm_name(source), reason="a datastore does not answer")
    seconds = lasting(fleet, job, fleet.tuning.durations.clone) + size / MIB / (min(rates, default=100.0) * COPY_RATIO)
    jobs.enter(fleet, job, "copying", seconds)


def _end_clone(fleet: Fleet, job: JobRecord) -> None:
    used, spec, host = _source_bytes(fleet, fleet.vm(job.target)), spec_of(job), job.hosts[0]
    slot = describe.put_vm(fleet, spec, host)
    disks = fleet.state.disks
    for row in fleet.disks_of(slot):
        disks.used_bytes[row] = min(used.get(int(disks.key[row]), 0.0), disks.capacity_bytes[row])
    job.work = {"cost": job.work["cost"]}
    guests.tell_sizes(fleet, slot)
    jobs.done(fleet, job, host=fleet.state.host_ids.uuids[host], vm=spec.uuid)


OPERATIONS.update({
    Op.SNAPSHOT_CREATE: Operation(_begin_create, _end_create),
    Op.SNAPSHOT_REVERT: Operation(_begin_revert, _end_revert),
    Op.SNAPSHOT_DELETE: Operation(_begin_delete, _end_delete),
    Op.CONSOLIDATE: Operation(_begin_delete, _end_delete),
    Op.CLONE_VM: Operation(_begin_clone, _end_clone, cost=_clone_cost),
})  # fmt: skip
