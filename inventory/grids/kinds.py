"""The grids of the client, one per kind of object, named as the related-object tabs are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Any

from django.db.models import BigIntegerField, Count, F, Func, OuterRef, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from domain import guests
from domain.morefs import Kind
from domain.states import DatastoreKind, DrsBehavior, HostConnection, HostKind, HostPower, Status, ToolsStatus, VmPower
from inventory import selectors, words
from inventory.grids import scopes
from inventory.grids.columns import Column, Facts, Filter, Style, Text, attribute, fact
from inventory.grids.grid import Grid
from inventory.grids.render import icon_of
from inventory.models import Cluster, Host, ResourcePool, VirtualDisk, VirtualMachine, VirtualNic

GIB = 1024**3


# --- columns that many grids share -----------------------------------------------------------------------------------
def name_column() -> Column:
    return Column("name", _("Name"), attribute("name"), Style.NAME, order="name", filter=Filter.TEXT)


def status_column() -> Column:
    return word("status", _("Status"), "overall_status", Status)


def link_column(key: str, label: Text, path: str, shown: bool = True) -> Column:
    """A link to a related object that the row holds: `path` is the attribute and the ORM path."""
    order = f"{path.replace('.', '__')}__name"
    return Column(key, label, attribute(path), Style.LINK, order=order, filter=Filter.TEXT, shown=shown)


def count_column(key: str, label: Text, shown: bool = True) -> Column:
    return Column(key, label, fact(key), Style.NUMBER, shown=shown)


def live_column(
    kind: str, key: str, label: Text, counter: int, style: Style, *, factor: float = 1.0, scale: float = 1.0,
    unit: str = "", shown: bool = True, hint: Text = "",
) -> Column:  # fmt: skip
    """A figure of the latest sample. `factor` turns the counter's unit into the style's, `scale` is for the filter."""

    def value(row: Any, facts: Facts) -> float | None:
        figure = facts.figure(kind, counter, row.slot)
        return None if figure is None else figure * factor

    return Column(
        key, label, value, style, counter=counter, scale=scale / factor, unit=unit, filter=Filter.RANGE,
        shown=shown, hint=hint,
    )  # fmt: skip


def percent(kind: str, key: str, label: Text, counter: int, **more: Any) -> Column:
    return live_column(kind, key, label, counter, Style.BAR, factor=0.01, unit="%", **more)


def megabytes(kind: str, key: str, label: Text, counter: int, **more: Any) -> Column:
    """A memory counter in KB, shown as MB and filtered in GB."""
    return live_column(kind, key, label, counter, Style.MIB, factor=1 / 1024, scale=1024, unit="GB", **more)


def megahertz(kind: str, key: str, label: Text, counter: int, **more: Any) -> Column:
    return live_column(kind, key, label, counter, Style.MHZ, unit="MHz", **more)


def stored(key: str, label: Text, order: str, style: Style, *, scale: float = 1, unit: str = "", **more: Any) -> Column:
    """A number that the row itself has."""
    value = attribute(order.replace("__", "."))
    return Column(key, label, value, style, order=order, scale=scale, unit=unit, filter=Filter.RANGE, **more)


def word(key: str, label: Text, order: str, enum: type[StrEnum], **more: Any) -> Column:
    """A state: one of an enum's values."""
    value = attribute(order.replace("__", "."))
    return Column(key, label, value, Style.STATE, order=order, filter=Filter.CHOICE, enum=enum, **more)


def counted(rows: Sequence[Any], facts: Facts, key: str, query: Any, by: str) -> None:
    """Count related rows per row of the page, in one query."""
    pairs = query.filter(**{f"{by}__in": [r.pk for r in rows]}).values_list(by).annotate(n=Count("pk", distinct=True))
    counts = dict(pairs.order_by())
    for row in rows:
        facts.sums.setdefault(row.pk, {})[key] = counts.get(row.pk, 0)


# --- virtual machines ------------------------------------------------------------------------------------------------
def _vm_space(rows: Sequence[Any], facts: Facts) -> None:
    disks = VirtualDisk.objects.filter(vm__in=[r.pk for r in rows]).values("vm")
    for line in disks.annotate(size=Sum("capacity_bytes"), used=Sum("used_bytes")).order_by():
        facts.sums[line["vm"]] = {"provisioned": line["size"], "used": line["used"]}
    for row in rows:
        own = facts.sums.setdefault(row.pk, {"provisioned": 0, "used": 0})
        own["provisioned"] += row.memory_mib * 1024**2  # the swap file
        own["used"] += row.swap_bytes


