"""The messages that a page gets, the same by socket and by polling: JSON texts, built once for many viewers."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.template.loader import get_template
from django.utils import translation

from domain.counters import REALTIME_S, ROWS
from inventory.live.publish import Fact
from inventory.live.watch import Watch
from inventory.metrics import Latest
from inventory.models import Task, VCenter

TASK_ROW = "inventory/fragments/task_row.html"
TASKS_AT_ONCE = 50  # more than the pane shows: then the page fetches it anew
PATIENCE_S = 3.0  # a sample may be this late before the page says so
DIGITS = 7  # what a float32 holds


@dataclass(frozen=True)
class Digest:
    """Facts of half a second, sorted by what becomes of them."""

    tasks: frozenset[int]
    objects: frozenset[str]
    trees: frozenset[str]
    alarms: frozenset[str]
    figures: bool
    events: bool
    clock: bool
    permissions: bool
    rewound: bool
    notes: bool


def digest(facts: Iterable[Fact]) -> Digest:
    """Sort facts; an unknown one is left out, a newer publisher may know more."""
    found: dict[str, set[Any]] = {}
    for name, *detail in facts:
        found.setdefault(name, set()).update(detail[:1])
    return Digest(
        tasks=frozenset(i for i in found.get("task.changed", ()) if isinstance(i, int)),
        objects=frozenset(map(str, found.get("object.changed", ()))),
        trees=frozenset(map(str, found.get("tree.changed", ()))),
        alarms=frozenset(map(str, found.get("alarm.changed", ()))),
        figures="figures" in found,
        events="events.added" in found,
        clock="clock.changed" in found,
        permissions="permissions.changed" in found,
        rewound="lab.rewound" in found,
        notes="notes.changed" in found,
    )


def changed(vcenter: VCenter, objects: Iterable[str], trees: Iterable[str], events: bool, alarms: bool) -> str | None:
    """What the page should fetch anew, None where nothing that it watches changed."""
    body = {"objects": sorted(objects), "trees": sorted(trees), "events": events, "alarms": alarms}
    if not any(body.values()):
        return None
    return _text(vcenter, "changed", **{name: value for name, value in body.items() if value})


def alarms(vcenter: VCenter) -> str:
    return _text(vcenter, "alarms")


def resync(vcenter: VCenter) -> str:
    """The page has missed something: it fetches anew whatever it shows."""
    return _text(vcenter, "resync")


def notes(vcenter: VCenter) -> str:
    """What apps above say on every page of the vCenter has changed."""
    return _text(vcenter, "notes")


def reload(vcenter: VCenter) -> str:
    """Another past holds: whatever the page shows of this vCenter, its objects and figures too, has to be read anew."""
    return _text(vcenter, "reload")


def gone(vcenter: VCenter) -> str:
    """The vCenter that the page watched is there no more, or the person may see nothing of it any more."""
    return _text(vcenter, "gone")


def position(vcenter: VCenter, cursor: str) -> str:
    """Where in the log of facts the page is; it names that when it comes back."""
    return _text(vcenter, "at", at=cursor)


def watching(watch: Watch) -> str:
    """The answer to a watch: what of it is watched."""
    counted = {"objects": sorted(watch.objects), "trees": sorted(watch.trees), "figures": sorted(watch.figures)}
    return _text(watch.vcenter, "watching", **counted)


def figures(latest: Latest, watch: Watch) -> str:
    """The newest figures of what is watched: {reference: {counter key: value}}, in the units of `domain.counters`."""
    values = {moref: _values(latest, *place, watch.wish.counters) for moref, place in watch.figures.items()}
    at_ms = watch.vcenter.lab_datetime(latest.time_s).timestamp() * 1000
    return _text(watch.vcenter, "figures", time=latest.time_s, ms=round(at_ms), d=values)


def clock(vcenter: VCenter, latest: Latest | None) -> str:
    """The lab clock, and by how many seconds the figures are late (0 = they come as they should)."""
    speed = vcenter.clock_speed if vcenter.active else 0.0
    now_ms = round(vcenter.lab_datetime().timestamp() * 1000)
    late, until_ms = late_s(speed, latest, time.time()), run_end_ms(vcenter)
    return _text(vcenter, "clock", now=now_ms, speed=speed, late=late, until=until_ms)


def run_end_ms(vcenter: VCenter) -> int | None:
    """Where the clock stops by itself, as the page counts time; None where it does not."""
    run = vcenter.options.get("run_until")
    return round(vcenter.lab_datetime(run["until_s"]).timestamp() * 1000) if run else None


def late_s(speed: float, latest: Latest | None, wall_s: float) -> int:
    """Seconds since the last sample where the next one is overdue, else 0. A paused clock makes nothing overdue."""
    if latest is None or speed <= 0:
        return 0
    age_s = wall_s - latest.wall_s
    return int(age_s) if age_s > REALTIME_S / speed + PATIENCE_S else 0


def task_rows(vcenter: VCenter, ids: Iterable[int], language: str) -> dict[int, tuple[str, str]]:
    """Per task its entity and its message, with the row as the page shows it in that language. Oldest first."""
    tasks = Task.objects.filter(vcenter=vcenter, pk__in=list(ids)).select_related("vcenter").order_by("pk")
    with translation.override(language):
        return {task.pk: (task.entity, _task(vcenter, task)) for task in tasks}


def _task(vcenter: VCenter, task: Task) -> str:
    html = get_template(TASK_ROW).render({"task": task})
    return _text(vcenter, "task", id=task.pk, entity=task.entity, state=task.state, html=html)


def _values(latest: Latest, kind: str, slot: int, keys: Iterable[int]) -> dict[int, float]:
    known = ((key, latest.value(kind, slot, key)) for key in keys if key in ROWS[kind])
    return {key: float(f"{value:.{DIGITS}g}") for key, value in known if value is not None}


def _text(vcenter: VCenter, name: str, **fields: Any) -> str:
    return json.dumps({"t": name, "vc": str(vcenter.uuid), **fields}, separators=(",", ":"), ensure_ascii=False)
