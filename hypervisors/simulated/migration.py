"""Moving a VM: live (vMotion), its disks (Storage vMotion), both, or cold; as a chain of phases of one job.

Phases: validating, preparing, [copying disks], tracing, pre-copy, switchover, [sending marked pages], committing. The
owner changes at the end of the switchover, in one step (`VM_MOVED`); until then a move can be cancelled or fail and the
VM is untouched on its source. Sources and formulas: docs/strategies/vmotion.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from domain import faults
from domain.specs import vm_from_plain
from domain.states import MigrationPriority
from hypervisors.port import Happening, Op
from hypervisors.simulated import describe, guests, jobs, precheck
from hypervisors.simulated.bandwidth import fair_rates
from hypervisors.simulated.fleet import Fleet
from hypervisors.simulated.jobs import OPERATIONS, Operation
from hypervisors.simulated.layout import Layout
from hypervisors.simulated.moves import BITMAP_MIB_PER_MIB, Move, Precopy
from hypervisors.simulated.physics import CpuTick, HostLoad
from hypervisors.simulated.records import JobRecord
from hypervisors.simulated.tables import Hog, Power
from hypervisors.simulated.workload import DIRTY_MIBPS, WWS_RATIO

MIB = float(2**20)
HOG_DIRTY_MIBPS = 2000.0
BUSIEST = 4.0  # a guest dirties at most this many times its archetype's mean


# --- the phases ---
def _begin(fleet: Fleet, job: JobRecord) -> None:
    slot = fleet.vm(job.target)
    plan = precheck.plan_of(fleet, job)
    bitmap = bool(job.args.get("bitmap_resume"))
    fleet.state.moves[job.op_id] = Move(
        job.op_id, slot, plan.source, plan.destination, plan.disks, plan.live, bitmap, thick=plan.thick,
        high=job.args.get("priority") == MigrationPriority.HIGH,
    )  # fmt: skip
    job.hosts = tuple(sorted({plan.source, plan.destination}))
    _timed(fleet, job, "validating", jobs.lasting(fleet, job, fleet.tuning.durations.validate), 5.0)


def _timed(fleet: Fleet, job: JobRecord, phase: str, seconds: float, until_pct: float) -> None:
    jobs.enter(fleet, job, phase, seconds, until_pct)
    _tell_phase(fleet, job)


def _tell_phase(fleet: Fleet, job: JobRecord) -> None:
    fleet.emit(Happening.MIGRATION_PHASE, job.target, job.op_id, phase=job.phase)


def _next(fleet: Fleet, job: JobRecord) -> None:
    _AFTER[job.phase](fleet, job, fleet.state.moves[job.op_id])


def _validated(fleet: Fleet, job: JobRecord, move: Move) -> None:
    precheck.check(fleet, move)
    precheck.claim_space(fleet, job, move)
    vms = fleet.state.vms
    if move.destination != move.source and vms.power[move.vm] == Power.ON:
        fleet.need_room(move.destination, move.vm)
        job.work["claim"] = [move.destination, move.vm]
        fleet.claims_changed()
    if move.live and move.high:
        precheck.reserve_helpers(fleet, move)
    job.work["doomed"] = _doomed(fleet, job, move)
    durations = fleet.tuning.durations
    if move.live or move.disks:
        _timed(fleet, job, "preparing", jobs.lasting(fleet, job, durations.prepare), 15.0)
    else:
        _timed(fleet, job, "registering", jobs.lasting(fleet, job, durations.cold_move), 99.0)


def _doomed(fleet: Fleet, job: JobRecord, move: Move) -> bool:
    """Whether this move breaks on its way: by order of a teacher, or by chance."""
    ids, wishes = fleet.state.host_ids.uuids, fleet.state.fail_next_move
    for uuid in (job.target, ids[move.source], ids[move.destination]):
        if uuid in wishes:
            wishes.remove(uuid)
            return True
    return fleet.between((0.0, 1.0), job.op_id, 7) < fleet.state.rates.vmotion_failure


def _prepared(fleet: Fleet, job: JobRecord, move: Move) -> None:
    disks_mib = precheck.moved_bytes(fleet, move) / MIB
    memory_mib = resident_mib(fleet, move.vm) if move.live and move.destination != move.source else 0.0
    move.total_mib, move.disks_mib = disks_mib + memory_mib, disks_mib
    if move.disks:
        _stream(fleet, job, move, "disks", "copying disks", disks_mib)
    else:
        _trace(fleet, job, move)


def _trace(fleet: Fleet, job: JobRecord, move: Move) -> None:
    _timed(fleet, job, "tracing", jobs.lasting(fleet, job, fleet.tuning.durations.trace_install), move.memory_from_pct)


def _traced(fleet: Fleet, job: JobRecord, move: Move) -> None:
    dirty, wws = dirtying(fleet, move.vm)
    move.precopy = Precopy(resident_mib(fleet, move.vm), dirty, wws)
    fleet.state.vms.speed[move.vm] = 1.0 - fleet.tuning.move.precopy_slowdown
    _stream(fleet, job, move, "memory", "pre-copy", move.precopy.size_mib)


def _stream(fleet: Fleet, job: JobRecord, move: Move, stage: str, phase: str, size_mib: float) -> None:
    """Begin to send bytes; `stream_ended` is called when they are through."""
    move.stage, move.left_mib, move.rate_mibps = stage, size_mib, 0.0
    move.settled_s = move.round_s = fleet.now_s
    if job.phase != phase:
        jobs.show(fleet, job, phase, 0.0, 95.0)
        _tell_phase(fleet, job)
    fleet.links_changed = True


def stream_ended(fleet: Fleet, op_id: str) -> None:
    job, move = fleet.state.jobs[op_id], fleet.state.moves[op_id]
    move.settle(fleet.now_s)
    stage, move.left_mib = move.stage, 0.0
    jobs.guarded(fleet, job, lambda f, j: _STREAMED[stage](f, j, move))


def _disks_sent(fleet: Fleet, job: JobRecord, move: Move) -> None:
    move.sent_mib = move.disks_mib
    _still(fleet, job, move, move.disks_until_pct)
    _break_if_doomed(job, fleet, move)
    if move.live and move.destination != move.source:
        _trace(fleet, job, move)
    else:
        _switch(fleet, job, move, fleet.tuning.move.storage_switch_s if move.live else 0.2)


def _round_sent(fleet: Fleet, job: JobRecord, move: Move) -> None:
    """A round is through: switch over if the rest is small, else send what was dirtied meanwhile."""
    model, precopy = fleet.tuning.move, move.precopy
    move.rounds.append([round(fleet.now_s - move.round_s, 3), round(precopy.size_mib, 1)])
    _break_if_doomed(job, fleet, move)
    ready = precopy.close_round(fleet.now_s - move.round_s, move.rate_mibps, model)
    if move.bitmap_resume and not ready:
        precopy.last_mib, ready = precopy.size_mib, True
    if not ready:
        precopy.dirty_mibps, precopy.wws_mib = dirtying(fleet, move.vm)
        fleet.state.vms.speed[move.vm] = (1.0 - model.precopy_slowdown) * precopy.sigma
        _stream(fleet, job, move, "memory", "pre-copy", precopy.size_mib)
        return
    rest = precopy.last_mib
    if move.bitmap_resume:
        rest = float(fleet.state.vms.memory_mib[move.vm]) * BITMAP_MIB_PER_MIB
    seconds = rest / move.rate_mibps + model.fix_s
    _still(fleet, job, move, 95.0)
    _switch(fleet, job, move, seconds)


def _still(fleet: Fleet, job: JobRecord, move: Move, reached_pct: float) -> None:
    """The stream has ended, at this progress."""
    move.stage, move.rate_mibps = "", 0.0
    job.band = (reached_pct, reached_pct)
    fleet.links_changed = True


def _break_if_doomed(job: JobRecord, fleet: Fleet, move: Move) -> None:
    if job.work.get("doomed"):
        raise faults.MigrationFault(name=fleet.vm_name(move.vm), reason="the connection between the hosts broke")


def _switch(fleet: Fleet, job: JobRecord, move: Move, seconds: float) -> None:
    """The guest stands still while the last pages, device state and file locks change hands: no way back from here."""
    job.cancelable = False
    move.downtime_s = seconds if move.live else 0.0
    _timed(fleet, job, "switchover", seconds, 99.0)


def _switched(fleet: Fleet, job: JobRecord, move: Move) -> None:
    hand_over(fleet, job, move)
    fleet.state.vms.speed[move.vm] = 1.0
    if move.bitmap_resume and move.live and move.destination != move.source:
        fleet.state.vms.speed[move.vm] = fleet.tuning.move.after_copy_speed
        _stream(fleet, job, move, "marked", "sending marked pages", move.precopy.last_mib)
    else:
        _commit(fleet, job, move)


def hand_over(fleet: Fleet, job: JobRecord, move: Move) -> None:
    """The one step in which the owner changes: host, disks, pool; reservations follow by themselves."""
    state, vms = fleet.state, fleet.state.vms
    if job.args.get("spec"):
        pool = int(vms.pool[move.vm])
        describe.put_vm(fleet, vm_from_plain(job.args["spec"]), move.destination)
        if vms.pool[move.vm] < 0:  # the pool was removed meanwhile: its machines went to the one above it
            vms.pool[move.vm] = pool
    for row in fleet.disks_of(move.vm):
        store = move.disks.get(str(int(state.disks.key[row])))
        if store is not None:
            state.disks.datastore[row] = describe.datastore(fleet, store)
    vms.host[move.vm] = move.destination
    if job.args.get("pool"):
        vms.pool[move.vm] = state.pool_ids.find(str(job.args["pool"]))
    if move.disks and fleet.disks_of(move.vm):
        first = min(fleet.disks_of(move.vm), key=lambda row: int(state.disks.key[row]))
        vms.home[move.vm] = state.disks.datastore[first]
    job.work.pop("claim", None)
    job.work.pop("bytes", None)
    move.switched = True
    fleet.changed()
    host = state.host_ids.uuids[move.destination]
    fleet.emit(Happening.VM_MOVED, job.target, job.op_id, host=host, disks=dict(move.disks))


def _marked_sent(fleet: Fleet, job: JobRecord, move: Move) -> None:
    _still(fleet, job, move, 99.0)
    fleet.state.vms.speed[move.vm] = 1.0
    _commit(fleet, job, move)


def _commit(fleet: Fleet, job: JobRecord, move: Move) -> None:
    _timed(fleet, job, "committing", jobs.lasting(fleet, job, fleet.tuning.durations.commit), 100.0)


def _registered(fleet: Fleet, job: JobRecord, move: Move) -> None:
    job.cancelable = False
    hand_over(fleet, job, move)
    _committed(fleet, job, move)


def _committed(fleet: Fleet, job: JobRecord, move: Move) -> None:
    result = summary(move)
    job.detail = result
    _forget(fleet, job)
    if move.disks:
        guests.tell_sizes(fleet, move.vm)
    host = fleet.state.host_ids.uuids[move.destination]
    jobs.done(fleet, job, host=host, disks=dict(move.disks), **result)


def summary(move: Move) -> dict[str, Any]:
    precopy = move.precopy
    return {
        "round": precopy.round, "sent_mib": round(move.sent_mib + precopy.sent_mib + precopy.last_mib, 1),
        "downtime_s": round(move.downtime_s, 4), "sigma": round(precopy.sigma, 4), "rounds": [*move.rounds],
    }  # fmt: skip


def _undo(fleet: Fleet, job: JobRecord) -> None:
    """A move that ends early leaves the VM where its owner is, at full speed."""
    move = fleet.state.moves.get(job.op_id)
    if move is not None:
        job.detail = summary(move)
        fleet.state.vms.speed[move.vm] = 1.0
        _forget(fleet, job)


def _forget(fleet: Fleet, job: JobRecord) -> None:
    del fleet.state.moves[job.op_id]
    fleet.state.timers.cancel("stall", job.op_id)
    fleet.links_changed = True


def _let_suspend(fleet: Fleet, move_job: JobRecord) -> None:
    """A suspend that met this move goes on, on whichever host the VM is now."""
    job = fleet.state.jobs.get(fleet.busy().get(move_job.target, ""))
    if job is not None and job.kind == Op.SUSPEND:
        jobs.guarded(fleet, job, OPERATIONS[Op.SUSPEND].begin)


_AFTER: dict[str, Callable[[Fleet, JobRecord, Move], None]] = {
    "validating": _validated,
    "preparing": _prepared,
    "tracing": _traced,
    "registering": _registered,
    "switchover": _switched,
    "committing": _committed,
}
_STREAMED: dict[str, Callable[[Fleet, JobRecord, Move], None]] = {
    "disks": _disks_sent,
    "memory": _round_sent,
    "marked": _marked_sent,
}
OPERATIONS[Op.MIGRATE] = Operation(_begin, _next, _undo, precheck.cost, _let_suspend)


# --- the guest ---
def resident_mib(fleet: Fleet, slot: int) -> float:
    """Memory to send: what the host backs; zero pages are skipped."""
    vms, p = fleet.state.vms, fleet.tuning.physics
    resident = float(vms.touched_mib[slot]) * (1 - p.shared_ratio) - float(
        vms.balloon_mib[slot] + vms.swapped_mib[slot]
    )
    return max(1.0, resident - p.compress_saving * float(vms.compressed_mib[slot]))


def dirtying(fleet: Fleet, slot: int) -> tuple[float, float]:
    """(dirty rate MiB/s, writable working set MiB) of a guest now: its archetype's, by how busy it is."""
    vms = fleet.state.vms
    if vms.paused[slot] or vms.power[slot] != Power.ON:
        return 0.0, 0.0
    if vms.hog[slot] & Hog.MEMORY:
        return HOG_DIRTY_MIBPS, 0.95 * float(vms.memory_mib[slot])
    kind = int(vms.archetype[slot])
    busy = min(BUSIEST, float(vms.load[slot]) / max(0.05, float(vms.base[slot])))
    return float(DIRTY_MIBPS[kind]) * busy, max(64.0, float(WWS_RATIO[kind]) * float(vms.active_mib[slot]))


