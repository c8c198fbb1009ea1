"""Which tabs and sections there are. A section is a function from a page to a template's context."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from domain.morefs import Kind

Text = str | Promise
Content = Callable[[Any], dict[str, Any]]

VCENTER = "VCenter"
SUMMARY, MONITOR, CONFIGURE, PERMISSIONS = "summary", "monitor", "configure", "permissions"
TAB_LABELS: dict[str, Text] = {
    SUMMARY: _("Summary"),
    MONITOR: _("Monitor"),
    CONFIGURE: _("Configure"),
    PERMISSIONS: _("Permissions"),
    "datacenters": _("Datacenters"),
    "clusters": _("Clusters"),
    "hosts": _("Hosts"),
    "pools": _("Resource Pools"),
    "vms": _("VMs"),
    "datastores": _("Datastores"),
    "files": _("Files"),
    "networks": _("Networks"),
    "snapshots": _("Snapshots"),
}
# The lists of related objects, in the order of their tabs.
RELATED: dict[str, tuple[str, ...]] = {
    VCENTER: ("datacenters", "clusters", "hosts", "vms", "datastores", "networks"),
    Kind.DATACENTER: ("clusters", "hosts", "vms", "datastores", "networks"),
    Kind.CLUSTER: ("hosts", "pools", "vms", "datastores", "networks"),
    Kind.HOST: ("pools", "vms", "datastores", "networks"),
    Kind.POOL: ("pools", "vms"),
    Kind.VM: ("datastores", "networks", "snapshots"),
    Kind.DATASTORE: ("files", "hosts", "vms"),
    Kind.NETWORK: ("hosts", "vms"),
    Kind.FOLDER: ("datacenters", "clusters", "hosts", "vms", "datastores", "networks"),
}
FOLDER_RELATED: dict[str, tuple[str, ...]] = {
    "datacenter": ("datacenters", "clusters", "hosts", "vms"),
    "host": ("clusters", "hosts", "vms"),
    "vm": ("vms",),
    "datastore": ("datastores",),
    "network": ("networks",),
}
# Groups of the section lists, in their order.
GROUPS: dict[str, Text] = {
    "issues": _("Issues and Alarms"),
    "performance": _("Performance"),
    "history": _("Tasks and Events"),
    "drs": _("vSphere DRS"),
    "ha": _("vSphere HA"),
    "allocation": _("Resource Allocation"),
    "services": _("Services"),
    "configuration": _("Configuration"),
    "storage": _("Storage"),
    "networking": _("Networking"),
    "machines": _("Virtual Machines"),
    "system": _("System"),
    "hardware": _("Hardware"),
    "settings": _("Settings"),
    "more": _("More"),
}
# Sections of a group stand in the order of this list; those that are not in it come behind, as they were declared.
SECTIONS = (
    "performance", "advanced", "scores", "recommendations", "faults", "drs-history", "cpu-utilization",
    "memory-utilization", "drs", "ha", "heartbeat", "ha-issues", "apd", "what-if", "quickstart", "general", "evc",
    "groups", "rules", "overrides", "host-options", "licensing",
)  # fmt: skip


@dataclass(frozen=True)
class Section:
    """One entry of a tab. `kinds` of objects that have it; `applies` narrows further; `content` is asked when shown."""

    tab: str
    slug: str
    label: Text
    template: str
    kinds: frozenset[str]
    content: Content
    group: str = ""
    applies: Callable[[Any], bool] = lambda obj: True


@dataclass(frozen=True)
class Card:
    """One more card of a Summary, from another app. `template` gets `page` and, as `card`, what `content` returns.

    A card with the slug of one that the page has by itself ("drs", "ha") takes its place.
    """

    slug: str
    template: str
    kinds: frozenset[str]
    content: Content


_sections: list[Section] = []
_cards: list[Card] = []
# Asked for what else is to be told above an object's tabs: functions from a page to banners.
BANNERS: list[Callable[[Any], Iterable[Any]]] = []


def register_card(slug: str, template: str, kinds: Iterable[str], content: Content) -> None:
    """Add a card to the Summary of these kinds of objects."""
    _cards.append(Card(slug, template, frozenset(map(str, kinds)), content))


def cards_for(obj: Any) -> list[Card]:
    return [card for card in _cards if kind_key(obj) in card.kinds]


def register(one: Section) -> Section:
    """Add a section; within its group it comes after those that were there, or takes the place of its namesake."""
    same = (s for s in _sections if (s.tab, s.slug, s.kinds) == (one.tab, one.slug, one.kinds))
    if (older := next(same, None)) is not None:
        _sections[_sections.index(older)] = one
    else:
        _sections.append(one)
    return one


def section(
    tab: str,
    slug: str,
    label: Text,
    kinds: Iterable[str],
    *,
    template: str = "",
    group: str = "",
    applies: Callable[[Any], bool] = lambda obj: True,
) -> Callable[[Content], Content]:
    """Register the decorated function as the content of a section."""
    path = template or f"inventory/{tab}/{slug}.html"

    def remember(content: Content) -> Content:
        register(Section(tab, slug, label, path, frozenset(map(str, kinds)), content, group, applies))
        return content

    return remember


def kind_key(obj: Any) -> str:
    """The key of an object in the tables above; the root folder stands for its vCenter."""
    return str(getattr(obj, "KIND", None) or obj.kind)


def sections_for(obj: Any, tab: str) -> list[Section]:
    """The sections of one tab of an object, in the order of their groups and of `SECTIONS`."""
    mine = [s for s in _sections if s.tab == tab and kind_key(obj) in s.kinds and s.applies(obj)]
    return sorted(mine, key=lambda s: (_rank(list(GROUPS), s.group), _rank(SECTIONS, s.slug)))


def _rank(order: Sequence[str], key: str) -> int:
    return order.index(key) if key in order else len(order)


def related(obj: Any) -> tuple[str, ...]:
    """The slugs of the related-object tabs of an object."""
    if kind_key(obj) == Kind.FOLDER:
        return FOLDER_RELATED.get(obj.folder_kind, ())
    return RELATED.get(kind_key(obj), ())


def tabs_for(obj: Any) -> list[str]:
    """The slugs of all tabs of an object that have something to show."""
    fixed = [tab for tab in (SUMMARY, MONITOR, CONFIGURE, PERMISSIONS) if sections_for(obj, tab)]
    return fixed + list(related(obj))
