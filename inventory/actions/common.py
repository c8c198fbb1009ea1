"""Actions that most kinds of objects share."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from inventory.actions.action import Action, Confirm, Rule, Submenu, always

ASSIGN_TAG = Action(
    "assign-tag", _("Assign Tag…"), "InventoryService.Tagging.AttachTag", "tag", dialog="assign-tag"
)  # fmt: skip
REMOVE_TAG = Action("remove-tag", _("Remove Tag…"), "InventoryService.Tagging.AttachTag", dialog="remove-tag")
CUSTOM_ATTRIBUTES = Action(
    "custom-attributes", _("Edit Custom Attributes…"), "Global.SetCustomField", dialog="custom-attributes"
)
TAGS = Submenu("tags", _("Tags & Custom Attributes"), (ASSIGN_TAG, REMOVE_TAG, CUSTOM_ATTRIBUTES), "tags")
ADD_PERMISSION = Action(
    "add-permission", _("Add Permission…"), "Authorization.ModifyPermissions", "users", dialog="add-permission"
)
NEW_VM = Action(
    "new-vm", _("New Virtual Machine…"), "VirtualMachine.Inventory.Create", "vm", dialog="new-vm", shortcut="n"
)
NEW_POOL = Action("new-pool", _("New Resource Pool…"), "Resource.CreatePool", "resource-pool", dialog="new-pool")
NEW_DATASTORE = Action("new-datastore", _("New Datastore…"), "Datastore.Create", "storage", dialog="new-datastore")
NEW_NETWORK = Action("new-network", _("New Port Group…"), "Host.Config.Network", "network-switch", dialog="new-network")
ADD_HOST = Action("add-host", _("Add Host…"), "Host.Inventory.AddStandaloneHost", "host", dialog="add-host")
MIGRATE_TO_NETWORK = Action(
    "migrate-to-network", _("Migrate VMs to Another Network…"), "Network.Assign", "network-switch",
    dialog="migrate-to-network",
)  # fmt: skip
NEW_CLUSTER = Action("new-cluster", _("New Cluster…"), "Host.Inventory.CreateCluster", "cluster", dialog="new-cluster")
NEW_DATACENTER = Action(
    "new-datacenter", _("New Datacenter…"), "Datacenter.Create", "building", dialog="new-datacenter"
)


def rename(privilege: str, rule: Rule = always) -> Action:
    return Action("rename", _("Rename…"), privilege, "pencil", dialog="rename", rule=rule)


def move_to(privilege: str, rule: Rule = always) -> Action:
    return Action("move-to-folder", _("Move To…"), privilege, "folder-open", dialog="move-to-folder", rule=rule)


def delete(privilege: str, service: str, confirm: Confirm, rule: Rule = always) -> Action:
    return Action("delete", _("Delete"), privilege, "trash", run=service, confirm=confirm, rule=rule)
