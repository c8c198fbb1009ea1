"""A grid: which rows, which columns, in which order. One definition per kind of object, see `inventory.grids.kinds`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from django.db.models import F, Q, QuerySet

from domain import counters
from inventory.grids.columns import Column, Facts, Filter, FloatArray, Text
from inventory.grids.slots import every_slot
from inventory.grids.state import GridState
from inventory.models import VCenter


def _nothing(rows: Sequence[Any], facts: Facts) -> None:
    """A grid whose cells need nothing beside the rows."""


@dataclass(frozen=True)
class Grid:
    """`visible(user, vcenter)` gives the rows that a person may see, `scope(object)` which of them belong to an object.

    `prepare(rows, facts)` fetches what the cells of one page need, in a constant number of queries. `redundant` names
    the columns that say nothing on the page of a given kind of object.
    """

    key: str
    kind: str  # of `domain.counters.ROWS`, "" = no live figures
    label: Text
    columns: tuple[Column, ...]
    visible: Callable[[Any, VCenter], QuerySet[Any]]
    scope: Callable[[Any], Q]
    icon: Callable[[Any], str]
    related: tuple[str, ...] = ()
    prepare: Callable[[Sequence[Any], Facts], None] = _nothing
    search: tuple[str, ...] = ("name",)
    redundant: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def column(self, key: str) -> Column | None:
        return next((c for c in self.columns if c.key == key), None)

    def rows(self, user: Any, vcenter: VCenter, obj: Any) -> QuerySet[Any]:
        return self.visible(user, vcenter).filter(self.scope(obj))


def narrowed(grid: Grid, rows: QuerySet[Any], state: GridState) -> QuerySet[Any]:
    """Apply the free text and the column filters that the database can decide."""
    if state.q:
        anywhere = Q()
        for lookup in grid.search:
            anywhere |= Q(**{f"{lookup}__icontains": state.q})
        rows = rows.filter(anywhere)
    for column in grid.columns:
        if column.order:
            rows = rows.filter(_condition(column, state))
    return rows


def _condition(column: Column, state: GridState) -> Q:
    wanted = state.filters.get(f"f.{column.key}", "")
    match column.filter:
        case Filter.TEXT if wanted:
            return Q(**{f"{column.order}__icontains": wanted})
        case Filter.CHOICE if wanted:
            return Q(**{column.order: wanted})
        case Filter.RANGE:
            low, high = bounds(column, state)
            return (Q() if low is None else Q(**{f"{column.order}__gte": low})) & (
                Q() if high is None else Q(**{f"{column.order}__lte": high})
            )
    return Q()


def bounds(column: Column, state: GridState) -> tuple[float | None, float | None]:
    """The range that a column is filtered to, in the column's raw unit."""

    def read(name: str) -> float | None:
        try:
            return float(state.filters[f"{name}.{column.key}"]) * column.scale
        except (KeyError, ValueError, OverflowError):
            return None

    return read("min"), read("max")


def ordered(grid: Grid, rows: QuerySet[Any], state: GridState) -> QuerySet[Any]:
    """Order by a database column; the name breaks ties, so that pages never overlap."""
    column = grid.column(state.sort)
    if column is not None and column.sorts_by is not None:
        rows = rows.annotate(sort_key=column.sorts_by())
        return rows.order_by("-sort_key" if state.descending else "sort_key", "name", "pk")
    if column is None or not column.order or column.order == "name":
        return rows.order_by("-name", "-pk") if state.descending and state.sort else rows.order_by("name", "pk")
    key = F(column.order)
    first = key.desc(nulls_last=True) if state.descending else key.asc(nulls_last=True)
    return rows.order_by(first, "name", "pk")


@dataclass(frozen=True)
class Slice:
    rows: list[Any]
    total: int
    state: GridState  # with the page that exists


def select(grid: Grid, rows: QuerySet[Any], state: GridState, latest: Any) -> Slice:
    """The rows of one page and how many there are in all."""
    rows = narrowed(grid, rows, state)
    if latest is not None and _needs_figures(grid, state, latest):
        return _by_figures(grid, rows, state, latest)
    total = rows.count()
    state = _existing_page(state, total)
    return Slice(_page(grid, ordered(grid, rows, state), state), total, state)


