"""When an action applies, as sentences: each rule returns None, or why it does not apply now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from domain.states import HostConnection, HostPower, StandbyMode, ToolsStatus, VmConnection, VmPower
from inventory import vapps
from inventory.models import Cluster, Datastore, Folder, Host, ResourcePool, VirtualMachine
from inventory.services import leaving

Rule = Callable[[Any], str | None]

POWERED_ON = gettext_lazy("The virtual machine is powered on. Power it off first.")
POWERED_OFF = gettext_lazy("The virtual machine is powered off.")
SUSPENDED = gettext_lazy("The virtual machine is suspended. Resume it or power it off first.")


def first(*rules: Rule) -> Rule:
    """The first objection of several rules."""

    def rule(obj: Any) -> str | None:
        return next((reason for check in rules if (reason := check(obj))), None)

    return rule


# --- virtual machines ------------------------------------------------------------------------------------------------
def vm_reachable(vm: VirtualMachine) -> str | None:
    if vm.provisioning:
        return _("The virtual machine is still being created.")
    if vm.connection_state != VmConnection.CONNECTED:
        return _("The host of the virtual machine does not answer, so its state is not known.")
    return None


def vm_off(vm: VirtualMachine) -> str | None:
    if vm.power_state == VmPower.ON:
        return str(POWERED_ON)
    return str(SUSPENDED) if vm.power_state == VmPower.SUSPENDED else None


def vm_on(vm: VirtualMachine) -> str | None:
    if vm.power_state == VmPower.OFF:
        return str(POWERED_OFF)
    return _("The virtual machine is suspended.") if vm.power_state == VmPower.SUSPENDED else None


def vm_not_off(vm: VirtualMachine) -> str | None:
    return str(POWERED_OFF) if vm.power_state == VmPower.OFF else None


def vm_can_start(vm: VirtualMachine) -> str | None:
    return _("The virtual machine is already powered on.") if vm.power_state == VmPower.ON else None


def vm_suspended(vm: VirtualMachine) -> str | None:
    return None if vm.power_state == VmPower.SUSPENDED else _("The virtual machine is not suspended.")


def vm_tools(vm: VirtualMachine) -> str | None:
    if vm.tools_status == ToolsStatus.OK:
        return None
    return _("Guest tools are not running in the virtual machine. Use the hard power operation instead.")


def vm_has_snapshot(vm: VirtualMachine) -> str | None:
    return None if vm.current_snapshot_id else _("The virtual machine has no snapshot.")


def vm_needs_consolidation(vm: VirtualMachine) -> str | None:
    return None if vm.consolidation_needed else _("The disks need no consolidation.")


# --- hosts -----------------------------------------------------------------------------------------------------------
def host_connected(host: Host) -> str | None:
    match host.connection_state:
        case HostConnection.CONNECTED:
            return None
        case HostConnection.DISCONNECTED:
            return _("The host is disconnected.")
    return _("The host is not responding.")


def host_not_connected(host: Host) -> str | None:
    return _("The host is already connected.") if host.connection_state == HostConnection.CONNECTED else None


def host_not_disconnected(host: Host) -> str | None:
    if host.connection_state == HostConnection.DISCONNECTED:
        return _("The host is already disconnected.")
    return None


def host_running(host: Host) -> str | None:
    if host.standby_mode != StandbyMode.NONE:
        return _("The host is in standby mode.")
    return _("The host is powered off.") if host.power_state == HostPower.OFF else None


def host_stopped(host: Host) -> str | None:
    if host.power_state in (HostPower.OFF, HostPower.STANDBY):
        return None
    return _("The host is not powered off.")


def host_removable(host: Host) -> str | None:
    if not leaving.removable(host):
        return _("Put the host in maintenance mode or disconnect it first.")
    return _all_off(VirtualMachine.objects.filter(host=host))


def _all_off(machines: Any) -> str | None:
    """What runs does not leave the inventory with its host."""
    names = list(machines.exclude(power_state=VmPower.OFF).order_by("name").values_list("name", flat=True)[:3])
    return _("Power off or move these first: %(names)s.") % {"names": ", ".join(names)} if names else None


def host_usable(host: Host) -> str | None:
    return None if host.usable else _("The host cannot run virtual machines now.")


# --- containers ------------------------------------------------------------------------------------------------------
def cluster_removable(cluster: Cluster) -> str | None:
    working = [h.name for h in Host.objects.filter(cluster=cluster).order_by("name") if not leaving.removable(h)]
    if working:
        told = {"names": ", ".join(working[:3]) + (", …" if len(working) > 3 else "")}
        return _("Put its hosts in maintenance mode or disconnect them first: %(names)s.") % told
    return _all_off(VirtualMachine.objects.filter(host__cluster=cluster))


def cluster_has_host(cluster: Cluster) -> str | None:
    return None if Host.objects.filter(cluster=cluster).exists() else _("The cluster has no host yet.")


def not_root_pool(pool: ResourcePool) -> str | None:
    return _("The root resource pool cannot be changed.") if pool.is_root else None


# --- vApps -----------------------------------------------------------------------------------------------------------
def vapp_idle(vapp: ResourcePool) -> str | None:
    for one in vapps.around(vapp):
        if vapps.content_of(one).task is not None:
            return _("The vApp “%(name)s” is being started or stopped.") % {"name": one.name}
    return None


def _powers(vapp: ResourcePool) -> set[str]:
    return {str(vm.power_state) for vm in vapps.content_of(vapp).machines}


def vapp_can_start(vapp: ResourcePool) -> str | None:
    powers = _powers(vapp)
    if not powers:
        return _("There is no virtual machine in the vApp.")
    return _("All virtual machines of the vApp are powered on.") if powers == {VmPower.ON} else None


def vapp_runs(vapp: ResourcePool) -> str | None:
    return None if VmPower.ON in _powers(vapp) else _("No virtual machine of the vApp is powered on.")


def vapp_can_stop(vapp: ResourcePool) -> str | None:
    return None if _powers(vapp) - {VmPower.OFF} else _("All virtual machines of the vApp are powered off.")


def vapp_stopped(vapp: ResourcePool) -> str | None:
    if _powers(vapp) - {VmPower.OFF}:
        return _("Virtual machines of the vApp are powered on or suspended. Power it off first.")
    return None


def vapp_top(vapp: ResourcePool) -> str | None:
    if vapp.parent is not None and vapp.parent.is_vapp:
        return _("It lies in another vApp and is shown there.")
    return None


def not_fixed(folder: Folder) -> str | None:
    return _("The folder belongs to its datacenter and cannot be changed.") if folder.fixed else None


def datastore_unused(datastore: Datastore) -> str | None:
    if VirtualMachine.everything.filter(disks__datastore=datastore).exists():
        return _("Virtual machines have files on this datastore.")
    return None


def network_unused(network: Any) -> str | None:
    if VirtualMachine.objects.filter(nics__network=network).exists():
        return _("Virtual machines are connected to this network.")
    return None
