"""The lines of one chart: a counter of the page's object, of its instances, of objects it is compared with, or of its
machines."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from numpy.typing import NDArray

from domain.counters import COUNTERS, ROWS, Interval, keys_of
from domain.morefs import kind_of as kind_of_moref
from inventory import chart_instances, chart_sums, charts, metrics, selectors
from inventory.chart_instances import Instance
from inventory.grids import GRIDS
from inventory.models import Cluster, Datacenter, Host, ResourcePool, VCenter, VirtualMachine
from inventory.selectors.getters import MODELS

LINES_MAX = 32  # every colour with every pattern of dashes
COLOURS = 8  # as many objects, and layers of a stack
REST = "rest"
STACKED_KINDS = (Cluster, Host, ResourcePool)  # what has machines to stack
# Figures that add up: neither shares nor times since a start.
STACKABLE = tuple(key for key in ROWS["vm"] if COUNTERS[key].unit not in ("percent", "s", "number"))
_ID = re.compile(r"(?:([a-z]+-[a-z]?\d{1,15}|rest):)?(\d{1,5})(?:@([0-9a-z-]{1,40}))?")


@dataclass(frozen=True)
class Line:
    """One line. `owner` is "" for the page's object, a reference, or REST: all machines without a line of their own.

    `instance` is "" for the whole of the owner; `part` is what people call the instance.
    """

    owner: str
    key: int
    obj: Any = None  # None for REST
    label: str = ""
    instance: str = ""
    part: str = ""

    @property
    def id(self) -> str:
        whole = f"{self.owner}:{self.key}" if self.owner else str(self.key)
        return f"{whole}@{self.instance}" if self.instance else whole

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
    wanted = list(dict.fromkeys(morefs))[:COLOURS]
    for moref in wanted:
        kind = kind_of_moref(moref)
        model = MODELS.get(kind) if kind else None
        if model in charts.CHARTED:
            by_model[model].append(moref)
    found = {
        one.moref: one
        for model, some in by_model.items()
        for one in _with_hosts(selectors.objects_visible(user, vcenter, model)).filter(moref__in=some)
    }
    return {moref: found[moref] for moref in wanted if moref in found}


def _with_hosts(rows: Any) -> Any:
    """What a machine's processors did depends on the cores below them."""
    return rows.select_related("host") if rows.model is VirtualMachine else rows


def asked(user: Any, vcenter: VCenter, obj: Any, text: str) -> list[Line]:
    """The lines in "2,vm-42:2,6@0,rest:6", each once; none = the first. What is not there or not to be seen is left
    out; only the page's object has instances."""
    found = list(dict.fromkeys(match.groups("") for match in map(_ID.fullmatch, text.split(",")) if match))
    wanted = [(owner, int(key), instance) for owner, key, instance in found]
    objects = others(user, vcenter, (owner for owner, _key, _instance in wanted if owner not in ("", REST)))
    objects[""] = obj
    in_parts = {key for owner, key, instance in wanted if instance and not owner}
    parts = chart_instances.of(user, vcenter, obj, in_parts) if in_parts else []
    lines = [line for owner, key, instance in wanted if (line := _line(obj, objects, parts, owner, key, instance))]
    return _labelled(obj, lines[:LINES_MAX]) or _labelled(obj, [Line("", first_key(obj), obj)])


def _line(
    obj: Any, objects: Mapping[str, Any], parts: Iterable[Instance], owner: str, key: int, instance: str
) -> Line | None:
    if instance:
        mine = (one for one in parts if not owner and one.name == instance and key in one.keys)
        return next((_of_instance(obj, key, one) for one in mine), None)
    if owner == REST:
        return Line(owner, key) if _stacks(obj, key) else None
    return Line(owner, key, objects[owner]) if owner in objects and has(objects[owner], key) else None


def _of_instance(obj: Any, key: int, one: Instance) -> Line:
    return Line("", key, obj, instance=one.name, part=str(one.label))


def first_key(obj: Any) -> int:
    return keys_of(charts.kind_of(obj) or "vm")[0]


def has(obj: Any, key: int) -> bool:
    """Whether this kind of object has the counter."""
    return key in keys_of(charts.kind_of(obj) or "vm")


