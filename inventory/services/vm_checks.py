"""What must hold before a VM is touched, each with its typed fault."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from domain import affinity, faults
from domain.limits import DEFAULT_LIMITS as LIMITS
from domain.states import (
    BusSharing,
    DiskProvisioning,
    IsolationResponse,
    Passthrough,
    ReadyCondition,
    SharesLevel,
    TaskState,
    VmConnection,
    VmMonitoring,
    VmPower,
)
from inventory import quotas
from inventory.hardware import FIELDS, FIRST_DISK_KEY, FIRST_NIC_KEY, OVERRIDES
from inventory.models import Datastore, ResourcePool, Task, VCenter, VirtualMachine
from inventory.operations import base as operations
from inventory.services.base import expect_version, number

GIB = 1024**3
SHARES = {level.value for level in SharesLevel}
ARCHETYPES = {"idle", "web", "db", "batch", "vdi", "ci"}
# Fields of a VM that a clone takes over.
COPIED = sorted(FIELDS - {"notes", "cd_path", "cd_connected", "enter_bios_setup", "cpu_affinity", *OVERRIDES})
# Fields that only change while the VM is off.
COLD_FIELDS = {
    "cpu_hot_add", "cpu_hot_remove", "memory_hot_add", "firmware", "hardware_version", "guest_id", "bus_sharing",
}  # fmt: skip
HOT_ADD_FACTOR = 16
HA_CHOICES: dict[str, type[StrEnum]] = {
    "ha_ready_condition": ReadyCondition, "ha_isolation_response": IsolationResponse, "ha_vm_monitoring": VmMonitoring,
}  # fmt: skip
# The most seconds, or resets; the cluster's own settings are named the same without "ha_".
HA_NUMBERS = {
    "ha_ready_delay_s": 3600, "ha_failure_interval_s": 3600, "ha_min_uptime_s": 86_400, "ha_max_resets": 100,
    "ha_reset_window_s": 31_536_000,
}  # fmt: skip
NUMBERS_PER_KIND, ADAPTER_LENGTH = 1000, 12
MAC = re.compile(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}")


def operable(vm: VirtualMachine, *, busy_is_fine: bool = False) -> None:
    """The VM exists, is connected and has no other task."""
    if vm.deleted_at is not None:
        raise faults.ManagedObjectNotFound(moref=vm.moref)
    if vm.connection_state != VmConnection.CONNECTED:
        raise faults.InvalidHostConnectionState(host=vm.host.name, state=vm.host.connection_state)
    if not busy_is_fine:
        probe = Task(vcenter=vm.vcenter, entity=vm.moref, entity_name=vm.name, exclusive=True)
        operations.refuse_busy(probe)
    elif vm.provisioning:
        raise faults.InvalidState(name=vm.name, reason="it is still being created")


def free_of_vapp(user: Any, vm: VirtualMachine) -> None:
    """No vApp around the VM is being started or stopped, which is the only one to touch its power then.

    The system itself (`user` None: that start or stop, HA, DRS) is not held back.

    Raises:
        VAppTaskInProgress
    """
    around: list[ResourcePool] = []
    at = vm.pool if user is not None else None
    while at is not None:
        around += [at] if at.is_vapp else []
        at = at.parent if at.parent_id else None
    live = Task.objects.filter(vcenter=vm.vcenter_id, exclusive=True, state__in=(TaskState.QUEUED, TaskState.RUNNING))
    for vapp in around:
        if live.filter(entity=vapp.moref).exists():
            raise faults.VAppTaskInProgress(name=vm.name, vapp=vapp.name)


def power_is(vm: VirtualMachine, *allowed: VmPower, wanted: VmPower) -> None:
    if vm.power_state not in allowed:
        raise faults.InvalidPowerState(name=vm.name, requestedState=wanted.value, existingState=str(vm.power_state))


def version(vm: VirtualMachine, expected: int | None) -> None:
    expect_version(VirtualMachine.everything.only("id", "name", "change_version").get(pk=vm.pk), expected)


def vcenter_has_room(vcenter: VCenter) -> None:
    """Raise LimitExceeded where no VM more may come; those in the recycle bin take room too."""
    quota = quotas.of(vcenter)
    if VirtualMachine.everything.filter(vcenter=vcenter).count() >= quota.vms:
        raise faults.LimitExceeded(property="virtual machines", limit=quota.vms)


# --- sizes -----------------------------------------------------------------------------------------------------------
def hardware(changes: Mapping[str, Any]) -> None:
    """Every value lies in its range and is of its type."""
    unknown = set(changes) - FIELDS - {"disks", "nics", "cd_datastore"}
    if unknown:
        raise faults.InvalidArgument(property=min(unknown), reason="there is no such setting")
    number(changes, "vcpus", 1, LIMITS.vcpus_per_vm)
    number(changes, "cores_per_socket", 1, LIMITS.cores_per_socket)
    number(changes, "memory_mib", LIMITS.memory_step_mib, LIMITS.memory_mib_per_vm)
    for resource, unit in (("cpu", "mhz"), ("memory", "mib")):
        number(changes, f"{resource}_reservation_{unit}", 0, 2**31 - 1)
        number(changes, f"{resource}_limit_{unit}", -1, 2**31 - 1)
        number(changes, f"{resource}_shares", 1, LIMITS.shares if resource == "cpu" else 2**31 - 1)
        if changes.get(f"{resource}_shares_level", "normal") not in SHARES:
            raise faults.InvalidArgument(property=f"{resource}_shares_level", reason="low, normal, high or custom")
    number(changes, "boot_delay_ms", 0, 10_000)
    if changes.get("archetype", "web") not in ARCHETYPES:
        raise faults.InvalidArgument(property="archetype", reason=", ".join(sorted(ARCHETYPES)))
    for name, kinds in (("passthrough", Passthrough), ("bus_sharing", BusSharing)):
        if name in changes and changes[name] not in {kind.value for kind in kinds}:
            raise faults.InvalidArgument(property=name, reason=", ".join(kind.value for kind in kinds if kind.value))
    if len(str(changes.get("cpu_affinity", ""))) > affinity.TEXT_LENGTH:
        raise faults.LimitExceeded(property="cpu_affinity", limit=affinity.TEXT_LENGTH)
    if len(str(changes.get("notes", ""))) > LIMITS.notes_length:
        raise faults.LimitExceeded(property="notes", limit=LIMITS.notes_length)
    ha_overrides(changes)
    _devices(changes)


def ha_overrides(values: Mapping[str, Any]) -> None:
    """What vSphere HA does about a machine; the empty text and -1 stand for its cluster's."""
    for name, kinds in HA_CHOICES.items():
        known = sorted(kind.value for kind in kinds)
        if values.get(name, "") not in {"", *known}:
            raise faults.InvalidArgument(property=name, reason=", ".join(known))
    for name, most in HA_NUMBERS.items():
        number(values, name, -1, most)


