"""Writing what evaluation found: rows of triggered alarms, events, colours, facts; nothing where nothing changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from domain.alarms import LEVEL_OF, STATUS_OF
from inventory.alarming import acting
from inventory.alarming.scope import WATCHED
from inventory.alarming.status import portions, rows_of, settle
from inventory.journal import Change, changing
from inventory.models import AlarmDefinition, TriggeredAlarm, VCenter
from inventory.prepared import Prepared


@dataclass(frozen=True, slots=True)
class Turn:
    """An alarm of a definition goes to another level on one object."""

    definition: int  # primary key
    kind: str
    moref: str
    level: int


def write(vcenter: VCenter, now_s: float, turns: Sequence[Turn]) -> int:
    """Carry the turns out, in their order, in one transaction; return how many changed anything.

    A turn to the level that an alarm has already changes nothing, so that a repetition is harmless.
    """
    if not turns:
        return 0
    with changing(vcenter, lab_s=now_s) as change:
        writer = _Writer(change, turns)
        for turn in turns:
            writer.take(turn)
        writer.finish()
    return len(writer.told)


class _Writer:
    def __init__(self, change: Change, turns: Sequence[Turn]) -> None:
        self.change, self.vcenter = change, change.vcenter
        keys = {turn.definition for turn in turns}
        self.definitions = AlarmDefinition.objects.in_bulk(keys)
        self.objects = _objects(self.vcenter, turns)
        self.rows = _rows(self.vcenter, keys, {turn.moref for turn in turns})
        self.told: list[acting.Occasion] = []
        self.gone: list[int] = []
        self.touched: dict[tuple[int, str], TriggeredAlarm] = {}
        self.moved: dict[str, set[str]] = defaultdict(set)

    def take(self, turn: Turn) -> None:
        definition = self.definitions.get(turn.definition)
        entity = self.objects.get(turn.moref)
        if definition is None or entity is None:
            return
        row = self.rows.get((turn.definition, turn.moref))
        before = LEVEL_OF[row.status] if row else 0
        if before == turn.level:
            return
        self._store(turn, definition, entity, row)
        self.moved[turn.kind].add(turn.moref)
        old, new = STATUS_OF[before], STATUS_OF[turn.level]
        self.change.event("AlarmStatusChangedEvent", entity, alarm=definition.name, old=str(old), new=str(new))
        self.told.append(acting.Occasion(definition, entity.moref, before, turn.level, self.change.lab_s))

    def _store(self, turn: Turn, definition: AlarmDefinition, entity: Any, row: TriggeredAlarm | None) -> None:
        key = (turn.definition, turn.moref)
        if turn.level == 0:
            assert row is not None
            del self.rows[key]
            self.touched.pop(key, None)
            if row.pk:
                self.gone.append(row.pk)
            return
        if row is None:
            about = {"entity": entity.moref, "entity_kind": turn.kind, "entity_name": entity.name}
            row = TriggeredAlarm(definition=definition, vcenter=self.vcenter, **about)
        elif turn.level > LEVEL_OF[row.status]:
            row.acknowledged, row.acknowledged_by, row.acknowledged_lab_s = False, "", None
        row.status, row.triggered_lab_s = STATUS_OF[turn.level], self.change.lab_s
        self.rows[key] = self.touched[key] = row

    def finish(self) -> None:
        for some in portions(self.gone):
            TriggeredAlarm.objects.filter(pk__in=some).delete()
        fresh = [row for row in self.touched.values() if row.pk is None]
        TriggeredAlarm.objects.bulk_create(fresh, batch_size=500)
        fields = ["status", "triggered_lab_s", "acknowledged", "acknowledged_by", "acknowledged_lab_s"]
        old = [row for row in self.touched.values() if row not in fresh] if len(fresh) < len(self.touched) else []
        TriggeredAlarm.objects.bulk_update(old, fields, batch_size=200)
        for kind, morefs in self.moved.items():
            settle(self.vcenter, kind, morefs)
            _tell(self.change, morefs)
        occasions = [one for one in self.told if one.definition.actions]
        if occasions:
            transaction.on_commit(lambda: acting.ask(self.vcenter, occasions))


def _tell(change: Change, morefs: Iterable[str]) -> None:
    for moref in sorted(morefs):
        change.fact("alarm.changed", moref)
        change.fact("object.changed", moref)


def _objects(vcenter: VCenter, turns: Sequence[Turn]) -> dict[str, Any]:
    by_kind: dict[str, set[str]] = defaultdict(set)
    for turn in turns:
        by_kind[turn.kind].add(turn.moref)
    found = {}
    for kind, morefs in by_kind.items():
        for some in portions(morefs):
            rows = WATCHED[kind]._default_manager.filter(vcenter=vcenter, moref__in=some)
            found.update({row.moref: row for row in rows.only("pk", "moref", "name", "vcenter")})
    return found


def _rows(vcenter: VCenter, definitions: Collection[int], morefs: Collection[str]) -> dict[tuple[int, str], Any]:
    found = {}
    for some in portions(morefs):
        rows = TriggeredAlarm.objects.filter(vcenter=vcenter, definition__in=definitions, entity__in=some)
        found.update({(row.definition_id, row.entity): row for row in rows})
    return found


def sweep(vcenter: VCenter, now_s: float) -> int:
    """Take away alarms of objects that are gone; one query."""
    gone = sorted(set(_orphans.rows(vcenter.pk)))
    if gone:
        with changing(vcenter, lab_s=now_s) as change:
            forget(change, gone)
    return len(gone)


def _of_the_gone(vcenter_pk: int) -> QuerySet[TriggeredAlarm, Any]:
    orphaned = Q(pk__in=())
    for kind, model in WATCHED.items():
        theirs = model._default_manager.filter(vcenter=OuterRef("vcenter"), moref=OuterRef("entity"))
        orphaned |= Q(~Exists(theirs), entity_kind=kind)
    rows = TriggeredAlarm.objects.filter(orphaned, vcenter=vcenter_pk).order_by()
    return rows.values_list("entity_kind", "entity")


_orphans = Prepared(_of_the_gone)


def forget(change: Change, objects: Iterable[tuple[str, str]]) -> None:
    """Drop all alarms of some (kind, moref), without a word in the log: they are gone, not healed."""
    for kind, moref in objects:
        TriggeredAlarm.objects.filter(vcenter=change.vcenter, entity=moref).delete()
        rows_of(change.vcenter, kind).filter(moref=moref).update(overall_status=STATUS_OF[0])  # type: ignore[attr-defined]
        change.fact("alarm.changed", moref)


def withdraw(change: Change, definition: AlarmDefinition) -> None:
    """Drop all alarms of one definition and settle the colours: it is edited, disabled or about to be deleted."""
    by_kind: dict[str, set[str]] = defaultdict(set)
    for kind, moref in definition.triggered.order_by().values_list("entity_kind", "entity"):
        by_kind[kind].add(moref)
    definition.triggered.all().delete()
    for kind, morefs in by_kind.items():
        if kind in WATCHED:
            settle(change.vcenter, kind, morefs)
        _tell(change, morefs)
