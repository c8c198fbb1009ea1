"""vSphere HA on a cluster's Monitor tab: its agents, its restarts, and what the failure of a host would do now."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from domain.morefs import Kind
from inventory import selectors, words
from inventory.models import Cluster
from inventory.pages.registry import MONITOR, section
from inventory.views.guard import members_only
from inventory.words import Word
from scheduler import monitoring
from scheduler.failover import HOST_DOWN, ISOLATED, PARTITIONED, UNREACHABLE
from scheduler.isolation import NONE
from scheduler.models import HaReset, HaRestart
from scheduler.selectors import failover
from scheduler.selectors.cluster import frame_of
from scheduler.words import ISOLATION_RESPONSES, VM_MONITORING

AGENTS: dict[str, Word] = {
    "primary": Word(_("Running (primary)"), "crown", "ok"),
    "secondary": Word(_("Connected (secondary)"), "check-circle", "ok"),
    "maintenance": Word(_("Maintenance mode"), "wrench", "warn"),
    "standby": Word(_("Not running"), "moon", "quiet"),
    "unreachable": Word(_("Unreachable"), "unknown-status", "warn"),
    ISOLATED: Word(_("Network isolated"), "disconnect", "error"),
    PARTITIONED: Word(_("Network partitioned"), "disconnect", "warn"),
    UNREACHABLE: Word(_("Agent unreachable"), "unknown-status", "warn"),
    HOST_DOWN: Word(_("Host failed"), "error-standard", "error"),
}
RESTARTS: dict[str, Word] = {
    HaRestart.STOPPING: Word(_("Being stopped by the isolation response"), "power", "info"),
    HaRestart.WAITING: Word(_("Waits"), "hourglass", "info"),
    HaRestart.STARTING: Word(_("Starting"), "sync", "info"),
    HaRestart.RESTARTED: Word(_("Restarted"), "success-standard", "ok"),
    HaRestart.FAILED: Word(_("Not restarted"), "error-standard", "error"),
    HaRestart.GONE: Word(_("No longer needed"), "minus-circle", "quiet"),
}
RESETS: dict[str, Word] = {
    HaReset.WAITING: Word(_("Waits"), "hourglass", "info"),
    HaReset.RESETTING: Word(_("Being reset"), "sync", "info"),
    HaReset.RESET: Word(_("Reset"), "success-standard", "ok"),
    HaReset.FAILED: Word(_("Not reset"), "error-standard", "error"),
    HaReset.GONE: Word(_("No longer needed"), "minus-circle", "quiet"),
}
ADMISSION = {
    "percentage": _("Percentage of the cluster's resources"),
    "slots": _("Slots"),
    "failover_hosts": _("Dedicated failover hosts"),
    "disabled": _("Disabled"),
}
PRIORITIES = {1: _("Lowest"), 2: _("Low"), 3: _("Medium"), 4: _("High"), 5: _("Highest")}


def is_cluster(cluster: Any) -> bool:
    return not cluster.standalone


@section(MONITOR, "ha", _("Summary"), [Kind.CLUSTER], group="ha", applies=is_cluster,
         template="scheduler/failover/summary.html")  # fmt: skip
def ha_summary(page: Any) -> dict[str, Any]:
    """Agents, protected VMs, capacity for a failure, restarts now and before."""
    cluster: Cluster = page.obj
    if not cluster.ha_enabled:
        return {"cluster": cluster}
    now, before = failover.restarts(cluster)
    row: Any
    for row in (*now, *before):
        row.word, row.priority_word = RESTARTS[row.state], PRIORITIES.get(row.priority, "")
    resets: Any = failover.resets(cluster)
    for row in resets:
        row.word = RESETS[row.state]
    agents = failover.agents(cluster)
    options = cluster.ha_options or {}
    return {
        "cluster": cluster,
        "agents": [(one, AGENTS[one.state]) for one in agents],
        "protected": sum(one.protected for one in agents),
        "now": now,
        "before": before,
        "resets": resets,
        "monitoring": VM_MONITORING.get(monitoring.settings_of(cluster)["vm_monitoring"], ""),
        "capacity": failover.capacity(frame_of(cluster)),
        "admission": ADMISSION.get(options.get("admission", "percentage"), ""),
        "response": ISOLATION_RESPONSES.get(options.get("isolation_response", NONE), ""),
    }


@section(MONITOR, "what-if", _("What if a host fails"), [Kind.CLUSTER], group="ha", applies=is_cluster,
         template="scheduler/failover/what_ifs.html")  # fmt: skip
def what_ifs(page: Any) -> dict[str, Any]:
    """Each host's failure in a line; a click tells the rest."""
    return {"cluster": page.obj, "cases": failover.what_ifs(page.obj)}


@require_safe
@members_only
def what_if(request: HttpRequest, vc: UUID, moref: str) -> HttpResponse:
    """One host's failure: where each VM would restart, and how full the others become."""
    vcenter = selectors.vcenter_for(request.user, vc)
    host = selectors.host_for(request.user, vcenter, moref)
    cluster = selectors.cluster_for(request.user, vcenter, host.cluster.moref)
    if cluster.standalone:
        raise Http404("cluster")
    case = failover.what_ifs(cluster, only=moref)[0]
    stranded = [(vm, words.fault_sentence(fault.to_dict()) if fault else "") for vm, fault in case.stranded]
    return render(request, "scheduler/failover/what_if.html", {"case": case, "stranded": stranded, "cluster": cluster})
