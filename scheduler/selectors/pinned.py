"""Running VMs that a device keeps where they are: a CD of the client or of the host, a disk that cannot be followed."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q, QuerySet

from domain import faults
from domain.states import VmPower
from inventory.models import Snapshot, VirtualDisk, VirtualMachine

CLIENT, HOST = "[client]", "[host]"


def pinned(rows: QuerySet[VirtualMachine]) -> dict[int, list[faults.MethodFault]]:
    """The faults of those among `rows` that cannot move while they run, by their row number; one query."""
    found: dict[int, list[faults.MethodFault]] = {}
    near = Q(cd_path__startswith=CLIENT) | Q(cd_path__startswith=HOST)
    disks = VirtualDisk.objects.filter(vm=OuterRef("pk"), independent=True)
    torn = Exists(disks) & Exists(Snapshot.objects.filter(vm=OuterRef("pk")))
    kept = rows.filter(Q(near, cd_connected=True) | Q(torn), power_state=VmPower.ON).annotate(torn=torn)
    for pk, name, path, connected, is_torn in kept.values_list("pk", "name", "cd_path", "cd_connected", "torn"):
        found[pk] = []
        if connected and path.startswith(CLIENT):
            found[pk].append(faults.RemoteDeviceNotSupported(name=name, device=path))
        if connected and path.startswith(HOST):
            found[pk].append(faults.CannotAccessLocalSource(name=name, device=path))
        if is_torn:
            found[pk].append(faults.IndependentDiskVMotionNotSupported(name=name))
    return found
