"""Changes of a VM's virtual hardware, worked out on rows in memory: the same code plans them and saves them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from domain import resources
from domain.specs import VmSpec
from domain.states import DiskProvisioning, SharesLevel
from inventory import specs
from inventory.models import Datastore, Network, ResourcePool, VirtualDisk, VirtualMachine, VirtualNic

# What a VM has of its own instead of its cluster's, as long as it is in that cluster.
OVERRIDES = (
    "drs_override", "ha_restart_priority", "ha_ready_condition", "ha_ready_delay_s", "ha_isolation_response",
    "ha_vm_monitoring", "ha_failure_interval_s", "ha_min_uptime_s", "ha_max_resets", "ha_reset_window_s",
)  # fmt: skip
# And what they are where it has nothing of its own.
AS_THE_CLUSTER: dict[str, Any] = {
    field.name: field.get_default() for field in VirtualMachine._meta.concrete_fields if field.name in OVERRIDES
}
# Plain fields that a reconfiguration may set.
FIELDS = frozenset(
    {
        "vcpus", "cores_per_socket", "memory_mib", "cpu_reservation_mhz", "cpu_limit_mhz", "cpu_shares_level",
        "cpu_shares", "memory_reservation_mib", "memory_limit_mib", "memory_shares_level", "memory_shares",
        "cpu_hot_add", "cpu_hot_remove", "memory_hot_add", "guest_id", "firmware", "boot_delay_ms",
        "enter_bios_setup", "notes", "archetype", "trace", "trace_scale", "trace_offset_s", "cd_path", "cd_connected",
        "hardware_version", "tools_installed", *OVERRIDES,
        "cpu_affinity", "passthrough", "bus_sharing",
    }
)  # fmt: skip
FIRST_DISK_KEY, FIRST_NIC_KEY = 2000, 4000


@dataclass(slots=True)
class Hardware:
    """A VM with its devices as they would be; nothing is saved until `save`."""

    vm: VirtualMachine
    disks: list[VirtualDisk]
    nics: list[VirtualNic]
    removed: list[VirtualDisk | VirtualNic] = field(default_factory=list)

    @classmethod
    def of(cls, vm: VirtualMachine) -> Hardware:
        return cls(vm, list(vm.disks.select_related("datastore")), list(vm.nics.select_related("network")))

    def apply(self, changes: Mapping[str, Any]) -> None:
        """Take over `changes` (see `services.vms.reconfigure`); shares follow their level."""
        for name in FIELDS & changes.keys():
            setattr(self.vm, name, changes[name])
        if "cd_datastore" in changes:
            self.vm.cd_datastore = _datastore(self.vm, changes["cd_datastore"])
        follow_levels(self.vm)
        self._disks(changes.get("disks") or {})
        self._nics(changes.get("nics") or {})

    def spec(self) -> VmSpec:
        return specs.vm_spec(self.vm, [specs.disk_spec(d) for d in self.disks], [specs.nic_spec(n) for n in self.nics])

    def save(self) -> None:
        for device in self.removed:
            device.delete()
        for disk in self.disks:
            disk.save()
        for nic in self.nics:
            nic.save()
        self.vm.change_version += 1
        self.vm.save()

    def _disks(self, changes: Mapping[str, Any]) -> None:
        grow = {int(key): int(size) for key, size in (changes.get("grow") or {}).items()}
        gone = {int(key) for key in changes.get("remove") or ()}
        self.removed += [d for d in self.disks if d.key in gone]
        self.disks = [d for d in self.disks if d.key not in gone]
        for disk in self.disks:
            disk.capacity_bytes = grow.get(disk.key, disk.capacity_bytes)
        for wanted in changes.get("add") or ():
            self.disks.append(self._new_disk(wanted))

    def _new_disk(self, wanted: Mapping[str, Any]) -> VirtualDisk:
        key = _free(wanted, self.disks, FIRST_DISK_KEY)
        home = self.disks[0].datastore if self.disks else None
        return VirtualDisk(
            vm=self.vm,
            key=key,
            label=str(wanted.get("label") or f"Hard disk {key - FIRST_DISK_KEY + 1}"),
            datastore=_datastore(self.vm, wanted.get("datastore")) or home,
            capacity_bytes=int(wanted["capacity_bytes"]),
            provisioning=DiskProvisioning(wanted.get("provisioning", DiskProvisioning.THIN)),
            independent=bool(wanted.get("independent", False)),
        )

    def _nics(self, changes: Mapping[str, Any]) -> None:
        gone = {int(key) for key in changes.get("remove") or ()}
        self.removed += [n for n in self.nics if n.key in gone]
        self.nics = [n for n in self.nics if n.key not in gone]
        edits = {int(key): values for key, values in (changes.get("edit") or {}).items()}
        for nic in self.nics:
            self._edit_nic(nic, edits.get(nic.key, {}))
        for wanted in changes.get("add") or ():
            self.nics.append(self._new_nic(wanted))

    def _edit_nic(self, nic: VirtualNic, values: Mapping[str, Any]) -> None:
        if "network" in values:
            nic.network = _network(self.vm, values["network"])
        for name in ("connected", "start_connected", "adapter"):
            if name in values:
                setattr(nic, name, values[name])

    def _new_nic(self, wanted: Mapping[str, Any]) -> VirtualNic:
        key = _free(wanted, self.nics, FIRST_NIC_KEY)
        return VirtualNic(
            vm=self.vm,
            key=key,
            label=str(wanted.get("label") or f"Network adapter {key - FIRST_NIC_KEY + 1}"),
            network=_network(self.vm, wanted.get("network")),
            adapter=str(wanted.get("adapter", "vmxnet3")),
            mac=str(wanted.get("mac") or new_mac(self.vm.uuid, key)),
            connected=bool(wanted.get("connected", True)),
            start_connected=bool(wanted.get("start_connected", True)),
        )


def follow_levels(row: VirtualMachine | ResourcePool) -> None:
    """Set both shares of a machine (by its size) or a pool to what their levels say; custom figures stay."""
    cpu, memory = SharesLevel(row.cpu_shares_level), SharesLevel(row.memory_shares_level)
    if isinstance(row, VirtualMachine):
        row.cpu_shares = resources.vm_cpu_shares(cpu, row.vcpus, row.cpu_shares)
        row.memory_shares = resources.vm_memory_shares(memory, row.memory_mib, row.memory_shares)
    else:
        row.cpu_shares = resources.pool_cpu_shares(cpu, row.cpu_shares)
        row.memory_shares = resources.pool_memory_shares(memory, row.memory_shares)


def _free(wanted: Mapping[str, Any], devices: Sequence[VirtualDisk | VirtualNic], first: int) -> int:
    """The number of a new device: the one it asks for, unless that is taken."""
    taken = {device.key for device in devices}
    asked = wanted.get("key")
    return asked if isinstance(asked, int) and asked not in taken else max(taken, default=first - 1) + 1


def new_mac(owner: uuid.UUID, key: int) -> str:
    """A MAC of the range for automatic addresses (00:50:56:80-bf), a function of the VM and the device."""
    digest = uuid.uuid5(owner, f"nic-{key}").bytes
    return "00:50:56:" + ":".join(f"{b:02x}" for b in (0x80 | digest[0] & 0x3F, digest[1], digest[2]))


def _datastore(vm: VirtualMachine, which: Any) -> Datastore | None:
    """A datastore of the VM's vCenter by reference (moref) or as a row."""
    if which is None or which == "" or isinstance(which, Datastore):
        return which or None
    return Datastore.objects.get(vcenter=vm.vcenter_id, moref=str(which))


def _network(vm: VirtualMachine, which: Any) -> Network | None:
    if which is None or which == "" or isinstance(which, Network):
        return which or None
    return Network.objects.get(vcenter=vm.vcenter_id, moref=str(which))
