"""Alarm definitions of one's own in an inventory as text; those that every vCenter comes with are not told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from domain import alarms as rules_of
from domain import faults, morefs
from domain.morefs import Kind
from inventory import words
from inventory.alarming import acting
from inventory.exchange import fields
from inventory.models import AlarmDefinition

KEYS = ("name", *fields.FIELDS[AlarmDefinition])


def told(one: AlarmDefinition) -> dict[str, Any]:
    """A definition without its name; who added an action is nobody's business elsewhere."""
    entry = fields.told(one)
    if one.actions:
        entry["actions"] = [{key: value for key, value in action.items() if key != "user"} for action in one.actions]
    return entry


def build(builder: Any, moref: str, entry: Mapping[str, Any], where: str) -> None:
    """The definitions of one object as unsaved rows among the builder's labels; its owner answers for their actions."""
    owner = getattr(builder.fields.get("owner"), "pk", None)
    for one, place in builder.entries(entry, "alarms", where):
        builder.known(one, place, *KEYS)
        row = builder.row(
            AlarmDefinition, one, place, vcenter=builder.vcenter, name=builder.name(one, place), entity=moref,
            moref=builder.moref(morefs.PREFIX[Kind.ALARM]),
        )  # fmt: skip
        if row.name in builder.alarms:
            builder.say(f"{place}name", _("this name is there already"))
        builder.alarms.add(row.name)
        try:
            rules_of.validate(str(row.target_kind), row.rules)
            acting.validate(str(row.target_kind), row.actions)
        except faults.MethodFault as fault:
            builder.say(place.rstrip("."), words.fault_sentence(fault.to_dict()))
            continue
        except (TypeError, ValueError, OverflowError):
            builder.say(place.rstrip("."), _("a value has the wrong type"))
            continue
        row.actions = [{**action, "user": owner} for action in row.actions]
        builder.labels.append(row)
        builder.counts["alarms"] += 1
