"""What can be done to virtual machines and templates."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from domain.states import VmPower
from inventory.actions import radius
from inventory.actions.action import SEPARATOR, Action, Confirm, Submenu
from inventory.actions.common import ADD_PERMISSION, TAGS, move_to, rename
from inventory.actions.registry import menu
from inventory.actions.rules import (
    first,
    vm_can_start,
    vm_has_snapshot,
    vm_needs_consolidation,
    vm_not_off,
    vm_off,
    vm_on,
    vm_reachable,
    vm_suspended,
    vm_tools,
)


def _is_suspended(vm: Any) -> bool:
    return vm.power_state == VmPower.SUSPENDED


def _is_not_suspended(vm: Any) -> bool:
    return vm.power_state != VmPower.SUSPENDED


POWER_ON = Action(
    "power-on", _("Power On"), "VirtualMachine.Interact.PowerOn", "play", run="vms.power_on",
    rule=first(vm_reachable, vm_can_start), offered=_is_not_suspended, exclusive=True, bulk=True,
)  # fmt: skip
RESUME = Action(
    "resume", _("Resume"), "VirtualMachine.Interact.PowerOn", "play", run="vms.resume",
    rule=first(vm_reachable, vm_suspended), offered=_is_suspended, exclusive=True, bulk=True,
)  # fmt: skip
POWER_OFF = Action(
    "power-off", _("Power Off"), "VirtualMachine.Interact.PowerOff", "stop", run="vms.power_off",
    rule=first(vm_reachable, vm_not_off), exclusive=True, bulk=True,
    confirm=Confirm(_("Power off “%(name)s”?"), _("Power Off"), radius.vm_power_off, danger=False),
)  # fmt: skip
SUSPEND = Action(
    "suspend", _("Suspend"), "VirtualMachine.Interact.Suspend", "pause", run="vms.suspend",
    rule=first(vm_reachable, vm_on), exclusive=True, bulk=True,
)  # fmt: skip
RESET = Action(
    "reset", _("Reset"), "VirtualMachine.Interact.Reset", "refresh", run="vms.reset",
    rule=first(vm_reachable, vm_on), exclusive=True, bulk=True,
    confirm=Confirm(_("Reset “%(name)s”?"), _("Reset"), radius.vm_reset, danger=False),
)  # fmt: skip
SHUT_DOWN_GUEST = Action(
    "shutdown-guest", _("Shut Down Guest OS"), "VirtualMachine.Interact.PowerOff", "power", run="vms.shutdown_guest",
    rule=first(vm_reachable, vm_on, vm_tools), exclusive=True, bulk=True,
)  # fmt: skip
RESTART_GUEST = Action(
    "restart-guest", _("Restart Guest OS"), "VirtualMachine.Interact.Reset", "redo", run="vms.reboot_guest",
    rule=first(vm_reachable, vm_on, vm_tools), exclusive=True, bulk=True,
)  # fmt: skip
POWER = Submenu(
    "power", _("Power"),
    (POWER_ON, RESUME, POWER_OFF, SUSPEND, RESET, SEPARATOR, SHUT_DOWN_GUEST, RESTART_GUEST), "power",
)  # fmt: skip

TAKE_SNAPSHOT = Action(
    "take-snapshot", _("Take Snapshot…"), "VirtualMachine.State.CreateSnapshot", "history", dialog="take-snapshot",
    rule=vm_reachable, exclusive=True,
)  # fmt: skip
MANAGE_SNAPSHOTS = Action("manage-snapshots", _("Manage Snapshots"), "System.Read", "tree-view", tab="snapshots")
REVERT_LATEST = Action(
    "revert-snapshot", _("Revert to Latest Snapshot"), "VirtualMachine.State.RevertToSnapshot", "undo",
    run="snapshots.revert", rule=first(vm_reachable, vm_has_snapshot), exclusive=True,
    confirm=Confirm(_("Revert “%(name)s” to its latest snapshot?"), _("Revert"), radius.vm_revert),
)  # fmt: skip
CONSOLIDATE = Action(
    "consolidate", _("Consolidate"), "VirtualMachine.State.RemoveSnapshot", run="snapshots.consolidate",
    rule=first(vm_reachable, vm_needs_consolidation), exclusive=True,
)  # fmt: skip
DELETE_SNAPSHOTS = Action(
    "delete-snapshots", _("Delete All Snapshots"), "VirtualMachine.State.RemoveSnapshot", "trash",
    run="snapshots.remove_all", rule=first(vm_reachable, vm_has_snapshot), exclusive=True,
    confirm=Confirm(_("Delete all snapshots of “%(name)s”?"), _("Delete All"), radius.vm_snapshots),
)  # fmt: skip
SNAPSHOTS = Submenu(
    "snapshots", _("Snapshots"),
    (TAKE_SNAPSHOT, MANAGE_SNAPSHOTS, REVERT_LATEST, SEPARATOR, CONSOLIDATE, DELETE_SNAPSHOTS), "history",
)  # fmt: skip

CLONE = Submenu(
    "clone", _("Clone"),
    (
        Action("clone-vm", _("Clone to Virtual Machine…"), "VirtualMachine.Provisioning.Clone", "clone",
               dialog="clone", rule=vm_reachable, exclusive=True),
        Action("clone-template", _("Clone to Template…"), "VirtualMachine.Provisioning.CreateTemplateFromVM", "copy",
               dialog="clone-template", rule=vm_reachable, exclusive=True),
    ),
    "clone",
)  # fmt: skip
TEMPLATE = Submenu(
    "template", _("Template"),
    (
        Action("to-template", _("Convert to Template"), "VirtualMachine.Provisioning.MarkAsTemplate", "copy",
               run="vms.mark_as_template", rule=first(vm_reachable, vm_off), exclusive=True,
               confirm=Confirm(_("Convert “%(name)s” to a template?"), _("Convert"), radius.vm_template,
                               danger=False)),
    ),
    "copy",
)  # fmt: skip
EDIT_SETTINGS = Action(
    "edit-settings", _("Edit Settings…"), "VirtualMachine.Config.Settings", "cog", dialog="edit-settings",
    rule=vm_reachable, exclusive=True, shortcut="e",
)  # fmt: skip
MOVE_TO_POOL = Action(
    "move-to-pool", _("Move to Resource Pool…"), "Resource.AssignVMToPool", "resource-pool", dialog="move-to-pool",
    rule=vm_reachable, exclusive=True,
)  # fmt: skip
EDIT_NOTES = Action("edit-notes", _("Edit Notes…"), "VirtualMachine.Config.Annotation", "note", dialog="edit-notes")
UNREGISTER = Action(
    "unregister", _("Remove from Inventory"), "VirtualMachine.Inventory.Unregister", "eye-hide", run="vms.unregister",
    rule=first(vm_reachable, vm_off), exclusive=True, bulk=True,
    confirm=Confirm(_("Remove “%(name)s” from the inventory?"), _("Remove"), radius.vm_unregister),
)  # fmt: skip
DELETE_FROM_DISK = Action(
    "delete-from-disk", _("Delete from Disk"), "VirtualMachine.Inventory.Delete", "trash", run="vms.delete_from_disk",
    rule=first(vm_reachable, vm_off), exclusive=True, bulk=True,
    confirm=Confirm(_("Delete “%(name)s” from disk?"), _("Delete"), radius.vm_delete),
)  # fmt: skip
RENAME = rename("VirtualMachine.Config.Rename")
MOVE_TO_FOLDER = move_to("VirtualMachine.Inventory.Move")

menu(
    "vm",
    POWER, SNAPSHOTS, SEPARATOR,
    CLONE, TEMPLATE, SEPARATOR,
    EDIT_SETTINGS, MOVE_TO_FOLDER, MOVE_TO_POOL, RENAME, EDIT_NOTES, TAGS, ADD_PERMISSION, SEPARATOR,
    UNREGISTER, DELETE_FROM_DISK,
)  # fmt: skip
menu(
    "template",
    Action("deploy", _("New VM from This Template…"), "VirtualMachine.Provisioning.DeployTemplate", "vm",
           dialog="deploy", rule=vm_reachable, exclusive=True),
    Action("to-vm", _("Convert to Virtual Machine…"), "VirtualMachine.Provisioning.MarkAsVM", "vm", dialog="to-vm",
           rule=vm_reachable, exclusive=True),
    Action("clone-template", _("Clone to Template…"), "VirtualMachine.Provisioning.CloneTemplate", "copy",
           dialog="clone-template", rule=vm_reachable, exclusive=True),
    SEPARATOR, MOVE_TO_FOLDER, RENAME, EDIT_NOTES, TAGS, ADD_PERMISSION, SEPARATOR, UNREGISTER, DELETE_FROM_DISK,
)  # fmt: skip