def _devices(changes: Mapping[str, Any]) -> None:
    for disk in (changes.get("disks") or {}).get("add") or ():
        number(disk, "capacity_bytes", 1024**2, LIMITS.disk_bytes)
        number(disk, "key", FIRST_DISK_KEY, FIRST_DISK_KEY + NUMBERS_PER_KIND - 1)
        if disk.get("provisioning", "thin") not in {p.value for p in DiskProvisioning}:
            raise faults.InvalidArgument(property="provisioning", reason="thin or thick")
    nics = changes.get("nics") or {}
    if len(nics.get("add") or ()) > LIMITS.nics_per_vm:
        raise faults.LimitExceeded(property="network adapters", limit=LIMITS.nics_per_vm)
    for nic in (*(nics.get("add") or ()), *(nics.get("edit") or {}).values()):
        number(nic, "key", FIRST_NIC_KEY, FIRST_NIC_KEY + NUMBERS_PER_KIND - 1)
        if not isinstance(nic.get("adapter", ""), str) or len(nic.get("adapter", "")) > ADAPTER_LENGTH:
            raise faults.InvalidArgument(property="adapter", reason="vmxnet3 or e1000e")
        if nic.get("mac") and not MAC.fullmatch(str(nic["mac"])):
            raise faults.InvalidArgument(property="mac", reason="six pairs of hexadecimal digits, as 00:50:56:80:00:01")


def consistent(vm: VirtualMachine) -> None:
    """The figures of a VM fit each other."""
    if vm.vcpus % vm.cores_per_socket:
        raise faults.InvalidArgument(property="cores_per_socket", reason="it has to divide the number of CPUs")
    if vm.memory_mib % LIMITS.memory_step_mib:
        raise faults.InvalidArgument(property="memory_mib", reason="it has to be a multiple of 4 MB")
    if vm.memory_reservation_mib > vm.memory_mib:
        raise faults.InvalidArgument(property="memory_reservation_mib", reason="it exceeds the configured memory")
    for resource, unit in (("cpu", "mhz"), ("memory", "mib")):
        limit = getattr(vm, f"{resource}_limit_{unit}")
        if limit != -1 and getattr(vm, f"{resource}_reservation_{unit}") > limit:
            raise faults.InvalidArgument(property=f"{resource}_limit_{unit}", reason="it is below the reservation")

    _affinity(vm)
    if vm.passthrough == Passthrough.PCI and vm.memory_reservation_mib < vm.memory_mib:
        raise faults.InvalidArgument(
            property="memory_reservation_mib", reason="a PCI passthrough device needs all memory reserved"
        )


