"""vSphere HA: VM Monitoring. A guest that has crashed stops beating; HA resets its machine, in lab time.

Heartbeats are those of the guest tools, so that a machine without them is not watched. It is watched from its minimum
uptime after it was started or resumed on. When its heartbeats have been missing for the failure interval, and neither
its disks nor its network have moved anything for the I/O interval (das.iostatsInterval, 120 s), its host's agent resets
it: at most `max_resets` times within the reset window (0 = for ever), which slides. After that a fault is recorded, and
the next reset comes when the oldest has left the window, unless somebody was faster.

High, medium and low sensitivity, and the cluster's defaults, are those of the vSphere Client. Monitoring that is
switched on finds guests that crash from then on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Max, QuerySet

from domain import faults
from domain.states import TaskReason, TaskState, ToolsStatus, VmConnection, VmMonitoring, VmPower
from domain.text import _
from hypervisors.port import FleetEvent, Happening
from inventory.journal import Change, changing
from inventory.models import Cluster, Task, VCenter, VirtualMachine
from inventory.prepared import Prepared
from inventory.services import vm_checks
from inventory.services.base import submit
from scheduler.failover import INITIATOR
from scheduler.models import HaReset

IO_INTERVAL_S, LONGEST_IO_INTERVAL_S = 120, 3600
TRY_AGAIN_S = 10.0  # where another task holds the machine, or its host does not answer
NUMBERS = ("failure_interval_s", "min_uptime_s", "max_resets", "reset_window_s")
SENSITIVITIES: dict[str, tuple[int, int, int, int]] = {
    "high": (30, 120, 3, 3_600),
    "medium": (60, 240, 3, 86_400),
    "low": (120, 480, 3, 604_800),
}
STARTS = ("vm.power_on", "vm.resume", "vm.reset", "vm.snapshot_revert")
OPEN = (HaReset.WAITING, HaReset.RESETTING)
SILENT = _("the heartbeats of its guest tools have stopped, and its disks and network are idle")

_open = Prepared(
    lambda pk: HaReset.objects.filter(cluster__vcenter=pk, state__in=OPEN).order_by().values_list("pk")[:1]
)
_due = Prepared(lambda pk, now_s: due(pk, now_s).order_by().values_list("pk")[:1])


@dataclass(frozen=True, slots=True)
class Watch:
    """How one machine is watched: seconds, and numbers of resets."""

    on: bool
    failure_interval_s: float
    min_uptime_s: float
    max_resets: int
    reset_window_s: float
    io_interval_s: float

    def due_s(self, failed_s: float, started_s: float) -> float:
        """When a guest that fell silent at `failed_s` is reset, of a machine that runs since `started_s`."""
        silent_s = max(failed_s, started_s + self.min_uptime_s)
        return max(silent_s + self.failure_interval_s, failed_s + self.io_interval_s)


def settings_of(cluster: Cluster) -> dict[str, Any]:
    """The settings of a cluster, with vSphere's where it has none."""
    stored: Mapping[str, Any] = cluster.ha_options or {}
    found: dict[str, Any] = dict(zip(NUMBERS, SENSITIVITIES["high"], strict=True))
    found |= {"io_interval_s": IO_INTERVAL_S}
    found |= {name: int(stored[name]) for name in found if isinstance(stored.get(name), int)}
    return {"vm_monitoring": str(stored.get("vm_monitoring", VmMonitoring.DISABLED)), **found}


def state_of(cluster: Cluster) -> str:
    """Whether machines of the cluster are watched, as vSphere names it."""
    return str(settings_of(cluster)["vm_monitoring"]) if cluster.ha_on else VmMonitoring.DISABLED.value


def watch(vm: VirtualMachine) -> Watch:
    """How `vm` is watched: by its own settings, or else its cluster's."""
    of_cluster = settings_of(vm.host.cluster)
    own = {name: getattr(vm, f"ha_{name}") for name in NUMBERS}
    numbers = {name: of_cluster[name] if value < 0 else value for name, value in own.items()}
    wanted = vm.ha_vm_monitoring or of_cluster["vm_monitoring"]
    on = wanted == VmMonitoring.ONLY and vm.host.ha_covers and vm.tools_installed
    return Watch(on, io_interval_s=of_cluster["io_interval_s"], **numbers)


