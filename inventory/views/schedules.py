"""Enabling, disabling and running scheduled tasks; the answer is the list anew."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from domain.faults import MethodFault
from inventory import selectors
from inventory.pages import ObjectPage
from inventory.pages.schedules import scheduled_tasks
from inventory.services import schedules
from inventory.views.guard import members_only, refusal

VERBS = {"enable": schedules.enable, "disable": schedules.disable, "run": schedules.run_now}


@require_POST
@members_only
def verb(request: HttpRequest, vc: UUID, moref: str, pk: int, verb: str) -> HttpResponse:
    """One verb on a scheduled task, on the page of its object."""
    vcenter = selectors.vcenter_for(request.user, vc)
    obj = selectors.object_for(request.user, vcenter, moref)
    if verb not in VERBS:
        raise Http404("verb")
    try:
        VERBS[verb](request.user, schedules.row_of(obj, str(pk)))
    except MethodFault as fault:
        return refusal(request, fault)
    page = ObjectPage(request, vcenter, obj, "configure", "scheduled-tasks")
    return render(request, "inventory/configure/schedules_list.html", {"page": page, **scheduled_tasks(page)})
