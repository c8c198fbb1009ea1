"""The lines of one chart: a counter of the page's object, of objects it is compared with, or of its machines."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from numpy.typing import NDArray

from domain.counters import COUNTERS, ROWS, Interval, keys_of
from domain.morefs import kind_of as kind_of_moref
from inventory import charts, metrics, selectors
from inventory.grids import GRIDS
from inventory.live.watch import METRIC_KINDS
from inventory.models import Cluster, Host, ResourcePool, VCenter, VirtualMachine
from inventory.selectors.getters import MODELS

LINES_MAX = 8  # as many as there are colours
REST = "rest"
STACKED_KINDS = (Cluster, Host, ResourcePool)  # what has machines to stack
# Figures that add up: neither shares nor times since a start.
STACKABLE = tuple(key for key in ROWS["vm"] if COUNTERS[key].unit not in ("percent", "s", "number"))
_ID = re.compile(r"(?:([a-z]+-[a-z]?\d{1,15}|rest):)?(\d{1,5})")


@dataclass(frozen=True)
class Line:
    """One line. `owner` is "" for the page's object, a reference, or REST: all machines without a line of their own."""

    owner: str
    key: int
    obj: Any = None  # None for REST
    label: str = ""

    @property
    def id(self) -> str:
        return f"{self.owner}:{self.key}" if self.owner else str(self.key)

    @property
    def unit(self) -> str:
        return COUNTERS[self.key].unit


@dataclass(frozen=True)
class Table:
    """Lab seconds of each point, and per line the figures as they are recorded; NaN = no sample."""

    times_s: NDArray[np.float64]
    values: Mapping[str, NDArray[Any]]


def others(user: Any, vcenter: VCenter, morefs: Iterable[str]) -> dict[str, Any]:
    """The objects with figures among these references that a person may see, in the order given; a query per kind."""
    by_model: dict[Any, list[str]] = defaultdict(list)
    wanted = list(dict.fromkeys(morefs))[:LINES_MAX]
    for moref in wanted:
        kind = kind_of_moref(moref)
        model = MODELS.get(kind) if kind else None
        if model in METRIC_KINDS:
            by_model[model].append(moref)
    found = {
        one.moref: one
        for model, some in by_model.items()
        for one in selectors.objects_visible(user, vcenter, model).filter(moref__in=some)
    }
    return {moref: found[moref] for moref in wanted if moref in found}


def asked(user: Any, vcenter: VCenter, obj: Any, text: str) -> list[Line]:
    """The lines in "2,vm-42:2,rest:6", each once; none = the first. What is not there or not to be seen is left out."""
    pairs = list(dict.fromkeys(match.groups("") for match in map(_ID.fullmatch, text.split(",")) if match))
    objects = others(user, vcenter, (owner for owner, _key in pairs if owner not in ("", REST)))
    objects[""] = obj
    lines = [
        Line(owner, int(key), None if owner == REST else objects[owner])
        for owner, key in pairs
        if (owner == REST and _stacks(obj, int(key))) or (owner in objects and has(objects[owner], int(key)))
    ]
    return _labelled(obj, lines[:LINES_MAX]) or _labelled(obj, [Line("", ROWS[charts.kind_of(obj) or "vm"][0], obj)])


def has(obj: Any, key: int) -> bool:
    """Whether this kind of object has the counter."""
    return key in keys_of(charts.kind_of(obj) or "vm")


def _stacks(obj: Any, key: int) -> bool:
    return isinstance(obj, STACKED_KINDS) and key in STACKABLE


def compared(obj: Any, others: Sequence[Any], keys: Sequence[int]) -> list[Line]:
    """A line per counter and object, as many as there are colours; the page's object first."""
    owners = [("", obj), *((one.moref, one) for one in others)]
    return _labelled(obj, [Line(owner, key, one) for key in keys for owner, one in owners if has(one, key)])[:LINES_MAX]


def every_label(obj: Any, others: Sequence[Any]) -> dict[str, dict[str, str]]:
    """Label and unit of every line that could be drawn of these objects, by its id."""
    owners = [("", obj), *((one.moref, one) for one in others)]
    lines = [Line(owner, key, one) for owner, one in owners for key in keys_of(charts.kind_of(one) or "vm")]
    return labels(_labelled(obj, lines))


def labels(lines: Iterable[Line]) -> dict[str, dict[str, str]]:
    return {line.id: {"label": line.label, "unit": line.unit} for line in lines}


def _labelled(obj: Any, lines: Sequence[Line]) -> list[Line]:
    """With more than one object in a chart, every line says whose it is."""
    alone = len({line.owner for line in lines}) < 2
    return [Line(line.owner, line.key, line.obj, _label(obj, line, alone)) for line in lines]


