"""Cluster > Monitor > vSphere DRS: recommendations, faults, history, scores of the VMs."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.db.models import BooleanField, Case, When
from django.http import Http404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from domain.states import VmPower
from inventory import selectors, words
from inventory.pages import figures, section
from inventory.pages.figures import Figure
from inventory.pages.registry import MONITOR
from scheduler.models import DrsFault, Recommendation
from scheduler.views.drs_base import CLUSTER, Buttons, decisions, newest, plan_of
from scheduler.words import DPM_STOPS, DRS_STOPS

PAGE = 50
HISTORY_S = 3600.0
MOST = 500


@section(MONITOR, "recommendations", gettext_lazy("Recommendations"), CLUSTER, group="drs",
         template="scheduler/drs/recommendations.html")  # fmt: skip
def recommendations(page: Any) -> dict[str, Any]:
    """What waits for a person, and what a click on each button would do."""
    waiting = Recommendation.objects.filter(cluster=page.obj, state=Recommendation.PENDING)
    rows = list(waiting.order_by("priority", "id")[:MOST])
    buttons = Buttons(page)
    off = "" if page.obj.drs_enabled else _("DRS is turned off.")
    none = "" if any(not row.automatic for row in rows) else _("There is nothing to apply.")
    return {
        "cluster": page.obj,
        "rows": [(row, row.about) for row in rows],
        "last": decisions(page.obj).first(),
        "run": buttons.post("run", gettext_lazy("Run DRS Now"), why=off),
        "apply": buttons.post("apply", gettext_lazy("Apply Recommendations"), "Resource.ApplyRecommendation", none),
        "threshold_text": DRS_STOPS.get(page.obj.drs_threshold, ""),
        "dpm_text": DPM_STOPS.get(page.obj.dpm_threshold, ""),
    }


@section(MONITOR, "faults", gettext_lazy("Faults"), CLUSTER, group="drs", template="scheduler/drs/faults.html")
def faults(page: Any) -> dict[str, Any]:
    """What DRS wanted and could not do; the lower panel says for each host why."""
    last = decisions(page.obj).values("pk")[:1]
    found = DrsFault.objects.filter(cluster=page.obj).annotate(
        lasts=Case(When(decision__in=last, then=True), default=False, output_field=BooleanField())
    ).order_by("-lasts", "-id")  # fmt: skip
    rows = Paginator(found, PAGE).get_page(page.request.GET.get("page"))
    chosen = _chosen(found, page.request.GET.get("fault", ""), rows)
    hosts = selectors.hosts_visible(page.user, page.vc).filter(cluster=page.obj).select_related("vcenter")
    by_moref = {host.moref: host for host in hosts} if chosen else {}
    reasons = chosen.hosts.items() if chosen else ()
    return {
        "rows": rows,
        "chosen": chosen,
        "reasons": [(by_moref.get(m), m, words.fault_sentence(fault)) for m, fault in reasons],
    }


def _chosen(found: Any, wanted: str, rows: Any) -> DrsFault | None:
    if not wanted:
        return rows[0] if len(rows) else None
    fault: DrsFault | None = found.filter(pk=wanted).first() if wanted.isdecimal() else None
    if fault is None:
        raise Http404("fault")
    return fault


@section(MONITOR, "drs-history", gettext_lazy("History"), CLUSTER, group="drs", template="scheduler/drs/history.html")
def history(page: Any) -> dict[str, Any]:
    """What DRS and DPM did in the last hour, and what was applied for them."""
    since = page.vc.lab_seconds() - HISTORY_S
    rows = Recommendation.objects.filter(
        cluster=page.obj, state__in=(Recommendation.APPLIED, Recommendation.FAILED), ended_lab_s__gte=since
    )
    shown = rows.select_related("task").order_by("-ended_lab_s", "-id")
    return {"rows": Paginator(shown, PAGE).get_page(page.request.GET.get("page"))}


# --- scores ----------------------------------------------------------------------------------------------------------
LOW, HIGH = 40, 80


def tone_of(score: float) -> str:
    return "error" if score < LOW else ("warn" if score < HIGH else "ok")


READY = "ready"  # sums of ms over the vCPUs and a sample: shown as the share of that time
SAMPLE_MS = 20_000.0
COLUMNS = (
    (gettext_lazy("Active CPU"), figures.CPU_DEMAND_MHZ, "MHz"),
    (gettext_lazy("Used CPU"), figures.CPU_USAGE_MHZ, "MHz"),
    (gettext_lazy("CPU Readiness"), figures.CPU_READY_MS, READY),
    (gettext_lazy("Granted Memory"), figures.MEMORY_GRANTED_KB, "KB"),
    (gettext_lazy("Swapped Memory"), figures.MEMORY_SWAPPED_KB, "KB"),
    (gettext_lazy("Ballooned Memory"), figures.MEMORY_BALLOON_KB, "KB"),
)


@section(MONITOR, "scores", gettext_lazy("VM DRS Score"), CLUSTER, group="drs", template="scheduler/drs/scores.html")
def scores(page: Any) -> dict[str, Any]:
    """The VMs of the cluster, the worst served first."""
    last = newest(page.obj)
    by_moref = plan_of(last).get("vm_scores", {})
    text, bucket = page.request.GET.get("q", "").strip(), page.request.GET.get("bucket", "")
    rows = selectors.vms_visible(page.user, page.vc).filter(host__cluster=page.obj, power_state=VmPower.ON)
    names = dict((rows.filter(name__icontains=text) if text else rows).order_by().values_list("moref", "name"))
    ranked = sorted((score, names[moref], moref) for moref, score in by_moref.items() if moref in names)
    if bucket in BUCKETS:
        ranked = [one for one in ranked if bucket_of(one[0]) == int(bucket)]
    shown = Paginator(ranked, PAGE).get_page(page.request.GET.get("page"))
    vms = {vm.moref: vm for vm in rows.filter(moref__in=[m for _s, _n, m in shown]).select_related("vcenter", "host")}
    return {
        "last": last,
        "heads": [label for label, _key, _unit in COLUMNS],
        "rows": shown,
        "lines": [_line(page, vms[moref], score) for score, _name, moref in shown if moref in vms],
        "q": text,
        "bucket": bucket,
        "buckets": [(str(i), f"{20 * i}–{20 * i + 20} %") for i in range(5)],
    }


BUCKETS = frozenset("01234")


def bucket_of(score: float) -> int:
    """0..4 for scores of 0-20 up to 80-100 %."""
    return min(4, max(0, int(score // 20)))


def _line(page: Any, vm: Any, score: float) -> dict[str, Any]:
    cells = [_cell(page, vm, label, key, unit) for label, key, unit in COLUMNS]
    return {"vm": vm, "score": score, "tone": tone_of(score), "cells": cells}


def _cell(page: Any, vm: Any, label: Any, key: int, unit: str) -> Figure:
    value = figures.value(page.latest, "vm", vm.slot, key)
    if unit != READY:
        return Figure(label, value, unit, f"{vm.moref} {key}")
    share = None if value is None else 100 * 100 * value / SAMPLE_MS / max(vm.vcpus, 1)  # percent is counted in 1/100 %
    return Figure(label, share, "percent")
