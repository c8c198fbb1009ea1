"""Which verbs a clock may carry out, on which objects, with which arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.functional import Promise

from domain import faults
from inventory import rights
from inventory.models import Task

Text = str | Promise
Fields = Callable[[Any, Any], Mapping[str, forms.Field]]


def no_fields(user: Any, obj: Any) -> Mapping[str, forms.Field]:
    return {}


def anywhere(obj: Any) -> bool:
    return True


@dataclass(frozen=True)
class Verb:
    """`run(user, obj, args)` calls services, which check rights and state; it returns the task, or several.

    `kinds` are those of `actions.registry.kind_of`. `fields(user, obj)` are the arguments that the dialog asks for;
    what they give has to be JSON. `privilege` is what whoever schedules it needs on the object already.
    """

    key: str
    label: Text
    kinds: tuple[str, ...]
    privilege: str
    run: Callable[[Any, Any, Mapping[str, Any]], Any]
    fields: Fields = no_fields
    offered: Callable[[Any], bool] = anywhere


@dataclass(frozen=True)
class Many:
    """What became of a verb that is done to several objects: its tasks, and how many objects refused."""

    tasks: list[Task]
    refused: int = 0


VERBS: dict[str, Verb] = {}


def add(*verbs: Verb) -> None:
    """Register verbs; the order is that of the dialog."""
    for verb in verbs:
        VERBS[verb.key] = verb


def of_kind(obj: Any) -> list[Verb]:
    """The verbs that an object of this kind has, whoever asks."""
    from inventory.actions.registry import kind_of  # the registry of actions reaches for services, which import this

    return [verb for verb in VERBS.values() if kind_of(obj) in verb.kinds and verb.offered(obj)]


def verbs_for(user: Any, obj: Any) -> list[Verb]:
    """The verbs that a person may schedule on an object."""
    return [verb for verb in of_kind(obj) if rights.has(user, verb.privilege, obj)]


def named(obj: Any, key: str) -> Verb:
    """The verb of that name. Raises NotSupported where the object has no such verb."""
    found = next((verb for verb in of_kind(obj) if verb.key == key), None)
    if found is None:
        raise faults.NotSupported(reason="this object has no such verb")
    return found
