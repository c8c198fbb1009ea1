"""Moves on pages: the live panel of a VM, the histories of VMs and hosts, and moving many VMs at once."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_safe

from domain.morefs import Kind
from inventory import selectors
from inventory.models import VirtualMachine
from inventory.pages import register_card
from inventory.pages.registry import MONITOR, section
from inventory.views.actions import selected
from inventory.views.dialogs import walk
from inventory.views.guard import members_only
from scheduler import progress
from scheduler.forms.migrate_many import MigrateMany
from scheduler.models import Migration

PAGE = 30


# --- the live panel --------------------------------------------------------------------------------------------------
@require_safe
@members_only
def panel(request: HttpRequest, vc: UUID, moref: str) -> HttpResponse:
    """The move that runs on a VM, for a page that shows it; 204 where none does."""
    vcenter = selectors.vcenter_for(request.user, vc)
    vm = selectors.vm_for(request.user, vcenter, moref)
    found = progress.of_vm(vm)
    if found is None:
        return HttpResponse(status=204)
    return render(request, "scheduler/motion/panel.html", {"move": found, "vm": vm})


def _card(page: Any) -> dict[str, Any]:
    return {"move": progress.of_vm(page.obj), "vm": page.obj}


register_card("motion", "scheduler/motion/card.html", [Kind.VM], _card)


# --- histories -------------------------------------------------------------------------------------------------------
@section(MONITOR, "migrations", _("Migrations"), [Kind.VM], group="history", template="scheduler/motion/history.html")
def vm_history(page: Any) -> dict[str, Any]:
    """Every move of this VM with what was predicted and measured."""
    rows = Migration.objects.filter(vcenter=page.vc, vm=page.moref)
    return {"move": progress.of_vm(page.obj), "vm": page.obj, **_history(page, rows)}


@section(MONITOR, "migrations", _("Migrations"), [Kind.HOST], group="history", template="scheduler/motion/history.html")
def host_history(page: Any) -> dict[str, Any]:
    """Moves to and from this host, of the VMs that this person sees."""
    here = Q(source=page.moref) | Q(destination=page.moref)
    seen = selectors.vms_visible(page.user, page.vc).values("moref")
    return _history(page, Migration.objects.filter(here, vcenter=page.vc, vm__in=seen)) | {"of_host": True}


def _history(page: Any, rows: QuerySet[Migration]) -> dict[str, Any]:
    shown = Paginator(rows.order_by("-id"), PAGE).get_page(page.request.GET.get("page"))
    row: Any
    for row in shown:
        row.kind_word = gettext(progress.KINDS.get(row.kind, row.kind))
        row.cause_word = gettext(progress.CAUSES.get(row.cause, row.cause))
        row.bars = progress.bars(row.rounds or [])
        row.duration_s = None if row.ended_lab_s is None else row.ended_lab_s - row.started_lab_s
    return {"rows": shown}


# --- many at once ----------------------------------------------------------------------------------------------------
@require_http_methods(["GET", "POST"])
@members_only
def migrate_many(request: HttpRequest, vc: UUID) -> HttpResponse:
    """The wizard "N Virtual Machines - Migrate" for a selection; the answer is one table of results."""
    vcenter = selectors.vcenter_for(request.user, vc)
    chosen = [o for o in selected(request, vcenter, request.GET.get("on", "")) if isinstance(o, VirtualMachine)]
    if not chosen:
        raise Http404("selection")
    wizard = MigrateMany(request.user, vcenter, vcenter, request.GET)
    wizard.take(chosen)
    return walk(request, wizard, _results)


def _results(request: HttpRequest, outcomes: Any) -> HttpResponse:
    tasks = [o.task for o in outcomes if o.task]
    return render(request, "scheduler/motion/results.html", {"outcomes": outcomes, "tasks": tasks}, status=202)
