"""Maintenance mode: emptying a host, knowing beforehand where everything will go."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import Count, Q
from django.utils.timezone import now

from domain import faults
from domain.snapshot import Automation
from domain.states import DrsBehavior, HostConnection, HostPower, StandbyMode, TaskReason, VmPower
from hypervisors.port import Config
from inventory.journal import changing
from inventory.models import Host, Task, VirtualMachine
from inventory.operations import base as tasks
from inventory.services.base import check, instant
from inventory.services.base import submit as submit_task
from scheduler import operations, prechecks, settings_of
from scheduler.engine.drs import evacuation_plan
from scheduler.engine.results import CyclePlan
from scheduler.selectors.cluster import Frame, frame_of
from scheduler.services.migration import Target, relocate

assert operations
TASK_WAITS_AT_PCT = 2


@dataclass(slots=True)
class EvacuationMove:
    vm: VirtualMachine
    host: Host
    cpu_pct_after: float
    memory_pct_after: float


@dataclass(slots=True)
class Evacuation:
    """Where each VM of a host would go, how loaded the targets become, and what cannot move and why."""

    moves: list[EvacuationMove] = field(default_factory=list)
    stuck: list[tuple[VirtualMachine, faults.MethodFault]] = field(default_factory=list)
    loads: list[dict[str, Any]] = field(default_factory=list)


def preview(host: Host) -> Evacuation:
    """The plan for emptying `host` now, made by the same planner that DRS uses."""
    frame = frame_of(host.cluster)
    plan = evacuation_plan(frame.snapshot, frame.snapshot.hosts.moref.index(host.moref), _options(host), frame.now_s)
    return _readable(frame, plan)


def _options(host: Host) -> Any:
    """A cluster without DRS is emptied by the same placement, by hand so to speak."""
    return settings_of.options_of(host.cluster, enabled=True, automation=Automation.FULLY_AUTOMATED)


def _readable(frame: Frame, plan: CyclePlan) -> Evacuation:
    vms = {v.moref: v for v in frame.vms}
    hosts = {h.moref: h for h in frame.hosts}
    after = {load.host: load for load in plan.hosts}
    moves = [
        EvacuationMove(
            vms[m.vm],
            hosts[m.destination],
            100 * after[m.destination].cpu_ratio_after,
            100 * after[m.destination].mem_ratio_after,
        )
        for m in plan.moves
    ]
    stuck = [(vms[f.vm], f.fault) for f in plan.faults if f.vm in vms]
    loads = [
        {"host": hosts[load.host], "vms": load.vms, "vms_after": load.vms_after,
         "cpu_pct": 100 * load.cpu_ratio, "cpu_pct_after": 100 * load.cpu_ratio_after,
         "memory_pct": 100 * load.mem_ratio, "memory_pct_after": 100 * load.mem_ratio_after}
        for load in plan.hosts
    ]  # fmt: skip
    return Evacuation(moves, stuck, loads)


def enter(
    user: Any,
    host: Host,
    *,
    timeout_s: float = 0,
    evacuate_powered_off: bool = False,
    reason: TaskReason = TaskReason.USER,
) -> Task:
    """Start entering maintenance mode. No VM starts or comes there any more; the task ends when none runs there.

    With DRS fully automated (or without DRS, by best fit) the VMs are moved at once; else they wait for a person.
    timeout_s: lab seconds after which the attempt is given up, 0 = never.
    """
    check(user, "Host.Config.Maintenance", host)
    _may_enter(host)
    if not 0 <= timeout_s <= 7 * 86_400:
        raise faults.InvalidArgument(property="timeout", reason="between 0 (never) and a week")
    with changing(host.vcenter, user) as change:
        args = {"timeout_s": timeout_s, "evacuate_powered_off": evacuate_powered_off}
        task = submit_task(change, "host.enter_maintenance", host, args, reason=reason)
        Host.objects.filter(pk=host.pk).update(entering_maintenance=True)
        task.vcenter = host.vcenter
        tasks.start(change, task, {})
        Task.objects.filter(pk=task.pk).update(progress_pct=TASK_WAITS_AT_PCT)
    host.entering_maintenance = True
    evacuate(task.pk)
    return task


def _may_enter(host: Host) -> None:
    if host.in_maintenance or host.entering_maintenance:
        raise faults.InvalidState(name=host.name, reason="it is in maintenance mode or on its way there")
    if host.connection_state != HostConnection.CONNECTED or host.power_state != HostPower.ON:
        raise faults.InvalidHostConnectionState(host=host.name, state=host.connection_state)
    if host.standby_mode != StandbyMode.NONE:
        raise faults.InvalidState(name=host.name, reason="it is in standby or on its way there")


def evacuate(task_id: int) -> None:
    """Move what can be moved off the task's host: a child task per VM. Called again until nothing runs there."""
    task = Task.objects.select_related("vcenter").get(pk=task_id)
    host = Host.objects.select_related("cluster", "vcenter").get(vcenter=task.vcenter, moref=task.entity)
    if not moves_by_itself(host):
        return
    running = VirtualMachine.objects.filter(host=host, power_state=VmPower.ON)
    if running.exists():
        plan = preview(host)
        for move in plan.moves:
            _move(task, move.vm, move.host)
        for vm, fault in plan.stuck:
            _remember(task, vm, fault)
    if task.args.get("evacuate_powered_off"):
        _move_powered_off(task, host)


