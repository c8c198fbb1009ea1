"""The advanced search: a form of conditions, its results as a grid, and the searches that a person keeps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST, require_safe

from domain.faults import MethodFault
from inventory import criteria, metrics, selectors
from inventory.criteria import Row, Search
from inventory.grids import GRIDS, Grid, GridPage, GridState, build
from inventory.models import SavedSearch, VCenter
from inventory.searchable import SEARCHABLE
from inventory.services import searches
from inventory.views import grids
from inventory.views.guard import members_only, refusal, sentence

FIRST = "vms"


@dataclass(frozen=True)
class Line:
    """One row of the form: what can be chosen in it, and what is."""

    row: Row
    property: criteria.Property | None
    properties: list[criteria.Property]


@require_safe
@members_only
def start(request: HttpRequest) -> HttpResponse:
    """`?vc=…&in=vms&where=…`: the address that a saved search has; without a vCenter, the person's first."""
    named = request.GET.get("vc")
    vcenter = selectors.vcenter_for(request.user, named) if named else _first(request.user)
    if vcenter is None:
        raise Http404("vCenter")
    tab = request.GET.get("in", FIRST)
    rest = {key: request.GET[key] for key in ("where", "match") if request.GET.get(key)}
    address = reverse("inventory:find", args=(vcenter.uuid, tab if tab in SEARCHABLE else FIRST))
    return HttpResponseRedirect(f"{address}?{urlencode(rest)}" if rest else address)


def _first(user: Any) -> Any:
    """One that is at home before a lab of somebody else's."""
    return selectors.vcenters_at_home(user).first() or selectors.vcenters_for(user).first()


@require_safe
@members_only
def page(request: HttpRequest, vc: UUID, tab: str) -> HttpResponse:
    """The form and what it finds. What a form sends is answered with the address of that search."""
    vcenter, grid = _place(request, vc, tab)
    context: dict[str, Any] = {"vc": vcenter, "tab": tab, "kinds": _kinds(vcenter), "saved": _saved(request)}
    try:
        if "p" in request.GET:
            search = criteria.typed(request.GET)
            search.q(SEARCHABLE[tab], vcenter)
            return HttpResponseRedirect(f"{reverse('inventory:find', args=(vcenter.uuid, tab))}?{search.query}")
        search = criteria.parsed(request.GET)
        if search.rows:
            context["grid"] = results(request, vcenter, grid, search)
    except MethodFault as fault:
        search = criteria.typed(request.GET) if "p" in request.GET and _fits(request.GET) else Search()
        context |= {"refused": sentence(fault), "fault": fault}
    context |= _form(tab, search)
    answer = render(request, "inventory/find.html", context, status=400 if "refused" in context else 200)
    if "fault" in context:
        answer["X-Fault"] = context["fault"].name
    return answer


def _fits(query: QueryDict) -> bool:
    try:
        criteria.typed(query)
    except MethodFault:
        return False
    return True


@require_GET
@members_only
def form(request: HttpRequest, vc: UUID, tab: str) -> HttpResponse:
    """The form again, after a property was chosen or a row was added or taken away (`go`)."""
    vcenter, _grid = _place(request, vc, tab)
    try:
        search = criteria.typed(request.GET)
    except MethodFault as fault:
        return refusal(request, fault)
    rows, go = list(search.rows), request.GET.get("go", "")
    if go == "add" and len(rows) < criteria.MOST_ROWS:
        rows.append(Row("name", "contains", ""))
    elif go.isdecimal() and len(go) < 3 and len(rows) > 1:
        rows = [row for at, row in enumerate(rows) if at != int(go)]
    context = {"vc": vcenter, "tab": tab, **_form(tab, replace(search, rows=tuple(rows)))}
    return render(request, "inventory/fragments/find_form.html", context)


@require_GET
@members_only
def fragment(request: HttpRequest, vc: UUID, tab: str) -> HttpResponse:
    """The grid of the results, with another sort, filter or page."""
    vcenter, grid = _place(request, vc, tab)
    try:
        search = criteria.parsed(request.GET)
        found = searched(grid, search, vcenter)
    except MethodFault as fault:
        return refusal(request, fault)
    return grids.answer(request, vcenter, vcenter, found, lambda: results(request, vcenter, grid, search))


