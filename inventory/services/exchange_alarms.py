"""Alarm definitions of an inventory file: defined, changed and removed where the file says."""

from __future__ import annotations

from typing import Any

from domain import faults
from inventory.exchange import fields
from inventory.models import AlarmDefinition
from inventory.services import alarms
from inventory.services.exchange_steps import KINDS, Kind, Step, add


def register() -> None:
    add("alarm", Kind(
        None, frozenset(alarms.FIELDS) - {"name"}, _define, _redefine,
        lambda step: alarms.remove(step.user, _known(step)),
    ))  # fmt: skip


def _home(step: Step) -> Any:
    """The object that the file has the definition on."""
    kind = str(step.fields.get("home"))
    if kind == "vcenter":
        return step.find.vcenter
    find = KINDS[kind].find
    assert find is not None  # only what can be found carries definitions in a document
    return find(step.find, step.path[:-1])


def _define(step: Step) -> None:
    values = {name: step.fields[name] for name in fields.FIELDS[AlarmDefinition]}
    _check_types(values)
    alarms.define(step.user, _home(step), name=step.path[-1], **values)


def _redefine(step: Step) -> None:
    one = _known(step)
    _check_types(step.settings)
    alarms.redefine(step.user, one, step.settings, one.change_version)


def _known(step: Step) -> AlarmDefinition:
    rows = AlarmDefinition.objects.filter(vcenter=step.find.vcenter, system_name="", name=step.path[-1])
    found = rows.select_related("vcenter").first()
    if found is None:
        raise faults.NotFound(what=step.path[-1])
    return found


def _check_types(values: dict[str, Any]) -> None:
    for name, value in values.items():
        if not fields.of_its_type(AlarmDefinition, name, value):
            raise faults.InvalidArgument(property=name, reason="a value has the wrong type")
