"""Evaluation: with each beat what events say, with each sample what conditions say.

Cost per sample: a fixed number of queries, and numpy over kinds x levels x slots. Rows of objects are read only for
what changes. A gap between two samples that were looked at (a fast clock) counts as lasting what both ends show.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import structlog
from django.db.models import Max, QuerySet

from domain.alarms import FIGURES_OF, LEVEL_OF, Levels, Table, effects, watches_events
from domain.morefs import Kind
from inventory import metrics
from inventory.alarming import acting, defaults, figures, memory, transitions
from inventory.alarming.memory import Memory
from inventory.alarming.scope import WATCHED, Scope
from inventory.alarming.status import portions
from inventory.alarming.transitions import Turn
from inventory.metrics import Latest
from inventory.models import AlarmDefinition, Event, TriggeredAlarm, VCenter
from inventory.prepared import Prepared
from inventory.pump import Beat

log = structlog.get_logger(__name__)
# The key in `Event.related` of each kind of object.
ROLES = {Kind.VM: "vm", Kind.HOST: "host", Kind.CLUSTER: "cluster", Kind.POOL: "pool", Kind.DATASTORE: "datastore"}
MOST_EVENTS = 5_000


@dataclass(frozen=True, slots=True)
class Watch:
    """The enabled definitions of a vCenter, compiled. `entities[kind]` = where each of a table's definitions hangs."""

    stamp: tuple[Any, ...]
    tables: tuple[Table, ...]
    keys: dict[str, tuple[int, ...]]  # primary keys, in the order of the table of that kind
    entities: dict[str, tuple[str, ...]]
    by_event: dict[str, tuple[tuple[int, str, str, int], ...]]  # type -> (primary key, kind, entity, level)


_compiled: dict[int, Watch] = {}
_versions = Prepared(lambda pk: _enabled(pk).values_list("pk", "change_version"))
_fresh = Prepared(
    lambda pk, cursor: (
        Event.objects.filter(vcenter=pk, key__gt=cursor)
        .order_by("key")
        .values_list("key", "type", "related")[:MOST_EVENTS]
    )
)


def on_beat(beat: Beat) -> None:
    """Listener of the pump. What fails here is logged and does not stop the other listeners or the next beat."""
    try:
        evaluate(beat.vcenter, beat.now_s)
    except Exception:
        log.exception("alarms.beat", vcenter=str(beat.vcenter.uuid))


def evaluate(vcenter: VCenter, now_s: float) -> int:
    """Look at everything that is new since the last time; return how many alarms changed."""
    defaults.ensure(vcenter)
    with memory.turn(vcenter) as kept:
        return _look(vcenter, watched(vcenter), kept, now_s) if kept is not None else 0


def _look(vcenter: VCenter, watch: Watch, kept: Memory, now_s: float) -> int:
    scope = Scope(vcenter)
    turns = _events(vcenter, watch, kept, scope)
    latest = metrics.latest(vcenter) if watch.tables and metrics.newest_s(vcenter) != kept.last_s else None
    if latest is not None:
        turns += _conditions(vcenter, watch, kept, latest, scope)
    changed = transitions.write(vcenter, now_s, turns)
    if latest is not None:
        changed += transitions.sweep(vcenter, now_s)
        acting.repeat(vcenter, kept.last_s, latest.time_s)
        kept.last_s = latest.time_s
    return changed


# --- definitions -----------------------------------------------------------------------------------------------------
def watched(vcenter: VCenter) -> Watch:
    """The compiled definitions; compiled anew where one was added, changed, enabled or removed."""
    stamp = tuple(_versions.rows(vcenter.pk))
    known = _compiled.get(vcenter.pk)
    if known is None or known.stamp != stamp:
        known = _compiled[vcenter.pk] = _compile(stamp, list(_enabled(vcenter.pk)))
    return known


def _enabled(vcenter_pk: int) -> QuerySet[AlarmDefinition]:
    return AlarmDefinition.objects.filter(vcenter=vcenter_pk, enabled=True).order_by("pk")


