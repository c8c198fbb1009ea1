"""One DRS/DPM cycle of a cluster: look, plan, record, act. Single-flight per cluster by a lease in its schedule row."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

import structlog
from django.db.models import Q, Sum
from django.db.models.functions import Length
from django.utils.timezone import now

from domain import faults
from domain.snapshot import ClusterSnapshot
from domain.states import TaskReason, VmPower
from inventory import metrics
from inventory.journal import Change, changing
from inventory.models import Cluster, Host, Task, VCenter, VirtualMachine
from inventory.prepared import Prepared, PreparedModels
from scheduler import recording, settings_of
from scheduler.engine.drs import plan_cycle
from scheduler.engine.lint import lint
from scheduler.engine.options import DrsOptions
from scheduler.engine.results import CyclePlan, Move, PowerAction
from scheduler.models import ClusterSchedule, Decision, DrsFault, Recommendation
from scheduler.selectors.cluster import has_figures, snapshot_of
from scheduler.services import approvals, standby
from scheduler.services.migration import Target, relocate

log = structlog.get_logger(__name__)
INTERVAL_S = 60.0
LEASE = timedelta(seconds=30)
KEPT_DECISIONS = 1_500
KEPT_BYTES = 32 * 1024**2
FAULTS_KEPT_S = 86_400.0
DRS = "DRS"  # who applied what nobody did
EXECUTION = "execution"  # the problem of a fault met while a recommendation was carried out
FORGET_EVERY_S = 3600.0  # the record may be longer than it is kept by what an hour brings

_clusters = PreparedModels(lambda pk: Cluster.objects.filter(pk=pk, drs_enabled=True).order_by())
_vcenters = PreparedModels(lambda pk: VCenter.objects.filter(pk=pk).order_by())
_last_cycle = Prepared(lambda pk: ClusterSchedule.objects.filter(cluster=pk).order_by().values_list("last_cycle_lab_s"))
_pending = Prepared(
    lambda pk: Recommendation.objects.filter(cluster=pk, state=Recommendation.PENDING).order_by().values_list("pk")[:1]
)


@dataclass(frozen=True, slots=True)
class Look:
    """A cluster as a cycle sees it. previous_s: lab time of the cycle before."""

    cluster: Cluster
    snapshot: ClusterSnapshot
    now_s: float
    previous_s: float


def run(cluster_id: int, trigger: str = "cycle") -> Decision | None:
    """Run a cycle now. None where one is running elsewhere, DRS is off, or nothing was measured yet."""
    cluster = _read(cluster_id)
    if cluster is None:
        return None
    with metrics.asked_once():
        if not has_figures(cluster) or not _claim(cluster):
            return None
        try:
            return _cycle(cluster, trigger)
        finally:
            ClusterSchedule.objects.filter(cluster=cluster).update(running_until=None)


def _read(cluster_id: int) -> Cluster | None:
    """The cluster and its vCenter as they are now; None where DRS is off or the cluster gone."""
    cluster = _clusters.first(cluster_id)
    vcenter = None if cluster is None else _vcenters.first(cluster.vcenter_id)
    if cluster is None or vcenter is None:
        return None
    cluster.vcenter = vcenter
    return cluster


def _claim(cluster: Cluster) -> bool:
    """Take the lease in the schedule's row, which the first cycle makes."""
    free = Q(running_until__isnull=True) | Q(running_until__lt=now())
    lease = {"running_until": now() + LEASE, "requested": ""}
    if ClusterSchedule.objects.filter(free, cluster=cluster).update(**lease):
        return True
    made = ClusterSchedule.objects.get_or_create(cluster=cluster)[1]
    return made and bool(ClusterSchedule.objects.filter(free, cluster=cluster).update(**lease))


def _cycle(cluster: Cluster, trigger: str) -> Decision | None:
    now_s = cluster.vcenter.lab_seconds()
    look = Look(cluster, snapshot_of(cluster, now_s), now_s, _last_cycle.column(cluster.pk)[0])
    started = time.perf_counter()
    try:
        options = settings_of.options_of(cluster)
        plan = plan_cycle(look.snapshot, options, now_s)
    except faults.MethodFault as fault:
        _say_failed(cluster, fault)
        return None
    with changing(cluster.vcenter, lab_s=now_s) as change:
        decision = _record(look, options, plan, trigger, time.perf_counter() - started)
        recommendations = _recommend(look, decision, plan)
        _note_faults(look, decision, plan)
        ClusterSchedule.objects.filter(cluster=cluster).update(last_cycle_lab_s=now_s)
        change.fact("object.changed", cluster.moref)
    act(cluster, recommendations)
    if look.previous_s // FORGET_EVERY_S != now_s // FORGET_EVERY_S:
        forget(cluster, now_s)
    return decision


def _say_failed(cluster: Cluster, fault: faults.MethodFault) -> None:
    with changing(cluster.vcenter) as change:
        change.event("DrsInvocationFailedEvent", cluster, reason=fault.sentence)
        ClusterSchedule.objects.filter(cluster=cluster).update(last_cycle_lab_s=change.lab_s)