def _affinity(vm: VirtualMachine) -> None:
    """The processors that a VM is bound to are there, and as many as its CPUs at least: it runs at full speed."""
    try:
        chosen = affinity.processors(vm.cpu_affinity)
    except ValueError:
        raise faults.InvalidArgument(
            property="cpu_affinity", reason="numbers and ranges of logical processors, as 0,2-3"
        ) from None
    if chosen and len(chosen) < vm.vcpus:
        raise faults.InvalidArgument(
            property="cpu_affinity", reason="it names fewer processors than the virtual machine has CPUs"
        )
    if chosen and vm.host_id and max(chosen) >= vm.host.threads:
        raise faults.InvalidArgument(property="cpu_affinity", reason="its host does not have that many processors")


def allowed_now(vm: VirtualMachine, changes: Mapping[str, Any]) -> None:
    """While the VM is on, only what hot-add permits (domain rules of powered-on changes)."""
    if vm.power_state == VmPower.OFF:
        return
    for name in sorted(COLD_FIELDS & changes.keys()):
        if changes[name] != getattr(vm, name):
            raise faults.InvalidPowerState(
                name=vm.name, requestedState=VmPower.OFF.value, existingState=str(vm.power_state)
            )
    device = changes.get("passthrough", vm.passthrough)
    if device != vm.passthrough and Passthrough.PCI in (device, vm.passthrough):
        raise faults.InvalidPowerState(
            name=vm.name, requestedState=VmPower.OFF.value, existingState=str(vm.power_state)
        )
    _cpus_now(vm, changes)
    _memory_now(vm, int(changes.get("memory_mib", vm.memory_mib)))


def _cpus_now(vm: VirtualMachine, changes: Mapping[str, Any]) -> None:
    wanted = int(changes.get("vcpus", vm.vcpus))
    more, fewer = wanted > vm.vcpus, wanted < vm.vcpus
    if (more and not vm.cpu_hot_add) or (fewer and not vm.cpu_hot_remove):
        raise faults.CpuHotPlugNotSupported(name=vm.name)
    if changes.get("cores_per_socket", vm.cores_per_socket) != vm.cores_per_socket:
        raise faults.CpuHotPlugNotSupported(name=vm.name)


def _memory_now(vm: VirtualMachine, wanted: int) -> None:
    booted = vm.boot_memory_mib or vm.memory_mib
    if wanted < vm.memory_mib:
        raise faults.InvalidPowerState(
            name=vm.name, requestedState=VmPower.OFF.value, existingState=str(vm.power_state)
        )
    if wanted == vm.memory_mib:
        return
    if not vm.memory_hot_add:
        raise faults.MemoryHotPlugNotSupported(name=vm.name, reason="memory hot add is off. Power it off first.")
    if wanted > HOT_ADD_FACTOR * booted:
        raise faults.MemoryHotPlugNotSupported(name=vm.name, reason="at most 16 times the memory it was started with.")
    if "linux" in vm.guest_id.lower() and booted <= 3072 and wanted > 3072:
        raise faults.MemoryHotPlugNotSupported(
            name=vm.name, reason="a Linux guest started with 3 GB or less can only reach 3 GB."
        )


def disks(vm: VirtualMachine, changes: Mapping[str, Any]) -> None:
    """Disks only grow, and not while snapshots stand on them; new ones need space."""
    have = {d.key: d for d in vm.disks.select_related("datastore")}
    for key, size in (changes.get("grow") or {}).items():
        disk = have.get(int(key))
        if disk is None:
            raise faults.InvalidDeviceSpec(device=str(key), reason="there is no such disk")
        if int(size) < disk.capacity_bytes:
            raise faults.InvalidDeviceSpec(device=disk.label, reason="a disk cannot shrink")
        if int(size) > LIMITS.disk_bytes:
            raise faults.LimitExceeded(property=disk.label, limit="62 TB")
        if int(size) > disk.capacity_bytes and vm.snapshots.exists():
            raise faults.InvalidDeviceSpec(device=disk.label, reason="delete the snapshots before you grow it")
    for key in changes.get("remove") or ():
        if int(key) not in have:
            raise faults.InvalidDeviceSpec(device=str(key), reason="there is no such disk")
    if len(have) + len(changes.get("add") or ()) > LIMITS.disks_per_vm:
        raise faults.LimitExceeded(property="disks", limit=LIMITS.disks_per_vm)


