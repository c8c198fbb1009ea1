"""What can be done to vApps, and the entries by which one is made. The menu follows that of vSphere."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.utils.translation import gettext_lazy as _

from inventory.actions import alarms, radius, schedules
from inventory.actions.action import SEPARATOR, Action, Confirm, Submenu
from inventory.actions.common import ADD_PERMISSION, NEW_POOL, NEW_VM, TAGS, delete, rename
from inventory.actions.registry import add, menu
from inventory.actions.rules import (
    first,
    host_connected,
    vapp_can_start,
    vapp_can_stop,
    vapp_idle,
    vapp_runs,
    vapp_stopped,
    vapp_top,
)

NEW_VAPP = Action("new-vapp", _("New vApp…"), "VApp.Create", "vmw-app", dialog="new-vapp")

VAPP_ON = Action(
    "vapp-power-on", _("Power On"), "VApp.PowerOn", "play", run="vapps.power_on",
    rule=first(vapp_idle, vapp_can_start), bulk=True,
)  # fmt: skip
VAPP_SHUT_DOWN = Action(
    "vapp-shut-down", _("Shut Down"), "VApp.PowerOff", "power", run="vapps.shut_down",
    rule=first(vapp_idle, vapp_runs), bulk=True,
)  # fmt: skip
VAPP_OFF = Action(
    "vapp-power-off", _("Power Off"), "VApp.PowerOff", "stop", run="vapps.power_off",
    rule=first(vapp_idle, vapp_can_stop), bulk=True,
    confirm=Confirm(_("Power off “%(name)s”?"), _("Power Off"), radius.vapp_power_off, danger=False),
)  # fmt: skip
VAPP_SUSPEND = Action(
    "vapp-suspend", _("Suspend"), "VApp.Suspend", "pause", run="vapps.suspend",
    rule=first(vapp_idle, vapp_runs), bulk=True,
)  # fmt: skip

menu(
    "vapp",
    Submenu("power", _("Power"), (VAPP_ON, VAPP_OFF, VAPP_SUSPEND, SEPARATOR, VAPP_SHUT_DOWN), "power"),
    SEPARATOR,
    NEW_VM,
    replace(NEW_POOL, privilege="VApp.AssignResourcePool"),
    NEW_VAPP, SEPARATOR,
    Action("vapp-order", _("Edit Start Order…"), "VApp.ApplicationConfig", "tasks", dialog="vapp-order",
           rule=vapp_idle, shortcut="e"),
    Action("edit-pool", _("Edit Resource Settings…"), "VApp.ResourceConfig", "cog", dialog="edit-pool"),
    Action("vapp-product", _("Edit Product…"), "VApp.ApplicationConfig", "note", dialog="vapp-product"),
    SEPARATOR,
    Action("clone-vapp", _("Clone…"), "VApp.Clone", "clone", dialog="clone-vapp", rule=vapp_idle),
    Action("move-pool", _("Move To…"), "VApp.Move", "folder-open", dialog="move-pool", rule=vapp_idle),
    Action("move-to-folder", _("Move to Folder…"), "VApp.Move", "folder", dialog="move-to-folder", rule=vapp_top),
    rename("VApp.Rename"), TAGS, ADD_PERMISSION, SEPARATOR,
    delete("VApp.Delete", "vapps.destroy",
           Confirm(_("Delete the vApp “%(name)s” with all its virtual machines?"), _("Delete"), radius.vapp_delete),
           first(vapp_idle, vapp_stopped)),
)  # fmt: skip


def _standalone(host: Any) -> bool:
    return bool(host.cluster.standalone)


add("cluster", NEW_VAPP, after="new-pool")
add("host", replace(NEW_VAPP, offered=_standalone, rule=host_connected), after="new-pool")
add("pool", NEW_VAPP, after="new-pool")
add("vapp", alarms.ALARMS, after="add-permission")
add("vapp", schedules.SCHEDULE, after="alarms")