# --- record ----------------------------------------------------------------------------------------------------------
def _record(look: Look, options: DrsOptions, plan: CyclePlan, trigger: str, seconds: float) -> Decision:
    inputs = {"snapshot": recording.snapshot_to_plain(look.snapshot), "options": asdict(options)}
    return Decision.objects.create(
        cluster=look.cluster,
        lab_s=look.now_s,
        trigger=trigger,
        seconds=seconds,
        score=plan.score,
        score_after=plan.score_after,
        bound=plan.bound,
        moves=len(plan.moves),
        power_actions=len(plan.power_actions),
        faults=len(plan.faults),
        findings=len(lint(look.snapshot, options)),
        buckets=list(plan.buckets),
        note=plan.note,
        inputs=recording.pack(inputs),
        plan=recording.pack(plan.to_dict()),
    )


def _recommend(look: Look, decision: Decision, plan: CyclePlan) -> list[Recommendation]:
    """The new recommendations replace those that still wait; what is being carried out stays."""
    approved: dict[str, str] = {}
    if _pending.any(look.cluster.pk):
        approved = approvals.given(look.cluster)
        Recommendation.objects.filter(cluster=look.cluster, state=Recommendation.PENDING).update(
            state=Recommendation.GONE, ended_lab_s=look.now_s
        )
    names = dict(zip(look.snapshot.vms.moref, look.snapshot.vms.name, strict=True))
    names |= dict(zip(look.snapshot.hosts.moref, look.snapshot.hosts.name, strict=True))
    rows = [_move_row(look, decision, m, names) for m in plan.moves]
    rows += [_power_row(look, decision, a, names) for a in plan.power_actions]
    approvals.carry_over(rows, approved)
    return Recommendation.objects.bulk_create(rows)


def _common(look: Look, decision: Decision, item: Move | PowerAction) -> dict[str, Any]:
    plain = item.to_dict()
    shared = ("key", "priority", "reason", "fields", "before", "after", "group", "automatic")
    return {
        "cluster": look.cluster,
        "decision": decision,
        "created_lab_s": look.now_s,
        "text": plain["reason_text"],
        "prerequisites": list(item.prerequisites),
        **{name: plain[name] for name in shared},
    }


def _move_row(look: Look, decision: Decision, move: Move, names: dict[str, str]) -> Recommendation:
    return Recommendation(
        kind="migrate",
        vm=move.vm,
        vm_name=names[move.vm],
        source=move.source,
        source_name=names.get(move.source, ""),
        destination=move.destination,
        destination_name=names[move.destination],
        **_common(look, decision, move),
    )


def _power_row(look: Look, decision: Decision, action: PowerAction, names: dict[str, str]) -> Recommendation:
    return Recommendation(
        kind=action.operation,
        source=action.host,
        source_name=names[action.host],
        **_common(look, decision, action),
    )


def _note_faults(look: Look, decision: Decision, plan: CyclePlan) -> None:
    """A fault that the cycle before has met too keeps its row and its time: it is one fault that lasts."""
    if not plan.faults:
        return
    names = dict(zip(look.snapshot.vms.moref, look.snapshot.vms.name, strict=True))
    before = Decision.objects.filter(cluster=look.cluster, pk__lt=decision.pk).order_by("-id").values("pk")[:1]
    lasting = {
        (row.vm, row.problem, row.fault["fault"]): row
        for row in DrsFault.objects.filter(cluster=look.cluster, decision__in=before).exclude(problem=EXECUTION)
    }
    rows = []
    for f in plan.faults:
        row = lasting.pop((f.vm, f.problem[:120], f.fault.name), None)
        row = row or DrsFault(cluster=look.cluster, lab_s=look.now_s, vm=f.vm, problem=f.problem[:120])
        row.decision, row.vm_name, row.fault = decision, names.get(f.vm, ""), f.fault.to_dict()
        row.hosts = {host: fault.to_dict() for host, fault in f.hosts.items()}
        rows.append(row)
    DrsFault.objects.bulk_create(row for row in rows if row.pk is None)
    DrsFault.objects.bulk_update([row for row in rows if row.pk], ("decision", "vm_name", "fault", "hosts"))


