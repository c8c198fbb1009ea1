"""What a page watches: parsed from an untrusted message, then cut down to what its reader may see."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.http import Http404

from domain.counters import COUNTERS
from domain.morefs import kind_of
from inventory import selectors
from inventory.models import Cluster, Datastore, Host, ManagedObject, ResourcePool, VCenter, VirtualMachine
from inventory.selectors.getters import MODELS

OBJECTS_MAX = 1_000
TREES_MAX = 500
FIGURES_MAX = 200
COUNTERS_MAX = 16
VCENTERS_MAX = 64
MOREF_MAX = 24

METRIC_KINDS: dict[type[ManagedObject], str] = {
    VirtualMachine: "vm",
    Host: "host",
    Datastore: "datastore",
    ResourcePool: "pool",
    Cluster: "cluster",
}
DEFAULT_COUNTERS = (2, 6, 24, 98)  # usage of CPU and memory, as shares and amounts


class BadWatch(ValueError):
    """The message is not what the protocol says."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a page asks to watch in one vCenter; nothing in it has been checked against rights."""

    vcenter: UUID
    tasks: bool = False
    objects: tuple[str, ...] = ()
    trees: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()
    counters: tuple[int, ...] = ()
    since: str = ""
    language: str = settings.LANGUAGE_CODE


@dataclass(frozen=True)
class Watch:
    """What is watched: every reference in it may be read by the viewer. `figures`: reference -> (kind, slot)."""

    wish: Wish
    vcenter: VCenter
    sees_everything: bool
    objects: frozenset[str] = frozenset()
    trees: frozenset[str] = frozenset()
    figures: Mapping[str, tuple[str, int]] = field(default_factory=dict)

    @cached_property
    def figures_key(self) -> tuple[Any, ...]:
        """Equal for watches that get the same figures."""
        return (self.wish.counters, frozenset(self.figures))


def parse(raw: Any) -> list[Wish]:
    """The wishes in `{"watch": {…}}` or `{"watch": [{…}, …]}`, one per vCenter.

    Raises:
        BadWatch: it is not of that form, or asks for more than one page can show.
    """
    wanted = raw.get("watch") if isinstance(raw, dict) else None
    entries = wanted if isinstance(wanted, list) else [wanted]
    if len(entries) > VCENTERS_MAX:
        raise BadWatch("too many vCenters")
    return list({wish.vcenter: wish for wish in map(_wish, entries)}.values())


def authorise(user: AbstractUser, wish: Wish) -> Watch | None:
    """What of a wish the user may see; None where that vCenter does not exist for them."""
    try:
        vcenter = selectors.vcenter_for(user, wish.vcenter)
    except Http404:
        return None
    seen = visible(user, vcenter, {*wish.objects, *wish.trees, *wish.figures})
    return Watch(
        wish=wish,
        vcenter=vcenter,
        sees_everything=selectors.reads_everything(user, vcenter),
        objects=frozenset(seen.keys() & wish.objects),
        trees=frozenset(seen.keys() & wish.trees),
        figures={moref: place for moref in wish.figures if (place := seen.get(moref))},
    )


def visible(user: AbstractUser, vcenter: VCenter, morefs: Iterable[str]) -> dict[str, tuple[str, int] | None]:
    """Of these references, those the user may read, each with its place in the figures. One query per kind."""
    by_model: dict[type[ManagedObject], list[str]] = defaultdict(list)
    for moref in morefs:
        model = MODELS.get(kind) if (kind := kind_of(moref)) else None
        if model is not None:
            by_model[model].append(moref)
    found: dict[str, tuple[str, int] | None] = {}
    for model, wanted in by_model.items():
        rows: Any = selectors.objects_visible(user, vcenter, model).filter(moref__in=wanted)
        kind_name = METRIC_KINDS.get(model)
        if kind_name is None:
            found |= dict.fromkeys(rows.values_list("moref", flat=True))
        else:
            found |= {moref: (kind_name, slot) for moref, slot in rows.values_list("moref", "slot")}
    return found


def _wish(entry: Any) -> Wish:
    if not isinstance(entry, dict):
        raise BadWatch("no watch")
    return Wish(
        vcenter=_uuid(entry.get("vc")),
        tasks=entry.get("tasks") is True,
        objects=_words(entry, "objects", OBJECTS_MAX),
        trees=_words(entry, "trees", TREES_MAX),
        figures=_words(entry, "figures", FIGURES_MAX),
        counters=_counters(entry),
        since=_since(entry),
        language=_language(entry.get("lang")),
    )


def _uuid(text: Any) -> UUID:
    try:
        return UUID(text)
    except (TypeError, ValueError, AttributeError) as error:
        raise BadWatch("vc is no uuid") from error


def _words(entry: Mapping[str, Any], name: str, most: int) -> tuple[str, ...]:
    words = entry.get(name, [])
    if not isinstance(words, list) or len(words) > most:
        raise BadWatch(f"{name} is no list of at most {most}")
    if not all(isinstance(word, str) and len(word) <= MOREF_MAX for word in words):
        raise BadWatch(f"{name} holds something else than references")
    return tuple(dict.fromkeys(words))


def _counters(entry: Mapping[str, Any]) -> tuple[int, ...]:
    """Keys of counters in ascending order, so that equal sets are equal."""
    keys = entry.get("counters", [])
    if not isinstance(keys, list) or len(keys) > COUNTERS_MAX:
        raise BadWatch(f"counters is no list of at most {COUNTERS_MAX}")
    return tuple(sorted({key for key in keys if isinstance(key, int) and key in COUNTERS})) or DEFAULT_COUNTERS


def _since(entry: Mapping[str, Any]) -> str:
    since = entry.get("since", "")
    if not isinstance(since, str) or len(since) > 40:
        raise BadWatch("since is no cursor")
    return since


def _language(code: Any) -> str:
    known = dict(settings.LANGUAGES)
    return code if isinstance(code, str) and code in known else settings.LANGUAGE_CODE
