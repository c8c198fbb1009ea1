"""Switching alarm definitions on and off; the answer is the list anew."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_POST

from domain.faults import MethodFault
from inventory import selectors
from inventory.models import AlarmDefinition
from inventory.pages import ObjectPage
from inventory.pages.alarms import alarm_definitions
from inventory.services import alarms as services
from inventory.views.guard import members_only, refusal

SWITCHES = {"enable": True, "disable": False}


@require_POST
@members_only
def switch_definition(request: HttpRequest, vc: UUID, moref: str, pk: int, switch: str) -> HttpResponse:
    """Enable or disable a definition on the page of the object that it is defined on."""
    vcenter = selectors.vcenter_for(request.user, vc)
    obj = selectors.object_for(request.user, vcenter, moref)
    if switch not in SWITCHES:
        raise Http404("switch")
    rows = AlarmDefinition.objects.filter(vcenter=vcenter, entity=obj.moref).select_related("vcenter")
    one = get_object_or_404(rows, pk=pk)
    try:
        services.set_enabled(request.user, one, SWITCHES[switch])
    except MethodFault as fault:
        return refusal(request, fault)
    page = ObjectPage(request, vcenter, obj, "configure", "alarm-definitions")
    return render(request, "inventory/alarms/definitions.html", {"page": page, **alarm_definitions(page)})
