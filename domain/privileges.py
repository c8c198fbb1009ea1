"""The vocabulary of rights: vSphere's privilege ids with the words of its role editor, and the system roles.

A privilege is `Group.Name`; a role is a set of them. The ids starting with `Lab.` are ours: they belong to what a
simulated datacenter has and a real one lacks (a clock, faults on demand). Only what something asks for is here: a
privilege of a function that the product does not have would promise what no role can give. Roles that were stored with
such ids go on to work without them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from domain.text import _

ANONYMOUS, VIEW, READ = "System.Anonymous", "System.View", "System.Read"
SYSTEM = frozenset({ANONYMOUS, VIEW, READ})


@dataclass(frozen=True, slots=True)
class Privilege:
    """One entry of the role editor; `label` and `group` are marked for translation."""

    id: str
    label: str
    group: str


_TABLE: dict[str, tuple[tuple[str, str], ...]] = {
    _("System"): (
        (ANONYMOUS, _("Anonymous")),
        (VIEW, _("View")),
        (READ, _("Read")),
    ),
    _("Alarms"): (
        ("Alarm.Acknowledge", _("Acknowledge alarm")),
        ("Alarm.Create", _("Create alarm")),
        ("Alarm.Delete", _("Remove alarm")),
        ("Alarm.DisableActions", _("Disable alarm action")),
        ("Alarm.Edit", _("Modify alarm")),
        ("Alarm.SetStatus", _("Set alarm status")),
    ),
    _("Permissions"): (
        ("Authorization.ModifyPermissions", _("Modify permission")),
        ("Authorization.ModifyRoles", _("Modify role")),
    ),
    _("Datacenter"): (
        ("Datacenter.Create", _("Create datacenter")),
        ("Datacenter.Delete", _("Remove datacenter")),
        ("Datacenter.Move", _("Move datacenter")),
        ("Datacenter.Rename", _("Rename datacenter")),
    ),
    _("Datastore"): (
        ("Datastore.AllocateSpace", _("Allocate space")),
        ("Datastore.Browse", _("Browse datastore")),
        ("Datastore.Create", _("Create datastore")),
        ("Datastore.Delete", _("Remove datastore")),
        ("Datastore.Move", _("Move datastore")),
        ("Datastore.Rename", _("Rename datastore")),
    ),
    _("Folder"): (
        ("Folder.Create", _("Create folder")),
        ("Folder.Delete", _("Delete folder")),
        ("Folder.Move", _("Move folder")),
        ("Folder.Rename", _("Rename folder")),
    ),
    _("Global"): (
        ("Global.CancelTask", _("Cancel task")),
        ("Global.Diagnostics", _("Diagnostics")),
        ("Global.Licenses", _("Licenses")),
        ("Global.ManageCustomFields", _("Manage custom attributes")),
        ("Global.SetCustomField", _("Set custom attribute")),
    ),
    _("Host: configuration"): (
        ("Host.Config.AutoStart", _("Virtual machine autostart configuration")),
        ("Host.Config.Connection", _("Connection")),
        ("Host.Config.Maintenance", _("Maintenance")),
        ("Host.Config.Network", _("Network configuration")),
        ("Host.Config.Power", _("Power")),
        ("Host.Config.Storage", _("Storage partition configuration")),
    ),
    _("Host: inventory"): (
        ("Host.Inventory.AddHostToCluster", _("Add host to cluster")),
        ("Host.Inventory.AddStandaloneHost", _("Add standalone host")),
        ("Host.Inventory.CreateCluster", _("Create cluster")),
        ("Host.Inventory.DeleteCluster", _("Remove cluster")),
        ("Host.Inventory.EditCluster", _("Modify cluster")),
        ("Host.Inventory.MoveCluster", _("Move cluster or standalone host")),
        ("Host.Inventory.MoveHost", _("Move host")),
        ("Host.Inventory.RemoveHostFromCluster", _("Remove host")),
        ("Host.Inventory.RenameCluster", _("Rename cluster")),
    ),
    _("Tags"): (
        ("InventoryService.Tagging.AttachTag", _("Assign or unassign tag")),
        ("InventoryService.Tagging.CreateCategory", _("Create tag category")),
        ("InventoryService.Tagging.CreateTag", _("Create tag")),
        ("InventoryService.Tagging.DeleteCategory", _("Delete tag category")),
        ("InventoryService.Tagging.DeleteTag", _("Delete tag")),
        ("InventoryService.Tagging.EditCategory", _("Edit tag category")),
        ("InventoryService.Tagging.EditTag", _("Edit tag")),
    ),
    _("Lab"): (
        ("Lab.Clock", _("Pause, speed up and step the lab clock")),
        ("Lab.InjectFault", _("Inject faults")),
        ("Lab.Manage", _("Manage the lab")),
    ),
    _("Network"): (
        ("Network.Assign", _("Assign network")),
        ("Network.Config", _("Configure network")),
        ("Network.Delete", _("Remove network")),
        ("Network.Move", _("Move network")),
    ),
    _("Resource"): (
        ("Resource.ApplyRecommendation", _("Apply recommendation")),
        ("Resource.AssignVMToPool", _("Assign virtual machine to resource pool")),
        ("Resource.AssignVAppToPool", _("Assign vApp to resource pool")),
        ("Resource.ColdMigrate", _("Migrate powered off virtual machine")),
        ("Resource.CreatePool", _("Create resource pool")),
        ("Resource.DeletePool", _("Remove resource pool")),
        ("Resource.EditPool", _("Modify resource pool")),
        ("Resource.HotMigrate", _("Migrate powered on virtual machine")),
        ("Resource.MovePool", _("Move resource pool")),
        ("Resource.RenamePool", _("Rename resource pool")),
    ),
    _("Scheduled task"): (
        ("ScheduledTask.Create", _("Create tasks")),
        ("ScheduledTask.Delete", _("Remove task")),
        ("ScheduledTask.Edit", _("Modify task")),
        ("ScheduledTask.Run", _("Run task")),
    ),
    _("Virtual machine: change configuration"): (
        ("VirtualMachine.Config.AddNewDisk", _("Add new disk")),
        ("VirtualMachine.Config.AddRemoveDevice", _("Add or remove device")),
        ("VirtualMachine.Config.AdvancedConfig", _("Advanced configuration")),
        ("VirtualMachine.Config.Annotation", _("Set annotation")),
        ("VirtualMachine.Config.CPUCount", _("Change CPU count")),
        ("VirtualMachine.Config.DiskExtend", _("Extend virtual disk")),
        ("VirtualMachine.Config.EditDevice", _("Modify device settings")),
        ("VirtualMachine.Config.Memory", _("Change memory")),
        ("VirtualMachine.Config.RemoveDisk", _("Remove disk")),
        ("VirtualMachine.Config.Rename", _("Rename")),
        ("VirtualMachine.Config.Resource", _("Change resource")),
        ("VirtualMachine.Config.Settings", _("Change settings")),
        ("VirtualMachine.Config.UpgradeVirtualHardware", _("Upgrade virtual machine compatibility")),
    ),
    _("Virtual machine: interaction"): (
        ("VirtualMachine.Interact.DeviceConnection", _("Device connection")),
        ("VirtualMachine.Interact.PowerOff", _("Power off")),
        ("VirtualMachine.Interact.PowerOn", _("Power on")),
        ("VirtualMachine.Interact.Reset", _("Reset")),
        ("VirtualMachine.Interact.SetCDMedia", _("Configure CD media")),
        ("VirtualMachine.Interact.Suspend", _("Suspend")),
        ("VirtualMachine.Interact.ToolsInstall", _("Install guest tools")),
    ),
    _("Virtual machine: inventory"): (
        ("VirtualMachine.Inventory.Create", _("Create new")),
        ("VirtualMachine.Inventory.CreateFromExisting", _("Create from existing")),
        ("VirtualMachine.Inventory.Delete", _("Remove")),
        ("VirtualMachine.Inventory.Move", _("Move")),
        ("VirtualMachine.Inventory.Register", _("Register")),
        ("VirtualMachine.Inventory.Unregister", _("Unregister")),
    ),
    _("Virtual machine: provisioning"): (
        ("VirtualMachine.Provisioning.Clone", _("Clone virtual machine")),
        ("VirtualMachine.Provisioning.CloneTemplate", _("Clone template")),
        ("VirtualMachine.Provisioning.CreateTemplateFromVM", _("Create template from virtual machine")),
        ("VirtualMachine.Provisioning.DeployTemplate", _("Deploy template")),
        ("VirtualMachine.Provisioning.MarkAsTemplate", _("Mark as template")),
        ("VirtualMachine.Provisioning.MarkAsVM", _("Mark as virtual machine")),
    ),
    _("Virtual machine: snapshot management"): (
        ("VirtualMachine.State.CreateSnapshot", _("Create snapshot")),
        ("VirtualMachine.State.RemoveSnapshot", _("Remove snapshot")),
        ("VirtualMachine.State.RenameSnapshot", _("Rename snapshot")),
        ("VirtualMachine.State.RevertToSnapshot", _("Revert to snapshot")),
    ),
    _("vApp"): (
        ("VApp.ApplicationConfig", _("vApp application configuration")),
        ("VApp.AssignResourcePool", _("Assign resource pool")),
        ("VApp.AssignVApp", _("Assign vApp")),
        ("VApp.AssignVM", _("Assign virtual machine")),
        ("VApp.Clone", _("Clone vApp")),
        ("VApp.Create", _("Create vApp")),
        ("VApp.Delete", _("Delete vApp")),
        ("VApp.Move", _("Move vApp")),
        ("VApp.PowerOff", _("Power off vApp")),
        ("VApp.PowerOn", _("Power on vApp")),
        ("VApp.Rename", _("Rename vApp")),
        ("VApp.ResourceConfig", _("vApp resource configuration")),
        ("VApp.Suspend", _("Suspend vApp")),
    ),
}

PRIVILEGES = {
    id_: Privilege(id_, label, group) for group, entries in _TABLE.items() for id_, label in entries
}  # in the order of the role editor
ALL = frozenset(PRIVILEGES)


ASSIGN_VM = "Resource.AssignVMToPool"
# What it takes to put something into a resource pool, and what instead where that is a vApp.
_INTO_VAPP = {
    ASSIGN_VM: "VApp.AssignVM",
    "Resource.AssignVAppToPool": "VApp.AssignVApp",
    "Resource.MovePool": "VApp.AssignResourcePool",
}


def into(privilege: str, *, vapp: bool) -> str:
    """The privilege that is asked on a pool for what `privilege` stands for, where the pool may be a vApp."""
    return _INTO_VAPP.get(privilege, privilege) if vapp else privilege


def starting_with(*prefixes: str) -> frozenset[str]:
    """All privileges whose id starts with one of the prefixes."""
    return frozenset(id_ for id_ in PRIVILEGES if id_.startswith(prefixes))


def known(privileges: Iterable[str]) -> frozenset[str]:
    """Stored privileges without those that there are no longer, or not yet."""
    return frozenset(privileges) & ALL


def complete(privileges: frozenset[str]) -> frozenset[str]:
    """What a role of one's own really holds: whoever may do something to an object may see it.

    Unknown ids are dropped; the empty set stays empty, because that is what "No access" means.
    """
    kept = known(privileges)
    return kept | SYSTEM if kept else kept


def by_group() -> dict[str, list[Privilege]]:
    """The privileges as the role editor lists them: group -> entries."""
    groups: dict[str, list[Privilege]] = {}
    for privilege in PRIVILEGES.values():
        groups.setdefault(privilege.group, []).append(privilege)
    return groups


@dataclass(frozen=True, slots=True)
class SystemRole:
    """A role that every installation has and nobody can change; `name` and `description` are marked for translation."""

    name: str
    description: str
    privileges: frozenset[str]


_VM_USER = frozenset(
    {
        "Global.CancelTask",
        "ScheduledTask.Create",
        "ScheduledTask.Delete",
        "ScheduledTask.Edit",
        "ScheduledTask.Run",
        *starting_with("VirtualMachine.Interact."),
    }
)
_VM_POWER_USER = _VM_USER | starting_with("VirtualMachine.State.", "VirtualMachine.Config.") | {"Datastore.Browse"}
_POOL_ADMINISTRATOR = starting_with(
    "Alarm.", "Folder.", "Resource.", "ScheduledTask.", "VirtualMachine.", "Authorization.ModifyPermissions"
) | {"Datastore.Browse", "Datastore.AllocateSpace", "Network.Assign", "Global.CancelTask", "Global.SetCustomField"}
_VM_ADMINISTRATOR = starting_with(
    "Alarm.", "Datacenter.", "Datastore.", "Folder.", "Global.", "Host.", "InventoryService.", "Network.",
    "Resource.", "ScheduledTask.", "VApp.", "VirtualMachine.",
)  # fmt: skip
_DRS_OPERATOR = frozenset(
    {
        "Resource.ApplyRecommendation",
        "Resource.HotMigrate",
        "Resource.ColdMigrate",
        "Global.CancelTask",
    }
)

ADMINISTRATOR, READ_ONLY, NO_ACCESS = _("Administrator"), _("Read-only"), _("No access")
SYSTEM_ROLES = (
    SystemRole(NO_ACCESS, _("Cannot see the object, whatever is given further up."), frozenset()),
    SystemRole(READ_ONLY, _("Sees the object and its figures and changes nothing."), SYSTEM),
    SystemRole(ADMINISTRATOR, _("May do everything."), ALL),
    SystemRole(
        _("VM user"),
        _("Powers virtual machines on and off, changes their discs and connects devices."),
        complete(_VM_USER),
    ),
    SystemRole(
        _("VM power user"),
        _("Also changes hardware and settings of virtual machines and works with snapshots."),
        complete(_VM_POWER_USER),
    ),
    SystemRole(
        _("Resource pool administrator"),
        _("Divides a pool: child pools, the virtual machines in them, and who may use them."),
        complete(_POOL_ADMINISTRATOR),
    ),
    SystemRole(
        _("Virtual machine administrator"),
        _("Does everything but change roles and permissions."),
        complete(_VM_ADMINISTRATOR),
    ),
    SystemRole(
        _("DRS operator"),
        _("Migrates virtual machines, applies recommendations, cancels migrations of others."),
        complete(_DRS_OPERATOR),
    ),
)