def _disk_sum(field: str) -> Any:
    """The sum over the disks of each VM."""
    # An aggregate by its plain name: Django would group by the machine, which costs a tenth of a sort of 40,000.
    disks = VirtualDisk.objects.filter(vm=OuterRef("pk")).order_by().annotate(total=Func(F(field), function="SUM"))
    return Coalesce(Subquery(disks.values("total"), output_field=BigIntegerField()), 0)


def _space(name: str, counter: int) -> Callable[[Any, Facts], Any]:
    """Bytes as the newest sample has them, by which the grid is sorted; what the database knows where there is none."""

    def read(row: Any, facts: Facts) -> Any:
        sampled_kib = facts.figure("vm", counter, row.slot)
        return facts.of(row).get(name) if sampled_kib is None else sampled_kib * 1024

    return read


def _vm_columns() -> tuple[Column, ...]:
    return (
        name_column(),
        replace(word("state", _("State"), "power_state", VmPower), value=lambda r, f: words.vm_state(r)),
        status_column(),
        Column("provisioned", _("Provisioned Space"), _space("provisioned", 282), Style.BYTES, sorts_by_counter=282,
               sorts_by=lambda: _disk_sum("capacity_bytes") + F("memory_mib") * 1024**2),
        Column("used", _("Used Space"), _space("used", 281), Style.BYTES, sorts_by_counter=281,
               sorts_by=lambda: _disk_sum("used_bytes") + F("swap_bytes")),
        percent("vm", "cpu", _("CPU"), 2, hint=_("CPU use, of what the virtual machine has")),
        megahertz("vm", "host_cpu", _("Host CPU"), 6),
        megabytes("vm", "host_mem", _("Host Mem"), 98, hint=_("Host memory consumed")),
        percent("vm", "guest_mem", _("Guest Mem"), 24, shown=False, hint=_("Active guest memory, of what it has")),
        link_column("host", _("Host"), "host"),
        link_column("cluster", _("Cluster"), "host.cluster", shown=False),
        link_column("pool", _("Resource Pool"), "pool", shown=False),
        link_column("folder", _("Folder"), "folder", shown=False),
        stored("vcpus", _("CPUs"), "vcpus", Style.NUMBER, shown=False),
        stored("memory", _("Memory Size"), "memory_mib", Style.MIB, scale=1024, unit="GB", shown=False),
        Column("ip", _("IP Address"), attribute("ip_address"), order="ip_address", filter=Filter.TEXT, shown=False),
        Column("guest", _("Guest OS"), lambda r, f: guests.label(r.guest_id), order="guest_id", shown=False),
        word("tools", _("Guest Tools"), "tools_status", ToolsStatus, shown=False),
        live_column("vm", "ready", _("CPU Ready"), 12, Style.NUMBER, unit="ms", shown=False,
                    hint=_("Time that the CPUs waited for a host CPU, per 20 s sample")),
        megabytes("vm", "active", _("Active Memory"), 33, shown=False),
        megabytes("vm", "ballooned", _("Ballooned Memory"), 90, shown=False),
        live_column("vm", "uptime", _("Uptime"), 155, Style.DURATION, scale=3600, unit="h", shown=False),
        Column("notes", _("Notes"), attribute("notes"), order="notes", filter=Filter.TEXT, shown=False),
    )  # fmt: skip


VMS = Grid(
    "vms", "vm", _("Virtual Machines"), _vm_columns(),
    visible=lambda user, vc: selectors.vms_visible(user, vc),
    scope=scopes.vms_of, icon=icon_of, related=("host", "host__cluster", "pool", "folder"), prepare=_vm_space,
    search=("name", "ip_address", "notes", "moref"),
    redundant={Kind.HOST: frozenset({"host", "cluster"}), Kind.CLUSTER: frozenset({"cluster"}),
               Kind.POOL: frozenset({"cluster"})},
)  # fmt: skip


# --- hosts -----------------------------------------------------------------------------------------------------------
def _host_counts(rows: Sequence[Any], facts: Facts) -> None:
    counted(rows, facts, "vms", VirtualMachine.objects.filter(template=False), "host")


