"""Monitor > Performance: who uses most right now, and a map of the machines coloured by load."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from django.utils.translation import gettext_lazy as _

from domain.counters import COUNTERS, ROWS
from domain.morefs import Kind
from inventory import charts
from inventory import format as forms
from inventory.grids import GRIDS
from inventory.pages.figures import Figure
from inventory.pages.registry import MONITOR, VCENTER, section

PLACES = (VCENTER, Kind.DATACENTER, Kind.CLUSTER, Kind.HOST, Kind.POOL)
WITH_HOSTS = (VCENTER, str(Kind.DATACENTER), str(Kind.CLUSTER))
RANKED = (6, 398, 12, 33, 98, 90, 143, 125, 133, 157)  # counters people ask "who takes most of it?" about
MAPPED = (2, 24)  # shares of what a machine has, which compare machines of any size
TOP = 25
TILES_MAX = 1_000
# From this share of its capacity on a tile has the level; the first is below all of them.
LEVELS_PCT = (25.0, 50.0, 75.0, 90.0)
KINDS = {"vms": ("vm", _("Virtual Machines")), "hosts": ("host", _("Hosts"))}


@dataclass(frozen=True)
class Consumer:
    """A line of the ranking; `share_pct` is the part of the greatest."""

    obj: Any
    figure: Figure
    share_pct: float


@dataclass(frozen=True)
class Tile:
    name: str
    moref: str
    pct: float | None  # 0..100, None without a sample

    @property
    def level(self) -> str:
        return "none" if self.pct is None else str(level(self.pct))

    @property
    def text(self) -> str:
        return forms.NOTHING if self.pct is None else forms.pct(self.pct)


@dataclass(frozen=True)
class Row:
    """The tiles of one host."""

    name: str
    moref: str
    tiles: list[Tile]


def level(pct: float) -> int:
    """0..4: how many of the bounds a share has reached."""
    return sum(pct >= bound for bound in LEVELS_PCT)


@section(MONITOR, "consumers", _("Top Consumers"), PLACES, group="performance")
def consumers(page: Any) -> dict[str, Any]:
    """The machines or hosts below the object that use most of one thing, from the newest sample."""
    given = page.request.GET
    what = given.get("of", "vms") if page.kind in WITH_HOSTS else "vms"
    what = what if what in KINDS else "vms"
    kind = KINDS[what][0]
    key = _counter(given, [one for one in RANKED if one in ROWS[kind]])
    return {
        "rows": _ranking(page, what, key),
        "what": what,
        "kinds": [(slug, label) for slug, (_kind, label) in KINDS.items()] if page.kind in WITH_HOSTS else [],
        "key": key,
        "label": charts.LABELS[key],
        "counters": [(one, charts.LABELS[one]) for one in RANKED if one in ROWS[kind]],
    }


def _counter(given: Mapping[str, str], known: list[int]) -> int:
    text = given.get("counter", "")
    return int(text) if text.isdecimal() and len(text) < 6 and int(text) in known else known[0]


def _ranking(page: Any, what: str, key: int) -> list[Consumer]:
    if page.latest is None:
        return []
    kind = KINDS[what][0]
    rows = GRIDS[what].rows(page.user, page.vc, page.obj).order_by()
    if what == "vms":
        rows = rows.filter(template=False)
    among = np.array(list(rows.values_list("slot", flat=True)), np.int64)
    top = [(slot, value) for slot, value in page.latest.top(kind, key, TOP, among) if value > 0]
    objects = {obj.slot: obj for obj in rows.filter(slot__in=[slot for slot, _value in top])}
    unit = COUNTERS[key].unit
    return [
        Consumer(objects[slot], Figure("", value, unit, f"{objects[slot].moref} {key}"), 100 * value / top[0][1])
        for slot, value in top
        if slot in objects
    ]


@section(MONITOR, "heat", _("Heat Map"), PLACES, group="performance")
def heat(page: Any) -> dict[str, Any]:
    """A tile per running machine, by host, coloured by what it uses of its own size."""
    key = _counter(page.request.GET, list(MAPPED))
    rows, left = _tiles(page, key)
    return {
        "rows": rows,
        "left": left,
        "key": key,
        "counters": [(one, charts.LABELS[one]) for one in MAPPED],
        "levels": [(str(n), text) for n, text in enumerate(_level_texts())],
    }


def _tiles(page: Any, key: int) -> tuple[list[Row], int]:
    """The rows of the map, and how many machines found no room in it."""
    machines = GRIDS["vms"].rows(page.user, page.vc, page.obj).filter(template=False, power_state="poweredOn")
    found = machines.order_by("host__name", "name").values_list("name", "moref", "slot", "host__name", "host__moref")
    figures = None if page.latest is None else page.latest.row("vm", key)
    rows: dict[str, Row] = {}
    for name, moref, slot, host, host_moref in found[:TILES_MAX]:
        row = rows.setdefault(host_moref, Row(host, host_moref, []))
        row.tiles.append(Tile(name, moref, _pct(figures, slot)))
    shown = sum(len(row.tiles) for row in rows.values())
    return list(rows.values()), machines.count() - shown if shown == TILES_MAX else 0


def _pct(figures: Any, slot: int) -> float | None:
    if figures is None or not 0 <= slot < len(figures) or figures[slot] != figures[slot]:
        return None
    return float(figures[slot]) / 100


def _level_texts() -> list[str]:
    bounds = [0.0, *LEVELS_PCT, 100.0]
    return [f"{low:.0f}–{high:.0f}%" for low, high in pairwise(bounds)]
