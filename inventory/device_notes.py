"""What a change of a virtual machine's hardware notes so that it can be undone, and the change that undoes it.

Devices are noted by name, "disk 2001" or "nic 4000", with what describes them, or None where there is no such device.
A disk that was taken away, or has grown, has no way back: its files are gone, and disks do not shrink.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from domain import faults
from inventory.hardware import FIELDS, Hardware
from inventory.inverses import DISK_GROWN, DISK_REMOVED, never, note
from inventory.models import Datastore, Network, VirtualDisk, VirtualMachine, VirtualNic

DISK, NIC = "disk", "nic"
_EDITABLE = ("network", "adapter", "connected", "start_connected")


def noted(vm: VirtualMachine, planned: Hardware, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of the task that turns `vm` into `planned`."""
    present = Hardware.of(vm)
    sizes = {disk.key: disk.capacity_bytes for disk in planned.disks}
    if any(disk.key not in sizes for disk in present.disks):
        return never(DISK_REMOVED)
    if any(sizes[disk.key] != disk.capacity_bytes for disk in present.disks):
        return never(DISK_GROWN)
    names = [name for name in changes if name in FIELDS or name == "cd_datastore"]
    names += sorted({*_devices(present), *_devices(planned)})
    return note("hardware", _described(present, names), _described(planned, names))


def current(vm: VirtualMachine, names: Iterable[str]) -> dict[str, Any]:
    """The same names as they are now."""
    return _described(Hardware.of(vm), names)


def changes_back(vm: VirtualMachine, before: Mapping[str, Any]) -> dict[str, Any]:
    """The changes (as `services.vms.reconfigure` takes them) that lead back.

    Raises ManagedObjectNotFound where a network or datastore is gone that the machine would have again.
    """
    have = {nic.key for nic in vm.nics.all()}
    changes: dict[str, Any] = {}
    for name, value in before.items():
        kind, _blank, key = name.partition(" ")
        if kind == NIC:
            _nic_back(changes.setdefault("nics", {}), int(key), value, have)
            _still_there(Network, vm, (value or {}).get("network"))
        elif kind == DISK:  # only one that was added is noted
            changes.setdefault("disks", {}).setdefault("remove", []).append(int(key))
        else:
            changes[name] = value
    _still_there(Datastore, vm, changes.get("cd_datastore"))
    return changes


def _nic_back(nics: dict[str, Any], key: int, value: Mapping[str, Any] | None, have: set[int]) -> None:
    if value is None:
        nics.setdefault("remove", []).append(key)
    elif key in have:
        nics.setdefault("edit", {})[key] = {name: value[name] for name in _EDITABLE}
    else:
        nics.setdefault("add", []).append(dict(value))


def _still_there(model: Any, vm: VirtualMachine, moref: str | None) -> None:
    if moref and not model.objects.filter(vcenter=vm.vcenter_id, moref=moref).exists():
        raise faults.ManagedObjectNotFound(moref=moref)


def _devices(hardware: Hardware) -> dict[str, VirtualDisk | VirtualNic]:
    named: dict[str, VirtualDisk | VirtualNic] = {f"{DISK} {disk.key}": disk for disk in hardware.disks}
    return named | {f"{NIC} {nic.key}": nic for nic in hardware.nics}


def _described(hardware: Hardware, names: Iterable[str]) -> dict[str, Any]:
    devices = _devices(hardware)
    return {name: _value(hardware.vm, name, devices) for name in names}


def _value(vm: VirtualMachine, name: str, devices: Mapping[str, VirtualDisk | VirtualNic]) -> Any:
    if name.startswith((f"{DISK} ", f"{NIC} ")):
        return _device(devices.get(name))
    if name == "cd_datastore":
        return vm.cd_datastore.moref if vm.cd_datastore else ""
    return getattr(vm, name)


def _device(device: VirtualDisk | VirtualNic | None) -> dict[str, Any] | None:
    if device is None:
        return None
    if isinstance(device, VirtualDisk):
        store = device.datastore.moref if device.datastore_id else ""
        return {"datastore": store, "capacity_bytes": device.capacity_bytes, "provisioning": str(device.provisioning)}
    network = device.network.moref if device.network else ""
    values = {name: getattr(device, name) for name in ("adapter", "mac", "connected", "start_connected")}
    return {"network": network, **values}
