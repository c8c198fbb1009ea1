"""Hosts that leave the inventory, and what leaves with them.

Their virtual machines go as vSphere lets them go: out of the inventory, their files stay on the datastores. They are
registered on another host that reaches the files, from where the recycle bin brings them back; where no host is left
that does, nobody can register them again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.timezone import now

from domain import faults
from domain.states import HostConnection, StandbyMode, TaskState, VmConnection, VmPower
from hypervisors.port import Config
from inventory.journal import Change
from inventory.models import DatastoreMount, Host, ResourcePool, Task, VirtualDisk, VirtualMachine
from inventory.operations.machines import release_space
from inventory.services import vm_checks

NAMED = 3


@dataclass(slots=True)
class Departure:
    """What becomes of the machines of hosts that leave; those of the recycle bin are in `kept` and `held`, too."""

    kept: list[tuple[VirtualMachine, Host]] = field(default_factory=list)  # with their new home
    lost: list[VirtualMachine] = field(default_factory=list)  # nobody else reaches their files
    held: list[VirtualMachine] = field(default_factory=list)  # the same, but they were promised to come back


def removable(host: Host) -> bool:
    return host.in_maintenance or host.connection_state == HostConnection.DISCONNECTED


def departure_of(hosts: Sequence[Host]) -> Departure:
    """Who goes where, if all these hosts of one vCenter leave at once; a fixed number of queries."""
    rows = VirtualMachine.everything.filter(host__in=hosts).order_by("id")
    vms = list(rows.select_related("host__cluster", "pool", "folder"))
    stores: dict[int, set[int]] = defaultdict(set)
    for vm, store in VirtualDisk.objects.filter(vm__in=rows).order_by().values_list("vm_id", "datastore_id"):
        stores[vm].add(store)
    gone, vcenter = [host.pk for host in hosts], hosts[0].vcenter_id
    others = list(Host.objects.filter(vcenter=vcenter).exclude(pk__in=gone).select_related("cluster"))
    mounted: dict[int, set[int]] = defaultdict(set)
    mounts = DatastoreMount.objects.filter(host__vcenter=vcenter).exclude(host__in=gone).order_by()
    for host, store in mounts.values_list("host_id", "datastore_id"):
        mounted[host].add(store)
    found = Departure()
    for vm_row in vms:
        reaching = [h for h in others if stores[vm_row.pk] <= mounted[h.pk]]
        _sort(found, vm_row, reaching)
    return found


def _sort(found: Departure, vm: VirtualMachine, reaching: Iterable[Host]) -> None:
    home = min(reaching, key=lambda h: (h.cluster_id != vm.host.cluster_id, h.pk), default=None)
    if home is not None:
        found.kept.append((vm, home))
    elif vm.deleted_at is not None:
        found.held.append(vm)
    else:
        found.lost.append(vm)


def may_leave(user: Any, hosts: Sequence[Host]) -> Departure:
    """What would leave with the hosts.

    Raises:
        InvalidState: a host is neither in maintenance mode nor disconnected, or asleep.
        InvalidPowerState: machines on them are not powered off.
        TaskInProgress, VAppTaskInProgress: something is being done to a machine on them.
        ResourceInUse: no other host reaches the files of a machine in the recycle bin.
    """
    for host in hosts:
        if host.standby_mode != StandbyMode.NONE:
            raise faults.InvalidState(name=host.name, reason="wake it from standby first")
        if not removable(host):
            raise faults.InvalidState(name=host.name, reason="put it into maintenance mode or disconnect it first")
    _all_off(hosts)
    departure = departure_of(hosts)
    if departure.held:
        names = ", ".join(f"{vm.name} (recycle bin)" for vm in departure.held[:NAMED])
        raise faults.ResourceInUse(name=", ".join(host.name for host in hosts[:NAMED]), users=names)
    _nobody_busy(user, [vm for vm, _home in departure.kept] + departure.lost)
    return departure


def _all_off(hosts: Sequence[Host]) -> None:
    running = VirtualMachine.objects.filter(host__in=hosts).exclude(power_state=VmPower.OFF).order_by("name")
    found = list(running.values_list("name", "power_state")[:NAMED])
    if found:
        raise faults.InvalidPowerState(
            name=", ".join(name for name, _power in found), requestedState=VmPower.OFF.value,
            existingState=str(found[0][1]),
        )  # fmt: skip


def _nobody_busy(user: Any, vms: Sequence[VirtualMachine]) -> None:
    by_moref = {vm.moref: vm for vm in vms}
    if not by_moref:
        return
    live = Task.objects.filter(
        vcenter=vms[0].vcenter_id, exclusive=True, state__in=(TaskState.QUEUED, TaskState.RUNNING)
    )
    tasks = list(live.values_list("entity", "description_id"))
    for entity, task in tasks:
        if entity in by_moref:
            raise faults.TaskInProgress(name=by_moref[entity].name, task=task)
    vapps = ResourcePool.objects.filter(vcenter=vms[0].vcenter_id, is_vapp=True)
    if vapps.filter(moref__in=[entity for entity, _task in tasks]).exists():
        for vm in vms:
            vm_checks.free_of_vapp(user, vm)


def leave(change: Change, hosts: Sequence[Host], departure: Departure) -> None:
    """Take the hosts and what leaves with them out of the inventory; call `may_leave` before."""
    for vm, home in departure.kept:
        _unregister(change, vm)
        _rehome(change, vm, home)
    for vm in departure.lost:
        _unregister(change, vm)
        release_space(vm)
        vm.delete()
    for host in hosts:
        change.event("HostRemovedEvent", host, host.cluster)
        change.configure(Config.REMOVE_HOST, host.uuid)
        host.delete()


def _unregister(change: Change, vm: VirtualMachine) -> None:
    if vm.deleted_at is not None:
        return
    vm.deleted_at = now()
    change.event("VmRemovedEvent", vm, vm.host, vm.host.cluster, vm.folder)
    change.changed(vm)
    change.fact("tree.changed", vm.folder.moref)
    if vm.pool:
        change.fact("tree.changed", vm.pool.moref)


def _rehome(change: Change, vm: VirtualMachine, home: Host) -> None:
    """Its files are registered where they can be reached; outside its cluster it belongs to the root pool there."""
    if vm.pool is not None and vm.pool.cluster_id != home.cluster_id:
        vm.pool = home.cluster.pools.get(parent__isnull=True)
    vm.host, vm.connection_state = home, VmConnection.CONNECTED
    vm.save(update_fields=["host", "pool", "connection_state", "deleted_at"])
    change.configure(Config.MOVE_VM, vm.uuid, pool=str(vm.pool.uuid) if vm.pool else "", host=str(home.uuid))
