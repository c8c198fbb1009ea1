"""Asking DRS: run now, try without acting, apply recommendations, look for trouble."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
from scheduler.models import Decision, Recommendation
from scheduler.selectors.cluster import snapshot_of
from scheduler.services import cycles


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
    chosen = waiting if ids is None else _closed(waiting, set(ids))
    results = []
    for recommendation in chosen:
        if cycles.ready(cluster, recommendation):
            results.append(Applied(recommendation, cycles.carry_out(user, recommendation)))
        else:
            # It follows by itself when what it waits for has ended.
            Recommendation.objects.filter(pk=recommendation.pk).update(automatic=True)
            results.append(Applied(recommendation, None, "waits"))
    return results


def _closed(waiting: Sequence[Recommendation], ids: set[int]) -> list[Recommendation]:
    """The chosen ones with their prerequisites and groups."""
    by_key = {r.key: r for r in waiting}
    wanted = [r for r in waiting if r.pk in ids]
    for recommendation in wanted:  # grows while it is walked
        more = [by_key[k] for k in recommendation.prerequisites if k in by_key]
        more += [r for r in waiting if recommendation.group and r.group == recommendation.group]
        wanted += [r for r in more if r not in wanted]
    return sorted(wanted, key=lambda r: (r.priority, r.pk))


def dry_run(user: Any, cluster: Cluster, **changed: Any) -> CyclePlan:
    """What a cycle would do now, with other options perhaps; nothing is done or recorded."""
    check(user, "System.Read", cluster)
    now_s = cluster.vcenter.lab_seconds()
    options = settings_of.options_of(cluster, **{"enabled": True, **changed})
    return plan_cycle(snapshot_of(cluster, now_s), options, now_s)


def replay(user: Any, decision: Decision, **changed: Any) -> CyclePlan:
    """A recorded cycle again, with other options."""
    check(user, "System.Read", decision.cluster)
    inputs = recording.unpack(bytes(decision.inputs))
    snapshot = recording.snapshot_from_plain(inputs["snapshot"])
    return plan_cycle(
        snapshot, settings_of.options_of(decision.cluster, **{"enabled": True, **changed}), decision.lab_s
    )


def lint(user: Any, cluster: Cluster) -> list[Finding]:
    """What is or will be wrong with the cluster's rules and capacity."""
    check(user, "System.Read", cluster)
    return lint_snapshot(snapshot_of(cluster, cluster.vcenter.lab_seconds()), settings_of.options_of(cluster))


def what_if_host_fails(user: Any, cluster: Cluster, moref: str) -> FailurePrediction:
    check(user, "System.Read", cluster)
    snapshot = snapshot_of(cluster, cluster.vcenter.lab_seconds())
    if moref not in snapshot.hosts.moref:
        raise faults.NotFound(what=f"The host {moref}")
    return predict_failure(snapshot, snapshot.hosts.moref.index(moref), settings_of.options_of(cluster))