def sensitivity(values: Mapping[str, Any]) -> str:
    """The name of the vSphere Client for these numbers, "custom" where it has none."""
    wanted = tuple(values[name] for name in NUMBERS)
    return next((name for name, numbers in SENSITIVITIES.items() if numbers == wanted), "custom")


# --- what is noted ---------------------------------------------------------------------------------------------------
def note(vcenter: VCenter, events: Sequence[FleetEvent]) -> None:
    """Remember since when a guest is silent; a machine that is off is no longer looked after."""
    told = [e for e in events if e.kind in (Happening.VM_GUEST_CRASHED, Happening.VM_POWER)]
    crashes = any(e.kind == Happening.VM_GUEST_CRASHED for e in told)
    if not crashes and not (told and _open.any(vcenter.pk)):
        return
    rows = VirtualMachine.objects.filter(vcenter=vcenter, uuid__in={e.target for e in told})
    vms = {str(vm.uuid): vm for vm in rows.select_related("host__cluster")}
    for event in told:
        if (vm := vms.get(event.target)) is None:
            continue
        if event.kind == Happening.VM_GUEST_CRASHED:
            _silent(vm, event.time_s)
        elif event.data.get("power") == VmPower.OFF:
            waiting = HaReset.objects.filter(cluster__vcenter=vcenter, vm=vm.moref, state=HaReset.WAITING)
            waiting.update(state=HaReset.GONE, ended_lab_s=event.time_s)


def _silent(vm: VirtualMachine, lab_s: float) -> None:
    how = watch(vm)
    if not how.on:
        return
    HaReset.objects.get_or_create(
        cluster=vm.host.cluster, vm=vm.moref, failed_lab_s=lab_s,
        defaults={
            "vm_name": vm.name, "host_name": vm.host.name, "due_lab_s": how.due_s(lab_s, _runs_since_s(vm)),
        },
    )  # fmt: skip


def _runs_since_s(vm: VirtualMachine) -> float:
    """When the machine was last started; a guest that was resumed booted before that."""
    done = Task.objects.filter(vcenter=vm.vcenter_id, entity=vm.moref, operation__in=STARTS, state=TaskState.SUCCESS)
    last_s = done.aggregate(last=Max("completed_lab_s"))["last"]
    return max(vm.boot_lab_s, float(last_s or 0.0))


# --- what is done ----------------------------------------------------------------------------------------------------
def due(vcenter_pk: int, now_s: float) -> QuerySet[HaReset]:
    """Open resets whose time has come."""
    return HaReset.objects.filter(cluster__vcenter=vcenter_pk, state__in=OPEN, due_lab_s__lte=now_s)


def waits(vcenter: VCenter) -> bool:
    """True where a machine's second lies between two samples."""
    return _due.any(vcenter.pk, vcenter.lab_seconds())


def steward(vcenter: VCenter, lab_s: float) -> None:
    """See what became of resets, and reset the machines whose time has come."""
    for row in due(vcenter.pk, lab_s).select_related("cluster", "task"):
        if row.state == HaReset.RESETTING:
            _follow(vcenter, row, lab_s)
        else:
            _judge(vcenter, row, lab_s)


def _machine(vcenter: VCenter, row: HaReset) -> VirtualMachine | None:
    rows = VirtualMachine.objects.select_related("host__cluster", "vcenter", "pool")
    return rows.filter(vcenter=vcenter, moref=row.vm).first()


@transaction.atomic
def _judge(vcenter: VCenter, row: HaReset, lab_s: float) -> None:
    """Reset the machine, or find that it is too early, too often, or no longer needed."""
    if not HaReset.objects.select_for_update().filter(pk=row.pk, state=HaReset.WAITING).exists():
        return  # another beat was quicker
    vm = _machine(vcenter, row)
    if vm is None or _beats_again(vm, row) or not (how := watch(vm)).on:
        _end(row, HaReset.GONE, lab_s)
    elif vm.power_state != VmPower.ON or vm.connection_state != VmConnection.CONNECTED:
        _later(row, lab_s + TRY_AGAIN_S)
    elif lab_s < (due_s := how.due_s(row.failed_lab_s, _runs_since_s(vm))):  # new settings, or resumed meanwhile
        _later(row, due_s)
    elif (free_s := _window_opens_s(row, how, lab_s)) > lab_s:
        _hold(row, vm, how, free_s, lab_s)
    else:
        _reset(row, vm, lab_s)


