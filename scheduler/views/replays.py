"""Cluster > Monitor > vSphere DRS > Replay: a recorded day under several policies, side by side."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop
from django.views.decorators.http import require_POST, require_safe

from domain.faults import MethodFault
from domain.traces import Limits, TraceError, TraceSet, load_traces
from inventory import selectors
from inventory import words as common
from inventory.pages import section
from inventory.pages.registry import MONITOR
from inventory.views.guard import in_background, members_only, refusal
from scheduler.models import Replay
from scheduler.selectors import recorded
from scheduler.services import replays
from scheduler.views import power  # noqa: F401  its sections come before these
from scheduler.views.drs_base import CLUSTER, Buttons

MAX_UPLOAD_BYTES = 32 * 2**20
# A month of 2,000 machines every five minutes; so that looking into a file takes no more than some hundred megabytes.
UPLOADED = Limits(unpacked_bytes=160 * 2**20, samples=2**24)
Text = str | Promise

POLICIES: dict[str, tuple[Text, Text]] = {
    "npa": (gettext_lazy("No power management"), gettext_lazy("All hosts at full power all day; nobody moves.")),
    "dvfs": (gettext_lazy("No DRS"), gettext_lazy("Nobody moves; a host draws power by its load (DVFS).")),
    "lr-mmt": (
        gettext_lazy("LR-MMT 1.2"),
        gettext_lazy("Beloglazov & Buyya 2012: local regression, least time to migrate."),
    ),
    "thr-mmt": (
        gettext_lazy("THR-MMT 0.8"),
        gettext_lazy("Beloglazov & Buyya 2012: fixed threshold, least time to migrate."),
    ),
    "ours": (gettext_lazy("DRS with DPM"), gettext_lazy("The consolidation of this product.")),
}
SEMANTICS: dict[str, tuple[Text, Text]] = {
    "physical": (
        gettext_lazy("Physical"),
        gettext_lazy("Memory is enforced; hosts take minutes to start and stop; migrations share the wire."),
    ),
    "literature": (
        gettext_lazy("As in the literature"),
        gettext_lazy(
            "Off is free and instant, memory counts only at the start. To compare with papers; no real saving."
        ),
    ),
}
SITES: dict[str, Text] = {
    "cluster": gettext_lazy("The hosts of this cluster"),
    "published": gettext_lazy("A test bed for the trace (800 HP ML110, or modern hosts that hold its memory)"),
}


# --- the page --------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Line:
    """One policy of a replay: its figures and its energy against the bound and against the first line."""

    name: Text
    hint: Text
    at: int  # of its colour in the charts
    figures: dict[str, Any]
    to_bound: float | None
    saved_pct: float | None
    unserved: str
    slatah: str
    pdm: str
    slav: str
    esv: str


@section(MONITOR, "replay", gettext_lazy("Replay"), CLUSTER, group="drs", template="scheduler/drs/replay.html")
def page_of(page: Any) -> dict[str, Any]:
    """What was replayed, and the form for the next."""
    rows = list(
        Replay.objects.filter(cluster=page.obj).select_related("task").defer("trace", "results")[: replays.KEPT]
    )
    chosen = _chosen(page.obj, page.request.GET.get("replay", ""), rows)
    lines = _lines(chosen) if chosen else []
    running = next((row for row in rows if not row.done), None)
    why = _("A replay is running.") if running else ""
    return {
        "rows": rows,
        "chosen": chosen,
        "chosen_why": common.fault_sentence(chosen.fault) if chosen and chosen.fault else "",
        "lines": lines,
        "left": [POLICIES[name][0] for name in chosen.policies[len(lines) :]] if chosen and not chosen.done else [],
        "running": running,
        "hours": recorded.recorded_hours(page.obj),
        "policies": POLICIES,
        "semantics": SEMANTICS,
        "sites": SITES,
        "semantics_text": SEMANTICS[chosen.semantics][0] if chosen else "",
        "start": Buttons(page).post("replay", gettext_lazy("Replay"), replays.PRIVILEGE, why),
        "curves": reverse("scheduler:drs-curves", args=(page.vc.uuid, page.moref, chosen.pk))
        if lines and chosen
        else "",
        "upload_mib": MAX_UPLOAD_BYTES // 2**20,
    }


def _curves_url(page: Any, row: Replay | None) -> str:
    return reverse("scheduler:drs-curves", args=(page.vc.uuid, page.moref, row.pk)) if row else ""


def _chosen(cluster: Any, wanted: str, rows: list[Replay]) -> Replay | None:
    """The replay that the address names, else the newest; 404 for one of another cluster."""
    if not wanted and not rows:
        return None
    pk = int(wanted) if wanted.isdecimal() and len(wanted) < 15 else 0 if wanted else rows[0].pk
    found = Replay.objects.filter(cluster=cluster, pk=pk).select_related("task").defer("trace").first()
    if found is None:
        raise Http404("replay")
    return found


def _lines(row: Replay) -> list[Line]:
    lines: list[Line] = []
    first: float | None = None
    for at, (name, figures) in enumerate(replays.results_of(row).items()):
        energy = figures["energy_kwh"]
        first = energy if first is None else first
        to_bound = energy / row.bound_kwh if row.bound_kwh else None
        saved = 100 * (1 - energy / first) if first and at else None
        shown = {**figures, "per_vm": figures["migrations"] / row.vms / (row.samples * row.step_s / 86_400)}
        ratios = (_percent(figures["unserved_ratio"]), _percent(figures["slatah"]), _percent(figures["pdm"], 4))
        lines.append(
            Line(*POLICIES[name], at, shown, to_bound, saved, *ratios, _small(figures["slav"]), _small(figures["esv"]))
        )
    return lines


def _percent(ratio: float, digits: int = 3) -> str:
    return f"{number_format(100 * ratio, digits)} %" if ratio else "0 %"


def _small(value: float) -> str:
    return f"{value:.2e}" if value else "0"


@require_safe
@members_only
def curves(request: HttpRequest, vc: UUID, moref: str, replay: int) -> HttpResponse:
    """The curves of a replay: hours of the day, and per policy hosts on, power and load."""
    cluster = _cluster(request, vc, moref)
    row = Replay.objects.filter(cluster=cluster, pk=replay).defer("trace").first()
    if row is None:
        raise Http404("replay")
    found = replays.results_of(row)
    times: list[float] = next((one["series"]["t_s"] for one in found.values()), [])
    answer = JsonResponse(
        {
            "times": times,
            "names": {name: str(POLICIES[name][0]) for name in found},
            "hosts_on": {name: one["series"]["hosts_on"] for name, one in found.items()},
            "power_w": {name: one["series"]["power_w"] for name, one in found.items()},
            "load_pct": {name: [100 * x for x in one["series"]["utilisation_ratio"]] for name, one in found.items()},
        }
    )
    answer["Cache-Control"] = "no-store"
    return answer


# --- starting one ----------------------------------------------------------------------------------------------------
@require_POST
@members_only
def start(request: HttpRequest, vc: UUID, moref: str) -> HttpResponse:
    """Replay an uploaded trace or the cluster's own hours."""
    cluster = _cluster(request, vc, moref)
    try:
        replays.check(request.user, replays.PRIVILEGE, cluster)  # before anybody's file is looked into
        task = replays.start(request.user, cluster, _asked(request))
    except MethodFault as fault:
        return refusal(request, fault)
    except TraceError as error:
        said = {"tone": "error", "text": _(error.template) % error.fields}
        return render(request, "inventory/dialogs/toast.html", said, status=409)
    if not in_background(request):
        return redirect("inventory:object-section", cluster.vcenter.uuid, cluster.moref, "monitor", "replay")
    answer: dict[str, Any] = {"text": _("The replay has started."), "tone": "ok", "tasks": [task]}
    return render(request, "scheduler/drs/answer.html", answer, status=202)


