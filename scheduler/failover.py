"""vSphere HA: a host dies, its protected VMs start elsewhere, in lab time.

Timeline (vSphere Availability; the seconds are common knowledge of the field): heartbeats stop at 0 s, the host is
declared dead after 18 s with datastore heartbeats (35 s if it was the primary: an election comes first), then the
restarts begin, class by class, each VM tried up to five times 0, 2, 6, 14 and 30 minutes after that. HA works without
DRS and ignores admission control; required VM-Host rules bind it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from django.db import transaction
from django.db.models import Count, QuerySet

from domain import faults
from domain.snapshot import Automation, RestartPriority
from domain.states import HostConnection, TaskReason, TaskState, VmConnection, VmPower
from hypervisors.port import FleetEvent, Happening
from inventory.journal import changing
from inventory.models import Cluster, Host, Task, VCenter, VirtualMachine
from inventory.prepared import Prepared
from inventory.services import vms as vm_services
from scheduler import readiness, settings_of
from scheduler.engine.placement import restart
from scheduler.engine.state import Plan
from scheduler.models import DrsRule, HaRestart
from scheduler.selectors.cluster import RESTART, frame_of

DETECTED_AFTER_S = 18.0
PRIMARY_DETECTED_AFTER_S = 35.0
RETRY_AFTER_S = (0.0, 120.0, 360.0, 840.0, 1800.0)
HOST_DOWN, ISOLATED = "hostDown", "networkIsolated"
PARTITIONED, UNREACHABLE = "networkPartitionedFromMaster", "fdmUnreachable"
INITIATOR = "vSphere HA"
OPEN = (HaRestart.STOPPING, HaRestart.WAITING, HaRestart.STARTING)
_open = Prepared(
    lambda pk: HaRestart.objects.filter(cluster__vcenter=pk, state__in=OPEN).order_by().values_list("pk")[:1]
)


def primary_of(cluster: Cluster) -> Host | None:
    """The elected primary agent: the connected host with the most datastores, then the highest number."""
    hosts = Host.objects.filter(cluster=cluster, connection_state=HostConnection.CONNECTED, power_state="poweredOn")
    counted = hosts.annotate(mounted=Count("mounts"))
    return max(counted, key=lambda h: (h.mounted, int(h.moref.split("-")[1])), default=None)


def note_failures(vcenter: VCenter, events: Sequence[FleetEvent]) -> None:
    """Queue the restart of every protected VM that a host's failure has stopped."""
    crashed = {e.target: e.time_s for e in events if e.kind == Happening.HOST_CRASHED}
    stopped = [
        e for e in events
        if e.kind == Happening.VM_POWER and e.data.get("cause") == "host" and e.data.get("power") == VmPower.OFF
    ]  # fmt: skip
    if not stopped:
        return
    rows = VirtualMachine.objects.filter(vcenter=vcenter, uuid__in=[e.target for e in stopped])
    lost = [v for v in rows.select_related("host__cluster") if v.ha_restarts]
    for vm in lost:
        _queue(vm, crashed.get(str(vm.host.uuid), stopped[0].time_s))


def _queue(vm: VirtualMachine, failed_s: float) -> None:
    primary = primary_of(vm.host.cluster)
    delay_s = PRIMARY_DETECTED_AFTER_S if primary is None or primary.pk == vm.host_id else DETECTED_AFTER_S
    expect_restart(vm, failed_s, failed_s + delay_s)


def expect_restart(
    vm: VirtualMachine,
    failed_s: float,
    declared_s: float,
    *,
    state: str = HaRestart.WAITING,
    task: Task | None = None,
    stop_by_lab_s: float | None = None,
) -> None:
    """Note that a VM has to start elsewhere, once, however often the failure is told."""
    condition, delay_s = readiness.of(vm)
    HaRestart.objects.get_or_create(
        cluster=vm.host.cluster,
        vm=vm.moref,
        failed_lab_s=failed_s,
        defaults={
            "vm_name": vm.name,
            "host": vm.host.moref,
            "host_name": vm.host.name,
            "declared_lab_s": declared_s,
            "due_lab_s": declared_s,
            "priority": int(RESTART.get(vm.ha_restart_priority, RestartPriority.MEDIUM)),
            "ready_condition": condition,
            "ready_delay_s": delay_s,
            "state": state,
            "task": task,
            "stop_by_lab_s": stop_by_lab_s,
        },
    )