def _beats_again(vm: VirtualMachine, row: HaReset) -> bool:
    """Somebody has started the guest anew since it fell silent, or it never was."""
    return vm.power_state == VmPower.OFF or vm.boot_lab_s > row.failed_lab_s or vm.tools_status == ToolsStatus.OK


def _later(row: HaReset, due_s: float) -> None:
    row.due_lab_s = due_s
    row.save(update_fields=["due_lab_s"])


def _window_opens_s(row: HaReset, how: Watch, lab_s: float) -> float:
    """When one more reset is within the limit: now, later, or (infinity) never."""
    before = HaReset.objects.filter(cluster__vcenter=row.cluster.vcenter_id, vm=row.vm).exclude(reset_lab_s=None)
    if how.reset_window_s > 0:
        before = before.filter(reset_lab_s__gt=lab_s - how.reset_window_s)
    made = sorted(float(s) for s in before.values_list("reset_lab_s", flat=True) if s is not None)
    if len(made) < how.max_resets:
        return lab_s
    if how.reset_window_s <= 0 or how.max_resets < 1:
        return float("inf")
    return made[len(made) - how.max_resets] + how.reset_window_s


def _hold(row: HaReset, vm: VirtualMachine, how: Watch, free_s: float, lab_s: float) -> None:
    """The limit is reached: told once, with the fault that says what to do."""
    if row.fault is None:
        fault = faults.ResetLimitExceeded(name=vm.name, property="max_resets", limit=how.max_resets)
        with changing(vm.vcenter, lab_s=lab_s) as change:
            _failed(change, row, vm, fault)
    if free_s == float("inf"):
        _end(row, HaReset.FAILED, lab_s)
    else:
        _later(row, free_s)


def _failed(change: Change, row: HaReset, vm: VirtualMachine, fault: faults.MethodFault) -> None:
    row.fault = fault.to_dict()
    row.save(update_fields=["fault"])
    change.event("VmDasResetFailedEvent", vm, vm.host, row.cluster, reason=fault.sentence)
    change.changed(vm, row.cluster)


def _reset(row: HaReset, vm: VirtualMachine, lab_s: float) -> None:
    try:
        vm_checks.operable(vm)
        with transaction.atomic(), changing(vm.vcenter, lab_s=lab_s) as change:
            change.event("VmDasBeingResetEvent", vm, vm.host, row.cluster, reason=SILENT)
            row.task = submit(change, "vm.reset", vm, reason=TaskReason.SYSTEM, initiator_name=INITIATOR)
    except faults.MethodFault:  # somebody is at the machine: their task first
        _later(row, lab_s + TRY_AGAIN_S)
        return
    row.state, row.attempts, row.reset_lab_s, row.fault = HaReset.RESETTING, row.attempts + 1, lab_s, None
    row.save()


def _follow(vcenter: VCenter, row: HaReset, lab_s: float) -> None:
    """What was reset has started, or could not be reset; that is tried as often as it may be reset."""
    if row.task is not None and row.task.live:
        return
    if row.task is not None and row.task.state == TaskState.SUCCESS:
        _end(row, HaReset.RESET, lab_s)
        return
    row.reset_lab_s, vm = None, _machine(vcenter, row)
    if vm is None:
        _end(row, HaReset.GONE, lab_s)
        return
    fault = faults.from_dict(row.task.fault) if row.task and row.task.fault else faults.SystemError_(reason="")
    how = watch(vm)
    with changing(vm.vcenter, lab_s=lab_s) as change:
        _failed(change, row, vm, fault)
        if row.attempts >= how.max_resets:
            _end(row, HaReset.FAILED, lab_s)
            return
        row.state, row.due_lab_s = HaReset.WAITING, lab_s + how.failure_interval_s
        row.save()


def _end(row: HaReset, state: str, lab_s: float) -> None:
    row.state, row.ended_lab_s = state, lab_s
    row.save()
