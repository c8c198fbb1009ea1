"""The figures behind a chart: as JSON for the page, as CSV for people; and the views that people keep."""

from __future__ import annotations

import csv
import math
import re
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from domain.faults import MethodFault
from inventory import chart_lines, charting, charts, selectors
from inventory.grids.render import harmless
from inventory.models import ChartView, VCenter
from inventory.services import chart_views as services
from inventory.views.answers import fault_answer
from inventory.views.guard import members_only


@members_only
@require_safe
def data(request: HttpRequest, vc: UUID, moref: str) -> HttpResponse:
    """`?period=day&lines=2,vm-42:398&since=<seconds since 1970>`: dates and series."""
    vcenter, obj = _charted(request, vc, moref)
    interval = charts.period_of(request.GET.get("period", ""))
    lines = _lines(request, vcenter, obj)
    found = chart_lines.read(request.user, vcenter, obj, lines, interval, _since_s(request, vcenter))
    values = {line.id: (line.key, found.values[line.id]) for line in lines}
    answer = JsonResponse(charts.as_json(vcenter, interval, found.times_s, values))
    answer["Cache-Control"] = "no-store"
    return answer


@members_only
@require_safe
def export(request: HttpRequest, vc: UUID, moref: str) -> HttpResponse:
    """The same as a CSV file; a missing sample is an empty cell."""
    vcenter, obj = _charted(request, vc, moref)
    interval = charts.period_of(request.GET.get("period", ""))
    lines = _lines(request, vcenter, obj)
    found = chart_lines.read(request.user, vcenter, obj, lines, interval)
    answer = HttpResponse(content_type="text/csv; charset=utf-8")
    name = re.sub(r"[^\w.-]+", "_", obj.name) or moref
    answer["Content-Disposition"] = f'attachment; filename="{name}-{interval.name}.csv"'
    writer = csv.writer(answer)
    writer.writerow(["time", *(harmless(f"{line.label} ({_unit(line.unit)})") for line in lines)])
    for at, time_s in enumerate(found.times_s):
        row = [_cell(float(found.values[line.id][at]) / charts.scale(line.key)) for line in lines]
        writer.writerow([vcenter.lab_datetime(float(time_s)).isoformat(), *row])
    return answer


@members_only
@require_safe
def objects(request: HttpRequest, vc: UUID, moref: str) -> HttpResponse:
    """What a chart can be compared with, by a part of its name: links to the chart with it in."""
    vcenter, obj = _charted(request, vc, moref)
    wish = charting.Wish.of(request.GET)
    found = charting.comparable(request.user, vcenter, obj, request.GET.get("q", "").strip(), wish)
    return render(request, "inventory/monitor/compare_choices.html", {"found": found})


@members_only
@require_POST
def save_view(request: HttpRequest, vc: UUID, moref: str) -> HttpResponse:
    """Keep what the chart shows under a name; the answer leads back to the chart."""
    vcenter, obj = _charted(request, vc, moref)
    try:
        view = services.save(request.user, vcenter, obj, request.POST.get("name", ""), request.POST.get("shown", ""))
    except MethodFault as fault:
        return fault_answer(request, fault)
    return redirect(charting.address(vcenter, obj, charting.Wish.of_view(view)))


@members_only
@require_POST
def delete_view(request: HttpRequest, vc: UUID, moref: str, pk: int) -> HttpResponse:
    _charted(request, vc, moref)
    view = get_object_or_404(ChartView, pk=pk, user=request.user)
    services.delete(request.user, view)
    return redirect("inventory:object-section", vc, moref, "monitor", "advanced")


def _charted(request: HttpRequest, vc: UUID, moref: str) -> tuple[VCenter, Any]:
    vcenter = selectors.vcenter_for(request.user, vc)
    obj = selectors.object_for(request.user, vcenter, moref)
    if charts.kind_of(obj) is None:
        raise Http404("no figures")
    return vcenter, obj


def _lines(request: HttpRequest, vcenter: VCenter, obj: Any) -> list[chart_lines.Line]:
    text = request.GET.get("lines") or request.GET.get("counters", "")
    return chart_lines.asked(request.user, vcenter, obj, text)


def _since_s(request: HttpRequest, vcenter: VCenter) -> float | None:
    """Lab seconds of `since`; what is no number is left out."""
    try:
        moment = float(request.GET["since"])
    except (KeyError, ValueError):
        return None
    return moment - vcenter.lab_epoch.timestamp() if math.isfinite(moment) else None


def _unit(unit: str) -> str:
    return "%" if unit == "percent" else unit


def _cell(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.6g}"
