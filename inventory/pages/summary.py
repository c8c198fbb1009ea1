"""The Summary tab of every kind of object: what it is, how full it is, what it belongs to."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Q, Sum
from django.utils.translation import gettext_lazy as _

from domain import guests
from domain.hardware import CPU_GENERATIONS, SERVER_MODELS
from domain.morefs import Kind
from domain.resources import (
    HOST_OS_CPU_RATIO,
    HOST_OS_MEMORY_MIB,
    host_cpu_for_vms_mhz,
    host_memory_for_vms_mib,
)
from domain.states import ToolsStatus, VmPower
from inventory import format as forms
from inventory import history, selectors
from inventory.grids.kinds import GRIDS
from inventory.models import CustomValue, DatastoreMount, TagAssignment, VirtualDisk, VirtualMachine, VirtualNic
from inventory.pages import figures, vapps
from inventory.pages.capacity import capacity_of, storage_meter
from inventory.pages.figures import KIB, Figure, Meter, value
from inventory.pages.registry import SUMMARY, TAB_LABELS, VCENTER, Text, related, section


def _common(page: Any) -> dict[str, Any]:
    """Cards that every kind has: tags, custom attributes, what happened last."""
    here = {"vcenter": page.vc, "entity": page.moref}
    return {
        "tags": TagAssignment.objects.filter(**here).select_related("tag__category").order_by("tag__category__name"),
        "attributes": CustomValue.objects.filter(**here).exclude(value="").select_related("attribute"),
        "events": page.recent_events(),
    }


def vm_meters(page: Any, vm: VirtualMachine) -> list[Meter]:
    """CPU against what the VM's processors can do, active memory against its size, files against its disks."""
    cpu_mhz = float(vm.vcpus * vm.host.core_mhz)
    cpu = _known(page, "vm", vm.slot, figures.CPU_USAGE_MHZ) if vm.powered_on else 0.0
    memory = _known(page, "vm", vm.slot, figures.MEMORY_ACTIVE_KB) if vm.powered_on else 0.0
    space = vm.disks.aggregate(used=Sum("used_bytes"), all=Sum("capacity_bytes"))
    return [
        Meter(_("CPU"), cpu, cpu_mhz, forms.mhz, "MHz", f"{vm.moref} {figures.CPU_USAGE_MHZ}"),
        Meter(
            _("Active memory"),
            memory,
            float(vm.memory_mib * KIB),
            forms.kib,
            "KB",
            f"{vm.moref} {figures.MEMORY_ACTIVE_KB}",
        ),
        Meter(_("Storage"), float(space["used"] or 0), float(space["all"] or 0), forms.size),
    ]


def _known(page: Any, kind: str, slot: int, key: int) -> float | None:
    return value(page.latest, kind, slot, key)


def _figure(page: Any, kind: str, label: Any, key: int, unit: str) -> Figure:
    found = _known(page, kind, page.obj.slot, key)
    return Figure(label, found, unit, f"{page.moref} {key}")


@section(SUMMARY, "summary", _("Summary"), [Kind.VM], template="inventory/summary/vm.html")
def vm_summary(page: Any) -> dict[str, Any]:
    vm = page.obj
    disks = list(vm.disks.select_related("datastore__vcenter"))
    nics = list(vm.nics.select_related("network__vcenter"))
    cpu, net = figures.CPU_READY_MS, figures.NET_KBPS
    return _common(page) | {
        "vm": vm,
        "guest": guests.label(vm.guest_id),
        "prompt": guests.prompt(vm.guest_id, vm.name, runs=_guest_runs(vm)),
        "meters": vm_meters(page, vm),
        "disks": disks,
        "nics": nics,
        "datastores": list({disk.datastore_id: disk.datastore for disk in disks}.values()),
        "networks": list({nic.network_id: nic.network for nic in nics if nic.network}.values()),
        "figures": [
            _figure(page, "vm", _("CPU demand"), figures.CPU_DEMAND_MHZ, "MHz"),
            _figure(page, "vm", _("CPU ready"), cpu, "ms"),
            _figure(page, "vm", _("Memory active"), figures.MEMORY_ACTIVE_KB, "KB"),
            _figure(page, "vm", _("Memory ballooned"), figures.MEMORY_BALLOON_KB, "KB"),
            _figure(page, "vm", _("Memory swapped"), figures.MEMORY_SWAPPED_KB, "KB"),
            _figure(page, "vm", _("Network"), net, "KBps"),
            _figure(page, "vm", _("Disk"), figures.DISK_KBPS, "KBps"),
        ],
        "snapshots": vm.snapshots.count(),
    }