HOSTS = Grid(
    "hosts", "host", _("Hosts"),
    (
        name_column(),
        replace(word("state", _("State"), "connection_state", HostConnection), value=lambda r, f: words.host_state(r)),
        word("power", _("Power"), "power_state", HostPower, shown=False),
        status_column(),
        link_column("cluster", _("Cluster"), "cluster"),
        percent("host", "cpu", _("Consumed CPU"), 2),
        percent("host", "mem", _("Consumed Memory"), 24),
        megahertz("host", "cpu_mhz", _("CPU Used"), 6, shown=False),
        megabytes("host", "mem_used", _("Memory Used"), 98, shown=False),
        count_column("vms", _("VMs")),
        word("kind", _("Hypervisor"), "host_kind", HostKind),
        stored("cores", _("CPU Cores"), "cores", Style.NUMBER, shown=False),
        stored("memory", _("Memory Size"), "memory_mib", Style.MIB, scale=1024, unit="GB"),
        Column("model", _("Model"), lambda r, f: f"{r.vendor} {r.model}", order="model", filter=Filter.TEXT,
               shown=False),
        Column("version", _("Version"), attribute("hypervisor_version"), order="hypervisor_version", shown=False),
        live_column("host", "watts", _("Power Usage"), 157, Style.NUMBER, unit="W", shown=False),
        live_column("host", "uptime", _("Uptime"), 155, Style.DURATION, scale=3600, unit="h"),
    ),
    visible=lambda user, vc: selectors.hosts_visible(user, vc),
    scope=scopes.hosts_of, icon=icon_of, related=("cluster",), prepare=_host_counts,
    search=("name", "model", "vendor", "moref"),
    redundant={Kind.CLUSTER: frozenset({"cluster"})},
)  # fmt: skip


# --- clusters, datacenters, pools, folders ---------------------------------------------------------------------------
def _cluster_counts(rows: Sequence[Any], facts: Facts) -> None:
    counted(rows, facts, "hosts", Host.objects, "cluster")
    counted(rows, facts, "vms", VirtualMachine.objects.filter(template=False), "host__cluster")
    capacity = Host.objects.filter(cluster__in=[r.pk for r in rows]).values("cluster")
    for line in capacity.annotate(mhz=Sum(F("cores") * F("core_mhz")), mib=Sum("memory_mib")).order_by():
        facts.sums.setdefault(line["cluster"], {}).update(mhz=line["mhz"], mib=line["mib"])


CLUSTERS = Grid(
    "clusters", "cluster", _("Clusters"),
    (
        name_column(),
        status_column(),
        link_column("datacenter", _("Datacenter"), "datacenter"),
        count_column("hosts", _("Hosts")),
        count_column("vms", _("VMs")),
        Column("cpu_total", _("Available CPU"), fact("mhz"), Style.MHZ, shown=False),
        Column("mem_total", _("Available Memory"), fact("mib"), Style.MIB),
        percent("cluster", "cpu", _("Consumed CPU"), 2),
        percent("cluster", "mem", _("Consumed Memory"), 24),
        Column("drs", _("vSphere DRS"), attribute("drs_enabled"), Style.YES_NO, order="drs_enabled"),
        word("automation", _("DRS Automation"), "drs_automation", DrsBehavior, shown=False),
        Column("ha", _("vSphere HA"), attribute("ha_enabled"), Style.YES_NO, order="ha_enabled"),
        Column("dpm", _("DPM"), attribute("dpm_enabled"), Style.YES_NO, order="dpm_enabled", shown=False),
    ),
    visible=lambda user, vc: selectors.clusters_visible(user, vc),
    scope=scopes.clusters_of, icon=icon_of, related=("datacenter",), prepare=_cluster_counts,
    redundant={Kind.DATACENTER: frozenset({"datacenter"})},
)  # fmt: skip


def _datacenter_counts(rows: Sequence[Any], facts: Facts) -> None:
    counted(rows, facts, "clusters", Cluster.objects.filter(standalone=False), "datacenter")
    counted(rows, facts, "hosts", Host.objects, "cluster__datacenter")
    counted(rows, facts, "vms", VirtualMachine.objects.filter(template=False), "folder__datacenter")


DATACENTERS = Grid(
    "datacenters", "", _("Datacenters"),
    (
        name_column(),
        status_column(),
        count_column("clusters", _("Clusters")),
        count_column("hosts", _("Hosts")),
        count_column("vms", _("VMs")),
    ),
    visible=lambda user, vc: selectors.datacenters_visible(user, vc),
    scope=scopes.datacenters_of, icon=icon_of, prepare=_datacenter_counts,
)  # fmt: skip


def _pool_counts(rows: Sequence[Any], facts: Facts) -> None:
    counted(rows, facts, "vms", VirtualMachine.objects, "pool")
    counted(rows, facts, "pools", ResourcePool.objects, "parent")


