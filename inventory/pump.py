"""The heartbeat of a vCenter: advance its fleet to now, record what happened, look after its tasks.

Exactly once: the fleet keeps every event in its outbox until the inventory acknowledges it. One transaction records the
events and the number of the last one (`VCenter.fleet_seq`), so a crash anywhere repeats or skips nothing. If the
fleet's state was lost or is older than what is recorded, it is rebuilt from the inventory and running operations are
started again (they are idempotent by task id).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils.timezone import now

from domain import faults
from domain.counters import REALTIME_S, row
from domain.states import TaskState
from hypervisors.port import Driver, FleetEvent, FleetLost, Job, JobState, Poll
from inventory import fleet, happenings, live, metrics, specs
from inventory.journal import Change, changing
from inventory.models import Datastore, Task, VCenter
from inventory.operations import REGISTRY, base
from inventory.prepared import Prepared, PreparedModels

log = structlog.get_logger(__name__)
# A command may be on its way between the commit that wrote its version and the fleet's list for this long.
VERSION_GRACE_S = 3.0
PROGRESS_STEP_PCT = 2


@dataclass(frozen=True, slots=True)
class Beat:
    """What listeners (alarms, DRS, HA, exercises) learn of one pump."""

    vcenter: VCenter
    before_s: float
    now_s: float
    events: Sequence[FleetEvent]
    jobs: Sequence[Job]
    operations: frozenset[str] = frozenset()  # of the tasks that were live when the beat looked after them


Recording = Callable[[Change, Sequence[FleetEvent]], None]
# What must not be forgotten should this process die right after the events are recorded: in the same transaction.
RECORDERS: list[Recording] = []
LISTENERS: list[Callable[[Beat], None]] = []
# Asked before an idle beat is left out: does anybody need the time between two samples?
WATCHERS: list[Callable[[VCenter], bool]] = []
_behind_since: dict[int, tuple[int, float]] = {}

_LIVE = (TaskState.QUEUED, TaskState.RUNNING)
_active = PreparedModels(lambda pk: VCenter.objects.filter(pk=pk, active=True).order_by())
_live_operations = Prepared(
    lambda pk: Task.objects.filter(vcenter=pk, state__in=_LIVE).order_by().values_list("operation")
)
_stores = Prepared(
    lambda pk: Datastore.objects.filter(vcenter=pk).order_by().values_list("pk", "slot", "used_bytes", "capacity_bytes")
)


def pump(vcenter_id: int) -> bool:
    """One beat. False where another process has the lease, or the vCenter is not active."""
    vcenter = _read(vcenter_id)
    if vcenter is None:
        return False
    if _idle(vcenter):
        return True
    with metrics.asked_once():
        with fleet.leased(vcenter) as token:
            # Read again: until the lease was ours somebody may have turned the clock, or recorded events.
            current = _read(vcenter_id) if token is not None else None
            if token is None or current is None or current.timeline != vcenter.timeline:
                return False
            beat = _beat(current, current.lab_seconds(), token)
        for listener in LISTENERS:
            listener(beat)
    return True


def _read(vcenter_id: int) -> VCenter | None:
    """The vCenter as it is now; None where it is gone or not active."""
    return _active.first(vcenter_id)


def _idle(vcenter: VCenter) -> bool:
    """True where this beat could change nothing: no sample is due, no command or task waits, nobody else wants it.

    Timers of the fleet between two samples are then seen with the next sample, stamped with their own time.
    """
    mark = fleet.store_of(vcenter).marked()
    if mark is None or (mark.version, mark.seq) != (vcenter.config_version, vcenter.fleet_seq) or mark.waits:
        return False
    if int(mark.now_s // REALTIME_S) != int(vcenter.lab_seconds() // REALTIME_S):
        return False
    return not _live_operations.any(vcenter.pk) and not any(wants(vcenter) for wants in WATCHERS)


def _beat(vcenter: VCenter, until_s: float, token: int) -> Beat:
    driver = _sound(vcenter, fleet.driver_for(vcenter, token), token)
    before_s = driver.now_s
    poll = _polled(vcenter, driver, until_s, token)
    fresh = [e for e in poll.events if e.seq > vcenter.fleet_seq]
    _record(vcenter, poll, fresh)
    if poll.events:
        driver.acknowledge(vcenter.fleet_seq)
    _store_samples(vcenter, poll)
    operations = _look_after_tasks(vcenter, poll)
    fleet.store_of(vcenter).mark(driver.version, vcenter.fleet_seq, poll.now_s)
    return Beat(vcenter, before_s, poll.now_s, fresh, poll.jobs, operations)


def _polled(vcenter: VCenter, driver: Driver, until_s: float, token: int) -> Poll:
    """Poll; a state that cannot be read (written by another version, say) is built anew first."""
    try:
        return driver.poll(until_s)
    except FleetLost as lost:
        _rebuild(vcenter, driver, token, str(lost))
        return driver.poll(until_s)


def _rebuild(vcenter: VCenter, driver: Driver, token: int, why: str) -> None:
    log.warning("fleet.rebuild", vcenter=str(vcenter.uuid), reason=why)
    fleet.store_of(vcenter).hold_longer(token, fleet.REBUILD_LEASE_MS)
    driver.rebuild(specs.inventory_of(vcenter))
    _behind_since.pop(vcenter.pk, None)


def _sound(vcenter: VCenter, driver: Driver, token: int) -> Driver:
    """The driver, rebuilt first where its state is missing, older than the record, or has missed a command."""
    why = _unsound(vcenter, driver)
    if why:
        _rebuild(vcenter, driver, token, why)
    return driver


def _unsound(vcenter: VCenter, driver: Driver) -> str:
    if driver.version < 0:
        return "no state"
    if driver.last_seq < vcenter.fleet_seq:
        return "older than the record"
    if driver.version == vcenter.config_version or driver.has_pending:
        _behind_since.pop(vcenter.pk, None)
        return ""
    seen, since = _behind_since.get(vcenter.pk, (-1, 0.0))
    moment = now().timestamp()
    if seen != driver.version:
        _behind_since[vcenter.pk] = (driver.version, moment)
        return ""
    return "missed a command" if moment - since > VERSION_GRACE_S else ""


def _record(vcenter: VCenter, poll: Poll, fresh: Sequence[FleetEvent]) -> None:
    if not fresh:
        return
    with changing(vcenter, lab_s=poll.now_s) as change:
        seq = fresh[-1].seq
        moved = VCenter.objects.filter(pk=vcenter.pk, fleet_seq=vcenter.fleet_seq).update(fleet_seq=seq)
        if not moved:
            raise faults.ConcurrentAccess(name=vcenter.name)
        happenings.apply(change, fresh)
        for recorder in RECORDERS:
            _guarded(recorder, change, fresh)
    vcenter.fleet_seq = seq


def _guarded(recorder: Recording, change: Change, fresh: Sequence[FleetEvent]) -> None:
    """A recorder with a fault must not stop what comes after it; where the database fails, the beat comes again."""
    try:
        with transaction.atomic():
            recorder(change, fresh)
    except happenings.COMES_AGAIN:
        raise
    except Exception:
        log.exception("pump.recorder", recorder=recorder.__qualname__, vcenter=str(change.vcenter.uuid))


def _store_samples(vcenter: VCenter, poll: Poll) -> None:
    if not poll.samples:
        return
    metrics.record_all(vcenter, poll.samples, metrics.kept_membership(vcenter))
    _store_usage(vcenter, poll)
    live.publish(vcenter, [("figures", poll.now_s)])


def _store_usage(vcenter: VCenter, poll: Poll) -> None:
    """Space used per datastore, where it changed by more than 1/1000 of the capacity."""
    used_kib = poll.samples[-1].datastore[row("datastore", 281)]
    for pk, slot, known, capacity in _stores.rows(vcenter.pk):
        if slot >= len(used_kib) or not used_kib[slot] >= 0:
            continue
        used = int(float(used_kib[slot]) * 1024)
        if abs(used - known) > capacity // 1000:
            Datastore.objects.filter(pk=pk).update(used_bytes=used)


def _look_after_tasks(vcenter: VCenter, poll: Poll) -> frozenset[str]:
    """Show progress; submit what waits; send again what the fleet does not know; give up after enough attempts.

    Returns the operations of the tasks that were live.
    """
    operations = frozenset(_live_operations.column(vcenter.pk))
    if not operations:
        return operations
    live = list(Task.objects.filter(vcenter=vcenter, state__in=_LIVE).order_by("id"))
    jobs = {job.op_id: job for job in poll.jobs}
    with changing(vcenter, lab_s=poll.now_s) as change:
        _show_progress(change, live, jobs)
    for task in live:
        if _forgotten(task, jobs):
            submit(task.pk)
    return operations


def _forgotten(task: Task, jobs: dict[str, Job]) -> bool:
    """True where the fleet should know the task by now and does not."""
    operation = REGISTRY.get(task.operation)
    due = task.lease_until is None or task.lease_until < now()
    return operation is not None and operation.by_fleet and due and str(task.pk) not in jobs


def _show_progress(change: Change, tasks: Sequence[Task], jobs: dict[str, Job]) -> None:
    moved = []
    for task in tasks:
        job = jobs.get(str(task.pk))
        if job is not None and job.state in (JobState.QUEUED, JobState.RUNNING) and _advanced(task, job):
            moved.append(task)
            change.fact("task.changed", task.pk)
    if moved:
        Task.objects.bulk_update(moved, ["progress_pct", "phase", "cancelable", "detail", "lease_until"])


def _advanced(task: Task, job: Job) -> bool:
    """Take over a job's progress; True where a person would see the difference. Progress never goes back."""
    progress = max(task.progress_pct or 0, min(99, int(job.progress_pct)))
    step = progress - (task.progress_pct or 0) >= PROGRESS_STEP_PCT
    changed = step or task.phase != job.phase or task.cancelable != job.cancelable
    task.lease_until = now() + base.LEASE
    task.phase, task.cancelable, task.detail = job.phase, job.cancelable, dict(job.detail)
    if task.state == TaskState.RUNNING:
        task.progress_pct = progress
    return changed or bool(job.detail)


def submit(task_id: int) -> bool:
    """Claim a task whose lease is free (one conditional UPDATE, so one process wins) and hand its commands over."""
    moment = now()
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=moment)
    claimed = Task.objects.filter(free, pk=task_id, state__in=(TaskState.QUEUED, TaskState.RUNNING)).update(
        lease_until=moment + base.LEASE, attempts=_next_attempt(task_id)
    )
    if not claimed:
        return False
    task = Task.objects.select_related("vcenter", "initiator").get(pk=task_id)
    try:
        if task.attempts > base.MAX_ATTEMPTS:
            raise faults.SystemError_(reason="the hypervisors did not take it over")
        commands = list(REGISTRY[task.operation].commands(task))
    except faults.MethodFault as fault:
        with changing(task.vcenter) as change:
            base.fail(change, task, fault)
        return False
    if commands:
        fleet.send(task.vcenter, commands, task.queued_lab_s)
    return True


def _next_attempt(task_id: int) -> int:
    attempts = Task.objects.filter(pk=task_id).values_list("attempts", flat=True).first()
    return (attempts or 0) + 1
