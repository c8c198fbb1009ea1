"""Starts and stops of vApps, and of what a host starts and stops with itself, under way. Nobody waits: each beat looks
where a task stands and does what is next.

All that is known of a run is in the row of its task (`detail`, see `domain.vapps.Run`), so that any process goes on
where another was killed. Who changes it claims the turn first; whoever comes second does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import structlog
from django.db import transaction

from domain import faults
from domain.states import TaskState, ToolsStatus
from domain.text import _
from domain.vapps import Item, Job, Run, StartAction, Step, StopAction, Verb, advance, grouped, waits_s
from inventory.autostart import Machines
from inventory.journal import Change, changing
from inventory.models import ResourcePool, Task, VirtualMachine
from inventory.operations import autostart, base, hosts, vapps
from inventory.services import tasks, vms
from inventory.services.base import submit
from inventory.vapps import LIVE, Content, Member

log = structlog.get_logger(__name__)
AT_ONCE = 8  # members that one beat begins, so that a large group does not hold up the others' beats
OPERATION: Mapping[str, str] = {
    Verb.START: vapps.POWER_ON.key,
    Verb.STOP: vapps.SHUT_DOWN.key,
    Verb.POWER_OFF: vapps.POWER_OFF.key,
    Verb.SUSPEND: vapps.SUSPEND.key,
}
KEYS = vapps.KEYS | autostart.KEYS
WAITING, WORKING = _("waiting for the next group"), ""  # phases of the task
CONNECTING = _("waiting for the host to connect")
HOST_PATIENCE_S = 600.0  # a host that is up and does not answer for so long starts nothing any more
_ACTS: Mapping[str, Callable[..., Task]] = {
    StartAction.POWER_ON: vms.power_on,
    StopAction.POWER_OFF: vms.power_off,
    StopAction.GUEST_SHUTDOWN: vms.shutdown_guest,
    StopAction.SUSPEND: vms.suspend,
}
_FAILED: Mapping[str, str] = {
    StartAction.POWER_ON: "VmFailedToPowerOnEvent",
    StopAction.POWER_OFF: "VmFailedToPowerOffEvent",
    StopAction.GUEST_SHUTDOWN: "VmFailedToPowerOffEvent",
    StopAction.SUSPEND: "VmFailedToSuspendEvent",
}


def on_beat(beat: Any) -> None:
    """For `pump.LISTENERS`. One run that cannot go on must not stop the others."""
    if not KEYS & beat.operations:
        return
    live = Task.objects.filter(vcenter=beat.vcenter, operation__in=KEYS, state=TaskState.RUNNING)
    for task in live.select_related("vcenter", "initiator").order_by("id"):
        try:
            steward(task, beat.now_s)
        except faults.LabRewound:
            return
        except Exception:
            log.exception("sequence.run", task=task.pk, entity=task.entity)


def start(change: Change, task: Task, content: Content | Machines, verb: str) -> None:
    """Make a queued task a running one with its plan, in the transaction that queued it."""
    run = Run(str(verb), grouped(content.entities, Verb(verb)), tolerant=isinstance(content, Machines))
    task.vcenter = change.vcenter
    base.start(change, task, {})
    task.detail = run.to_plain()
    Task.objects.filter(pk=task.pk).update(detail=task.detail)


def steward(task: Task, lab_s: float) -> None:
    """Look after one run: begin what is due, end it when all is done, fail it where a member fails."""
    if not task.detail.get("groups"):
        return
    run = Run.from_plain(task.detail)
    try:
        content = _content(task, run.verb)
        holds = isinstance(content, Machines) and run.verb == Verb.START and _holds(content, run, lab_s)
    except faults.MethodFault as fault:
        with changing(task.vcenter, lab_s=lab_s) as change:
            base.fail(change, task, fault)
        return
    if _cancelled(task):
        return cancel(task, lab_s)
    if holds:
        return _hold(task, run, lab_s)
    step = advance(run, content.seen, _jobs(run), lab_s, AT_ONCE)
    phase = WAITING if waits_s(run, lab_s) > 0 else WORKING
    if step.changed or step.begin or step.failed or step.finished or phase != task.phase:
        with changing(task.vcenter, lab_s=lab_s) as change:
            if _claim(task, run):
                _take(change, task, run, step, content, phase)


def _content(task: Task, verb: str) -> Content | Machines:
    """What a run is about; ManagedObjectNotFound where it has gone."""
    if task.operation in autostart.KEYS:
        return Machines(hosts.host_of(task), starting=verb == Verb.START)
    return Content(vapps.vapp_of(task))


def _holds(machines: Machines, run: Run, lab_s: float) -> bool:
    """Whether the host that is to start its machines is not connected yet. Raises where it will not be."""
    host = machines.host
    if host.usable:
        run.busy.pop(host.moref, None)
        return False
    if host.at_rest or not run.patient(host.moref, lab_s, HOST_PATIENCE_S):
        raise faults.InvalidHostConnectionState(host=host.name, state=host.connection_state)
    return True


def _hold(task: Task, run: Run, lab_s: float) -> None:
    """Remember since when, once."""
    if task.phase == CONNECTING:
        return
    with changing(task.vcenter, lab_s=lab_s) as change:
        if _claim(task, run):
            _store(task, run, CONNECTING)
            change.fact("task.changed", task.pk)


def _cancelled(task: Task) -> bool:
    return bool(Task.objects.filter(pk=task.pk, cancel_requested=True).exists())


def _jobs(run: Run) -> dict[int, Job]:
    """The tasks of members that were begun and not yet seen to end."""
    waiting = [item.task for item in run.items.values() if item.task and item.done_s is None]
    rows = Task.objects.filter(pk__in=waiting).values_list("pk", "state", "completed_lab_s") if waiting else ()
    return {
        pk: Job(None if state in LIVE else float(ended_s or 0.0), state == TaskState.ERROR)
        for pk, state, ended_s in rows
    }


def _claim(task: Task, run: Run) -> bool:
    """Take the next turn of a run; False where somebody else has taken it, or the task has ended."""
    mine = Task.objects.filter(pk=task.pk, state=TaskState.RUNNING, detail__turn=run.turn)
    run.turn += 1
    return bool(mine.update(detail=run.to_plain()))


def _take(change: Change, task: Task, run: Run, step: Step, content: Content | Machines, phase: str) -> None:
    """Do what a step says, and store how far the run has come."""
    if step.failed:
        return _fail_with_task(change, task, run, step.failed, content)
    if step.finished:
        return _finish(change, task)
    for entity, act in step.begin:
        member = content.members[entity.moref]
        try:
            run.items[entity.moref] = _begun(task, member, act, run, change.lab_s)
        except (faults.TaskInProgress, faults.InvalidPowerState) as fault:
            if not run.patient(entity.moref, change.lab_s):  # else the next beat looks again
                _pass_over(change, task, run, member, act, fault)
        except faults.MethodFault as fault:
            if run.tolerant:
                _pass_over(change, task, run, member, act, fault)
                continue
            _store(task, run, phase)
            _fail(change, task, entity.moref, fault, content)
            return
    _store(task, run, phase)
    change.fact("task.changed", task.pk)
    change.fact("object.changed", task.entity)


def _finish(change: Change, task: Task) -> None:
    """The end; a host whose machines are down now goes down itself, for whom asked for it."""
    if base.finish(change, task, {}) and task.args.get("then"):
        change.user = task.initiator
        args = {name: task.args[name] for name in ("reason", "force")}
        submit(change, str(task.args["then"]), hosts.host_of(task), args, parent=task)


def _pass_over(change: Change, task: Task, run: Run, member: Member, act: str, fault: faults.MethodFault) -> None:
    """A host does not wait for a machine that cannot be started or stopped; that is told."""
    assert isinstance(member, VirtualMachine)  # only hosts are tolerant
    run.pass_over(member.moref, change.lab_s)
    change.event(_FAILED[act], member, member.host, task=task, reason=fault.sentence)


def _begun(task: Task, member: Member, act: str, run: Run, now_s: float) -> Item:
    """Queue what is to be done to a member as a child of the run's task."""
    with transaction.atomic():
        options: dict[str, Any] = {"parent": task, "initiator_name": task.initiator_name}
        if not isinstance(member, VirtualMachine):
            child = _begun_inside(member, run.verb, options)
        elif run.tolerant:
            act, child = _begun_with_host(task, member, act, options)
        else:
            child = _ACTS[act](None, member, **options)
    return Item(act, child.pk, begun_s=now_s)


