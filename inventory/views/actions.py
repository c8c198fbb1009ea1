"""The Actions menu of an object or a selection, and what is done with one click."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from domain.faults import MethodFault
from domain.morefs import kind_of as kind_of_moref
from inventory import actions, selectors
from inventory.actions.menus import BulkChoice
from inventory.models import Task, VCenter, VirtualMachine
from inventory.outcomes import Outcome, Results
from inventory.selectors.getters import MODELS
from inventory.views.guard import members_only, refusal, sentence

MOST_AT_ONCE = 500


@require_GET
@members_only
def menu(request: HttpRequest, vc: UUID, moref: str) -> HttpResponse:
    vcenter = selectors.vcenter_for(request.user, vc)
    obj = selectors.object_for(request.user, vcenter, moref)
    return render(request, "inventory/menus/menu.html", {"menu": actions.for_object(request.user, obj)})


@require_GET
@members_only
def palette(request: HttpRequest, vc: UUID, moref: str) -> HttpResponse:
    """What can be done to the object now, for the command palette."""
    vcenter = selectors.vcenter_for(request.user, vc)
    obj = selectors.object_for(request.user, vcenter, moref)
    context = {"items": actions.palette(request.user, obj), "obj": obj}
    return render(request, "inventory/menus/palette.html", context)


@require_POST
@members_only
def do(request: HttpRequest, vc: UUID, moref: str, action: str) -> HttpResponse:
    """Do something that needs no dialog, or whose question was answered; 202 and the task's row."""
    vcenter = selectors.vcenter_for(request.user, vc)
    obj = selectors.object_for(request.user, vcenter, moref)
    found = actions.find(obj, action)
    if found is None or not found.run:
        raise Http404("action")
    try:
        task = actions.perform(found, request.user, obj)
    except MethodFault as fault:
        return refusal(request, fault)
    return accepted(request, task)


def accepted(request: HttpRequest, task: Any) -> HttpResponse:
    """202: what was asked for is on its way; the row of its task goes to the top of Recent Tasks."""
    if isinstance(task, Results):
        return told(request, task)
    tasks = [task] if isinstance(task, Task) else []
    return render(request, "inventory/dialogs/accepted.html", {"tasks": tasks}, status=202)


# --- many objects ----------------------------------------------------------------------------------------------------
def objects_by_moref(user: Any, vcenter: VCenter, morefs: list[str]) -> Iterator[Any]:
    """Objects of any kinds, one query per kind."""
    by_model: dict[Any, list[str]] = defaultdict(list)
    for moref in morefs:
        kind = kind_of_moref(moref)
        if kind in MODELS:
            by_model[MODELS[kind]].append(moref)
    for model, some in by_model.items():
        rows = selectors.objects_visible(user, vcenter, model).filter(moref__in=some)
        yield from rows.select_related("vcenter", *(("host", "pool", "folder") if model is VirtualMachine else ()))


def selected(request: HttpRequest, vcenter: VCenter, morefs: str) -> list[Any]:
    """The objects that were selected, as far as this person sees them; a few queries whatever their number."""
    wanted = list(dict.fromkeys(m for m in morefs.split() if kind_of_moref(m)))[:MOST_AT_ONCE]
    if not wanted:
        raise Http404("selection")
    objects = {o.moref: o for o in objects_by_moref(request.user, vcenter, wanted)}
    if not objects:
        raise Http404("selection")
    return [objects[m] for m in wanted if m in objects]


@require_http_methods(["GET", "POST"])
@members_only
def bulk_menu(request: HttpRequest, vc: UUID) -> HttpResponse:
    vcenter = selectors.vcenter_for(request.user, vc)
    objects = selected(request, vcenter, request.POST.get("on") or request.GET.get("on", ""))
    return render(request, "inventory/menus/menu.html", {"menu": actions.for_selection(request.user, vcenter, objects)})


@require_http_methods(["GET", "POST"])
@members_only
def bulk(request: HttpRequest, vc: UUID) -> HttpResponse:
    """Ask once for all selected objects, then do it to each; the answer is one table of results."""
    vcenter = selectors.vcenter_for(request.user, vc)
    data = request.POST if request.method == "POST" else request.GET
    objects = selected(request, vcenter, data.get("on", ""))
    choices = {c.action.key: c for c in actions.bulk_choices(request.user, objects)}
    choice = choices.get(data.get("action", ""))
    if choice is None or choice.action.bulk_url:
        raise Http404("action")
    if request.method == "GET":
        context = {"choice": choice, "on": data["on"], "count": len(objects)}
        return render(request, "inventory/dialogs/bulk.html", context)
    return told(request, Results(str(choice.action.label), _do_all(request.user, choice)))


def told(request: HttpRequest, results: Results) -> HttpResponse:
    """202: the table of what became of each object, and the rows of their tasks."""
    return render(request, "inventory/dialogs/bulk_results.html", {"results": results}, status=202)


def _do_all(user: Any, choice: BulkChoice) -> list[Outcome]:
    done = [_do_one(user, choice.action, obj) for obj in choice.able]
    return done + [Outcome(obj, reason=why) for obj, why in choice.refused]


def _do_one(user: Any, action: actions.Action, obj: Any) -> Outcome:
    try:
        task = actions.perform(action, user, obj)
    except MethodFault as fault:
        return Outcome(obj, reason=sentence(fault))
    return Outcome(obj, task if isinstance(task, Task) else None)