def _label(obj: Any, line: Line, alone: bool) -> str:
    counter = str(charts.LABELS[line.key])
    if line.owner == REST:
        return _("All others")
    return counter if alone else f"{(line.obj or obj).name} · {counter}"


# --- machines, one on the other --------------------------------------------------------------------------------------
def machines(user: Any, vcenter: VCenter, obj: Any) -> Any:
    """The rows of the machines below an object that a person may see."""
    return GRIDS["vms"].rows(user, vcenter, obj).filter(template=False).order_by()


def stacked(user: Any, vcenter: VCenter, obj: Any, key: int, interval: Interval) -> list[Line]:
    """The machines with the highest mean of a counter over the period, then all others as one; a line each."""
    rows = machines(user, vcenter, obj)
    slots = np.array(list(rows.values_list("slot", flat=True)), np.int64)
    means = _means(vcenter, key, interval, slots)
    top = slots[np.argsort(-means, kind="stable")][: LINES_MAX - 1]
    by_slot: dict[int, VirtualMachine] = {vm.slot: vm for vm in rows.filter(slot__in=[int(slot) for slot in top])}
    lines = [Line(by_slot[slot].moref, key, by_slot[slot], by_slot[slot].name) for slot in map(int, top)]
    if left := len(slots) - len(top):
        said = ngettext("%(count)s other virtual machine", "%(count)s other virtual machines", left) % {"count": left}
        lines.append(Line(REST, key, None, said))
    return lines


def _means(vcenter: VCenter, key: int, interval: Interval, slots: NDArray[np.int64]) -> NDArray[np.float64]:
    if not slots.size:
        return np.empty(0)
    _times, values = metrics.points(vcenter, "vm", key, int(slots.max()) + 1, interval)
    return np.nan_to_num(values[:, slots]).sum(axis=0, dtype=np.float64)


# --- figures ---------------------------------------------------------------------------------------------------------
def read(
    user: Any, vcenter: VCenter, obj: Any, lines: Sequence[Line], interval: Interval, since_s: float | None = None
) -> Table:
    """The figures of the lines over a period; `since_s`: only points after that lab time."""
    parts = [_of_object(vcenter, obj, owner, lines, interval, since_s) for owner in {line.owner for line in lines}
             if owner != REST]  # fmt: skip
    shown = [line.owner for line in lines]
    parts += [_of_rest(user, vcenter, obj, shown, line, interval, since_s) for line in lines if line.owner == REST]
    return _side_by_side(interval, parts)


def _of_object(
    vcenter: VCenter, obj: Any, owner: str, lines: Sequence[Line], interval: Interval, since_s: float | None
) -> Table:
    mine = [line for line in lines if line.owner == owner]
    found = charts.series(vcenter, mine[0].obj or obj, [line.key for line in mine], interval, since_s)
    return Table(found.times_s, {line.id: found.values[line.key] for line in mine})


def _of_rest(
    user: Any, vcenter: VCenter, obj: Any, shown: list[str], line: Line, interval: Interval, since_s: float | None
) -> Table:
    rows = machines(user, vcenter, obj).exclude(moref__in=shown)
    slots = np.array(list(rows.values_list("slot", flat=True)), np.int64)
    if not slots.size:
        return Table(np.empty(0), {line.id: np.empty(0)})
    times_s, values = metrics.points(vcenter, "vm", line.key, int(slots.max()) + 1, interval)
    mine = values[:, slots]
    total = np.where(np.isnan(mine).all(axis=1), np.nan, np.nansum(mine, axis=1, dtype=np.float64))
    wanted = times_s >= (-np.inf if since_s is None else since_s + interval.sampling_s / 2)
    return Table(times_s[wanted], {line.id: total[wanted]})


def _side_by_side(interval: Interval, parts: Sequence[Table]) -> Table:
    """On one grid. It ends where the first of them ends: a sample may just be coming in."""
    known = [part for part in parts if part.times_s.size]
    if not known:
        return Table(np.empty(0), {line: np.empty(0) for part in parts for line in part.values})
    step = float(interval.sampling_s)
    first, last = min(part.times_s[0] for part in known), min(part.times_s[-1] for part in known)
    grid = np.arange(round(first / step), round(last / step) + 1)
    return Table(grid * step, {line: _placed(grid, part.times_s / step, values) for part in parts
                               for line, values in part.values.items()})  # fmt: skip


def _placed(grid: NDArray[Any], at: NDArray[np.float64], values: NDArray[Any]) -> NDArray[Any]:
    placed = np.full(len(grid), np.nan)
    places = np.rint(at).astype(np.int64) - int(grid[0]) if len(grid) else np.empty(0, np.int64)
    inside = (places >= 0) & (places < len(grid))
    placed[places[inside]] = values[inside]
    return placed
