"""Inventories in and out: download, import with a preview, comparison with a file."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from domain import faults
from inventory import selectors
from inventory.exchange import build, kept, places, rvtools, safe, sheets
from inventory.services import exchange as services
from inventory.services.exchange_plan import TICKS
from inventory.views.guard import sentence

SHOWN = 500


@login_required
@require_safe
def export(request: HttpRequest, vc: UUID) -> HttpResponse:
    """The inventory as YAML; `?object=` a datacenter narrows it to that one."""
    vcenter = selectors.vcenter_for(request.user, vc)
    moref = request.GET.get("object", vcenter.moref)
    only = None if moref == vcenter.moref else selectors.datacenter_for(request.user, vcenter, moref)
    try:
        document = services.told(request.user, vcenter, only)
    except faults.NoPermission as fault:
        raise PermissionDenied(sentence(fault)) from fault
    answer = HttpResponse(safe.dump(document), content_type="application/yaml; charset=utf-8")
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", (only or vcenter).name).strip("-") or "inventory"
    answer["Content-Disposition"] = f'attachment; filename="{name}.yaml"'
    return answer


@login_required
@require_http_methods(["GET", "POST"])
def take_in(request: HttpRequest) -> HttpResponse:
    """Choose a file; then what it would make, and what is wrong with it."""
    if not services.may_import(request.user):
        raise PermissionDenied(_("Only administrators and teachers may import an inventory."))
    if request.method == "GET":
        return render(request, "inventory/exchange/import.html", {})
    context: dict[str, Any] = {}
    try:
        reading = _read(request)
    except safe.Unreadable as why:
        return render(request, "inventory/exchange/import.html", {"refused": str(why)}, status=422)
    outcome = build.preview(reading.document, owner=request.user)
    context |= {"name": reading.document.get("name", ""), "counts": sorted(outcome.counts.items())}
    context |= {"problems": _with_lines(outcome.problems[:SHOWN], reading.text), "left_out": reading.problems[:SHOWN]}
    if not outcome.problems:
        context["token"] = kept.keep(request.user, reading.document)
    return render(request, "inventory/exchange/import.html", context, status=422 if outcome.problems else 200)


@login_required
@require_POST
def commit(request: HttpRequest) -> HttpResponse:
    """Make the vCenter that was previewed."""
    token = request.POST.get("token", "")
    document = kept.found(request.user, token)
    if document is None:
        why = _("The preview is no longer kept. Choose the file again.")
        return render(request, "inventory/exchange/import.html", {"refused": why}, status=409)
    try:
        made = services.take_in(request.user, document)
    except build.Refused as refused:
        return render(request, "inventory/exchange/import.html", {"problems": refused.problems[:SHOWN]}, status=422)
    except faults.NoPermission as fault:
        raise PermissionDenied(sentence(fault)) from fault
    kept.forget(request.user, token)
    return redirect("inventory:object", vc=made.uuid, moref=made.moref)


@login_required
@require_http_methods(["GET", "POST"])
def compare(request: HttpRequest, vc: UUID) -> HttpResponse:
    """What a file says otherwise than the running vCenter; `apply` does what can be done of it."""
    vcenter = selectors.vcenter_for(request.user, vc)
    context: dict[str, Any] = {"vc": vcenter}
    status = 200
    try:
        services.told(request.user, vcenter)
        if request.method == "POST" and request.POST.get("token"):
            return _applied(request, vcenter)
        if request.method == "POST":
            document = _read(request).document
            context |= _compared(request, vcenter, document)
    except safe.Unreadable as why:
        context, status = {**context, "refused": str(why)}, 422
    except faults.NoPermission as fault:
        raise PermissionDenied(sentence(fault)) from fault
    except faults.MethodFault as fault:
        context, status = {**context, "refused": sentence(fault)}, 409
    return render(request, "inventory/exchange/compare.html", context, status=status)


def _compared(request: HttpRequest, vcenter: Any, document: dict[str, Any]) -> dict[str, Any]:
    """What the page shows of a comparison: the steps, what has to be ticked, what would be refused as things are."""
    found = services.plan(request.user, vcenter, document)
    able = sum(1 for one in found if one.able and not one.tick)
    ticks = Counter(one.tick for one in found if one.able and one.tick)
    token = kept.keep(request.user, document) if able or ticks else ""
    refusals = _rehearsed(request, vcenter, document, sorted(ticks), able) if token else []
    return {
        "found": found[:SHOWN], "count": len(found), "able": able, "token": token, "compared": True,
        "ticks": [(name, label, ticks[name]) for name, label in TICKS.items() if ticks[name]], "refusals": refusals,
    }  # fmt: skip


def _rehearsed(request: HttpRequest, vcenter: Any, document: dict[str, Any], ticks: list[str], able: int) -> list[str]:
    """Why Apply would be refused as things are: as the page stands, and else with everything ticked."""
    for ticked in [[], ticks] if able else [ticks]:
        if (fault := services.rehearse(request.user, vcenter, document, ticked)) is not None:
            return [sentence(fault)]
    return []


def _applied(request: HttpRequest, vcenter: Any) -> HttpResponse:
    token = request.POST["token"]
    document = kept.found(request.user, token)
    if document is None:
        raise safe.Unreadable(_("the preview is no longer kept; choose the file again"))
    done = services.apply(request.user, vcenter, document, request.POST.getlist("tick"))
    context = _compared(request, vcenter, document)
    return render(request, "inventory/exchange/compare.html", {"vc": vcenter, "done": done, **context})


def _read(request: HttpRequest) -> rvtools.Reading:
    """The document in the file that was sent: YAML, or an export of RVTools. Raises Unreadable."""
    file: Any = request.FILES.get("file")
    if file is None:
        raise safe.Unreadable(_("no file was chosen"))
    if (file.size or 0) > sheets.FILE_MAX:
        raise safe.Unreadable(_("the file is too large"))
    data = file.read()
    if data[:2] == b"PK":
        name = re.sub(r"\.[a-z]+$", "", str(file.name))[:80] or "RVTools"
        return rvtools.document(data, name)
    return rvtools.Reading(safe.load(data), text=data.decode("utf-8-sig"))


def _with_lines(problems: list[build.Problem], text: str) -> list[build.Problem]:
    """The problems of a YAML file, each with the line that it, or what it is missing in, stands at."""
    lines = places.lines_of(text) if text and problems else {}
    return [replace(one, line=places.line_at(lines, one.where)) for one in problems]