def _stacks(obj: Any, key: int) -> bool:
    return isinstance(obj, STACKED_KINDS) and key in STACKABLE


def compared(
    obj: Any, others: Sequence[Any], keys: Sequence[int], instances: Sequence[Instance] = (), own: bool = True
) -> list[Line]:
    """A line per counter, instance and object; the page's object first, unless it is left out (`own`)."""
    lines = []
    for key in keys:
        lines += [Line("", key, obj)] if own else []
        lines += [_of_instance(obj, key, one) for one in instances if key in one.keys]
        lines += [Line(one.moref, key, one) for one in others if has(one, key)]
    return _labelled(obj, lines)


def every_label(obj: Any, others: Sequence[Any], instances: Sequence[Instance]) -> dict[str, dict[str, str]]:
    """Label and unit of every line that could be drawn of these objects, by its id."""
    lines = [Line("", key, obj) for key in keys_of(charts.kind_of(obj) or "vm")]
    lines += [_of_instance(obj, key, one) for one in instances for key in one.keys]
    lines += [Line(one.moref, key, one) for one in others for key in keys_of(charts.kind_of(one) or "vm")]
    return labels(_labelled(obj, lines))


def labels(lines: Iterable[Line]) -> dict[str, dict[str, str]]:
    return {line.id: {"label": line.label, "unit": line.unit} for line in lines}


def _labelled(obj: Any, lines: Sequence[Line]) -> list[Line]:
    """With more than one object in a chart, every line says whose it is."""
    alone = len({line.owner for line in lines}) < 2
    return [replace(line, label=_label(obj, line, alone)) for line in lines]


def _label(obj: Any, line: Line, alone: bool) -> str:
    if line.owner == REST:
        return _("All others")
    names = ["" if alone else (line.obj or obj).name, line.part, str(charts.LABELS[line.key])]
    return " · ".join(filter(None, names))


# --- machines, one on the other --------------------------------------------------------------------------------------
def machines(user: Any, vcenter: VCenter, obj: Any) -> Any:
    """The rows of the machines below an object that a person may see."""
    return GRIDS["vms"].rows(user, vcenter, obj).filter(template=False).order_by()


def stacked(user: Any, vcenter: VCenter, obj: Any, key: int, interval: Interval) -> list[Line]:
    """The machines with the highest mean of a counter over the period, then all others as one; a line each."""
    rows = machines(user, vcenter, obj)
    slots = np.array(list(rows.values_list("slot", flat=True)), np.int64)
    means = _means(vcenter, key, interval, slots)
    top = slots[np.argsort(-means, kind="stable")][: COLOURS - 1]
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
    own = [line for line in lines if not line.instance]
    parts = [part for owner in {line.owner for line in own} if owner != REST
             for part in _of_object(user, vcenter, obj, owner, own, interval, since_s)]  # fmt: skip
    parts += _of_instances(vcenter, obj, [line for line in lines if line.instance], interval, since_s)
    shown = [line.owner for line in lines]
    parts += [_of_rest(user, vcenter, obj, shown, line, interval, since_s) for line in lines if line.owner == REST]
    return _side_by_side(interval, parts)


def _of_object(
    user: Any, vcenter: VCenter, obj: Any, owner: str, lines: Sequence[Line], interval: Interval, since_s: float | None
) -> list[Table]:
    mine = {line.key: line for line in lines if line.owner == owner}
    shown = next(iter(mine.values())).obj or obj
    if isinstance(shown, Datacenter):
        sums = chart_sums.series(user, vcenter, shown, list(mine), interval, since_s)
        return [Table(times_s, {mine[key].id: figures}) for key, (times_s, figures) in sums.items()]
    found = charts.series(vcenter, shown, list(mine), interval, since_s)
    return [Table(found.times_s, {line.id: found.values[key] for key, line in mine.items()})]


def _of_instances(
    vcenter: VCenter, obj: Any, lines: Sequence[Line], interval: Interval, since_s: float | None
) -> list[Table]:
    if not lines:
        return []
    wanted = {(line.key, line.instance): line for line in lines}
    times_s, found = chart_instances.series(vcenter, obj, wanted, interval, since_s)
    nothing = np.full(len(times_s), np.nan)
    return [Table(times_s, {line.id: found.get(pair, nothing) for pair, line in wanted.items()})]


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
