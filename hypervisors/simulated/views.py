"""How jobs look from outside at a moment: computed from the state, never written to it."""

from __future__ import annotations

from hypervisors.port import Job, JobState
from hypervisors.simulated.moves import Move, Prediction, predict, predict_bitmap
from hypervisors.simulated.records import JobRecord, Plain
from hypervisors.simulated.state import FleetState
from hypervisors.simulated.tuning import Tuning

FIRST_ROUND_PART = 0.8  # of the memory's progress band; every later round takes half of what is left


def jobs(state: FleetState, tuning: Tuning) -> tuple[Job, ...]:
    """Active jobs and those whose end is still in the outbox, in order of arrival."""
    first = state.outbox[0].seq if state.outbox else state.seq + 1
    return tuple(view(state, j, tuning) for j in state.jobs.values() if j.active or j.end_seq >= first)


def job(state: FleetState, op_id: str, tuning: Tuning) -> Job | None:
    record = state.jobs.get(op_id)
    return None if record is None else view(state, record, tuning)


def view(state: FleetState, record: JobRecord, tuning: Tuning) -> Job:
    move = state.moves.get(record.op_id)
    if move is None or record.state != JobState.RUNNING:
        return record.view(state.now_s)
    detail = migration_detail(state, move, tuning)
    return record.view(state.now_s, migration_progress(state, record, move), detail)


def migration_progress(state: FleetState, record: JobRecord, move: Move) -> float:
    """Progress by bytes while something streams, by time in the other phases."""
    if move.stage == "disks":
        part = 1.0 - move.left_at(state.now_s) / max(move.disks_mib, 1e-9)
        return 15.0 + part * (move.disks_until_pct - 15.0)
    if move.stage == "memory":
        low = move.memory_from_pct
        return low + (95.0 - low) * memory_part(move, state.now_s)
    return record.progress_pct(state.now_s)


def memory_part(move: Move, now_s: float) -> float:
    """How far the pre-copy is, 0..1: by bytes in a round; each round after the first takes half of what is left."""
    part = 1.0 - move.left_at(now_s) / max(move.precopy.size_mib, 1e-9)
    if move.precopy.round == 0:
        return FIRST_ROUND_PART * part
    rest = (1.0 - FIRST_ROUND_PART) * 0.5 ** (move.precopy.round - 1)
    return 1.0 - rest * (1.0 - 0.5 * part)


def migration_detail(state: FleetState, move: Move, tuning: Tuning) -> Plain:
    now_s, precopy = state.now_s, move.precopy
    left = move.left_at(now_s)
    memory = move.stage == "memory"
    flowing = precopy.size_mib - left if memory else max(0.0, move.disks_mib - left) if move.stage == "disks" else 0.0
    forecast = _forecast(state, move, tuning, left) if memory and move.rate_mibps > 0 else None
    eta = forecast.total_s if forecast else left / move.rate_mibps if move.rate_mibps > 0 else None
    return {
        "round": precopy.round + int(memory),
        "sent_mib": round(move.sent_mib + precopy.sent_mib + flowing, 1), "left_mib": round(left, 1),
        "total_mib": round(move.total_mib, 1), "dirty_mibps": round(precopy.dirty_mibps * precopy.sigma, 1),
        "bandwidth_mibps": round(move.rate_mibps, 1), "sigma": round(precopy.sigma, 4),
        "eta_s": None if eta is None else round(now_s + eta, 2),
        "predicted_downtime_s": round(forecast.downtime_s, 4) if forecast else None,
        "downtime_s": round(move.downtime_s, 4) if move.downtime_s else None, "rounds": [*move.rounds],
    }  # fmt: skip


def _forecast(state: FleetState, move: Move, tuning: Tuning, left: float) -> Prediction:
    if move.bitmap_resume:
        memory = float(state.vms.memory_mib[move.vm])
        return predict_bitmap(move.precopy, memory, move.rate_mibps, tuning.move)
    return predict(move.precopy, move.rate_mibps, tuning.move, left)
