"""The verbs that the inventory itself can be scheduled to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils.translation import gettext_lazy as _

from domain.faults import MethodFault
from domain.limits import DEFAULT_LIMITS
from domain.morefs import FolderKind
from domain.states import ToolsStatus, VmConnection, VmPower
from inventory import selectors
from inventory.grids.scopes import vms_of
from inventory.models import Task, VirtualMachine
from inventory.rights import vcenter_of
from inventory.scheduling.verbs import Many, Verb, add
from inventory.services import hosts, provisioning, snapshots, vapps, vms

CONTAINERS = ("vcenter", "datacenter", "folder", "cluster", "host", "pool", "datastore", "network")
AT_MOST = 200  # machines that one run of a container's verb touches
Args = Mapping[str, Any]


def simple(service: Callable[[Any, Any], Any]) -> Callable[[Any, Any, Args], Any]:
    """A verb without arguments."""
    return lambda user, obj, args: service(user, obj)


# --- one virtual machine ---------------------------------------------------------------------------------------------
def _snapshot_fields(user: Any, vm: Any) -> Mapping[str, forms.Field]:
    return {
        "name": forms.CharField(label=_("Snapshot name"), max_length=60, initial=_("Scheduled snapshot")),
        "memory": forms.BooleanField(label=_("Include the virtual machine's memory"), required=False),
        "quiesce": forms.BooleanField(label=_("Quiesce the guest file system"), required=False),
    }


def _take_snapshot(user: Any, vm: VirtualMachine, args: Args) -> Task:
    name = f"{args['name']} {_stamp(vm)}"
    memory = bool(args.get("memory"))
    return snapshots.take(user, vm, name, memory=memory, quiesce=bool(args.get("quiesce")) and not memory)


def _clone_fields(user: Any, vm: Any) -> Mapping[str, forms.Field]:
    most = DEFAULT_LIMITS.name_length - 14  # the time goes behind it
    help_text = _("The date and time of the run are added. The copy goes into the same folder and resource pool.")
    return {"name": forms.CharField(label=_("Name of the copy"), max_length=most, help_text=help_text)}


def _clone(user: Any, vm: VirtualMachine, args: Args) -> Task:
    return provisioning.clone(user, vm, name=f"{args['name']}-{_stamp(vm, '%Y%m%d-%H%M')}", folder=vm.folder)


def _deploy_fields(user: Any, template: Any) -> Mapping[str, forms.Field]:
    pools = selectors.pools_visible(user, template.vcenter).filter(cluster__datacenter=template.folder.datacenter)
    rows = pools.select_related("cluster").order_by("cluster__name", "parent_id", "name")[:AT_MOST]
    choices = [(p.moref, p.cluster.name if p.parent_id is None else f"{p.cluster.name} / {p.name}") for p in rows]
    return {
        **_clone_fields(user, template),
        "pool": forms.ChoiceField(label=_("Cluster or resource pool"), choices=choices),
        "power_on": forms.BooleanField(label=_("Power on after creation"), required=False),
    }


def _deploy(user: Any, template: VirtualMachine, args: Args) -> Task:
    pool = selectors.pool_for(user, template.vcenter, args["pool"])
    name, power_on = f"{args['name']}-{_stamp(template, '%Y%m%d-%H%M')}", bool(args.get("power_on"))
    return provisioning.clone(user, template, name=name, folder=template.folder, pool=pool, power_on=power_on)


def _stamp(vm: VirtualMachine, form: str = "%Y-%m-%d %H:%M") -> str:
    """The time on the wall of the vCenter."""
    return datetime.now(ZoneInfo(vm.vcenter.timezone)).strftime(form)


# --- all machines of a container -------------------------------------------------------------------------------------
def on_all(service: Callable[[Any, Any, Args], Task], **which: Any) -> Callable[[Any, Any, Args], Many]:
    """A verb that is done to each machine below the object that its owner sees and that is in the state `which`."""

    def run(user: Any, obj: Any, args: Args) -> Many:
        rows = selectors.vms_visible(user, vcenter_of(obj)).filter(
            vms_of(obj), template=False, connection_state=VmConnection.CONNECTED, provisioning=False, **which
        )
        tasks, fault, refused = [], None, 0
        for vm in rows.select_related("vcenter", "folder", "pool", "host", "host__cluster").order_by("name")[:AT_MOST]:
            try:
                tasks.append(service(user, vm, args))
            except MethodFault as error:
                fault, refused = fault or error, refused + 1
        if fault is not None and not tasks:
            raise fault
        return Many(tasks, refused)

    return run


def _reason_field(user: Any, host: Any) -> Mapping[str, forms.Field]:
    return {"reason": forms.CharField(label=_("Reason"), max_length=255, initial=_("Scheduled"))}


def _reboot(user: Any, host: Any, args: Args) -> Task:
    return hosts.reboot(user, host, args["reason"])


def _shut_down(user: Any, host: Any, args: Args) -> Task:
    return hosts.shut_down(user, host, args["reason"])


def _holds_machines(obj: Any) -> bool:
    """Folders of datastores and networks hold none."""
    return getattr(obj, "folder_kind", FolderKind.VM) not in (FolderKind.DATASTORE, FolderKind.NETWORK)


ON, OFF = {"power_state": VmPower.ON}, {"power_state": VmPower.OFF}
INTERACT = "VirtualMachine.Interact"
add(
    Verb("power-on", _("Power on"), ("vm",), f"{INTERACT}.PowerOn", simple(vms.power_on)),
    Verb("shutdown-guest", _("Shut down guest OS"), ("vm",), f"{INTERACT}.PowerOff", simple(vms.shutdown_guest)),
    Verb("power-off", _("Power off"), ("vm",), f"{INTERACT}.PowerOff", simple(vms.power_off)),
    Verb("restart-guest", _("Restart guest OS"), ("vm",), f"{INTERACT}.Reset", simple(vms.reboot_guest)),
    Verb("reset", _("Reset"), ("vm",), f"{INTERACT}.Reset", simple(vms.reset)),
    Verb("suspend", _("Suspend"), ("vm",), f"{INTERACT}.Suspend", simple(vms.suspend)),
    Verb("take-snapshot", _("Take snapshot"), ("vm",), "VirtualMachine.State.CreateSnapshot", _take_snapshot,
         _snapshot_fields),
    Verb("delete-snapshots", _("Delete all snapshots"), ("vm",), "VirtualMachine.State.RemoveSnapshot",
         simple(snapshots.remove_all)),
    Verb("clone", _("Clone"), ("vm",), "VirtualMachine.Provisioning.Clone", _clone, _clone_fields),
    Verb("host-reboot", _("Reboot host (in maintenance mode)"), ("host",), "Host.Config.Maintenance", _reboot,
         _reason_field),
    Verb("host-shut-down", _("Shut down host (in maintenance mode)"), ("host",), "Host.Config.Maintenance",
         _shut_down, _reason_field),
    Verb("host-power-on", _("Power on host"), ("host",), "Host.Config.Maintenance", simple(hosts.power_on)),
    Verb("deploy", _("Deploy a virtual machine"), ("template",), "VirtualMachine.Provisioning.DeployTemplate", _deploy,
         _deploy_fields),
    Verb("vapp-power-on", _("Power on vApp"), ("vapp",), "VApp.PowerOn", simple(vapps.power_on)),
    Verb("vapp-shut-down", _("Shut down vApp"), ("vapp",), "VApp.PowerOff", simple(vapps.shut_down)),
    Verb("vapp-suspend", _("Suspend vApp"), ("vapp",), "VApp.Suspend", simple(vapps.suspend)),
    Verb("power-on-vms", _("Power on all virtual machines"), CONTAINERS, f"{INTERACT}.PowerOn",
         on_all(simple(vms.power_on), **OFF), offered=_holds_machines),
    Verb("shut-down-vms", _("Shut down the guests of all virtual machines"), CONTAINERS, f"{INTERACT}.PowerOff",
         on_all(simple(vms.shutdown_guest), **ON, tools_status=ToolsStatus.OK), offered=_holds_machines),
    Verb("suspend-vms", _("Suspend all virtual machines"), CONTAINERS, f"{INTERACT}.Suspend",
         on_all(simple(vms.suspend), **ON), offered=_holds_machines),
    Verb("take-snapshots", _("Take a snapshot of all virtual machines"), (*CONTAINERS, "vapp"),
         "VirtualMachine.State.CreateSnapshot", on_all(_take_snapshot), _snapshot_fields, _holds_machines),
    Verb("delete-snapshots-of-vms", _("Delete all snapshots of all virtual machines"), (*CONTAINERS, "vapp"),
         "VirtualMachine.State.RemoveSnapshot",
         on_all(simple(snapshots.remove_all), current_snapshot__isnull=False), offered=_holds_machines),
)  # fmt: skip
