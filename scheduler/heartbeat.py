"""What the scheduler does with each beat of a vCenter: it notices, and leaves the long work to a worker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog
from django.db.models import Exists, Q, QuerySet

from domain.states import TaskState
from hypervisors.port import FleetEvent, Happening
from inventory.journal import Change
from inventory.models import Cluster, Host, Task, VCenter
from inventory.prepared import Prepared
from inventory.pump import Beat
from scheduler import energy, failover, isolation, monitoring, pacing, tasks
from scheduler.models import HaRestart, Recommendation
from scheduler.services import cycles, maintenance

Answer = TypeVar("Answer")
log = structlog.get_logger(__name__)
SAMPLE_S = 20.0
ENTERING = "host.enter_maintenance"
# What makes DRS look at once, before its minute is over.
URGENT = {Happening.HOST_CRASHED, Happening.HOST_CONNECTION, Happening.HOST_POWER}


def _look(pk: int, now_s: float) -> QuerySet[VCenter, Any]:
    stopping = HaRestart.objects.filter(cluster__vcenter=pk, state=HaRestart.STOPPING)
    open_restarts = HaRestart.objects.filter(cluster__vcenter=pk, state__in=failover.OPEN)
    moves = Recommendation.objects.filter(cluster__vcenter=pk, state=Recommendation.PENDING, automatic=True)
    resets = monitoring.due(pk, now_s)
    waiting = (Exists(rows.order_by()) for rows in (isolation.waiting(pk), stopping, open_restarts, moves, resets))
    return VCenter.objects.filter(pk=pk).order_by().values_list(*waiting)


def _due(pk: int, before_s: float) -> QuerySet[Cluster, Any]:
    due = Q(schedule__isnull=True) | Q(schedule__last_cycle_lab_s__lte=before_s)
    requested = ~Q(schedule__requested="") & Q(schedule__isnull=False)
    clusters = Cluster.objects.filter(vcenter=pk, drs_enabled=True, standalone=False)
    return clusters.filter(due | requested).order_by().values_list("pk", "schedule__last_cycle_lab_s")


_waiting = Prepared(_look)
_due_clusters = Prepared(_due)
_pace, _asked = pacing.Pace(), pacing.Asked()


@dataclass(frozen=True, slots=True)
class Waiting:
    """What there is to look after in a vCenter: one query instead of one per kind."""

    isolations: bool
    stopping: bool
    restarts: bool
    moves: bool
    resets: bool

    @classmethod
    def of(cls, beat: Beat) -> Waiting:
        """After what the beat's events have added."""
        rows = _waiting.rows(beat.vcenter.pk, beat.now_s)
        return cls(*map(bool, rows[0])) if rows else cls(False, False, False, False, False)


EVERYTHING = Waiting(True, True, True, True, True)


def record(change: Change, events: Sequence[FleetEvent]) -> None:
    """What HA has to know of a failure, in the transaction that records it: whoever dies now, the restarts are due."""
    vcenter = change.vcenter
    failover.note_failures(vcenter, events)
    isolation.note(vcenter, events)
    isolation.note_hung(change, events)
    monitoring.note(vcenter, events)
    if any(e.kind == Happening.HOST_CONNECTION for e in events):
        failover.hosts_back(vcenter, Host.objects.filter(vcenter=vcenter).exclude(ha_state=""))


def on_beat(beat: Beat) -> None:
    """Each part is guarded: one that fails is logged and does not stop the others or the next beat."""
    waiting = _guarded(Waiting.of, beat) or EVERYTHING
    if waiting.isolations or waiting.stopping:
        _guarded(_isolations, beat)
    if waiting.isolations or waiting.restarts:  # what an isolated host has stopped is restarted from here
        _guarded(_restarts, beat)
    if waiting.resets:
        _guarded(_resets, beat)
    if ENTERING in beat.operations:
        _guarded(_entering_hosts, beat)
    if waiting.moves:
        _guarded(_waiting_moves, beat)
    _guarded(_energy, beat)
    _guarded(_cycles, beat)


def _guarded(part: Callable[[Beat], Answer], beat: Beat) -> Answer | None:
    try:
        return part(beat)
    except Exception:
        log.exception("scheduler.beat", part=part.__name__, vcenter=str(beat.vcenter.uuid))
        return None


def _isolations(beat: Beat) -> None:
    isolation.steward(beat.vcenter, beat.now_s)


def _restarts(beat: Beat) -> None:
    failover.steward(beat.vcenter, beat.now_s)


def _resets(beat: Beat) -> None:
    monitoring.steward(beat.vcenter, beat.now_s)


def _entering_hosts(beat: Beat) -> None:
    live = Task.objects.filter(
        vcenter=beat.vcenter,
        operation=ENTERING,
        state__in=(TaskState.QUEUED, TaskState.RUNNING),
    )
    for task in live.select_related("vcenter"):
        maintenance.steward(task, beat.now_s)


def _waiting_moves(beat: Beat) -> None:
    waiting = Recommendation.objects.filter(
        cluster__vcenter=beat.vcenter, state=Recommendation.PENDING, automatic=True
    ).values_list("cluster_id", flat=True)
    for cluster in Cluster.objects.filter(pk__in=set(waiting)).select_related("vcenter"):
        cycles.go_on(cluster)


def _energy(beat: Beat) -> None:
    if int(beat.before_s // SAMPLE_S) != int(beat.now_s // SAMPLE_S):
        energy.meter(beat.vcenter, beat.now_s)


def _cycles(beat: Beat) -> None:
    """Wake a worker for each cluster whose interval is over or about which something urgent happened."""
    urgent = _urgent_clusters(beat.vcenter, beat.events)
    due = _due_clusters.rows(beat.vcenter.pk, beat.now_s - _pace.interval_s(beat.vcenter))
    ordinary = {pk for pk, last_s in due if pk not in urgent and _asked.anew(pk, last_s)}
    for cluster_id in sorted(ordinary | urgent):
        tasks.wake_cycle(cluster_id, "event" if cluster_id in urgent else "cycle")


def _urgent_clusters(vcenter: VCenter, events: Sequence[FleetEvent]) -> set[int]:
    uuids = [e.target for e in events if e.kind in URGENT]
    if not uuids:
        return set()
    hosts = Host.objects.filter(vcenter=vcenter, uuid__in=uuids, cluster__standalone=False, cluster__drs_enabled=True)
    return set(hosts.order_by().values_list("cluster_id", flat=True))
