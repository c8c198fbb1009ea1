"""Replaying a recorded day of a cluster through policies: asking for it, and running it in a worker, policy by policy.

Nothing of the inventory is touched. A job of the worker runs one policy and asks for the next, so that other jobs get
their turn; a lease in the row keeps two workers from running the same one.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
from celery import current_app
from celery.exceptions import SoftTimeLimitExceeded
from django.db import transaction
from django.db.models import Q
from django.utils.timezone import now

from domain import faults
from domain.states import TaskState
from domain.testbed import PUBLISHED, HostModel
from domain.text import _
from domain.traces import TraceError, TraceSet
from inventory.journal import changing
from inventory.models import Cluster, Task
from inventory.operations import base
from inventory.services.base import check, submit
from inventory.waking import tell
from scheduler import operations, recording
from scheduler.engine.replay import POLICIES, SEMANTICS, PlacementError, ReplayError, Setting, bound_kwh, own_setting
from scheduler.engine.replay import run_policy as run_one
from scheduler.engine.replay import setting as published_setting
from scheduler.models import Replay
from scheduler.selectors import recorded

assert operations
log = structlog.get_logger(__name__)
RUN_TASK = "scheduler.tasks.run_replay"  # by name: tasks stand above services
PRIVILEGE = "Resource.ApplyRecommendation"
KEPT = 10  # replays of one cluster
MOST_VMS = 2_000
DAY_S = 86_400
LEAST_SAMPLES = 12
STEP_RANGE_S = (20.0, 3600.0)
LEASE = timedelta(seconds=60)
NOTE_S = 1.0  # between two looks at the task: progress out, cancel in
GIVEN_UP = timedelta(minutes=30)
LIMIT_S = 90.0  # of wall time for one policy
SITES = ("cluster", "published")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be replayed. `traces` None: the cluster's own recorded hours. `day` counts from 1."""

    policies: Sequence[str]
    semantics: str = "physical"
    site: str = "cluster"
    traces: TraceSet | None = None
    day: int = 1


def start(user: Any, cluster: Cluster, asked: Asked) -> Task:
    """Queue a replay. Raises a MethodFault for what cannot be replayed, TraceError for a day that a trace has not."""
    check(user, PRIVILEGE, cluster)
    policies = [name for name in POLICIES if name in set(asked.policies)]
    if not policies:
        raise faults.InvalidArgument(property="policies", reason=_("choose at least one policy"))
    if asked.semantics not in SEMANTICS or asked.site not in SITES:
        raise faults.InvalidArgument(property="semantics", reason=_("choose one of the list"))
    traces = _day(cluster, asked)
    hosts = recorded.machines(cluster) if asked.site == "cluster" else []
    if asked.site == "cluster" and not hosts:
        raise faults.InvalidState(name=cluster.name, reason=_("it has no hosts to replay a day on"))
    with changing(cluster.vcenter, user) as change:
        _alone(cluster)
        args = {"policies": policies, "semantics": asked.semantics, "source": traces.source}
        task = submit(change, "cluster.replay", cluster, args, exclusive=False)
        row = _row(cluster, asked, traces, hosts)
        row.task, row.policies, row.created_by, row.created_lab_s = task, policies, change.user_name, change.lab_s
        row.save()
        change.changed(cluster)
        transaction.on_commit(lambda: wake(row.pk))
    forget(cluster)
    return task


def _alone(cluster: Cluster) -> None:
    """One at a time: the row of the cluster is locked, so that two clicks follow each other."""
    Cluster.objects.select_for_update().get(pk=cluster.pk)
    if Replay.objects.filter(cluster=cluster, done=False).exists():
        raise faults.InvalidState(
            name=cluster.name, reason=_("a replay is running; wait for its end or cancel its task")
        )


def _day(cluster: Cluster, asked: Asked) -> TraceSet:
    """The samples of one day, few enough."""
    traces = asked.traces or recorded.own_day(cluster)
    if traces is None or (asked.traces is None and traces.sample_count < LEAST_SAMPLES):
        reason = (
            "less than one lab hour of its virtual machines is recorded; wait, speed up the clock or upload a trace"
        )
        raise faults.InvalidState(name=cluster.name, reason=reason)
    if traces.vm_count > MOST_VMS:
        raise faults.LimitExceeded(property="virtual machines", limit=MOST_VMS)
    if traces.step_s < STEP_RANGE_S[0]:
        raise faults.InvalidArgument(property="trace", reason=_("its samples are less than 20 s apart"))
    if traces.step_s > STEP_RANGE_S[1]:
        raise faults.InvalidArgument(property="trace", reason=_("its samples are more than an hour apart"))
    samples = max(2, round(DAY_S / traces.step_s))
    first = (asked.day - 1) * samples
    if asked.day < 1 or first > traces.sample_count - 2:
        raise TraceError(_("%(source)s has no day %(day)d"), source=traces.source, day=asked.day)
    return traces.window(first, first + samples)


def _row(cluster: Cluster, asked: Asked, traces: TraceSet, hosts: list[HostModel]) -> Replay:
    return Replay(
        cluster=cluster,
        origin="upload" if asked.traces is not None else "recorded",
        source=traces.source[:120],
        site=asked.site,
        semantics=asked.semantics,
        vms=traces.vm_count,
        hosts=len(hosts),
        samples=traces.sample_count,
        step_s=traces.step_s,
        machines=[asdict(host) for host in hosts],
        trace=recorded.packed(traces),
    )


def forget(cluster: Cluster) -> None:
    """Only the last few replays of a cluster are kept."""
    old = Replay.objects.filter(cluster=cluster, done=True).order_by("-id").values_list("id", flat=True)
    Replay.objects.filter(pk__in=list(old[KEPT:])).delete()


