"""What can be done to each kind of object: the one registry behind menus, header icons, the palette and bulk.

`for_object(user, obj)` is the Actions menu, `quick` the icons of the header, `palette(user, obj)` what can be done
now, `find(obj, key)` one action, `perform(action, user, obj)` does it. Other apps add entries with `add(kind, action)`.
"""

from inventory.actions import alarms, containers, schedules, storage, vapps, vms  # noqa: F401  they declare the menus
from inventory.actions.action import SEPARATOR, Action, Confirm, Context, Submenu
from inventory.actions.menus import Item, Menu, bulk_choices, for_object, for_selection, palette, quick
from inventory.actions.perform import perform
from inventory.actions.registry import add, find, kind_of

__all__ = [
    "SEPARATOR",
    "Action",
    "Confirm",
    "Context",
    "Item",
    "Menu",
    "Submenu",
    "add",
    "bulk_choices",
    "find",
    "for_object",
    "for_selection",
    "kind_of",
    "palette",
    "perform",
    "quick",
]
