"""The page of an object: its header, its tabs, and the section that was asked for."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from domain.morefs import Kind
from inventory import selectors
from inventory.models import Cluster, VCenter
from inventory.pages import ObjectPage
from inventory.pages.files import files_context
from inventory.pages.registry import Content
from inventory.pages.related import related_context
from inventory.pages.snapshots import snapshot_context
from inventory.views.guard import members_only

MOST_ABOVE = 20
RELATED: tuple[str, Content] = ("inventory/related.html", related_context)
# Tabs of related things that are no grid of objects.
LISTS: dict[str, tuple[str, Content]] = {
    "files": ("inventory/files.html", files_context),
    "snapshots": ("inventory/snapshots.html", snapshot_context),
}


@login_required
@require_safe
def page(request: HttpRequest, vc: UUID, moref: str, tab: str = "", section: str = "") -> HttpResponse:
    """Show one tab of an object; an address without a tab is the first one."""
    vcenter = selectors.vcenter_for(request.user, vc)
    try:
        obj = _object(request, vcenter, moref)
    except Http404:
        return _gone(request, vcenter)
    if isinstance(obj, Cluster) and obj.standalone:
        return redirect("inventory:object", vc, obj.hosts.get().moref)
    shown = ObjectPage(request, vcenter, obj, tab, section)
    if shown.section is None:
        template, content = LISTS.get(shown.tab.slug, RELATED)
    else:
        template, content = shown.section.template, shown.section.content
    return render(request, template, {"page": shown, "obj": obj, **content(shown)})


@members_only
@require_safe
def landing(request: HttpRequest) -> JsonResponse:
    """The first of the references `on` in the vCenter `vc` that the person sees; "" where there is none of them, and
    for what is nobody's business. A page asks whose object may have gone."""
    try:
        vcenter = selectors.vcenter_for(request.user, request.GET.get("vc", ""))
    except Http404:
        return JsonResponse({"at": ""})
    for moref in request.GET.get("on", "").split(",")[:MOST_ABOVE]:
        try:
            selectors.object_for(request.user, vcenter, moref)
        except Http404:
            continue
        return JsonResponse({"at": moref})
    return JsonResponse({"at": ""})


def _gone(request: HttpRequest, vcenter: VCenter) -> HttpResponse:
    """404 within the client, for who reads something in the vCenter: what has gone and what may not be seen look the
    same."""
    root = vcenter if selectors.readable(request.user, vcenter) else None
    return render(request, "inventory/gone.html", {"root": root}, status=404)


def _object(request: HttpRequest, vcenter: VCenter, moref: str) -> Any:
    """The root folder stands for its vCenter: whoever reads it sees the vCenter's page."""
    obj = selectors.object_for(request.user, vcenter, moref)
    return vcenter if obj.kind == Kind.FOLDER and moref == vcenter.moref else obj
