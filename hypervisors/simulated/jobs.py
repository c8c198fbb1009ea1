"""The life of an operation: queued -> running (phases) -> done | failed, every edge with its event.

An operation is accepted once per `op_id`; the second time nothing happens. A job holds its target: a second
operation on it fails with `TaskInProgress`, except those in `MEANWHILE`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from domain import faults
from domain.faults import MethodFault
from hypervisors.port import Command, Happening, JobState, Op
from hypervisors.simulated.fleet import Fleet
from hypervisors.simulated.records import JobRecord
from hypervisors.simulated.tuning import KEPT_JOBS

Step = Callable[[Fleet, JobRecord], None]
MALFORMED = (KeyError, ValueError, TypeError, AttributeError)
MEANWHILE = {Op.SUSPEND.value: {Op.MIGRATE.value}}  # a suspend may meet a move: it ends suspended at the destination


@dataclass(frozen=True, slots=True)
class Operation:
    """`begin` checks, raises a fault or enters the first phase; `next` is called when a phase's time is over.

    `cost` names what the job occupies in cost units (see queue.py); None: it never waits. `undo` takes back what a
    cancelled or failed job has done so far; `ended` is called after the end, whatever it was.
    """

    begin: Step
    next: Step
    undo: Step | None = None
    cost: Callable[[Fleet, JobRecord], dict[str, int]] | None = None
    ended: Step | None = None


OPERATIONS: dict[str, Operation] = {}


def accept(fleet: Fleet, command: Command) -> None:
    """Take a command as a job; a known `op_id` changes nothing."""
    state = fleet.state
    if command.op_id in state.jobs:
        return
    holder = fleet.busy().get(command.target, "")
    state.jobs_seen += 1
    job = JobRecord(command.op_id, command.kind, command.target, dict(command.args), state.jobs_seen)
    job.from_s = job.to_s = fleet.now_s
    state.jobs[job.op_id] = job
    if holder and state.jobs[holder].kind not in MEANWHILE.get(job.kind, ()):
        fail(fleet, job, faults.TaskInProgress(name=_name(fleet, job.target), task=holder))
        return
    operation = OPERATIONS.get(job.kind)
    if operation is None:
        fail(fleet, job, faults.NotSupported(reason=job.kind))
        return
    fleet.hold(job)
    job.cancelable = True
    if operation.cost is None:
        start(fleet, job)
    else:
        _guarded_entry(fleet, job, _enqueue)


def _enqueue(fleet: Fleet, job: JobRecord) -> None:
    cost = OPERATIONS[job.kind].cost
    assert cost is not None
    job.phase, job.work["cost"] = "queued", cost(fleet, job)
    fleet.queue_changed = True


def start(fleet: Fleet, job: JobRecord) -> None:
    """Leave the queue: the operation's checks, then its first phase."""
    job.state = JobState.RUNNING.value
    fleet.emit(Happening.JOB_STARTED, job.target, job.op_id)
    _guarded_entry(fleet, job, OPERATIONS[job.kind].begin)
    fleet.claimed(job)


def guarded(fleet: Fleet, job: JobRecord, step: Step) -> bool:
    """Run a step of a job; a fault ends the job."""
    try:
        step(fleet, job)
    except MethodFault as fault:
        fail(fleet, job, fault)
        return False
    return True


def _guarded_entry(fleet: Fleet, job: JobRecord, step: Step) -> None:
    """`guarded`, for the steps that read the arguments: a malformed command must not stop the fleet."""
    try:
        guarded(fleet, job, step)
    except MALFORMED as error:
        fail(fleet, job, faults.InvalidArgument(property="args", reason=f"{type(error).__name__}: {error}"))


def show(fleet: Fleet, job: JobRecord, phase: str, seconds: float, until_pct: float = 100.0) -> None:
    """Begin a phase that brings progress up to `until_pct`; something else will end it."""
    job.band = (job.progress_pct(fleet.now_s), until_pct)
    job.phase, job.from_s, job.to_s = phase, fleet.now_s, fleet.now_s + seconds