# --- bandwidth ---
def share_bandwidth(fleet: Fleet) -> None:
    """Give every stream its max-min fair rate; a stream without a link waits, and fails after 20 s."""
    fleet.links_changed = False
    moves = [m for m in fleet.state.moves.values() if m.streaming]
    if not moves:
        return
    capacity: dict[str, float] = {}
    flows = [precheck.links(fleet, move, capacity) for move in moves]
    for move, rate in zip(moves, fair_rates(flows, capacity), strict=True):
        if rate != move.rate_mibps:
            move.settle(fleet.now_s)
            move.rate_mibps = rate
        _watch_stall(fleet, move)


def _watch_stall(fleet: Fleet, move: Move) -> None:
    if move.rate_mibps > 0:
        move.stalled_s = -1.0
        fleet.state.timers.cancel("stall", move.op_id)
    elif move.stalled_s < 0:
        move.stalled_s = fleet.now_s
        fleet.state.timers.set("stall", move.op_id, fleet.now_s + fleet.tuning.durations.link_loss)


def stalled(fleet: Fleet, op_id: str) -> None:
    """The link did not come back. After the owner has changed, the pages that never came take the guest down."""
    job, move = fleet.state.jobs[op_id], fleet.state.moves[op_id]
    _abort(fleet, job, move, faults.Timedout(timeout_s=int(fleet.tuning.durations.link_loss)))


