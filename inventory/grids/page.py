"""One page of a grid, ready to be drawn: header cells with their addresses, rows with their cells, the pager."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from inventory import words
from inventory.grids.columns import Column, Facts, Filter
from inventory.grids.grid import Grid, select
from inventory.grids.render import cell
from inventory.grids.state import PAGE_SIZES, GridState
from inventory.models import Preferences, VCenter


@dataclass(frozen=True)
class Cell:
    key: str
    html: SafeString
    numeric: bool


@dataclass(frozen=True)
class Row:
    moref: str
    name: str
    url: str
    menu_url: str
    cells: list[Cell]


@dataclass(frozen=True)
class Head:
    """A header cell. `sort_url` is the page's address after a click; `direction` is for aria-sort."""

    column: Column
    sort_query: str
    direction: str
    filtered: bool
    rest_query: str = ""  # the address without this column's filter
    value: str = ""
    low: str = ""
    high: str = ""
    choices: list[tuple[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class GridPage:
    grid: Grid
    vc: VCenter
    moref: str
    state: GridState
    heads: list[Head]
    rows: list[Row]
    total: int
    offline: bool
    base: str  # address of the fragment
    page_url: str  # address of the page around it
    columns: list[tuple[Column, bool]]  # all, and whether they are shown

    @property
    def first(self) -> int:
        return (self.state.page - 1) * self.state.size + 1 if self.total else 0

    @property
    def last(self) -> int:
        return min(self.total, self.state.page * self.state.size)

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // self.state.size))

    def _at(self, page: int) -> str | None:
        return self.state.at(page).query() if 1 <= page <= self.pages and page != self.state.page else None

    @property
    def pager(self) -> list[tuple[str, str, str, str | None]]:
        """(label, icon, its direction, query) of first, previous, next, last; no query = greyed."""
        here = self.state.page
        return [
            (_("First page"), "angle-double", "left", self._at(1)),
            (_("Previous page"), "angle", "left", self._at(here - 1)),
            (_("Next page"), "angle", "right", self._at(here + 1)),
            (_("Last page"), "angle-double", "right", self._at(self.pages)),
        ]

    @property
    def clear_query(self) -> str:
        return self.state.without_filters().query() or "?"

    @property
    def filtered(self) -> bool:
        return bool(self.state.q or self.state.filters)

    sizes = PAGE_SIZES


def chosen_columns(grid: Grid, user: Any, kind: str) -> list[Column]:
    """The columns that a person wants to see here, in the grid's order; the name is always there."""
    wanted = saved_columns(user, grid.key)
    redundant = grid.redundant.get(kind, frozenset())
    if wanted is None:
        return [c for c in grid.columns if c.shown and c.key not in redundant]
    return [c for c in grid.columns if c.key in wanted or c.key == "name"]


def saved_columns(user: Any, key: str) -> frozenset[str] | None:
    layout = Preferences.objects.filter(user=user).values_list("layout", flat=True).first() or {}
    saved = layout.get("grids", {}).get(key)
    return None if saved is None else frozenset(saved)


def save_columns(user: Any, grid: Grid, keys: Sequence[str]) -> None:
    """Remember which columns a person wants; none = back to the standard ones."""
    preferences, _made = Preferences.objects.get_or_create(user=user)
    grids = preferences.layout.setdefault("grids", {})
    known = [c.key for c in grid.columns if c.key in keys]
    grids[grid.key] = known
    if not known:
        del grids[grid.key]
    preferences.save(update_fields=["layout"])


def build(grid: Grid, user: Any, vc: VCenter, obj: Any, state: GridState, latest: Any) -> GridPage:
    """The page of a grid that belongs to an object; `latest` None = live figures are offline."""
    columns = chosen_columns(grid, user, str(getattr(obj, "kind", "")))
    part = select(grid, grid.rows(user, vc, obj), state, latest)
    where = {"vc": vc.uuid, "moref": obj.moref, "tab": grid.key}
    return GridPage(
        grid=grid,
        vc=vc,
        moref=obj.moref,
        state=part.state,
        heads=[_head(c, part.state) for c in columns],
        rows=drawn_rows(grid, part.rows, columns, vc, latest),
        total=part.total,
        offline=latest is None and any(c.counter for c in columns),
        base=reverse("inventory:grid", kwargs=where),
        page_url=reverse("inventory:object-tab", kwargs=where),
        columns=[(c, c in columns) for c in grid.columns],
    )


def drawn_rows(grid: Grid, rows: Sequence[Any], columns: Sequence[Column], vc: VCenter, latest: Any) -> list[Row]:
    facts = Facts(latest)
    grid.prepare(rows, facts)
    base = reverse("inventory:vcenter", kwargs={"vc": vc.uuid})
    return [
        Row(
            row.moref,
            row.name,
            f"{base}{row.moref}/",
            f"{base}{row.moref}/menu/",
            [Cell(c.key, cell(c, row, facts, base), c.numeric) for c in columns],
        )
        for row in rows
    ]


def rows_by_moref(grid: Grid, rows: QuerySet[Any], morefs: Sequence[str]) -> list[Any]:
    """Some rows again, after they changed."""
    return list(rows.filter(moref__in=morefs).select_related(*grid.related))


def _head(column: Column, state: GridState) -> Head:
    direction = ("descending" if state.descending else "ascending") if state.sort == column.key else "none"
    if not state.sort and column.key == "name":
        direction = "ascending"
    value, low, high = (state.filters.get(f"{p}.{column.key}", "") for p in ("f", "min", "max"))
    return Head(
        column=column,
        sort_query=_next_sort(column, state).query(),
        direction=direction,
        filtered=bool(value or low or high),
        rest_query=state.without(*(f"{p}.{column.key}" for p in ("f", "min", "max"))),
        value=value,
        low=low,
        high=high,
        choices=words.choices(column.enum) if column.enum and column.filter == Filter.CHOICE else [],
    )


def _next_sort(column: Column, state: GridState) -> GridState:
    if not state.sort and column.key == "name":
        return replace(state, sort="name", descending=True, page=1)
    return state.sorted_by(column.key)
