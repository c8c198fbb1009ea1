"""Running VMs that a device keeps where they are: one of the client or of the host, a disk that cannot be followed, a
binding to processors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Exists, OuterRef

from domain import faults
from domain.states import BusSharing, Passthrough, VmPower
from domain.text import _
from inventory.models import Snapshot, VirtualDisk, VirtualMachine

CLIENT, HOST = "[client]", "[host]"
ATTACHED: dict[str, str] = {
    Passthrough.USB: _("a USB device of its host"),
    Passthrough.PCI: _("a PCI passthrough device"),
}
SHARED_BUS = _("a SCSI controller with physical bus sharing")
# For queries of VMs: an independent disk beside snapshots, so that the disk has no state to go back to.
TORN = Exists(VirtualDisk.objects.filter(vm=OuterRef("pk"), independent=True)) & Exists(
    Snapshot.objects.filter(vm=OuterRef("pk"))
)


def torn(vms: Iterable[VirtualMachine]) -> set[int]:
    """Row numbers of those that are TORN, for rows that were read without asking."""
    rows = VirtualMachine.objects.filter(TORN, pk__in=[vm.pk for vm in vms])
    return set(rows.order_by().values_list("pk", flat=True))


def pinned(vm: Any, is_torn: bool) -> list[faults.MethodFault]:
    """Why `vm` (a row of any kind) cannot move while it runs."""
    found = list[faults.MethodFault]()
    if vm.power_state != VmPower.ON:
        return found
    if vm.cd_connected and vm.cd_path.startswith(CLIENT):
        found.append(faults.RemoteDeviceNotSupported(name=vm.name, device=vm.cd_path))
    if vm.cd_connected and vm.cd_path.startswith(HOST):
        found.append(faults.CannotAccessLocalSource(name=vm.name, device=vm.cd_path))
    if vm.passthrough in ATTACHED:
        found.append(faults.DisallowedMigrationDeviceAttached(name=vm.name, device=ATTACHED[vm.passthrough]))
    if vm.bus_sharing == BusSharing.PHYSICAL:
        found.append(faults.DisallowedMigrationDeviceAttached(name=vm.name, device=SHARED_BUS))
    if vm.cpu_affinity:
        found.append(faults.AffinityConfigured(name=vm.name))
    if is_torn:
        found.append(faults.IndependentDiskVMotionNotSupported(name=vm.name))
    return found
