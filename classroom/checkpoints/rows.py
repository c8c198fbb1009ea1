"""The rows of one lab as plain data, and back: into the same vCenter with their keys, or into another with new ones.

The tables are found from the models, so that whatever an app of the datacenter adds later is carried as well: every
row that belongs to a vCenter by references that are never empty. Left out: the audit log, which is never rewound;
permissions and roles, since going back must not give a right back that was taken; scheduled tasks, which act by the
clock on the wall in the name of a person. What a person keeps for the own use (views of charts) names a vCenter only in
passing.
"""

from __future__ import annotations

import base64
import uuid
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from graphlib import TopologicalSorter
from typing import Any

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import BinaryField, DateTimeField, Field, ForeignKey, Model, UUIDField
from django.utils.dateparse import parse_datetime

from classroom.checkpoints.archive import Damaged
from inventory.models import AuditEntry, ManagedObject, Permission, Role, ScheduledTask, VCenter

APPS = ("inventory", "scheduler")
LEFT_OUT: frozenset[type[Model]] = frozenset({AuditEntry, Permission, Role, ScheduledTask, VCenter})
Table = dict[str, Any]  # {"columns": [attname, …], "rows": [[…], …]}
Data = dict[str, Table]  # by model label


@lru_cache(maxsize=1)
def ways() -> Mapping[type[Model], str]:
    """Every model that is carried, and the look-up that leads from it to its vCenter; what a row needs comes first."""
    models = [m for app in APPS for m in apps.get_app_config(app).get_models(include_auto_created=True)]
    found: dict[type[Model], str] = {}
    queue: deque[tuple[type[Model], str]] = deque([(VCenter, "")])
    while queue:
        target, way = queue.popleft()
        for model in models:
            for key in foreign_keys(model):
                if key.null or key.related_model is not target or model in found or model in LEFT_OUT:
                    continue
                found[model] = f"{key.name}__{way}" if way else key.name
                queue.append((model, found[model]))
    return {model: found[model] for model in _needed_first(found)}


def _needed_first(models: Iterable[type[Model]]) -> list[type[Model]]:
    needs = {
        model: {key.related_model for key in foreign_keys(model) if not key.null and key.related_model is not model}
        for model in models
    }
    return list(TopologicalSorter({m: [n for n in needs[m] if n in needs] for m in needs}).static_order())


def foreign_keys(model: type[Model]) -> list[ForeignKey[Any, Any]]:
    return [field for field in model._meta.concrete_fields if isinstance(field, ForeignKey)]


def columns(model: type[Model]) -> list[Field[Any, Any]]:
    return list(model._meta.concrete_fields)


def of(vcenter: VCenter) -> Data:
    """All rows that are carried, in the order of their keys."""
    return {model._meta.label: _dump(model, way, vcenter) for model, way in ways().items()}


def leave_out(data: Data, row: Model) -> None:
    """Take one row out of the data; nothing else in them may point at it."""
    table = data[row._meta.label]
    key = table["columns"].index("id")
    table["rows"] = [one for one in table["rows"] if one[key] != row.pk]


def _dump(model: type[Model], way: str, vcenter: VCenter) -> Table:
    names = [field.attname for field in columns(model)]
    rows: Any = model._base_manager.filter(**{way: vcenter.pk}).order_by("pk").values_list(*names)
    return {"columns": names, "rows": [[_plain(value) for value in row] for row in rows]}


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat()
        case uuid.UUID():
            return str(value)
        case bytes() | memoryview():
            return base64.b64encode(bytes(value)).decode()
    return value


def _typed(field: Field[Any, Any], value: Any) -> Any:
    if value is None:
        return None
    match field:
        case DateTimeField():
            return parse_datetime(value)
        case UUIDField():
            return uuid.UUID(value)
        case BinaryField():
            return base64.b64decode(value)
    return value


def instances(model: type[Model], table: Table) -> list[Any]:
    """The rows as objects. A column that the model has lost is dropped, one that is new has its default."""
    fields = {field.attname: field for field in columns(model)}
    places = [(i, fields[name]) for i, name in enumerate(table["columns"]) if name in fields]
    return [model(**{field.attname: _typed(field, row[i]) for i, field in places}) for row in table["rows"]]


def insert(model: type[Model], objects: Sequence[Any], *, with_key: bool = True) -> None:
    """Write rows exactly as they are: no date of today, no signal. Without their key, they get a new one."""
    fields = [field for field in columns(model) if with_key or not field.primary_key]
    key = model._meta.pk
    assert key is not None
    step = max(1, connection.ops.bulk_batch_size(fields, objects))
    manager: Any = model._base_manager
    for first in range(0, len(objects), step):
        batch = objects[first : first + step]
        returning = None if with_key else [key]
        made = manager._insert(batch, fields=fields, returning_fields=returning, using=DEFAULT_DB_ALIAS, raw=True)
        for one, row in zip(batch, made or (), strict=False):
            one.pk = row[0]


