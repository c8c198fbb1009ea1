"""The states of hosts, virtual machines and tasks, with vSphere's values."""

from __future__ import annotations

from enum import StrEnum


class HostConnection(StrEnum):
    CONNECTED = "connected"
    NOT_RESPONDING = "notResponding"
    DISCONNECTED = "disconnected"


class HostPower(StrEnum):
    """`on` includes "entering standby"; `standby` includes "exiting standby"; unknown while not connected."""

    ON = "poweredOn"
    OFF = "poweredOff"
    STANDBY = "standBy"
    UNKNOWN = "unknown"


class StandbyMode(StrEnum):
    NONE = "none"
    ENTERING = "entering"
    IN = "in"
    EXITING = "exiting"


class IpFamily(StrEnum):
    """What a VMkernel adapter speaks; adapters of two hosts understand each other only within one family."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"

    @property
    def label(self) -> str:
        """As it is written everywhere, in every language."""
        return "IPv6" if self is IpFamily.IPV6 else "IPv4"


class HostKind(StrEnum):
    """Type 1: the hypervisor runs on the hardware. Type 2: a host OS lies between, costs and can fail."""

    BARE_METAL = "bareMetal"
    HOSTED = "hosted"


class VmPower(StrEnum):
    OFF = "poweredOff"
    ON = "poweredOn"
    SUSPENDED = "suspended"


class VmConnection(StrEnum):
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    ORPHANED = "orphaned"
    INACCESSIBLE = "inaccessible"
    INVALID = "invalid"


class ToolsStatus(StrEnum):
    NOT_INSTALLED = "toolsNotInstalled"
    NOT_RUNNING = "toolsNotRunning"
    OK = "toolsOk"


class TaskState(StrEnum):
    """queued -> running -> success | error; there is no other edge."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    ERROR = "error"


class TaskReason(StrEnum):
    USER = "User"
    SCHEDULE = "Schedule"
    ALARM = "Alarm"
    SYSTEM = "System"


class Status(StrEnum):
    """Overall status of an entity: the worst of its triggered alarms."""

    GRAY = "gray"
    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"


class SharesLevel(StrEnum):
    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    CUSTOM = "custom"


class DrsBehavior(StrEnum):
    """DRS automation; `disabled` is a per-VM override only: the VM is never moved."""

    MANUAL = "manual"
    PARTIAL = "partiallyAutomated"
    FULL = "fullyAutomated"
    DISABLED = "disabled"


class DatastoreKind(StrEnum):
    VMFS = "VMFS"
    NFS = "NFS"
    NFS41 = "NFS41"
    VSAN = "vsan"


class DiskProvisioning(StrEnum):
    THIN = "thin"
    THICK_LAZY = "thickLazyZeroed"
    THICK_EAGER = "thickEagerZeroed"


class EventCategory(StrEnum):
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    USER = "user"


class Passthrough(StrEnum):
    """A device of the host that a VM uses directly."""

    NONE = ""
    USB = "usb"
    PCI = "pci"


class BusSharing(StrEnum):
    """Whether the disks of a VM's SCSI controller may be opened by other VMs: of its host, or of any."""

    NONE = "noSharing"
    VIRTUAL = "virtualSharing"
    PHYSICAL = "physicalSharing"


class ReadyCondition(StrEnum):
    """When vSphere HA takes a restarted VM for ready, so that those of the next priority start."""

    NONE = "none"  # its resources are allocated
    POWERED_ON = "poweredOn"
    GUEST_HEARTBEATS = "guestHbStatusGreen"


class IsolationResponse(StrEnum):
    """What the agent of an isolated host does with a VM that vSphere HA protects."""

    NONE = "none"
    POWER_OFF = "powerOff"
    SHUTDOWN = "shutdown"


class VmMonitoring(StrEnum):
    """Whether vSphere HA resets a VM whose guest has stopped beating."""

    DISABLED = "vmMonitoringDisabled"
    ONLY = "vmMonitoringOnly"


class MigrationPriority(StrEnum):
    HIGH = "highPriority"
    DEFAULT = "defaultPriority"
    LOW = "lowPriority"
