"""What exists, what was done to it, and who may do it."""

from inventory.models.alarms import AlarmDefinition, TriggeredAlarm
from inventory.models.base import Allocated, ManagedObject
from inventory.models.chart_views import ChartView
from inventory.models.host import DatastoreMount, Host, HostNetwork
from inventory.models.licenses import License
from inventory.models.people import Preferences, SavedSearch
from inventory.models.rights import Permission, Role
from inventory.models.schedules import ScheduledTask
from inventory.models.storage import Datastore, Network
from inventory.models.tags import CustomAttribute, CustomValue, Tag, TagAssignment, TagCategory
from inventory.models.tree import Cluster, Datacenter, Folder, ResourcePool
from inventory.models.vcenter import VCenter
from inventory.models.vm import Snapshot, VirtualDisk, VirtualMachine, VirtualNic
from inventory.models.work import AuditEntry, Event, EventLink, Task

__all__ = [
    "AlarmDefinition",
    "Allocated",
    "AuditEntry",
    "ChartView",
    "Cluster",
    "CustomAttribute",
    "CustomValue",
    "Datacenter",
    "Datastore",
    "DatastoreMount",
    "Event",
    "EventLink",
    "Folder",
    "Host",
    "HostNetwork",
    "License",
    "ManagedObject",
    "Network",
    "Permission",
    "Preferences",
    "ResourcePool",
    "Role",
    "SavedSearch",
    "ScheduledTask",
    "Snapshot",
    "Tag",
    "TagAssignment",
    "TagCategory",
    "Task",
    "TriggeredAlarm",
    "VCenter",
    "VirtualDisk",
    "VirtualMachine",
    "VirtualNic",
]
