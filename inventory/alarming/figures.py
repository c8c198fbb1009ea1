"""The values that conditions look at: counters of the newest sample, figures worked out from them, states."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from django.db.models import Q
from numpy.typing import NDArray

from domain.alarms import (
    CPU_READINESS,
    FIGURES_OF,
    SPACE_PROMISED,
    SPACE_USED,
    Floats,
    Source,
    Table,
    state_of,
)
from domain.counters import REALTIME_S, ROWS
from inventory.alarming.scope import WATCHED
from inventory.metrics import Latest
from inventory.models import VCenter, VirtualMachine
from inventory.prepared import Prepared

FULL_PCT = 10_000  # percent figures are in 1/100 %
READY_MS_WORTH_A_LOOK = 0.01 * REALTIME_S * 1000  # of one vCPU: below it no VM is near a threshold
# Gives float[slots] of one kind, NaN where there is nothing to say. Other apps add theirs with `register`.
Figure = Callable[[VCenter, Latest], NDArray[Any]]
_figures: dict[tuple[str, int], Figure] = {}


def register(figures: str, key: int, figure: Figure) -> None:
    """Say how a derived figure of "vm", "host", "cluster", "pool" or "datastore" is worked out."""
    _figures[figures, key] = figure


def known(figures: str, key: int) -> bool:
    """True where somebody can work the figure out."""
    return key in ROWS[figures] or (figures, key) in _figures


def values(vcenter: VCenter, latest: Latest, table: Table, slots: int) -> Floats:
    """float64[rows, slots] for a table: one query for all states of its kind, one per derived figure."""
    found = np.full((len(table.rows), slots), np.nan)
    by_source = _states(vcenter, table, slots)
    for i, row in enumerate(table.rows):
        if row.source not in by_source:
            by_source[row.source] = _padded(_figure(vcenter, latest, table.kind, row.source.counter), slots)
        found[i] = by_source[row.source]
    return found


def _figure(vcenter: VCenter, latest: Latest, kind: str, key: int) -> NDArray[Any]:
    figures = FIGURES_OF[kind]
    if key in ROWS[figures]:
        return latest.row(figures, key)
    worked_out = _figures.get((figures, key))
    return worked_out(vcenter, latest) if worked_out else np.empty(0)


def _padded(figures: NDArray[Any], slots: int) -> NDArray[Any]:
    if len(figures) >= slots:
        return figures[:slots]
    return np.concatenate([figures, np.full(slots - len(figures), np.nan)])


# --- states ----------------------------------------------------------------------------------------------------------
def _states(vcenter: VCenter, table: Table, slots: int) -> dict[Source, NDArray[Any]]:
    """Per state that is watched, 1 where it holds and 0 elsewhere. Only objects in such a state are read."""
    sources = tuple(dict.fromkeys(row.source for row in table.rows if row.source.path))
    if not sources:
        return {}
    columns, query = _holding(table.kind, sources)
    rows = query.rows(vcenter.pk)
    found = {source: np.zeros(slots) for source in sources}
    for source, column in zip(sources, columns, strict=True):
        holding = [row[0] for row in rows if (row[column] == source.value) == source.equal and row[0] < slots]
        found[source][holding] = 1.0
    return found


@lru_cache(maxsize=256)
def _holding(kind: str, sources: tuple[Source, ...]) -> tuple[tuple[int, ...], Prepared]:
    """The query for objects in one of these states, and the column of its rows that holds each."""
    fields = [state_of(kind, source.path).field for source in sources]
    names = list(dict.fromkeys(fields))
    condition = Q()
    for source, field in zip(sources, fields, strict=True):
        condition |= Q(**{field: source.value}) if source.equal else ~Q(**{field: source.value})
    rows: Any = WATCHED[kind]._default_manager.filter(condition).order_by().values_list("slot", *names)
    return tuple(1 + names.index(field) for field in fields), Prepared(lambda pk: rows.filter(vcenter=pk))


# --- figures of ours -------------------------------------------------------------------------------------------------
def _ratio(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[Any]:
    """In 1/100 %; NaN where there is no whole."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(whole > 0, part / whole * FULL_PCT, np.nan)


def space_used(_vcenter: VCenter, latest: Latest) -> NDArray[Any]:
    return _ratio(latest.row("datastore", 281), latest.row("datastore", 283))


def space_promised(_vcenter: VCenter, latest: Latest) -> NDArray[Any]:
    """What disks may grow to, of the capacity: above 100 % the datastore is over-provisioned."""
    return _ratio(latest.row("datastore", 282), latest.row("datastore", 283))


def cpu_readiness(vcenter: VCenter, latest: Latest) -> NDArray[Any]:
    """Share of the sample's time that a VM's vCPUs, on average, waited for a processor (KB387750 counts it so)."""
    ready_ms = latest.row("vm", 12)
    waiting = np.flatnonzero(ready_ms > READY_MS_WORTH_A_LOOK)
    vcpus = np.where(np.isnan(ready_ms), np.nan, np.inf)
    for slot, count in _vcpus(vcenter, waiting.tolist()):
        if slot < len(vcpus):
            vcpus[slot] = count
    return ready_ms / (REALTIME_S * 1000 * vcpus) * FULL_PCT


def _vcpus(vcenter: VCenter, slots: Sequence[int]) -> Any:
    """(slot, vCPUs) of these slots, in one query; many of them are not named one by one."""
    if not slots:
        return ()
    rows = VirtualMachine.objects.filter(vcenter=vcenter).order_by()
    rows = rows.filter(slot__in=slots) if len(slots) <= 500 else rows
    return rows.values_list("slot", "vcpus")


register("datastore", SPACE_USED, space_used)
register("datastore", SPACE_PROMISED, space_promised)
register("vm", CPU_READINESS, cpu_readiness)