def moves_by_itself(host: Host) -> bool:
    """True where nobody has to apply recommendations first."""
    cluster = host.cluster
    return not cluster.drs_enabled or cluster.drs_automation == DrsBehavior.FULL


def _move(task: Task, vm: VirtualMachine, target: Host) -> None:
    try:
        with transaction.atomic():
            relocate(None, vm, Target(host=target), cause="maintenance", parent=task, reason=TaskReason.SYSTEM)
    except faults.MethodFault as fault:
        _remember(task, vm, fault)


def _move_powered_off(task: Task, host: Host) -> None:
    plan = cold_plan(host)
    for vm, target in plan.moves:
        _move(task, vm, target)
    for vm, fault in plan.stuck:
        _remember(task, vm, fault)


@dataclass(slots=True)
class ColdPlan:
    """Where what does not run on a host would be registered instead."""

    moves: list[tuple[VirtualMachine, Host]] = field(default_factory=list)
    stuck: list[tuple[VirtualMachine, faults.MethodFault]] = field(default_factory=list)


def cold_plan(host: Host) -> ColdPlan:
    """For the VMs that are off or suspended and the templates of `host`: each to the host with the fewest VMs of those
    that pass every check, so that not all of them come to the same one."""
    found, registered = ColdPlan(), Count("vms", filter=Q(vms__deleted_at__isnull=True))
    rest = Host.objects.filter(cluster=host.cluster).exclude(pk=host.pk).select_related("cluster__vcenter")
    others = list(rest.annotate(registered=registered).order_by("name"))
    has = {one.pk: int(getattr(one, "registered", 0)) for one in others}
    rows = VirtualMachine.objects.filter(host=host).exclude(power_state=VmPower.ON).order_by("name")
    for vm in rows.select_related("pool", "host__cluster", "vcenter"):
        verdicts = prechecks.verdicts([vm], others)
        able = [v.host for v in verdicts if v.ok]
        if able:
            target = min(able, key=lambda one: has[one.pk])
            has[target.pk] += 1
            found.moves.append((vm, target))
            continue
        reasons = list(dict.fromkeys(fault.sentence for v in verdicts for fault in v.errors))
        reason = " ".join(reasons[:3]) or "there is no other host"
        found.stuck.append((vm, faults.NoCompatibleHost(name=vm.name, reason=reason)))
    return found


def _remember(task: Task, vm: VirtualMachine, fault: faults.MethodFault) -> None:
    """Why a VM stays, on the task, for the person who wonders."""
    if isinstance(fault, faults.TaskInProgress):
        return
    known, told = task.detail.get("stuck", {}), [vm.name, fault.to_dict()]
    if known.get(vm.moref) == told:
        return
    task.detail = {**task.detail, "stuck": {**known, vm.moref: told}}
    with changing(task.vcenter) as change:
        Task.objects.filter(pk=task.pk).update(detail=task.detail)
        change.fact("object.changed", task.entity)


def steward(task: Task, lab_s: float) -> None:
    """Look after one entering task: end it when the host is empty, fail it when its time is over, else go on moving."""
    host = Host.objects.select_related("cluster", "vcenter").get(vcenter=task.vcenter, moref=task.entity)
    running = VirtualMachine.objects.filter(host=host, power_state=VmPower.ON).count()
    others = VirtualMachine.objects.filter(host=host).exclude(power_state=VmPower.ON).count()
    left = running + (others if task.args.get("evacuate_powered_off") else 0)
    timeout_s = float(task.args.get("timeout_s") or 0)
    with changing(task.vcenter, lab_s=lab_s) as change:
        if task.cancel_requested:
            tasks.fail(change, task, faults.RequestCanceled(user=task.result.get("cancelled_by", "System")))
        elif not left:
            tasks.finish(change, task, {})
        elif timeout_s and lab_s - task.queued_lab_s > timeout_s:
            tasks.fail(change, task, faults.Timedout(timeout_s=round(timeout_s)))
        else:
            _show(change, task, left)
    if task.state == "running" and left:
        evacuate(task.pk)


def _show(change: Any, task: Task, left: int) -> None:
    total = max(int(task.detail.get("total", 0)), left)
    progress = max(TASK_WAITS_AT_PCT, min(98, round(100 * (1 - left / total))))
    if progress > (task.progress_pct or 0) or "total" not in task.detail:
        task.detail = {**task.detail, "total": total, "left": left}
        Task.objects.filter(pk=task.pk).update(
            progress_pct=max(progress, task.progress_pct or 0), detail=task.detail, started_at=task.started_at or now()
        )
        change.fact("task.changed", task.pk)


def leave(user: Any, host: Host) -> Task:
    """Exit maintenance mode; DRS may fill the host again by and by."""
    check(user, "Host.Config.Maintenance", host)
    if not host.in_maintenance:
        raise faults.InvalidState(name=host.name, reason="it is not in maintenance mode")
    with changing(host.vcenter, user) as change:
        host.in_maintenance = False
        host.save(update_fields=["in_maintenance"])
        change.configure(Config.MAINTENANCE, host.uuid, on=False)
        change.event("ExitMaintenanceModeEvent", host, host.cluster)
        change.changed(host)
        change.fact("tree.changed", host.cluster.moref)
        return instant(change, "HostSystem.exitMaintenanceMode", host)
