"""What the devices of a virtual machine need of its host: datastores that it mounts, networks that it has, hardware of
a version that it runs. Asked when a change is asked for and again when it is carried out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from domain import faults
from inventory.hardware import Hardware
from inventory.models import Host, VirtualMachine


@dataclass(frozen=True, slots=True)
class Reach:
    """Row numbers of the datastores that a host mounts and can use, and of the networks that it has."""

    host: Host
    stores: frozenset[int]
    networks: frozenset[int]

    @classmethod
    def of(cls, host: Host) -> Reach:
        mounted = host.mounts.filter(accessible=True).values_list("datastore_id", flat=True)
        return cls(host, frozenset(mounted), frozenset(host.host_networks.values_list("network_id", flat=True)))

    def faults_of(self, planned: Hardware, present: Hardware | None = None) -> Iterable[faults.MethodFault]:
        """What speaks against `planned` here, of all its devices or of those that differ from `present`: a machine that
        has lost something may still be changed otherwise."""
        told = {"host": self.host.name, "name": planned.vm.name}
        stands = {disk.key: disk.datastore_id for disk in present.disks} if present else {}
        for disk in planned.disks:
            if disk.datastore_id not in self.stores and stands.get(disk.key) != disk.datastore_id:
                yield faults.CannotAccessVmDisk(**told, datastore=disk.datastore.name)
        plugged = {nic.key: nic.network_id for nic in present.nics} if present else {}
        for nic in planned.nics:
            here = nic.network_id is None or nic.network_id in self.networks
            if nic.network is not None and not here and plugged.get(nic.key) != nic.network_id:
                yield faults.CannotAccessNetwork(**told, network=nic.network.name)
        drive = planned.vm
        if drive.cd_datastore_id not in {None, *self.stores} and not (present and _same_drive(present.vm, drive)):
            yield faults.CannotAccessVmDevice(**told, datastore=drive.cd_datastore.name)  # type: ignore[union-attr]
        version = drive.hardware_version
        newer = present is None or version != present.vm.hardware_version
        if newer and version > self.host.highest_hardware_version:
            yield faults.VirtualHardwareVersionNotSupported(**told)


def _same_drive(present: VirtualMachine, planned: VirtualMachine) -> bool:
    """The image is the one that is there, and is not plugged in anew."""
    plugged_in = planned.cd_connected and not present.cd_connected
    same = (present.cd_datastore_id, present.cd_path) == (planned.cd_datastore_id, planned.cd_path)
    return same and not plugged_in


def refuse_unreachable(present: Hardware, planned: Hardware) -> None:
    """Raise where the host of a machine lacks what its hardware as `planned` needs and did not need as it is."""
    if present.vm.host_id is None:
        return
    for fault in Reach.of(present.vm.host).faults_of(planned, present):
        raise fault