@require_POST
@members_only
def columns(request: HttpRequest, vc: UUID, tab: str) -> HttpResponse:
    """Remember the chosen columns; they are those of the kind's other lists too."""
    vcenter, grid = _place(request, vc, tab)
    grids.remember_columns(request, grid)
    try:
        built = results(request, vcenter, grid, criteria.parsed(request.GET))
    except MethodFault as fault:
        return refusal(request, fault)
    return render(request, "inventory/grids/grid.html", {"grid": built})


@require_GET
@members_only
def export(request: HttpRequest, vc: UUID, tab: str) -> HttpResponse | StreamingHttpResponse:
    """What the search finds, as a CSV file."""
    vcenter, grid = _place(request, vc, tab)
    try:
        found = searched(grid, criteria.parsed(request.GET), vcenter)
    except MethodFault as fault:
        return refusal(request, fault)
    return grids.csv_of(request, vcenter, vcenter, found)


# --- the searches that a person keeps --------------------------------------------------------------------------------
@require_POST
@members_only
def save(request: HttpRequest, vc: UUID, tab: str) -> HttpResponse:
    """Keep the present search under a name; the answer is the list anew."""
    vcenter, _grid = _place(request, vc, tab)
    try:
        search = criteria.parsed(request.POST)
        search.q(SEARCHABLE[tab], vcenter)
        query = urlencode({"vc": str(vcenter.uuid), "in": tab}) + f"&{search.query}"
        searches.save(request.user, request.POST.get("name", ""), query)
    except MethodFault as fault:
        return refusal(request, fault)
    return render(request, "inventory/fragments/saved_searches.html", {"saved": _saved(request)})


@require_POST
@members_only
def forget(request: HttpRequest, pk: int) -> HttpResponse:
    get_object_or_404(SavedSearch, user=request.user, pk=pk)
    searches.remove(request.user, pk)
    return render(request, "inventory/fragments/saved_searches.html", {"saved": _saved(request)})


def _saved(request: HttpRequest) -> list[SavedSearch]:
    return list(SavedSearch.objects.filter(user=request.user.pk))


# --- parts -----------------------------------------------------------------------------------------------------------
def _place(request: HttpRequest, vc: UUID, tab: str) -> tuple[VCenter, Grid]:
    vcenter = selectors.vcenter_for(request.user, vc)
    if tab not in SEARCHABLE:
        raise Http404("kind")
    return vcenter, GRIDS[tab]


def _kinds(vcenter: VCenter) -> list[tuple[str, Any, str]]:
    return [(tab, GRIDS[tab].label, reverse("inventory:find", args=(vcenter.uuid, tab))) for tab in SEARCHABLE]


def _form(tab: str, search: Search) -> dict[str, Any]:
    properties = list(SEARCHABLE[tab].values())
    rows = search.rows or (Row("name", "contains", ""),)
    lines = [Line(row, SEARCHABLE[tab].get(row.property), properties) for row in rows]
    return {"search": search, "lines": lines, "full": len(lines) >= criteria.MOST_ROWS}


def searched(grid: Grid, search: Search, vcenter: VCenter) -> Grid:
    """The grid narrowed to what the search finds; who may see what stays as it is. Raises InvalidArgument."""
    condition = search.q(SEARCHABLE[grid.key], vcenter)
    return replace(grid, visible=lambda user, vc: _listed(grid, user, vc).filter(condition))


def _listed(grid: Grid, user: Any, vcenter: VCenter) -> Any:
    """What has a line in the lists of the client: neither root pools nor the compute resources of single hosts."""
    rows = grid.visible(user, vcenter)
    if grid.key == "pools":
        return rows.filter(parent__isnull=False)
    return rows.filter(standalone=False) if grid.key == "clusters" else rows


def results(request: HttpRequest, vcenter: VCenter, grid: Grid, search: Search) -> GridPage:
    """The grid of a search; the search goes along in every address of it."""
    state = GridState.read(request.GET)
    kept = {"where": search.where, **({"match": search.match} if search.match != criteria.ALL else {})}
    latest = metrics.latest(vcenter) if grid.kind else None
    state = replace(state, kept={**state.kept, **kept})
    built = build(searched(grid, search, vcenter), request.user, vcenter, vcenter, state, latest)
    place = (vcenter.uuid, grid.key)
    return replace(
        built, base=reverse("inventory:find-grid", args=place), page_url=reverse("inventory:find", args=place)
    )
