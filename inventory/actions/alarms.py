"""The Alarms submenu that every watched kind of object has."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from inventory.actions import containers, storage, vms
from inventory.actions.action import Action, Submenu
from inventory.actions.registry import add
from inventory.alarming import acting
from inventory.models import VCenter


def _acts(obj: Any) -> bool:
    """True where the actions of the object's own alarms have not been switched off."""
    vcenter = obj if isinstance(obj, VCenter) else obj.vcenter
    return obj.moref not in vcenter.options.get(acting.SILENT, ())


NEW_DEFINITION = Action("new-alarm", _("New Alarm Definition…"), "Alarm.Create", "bell", dialog="new-alarm")
ENABLE_ACTIONS = Action(
    "enable-alarm-actions", _("Enable Alarm Actions"), "Alarm.DisableActions", "play", run="alarms.enable_actions",
    offered=lambda obj: not _acts(obj),
)  # fmt: skip
DISABLE_ACTIONS = Action(
    "disable-alarm-actions", _("Disable Alarm Actions"), "Alarm.DisableActions", "ban", run="alarms.disable_actions",
    offered=_acts,
)  # fmt: skip
ALARMS = Submenu("alarms", _("Alarms"), (NEW_DEFINITION, ENABLE_ACTIONS, DISABLE_ACTIONS), "bell")

for _declared in (containers, storage, vms):  # their menus are there before this one adds to them
    assert _declared
for _kind in ("vcenter", "datacenter", "folder", "cluster", "host", "pool", "vm", "datastore"):
    add(_kind, ALARMS, after="add-permission")