def restarts_wait(vcenter: VCenter) -> bool:
    """True where a restart waits for its second, which lies between two samples."""
    return _open.any(vcenter.pk)


def steward(vcenter: VCenter, lab_s: float) -> None:
    """Declare hosts dead whose time has come, start what is due, and see what became of what was started."""
    if not restarts_wait(vcenter):
        return
    waiting = HaRestart.objects.filter(cluster__vcenter=vcenter)
    _follow(vcenter, lab_s)
    _declare(vcenter, lab_s)
    due = waiting.filter(state=HaRestart.WAITING, due_lab_s__lte=lab_s).select_related("cluster__vcenter")
    by_cluster: dict[int, list[HaRestart]] = {}
    for row in due.order_by("-priority", "id"):
        by_cluster.setdefault(row.cluster_id, []).append(row)
    for rows in by_cluster.values():
        _restart(rows[0].cluster, rows, lab_s)


def _declare(vcenter: VCenter, lab_s: float) -> None:
    """The host is dead for all to see: connection lost, then declared failed by HA."""
    fresh = HaRestart.objects.filter(
        cluster__vcenter=vcenter, state=HaRestart.WAITING, attempts=0, declared_lab_s__lte=lab_s
    )
    for moref, declared_s in fresh.values_list("host", "declared_lab_s").distinct():
        host = Host.objects.filter(vcenter=vcenter, moref=moref).select_related("cluster").first()
        if host is None or host.ha_state in (HOST_DOWN, ISOLATED):
            continue
        with changing(vcenter, lab_s=declared_s) as change:
            if host.connection_state == HostConnection.CONNECTED:
                host.connection_state = HostConnection.NOT_RESPONDING
                change.event("HostConnectionLostEvent", host, host.cluster)
            host.ha_state = HOST_DOWN
            host.save(update_fields=["ha_state", "connection_state"])
            change.event("DasHostFailedEvent", host, host.cluster)
            change.changed(host)
            change.fact("tree.changed", host.cluster.moref)


def _restart(cluster: Cluster, rows: list[HaRestart], lab_s: float) -> None:
    """Place all that is due together, best class first, and power each on where it fits."""
    rows = readiness.startable(cluster, _after_dependencies(cluster, rows), lab_s)
    if not rows:
        return
    frame = frame_of(cluster)
    known = {m: i for i, m in enumerate(frame.snapshot.vms.moref)}
    for gone in [r for r in rows if r.vm not in known]:
        _still_waits(gone).update(state=HaRestart.GONE, ended_lab_s=lab_s)
    rows = [r for r in rows if r.vm in known]
    options = settings_of.options_of(cluster, enabled=True, automation=Automation.FULLY_AUTOMATED)
    placements = restart(Plan(frame.snapshot, options, frame.now_s), np.array([known[r.vm] for r in rows], np.int64))
    for row, placement in zip(rows, placements, strict=True):
        vm = frame.vms[known[row.vm]]
        if vm.power_state == VmPower.ON:
            _still_waits(row).update(state=HaRestart.GONE, ended_lab_s=lab_s)
        elif placement.host is None:
            _try_later(row, placement.fault or faults.NoCompatibleHost(name=vm.name, reason=""), lab_s)
        else:
            _start(row, vm, frame.host(placement.host), lab_s)


def _after_dependencies(cluster: Cluster, rows: list[HaRestart]) -> list[HaRestart]:
    """VMs whose start depends on others that are still down wait for them (VM-to-VM rules)."""
    down = {r.vm for r in HaRestart.objects.filter(cluster=cluster, state__in=(HaRestart.WAITING, HaRestart.STARTING))}
    blocked: set[str] = set()
    rules = DrsRule.objects.filter(cluster=cluster, kind="dependency", enabled=True)
    for rule in rules.select_related("vm_group", "other_vm_group"):
        if rule.vm_group and rule.other_vm_group and down & set(rule.other_vm_group.members):
            blocked |= set(rule.vm_group.members) - set(rule.other_vm_group.members)
    free = [r for r in rows if r.vm not in blocked]
    return free or rows


