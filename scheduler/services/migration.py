"""vMotion and its kin: one VM, or many with a host chosen for each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from domain import faults
from domain.states import MigrationPriority, TaskReason, VmPower
from inventory import admission
from inventory.inverses import note
from inventory.journal import changing
from inventory.models import Host, ResourcePool, Task, VirtualMachine
from inventory.selectors import find
from inventory.services.base import check, submit
from inventory.services.undo import INVERSES, Inverse, still_there
from inventory.services.vm_checks import free_of_vapp, operable
from scheduler import operations, prechecks
from scheduler.services.devices import Devices, Target, changes, refuse_disks, refuse_networks

assert operations  # registers what this module submits
PRIORITIES = {p.value for p in MigrationPriority}


def relocate(
    user: Any,
    vm: VirtualMachine,
    target: Target,
    *,
    priority: str = MigrationPriority.DEFAULT,
    bitmap_resume: bool = False,
    cause: str = "user",
    parent: Task | None = None,
    reason: TaskReason = TaskReason.USER,
    initiator_name: str = "",
) -> Task:
    """Move `vm`; raises the first fault that forbids it. Running VMs move by vMotion, others cold."""
    running = vm.power_state == VmPower.ON
    check(user, "Resource.HotMigrate" if running else "Resource.ColdMigrate", vm)
    operable(vm)
    if priority not in PRIORITIES:
        raise faults.InvalidArgument(property="priority", reason=", ".join(sorted(PRIORITIES)))
    host = target.host or vm.host
    devices = changes(vm, target)
    pool = _pool(vm, target, host)
    if pool is not None and pool.pk != vm.pool_id:
        free_of_vapp(user, vm)
    _refuse(user, vm, host, pool, devices)
    args = {
        "host": host.moref,
        "kind": _kind(vm, host, bool(devices.disks)),
        "cause": cause,
        **devices.args(),
        "datastore_name": devices.store_names,
        "bitmap_resume": bitmap_resume,
        **({"pool": pool.moref} if pool is not None and pool.pk != vm.pool_id else {}),
    }
    args |= note("host", _place(vm, devices), _place(vm, devices, host, pool or vm.pool))
    key = "vm.drs_migrate" if cause == "drs" else "vm.relocate"
    with changing(vm.vcenter, user) as change:
        options = {"priority": str(priority), "parent": parent, "reason": reason, "initiator_name": initiator_name}
        return submit(change, key, vm, args, **options)


def _place(vm: VirtualMachine, devices: Devices, host: Host | None = None, pool: Any = None) -> dict[str, Any]:
    """Where `vm` is, with those of its devices that move; with a host, where they are all going."""
    there, pool = host is not None, pool or vm.pool
    place = {"host": (host or vm.host).moref, "pool": pool.moref if pool else ""}
    for disk in vm.disks.filter(key__in=devices.disks).select_related("datastore"):
        store = devices.disks[disk.key] if there else disk.datastore
        form = devices.formats.get(disk.key, disk.provisioning) if there else disk.provisioning
        place[f"disk {disk.key}"] = f"{store.moref} {form}"
    for nic in vm.nics.filter(key__in=devices.networks).select_related("network"):
        network = devices.networks[nic.key] if there else nic.network
        place[f"nic {nic.key}"] = network.moref if network else ""
    return place


def _here(vm: VirtualMachine, names: Iterable[str]) -> dict[str, Any]:
    """The noted parts of a machine's place as they are now; a device that is gone is nowhere."""
    keys = {kind: [int(n.partition(" ")[2]) for n in names if n.startswith(kind)] for kind in ("disk ", "nic ")}
    stores = {d.key: d.datastore for d in vm.disks.filter(key__in=keys["disk "]).select_related("datastore")}
    networks = {n.key: n.network for n in vm.nics.filter(key__in=keys["nic "]).select_related("network") if n.network}
    now = _place(vm, Devices(disks=stores, networks=networks))
    return {name: now.get(name, "") for name in names}


def _back(user: Any, vm: VirtualMachine, before: Mapping[str, str]) -> Task:
    """Undo a move: to the host, the pool, the datastores and the networks that it came from."""

    def found(moref: str) -> Any:
        return still_there(find(vm.vcenter, moref), user, moref) if moref else None

    disks = {int(name[5:]): value.split() for name, value in before.items() if name.startswith("disk ")}
    formats = {d.key: d.provisioning for d in vm.disks.all()}
    target = Target(
        host=found(before.get("host", "")),
        pool=found(before.get("pool", "")),
        disks={key: found(store) for key, (store, _form) in disks.items()},
        formats={key: form for key, (_store, form) in disks.items() if form != formats.get(key)},
        networks={int(name[4:]): found(value) for name, value in before.items() if name.startswith("nic ") and value},
    )
    return relocate(user, vm, target)


INVERSES["host"] = Inverse(_here, _back)


def _pool(vm: VirtualMachine, target: Target, host: Host) -> ResourcePool | None:
    """Across clusters a pool is needed: the one asked for, else the root of the destination's cluster."""
    if target.pool is not None or vm.template:
        return target.pool
    if vm.pool is not None and vm.pool.cluster_id == host.cluster_id:
        return None
    return host.cluster.pools.get(parent__isnull=True)


def _kind(vm: VirtualMachine, host: Host, disks: bool) -> str:
    if vm.power_state != VmPower.ON:
        return "cold"
    if not disks:
        return "vmotion"
    return "storage" if host.pk == vm.host_id else "combined"


def _refuse(user: Any, vm: VirtualMachine, host: Host, pool: ResourcePool | None, devices: Devices) -> None:
    if host.pk == vm.host_id and not devices.disks and pool is None:
        raise faults.InvalidArgument(property="host", reason="the VM is there already")
    if pool is not None:
        check(user, pool.assigning, pool)
        if pool.cluster_id != host.cluster_id:
            raise faults.InvalidArgument(property="pool", reason="it is not in the cluster of the host")
        if vm.power_state == VmPower.ON:
            admission.Guarantees.of(pool.cluster, without=vm).check(pool.pk, admission.Need.of(vm))
    refuse_disks(user, vm, host, devices)
    if host.pk != vm.host_id:
        verdict = prechecks.verdicts([vm], [host], storage_moves=bool(devices.disks), networks_mapped=True)[0]
        if verdict.errors:
            raise verdict.errors[0]
    if host.pk != vm.host_id or devices.networks:
        refuse_networks(user, vm, host, devices)


@dataclass(slots=True)
class Outcome:
    """What became of one VM of many."""

    vm: VirtualMachine
    task: Task | None = None
    fault: faults.MethodFault | None = None
    host: Host | None = None


def relocate_many(user: Any, vms: Sequence[VirtualMachine], target: Target, **options: Any) -> list[Outcome]:
    """The same target for each; one that is refused does not stop the others."""
    return relocate_each(user, [(vm, target) for vm in vms], **options)


def relocate_each(user: Any, wanted: Sequence[tuple[VirtualMachine, Target]], **options: Any) -> list[Outcome]:
    """Each to its own target; one that is refused does not stop the others."""
    outcomes = []
    for vm, target in wanted:
        outcome = Outcome(vm, host=target.host)
        try:
            outcome.task = relocate(user, vm, target, **options)
        except faults.MethodFault as fault:
            outcome.fault = fault
        outcomes.append(outcome)
    return outcomes
