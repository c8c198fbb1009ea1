"""The Configure tab: settings as they are, each with the action that changes them."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from domain.guests import label as guest_label
from domain.hardware import CPU_GENERATIONS
from domain.morefs import Kind
from domain.states import BusSharing, Passthrough
from inventory import actions, selectors, words
from inventory.actions import Action, Context
from inventory.actions.menus import item
from inventory.models import DatastoreMount, VirtualNic
from inventory.pages.registry import CONFIGURE, VCENTER, section

MACHINES_SHOWN = 600
VMOTION = Action("vmotion-adapter", _("Edit Settings"), "Host.Config.Network", dialog="vmotion-adapter")


def edit(page: Any, *keys: str) -> Any:
    """The action that changes what a section shows: the first of these that the object has, or None."""
    found = {item.key: item for item in flat(actions.for_object(page.user, page.obj).items)}
    return next((found[key] for key in keys if key in found), None)


def flat(items: Any) -> list[Any]:
    return [one for item in items for one in ([item, *flat(item.items)])]


@section(CONFIGURE, "general", _("General"), [Kind.VM], group="settings", template="inventory/configure/vm.html")
def vm_general(page: Any) -> dict[str, Any]:
    vm = page.obj
    return {
        "vm": vm,
        "guest": guest_label(vm.guest_id),
        "edit": edit(page, "edit-settings", "edit"),
        "passthrough": words.of(Passthrough, vm.passthrough),
        "bus_sharing": words.of(BusSharing, vm.bus_sharing),
    }


@section(CONFIGURE, "general", _("General"), [VCENTER], group="settings", template="inventory/configure/vcenter.html")
def vcenter_general(page: Any) -> dict[str, Any]:
    return {}


@section(
    CONFIGURE,
    "general",
    _("General"),
    [Kind.CLUSTER],
    group="configuration",
    template="inventory/configure/cluster.html",
)
def cluster_general(page: Any) -> dict[str, Any]:
    return {"cluster": page.obj, "edit": edit(page, "cluster-settings", "settings", "edit")}


@section(CONFIGURE, "evc", _("VMware EVC"), [Kind.CLUSTER], group="configuration")
def evc(page: Any) -> dict[str, Any]:
    """The mode, and which hosts could follow which baseline."""
    hosts = selectors.hosts_visible(page.user, page.vc).filter(cluster=page.obj).select_related("vcenter")
    generations = CPU_GENERATIONS
    return {
        "mode": generations[page.obj.evc_mode].label if page.obj.evc_mode in generations else "",
        "hosts": [(host, generations.get(host.cpu_generation)) for host in hosts.order_by("name")],
    }


@section(CONFIGURE, "resources", _("Resource Settings"), [Kind.POOL], group="settings")
def pool_resources(page: Any) -> dict[str, Any]:
    return {"pool": page.obj, "edit": edit(page, "edit-resource-settings", "edit-pool", "edit")}


@section(CONFIGURE, "switches", _("Virtual switches"), [Kind.HOST], group="networking")
def switches(page: Any) -> dict[str, Any]:
    """The host's switch: its port groups on one side, its physical adapters on the other."""
    rows = selectors.networks_visible(page.user, page.vc).filter(hosts=page.obj).select_related("vcenter")
    networks = list(rows.order_by("name"))
    here = VirtualNic.objects.filter(vm__host=page.obj, network__in=networks, vm__deleted_at__isnull=True)
    count: dict[int, int] = {}
    for pk in here.order_by().values_list("network", flat=True):
        count[pk] = count.get(pk, 0) + 1
    return {"groups": [(network, count.get(network.pk, 0)) for network in networks], "adapters": adapters_of(page.obj)}


def adapters_of(host: Any) -> list[dict[str, Any]]:
    """Physical adapters: vmnic0 carries the VMs, vmnic1 carries vMotion."""
    uses = (_("Virtual machines"), _("vMotion"))
    return [
        {"name": f"vmnic{i}", "mbps": speed, "down": i in host.nics_down, "use": uses[i] if i < len(uses) else ""}
        for i, speed in enumerate(host.nic_mbps)
    ]


@section(CONFIGURE, "vmkernel", _("VMkernel adapters"), [Kind.HOST], group="networking")
def vmkernel(page: Any) -> dict[str, Any]:
    """The adapter that vMotion uses: whether it is on, on which physical adapter, in which IP family."""
    host = page.obj
    number = host.vmotion_nic
    return {
        "host": host,
        "adapter": adapters_of(host)[number] if number >= 0 else None,
        "edit": item(VMOTION, Context(page.user, host, busy={})),
    }


@section(CONFIGURE, "adapters", _("Physical adapters"), [Kind.HOST], group="networking")
def adapters(page: Any) -> dict[str, Any]:
    return {"adapters": adapters_of(page.obj)}


@section(CONFIGURE, "devices", _("Storage devices"), [Kind.HOST], group="storage")
def devices(page: Any) -> dict[str, Any]:
    rows = DatastoreMount.objects.filter(host=page.obj).select_related("datastore__vcenter")
    return {"mounts": rows.order_by("datastore__name")}


@section(CONFIGURE, "power", _("Power Management"), [Kind.HOST], group="system")
def power(page: Any) -> dict[str, Any]:
    """How the host is woken from standby."""
    return {"host": page.obj, "edit": edit(page, "power-management", "host-power-management")}


@section(CONFIGURE, "overview", _("Hardware overview"), [Kind.HOST], group="hardware")
def hardware(page: Any) -> dict[str, Any]:
    generation = CPU_GENERATIONS.get(page.obj.cpu_generation)
    return {"host": page.obj, "generation": generation.label if generation else page.obj.cpu_generation}


@section(
    CONFIGURE,
    "general",
    _("General"),
    [Kind.DATASTORE],
    group="settings",
    template="inventory/configure/datastore.html",
)
def datastore_general(page: Any) -> dict[str, Any]:
    return {"store": page.obj}


@section(CONFIGURE, "connectivity", _("Connectivity with hosts"), [Kind.DATASTORE], group="settings")
def connectivity(page: Any) -> dict[str, Any]:
    visible = selectors.hosts_visible(page.user, page.vc)
    rows = DatastoreMount.objects.filter(datastore=page.obj, host__in=visible).select_related("host__vcenter")
    return {"mounts": rows.order_by("host__name")}


@section(CONFIGURE, "topology", _("Topology"), [Kind.NETWORK], group="networking")
def topology(page: Any) -> dict[str, Any]:
    """Which machines hang on this network on which host."""
    rows = selectors.hosts_visible(page.user, page.vc).filter(networks=page.obj).select_related("vcenter")
    hosts = list(rows.order_by("name")[:100])
    vms = selectors.vms_visible(page.user, page.vc).filter(nics__network=page.obj, host__in=hosts).distinct()
    by_host: dict[int, list[Any]] = {host.pk: [] for host in hosts}
    for vm in vms.select_related("vcenter").order_by("name")[:MACHINES_SHOWN]:
        by_host[vm.host_id].append(vm)
    return {"network": page.obj, "columns": [(host, by_host[host.pk]) for host in hosts]}