def _guest_runs(vm: Any) -> bool:
    """As far as can be told: without tools nobody says so."""
    return not vm.tools_installed or vm.tools_status == ToolsStatus.OK


@section(SUMMARY, "summary", _("Summary"), [Kind.HOST], template="inventory/summary/host.html")
def host_summary(page: Any) -> dict[str, Any]:
    host = page.obj
    vms = selectors.vms_visible(page.user, page.vc).filter(host=host, template=False)
    datastores = selectors.datastores_visible(page.user, page.vc).filter(hosts=host)
    server = SERVER_MODELS.get(host.model)
    uptime = _known(page, "host", host.slot, figures.UPTIME_S)
    return _common(page) | {
        "host": host,
        "server": f"{server.vendor} {server.model}" if server else f"{host.vendor} {host.model}",
        "meters": [*host_meters(page, host), storage_meter(datastores)],
        "power": _figure(page, "host", _("Power draw"), figures.POWER_W, "W"),
        "uptime": uptime,
        "vms": vms.aggregate(total=Count("pk"), on=Count("pk", filter=Q(power_state=VmPower.ON))),
        "for_vms_mhz": host_cpu_for_vms_mhz(host.cores, host.core_mhz, host.hosted),
        "for_vms_mib": host_memory_for_vms_mib(host.memory_mib, host.hosted),
        "host_os": {"pct": round(HOST_OS_CPU_RATIO * 100), "mib": HOST_OS_MEMORY_MIB} if host.hosted else None,
        "generation": _generation(host.cpu_generation),
        "datastores": list(datastores.select_related("vcenter").order_by("name")[:8]),
        "networks": list(
            selectors.networks_visible(page.user, page.vc).filter(hosts=host).select_related("vcenter")[:8]
        ),
    }


def host_meters(page: Any, host: Any) -> list[Meter]:
    cpu = _known(page, "host", host.slot, figures.CPU_USAGE_MHZ)
    memory = _known(page, "host", host.slot, figures.MEMORY_CONSUMED_KB)
    return [
        Meter(_("CPU"), cpu, float(host.capacity_mhz), forms.mhz, "MHz", f"{host.moref} {figures.CPU_USAGE_MHZ}"),
        Meter(
            _("Memory"),
            memory,
            float(host.memory_mib * KIB),
            forms.kib,
            "KB",
            f"{host.moref} {figures.MEMORY_CONSUMED_KB}",
        ),
    ]


def _generation(key: str) -> str:
    return CPU_GENERATIONS[key].label if key in CPU_GENERATIONS else key


@section(SUMMARY, "summary", _("Summary"), [Kind.CLUSTER], template="inventory/summary/cluster.html")
def cluster_summary(page: Any) -> dict[str, Any]:
    cluster = page.obj
    hosts = selectors.hosts_visible(page.user, page.vc).filter(cluster=cluster)
    vms = selectors.vms_visible(page.user, page.vc).filter(host__cluster=cluster, template=False)
    mounts = DatastoreMount.objects.filter(host__cluster=cluster).values("datastore")
    datastores = selectors.datastores_visible(page.user, page.vc).filter(pk__in=mounts)
    rows = list(hosts.order_by("name").select_related("vcenter"))
    return _common(page) | {
        "cluster": cluster,
        "hosts": rows,
        "usable": sum(host.usable for host in rows),
        "cores": sum(host.cores for host in rows),
        "threads": sum(host.threads for host in rows),
        "meters": capacity_of(hosts, datastores, page.latest),
        "vms": vms.aggregate(total=Count("pk"), on=Count("pk", filter=Q(power_state=VmPower.ON))),
        "pools": cluster.pools.filter(parent__isnull=False).aggregate(
            plain=Count("pk", filter=Q(is_vapp=False)), vapps=Count("pk", filter=Q(is_vapp=True))
        ),
        "datastores": list(datastores.select_related("vcenter").order_by("name")[:8]),
        "networks": list(
            selectors.networks_visible(page.user, page.vc)
            .filter(hosts__cluster=cluster)
            .distinct()
            .select_related("vcenter")
            .order_by("name")[:8]
        ),
        "migrations": _migrations(cluster),
        "evc": _generation(cluster.evc_mode) if cluster.evc_mode else "",
    }


def _migrations(cluster: Any) -> int:
    """vMotions that this cluster has seen, as far as its events are kept."""
    return history.events_of(cluster).filter(type__in=("VmMigratedEvent", "DrsVmMigratedEvent")).count()


