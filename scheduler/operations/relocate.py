"""Moving a virtual machine: to another host, another datastore, or both; running, suspended or off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.db.models import F

from domain import faults
from domain.specs import VmSpec, to_plain
from domain.states import DiskProvisioning, VmPower
from domain.text import _
from hypervisors.port import Command, Op
from inventory import specs
from inventory.journal import Change
from inventory.models import Datastore, Host, Network, ResourcePool, Task, VirtualMachine
from inventory.operations.base import Operation, failure, register
from inventory.operations.power import vm_of
from scheduler import departures
from scheduler.models import ClusterSchedule, Migration


def destination_of(task: Task) -> Host:
    return Host.objects.select_related("cluster").get(vcenter=task.vcenter_id, moref=task.args["host"])


def _commands(task: Task) -> Sequence[Command]:
    vm, target = vm_of(task), destination_of(task)
    if not target.usable:
        raise faults.InvalidHostState(host=target.name, state=target.power_state)
    stores = dict(Datastore.objects.filter(vcenter=task.vcenter_id).values_list("moref", "uuid"))
    args: dict[str, Any] = {
        "host": str(target.uuid),
        "disks": {str(k): str(stores[m]) for k, m in (task.args.get("disks") or {}).items()},
        "priority": task.priority or "defaultPriority",
        "bitmap_resume": bool(task.args.get("bitmap_resume")),
    }
    if task.args.get("pool"):
        pool = ResourcePool.objects.get(vcenter=task.vcenter_id, moref=task.args["pool"])
        args["pool"] = str(pool.uuid)
    after = _spec_after(task, vm)
    if after is not None:
        args["spec"] = to_plain(after)
    return [Command(kind=Op.MIGRATE, target=str(vm.uuid), args=args, op_id=str(task.pk))]


def _spec_after(task: Task, vm: VirtualMachine) -> VmSpec | None:
    """The VM as it will be, where more than its place changes: formats of disks, networks of adapters."""
    formats, networks = task.args.get("formats") or {}, _networks(task)
    if not formats and not networks:
        return None
    spec = specs.vm_spec(vm)
    disks = (replace(d, provisioning=DiskProvisioning(formats.get(str(d.key), d.provisioning))) for d in spec.disks)
    nics = (replace(n, network=str(networks[n.key].uuid)) if n.key in networks else n for n in spec.nics)
    return replace(spec, disks=tuple(disks), nics=tuple(nics))


def _networks(task: Task) -> dict[int, Network]:
    """New networks by the key of the adapter; one that was removed meanwhile is left out."""
    wanted = task.args.get("networks") or {}
    known = {n.moref: n for n in Network.objects.filter(vcenter=task.vcenter_id, moref__in=wanted.values())}
    return {int(key): known[moref] for key, moref in wanted.items() if moref in known}


def _started(change: Change, task: Task, _data: Any) -> None:
    vm, target = vm_of(task), destination_of(task)
    hot = vm.power_state == VmPower.ON
    Migration.objects.get_or_create(
        task=task,
        defaults={
            "vcenter": task.vcenter,
            "vm": vm.moref,
            "vm_name": vm.name,
            "kind": task.args.get("kind", "vmotion"),
            "cause": task.args.get("cause", "user"),
            "source": vm.host.moref,
            "source_name": vm.host.name,
            "destination": target.moref,
            "destination_name": target.name,
            "started_lab_s": change.lab_s,
        },
    )
    if target.pk != vm.host_id:
        change.event("VmEmigratingEvent", vm, vm.host, task=task)
        name = "VmBeingHotMigratedEvent" if hot else "VmBeingMigratedEvent"
        change.event(name, vm, vm.host, target.cluster, task=task, destination=target.name)
    else:
        change.event("VmBeingRelocatedEvent", vm, vm.host, task=task, datastore=task.args.get("datastore_name", ""))
    change.changed(vm, vm.host, target)


def _done(change: Change, task: Task, result: Mapping[str, Any]) -> None:
    vm, target = vm_of(task), destination_of(task)
    record = Migration.objects.filter(task=task).first()
    old = _source(record)
    _settle(change, task, vm, target, old)
    source = record.source_name if record else ""
    if record is not None:
        measured = {**task.detail, **result}
        record.ended_lab_s, record.ok = change.lab_s, True
        record.downtime_s = measured.get("downtime_s")
        record.predicted_downtime_s = measured.get("predicted_downtime_s")
        record.sent_mib, record.rounds = measured.get("sent_mib"), measured.get("rounds") or []
        record.save()
    moved = source != target.name
    name = "VmRelocatedEvent" if not moved else "DrsVmMigratedEvent" if _by_drs(task) else "VmMigratedEvent"
    fields = {"destination": target.name, "datastore": task.args.get("datastore_name", "")}
    others = [target.cluster, target, *([old] if old else [])]
    change.event(name, vm, *others, task=task, **{**fields, "host": source or target.name})
    change.changed(vm, *others)
    change.fact("tree.changed", target.cluster.moref)
    ClusterSchedule.objects.filter(cluster=target.cluster).update(migrations=F("migrations") + 1)


def _source(record: Migration | None) -> Host | None:
    rows = Host.objects.select_related("cluster")
    return rows.filter(vcenter=record.vcenter_id, moref=record.source).first() if record else None


def _by_drs(task: Task) -> bool:
    return str(task.args.get("cause", "")) in ("drs", "dpm", "maintenance")


def _settle(change: Change, task: Task, vm: VirtualMachine, target: Host, left: Host | None) -> None:
    """Host, pool and disks as the fleet now has them; `left` is the host that it came from."""
    values: dict[str, Any] = {"host": target}
    if task.args.get("pool"):
        values["pool"] = ResourcePool.objects.get(vcenter=task.vcenter_id, moref=task.args["pool"])
        change.fact("tree.changed", task.args["pool"])
    for key, moref in (task.args.get("disks") or {}).items():
        store = Datastore.objects.get(vcenter=task.vcenter_id, moref=moref)
        for disk in vm.disks.filter(key=int(key)).exclude(datastore=store):
            Datastore.objects.filter(pk=disk.datastore_id).update(
                provisioned_bytes=F("provisioned_bytes") - disk.capacity_bytes
            )
            Datastore.objects.filter(pk=store.pk).update(provisioned_bytes=F("provisioned_bytes") + disk.capacity_bytes)
            disk.datastore = store
            disk.save(update_fields=["datastore"])
    for key, provisioning in (task.args.get("formats") or {}).items():
        vm.disks.filter(key=int(key)).update(provisioning=provisioning)
    for nic, network in _networks(task).items():
        vm.nics.filter(key=nic).update(network=network)
        change.changed(network)
    if left is not None and left.cluster_id != target.cluster_id:
        values |= departures.leave(change, vm, left.cluster)
    values["change_version"] = F("change_version") + 1
    VirtualMachine.everything.filter(pk=vm.pk).update(**values)


def _failed(change: Change, task: Task, fault: faults.MethodFault) -> None:
    try:
        vm, target = vm_of(task), destination_of(task)
    except (faults.ManagedObjectNotFound, Host.DoesNotExist):
        return
    record = Migration.objects.filter(task=task).first()
    moved = record is not None and vm.host_id == target.pk and record.source != target.moref
    if record is not None:
        record.ended_lab_s, record.ok, record.fault = change.lab_s, moved, fault.to_dict()
        record.rounds = task.detail.get("rounds") or []
        record.save()
    if moved:  # the destination was the owner already when it died: the move stands
        _settle(change, task, vm, target, _source(record))
    if target.pk == vm.host_id:
        failure(change, task, "VmRelocateFailedEvent", vm, fault, vm.host)
        return
    change.event(
        "VmFailedMigrateEvent", vm, vm.host, target.cluster, task=task, destination=target.name, reason=fault.sentence
    )
    change.changed(vm, vm.host, target)


RELOCATE = register(
    Operation(
        "vm.relocate", "VirtualMachine.relocate", _("Relocate virtual machine"), _commands, _done, _failed, _started
    )
)
DRS_MIGRATE = register(
    Operation(
        "vm.drs_migrate", "Drm.ExecuteVMotionLRO", _("DRS migrates virtual machine"), _commands, _done, _failed,
        _started,
    )
)  # fmt: skip
