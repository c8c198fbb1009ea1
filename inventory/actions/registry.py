"""Where actions are kept: a menu per kind of object, open for other apps to add to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from domain.morefs import ROOT_FOLDER
from inventory.actions.action import Action, Entry, Submenu
from inventory.models import (
    Cluster,
    Datacenter,
    Datastore,
    Folder,
    Host,
    Network,
    ResourcePool,
    VCenter,
    VirtualMachine,
)

_KINDS = {
    VirtualMachine: "vm", Host: "host", Cluster: "cluster", ResourcePool: "pool", Folder: "folder",
    Datacenter: "datacenter", Datastore: "datastore", Network: "network", VCenter: "vcenter",
}  # fmt: skip
_menus: dict[str, tuple[Entry, ...]] = {}


def kind_of(obj: Any) -> str:
    """The menu that an object has: its type, but templates, vApps and the root folder have menus of their own."""
    if isinstance(obj, VirtualMachine) and obj.template:
        return "template"
    if isinstance(obj, ResourcePool) and obj.is_vapp:
        return "vapp"
    if getattr(obj, "moref", "") == ROOT_FOLDER:
        return "vcenter"
    return _KINDS[type(obj)]


def menu(kind: str, *entries: Entry) -> None:
    """Declare the menu of one kind of object."""
    _menus[kind] = entries


def add(kind: str, entry: Entry, *, after: str = "", submenu: str = "") -> None:
    """Add an entry to a menu: behind the entry `after`, or at the end, of the menu or of one of its submenus."""
    if not submenu:
        _menus[kind] = _inserted(_menus[kind], entry, after)
        return
    _menus[kind] = tuple(
        replace(e, entries=_inserted(e.entries, entry, after)) if isinstance(e, Submenu) and e.key == submenu else e
        for e in _menus[kind]
    )


def _inserted(entries: tuple[Entry, ...], entry: Entry, after: str) -> tuple[Entry, ...]:
    at = next((i + 1 for i, e in enumerate(entries) if getattr(e, "key", "") == after), len(entries))
    return (*entries[:at], entry, *entries[at:])


def entries(obj: Any) -> tuple[Entry, ...]:
    return _menus.get(kind_of(obj), ())


def flat(entries: tuple[Entry, ...]) -> Iterator[Action]:
    """All actions of a menu, submenus included, in order."""
    for entry in entries:
        if isinstance(entry, Action):
            yield entry
        elif isinstance(entry, Submenu):
            yield from flat(entry.entries)


def find(obj: Any, key: str) -> Action | None:
    """The action of this name that the object's menu has."""
    return next((a for a in flat(entries(obj)) if a.key == key and a.offered(obj)), None)


def kinds() -> list[str]:
    return list(_menus)


def menu_of(kind: str) -> tuple[Entry, ...]:
    return _menus[kind]
