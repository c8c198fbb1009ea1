"""Standby: empty the host, send it to sleep; wake it."""

from __future__ import annotations

from typing import Any

from domain import faults
from domain.states import HostConnection, HostPower, StandbyMode, TaskReason, VmPower
from inventory.journal import changing
from inventory.models import Host, Task, VirtualMachine
from inventory.services.base import check, submit
from scheduler import operations

assert operations


def enter(user: Any, host: Host, cause: str = "user") -> Task:
    """Send an empty host to standby. Running VMs have to leave first: DPM plans their moves, a person uses
    maintenance mode or migrates them."""
    check(user, "Host.Config.Power", host)
    _may_sleep(host)
    running = VirtualMachine.objects.filter(host=host, power_state=VmPower.ON).count()
    if running:
        raise faults.InvalidState(name=host.name, reason=f"{running} virtual machines still run on it")
    reason = TaskReason.SYSTEM if cause == "dpm" else TaskReason.USER
    with changing(host.vcenter, user) as change:
        task = submit(change, "host.enter_standby", host, {"cause": cause}, reason=reason)
        Host.objects.filter(pk=host.pk, standby_mode=StandbyMode.NONE).update(standby_mode=StandbyMode.ENTERING)
        change.changed(host)
        return task


def _may_sleep(host: Host) -> None:
    if host.connection_state != HostConnection.CONNECTED:
        raise faults.InvalidHostConnectionState(host=host.name, state=host.connection_state)
    if host.power_state != HostPower.ON:
        raise faults.InvalidState(name=host.name, reason="it is not powered on")
    if host.standby_mode != StandbyMode.NONE:
        raise faults.InvalidState(name=host.name, reason="it is in standby or on its way there")
    if not host.bmc_address and not host.wake_on_lan:
        raise faults.NotSupported(reason=f"{host.name} has no means to be woken: set its BMC or wake-on-LAN")


def leave(user: Any, host: Host, cause: str = "user") -> Task:
    """Wake a host from standby."""
    check(user, "Host.Config.Power", host)
    if host.standby_mode != StandbyMode.IN:
        raise faults.InvalidState(name=host.name, reason="it is not in standby")
    reason = TaskReason.SYSTEM if cause == "dpm" else TaskReason.USER
    with changing(host.vcenter, user) as change:
        return submit(change, "host.exit_standby", host, {"cause": cause}, reason=reason)
