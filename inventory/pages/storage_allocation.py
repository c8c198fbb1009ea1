"""Monitor > Resource Allocation > Storage: how full the datastores are, and which machines take the space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum
from django.utils.translation import gettext_lazy as _

from domain.morefs import Kind
from inventory import selectors
from inventory.grids.scopes import vms_of
from inventory.models import Cluster, Datastore, Host, VirtualDisk, VirtualMachine
from inventory.pages.registry import MONITOR, section

ROWS = 500


@dataclass(frozen=True)
class StoreRow:
    """A datastore, in bytes; `machines` of the object that is shown have disks there, `promised` to them."""

    store: Datastore
    machines: int
    promised: int

    @property
    def provisioned_pct(self) -> float:
        """What is promised to everybody, against the capacity: above 100 the disks may outgrow the datastore."""
        return 100 * self.store.provisioned_bytes / self.store.capacity_bytes if self.store.capacity_bytes else 0.0


@dataclass(frozen=True)
class MachineRow:
    """The disks of one machine, in bytes; `share_pct` of what all machines of the object are promised."""

    vm: VirtualMachine
    disks: int
    provisioned: int
    used: int
    share_pct: float


@section(MONITOR, "storage", _("Storage"), [Kind.CLUSTER, Kind.HOST, Kind.POOL], group="allocation",
         template="inventory/monitor/storage.html")  # fmt: skip
def storage_allocation(page: Any) -> dict[str, Any]:
    """The datastores that the object reaches, and its machines and templates with the most space first."""
    vms = selectors.vms_visible(page.user, page.vc).filter(vms_of(page.obj)).order_by()
    stores = _stores(page, vms)
    sums = VirtualDisk.objects.filter(vm__in=vms).aggregate(used=Sum("used_bytes"), all=Sum("capacity_bytes"))
    promised = sums["all"] or 0
    machines = _machines(vms, promised)
    return {
        "stores": stores, "machines": machines[:ROWS], "cut": len(machines) > ROWS, "promised": promised,
        "used": sums["used"] or 0, "capacity": sum(one.store.capacity_bytes for one in stores),
        "free": sum(one.store.free_bytes for one in stores),
    }  # fmt: skip


def _stores(page: Any, vms: QuerySet[VirtualMachine]) -> list[StoreRow]:
    rows = VirtualDisk.objects.filter(vm__in=vms).order_by().values_list("datastore")
    counted = {
        store: (machines, promised)
        for store, machines, promised in rows.annotate(Count("vm", distinct=True), Sum("capacity_bytes"))
    }
    reached = Q(pk__in=counted)
    if isinstance(page.obj, Cluster | Host):
        reached |= Q(mounts__host__cluster=page.obj) if isinstance(page.obj, Cluster) else Q(mounts__host=page.obj)
    found = selectors.datastores_visible(page.user, page.vc).filter(reached).distinct()
    return [StoreRow(one, *counted.get(one.pk, (0, 0))) for one in found.select_related("vcenter").order_by("name")]


def _machines(vms: QuerySet[VirtualMachine], promised: int) -> list[MachineRow]:
    rows: Any = vms.annotate(
        disk_count=Count("disks"), provisioned=Sum("disks__capacity_bytes", default=0),
        used=Sum("disks__used_bytes", default=0),
    )  # fmt: skip
    found = rows.select_related("vcenter").order_by("-provisioned", "name")[: ROWS + 1]
    return [
        MachineRow(vm, vm.disk_count, vm.provisioned, vm.used, 100 * vm.provisioned / promised if promised else 0.0)
        for vm in found
    ]