def delete(vcenter: VCenter, keep: Mapping[type[Model], Iterable[int]]) -> None:
    """Take all carried rows away but those in `keep`; the database checks references when the transaction ends."""
    for model, way in reversed(list(ways().items())):
        rows: Any = model._base_manager.filter(**{way: vcenter.pk}).exclude(pk__in=list(keep.get(model, ())))
        rows._raw_delete(rows.db)


def restore(data: Data) -> None:
    """Write carried rows with the keys they had. People who have gone are no longer named."""
    for model in ways():
        objects = instances(model, data.get(model._meta.label, {"columns": [], "rows": []}))
        _forget_strangers(model, objects)
        insert(model, objects)


def mend_outsiders(vcenter: VCenter) -> None:
    """Rows that are not carried stop pointing at rows that have gone."""
    for model in LEFT_OUT - {VCenter}:
        for key in foreign_keys(model):
            if key.related_model in ways() and key.null:
                rows: Any = model._base_manager.filter(vcenter=vcenter, **{f"{key.name}__isnull": False})
                there = key.related_model._base_manager.values("pk")
                rows.exclude(**{f"{key.name}__in": there}).update(**{key.name: None})


def _forget_strangers(model: type[Model], objects: Sequence[Any]) -> None:
    """Null the references to rows that are not carried and have gone since (accounts)."""
    for key in foreign_keys(model):
        if key.related_model in ways() or key.related_model is VCenter:
            continue
        named = {getattr(one, key.attname) for one in objects} - {None}
        there = set(key.related_model._base_manager.filter(pk__in=named).values_list("pk", flat=True)) if named else ()
        for one in objects:
            if getattr(one, key.attname) not in there and key.null:
                setattr(one, key.attname, None)


def plant(vcenter: VCenter, data: Data) -> dict[type[Model], dict[int, int]]:
    """Write carried rows into another, empty vCenter; returns per model the new key of each old one."""
    new: dict[type[Model], dict[int, int]] = {VCenter: {}}
    late: list[tuple[type[Model], list[Any], dict[str, list[Any]]]] = []
    for model in ways():
        objects = instances(model, data.get(model._meta.label, {"columns": [], "rows": []}))
        _forget_strangers(model, objects)
        waiting = _point(model, objects, vcenter, new)
        new[model] = _insert_by_depth(model, objects)
        if waiting:
            late.append((model, objects, waiting))
    for model, objects, waiting in late:
        _point_late(model, objects, waiting, new)
    return new


def _point(
    model: type[Model], objects: Sequence[Any], vcenter: VCenter, new: Mapping[Any, Any]
) -> dict[str, list[Any]]:
    """Turn references to what has its new key; null those to what comes later, and return them by column."""
    waiting: dict[str, list[Any]] = {}
    for key in foreign_keys(model):
        target: Any = key.related_model
        if target is VCenter:
            for one in objects:
                setattr(one, key.attname, vcenter.pk)
        elif target is model:
            continue  # see _insert_by_depth
        elif target in new:
            for one in objects:
                setattr(one, key.attname, new[target].get(getattr(one, key.attname)))
        elif target in ways():
            waiting[key.name] = [getattr(one, key.attname) for one in objects]
            for one in objects:
                setattr(one, key.attname, None)
    return waiting


def _insert_by_depth(model: type[Model], objects: Sequence[Any]) -> dict[int, int]:
    """Write rows that may point at each other (folders, pools, snapshots): parents first, so that none is without its
    parent even for a moment, which constraints forbid. Returns the new key of each old one."""
    keys = [key.attname for key in foreign_keys(model) if key.related_model is model]
    mine = {one.pk: one for one in objects}
    new: dict[int, int] = {}
    left = list(objects)
    while left:
        ready = [one for one in left if all(getattr(one, key) in new or getattr(one, key) not in mine for key in keys)]
        old = [one.pk for one in ready]
        for one in ready:
            for key in keys:
                setattr(one, key, new.get(getattr(one, key)))
        insert(model, ready, with_key=False)
        new |= {before: one.pk for before, one in zip(old, ready, strict=True)}
        written = {id(one) for one in ready}
        if not written:
            raise Damaged(f"{model._meta.label} points at itself in a circle")
        left = [one for one in left if id(one) not in written]
    return new


def _point_late(
    model: type[Model], objects: Sequence[Any], waiting: Mapping[str, list[Any]], new: Mapping[Any, Any]
) -> None:
    for name, targets in waiting.items():
        key: Any = model._meta.get_field(name)
        linked = [(one, target) for one, target in zip(objects, targets, strict=True) if target is not None]
        for one, target in linked:
            setattr(one, key.attname, new[key.related_model].get(target))
        manager: Any = model._base_manager
        manager.bulk_update([one for one, _target in linked], [name], batch_size=400)


def references(data: Data) -> set[str]:
    """The references of all objects in the data, with the root folder's."""
    labels = {model._meta.label for model in ways() if issubclass(model, ManagedObject)}
    found: set[str] = set()
    for label in labels & data.keys():
        place = data[label]["columns"].index("moref")
        found |= {row[place] for row in data[label]["rows"]}
    return found