def _start(row: HaRestart, vm: VirtualMachine, host: Host, lab_s: float) -> None:
    """HA takes the VM over: that its old host does not answer is no longer of any importance."""
    VirtualMachine.objects.filter(pk=vm.pk).update(connection_state=VmConnection.CONNECTED)
    vm.refresh_from_db()
    with transaction.atomic():
        if not _still_waits(row).update(state=HaRestart.STARTING):
            return  # another beat was quicker
        try:
            row.task = vm_services.power_on(None, vm, host, reason=TaskReason.SYSTEM, initiator_name=INITIATOR)
        except faults.MethodFault as fault:
            _try_later(row, fault, lab_s)
            return
        row.state, row.destination_name, row.attempts = HaRestart.STARTING, host.name, row.attempts + 1
        row.started_lab_s, row.ready_lab_s = lab_s, None
        row.save()


def _still_waits(row: HaRestart) -> QuerySet[HaRestart]:
    """The row, unless a beat at the same time has taken it."""
    return HaRestart.objects.filter(pk=row.pk, state=HaRestart.WAITING, attempts=row.attempts)


def _follow(vcenter: VCenter, lab_s: float) -> None:
    """What was started has ended, well or not."""
    started = HaRestart.objects.filter(cluster__vcenter=vcenter, state=HaRestart.STARTING)
    for row in started.select_related("task", "cluster__vcenter"):
        if row.task is None or row.task.state == TaskState.ERROR:
            fault = faults.from_dict(row.task.fault) if row.task and row.task.fault else faults.SystemError_(reason="")
            _try_later(row, fault, lab_s)
        elif row.task.state == TaskState.SUCCESS:
            _restarted(row, lab_s)


def _restarted(row: HaRestart, lab_s: float) -> None:
    vm = VirtualMachine.objects.filter(vcenter=row.cluster.vcenter, moref=row.vm).select_related("host").first()
    with changing(row.cluster.vcenter, lab_s=lab_s) as change:
        if vm is not None:
            VirtualMachine.objects.filter(pk=vm.pk).update(connection_state=VmConnection.CONNECTED)
            change.event(
                "VmRestartedOnAlternateHostEvent", vm, vm.host, row.cluster,
                host=row.host_name, destination=row.destination_name,
            )  # fmt: skip
            change.changed(vm)
        _end(row, HaRestart.RESTARTED, lab_s)


def _try_later(row: HaRestart, fault: faults.MethodFault, lab_s: float) -> None:
    """Next try by the timetable, or give up with a recorded fault; every attempt that failed is told."""
    row.attempts += 0 if row.state == HaRestart.STARTING else 1
    row.fault = fault.to_dict()
    vm = VirtualMachine.objects.filter(vcenter=row.cluster.vcenter, moref=row.vm).first()
    with changing(row.cluster.vcenter, lab_s=lab_s) as change:
        if vm is not None:
            change.event("VmFailoverFailed", vm, row.cluster, reason=fault.sentence)
        if row.attempts < len(RETRY_AFTER_S):
            row.state, row.due_lab_s = HaRestart.WAITING, row.declared_lab_s + RETRY_AFTER_S[row.attempts]
            row.save()
            return
        if vm is not None:
            change.event("VmMaxRestartCountReached", vm, row.cluster)
        _end(row, HaRestart.FAILED, lab_s)


def _end(row: HaRestart, state: str, lab_s: float) -> None:
    row.state, row.ended_lab_s = state, lab_s
    row.save()


def hosts_back(vcenter: VCenter, hosts: Iterable[Host]) -> None:
    """A host that answers again is neither down nor hung."""
    for host in hosts:
        if host.ha_state in (HOST_DOWN, UNREACHABLE) and host.connection_state == HostConnection.CONNECTED:
            Host.objects.filter(pk=host.pk).update(ha_state="")