def _abort(fleet: Fleet, job: JobRecord, move: Move, fault: faults.MethodFault) -> None:
    torn = move.stage == "marked"
    jobs.fail(fleet, job, fault)
    if torn and fleet.state.vms.power[move.vm] == Power.ON:
        guests.stop(fleet, move.vm, "crash")


def links_changed(fleet: Fleet) -> None:
    """A NIC or a datastore came or went: rates are shared anew after this event."""
    fleet.links_changed = True


def next_end(fleet: Fleet) -> tuple[float, str]:
    """When the next stream ends, and which."""
    best = (float("inf"), "")
    for move in fleet.state.moves.values():
        ends_s = move.ends_s()
        if ends_s < best[0]:
            best = (ends_s, move.op_id)
    return best


def host_lost(fleet: Fleet, host: int, alive: bool = False) -> None:
    """A host is gone, or (`alive`) only its agent hangs: its moves end. A finished switchover stands."""
    fault = faults.HostNotConnected(host=fleet.host_name(host))
    for move in [m for m in fleet.state.moves.values() if host in (m.source, m.destination)]:
        job = fleet.state.jobs[move.op_id]
        only_source = host == move.source != move.destination
        if move.switched and only_source and move.stage != "marked":
            continue
        _abort(fleet, job, move, fault)