def _compile(stamp: tuple[Any, ...], definitions: Sequence[AlarmDefinition]) -> Watch:
    lasting: dict[str, list[AlarmDefinition]] = defaultdict(list)
    by_event: dict[str, list[tuple[int, str, str, int]]] = defaultdict(list)
    for one in definitions:
        if one.target_kind not in FIGURES_OF or not one.rules:
            continue
        if not watches_events(one.rules):
            lasting[one.target_kind].append(one)
            continue
        for name, level in effects(one.rules).items():
            by_event[name].append((one.pk, one.target_kind, one.entity, level))
    return Watch(
        stamp,
        tuple(
            Table(kind, [(f"{one.pk}.{one.change_version}", one.rules) for one in all_])
            for kind, all_ in lasting.items()
        ),
        {kind: tuple(one.pk for one in all_) for kind, all_ in lasting.items()},
        {kind: tuple(one.entity for one in all_) for kind, all_ in lasting.items()},
        {name: tuple(all_) for name, all_ in by_event.items()},
    )


# --- events ----------------------------------------------------------------------------------------------------------
def _events(vcenter: VCenter, watch: Watch, kept: Memory, scope: Scope) -> list[Turn]:
    """What the events since the last look do. Without a memory nothing is raked up: it begins with now."""
    if kept.lost:
        kept.cursor = Event.objects.filter(vcenter=vcenter).aggregate(top=Max("key"))["top"] or 0
        return []
    turns: list[Turn] = []
    for key, name, related in _fresh.rows(vcenter.pk, kept.cursor):
        kept.cursor = key
        for definition, kind, entity, level in watch.by_event.get(name, ()):
            about = related.get(ROLES[Kind(kind)])
            if about and scope.covers(kind, entity, about[0]):
                turns.append(Turn(definition, kind, about[0], level))
    return turns


# --- conditions ------------------------------------------------------------------------------------------------------
def _conditions(vcenter: VCenter, watch: Watch, kept: Memory, latest: Latest, scope: Scope) -> list[Turn]:
    turns: list[Turn] = []
    begun = kept.last_s == kept.last_s
    for table in watch.tables:
        slots = latest.of(FIGURES_OF[table.kind]).shape[1]
        since, before = kept.matrices(table, slots)
        keys = watch.keys[table.kind]
        if not begun:
            before = _triggered(vcenter, table.kind, keys, slots)
            since = table.remembered(since, before)
        values = figures.values(vcenter, latest, table, slots)
        _narrow(values, table, watch.entities[table.kind], scope)
        last_s = kept.last_s if begun else latest.time_s
        since, levels = table.advance(since, values, last_s, latest.time_s)
        turns += _turns(vcenter, table.kind, keys, before, levels)
        kept.keep(table, since, levels)
    return turns


def _narrow(values: Any, table: Table, entities: Sequence[str], scope: Scope) -> None:
    """A definition sees only what lies below the object that it hangs on."""
    for i, row in enumerate(table.rows):
        mask = scope.mask(table.kind, entities[row.definition], values.shape[1])
        if mask is not None:
            values[i, ~mask] = np.nan


def _triggered(vcenter: VCenter, kind: str, keys: Sequence[int], slots: int) -> Levels:
    """int8[definitions, slots] by the rows of the database."""
    place = {key: i for i, key in enumerate(keys)}
    levels = np.zeros((len(keys), slots), np.int8)
    rows = TriggeredAlarm.objects.filter(vcenter=vcenter, definition__in=keys).order_by()
    found = list(rows.values_list("definition", "entity", "status"))
    slot_of = dict(_named(vcenter, kind, "moref", {moref for _key, moref, _status in found}))
    for key, moref, status in found:
        if slot_of.get(moref, slots) < slots:
            levels[place[key], slot_of[moref]] = LEVEL_OF[status]
    return levels


def _turns(vcenter: VCenter, kind: str, keys: Sequence[int], before: Levels, after: Levels) -> list[Turn]:
    changed = np.argwhere(before != after).tolist()
    moref_of = {slot: moref for moref, slot in _named(vcenter, kind, "slot", {slot for _place, slot in changed})}
    return [
        Turn(keys[place], kind, moref_of[slot], int(after[place, slot])) for place, slot in changed if slot in moref_of
    ]


def _named(vcenter: VCenter, kind: str, column: str, wanted: set[Any]) -> list[tuple[str, int]]:
    """(moref, slot) of the objects of a kind whose `column` is one of these."""
    if not wanted:
        return []
    rows: Any = WATCHED[kind]._default_manager.filter(vcenter=vcenter).order_by()
    found: list[tuple[str, int]] = []
    for some in portions(wanted):
        found += rows.filter(**{f"{column}__in": some}).values_list("moref", "slot")
    return found
