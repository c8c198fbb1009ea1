"""The word, icon and colour of every state, and the sentence of every task, event and fault: one place for all pages.

`tone` is one of ok, warn, error, info, quiet. A page never says a state by colour alone: each has a label and an icon.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from domain import faults
from domain.autostart import Startup
from domain.events import EVENTS
from domain.morefs import FolderKind, Kind
from domain.states import (
    BusSharing,
    DatastoreKind,
    DiskProvisioning,
    DrsBehavior,
    EventCategory,
    HostConnection,
    HostKind,
    HostPower,
    IpFamily,
    IsolationResponse,
    MigrationPriority,
    Passthrough,
    ReadyCondition,
    SharesLevel,
    StandbyMode,
    Status,
    TaskReason,
    TaskState,
    ToolsStatus,
    VmConnection,
    VmMonitoring,
    VmPower,
)
from domain.vapps import StartAction, StopAction, VAppState
from inventory.retell import told
from inventory.task_names import TASKS

Text = str | Promise


@dataclass(frozen=True, slots=True)
class Word:
    """How a value is said. `badge` is the small icon that rides on the icon of an object in this state."""

    label: Text
    icon: str = "circle"
    tone: str = "quiet"
    badge: str = ""
    hint: Text = ""

    def __str__(self) -> str:
        return str(self.label)


UNKNOWN = Word(_("Unknown"), "unknown-status")

VOCABULARY: dict[type[StrEnum], dict[Any, Word]] = {
    VmPower: {
        VmPower.ON: Word(_("Powered on"), "play-solid", "ok", "play-solid"),
        VmPower.OFF: Word(_("Powered off"), "stop"),
        VmPower.SUSPENDED: Word(_("Suspended"), "pause-solid", "warn", "pause-solid"),
    },
    VmConnection: {
        VmConnection.CONNECTED: Word(_("Connected"), "connect", "ok"),
        VmConnection.DISCONNECTED: Word(_("Disconnected"), "disconnect", "quiet", "times"),
        VmConnection.ORPHANED: Word(_("Orphaned"), "unlink", "warn", "times"),
        VmConnection.INACCESSIBLE: Word(_("Inaccessible"), "lock", "error", "times"),
        VmConnection.INVALID: Word(_("Invalid"), "error-standard", "error", "times"),
    },
    ToolsStatus: {
        ToolsStatus.OK: Word(_("Running"), "check-circle", "ok"),
        ToolsStatus.NOT_RUNNING: Word(_("Not running"), "minus-circle"),
        ToolsStatus.NOT_INSTALLED: Word(_("Not installed"), "warning-standard", "warn"),
    },
    HostConnection: {
        HostConnection.CONNECTED: Word(_("Connected"), "connect", "ok"),
        HostConnection.NOT_RESPONDING: Word(_("Not responding"), "error-standard", "error", "times"),
        HostConnection.DISCONNECTED: Word(_("Disconnected"), "disconnect", "quiet", "times"),
    },
    HostPower: {
        HostPower.ON: Word(_("Powered on"), "power", "ok"),
        HostPower.OFF: Word(_("Powered off"), "stop", "quiet", "stop-solid"),
        HostPower.STANDBY: Word(_("Standby"), "moon", "info", "moon-solid"),
        HostPower.UNKNOWN: UNKNOWN,
    },
    StandbyMode: {
        StandbyMode.NONE: Word(_("Not in standby"), "sun", "ok"),
        StandbyMode.ENTERING: Word(_("Entering standby"), "moon", "info", "moon-solid"),
        StandbyMode.IN: Word(_("Standby"), "moon", "info", "moon-solid"),
        StandbyMode.EXITING: Word(_("Exiting standby"), "sun", "info", "moon-solid"),
    },
    HostKind: {
        HostKind.BARE_METAL: Word(
            _("Bare metal (type 1)"),
            "rack-server",
            "info",
            hint=_("The hypervisor runs directly on the hardware. A guest that fails touches nobody else."),
        ),
        HostKind.HOSTED: Word(
            _("Hosted (type 2)"),
            "computer",
            "warn",
            hint=_(
                "The hypervisor is a program on a host operating system, as VirtualBox is. That system takes its share "
                "of CPU and memory, and when it fails, every virtual machine on this host fails with it."
            ),
        ),
    },
    Status: {
        Status.GREEN: Word(_("Normal"), "success-standard", "ok"),
        Status.YELLOW: Word(_("Warning"), "warning-standard", "warn"),
        Status.RED: Word(_("Alert"), "error-standard", "error"),
        Status.GRAY: Word(_("Unknown"), "unknown-status"),
    },
    TaskState: {
        TaskState.QUEUED: Word(_("Queued"), "hourglass", "info"),
        TaskState.RUNNING: Word(_("Running"), "sync", "info"),
        TaskState.SUCCESS: Word(_("Completed"), "success-standard", "ok"),
        TaskState.ERROR: Word(_("Failed"), "error-standard", "error"),
    },
    TaskReason: {
        TaskReason.USER: Word(_("User"), "user"),
        TaskReason.SCHEDULE: Word(_("Schedule"), "calendar"),
        TaskReason.ALARM: Word(_("Alarm"), "bell"),
        TaskReason.SYSTEM: Word(_("System"), "cog"),
    },
    EventCategory: {
        EventCategory.INFO: Word(_("Information"), "info-standard", "info"),
        EventCategory.WARNING: Word(_("Warning"), "warning-standard", "warn"),
        EventCategory.ERROR: Word(_("Error"), "error-standard", "error"),
        EventCategory.USER: Word(_("User"), "user", "info"),
    },
    SharesLevel: {
        SharesLevel.LOW: Word(_("Low")),
        SharesLevel.NORMAL: Word(_("Normal")),
        SharesLevel.HIGH: Word(_("High")),
        SharesLevel.CUSTOM: Word(_("Custom")),
    },
    DrsBehavior: {
        DrsBehavior.MANUAL: Word(_("Manual"), "user", hint=_("Placement and migration are recommendations.")),
        DrsBehavior.PARTIAL: Word(
            _("Partially automated"), "cog", hint=_("Placement is automatic, migration is recommended.")
        ),
        DrsBehavior.FULL: Word(_("Fully automated"), "cog", "ok", hint=_("Placement and migration are automatic.")),
        DrsBehavior.DISABLED: Word(_("Disabled"), "ban", hint=_("This virtual machine is never moved.")),
    },
    DatastoreKind: {
        DatastoreKind.VMFS: Word("VMFS", "storage"),
        DatastoreKind.NFS: Word("NFS 3", "storage"),
        DatastoreKind.NFS41: Word("NFS 4.1", "storage"),
        DatastoreKind.VSAN: Word("vSAN", "storage"),
    },
    DiskProvisioning: {
        DiskProvisioning.THIN: Word(_("Thin provision")),
        DiskProvisioning.THICK_LAZY: Word(_("Thick provision lazy zeroed")),
        DiskProvisioning.THICK_EAGER: Word(_("Thick provision eager zeroed")),
    },
    MigrationPriority: {
        MigrationPriority.HIGH: Word(_("High priority")),
        MigrationPriority.DEFAULT: Word(_("Regular priority")),
        MigrationPriority.LOW: Word(_("Low priority")),
    },
    Kind: {
        Kind.FOLDER: Word(_("Folder"), "folder"),
        Kind.DATACENTER: Word(_("Datacenter"), "building"),
        Kind.CLUSTER: Word(_("Cluster"), "cluster"),
        Kind.COMPUTE: Word(_("Compute resource"), "host"),
        Kind.HOST: Word(_("Host"), "host"),
        Kind.POOL: Word(_("Resource pool"), "resource-pool"),
        Kind.VAPP: Word(_("vApp"), "vmw-app"),
        Kind.VM: Word(_("Virtual machine"), "vm"),
        Kind.SNAPSHOT: Word(_("Snapshot"), "history"),
        Kind.DATASTORE: Word(_("Datastore"), "storage"),
        Kind.STORAGE_POD: Word(_("Datastore cluster"), "data-cluster"),
        Kind.NETWORK: Word(_("Network"), "network-switch"),
        Kind.PORTGROUP: Word(_("Distributed port group"), "network-settings"),
        Kind.SWITCH: Word(_("Distributed switch"), "switch"),
        Kind.TASK: Word(_("Task"), "tasks"),
        Kind.ALARM: Word(_("Alarm"), "bell"),
    },
    StartAction: {
        StartAction.POWER_ON: Word(_("Power On"), "play"),
        StartAction.NONE: Word(_("None"), "minus-circle"),
    },
    StopAction: {
        StopAction.POWER_OFF: Word(_("Power Off"), "stop"),
        StopAction.GUEST_SHUTDOWN: Word(_("Guest shutdown"), "power"),
        StopAction.SUSPEND: Word(_("Suspend"), "pause"),
        StopAction.NONE: Word(_("None"), "minus-circle"),
    },
    Startup: {
        Startup.MANUAL: Word(_("Manual"), "minus-circle"),
        Startup.ORDERED: Word(_("Automatic, in order"), "play", "ok"),
        Startup.ANY_ORDER: Word(_("Automatic, any order"), "play", "ok"),
    },
    VAppState: {
        VAppState.STARTED: Word(_("Started"), "play-solid", "ok", "play-solid"),
        VAppState.STOPPED: Word(_("Stopped"), "stop"),
        VAppState.PARTLY: Word(_("Partly started"), "warning-standard", "warn", "play-solid"),
        VAppState.SUSPENDED: Word(_("Suspended"), "pause-solid", "warn", "pause-solid"),
        VAppState.STARTING: Word(_("Starting"), "hourglass", "info", "hourglass"),
        VAppState.STOPPING: Word(_("Stopping"), "hourglass", "info", "hourglass"),
    },
    ReadyCondition: {
        ReadyCondition.NONE: Word(_("Resources are allocated")),
        ReadyCondition.POWERED_ON: Word(_("They are powered on")),
        ReadyCondition.GUEST_HEARTBEATS: Word(_("Guest heartbeats are detected")),
    },
    IsolationResponse: {
        IsolationResponse.NONE: Word(_("Disabled (leave powered on)")),
        IsolationResponse.POWER_OFF: Word(_("Power off and restart VMs")),
        IsolationResponse.SHUTDOWN: Word(_("Shut down and restart VMs")),
    },
    VmMonitoring: {
        VmMonitoring.DISABLED: Word(_("Disabled")),
        VmMonitoring.ONLY: Word(_("VM Monitoring Only")),
    },
    Passthrough: {
        Passthrough.NONE: Word(_("None")),
        Passthrough.USB: Word(_("USB device of the host")),
        Passthrough.PCI: Word(_("PCI device (DirectPath I/O)")),
    },
    IpFamily: {one: Word(one.label, "network-globe") for one in IpFamily},
    BusSharing: {
        BusSharing.NONE: Word(_("None")),
        BusSharing.VIRTUAL: Word(_("Virtual: with machines of the same host")),
        BusSharing.PHYSICAL: Word(_("Physical: with machines of any host")),
    },
    FolderKind: {
        FolderKind.DATACENTER: Word(_("Datacenter folder"), "folder"),
        FolderKind.VM: Word(_("VM and template folder"), "folder"),
        FolderKind.HOST: Word(_("Host and cluster folder"), "folder"),
        FolderKind.DATASTORE: Word(_("Storage folder"), "folder"),
        FolderKind.NETWORK: Word(_("Network folder"), "folder"),
    },
}
# States that are made of several fields.
VCENTER = Word(_("vCenter"), "administrator")
HOSTED = Word(_("Host"), "computer")
TEMPLATE = Word(_("Template"), "copy", "info")
PROVISIONING = Word(_("Being created"), "hourglass", "info", "hourglass")
MAINTENANCE = Word(_("Maintenance mode"), "wrench", "warn", "wrench")
ENTERING_MAINTENANCE = Word(_("Entering maintenance mode"), "wrench", "warn", "wrench")
DATASTORE_OK = Word(_("Accessible"), "check-circle", "ok")
DATASTORE_LOST = Word(_("Inaccessible"), "error-standard", "error", "times")
DATASTORE_SLOW = Word(_("Slow"), "warning-standard", "warn")


def of(enum: type[StrEnum], value: object) -> Word:
    """The word of a value; a value that is not in the enum reads as itself."""
    table = VOCABULARY[enum]
    return table.get(value) or (Word(str(value)) if value else UNKNOWN)


def choices(enum: type[StrEnum]) -> list[tuple[str, Text]]:
    """(value, label) of each member that has a word, for a form or a filter."""
    return [(str(value), word.label) for value, word in VOCABULARY[enum].items()]


def kind(obj: Any) -> Word:
    """What an object is. `obj` is a model instance or a `Kind`."""
    if getattr(obj, "KIND", None) == "VCenter":
        return VCENTER
    if getattr(obj, "template", False):
        return TEMPLATE
    return HOSTED if getattr(obj, "hosted", False) else of(Kind, getattr(obj, "kind", obj))


def vm_state(vm: Any) -> Word:
    """What a person wants to know first: the connection where it is broken, else the power state."""
    if vm.connection_state != VmConnection.CONNECTED:
        return of(VmConnection, vm.connection_state)
    if vm.provisioning:
        return PROVISIONING
    return TEMPLATE if vm.template else of(VmPower, vm.power_state)


def host_state(host: Any) -> Word:
    """Connection, then standby and power, then maintenance: the first that is out of the ordinary."""
    if host.connection_state != HostConnection.CONNECTED and host.standby_mode == StandbyMode.NONE:
        return of(HostConnection, host.connection_state)
    if host.standby_mode != StandbyMode.NONE:
        return of(StandbyMode, host.standby_mode)
    if host.power_state != HostPower.ON:
        return of(HostPower, host.power_state)
    if host.entering_maintenance:
        return ENTERING_MAINTENANCE
    return MAINTENANCE if host.in_maintenance else of(HostConnection, host.connection_state)


def datastore_state(datastore: Any) -> Word:
    if not datastore.accessible:
        return DATASTORE_LOST
    return DATASTORE_SLOW if datastore.slow else DATASTORE_OK


def state(obj: Any) -> Word | None:
    """The state word of an object, None where its kind has no state."""
    states: dict[Any, Any] = {Kind.VM: vm_state, Kind.HOST: host_state, Kind.DATASTORE: datastore_state}
    tell = states.get(getattr(obj, "KIND", None))
    return tell(obj) if tell else None


def status(obj: Any) -> Word:
    """The worst of an object's alarms."""
    return of(Status, getattr(obj, "overall_status", Status.GREEN))


def task_label(task: Any) -> str:
    """The name of a task in the person's language."""
    return str(TASKS.get(task.description_id) or task.description_id)


def fault_sentence(fault: Mapping[str, Any] | None) -> str:
    """A stored fault (`MethodFault.to_dict`) as a sentence in the person's language."""
    if not fault:
        return ""
    kind_of_fault = faults.REGISTRY.get(str(fault.get("fault")), faults.MethodFault)
    return faults.fill(gettext(kind_of_fault.template), told(fault.get("fields") or {}))


def event_sentence(event: Any) -> str:
    """What happened, in the person's language; an event of an unknown type reads as its type."""
    known = EVENTS.get(event.type)
    return faults.fill(gettext(known.template), told(event.fields)) if known else event.type