def _page(grid: Grid, rows: QuerySet[Any], state: GridState) -> list[Any]:
    """Sort keys alone, then fetch the rows of one page: a sort that carries whole rows costs ten times as much."""
    start = (state.page - 1) * state.size
    keys = list(rows.values_list("pk", flat=True)[start : start + state.size])
    found = rows.model._base_manager.select_related(*grid.related).in_bulk(keys)
    return [found[key] for key in keys if key in found]


def _needs_figures(grid: Grid, state: GridState, latest: Any) -> bool:
    live = [c for c in grid.columns if c.counter]
    return _sorts_by_figures(grid, state, latest) or any(bounds(c, state) != (None, None) for c in live)


def _sorts_by_figures(grid: Grid, state: GridState, latest: Any) -> bool:
    """True for live columns, and for those of which the database knows the same where the newest sample has them."""
    column = grid.column(state.sort)
    if column is None or not column.sampled:
        return False
    return bool(column.counter) or bool(np.isfinite(_line(grid, column, latest)).any())


def _existing_page(state: GridState, total: int) -> GridState:
    return state.at(max(1, min(state.page, -(-total // state.size))))


def _by_figures(grid: Grid, rows: QuerySet[Any], state: GridState, latest: Any) -> Slice:
    """Sort or filter by live figures: only the slots come from the database, the order from the arrays."""
    slots = sorted_slots(grid, rows, state, latest)
    state = _existing_page(state, len(slots))
    start = (state.page - 1) * state.size
    wanted = slots[start : start + state.size].tolist()
    found = {row.slot: row for row in _in_slots(rows, wanted).select_related(*grid.related)}
    return Slice([found[s] for s in wanted if s in found], len(slots), state)


def _in_slots(rows: QuerySet[Any], slots: list[int]) -> QuerySet[Any]:
    """Rows by slots that came out of `rows`: what they were chosen by need not be asked a second time.

    A slot says who it is within one vCenter alone; the rows of a grid are all of one.
    """
    mine = rows.order_by().values("vcenter")[:1]
    return rows.model._base_manager.filter(vcenter=mine, slot__in=slots).order_by()


def sorted_slots(grid: Grid, rows: QuerySet[Any], state: GridState, latest: Any) -> FloatArray:
    column = grid.column(state.sort)
    live = _sorts_by_figures(grid, state, latest)
    slots = every_slot(rows) if live else _slots_in_order(ordered(grid, rows, state))
    for other in grid.columns:
        if other.counter:
            slots = _inside(slots, other, grid, state, latest)
    if column is None or not live:
        return slots
    values = figures(grid, column, slots, latest)
    # NaN sorts last either way; those that are alike stand in the order of their slots, on every page the same.
    return slots[np.lexsort((slots, -values if state.descending else values))]


def _slots_in_order(rows: QuerySet[Any]) -> FloatArray:
    return np.fromiter(rows.values_list("slot", flat=True).iterator(chunk_size=20_000), dtype=np.int64)


def _inside(slots: FloatArray, column: Column, grid: Grid, state: GridState, latest: Any) -> FloatArray:
    low, high = bounds(column, state)
    if low is None and high is None:
        return slots
    values = figures(grid, column, slots, latest)
    keep = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        keep &= (values >= (-np.inf if low is None else low)) & (values <= (np.inf if high is None else high))
    return slots[keep]


def figures(grid: Grid, column: Column, slots: FloatArray, latest: Any) -> FloatArray:
    """Latest figures of a column for these slots, float32[len(slots)]; NaN where there is no sample."""
    line = _line(grid, column, latest)
    values = np.full(len(slots), np.nan, dtype=np.float32)
    known = slots < len(line)
    values[known] = line[slots[known]]
    return values


def _line(grid: Grid, column: Column, latest: Any) -> FloatArray:
    """The newest sample of a column's counter, float32[slots]."""
    line: FloatArray = getattr(latest, grid.kind)[counters.row(grid.kind, column.sampled)]
    return line
