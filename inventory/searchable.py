"""What the advanced search can look for, per grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any

from django.db.models import BigIntegerField, Count, Exists, ExpressionWrapper, F, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from domain import guests
from domain.states import (
    DatastoreKind,
    DrsBehavior,
    HostConnection,
    HostKind,
    HostPower,
    Status,
    ToolsStatus,
    VmConnection,
    VmPower,
)
from inventory import words
from inventory.criteria import CHOICE, NUMBER, TEXT, Property
from inventory.models import CustomValue, Snapshot, TagAssignment, VirtualDisk, VirtualMachine

GIB, DAY_S = 1024**3, 86_400.0


# --- kinds of properties ---------------------------------------------------------------------------------------------
def text(key: str, label: Any, path: str) -> Property:
    return Property(key, label, TEXT, path)


def number(key: str, label: Any, path: str, unit: Any = "", scale: float = 1.0) -> Property:
    return Property(key, label, NUMBER, path, unit=unit, scale=scale)


def state(key: str, label: Any, path: str, enum: type[StrEnum]) -> Property:
    return Property(key, label, CHOICE, path, choices=lambda: words.choices(enum))


def yes_no(key: str, label: Any, path: str) -> Property:
    return Property(key, label, CHOICE, path, choices=lambda: (("yes", _("Yes")), ("no", _("No"))))


def computed(key: str, label: Any, expression: Callable[[], Any], unit: Any = "", scale: float = 1.0) -> Property:
    """A number that a sub-query gives: found among the rows by their primary keys."""

    def condition(lookup: str, value: Any, vcenter: Any) -> Q:
        # Of 64 bits: PostgreSQL would find nothing above what a plain integer holds.
        figure = ExpressionWrapper(expression(), output_field=BigIntegerField())
        rows = VirtualMachine.objects.filter(vcenter=vcenter).order_by().alias(figure=figure)
        return Q(pk__in=rows.filter(**{f"figure__{lookup}": value}).values("pk"))

    return Property(key, label, NUMBER, condition=condition, unit=unit, scale=scale)


# --- what hangs on objects -------------------------------------------------------------------------------------------
def _tagged(lookup: str, value: Any, vcenter: Any) -> Q:
    found = TagAssignment.objects.filter(vcenter=vcenter, **{f"tag__name__{lookup}": value})
    return Q(moref__in=found.values("entity"))


def _attribute(lookup: str, value: Any, vcenter: Any) -> Q:
    """ "owner=kim": the value of one attribute; without "=" the value of any."""
    name, equals, wanted = str(value).partition("=")
    rows = CustomValue.objects.filter(vcenter=vcenter)
    if equals:
        rows = rows.filter(attribute__name__iexact=name.strip())
    looked_for = wanted.strip() if equals else name.strip()
    return Q(moref__in=rows.filter(**{f"value__{lookup}": looked_for}).values("entity"))


def _snapshot_age(lookup: str, value: Any, vcenter: Any) -> Q:
    """ "At least" is the age of the oldest snapshot, "at most" that of the newest; in lab time."""
    border = vcenter.lab_seconds() - value * DAY_S
    older = {"gte": "lte", "lte": "gte"}[lookup]
    snapshots = Snapshot.objects.filter(vm=OuterRef("pk"), **{f"created_lab_s__{older}": border})
    return Q(Exists(snapshots.order_by()))


def _disks(field: str) -> Any:
    rows = VirtualDisk.objects.filter(vm=OuterRef("pk")).order_by().values("vm").annotate(total=Sum(field))
    return Coalesce(Subquery(rows.values("total"), output_field=BigIntegerField()), 0)


def _datastore(lookup: str, value: Any, vcenter: Any) -> Q:
    disks = VirtualDisk.objects.filter(vm=OuterRef("pk"), **{f"datastore__name__{lookup}": value})
    return Q(Exists(disks.order_by()))


def _network(lookup: str, value: Any, vcenter: Any) -> Q:
    rows = VirtualMachine.objects.filter(vcenter=vcenter, **{f"nics__network__name__{lookup}": value})
    return Q(pk__in=rows.order_by().values("pk"))


def _snapshots() -> Any:
    rows = Snapshot.objects.filter(vm=OuterRef("pk")).order_by().values("vm").annotate(total=Count("pk"))
    return Coalesce(Subquery(rows.values("total"), output_field=BigIntegerField()), 0)


def _guests() -> Sequence[tuple[str, Any]]:
    return [(guest.id, guest.label) for guest in guests.GUESTS.values()]


NAME = text("name", _("Name"), "name")
STATUS = state("status", _("Status"), "overall_status", Status)
TAG = Property("tag", _("Tag"), TEXT, condition=_tagged)
ATTRIBUTE = Property("attribute", _("Custom attribute (name=value)"), TEXT, condition=_attribute)
COMMON = (STATUS, TAG, ATTRIBUTE)

SEARCHABLE: dict[str, dict[str, Property]] = {
    grid: {one.key: one for one in (NAME, *properties, *COMMON)}
    for grid, properties in {
        "vms": (
            state("power", _("Power state"), "power_state", VmPower),
            state("connection", _("Connection"), "connection_state", VmConnection),
            state("tools", _("Guest Tools"), "tools_status", ToolsStatus),
            Property("guest", _("Guest OS"), CHOICE, "guest_id", choices=_guests),
            text("host", _("Host"), "host__name"),
            text("cluster", _("Cluster"), "host__cluster__name"),
            text("pool", _("Resource Pool"), "pool__name"),
            text("folder", _("Folder"), "folder__name"),
            Property("datastore", _("Datastore"), TEXT, condition=_datastore),
            Property("network", _("Network"), TEXT, condition=_network),
            number("cpus", _("CPUs"), "vcpus"),
            number("memory", _("Memory Size"), "memory_mib", "GB", 1024),
            computed("used", _("Used Space"), lambda: _disks("used_bytes") + F("swap_bytes"), "GB", GIB),
            computed("provisioned", _("Provisioned Space"),
                     lambda: _disks("capacity_bytes") + F("memory_mib") * 1024**2, "GB", GIB),
            Property("snapshot_age", _("Snapshot age (lab time)"), NUMBER, condition=_snapshot_age, unit=_("days"),
                     own_operators=("ge", "le")),
            computed("snapshots", _("Number of snapshots"), _snapshots),
            text("ip", _("IP Address"), "ip_address"),
            text("notes", _("Notes"), "notes"),
            yes_no("template", _("Template"), "template"),
            yes_no("consolidation", _("Needs consolidation"), "consolidation_needed"),
        ),
        "hosts": (
            state("connection", _("Connection"), "connection_state", HostConnection),
            state("power", _("Power state"), "power_state", HostPower),
            yes_no("maintenance", _("Maintenance mode"), "in_maintenance"),
            text("cluster", _("Cluster"), "cluster__name"),
            state("kind", _("Hypervisor"), "host_kind", HostKind),
            number("cores", _("CPU Cores"), "cores"),
            number("memory", _("Memory Size"), "memory_mib", "GB", 1024),
            text("model", _("Model"), "model"),
            text("version", _("Version"), "hypervisor_version"),
        ),
        "clusters": (
            text("datacenter", _("Datacenter"), "datacenter__name"),
            yes_no("drs", _("vSphere DRS"), "drs_enabled"),
            state("automation", _("DRS Automation"), "drs_automation", DrsBehavior),
            yes_no("ha", _("vSphere HA"), "ha_enabled"),
            yes_no("dpm", _("DPM"), "dpm_enabled"),
        ),
        "pools": (
            text("cluster", _("Cluster"), "cluster__name"),
            number("cpu_reservation", _("CPU Reservation"), "cpu_reservation_mhz", "MHz"),
            number("mem_reservation", _("Memory Reservation"), "memory_reservation_mib", "GB", 1024),
        ),
        "datastores": (
            state("type", _("Type"), "store_kind", DatastoreKind),
            number("capacity", _("Capacity"), "capacity_bytes", "GB", GIB),
            number("used", _("Used"), "used_bytes", "GB", GIB),
            yes_no("accessible", _("Accessible"), "accessible"),
            yes_no("local", _("Local"), "local"),
        ),
        "networks": (number("vlan", _("VLAN ID"), "vlan"),),
    }.items()
}  # fmt: skip