POOLS = Grid(
    "pools", "pool", _("Resource Pools"),
    (
        name_column(),
        status_column(),
        link_column("parent", _("Parent"), "parent"),
        count_column("pools", _("Pools"), shown=False),
        count_column("vms", _("VMs")),
        stored("cpu_reservation", _("CPU Reservation"), "cpu_reservation_mhz", Style.MHZ, unit="MHz"),
        Column("cpu_limit", _("CPU Limit"), attribute("cpu_limit_mhz"), Style.MHZ, order="cpu_limit_mhz"),
        stored("cpu_shares", _("CPU Shares"), "cpu_shares", Style.NUMBER),
        stored("mem_reservation", _("Memory Reservation"), "memory_reservation_mib", Style.MIB, scale=1024, unit="GB"),
        Column("mem_limit", _("Memory Limit"), attribute("memory_limit_mib"), Style.MIB, order="memory_limit_mib"),
        stored("mem_shares", _("Memory Shares"), "memory_shares", Style.NUMBER),
        megahertz("pool", "cpu", _("CPU Used"), 6, shown=False),
        megabytes("pool", "mem", _("Memory Used"), 98, shown=False),
    ),
    visible=lambda user, vc: selectors.pools_visible(user, vc),
    scope=scopes.pools_of, icon=icon_of, related=("parent", "cluster"), prepare=_pool_counts,
)  # fmt: skip

FOLDERS = Grid(
    "folders", "", _("Folders"),
    (name_column(), status_column(), link_column("parent", _("Parent"), "parent")),
    visible=lambda user, vc: selectors.folders_visible(user, vc),
    scope=scopes.folders_of, icon=icon_of, related=("parent",),
)  # fmt: skip


# --- storage and networks --------------------------------------------------------------------------------------------
def _datastore_counts(rows: Sequence[Any], facts: Facts) -> None:
    counted(rows, facts, "hosts", Host.objects, "mounts__datastore")
    counted(rows, facts, "vms", VirtualMachine.objects, "disks__datastore")


def _used_pct(row: Any, facts: Facts) -> float:
    return 100 * row.used_bytes / row.capacity_bytes if row.capacity_bytes else 0.0


DATASTORES = Grid(
    "datastores", "datastore", _("Datastores"),
    (
        name_column(),
        status_column(),
        word("type", _("Type"), "store_kind", DatastoreKind),
        link_column("datacenter", _("Datacenter"), "datacenter", shown=False),
        stored("capacity", _("Capacity"), "capacity_bytes", Style.BYTES, scale=GIB, unit="GB"),
        stored("used", _("Used"), "used_bytes", Style.BYTES, scale=GIB, unit="GB"),
        Column("free", _("Free"), attribute("free_bytes"), Style.BYTES,
               sorts_by=lambda: F("capacity_bytes") - F("used_bytes")),
        Column("usage", _("Usage"), _used_pct, Style.BAR, unit="%",
               sorts_by=lambda: F("used_bytes") * 1.0 / F("capacity_bytes")),
        stored("provisioned", _("Provisioned"), "provisioned_bytes", Style.BYTES, scale=GIB, unit="GB", shown=False),
        Column("local", _("Local"), attribute("local"), Style.YES_NO, order="local"),
        Column("ssd", "SSD", attribute("ssd"), Style.YES_NO, order="ssd", shown=False),
        Column("accessible", _("Accessible"), attribute("accessible"), Style.YES_NO, order="accessible", shown=False),
        count_column("hosts", _("Hosts")),
        count_column("vms", _("VMs")),
    ),
    visible=lambda user, vc: selectors.datastores_visible(user, vc),
    scope=scopes.datastores_of, icon=icon_of, related=("datacenter",), prepare=_datastore_counts,
)  # fmt: skip


def _network_counts(rows: Sequence[Any], facts: Facts) -> None:
    counted(rows, facts, "hosts", Host.objects, "host_networks__network")
    counted(rows, facts, "adapters", VirtualNic.objects.filter(vm__deleted_at__isnull=True), "network")
    counted(rows, facts, "vms", VirtualMachine.objects, "nics__network")


NETWORKS = Grid(
    "networks", "", _("Networks"),
    (
        name_column(),
        status_column(),
        stored("vlan", _("VLAN ID"), "vlan", Style.NUMBER),
        link_column("datacenter", _("Datacenter"), "datacenter"),
        count_column("hosts", _("Hosts")),
        count_column("vms", _("VMs")),
        count_column("adapters", _("Network Adapters"), shown=False),
    ),
    visible=lambda user, vc: selectors.networks_visible(user, vc),
    scope=scopes.networks_of, icon=icon_of, related=("datacenter",), prepare=_network_counts,
    redundant={Kind.DATACENTER: frozenset({"datacenter"})},
)  # fmt: skip

GRIDS: dict[str, Grid] = {g.key: g for g in (VMS, HOSTS, CLUSTERS, DATACENTERS, POOLS, FOLDERS, DATASTORES, NETWORKS)}
