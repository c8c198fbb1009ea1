"""The event console: what happened, with filters, pages and an export."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from domain.states import EventCategory
from inventory import format as forms
from inventory import history, words
from inventory.models import Event
from inventory.pages.monitor import filtered_events
from inventory.views.answers import csv_file
from inventory.views.tasks import CSV_MOST, PAGE, in_reach

EVENT_COLUMNS = ("time", "type", "description", "target", "user", "event type", "chain", "server")


@login_required
@require_safe
def console(request: HttpRequest, vc: UUID | None = None) -> HttpResponseBase:
    """All events of the vCenters in reach."""
    rows = filtered_events(history.events(request.user, in_reach(request, vc)), request.GET).order_by("-id")
    if request.GET.get("format") == "csv":
        return csv_file("events", EVENT_COLUMNS, (_csv_row(event) for event in rows[:CSV_MOST]))
    page = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    context = {"rows": page, "categories": words.choices(EventCategory), "filters": request.GET}
    return render(request, "inventory/events.html", context)


def _csv_row(event: Event) -> tuple[str, ...]:
    time = forms.lab_iso(event.vcenter, event.lab_s)
    category = str(words.of(EventCategory, event.category))
    sentence, chain = words.event_sentence(event), str(event.chain_id)
    return (
        time, category, sentence, event.entity_name, event.user_name, event.type, chain, event.vcenter.name
    )  # fmt: skip
