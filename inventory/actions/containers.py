"""What can be done to hosts, clusters, pools, folders, datacenters, and the vCenter itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.utils.translation import gettext_lazy as _

from domain.morefs import FolderKind
from inventory.actions import radius
from inventory.actions.action import SEPARATOR, Action, Confirm, Submenu
from inventory.actions.common import (
    ADD_HOST,
    ADD_PERMISSION,
    MIGRATE_TO_NETWORK,
    NEW_CLUSTER,
    NEW_DATACENTER,
    NEW_DATASTORE,
    NEW_NETWORK,
    NEW_POOL,
    NEW_VM,
    TAGS,
    delete,
    move_to,
    rename,
)
from inventory.actions.registry import menu
from inventory.actions.rules import (
    cluster_has_host,
    cluster_removable,
    first,
    host_connected,
    host_not_connected,
    host_not_disconnected,
    host_removable,
    host_running,
    host_stopped,
    host_usable,
    not_fixed,
    not_root_pool,
)


# --- hosts -----------------------------------------------------------------------------------------------------------
def _standalone(host: Any) -> bool:
    return host.cluster.standalone


CONNECT = Action(
    "connect", _("Connect"), "Host.Config.Connection", "connect", run="hosts.connect", rule=host_not_connected,
    exclusive=True, bulk=True,
)  # fmt: skip
DISCONNECT = Action(
    "disconnect", _("Disconnect"), "Host.Config.Connection", "disconnect", run="hosts.disconnect",
    rule=host_not_disconnected, exclusive=True, bulk=True,
    confirm=Confirm(_("Disconnect the host “%(name)s”?"), _("Disconnect"), radius.host_disconnect, danger=False),
)  # fmt: skip
HOST_POWER_ON = Action(
    "host-power-on", _("Power On"), "Host.Config.Maintenance", "play", run="hosts.power_on", rule=host_stopped,
    exclusive=True, bulk=True,
)  # fmt: skip
HOST_SHUT_DOWN = Action(
    "host-shut-down", _("Shut Down…"), "Host.Config.Maintenance", "power", dialog="host-shut-down",
    rule=first(host_connected, host_running), exclusive=True,
)  # fmt: skip
HOST_REBOOT = Action(
    "host-reboot", _("Reboot…"), "Host.Config.Maintenance", "redo", dialog="host-reboot",
    rule=first(host_connected, host_running), exclusive=True,
)  # fmt: skip
REMOVE_HOST = Action(
    "remove-host", _("Remove from Inventory"), "Host.Inventory.RemoveHostFromCluster", "trash", run="hosts.remove",
    rule=host_removable, exclusive=True,
    confirm=Confirm(_("Remove the host “%(name)s” from the inventory?"), _("Remove"), radius.host_remove),
)  # fmt: skip
ASSIGN_LICENSE = Action("assign-license", _("Assign License…"), "Global.Licenses", "key", dialog="assign-license")

menu(
    "host",
    Action("new-vm", NEW_VM.label, NEW_VM.privilege, NEW_VM.icon, dialog="new-vm", rule=host_usable, shortcut="n"),
    Action("new-pool", NEW_POOL.label, NEW_POOL.privilege, NEW_POOL.icon, dialog="new-pool", offered=_standalone,
           rule=host_connected),
    SEPARATOR,
    Submenu("connection", _("Connection"), (CONNECT, DISCONNECT), "connect"),
    Submenu("power", _("Power"), (HOST_POWER_ON, HOST_SHUT_DOWN, HOST_REBOOT), "power"),
    Submenu("storage", _("Storage"), (NEW_DATASTORE,), "storage"),
    NEW_NETWORK,
    SEPARATOR, ASSIGN_LICENSE, Action("settings", _("Settings"), "System.Read", "cog", tab="configure"), SEPARATOR,
    REMOVE_HOST, SEPARATOR, TAGS, ADD_PERMISSION,
)  # fmt: skip

# --- clusters and pools ----------------------------------------------------------------------------------------------
ADD_HOSTS = Action("add-host", _("Add Hosts…"), "Host.Inventory.AddHostToCluster", "host", dialog="add-host")
menu(
    "cluster",
    ADD_HOSTS,
    Action("new-vm", NEW_VM.label, NEW_VM.privilege, NEW_VM.icon, dialog="new-vm", rule=cluster_has_host, shortcut="n"),
    NEW_POOL, SEPARATOR,
    Submenu("storage", _("Storage"), (NEW_DATASTORE,), "storage"),
    Action("settings", _("Settings"), "System.Read", "cog", tab="configure"),
    SEPARATOR,
    move_to("Host.Inventory.MoveCluster"), rename("Host.Inventory.RenameCluster"), TAGS, ADD_PERMISSION, SEPARATOR,
    delete("Host.Inventory.DeleteCluster", "clusters.destroy",
           Confirm(_("Delete the cluster “%(name)s”?"), _("Delete"), radius.cluster_delete), cluster_removable),
)  # fmt: skip
menu(
    "pool",
    NEW_VM, NEW_POOL, SEPARATOR,
    Action("edit-pool", _("Edit Resource Settings…"), "Resource.EditPool", "cog", dialog="edit-pool",
           rule=not_root_pool, shortcut="e"),
    Action("move-pool", _("Move To…"), "Resource.MovePool", "folder-open", dialog="move-pool", rule=not_root_pool),
    rename("Resource.RenamePool", not_root_pool), TAGS, ADD_PERMISSION, SEPARATOR,
    delete("Resource.DeletePool", "pools.destroy",
           Confirm(_("Delete the resource pool “%(name)s”?"), _("Delete"), radius.pool_delete), not_root_pool),
)  # fmt: skip


# --- folders, datacenters, the vCenter -------------------------------------------------------------------------------
def holds(kind: FolderKind) -> Any:
    return lambda folder: folder.folder_kind == kind


def only(action: Action, kind: FolderKind) -> Action:
    """An action that only folders of one kind have."""
    return replace(action, offered=holds(kind))


NEW_FOLDER = Action("new-folder", _("New Folder…"), "Folder.Create", "folder", dialog="new-folder")
_FOLDER_LABELS = {
    FolderKind.HOST: _("New Host and Cluster Folder…"),
    FolderKind.NETWORK: _("New Network Folder…"),
    FolderKind.DATASTORE: _("New Storage Folder…"),
    FolderKind.VM: _("New VM and Template Folder…"),
}
NEW_FOLDERS = Submenu(
    "new-folder", _("New Folder"),
    tuple(
        Action(f"new-folder-{kind}", label, "Folder.Create", "folder", dialog="new-folder", query=f"kind={kind}")
        for kind, label in _FOLDER_LABELS.items()
    ),
    "folder",
)  # fmt: skip
menu(
    "folder",
    only(NEW_VM, FolderKind.VM), only(ADD_HOST, FolderKind.HOST), only(NEW_CLUSTER, FolderKind.HOST),
    only(NEW_DATASTORE, FolderKind.DATASTORE), only(NEW_NETWORK, FolderKind.NETWORK),
    only(NEW_DATACENTER, FolderKind.DATACENTER), NEW_FOLDER, SEPARATOR,
    move_to("Folder.Move", not_fixed), rename("Folder.Rename", not_fixed), TAGS, ADD_PERMISSION, SEPARATOR,
    delete("Folder.Delete", "folders.destroy",
           Confirm(_("Delete the folder “%(name)s”?"), _("Delete"), radius.folder_delete), not_fixed),
)  # fmt: skip
EXPORT = Action("export", _("Export Inventory (YAML)"), "Lab.Manage", "export", page="inventory:export", reads=True)
menu(
    "datacenter",
    ADD_HOST, NEW_CLUSTER, NEW_FOLDERS, NEW_VM,
    Submenu("storage", _("Storage"), (NEW_DATASTORE,), "storage"), NEW_NETWORK,
    MIGRATE_TO_NETWORK, SEPARATOR,
    move_to("Datacenter.Move"), rename("Datacenter.Rename"), TAGS, ADD_PERMISSION, EXPORT, SEPARATOR,
    delete("Datacenter.Delete", "folders.destroy",
           Confirm(_("Delete the datacenter “%(name)s”?"), _("Delete"), radius.datacenter_delete)),
)  # fmt: skip
menu(
    "vcenter", NEW_DATACENTER, NEW_FOLDER, SEPARATOR, TAGS, ADD_PERMISSION, SEPARATOR, EXPORT,
    Action("compare", _("Compare with File…"), "Lab.Manage", "switch", page="inventory:compare"),
)  # fmt: skip
