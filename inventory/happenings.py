"""What the inventory records of each thing that a fleet reports. A handler that runs twice changes nothing more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F

from domain import faults
from domain.states import HostConnection, HostPower, StandbyMode, VmConnection, VmPower
from hypervisors.port import FleetEvent, Happening
from inventory import operations
from inventory.alarming.status import portions
from inventory.journal import Change
from inventory.models import Cluster, Datastore, Host, Snapshot, Task, VirtualDisk, VirtualMachine
from inventory.operations import base
from inventory.operations.power import set_power

log = structlog.get_logger(__name__)

Handler = Callable[["Recorder", FleetEvent], None]
HANDLERS: dict[Happening, Handler] = {}
ASKED_FOR = ("op", "guest")  # causes of a change of power that somebody wanted: no crash
# Nothing that the event is to blame for: the whole beat is taken back, and the next one records it.
COMES_AGAIN = (OperationalError, InterfaceError, SoftTimeLimitExceeded, faults.LabRewound)


def handles(kind: Happening) -> Callable[[Handler], Handler]:
    def remember(handler: Handler) -> Handler:
        HANDLERS[kind] = handler
        return handler

    return remember


class Recorder:
    """Applies events in their order within one transaction; rows are fetched in bulk, once per kind."""

    def __init__(self, change: Change, events: Sequence[FleetEvent]) -> None:
        self.change = change
        self.events = events
        self.operations: Counter[tuple[int, str]] = Counter()  # (cluster, field of its counter) -> how often
        self._vcenter = change.vcenter

    @cached_property
    def vms(self) -> dict[str, VirtualMachine]:
        rows = VirtualMachine.everything.filter(vcenter=self._vcenter).select_related("host__cluster", "pool", "folder")
        targets = {e.target for e in self.events if e.kind.startswith("vm_") and e.kind != Happening.VM_SIZES}
        return {str(v.uuid): v for some in portions(targets) for v in rows.filter(uuid__in=some)}

    @cached_property
    def sized(self) -> dict[str, int]:
        """Primary keys of the VMs whose files have grown: what is told of most often needs no more of a VM."""
        rows = VirtualMachine.everything.filter(vcenter=self._vcenter).order_by()
        found = (rows.filter(uuid__in=some) for some in portions(self._targets(Happening.VM_SIZES)))
        return {str(uuid): pk for some in found for uuid, pk in some.values_list("uuid", "pk")}

    @cached_property
    def hosts(self) -> dict[str, Host]:
        rows = Host.objects.filter(vcenter=self._vcenter).select_related("cluster")
        wanted = self._targets("host_") | self._named("host", "destination")
        return {str(h.uuid): h for some in portions(wanted) for h in rows.filter(uuid__in=some)}

    @cached_property
    def datastores(self) -> dict[str, Datastore]:
        rows = Datastore.objects.filter(vcenter=self._vcenter, uuid__in=self._targets("datastore_"))
        return {str(d.uuid): d for d in rows}

    @cached_property
    def tasks(self) -> dict[str, Task]:
        ids = {int(e.op_id) for e in self.events if e.op_id.isdigit()}
        rows = Task.objects.filter(vcenter=self._vcenter).select_related("vcenter")
        return {str(t.pk): t for some in portions(ids) for t in rows.filter(pk__in=some)}

    def _targets(self, kind: str) -> set[str]:
        """What the events of a kind, or of all kinds that begin so, are about."""
        return {e.target for e in self.events if e.kind.startswith(kind)}

    def _named(self, *fields: str) -> set[str]:
        return {str(e.data[f]) for e in self.events for f in fields if e.data.get(f)}

    def record(self) -> None:
        for event in self.events:
            self.change.lab_s = event.time_s
            handler = HANDLERS.get(event.kind)
            if handler is not None:
                self._guarded(handler, event)
        for cluster in sorted({cluster for cluster, _field in self.operations}):
            added = {field: F(field) + n for (at, field), n in self.operations.items() if at == cluster}
            Cluster.objects.filter(pk=cluster).update(**added)

    def _guarded(self, handler: Handler, event: FleetEvent) -> None:
        """One event that cannot be recorded must not stop all that come after it: its task ends with a SystemError."""
        try:
            with transaction.atomic():
                handler(self, event)
        except COMES_AGAIN:
            raise
        except Exception as error:
            log.exception("event.unrecorded", kind=str(event.kind), target=event.target, op=event.op_id)
            task = self.tasks.get(event.op_id)
            if task is not None and task.live:
                with transaction.atomic():
                    base.close(self.change, task, faults.SystemError_(reason=type(error).__name__))


@handles(Happening.JOB_STARTED)
def _job_started(recorder: Recorder, event: FleetEvent) -> None:
    task = recorder.tasks.get(event.op_id)
    if task is not None and task.live:
        base.start(recorder.change, task, event.data)


@handles(Happening.JOB_DONE)
def _job_done(recorder: Recorder, event: FleetEvent) -> None:
    task = recorder.tasks.get(event.op_id)
    if task is None or not task.live:
        return
    base.start(recorder.change, task, event.data)
    try:
        base.finish(recorder.change, task, event.data.get("result") or {})
    except faults.ManagedObjectNotFound as fault:
        base.fail(recorder.change, task, fault)


@handles(Happening.JOB_FAILED)
def _job_failed(recorder: Recorder, event: FleetEvent) -> None:
    task = recorder.tasks.get(event.op_id)
    if task is None or not task.live:
        return
    fault = faults.from_dict(dict(event.data.get("fault") or {}))
    if isinstance(fault, faults.RequestCanceled):
        fault = faults.RequestCanceled(user=task.result.get("cancelled_by") or fault.fields.get("user", "System"))
    base.fail(recorder.change, task, fault)


@handles(Happening.VM_POWER)
def _vm_power(recorder: Recorder, event: FleetEvent) -> None:
    vm = recorder.vms.get(event.target)
    power = VmPower(event.data["power"])
    if vm is None or vm.power_state == power:
        return
    _count_power(recorder, event, vm, power)
    set_power(vm, power, **_booted(vm, event))
    if event.data.get("cause", "op") != "op":
        name = {VmPower.ON: "VmPoweredOnEvent", VmPower.OFF: "VmPoweredOffEvent"}.get(power, "VmSuspendedEvent")
        recorder.change.event(name, vm, vm.host, vm.host.cluster)
    recorder.change.changed(vm, vm.host)


def _booted(vm: VirtualMachine, event: FleetEvent) -> dict[str, Any]:
    """A guest that goes on where it stood has booted when it did: only a start from off is a boot."""
    if event.data["power"] != VmPower.ON or vm.power_state != VmPower.OFF:
        return {}
    return {"boot_lab_s": float(event.data.get("boot_s", event.time_s)), "boot_memory_mib": vm.memory_mib}


def _count_power(recorder: Recorder, event: FleetEvent, vm: VirtualMachine, power: VmPower) -> None:
    field = {VmPower.ON: "power_ons", VmPower.OFF: "power_offs"}.get(power)
    if field and event.data.get("cause", "op") in ASKED_FOR:
        host = recorder.hosts.get(str(event.data.get("host"))) or vm.host
        recorder.operations[host.cluster_id, field] += 1


def _count_move(recorder: Recorder, event: FleetEvent, vm: VirtualMachine, host: Host) -> None:
    """A running VM that changes both its host and its disks has made a move of either kind."""
    if vm.power_state == VmPower.ON:
        recorder.operations[host.cluster_id, "vmotions"] += vm.host_id != host.pk
        recorder.operations[host.cluster_id, "storage_vmotions"] += bool(event.data.get("disks"))


@handles(Happening.VM_TOOLS)
def _vm_tools(recorder: Recorder, event: FleetEvent) -> None:
    vm = recorder.vms.get(event.target)
    if vm is None:
        return
    values = {"tools_status": event.data["tools"], "ip_address": event.data.get("ip") or ""}
    VirtualMachine.everything.filter(pk=vm.pk).update(**values)
    recorder.change.changed(vm)


@handles(Happening.VM_GUEST_CRASHED)
def _guest_crashed(recorder: Recorder, event: FleetEvent) -> None:
    vm = recorder.vms.get(event.target)
    if vm is not None:
        recorder.change.event("VmGuestOSCrashedEvent", vm, vm.host)
        recorder.change.changed(vm)


@handles(Happening.VM_MOVED)
def _vm_moved(recorder: Recorder, event: FleetEvent) -> None:
    """The owner changes here and nowhere else: one UPDATE, in the order the fleet reported it."""
    vm = recorder.vms.get(event.target)
    host = recorder.hosts.get(str(event.data.get("host")))
    if vm is None or host is None:
        return
    _count_move(recorder, event, vm, host)
    if vm.host_id == host.pk:
        return
    VirtualMachine.everything.filter(pk=vm.pk).update(host=host)
    recorder.change.changed(vm, vm.host, host)
    vm.host = host


@handles(Happening.VM_SIZES)
def _vm_sizes(recorder: Recorder, event: FleetEvent) -> None:
    vm = recorder.sized.get(event.target)
    if vm is None:
        return
    for key, used in (event.data.get("disks") or {}).items():
        VirtualDisk.objects.filter(vm=vm, key=int(key)).update(used_bytes=int(used))
    for moref, size in (event.data.get("snapshots") or {}).items():
        Snapshot.objects.filter(vm=vm, moref=moref).update(size_bytes=int(size))
    if "swap_bytes" in event.data:
        VirtualMachine.everything.filter(pk=vm).update(swap_bytes=int(event.data["swap_bytes"]))


@handles(Happening.HOST_CONNECTION)
def _host_connection(recorder: Recorder, event: FleetEvent) -> None:
    host = recorder.hosts.get(event.target)
    state = HostConnection(event.data["connection"])
    if host is None or host.connection_state == state:
        return
    host.connection_state = state
    host.save(update_fields=["connection_state"])
    connected = state == HostConnection.CONNECTED
    VirtualMachine.everything.filter(host=host).update(
        connection_state=VmConnection.CONNECTED if connected else VmConnection.DISCONNECTED
    )
    if state != HostConnection.DISCONNECTED:
        name = "HostConnectedEvent" if connected else "HostConnectionLostEvent"
        recorder.change.event(name, host, host.cluster)
    recorder.change.changed(host, host.cluster)
    recorder.change.fact("tree.changed", host.cluster.moref)


@handles(Happening.HOST_POWER)
def _host_power(recorder: Recorder, event: FleetEvent) -> None:
    host = recorder.hosts.get(event.target)
    if host is None:
        return
    power, standby = HostPower(event.data["power"]), StandbyMode(event.data.get("standby", "none"))
    if (host.power_state, host.standby_mode) == (power, standby):
        return
    woke = host.standby_mode == StandbyMode.EXITING and standby == StandbyMode.NONE
    host.power_state, host.standby_mode = power, standby
    if power == HostPower.ON:
        host.boot_lab_s = event.time_s
    if woke:
        host.last_exit_standby_lab_s, host.last_exit_standby_ok = event.time_s, True
    # Only these: an operation that ended in the same beat may have written other fields of the row.
    host.save(
        update_fields=[
            "power_state", "standby_mode", "boot_lab_s", "last_exit_standby_lab_s", "last_exit_standby_ok",
        ]
    )  # fmt: skip
    recorder.change.changed(host)
    recorder.change.fact("tree.changed", host.cluster.moref)


@handles(Happening.HOST_CRASHED)
def _host_crashed(recorder: Recorder, event: FleetEvent) -> None:
    host = recorder.hosts.get(event.target)
    if host is not None:
        cause = str(event.data.get("cause", ""))
        name = "HostOsCrashedEvent" if cause == "host_os_crash" else "HostCrashedEvent"
        recorder.change.event(name, host, host.cluster, reason=cause)
        recorder.change.changed(host)


@handles(Happening.HOST_NIC)
def _host_nic(recorder: Recorder, event: FleetEvent) -> None:
    host = recorder.hosts.get(event.target)
    if host is None:
        return
    nic, up = int(event.data["nic"]), bool(event.data["up"])
    down = set(host.nics_down) - {nic} if up else set(host.nics_down) | {nic}
    host.nics_down = sorted(down)
    host.save(update_fields=["nics_down"])
    lost = "connectivity.lost" if len(down) >= len(host.nic_mbps or [0, 0]) else "redundancy.lost"
    name = "esx.clear.net.connectivity.restored" if up else f"esx.problem.net.{lost}"
    recorder.change.event(name, host, host.cluster, name=f"vmnic{nic}")
    recorder.change.changed(host, host.cluster)


@handles(Happening.HOST_STANDBY_FAILED)
def _standby_failed(recorder: Recorder, event: FleetEvent) -> None:
    host = recorder.hosts.get(event.target)
    if host is not None:
        host.last_exit_standby_lab_s, host.last_exit_standby_ok = event.time_s, False
        host.save(update_fields=["last_exit_standby_lab_s", "last_exit_standby_ok"])
        fault = faults.from_dict(dict(event.data.get("fault") or {}))
        recorder.change.event("ExitStandbyModeFailedEvent", host, host.cluster, reason=fault.sentence)
        recorder.change.changed(host)


@handles(Happening.DATASTORE_STATE)
def _datastore_state(recorder: Recorder, event: FleetEvent) -> None:
    datastore = recorder.datastores.get(event.target)
    if datastore is None:
        return
    accessible, slow = bool(event.data.get("accessible", True)), bool(event.data.get("slow", False))
    if (datastore.accessible, datastore.slow) == (accessible, slow):
        return
    datastore.accessible, datastore.slow = accessible, slow
    datastore.save(update_fields=["accessible", "slow"])
    problem = "connectivity.lost" if not accessible else "slow"
    name = "esx.clear.storage.restored" if accessible and not slow else f"esx.problem.storage.{problem}"
    recorder.change.event(name, datastore)
    # Pages of its clusters say which datastores are lost.
    clusters = Cluster.objects.filter(hosts__mounts__datastore=datastore, standalone=False).distinct()
    recorder.change.changed(datastore, *clusters)


def apply(change: Change, events: Sequence[FleetEvent]) -> None:
    """Record `events` in their order. The operations' registry must be loaded, hence the import above."""
    assert operations.REGISTRY
    if events:
        Recorder(change, events).record()
