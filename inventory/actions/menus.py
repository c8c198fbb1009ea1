"""From the registry to what a template draws: a menu for one person in front of one object, or of several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from inventory import words
from inventory.actions.action import Action, Context, Entry, Separator, Submenu, busy_objects, vcenter_of
from inventory.actions.registry import entries, flat, kind_of


@dataclass
class Item:
    """One drawn entry. `method` is "dialog", "post" or "link"; `why` is set where the entry is greyed."""

    key: str
    label: str
    icon: str = ""
    url: str = ""
    method: str = ""
    why: str = ""
    shortcut: str = ""
    separator: bool = False
    items: list[Item] = field(default_factory=list)


@dataclass
class Menu:
    title: str
    icon: str
    items: list[Item]


def for_object(user: Any, obj: Any) -> Menu:
    """The Actions menu of an object: absent where not offered, greyed with the reason where it does not apply now."""
    context = Context(user, obj)
    title = _("Actions - %(name)s") % {"name": obj.name}
    return Menu(title, words.kind(obj).icon, _tidy(list(_items(entries(obj), context))))


def _items(entries: Sequence[Entry], context: Context) -> Iterator[Item]:
    for entry in entries:
        match entry:
            case Separator():
                yield Item("", "", separator=True)
            case Submenu():
                below = _tidy(list(_items(entry.entries, context)))
                if below:
                    yield Item(entry.key, str(entry.label), entry.icon, items=below)
            case Action() if entry.offered(context.obj):
                yield item(entry, context)


def item(action: Action, context: Context) -> Item:
    url, method = address(action, context.obj)
    why = action.why_not(context) or ""
    return Item(action.key, str(action.label), action.icon, url, method, why, action.shortcut)


def address(action: Action, obj: Any) -> tuple[str, str]:
    """Where a click leads, and how."""
    where = {"vc": vcenter_of(obj).uuid, "moref": obj.moref}
    if action.page:
        return f"{reverse(action.page, kwargs={'vc': where['vc']})}?object={obj.moref}", "visit"
    if action.tab:
        return reverse("inventory:object-tab", kwargs={**where, "tab": action.tab}), "link"
    if action.dialog or action.confirm:
        name = action.dialog or action.key
        url = reverse("inventory:dialog", kwargs={**where, "name": name})
        return f"{url}?{action.query}" if action.query else url, "dialog"
    return reverse("inventory:do", kwargs={**where, "action": action.key}), "post"


def _tidy(items: list[Item]) -> list[Item]:
    """No line at either end, and never two in a row."""
    kept: list[Item] = []
    for entry in items:
        if not (entry.separator and (not kept or kept[-1].separator)):
            kept.append(entry)
    return kept[:-1] if kept and kept[-1].separator else kept


QUICK = {
    "vm": ("power-on", "resume", "power-off", "suspend", "take-snapshot", "edit-settings"),
    "template": ("deploy", "clone-template"),
    "host": ("new-vm", "host-power-on", "host-reboot", "host-shut-down"),
    "cluster": ("new-vm", "add-host", "new-pool"),
    "vapp": ("vapp-power-on", "vapp-shut-down", "vapp-suspend", "new-vm", "vapp-order"),
    "pool": ("new-vm", "new-pool", "edit-pool"),
    "datacenter": ("add-host", "new-cluster", "new-vm"),
    "vcenter": ("new-datacenter", "new-folder"),
    "folder": ("new-vm", "new-datastore", "new-network", "new-cluster", "new-folder"),
}


def quick(user: Any, obj: Any) -> list[Item]:
    """The small icons in an object's header."""
    wanted = QUICK.get(kind_of(obj), ())
    context = Context(user, obj)
    offered = {a.key: a for a in flat(entries(obj)) if a.key in wanted and a.offered(obj)}
    return [item(offered[key], context) for key in wanted if key in offered]


def palette(user: Any, obj: Any) -> list[Item]:
    """Every action of an object that can be done now, for the command palette: label, icon, url, method."""
    context = Context(user, obj)
    all_items = (item(a, context) for a in flat(entries(obj)) if a.offered(obj))
    return [i for i in all_items if not i.why]


# --- many objects ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class BulkChoice:
    """Which of the selected objects an action can be applied to, and why not to the others."""

    action: Action
    able: list[Any]
    refused: list[tuple[Any, str]]


def bulk_choices(user: Any, objects: Sequence[Any]) -> list[BulkChoice]:
    """The actions that at least one of the selected objects offers, in the order of their menu."""
    busy = busy_objects(objects[0].vcenter_id, [o.moref for o in objects]) if objects else {}
    contexts = [Context(user, obj, busy) for obj in objects]
    offered = [{a.key: a for a in flat(entries(obj)) if a.bulk and a.offered(obj)} for obj in objects]
    found: dict[str, BulkChoice] = {}
    for some in offered:
        for key, action in some.items():
            found.setdefault(key, BulkChoice(action, [], []))
    for context, some in zip(contexts, offered, strict=True):
        for key, choice in found.items():
            why = some[key].why_not(context) if key in some else _("This object does not offer it.")
            choice.refused.append((context.obj, why)) if why else choice.able.append(context.obj)
    return list(found.values())


def for_selection(user: Any, vcenter: Any, objects: Sequence[Any]) -> Menu:
    """The menu "N Objects - Actions"; `url` is the address of the bulk dialog, which asks before it acts."""
    count = len(objects)
    title = ngettext("%(count)s Object - Actions", "%(count)s Objects - Actions", count) % {"count": count}
    base = reverse("inventory:bulk", kwargs={"vc": vcenter.uuid})
    morefs = [o.moref for o in objects]
    items = [_bulk_item(choice, base, vcenter, morefs) for choice in bulk_choices(user, objects)]
    return Menu(title, "objects", items)


def _bulk_item(choice: BulkChoice, base: str, vcenter: Any, morefs: list[str]) -> Item:
    if choice.action.bulk_url:
        base = reverse(choice.action.bulk_url, kwargs={"vc": vcenter.uuid})
    query = urlencode({"action": choice.action.key, "on": " ".join(morefs)})
    why = "" if choice.able else choice.refused[0][1]
    return Item(choice.action.key, str(choice.action.label), choice.action.icon, f"{base}?{query}", "dialog", why)