def _cluster(request: HttpRequest, vc: UUID, moref: str) -> Any:
    vcenter = selectors.vcenter_for(request.user, vc)
    cluster = selectors.cluster_for(request.user, vcenter, moref)
    if cluster.standalone:
        raise Http404("cluster")
    return cluster


def _asked(request: HttpRequest) -> replays.Asked:
    form = request.POST
    upload = request.FILES.get("trace")
    if form.get("origin") == "upload" and upload is None:
        raise TraceError(NO_FILE)
    traces = _uploaded(upload) if upload is not None and form.get("origin") == "upload" else None
    day = form.get("day", "")
    return replays.Asked(
        policies=form.getlist("policy"),
        semantics=form.get("semantics", "physical"),
        site=form.get("site", "cluster"),
        traces=traces,
        day=int(day) if day.isdecimal() and len(day) < 6 else 1,
    )


NO_FILE = gettext_noop("Choose a trace file to upload.")
TOO_BIG = gettext_lazy("%(source)s: larger than %(limit_mib)d MiB")


def _uploaded(upload: Any) -> TraceSet:
    """The trace in an uploaded file, checked; the file itself is not kept. Raises TraceError."""
    name = Path(str(upload.name)).name[:100] or "trace"
    if upload.size > MAX_UPLOAD_BYTES:
        raise TraceError(str(TOO_BIG), source=name, limit_mib=MAX_UPLOAD_BYTES // 2**20)
    folder = Path(tempfile.mkdtemp(prefix="trace-"))
    try:
        path = folder / f"trace{Path(name).suffix.lower()[:5]}"
        with path.open("wb") as file:
            for chunk in upload.chunks():
                file.write(chunk)
        return _named(load_traces(path, UPLOADED), Path(name).stem)
    except TraceError as error:
        raise TraceError(error.template, **{**error.fields, "source": name}) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _named(traces: TraceSet, name: str) -> TraceSet:
    return TraceSet(
        traces.names, traces.step_s, traces.cpu_pct, traces.mem_pct, traces.cores, traces.cap_mhz, traces.mem_cap_mib,
        name,
    )  # fmt: skip