def results_of(row: Replay) -> dict[str, Any]:
    """Policy -> its row of figures with "series", in the order they were run."""
    return recording.unpack(bytes(row.results)) if row.results else {}


# --- in the worker ---------------------------------------------------------------------------------------------------
def run(replay_id: int) -> bool:
    """Run the next policy of a replay; True where one was run. Another worker's turn, or the end: False."""
    free = Q(running_until__isnull=True) | Q(running_until__lt=now())
    waiting = Replay.objects.filter(free, pk=replay_id, done=False)
    if not waiting.update(running_until=now() + LEASE):
        return False
    row = Replay.objects.select_related("cluster__vcenter", "task").get(pk=replay_id)
    if row.task is None or not row.task.live:
        Replay.objects.filter(pk=row.pk).update(done=True, trace=b"", running_until=None)
        return False
    try:
        more = _next(row)
    except (faults.MethodFault, PlacementError, ReplayError) as problem:
        _fail(row, problem)
        return False
    except SoftTimeLimitExceeded:
        _fail(row, faults.Timedout(timeout_s=int(LIMIT_S)))
        return False
    except Exception as error:  # or it would be tried for ever
        log.exception("replay.failed", replay=row.pk)
        _fail(row, faults.SystemError_(reason=type(error).__name__))
        return False
    Replay.objects.filter(pk=row.pk).update(running_until=None)
    if more:
        wake(row.pk)
    return True


def _next(row: Replay) -> bool:
    """Run the first policy without a result; whether another one waits."""
    results = results_of(row)
    left = [name for name in row.policies if name not in results]
    where = _setting(row)
    watch = _Watch(row, len(results), where.work.steps)
    watch.look()
    if row.bound_kwh is None:
        row.bound_kwh, row.hosts = bound_kwh(where.fleet, where.work, row.semantics), len(where.fleet)
    result = replace(run_one(where, left[0], watch=watch.step), bound_kwh=row.bound_kwh)
    row.results = recording.pack({**results, left[0]: {**result.to_dict(), "seconds": round(watch.seconds, 2)}})
    row.done = len(left) == 1
    if row.done:
        row.trace = b""
    with changing(row.cluster.vcenter) as change:
        row.save(update_fields=["results", "bound_kwh", "hosts", "done", "trace"])
        change.changed(row.cluster)
        if row.done and row.task is not None:
            base.finish(change, row.task, {"replay": row.pk})
    return not row.done


def _setting(row: Replay) -> Setting:
    traces = recorded.unpacked(bytes(row.trace))
    if row.site == "published":
        return published_setting(traces, PUBLISHED, row.semantics)
    hosts = [HostModel(**{**one, "watts": tuple(one["watts"])}) for one in row.machines]
    return own_setting(traces, PUBLISHED, row.semantics, hosts)


def _fail(row: Replay, problem: Exception) -> None:
    """End the task with the reason in words."""
    fault = problem if isinstance(problem, faults.MethodFault) else None
    if isinstance(problem, PlacementError):
        reason = _("a virtual machine of the trace fits on none of these hosts; choose the test bed")
        fault = faults.InvalidState(name=row.source, reason=reason)
    with changing(row.cluster.vcenter) as change:
        assert row.task is not None
        base.fail(change, row.task, fault or faults.InvalidState(name=row.source, reason=str(problem)))


class _Watch:
    """Follows a run: shows its progress, keeps the lease, and ends it where somebody cancelled or it takes too long."""

    def __init__(self, row: Replay, done: int, steps: int) -> None:
        self.row, self.done, self.steps = row, done, max(steps, 1)
        self.started = self.noted = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    def step(self, step: int) -> None:
        moment = time.monotonic()
        if moment - self.started > LIMIT_S:
            raise faults.Timedout(timeout_s=int(LIMIT_S))
        if moment - self.noted >= NOTE_S:
            self.noted = moment
            self.look(step)

    def look(self, step: int = 0) -> None:
        """Raises RequestCanceled where the task is to end."""
        task, row = self.row.task, self.row
        assert task is not None
        task.refresh_from_db(fields=["state", "cancel_requested", "result"])
        if task.cancel_requested or not task.live:
            raise faults.RequestCanceled(user=(task.result or {}).get("cancelled_by", ""))
        progress = 100 * (self.done + step / self.steps) / max(len(row.policies), 1)
        Replay.objects.filter(pk=row.pk).update(running_until=now() + LEASE)
        with changing(row.cluster.vcenter) as change:
            if task.state == TaskState.QUEUED:
                base.start(change, task, {})
            Task.objects.filter(pk=task.pk).update(progress_pct=min(99, int(progress)))
            change.fact("task.changed", task.pk)


def wake(replay_id: int) -> None:
    """Ask a worker for the next policy. Without a broker `wake_stranded` asks again."""
    tell(partial(current_app.send_task, RUN_TASK), replay_id)


def wake_stranded() -> int:
    """A worker that died, or a message that was lost: ask again; what is not through after all this time ends."""
    free = Q(running_until__isnull=True) | Q(running_until__lt=now())
    rows = Replay.objects.filter(free, done=False, created_at__lt=now() - timedelta(seconds=10))
    for row in rows.select_related("cluster__vcenter", "task").defer("trace", "results")[:20]:
        if row.created_at > now() - GIVEN_UP or row.task is None:
            wake(row.pk)
        else:
            _fail(row, faults.Timedout(timeout_s=int(GIVEN_UP.total_seconds())))
    return len(rows)
