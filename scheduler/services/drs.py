"""Asking DRS: run now, try without acting, apply recommendations, look for trouble."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from domain import faults
from inventory.models import Cluster, Task
from inventory.services.base import check
from scheduler import recording, settings_of
from scheduler.engine.drs import plan_cycle
from scheduler.engine.lint import Finding
from scheduler.engine.lint import lint as lint_snapshot
from scheduler.engine.placement import FailurePrediction, predict_failure
from scheduler.engine.results import CyclePlan
from scheduler.engine.why import WhyNot, why_not
from scheduler.models import Decision, Recommendation
from scheduler.selectors.cluster import snapshot_of
from scheduler.services import approvals, cycles


def run_now(user: Any, cluster: Cluster) -> Decision:
    """A cycle out of turn. Raises InvalidState where none can run."""
    check(user, "Host.Inventory.EditCluster", cluster)
    if not cluster.drs_enabled:
        raise faults.InvalidState(name=cluster.name, reason="DRS is turned off")
    decision = cycles.run(cluster.pk, trigger="user")
    if decision is None:
        raise faults.InvalidState(name=cluster.name, reason="a cycle is running, or no figures have arrived yet")
    return decision


@dataclass(slots=True)
class Applied:
    """What became of one recommendation that was asked for."""

    recommendation: Recommendation
    task: Task | None
    why_not: str = ""


def apply(user: Any, cluster: Cluster, ids: Sequence[int] | None = None) -> list[Applied]:
    """Apply all that wait, or these, with what they presuppose and the rest of their groups."""
    check(user, "Resource.ApplyRecommendation", cluster)
    waiting = list(
        Recommendation.objects.filter(cluster=cluster, state=Recommendation.PENDING)
        .select_related("cluster__vcenter", "decision")
        .order_by("priority", "id")
    )
    wanted = waiting if ids is None else [row for row in waiting if row.pk in set(ids)]
    # What is automatic is under way: it follows when what it waits for has ended.
    chosen = [row for row in approvals.closed(waiting, wanted) if not row.automatic]
    name = user.get_username() if user is not None else cycles.DRS
    results = []
    for recommendation in chosen:
        if cycles.ready(cluster, recommendation):
            results.append(Applied(recommendation, cycles.carry_out(user, recommendation)))
        else:
            Recommendation.objects.filter(pk=recommendation.pk).update(automatic=True, applied_by=name)
            results.append(Applied(recommendation, None, "waits"))
    return results


def dry_run(user: Any, cluster: Cluster, **changed: Any) -> CyclePlan:
    """What a cycle would do now, with other options perhaps; nothing is done or recorded."""
    check(user, "System.Read", cluster)
    now_s = cluster.vcenter.lab_seconds()
    options = settings_of.options_of(cluster, **{"enabled": True, **changed})
    return plan_cycle(snapshot_of(cluster, now_s), options, now_s)


def replay(user: Any, decision: Decision, **changed: Any) -> CyclePlan:
    """A recorded cycle again, as it was but for the options that are changed."""
    check(user, "System.Read", decision.cluster)
    snapshot, options = recording.inputs_of(bytes(decision.inputs))
    return plan_cycle(snapshot, replace(options, **{"enabled": True, **changed}), decision.lab_s)


def why(user: Any, cluster: Cluster, moref: str, decision: Decision | None = None, **changed: Any) -> WhyNot | None:
    """Why a VM stayed in a recorded cycle, or stays now; None where the cycle did not know it."""
    check(user, "System.Read", cluster)
    if decision is not None:
        now_s = decision.lab_s
        snapshot, options = recording.inputs_of(bytes(decision.inputs))
        options = replace(options, **changed) if changed else options
    else:
        now_s = cluster.vcenter.lab_seconds()
        snapshot, options = snapshot_of(cluster, now_s), settings_of.options_of(cluster, **changed)
    if moref not in snapshot.vms.moref:
        return None
    return why_not(snapshot, options, now_s, snapshot.vms.moref.index(moref))


def lint(user: Any, cluster: Cluster) -> list[Finding]:
    """What is or will be wrong with the cluster's rules and capacity."""
    check(user, "System.Read", cluster)
    return lint_snapshot(snapshot_of(cluster, cluster.vcenter.lab_seconds()), settings_of.options_of(cluster))


def what_if_host_fails(user: Any, cluster: Cluster, moref: str) -> FailurePrediction:
    check(user, "System.Read", cluster)
    snapshot = snapshot_of(cluster, cluster.vcenter.lab_seconds())
    if moref not in snapshot.hosts.moref:
        raise faults.NotFound(what=moref)
    return predict_failure(snapshot, snapshot.hosts.moref.index(moref), settings_of.options_of(cluster))
