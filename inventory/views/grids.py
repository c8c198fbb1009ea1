"""Grids: the fragment of a page, some rows again, the CSV file, the choice of columns."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import islice
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils.text import slugify
from django.utils.timezone import now
from django.views.decorators.http import require_GET, require_POST

from domain.morefs import kind_of
from inventory import metrics, selectors
from inventory.grids import GRIDS, Grid, GridPage, GridState, build
from inventory.grids.columns import Facts
from inventory.grids.grid import narrowed, ordered
from inventory.grids.page import chosen_columns, drawn_rows, rows_by_moref, save_columns
from inventory.grids.render import csv_header, csv_value
from inventory.models import VCenter
from inventory.views.guard import members_only

CSV_CHUNK = 1000
MOST_ROWS_AGAIN = 200


def _found(request: HttpRequest, vc: UUID, moref: str, tab: str) -> tuple[VCenter, Any, Grid]:
    vcenter = selectors.vcenter_for(request.user, vc)
    obj = selectors.object_for(request.user, vcenter, moref)
    if tab not in GRIDS:
        raise Http404("grid")
    return vcenter, obj, GRIDS[tab]


@require_GET
@members_only
def fragment(request: HttpRequest, vc: UUID, moref: str, tab: str) -> HttpResponse:
    """The grid again, with another sort, filter or page; `only` asks for some rows, after they changed."""
    vcenter, obj, grid = _found(request, vc, moref, tab)
    return answer(request, vcenter, obj, grid, lambda: _built(request, vcenter, obj, grid))


def answer(request: HttpRequest, vcenter: VCenter, obj: Any, grid: Grid, built: Callable[[], GridPage]) -> HttpResponse:
    """Some rows of the grid (`only`), or its page as `built` makes it, with the address of that page."""
    if "only" in request.GET:
        latest = metrics.latest(vcenter) if grid.kind else None
        morefs = [m for m in request.GET["only"].split() if kind_of(m)][:MOST_ROWS_AGAIN]
        rows = rows_by_moref(grid, grid.rows(request.user, vcenter, obj), morefs)
        columns = chosen_columns(grid, request.user, str(getattr(obj, "kind", "")))
        drawn = drawn_rows(grid, rows, columns, vcenter, latest)
        return render(request, "inventory/grids/rows.html", {"rows": drawn})
    page = built()
    response = render(request, "inventory/grids/grid.html", {"grid": page})
    response["HX-Replace-Url" if "typing" in request.GET else "HX-Push-Url"] = page.page_url + page.state.query()
    return response


def _built(request: HttpRequest, vcenter: VCenter, obj: Any, grid: Grid) -> GridPage:
    latest = metrics.latest(vcenter) if grid.kind else None
    return build(grid, request.user, vcenter, obj, GridState.read(request.GET), latest)


@require_POST
@members_only
def columns(request: HttpRequest, vc: UUID, moref: str, tab: str) -> HttpResponse:
    """Remember the chosen columns and answer with the grid as it is now."""
    vcenter, obj, grid = _found(request, vc, moref, tab)
    remember_columns(request, grid)
    return render(request, "inventory/grids/grid.html", {"grid": _built(request, vcenter, obj, grid)})


def remember_columns(request: HttpRequest, grid: Grid) -> None:
    save_columns(request.user, grid, [] if "standard" in request.POST else request.POST.getlist("column"))


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        return text


@require_GET
@members_only
def export(request: HttpRequest, vc: UUID, moref: str, tab: str) -> StreamingHttpResponse:
    """All rows that the filters leave, with the columns shown, as a stream: any number of rows, constant memory."""
    return csv_of(request, *_found(request, vc, moref, tab))


def csv_of(request: HttpRequest, vcenter: VCenter, obj: Any, grid: Grid) -> StreamingHttpResponse:
    """The same for any grid of an object."""
    state = GridState.read(request.GET)
    chosen = chosen_columns(grid, request.user, str(getattr(obj, "kind", "")))
    rows = ordered(grid, narrowed(grid, grid.rows(request.user, vcenter, obj), state), state)
    latest = metrics.latest(vcenter) if grid.kind else None
    name = f"{slugify(obj.name) or obj.moref}-{grid.key}-{now():%Y%m%d-%H%M}.csv"
    lines = _lines(grid, rows.select_related(*grid.related), chosen, latest)
    return StreamingHttpResponse(
        _in_threads(lines) if isinstance(request, ASGIRequest) else lines,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _lines(grid: Grid, rows: Any, columns: Any, latest: Any) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield "\ufeff" + writer.writerow([csv_header(c) for c in columns])  # the mark tells spreadsheets that it is UTF-8
    batch: list[Any] = []
    for row in rows.iterator(chunk_size=CSV_CHUNK):
        batch.append(row)
        if len(batch) == CSV_CHUNK:
            yield from _batch(grid, batch, columns, latest, writer)
            batch = []
    yield from _batch(grid, batch, columns, latest, writer)


async def _in_threads(lines: Iterator[str]) -> AsyncIterator[str]:
    """The same for an asynchronous server: each batch is made in a thread, and sent before the next is made."""
    while batch := await sync_to_async(lambda: list(islice(lines, CSV_CHUNK)))():
        yield "".join(batch)


def _batch(grid: Grid, batch: list[Any], columns: Any, latest: Any, writer: Any) -> Iterator[str]:
    facts = Facts(latest)
    grid.prepare(batch, facts)
    for row in batch:
        yield writer.writerow([csv_value(c, row, facts) for c in columns])
