"""Running VMs that a device keeps where they are: a CD of the client or of the host, a disk that cannot be followed."""

from __future__ import annotations

from collections import defaultdict

from django.db.models import Q, QuerySet

from domain import faults
from domain.states import VmPower
from inventory.models import VirtualMachine

CLIENT, HOST = "[client]", "[host]"


def pinned(rows: QuerySet[VirtualMachine]) -> dict[int, list[faults.MethodFault]]:
    """The faults of those among `rows` that cannot move while they run, by their row number; two queries."""
    found: dict[int, list[faults.MethodFault]] = defaultdict(list)
    running = rows.filter(power_state=VmPower.ON).order_by("id")
    near = Q(cd_path__startswith=CLIENT) | Q(cd_path__startswith=HOST)
    for pk, name, path in running.filter(near, cd_connected=True).values_list("pk", "name", "cd_path"):
        kind = faults.RemoteDeviceNotSupported if path.startswith(CLIENT) else faults.CannotAccessLocalSource
        found[pk].append(kind(name=name, device=path))
    torn = running.filter(disks__independent=True, snapshots__isnull=False)
    for pk, name in torn.values_list("pk", "name").distinct():
        found[pk].append(faults.IndependentDiskVMotionNotSupported(name=name))
    return dict(found)