@section(SUMMARY, "summary", _("Summary"), [Kind.POOL], template="inventory/summary/pool.html")
def pool_summary(page: Any) -> dict[str, Any]:
    pool = page.obj
    vms = selectors.vms_visible(page.user, page.vc).filter(pool=pool)
    return _common(page) | {
        "pool": pool,
        "vapp": vapps.summary_of(page) if pool.is_vapp else None,
        "vms": vms.aggregate(total=Count("pk"), on=Count("pk", filter=Q(power_state=VmPower.ON))),
        "children": selectors.pools_visible(page.user, page.vc).filter(parent=pool).count(),
        "figures": [
            _figure(page, "pool", _("CPU usage"), figures.CPU_USAGE_MHZ, "MHz"),
            _figure(page, "pool", _("CPU demand"), figures.CPU_DEMAND_MHZ, "MHz"),
            _figure(page, "pool", _("Memory consumed"), figures.MEMORY_CONSUMED_KB, "KB"),
            _figure(page, "pool", _("Memory active"), figures.MEMORY_ACTIVE_KB, "KB"),
            _figure(page, "pool", _("Memory granted"), figures.MEMORY_GRANTED_KB, "KB"),
        ],
    }


@section(SUMMARY, "summary", _("Summary"), [Kind.DATASTORE], template="inventory/summary/datastore.html")
def datastore_summary(page: Any) -> dict[str, Any]:
    store = page.obj
    on_it = VirtualDisk.objects.filter(datastore=store).values("vm")
    vms = selectors.vms_visible(page.user, page.vc).filter(pk__in=on_it)
    hosts = selectors.hosts_visible(page.user, page.vc).filter(datastores=store)
    used, capacity = float(store.used_bytes), float(store.capacity_bytes)
    return _common(page) | {
        "store": store,
        "meters": [
            Meter(_("Used space"), used, capacity, forms.size),
            Meter(_("Provisioned space"), float(store.provisioned_bytes), capacity, forms.size),
        ],
        "vm_count": vms.count(),
        "host_count": hosts.count(),
        "figures": [
            _figure(page, "datastore", _("Read latency"), 182, "ms"),
            _figure(page, "datastore", _("Write latency"), 183, "ms"),
            _figure(page, "datastore", _("Read rate"), 178, "IO/s"),
            _figure(page, "datastore", _("Write rate"), 179, "IO/s"),
            _figure(page, "datastore", _("Throughput"), figures.DISK_KBPS, "KBps"),
        ],
    }


@section(SUMMARY, "summary", _("Summary"), [Kind.NETWORK], template="inventory/summary/network.html")
def network_summary(page: Any) -> dict[str, Any]:
    network = page.obj
    on_it = VirtualNic.objects.filter(network=network).values("vm")
    vms = selectors.vms_visible(page.user, page.vc).filter(pk__in=on_it)
    hosts = selectors.hosts_visible(page.user, page.vc).filter(networks=network)
    return _common(page) | {
        "network": network,
        "vm_count": vms.count(),
        "host_count": hosts.count(),
        "connected": network.nics.filter(connected=True).count(),
    }


@section(
    SUMMARY,
    "summary",
    _("Summary"),
    [VCENTER, Kind.DATACENTER, Kind.FOLDER],
    template="inventory/summary/container.html",
)
def container_summary(page: Any) -> dict[str, Any]:
    """A vCenter, a datacenter or a folder: what lies below it, and how full that is."""
    below = _Below(page)
    counts = [(kind, number) for kind, number in below.counts() if number]
    return _common(page) | {
        "counts": counts,
        "meters": capacity_of(below.hosts, below.datastores, page.latest) if below.computes else [],
        "states": below.vm_states(),
    }


class _Below:
    """Everything under a container that the person can see."""

    def __init__(self, page: Any) -> None:
        self.page, self.obj = page, page.obj
        self.kind = str(getattr(self.obj, "folder_kind", ""))
        self.computes = self.kind in ("", "datacenter", "host")

    def _rows(self, slug: str) -> Any:
        return GRIDS[slug].rows(self.page.user, self.page.vc, self.obj)

    @property
    def hosts(self) -> Any:
        return self._rows("hosts")

    @property
    def datastores(self) -> Any:
        return self._rows("datastores")

    def counts(self) -> list[tuple[Text, int]]:
        return [(TAB_LABELS[slug], self._rows(slug).order_by().count()) for slug in related(self.obj)]

    def vm_states(self) -> dict[str, int] | None:
        if self.kind in ("datastore", "network"):
            return None
        rows = self._rows("vms").order_by().filter(template=False).values_list("power_state")
        found = dict(rows.annotate(number=Count("pk")))
        return {"on": found.get(VmPower.ON, 0), "off": found.get(VmPower.OFF, 0),
                "suspended": found.get(VmPower.SUSPENDED, 0)}  # fmt: skip
