"""Managed object references as vSphere numbers them: a prefix that tells the type, and a number.

One counter per vCenter serves all types and is never reused, so an id in an old event always means the object it meant.
"""

from __future__ import annotations

import re
from enum import StrEnum


class Kind(StrEnum):
    """Managed object types with the names of the vSphere API."""

    FOLDER = "Folder"
    DATACENTER = "Datacenter"
    CLUSTER = "ClusterComputeResource"
    COMPUTE = "ComputeResource"
    HOST = "HostSystem"
    POOL = "ResourcePool"
    VAPP = "VirtualApp"
    VM = "VirtualMachine"
    SNAPSHOT = "VirtualMachineSnapshot"
    DATASTORE = "Datastore"
    STORAGE_POD = "StoragePod"
    NETWORK = "Network"
    PORTGROUP = "DistributedVirtualPortgroup"
    SWITCH = "DistributedVirtualSwitch"
    TASK = "Task"
    ALARM = "Alarm"


class FolderKind(StrEnum):
    """What a folder may hold; `datacenter` is the root's kind."""

    DATACENTER = "datacenter"
    VM = "vm"
    HOST = "host"
    DATASTORE = "datastore"
    NETWORK = "network"


FOLDER_PREFIX = {
    FolderKind.DATACENTER: "group-d",
    FolderKind.VM: "group-v",
    FolderKind.HOST: "group-h",
    FolderKind.DATASTORE: "group-s",
    FolderKind.NETWORK: "group-n",
}

PREFIX = {
    Kind.DATACENTER: "datacenter-",
    Kind.CLUSTER: "domain-c",
    Kind.COMPUTE: "domain-s",
    Kind.HOST: "host-",
    Kind.POOL: "resgroup-",
    Kind.VAPP: "resgroup-v",
    Kind.VM: "vm-",
    Kind.SNAPSHOT: "snapshot-",
    Kind.DATASTORE: "datastore-",
    Kind.STORAGE_POD: "group-p",
    Kind.NETWORK: "network-",
    Kind.PORTGROUP: "dvportgroup-",
    Kind.SWITCH: "dvs-",
    Kind.TASK: "task-",
    Kind.ALARM: "alarm-",
}

ROOT_FOLDER = "group-d1"
PATTERN = r"[a-z]+-[a-z]?[0-9]{1,12}"
_KIND_OF = {prefix: kind for kind, prefix in PREFIX.items()} | dict.fromkeys(FOLDER_PREFIX.values(), Kind.FOLDER)


def compose(prefix: str, number: int) -> str:
    """`compose("vm-", 42)` is `"vm-42"`."""
    return f"{prefix}{number}"


def kind_of(moref: str) -> Kind | None:
    """The type that a reference names, or None where it is no reference at all."""
    match = re.fullmatch(r"([a-z]+-[a-z]?)[0-9]{1,12}", moref)
    return _KIND_OF.get(match.group(1)) if match else None