def enter(fleet: Fleet, job: JobRecord, phase: str, seconds: float, until_pct: float = 100.0) -> None:
    """Begin a timed phase that brings progress up to `until_pct`; `next` is called at its end."""
    show(fleet, job, phase, seconds, until_pct)
    fleet.state.timers.set("job", job.op_id, job.to_s)


def on_timer(fleet: Fleet, op_id: str) -> None:
    job = fleet.state.jobs[op_id]
    if job.state == JobState.RUNNING:
        guarded(fleet, job, OPERATIONS[job.kind].next)


def done(fleet: Fleet, job: JobRecord, **result: Any) -> None:
    _end(fleet, job, JobState.DONE)
    fleet.claims_changed()
    job.end_seq = fleet.emit(Happening.JOB_DONE, job.target, job.op_id, result=result)
    _after(fleet, job)


def fail(fleet: Fleet, job: JobRecord, fault: MethodFault) -> None:
    """End a job with a fault; what it had begun is undone."""
    operation = OPERATIONS.get(job.kind)
    if fleet.counts(job):
        fleet.claims_changed()
    if operation is not None and operation.undo is not None and job.state == JobState.RUNNING:
        operation.undo(fleet, job)
        fleet.claims_changed()
    job.fault = fault.to_dict()
    _end(fleet, job, JobState.FAILED)
    job.end_seq = fleet.emit(Happening.JOB_FAILED, job.target, job.op_id, fault=job.fault)
    _after(fleet, job)


def _after(fleet: Fleet, job: JobRecord) -> None:
    operation = OPERATIONS.get(job.kind)
    if operation is not None and operation.ended is not None:
        operation.ended(fleet, job)


def _end(fleet: Fleet, job: JobRecord, state: JobState) -> None:
    job.band = (job.progress_pct(fleet.now_s), job.band[1])
    job.state, job.cancelable, job.hosts = state.value, False, ()
    job.from_s = job.to_s = fleet.now_s
    fleet.queue_changed |= "cost" in job.work
    job.work = {}
    fleet.state.timers.cancel("job", job.op_id)
    fleet.release(job)


def cancel(fleet: Fleet, op_id: str, user: str) -> None:
    """Stop a job that may still be stopped; otherwise nothing happens."""
    job = fleet.state.jobs.get(op_id)
    if job is not None and job.active and job.cancelable:
        fail(fleet, job, faults.RequestCanceled(user=user))


def host_lost(fleet: Fleet, host: int) -> None:
    """Jobs that needed this host alive end with the truth. Moves look after themselves (see migration.py)."""
    fault = faults.HostNotConnected(host=fleet.host_name(host))
    for job in [j for j in fleet.state.jobs.values() if j.active and host in j.hosts]:
        if job.active and job.kind != Op.MIGRATE:
            fail(fleet, job, fault)


def prune(fleet: Fleet) -> None:
    """Forget the oldest ended jobs whose end has been acknowledged, beyond the number kept."""
    jobs = fleet.state.jobs
    first = fleet.state.outbox[0].seq if fleet.state.outbox else fleet.state.seq + 1
    ended = [j for j in jobs.values() if not j.active and j.end_seq < first]
    for job in ended[: max(0, len(ended) - KEPT_JOBS)]:
        del jobs[job.op_id]


def _name(fleet: Fleet, uuid: str) -> str:
    for ids in (fleet.state.vm_ids, fleet.state.host_ids):
        slot = ids.find(uuid)
        if slot >= 0:
            return ids.names[slot]
    return uuid


def lasting(fleet: Fleet, job: JobRecord, bounds: tuple[float, float]) -> float:
    """This job's draw from a range of durations."""
    return fleet.between(bounds, job.op_id, len(job.phase))