def space(datastore: Datastore, needed_bytes: int) -> None:
    if needed_bytes > datastore.free_bytes:
        free, requested = f"{datastore.free_bytes / GIB:.1f} GB", f"{needed_bytes / GIB:.1f} GB"
        raise faults.NoDiskSpace(datastore=datastore.name, free=free, requested=requested)


def swap_space(vm: VirtualMachine) -> None:
    """The swap file (memory less reservation) is written at power-on, beside the first disk."""
    disk = vm.disks.select_related("datastore").first()
    if disk is not None:
        space(disk.datastore, (vm.memory_mib - vm.memory_reservation_mib) * 1024**2)


# --- rights and records ----------------------------------------------------------------------------------------------
EDIT_DEVICE, ADD_REMOVE_DEVICE = "VirtualMachine.Config.EditDevice", "VirtualMachine.Config.AddRemoveDevice"
SET_CD, CONNECT_DEVICE = "VirtualMachine.Interact.SetCDMedia", "VirtualMachine.Interact.DeviceConnection"
CONNECTION = frozenset({"connected", "start_connected"})  # what of an adapter is its connection, not its settings
_PRIVILEGE = (
    ({"vcpus", "cores_per_socket", "cpu_hot_add", "cpu_hot_remove"}, "VirtualMachine.Config.CPUCount"),
    ({"memory_mib", "memory_hot_add"}, "VirtualMachine.Config.Memory"),
    (
        {n for n in FIELDS if n.startswith(("cpu_", "memory_")) and ("shares" in n or "limit" in n or "reserv" in n)}
        | {"cpu_affinity"},
        "VirtualMachine.Config.Resource",
    ),
    ({"notes"}, "VirtualMachine.Config.Annotation"),
    ({"passthrough", "bus_sharing"}, EDIT_DEVICE),
    ({"cd_datastore", "cd_path"}, SET_CD),
    ({"cd_connected"}, CONNECT_DEVICE),
    ({"tools_installed"}, "VirtualMachine.Interact.ToolsInstall"),
    ({"hardware_version"}, "VirtualMachine.Config.UpgradeVirtualHardware"),
    ({"archetype", "trace", "trace_scale", "trace_offset_s"}, "VirtualMachine.Config.AdvancedConfig"),
)
DISK_PRIVILEGES = {
    "add": "VirtualMachine.Config.AddNewDisk",
    "grow": "VirtualMachine.Config.DiskExtend",
    "remove": "VirtualMachine.Config.RemoveDisk",
}
SETTINGS = "VirtualMachine.Config.Settings"
# Each of them lets a person change something under Edit Settings.
EDITING = frozenset({
    SETTINGS, ADD_REMOVE_DEVICE, *(privilege for _names, privilege in _PRIVILEGE), *DISK_PRIVILEGES.values(),
})  # fmt: skip


def privileges_for(changes: Mapping[str, Any]) -> list[str]:
    """The privileges that these changes need."""
    needed = {privilege for names, privilege in _PRIVILEGE if names & changes.keys()}
    disks_changed = changes.get("disks") or {}
    needed |= {privilege for what, privilege in DISK_PRIVILEGES.items() if disks_changed.get(what)}
    needed |= _of_adapters(changes.get("nics") or {})
    known = {name for names, _privilege in _PRIVILEGE for name in names} | {"disks", "nics"}
    if changes.keys() - known or not needed:
        needed.add(SETTINGS)
    return sorted(needed)


def _of_adapters(nics: Mapping[str, Any]) -> set[str]:
    needed = {ADD_REMOVE_DEVICE} if nics.get("add") or nics.get("remove") else set()
    for values in (nics.get("edit") or {}).values():
        needed |= {CONNECT_DEVICE} if values.keys() & CONNECTION else set()
        needed |= {EDIT_DEVICE} if values.keys() - CONNECTION else set()
    return needed


def plain(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Changes as JSON: rows become their references."""
    return {k: _plain(v) for k, v in changes.items()}


def _plain(value: Any) -> Any:
    if hasattr(value, "moref"):
        return value.moref
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value


def summary(vm: VirtualMachine, changes: Mapping[str, Any]) -> str:
    """What changes, old and new, for the event."""
    parts = [
        f"{name}: {getattr(vm, name)} → {value}"
        for name, value in changes.items()
        if name in FIELDS and name != "notes" and getattr(vm, name) != value
    ]
    parts += [name for name in ("notes", "disks", "nics", "cd_datastore") if changes.get(name)]
    return ", ".join(parts)[:500]