def _begun_with_host(task: Task, vm: VirtualMachine, act: str, options: dict[str, Any]) -> tuple[str, Task]:
    """What starts, starts on this host, whatever DRS would prefer. A guest without tools is stopped hard."""
    options["reason"] = task.reason
    if act == StartAction.POWER_ON:
        return act, vms.power_on(None, vm, vm.host, **options)
    if act == StopAction.GUEST_SHUTDOWN and vm.tools_status != ToolsStatus.OK:
        act = str(StopAction.POWER_OFF)
    return act, _ACTS[act](None, vm, **options)


def _begun_inside(child: ResourcePool, verb: str, options: Mapping[str, Any]) -> Task:
    """A child vApp runs by a task of its own; the next beats look after both."""
    with changing(child.vcenter) as change:
        task = submit(change, OPERATION[verb], child, {"verb": str(verb)}, **options)
        start(change, task, Content(child), verb)
    return task


def _store(task: Task, run: Run, phase: str) -> None:
    task.detail, task.phase = run.to_plain(), phase
    Task.objects.filter(pk=task.pk).update(
        detail=task.detail, phase=phase, progress_pct=max(task.progress_pct or 0, run.progress_pct)
    )


def _fail_with_task(change: Change, task: Task, run: Run, moref: str, content: Content | Machines) -> None:
    child = Task.objects.get(pk=run.items[moref].task)
    _fail(change, task, moref, faults.from_dict(child.fault or {}), content)


def _fail(change: Change, task: Task, moref: str, fault: faults.MethodFault, content: Content | Machines) -> None:
    """As in vSphere what was started stays started; nothing more is begun. The task says who failed, and why."""
    member = content.members.get(moref)
    name = member.name if member is not None else moref
    base.fail(change, task, faults.VAppEntityFailed(name=task.entity_name, vm=name, reason=fault.sentence))


def cancel(task: Task, lab_s: float) -> None:
    """End a run that somebody cancelled, and ask its members' tasks to end."""
    run = Run.from_plain(task.detail)
    children = Task.objects.filter(parent=task, state__in=LIVE, cancelable=True, cancel_requested=False)
    for child in children.select_related("vcenter"):
        try:
            with transaction.atomic():
                tasks.cancel(None, child)
        except faults.MethodFault:
            continue  # it has just ended, or is past the point of no return
    with changing(task.vcenter, lab_s=lab_s) as change:
        if _claim(task, run):
            name = Task.objects.get(pk=task.pk).result.get("cancelled_by", "System")
            base.fail(change, task, faults.RequestCanceled(user=name))