def forget(cluster: Cluster, now_s: float) -> None:
    """Keep the record bounded: by count and by bytes, the newest stay."""
    ids = list(Decision.objects.filter(cluster=cluster).order_by("-id").values_list("id", flat=True)[KEPT_DECISIONS:])
    Decision.objects.filter(pk__in=ids).delete()
    size = Decision.objects.filter(cluster=cluster).aggregate(b=Sum(Length("inputs")))["b"] or 0
    if size > KEPT_BYTES:
        oldest = Decision.objects.filter(cluster=cluster).order_by("id").values_list("id", flat=True)
        Decision.objects.filter(pk__in=list(oldest[: max(1, len(oldest) // 10)])).delete()
    old = DrsFault.objects.filter(cluster=cluster, lab_s__lt=now_s - FAULTS_KEPT_S)
    old.exclude(decision__lab_s__gte=now_s - FAULTS_KEPT_S).delete()  # one that lasts stays
    Recommendation.objects.filter(
        cluster=cluster, created_lab_s__lt=now_s - FAULTS_KEPT_S, state__in=(Recommendation.GONE,)
    ).delete()


# --- act -------------------------------------------------------------------------------------------------------------
def act(cluster: Cluster, recommendations: Iterable[Recommendation]) -> None:
    """Carry out what is automatic and whose prerequisites are done."""
    for recommendation in recommendations:
        if recommendation.automatic and ready(cluster, recommendation):
            carry_out(None, recommendation)


def ready(cluster: Cluster, recommendation: Recommendation) -> bool:
    """True where everything that has to happen before has happened; a host is switched off when the last VM has left,
    those included that were on their way when that was planned."""
    if recommendation.kind == "powerOff" and _still_runs_vms(recommendation):
        return False
    if not recommendation.prerequisites:
        return True
    before = Recommendation.objects.filter(
        cluster=cluster, decision=recommendation.decision, key__in=recommendation.prerequisites
    ).select_related("task")
    return all(r.task is not None and r.task.state == "success" for r in before)


def _still_runs_vms(recommendation: Recommendation) -> bool:
    running = VirtualMachine.objects.filter(vcenter=recommendation.cluster.vcenter_id, power_state=VmPower.ON)
    return running.filter(host__moref=recommendation.source).exists()


def carry_out(user: Any, recommendation: Recommendation) -> Task | None:
    """Do it now, re-validated like a click; a refusal is kept as a fault."""
    cluster = recommendation.cluster
    try:
        task = _do(user, recommendation)
    except faults.MethodFault as fault:
        with changing(cluster.vcenter) as change:
            _close(change, recommendation, Recommendation.FAILED, user, None)
            _keep_fault(change, recommendation, fault)
        return None
    with changing(cluster.vcenter) as change:
        _close(change, recommendation, Recommendation.APPLIED, user, task)
    return task


def _do(user: Any, recommendation: Recommendation) -> Task:
    vcenter = recommendation.cluster.vcenter
    if recommendation.kind == "migrate":
        vm = VirtualMachine.objects.select_related("host__cluster", "pool__cluster", "vcenter").get(
            vcenter=vcenter, moref=recommendation.vm
        )
        host = Host.objects.select_related("cluster", "vcenter").get(vcenter=vcenter, moref=recommendation.destination)
        # Whoever may apply recommendations need not hold the privileges of each move: the system moves, in their name.
        name = _in_the_name_of(user, recommendation)
        reason = TaskReason.SYSTEM if name == DRS else TaskReason.USER
        return relocate(None, vm, Target(host=host), cause="drs", reason=reason, initiator_name=name)
    host = Host.objects.select_related("cluster", "vcenter").get(vcenter=vcenter, moref=recommendation.source)
    if recommendation.kind == "powerOn":
        return standby.leave(None, host, cause="dpm")
    return standby.enter(None, host, cause="dpm")


def _in_the_name_of(user: Any, recommendation: Recommendation) -> str:
    """Whoever applies it now, or has applied it before it could be carried out; else DRS itself."""
    return user.get_username() if user is not None else recommendation.applied_by or DRS


def _close(change: Change, recommendation: Recommendation, state: str, user: Any, task: Task | None) -> None:
    recommendation.state, recommendation.task, recommendation.ended_lab_s = state, task, change.lab_s
    recommendation.applied_by = _in_the_name_of(user, recommendation)
    recommendation.save(update_fields=["state", "task", "ended_lab_s", "applied_by"])
    change.fact("object.changed", recommendation.cluster.moref)


def _keep_fault(change: Change, recommendation: Recommendation, fault: faults.MethodFault) -> None:
    DrsFault.objects.create(
        cluster=recommendation.cluster,
        decision=recommendation.decision,
        lab_s=change.lab_s,
        vm=recommendation.vm or recommendation.source,
        vm_name=recommendation.vm_name or recommendation.source_name,
        problem=EXECUTION,
        fault=fault.to_dict(),
        hosts={recommendation.destination: fault.to_dict()} if recommendation.destination else {},
    )


def go_on(cluster: Cluster) -> None:
    """Between cycles: start automatic recommendations whose prerequisites have ended meanwhile.

    Not while a cycle runs: it has looked already, and what starts now is what it is about to plan anew.
    """
    if ClusterSchedule.objects.filter(cluster=cluster, running_until__gt=now()).exists():
        return
    waiting = Recommendation.objects.filter(cluster=cluster, state=Recommendation.PENDING, automatic=True)
    for recommendation in waiting.select_related("cluster__vcenter", "decision"):
        waits = recommendation.prerequisites or recommendation.kind == "powerOff"  # all others are started by `act`
        if waits and ready(cluster, recommendation):
            carry_out(None, recommendation)
