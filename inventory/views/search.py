"""Global search: suggestions while typing, and the page of results."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from domain.morefs import Kind
from inventory import finder
from inventory.views.tasks import in_reach

SUGGESTED = 6
SHOWN = 5
PAGE = 50
LONGEST = 120


@login_required
@require_safe
def suggest(request: HttpRequest) -> HttpResponse:
    """The first matches of each kind, for the list below the field and for the palette."""
    query = _query(request)
    groups = finder.search(request.user, in_reach(request, None), query, SUGGESTED) if query else []
    return render(request, "inventory/fragments/suggestions.html", {"groups": groups, "query": query})


@login_required
@require_safe
def results(request: HttpRequest, vc: UUID | None = None) -> HttpResponse:
    """All matches; `kind` shows one kind alone, page by page."""
    query, reach = _query(request), in_reach(request, vc)
    context: dict[str, Any] = {"query": query, "groups": [], "kind": None}
    if query:
        context["groups"] = finder.search(request.user, reach, query, SHOWN)
        context |= _one_kind(request, reach, query)
    return render(request, "inventory/search.html", context)


def _one_kind(request: HttpRequest, reach: list[Any], query: str) -> dict[str, Any]:
    known = {str(kind): kind for kind in finder.KINDS}
    kind: Kind | None = known.get(request.GET.get("kind", ""))
    if kind is None:
        return {}
    rows = finder.matching(request.user, reach, kind, query).order_by("name", "pk")
    page = Paginator(rows.select_related(*finder.NEXT_TO[kind]), PAGE).get_page(request.GET.get("page"))
    return {"kind": kind, "rows": page}


def _query(request: HttpRequest) -> str:
    return request.GET.get("q", "").strip()[:LONGEST]