def load_on_hosts(fleet: Fleet) -> HostLoad:
    """What moves take from each host: helper threads on both ends, memory that fills up at the destination."""
    hosts, model = fleet.state.hosts, fleet.tuning.move
    cpu, memory, reserved = np.zeros(hosts.size), np.zeros(hosts.size), np.zeros(hosts.size)
    for move in fleet.state.moves.values():
        if move.streaming and move.live:
            cores = max(model.min_core, model.core_per_gbps * move.rate_mibps * 8 / 1000)
            for host in move.ends:
                cpu[host] += cores * float(hosts.core_mhz[host])
                reserved[host] += cores * float(hosts.core_mhz[host]) * move.high
        if move.live and not move.switched and move.destination != move.source and move.total_mib:
            overhead = fleet.memory_claim(move.vm) - float(fleet.state.vms.mem_reservation_mib[move.vm])
            memory[move.destination] += overhead + resident_mib(fleet, move.vm)
    return HostLoad(cpu, memory, reserved)


def note_idle(fleet: Fleet, layout: Layout, cpu: CpuTick, load: HostLoad) -> None:
    """Remember what each host's VMs leave; regular copies live on that, so their rates are looked at anew."""
    used = np.bincount(layout.host, cpu.used, len(layout.running))
    fleet.state.hosts.idle_mhz[:] = np.maximum(0.0, layout.cpu_mhz - used - load.reserved_mhz)
    if any(move.streaming for move in fleet.state.moves.values()):
        fleet.links_changed = True
