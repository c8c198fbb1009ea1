"""When a host starts its machines, and when it stops them: after it has booted, and before a person shuts it down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain import faults
from domain.states import HostPower, StandbyMode, TaskReason, TaskState, VmPower
from domain.vapps import Verb
from hypervisors.port import FleetEvent, Happening
from inventory import autostart, sequences
from inventory.journal import Change, changing
from inventory.models import Host, Task
from inventory.operations import autostart as operations
from inventory.operations import base
from inventory.services.base import submit

INITIATOR = "AutoStartManager"


def record(change: Change, events: Sequence[FleetEvent]) -> None:
    """For `pump.RECORDERS`: in the transaction that records a boot, so that what starts with it starts exactly once."""
    for uuid in dict.fromkeys(event.target for event in events if _booted(event)):
        rows = Host.objects.filter(vcenter=change.vcenter, uuid=uuid).exclude(autostart={})
        host = rows.select_related("cluster", "vcenter").first()
        if host is not None and autostart.on(host) and not host.in_maintenance:
            _begin_start(change, host)


def _booted(event: FleetEvent) -> bool:
    up = (str(HostPower.ON), str(StandbyMode.NONE))
    return event.kind == Happening.HOST_POWER and (event.data["power"], event.data.get("standby", "none")) == up


def _begin_start(change: Change, host: Host) -> None:
    """A start that an earlier boot began goes no further: the host has been down since."""
    for task in _live(host, operations.POWER_ON.key):
        base.fail(change, task, faults.RequestCanceled(user="System"))
    machines = autostart.Machines(host, starting=True)
    if not any(machines.seen[one.moref].powers != {VmPower.ON} for one in machines.entities):
        return
    task = submit(
        change, operations.POWER_ON.key, host, reason=TaskReason.SYSTEM, initiator_name=INITIATOR, exclusive=False
    )
    sequences.start(change, task, machines, Verb.START)


def _live(host: Host, key: str) -> list[Task]:
    states = (TaskState.QUEUED, TaskState.RUNNING)
    rows = Task.objects.filter(vcenter=host.vcenter_id, entity=host.moref, operation=key, state__in=states)
    return list(rows.select_related("vcenter"))


def stops_first(host: Host) -> bool:
    """Whether what runs on the host is stopped in order before a person shuts it down or reboots it."""
    return autostart.on(host) and host.vms.filter(power_state=VmPower.ON, deleted_at__isnull=True).exists()


def begin_stop(user: Any, host: Host, then: str, args: dict[str, Any]) -> Task:
    """Stop what runs on the host in the reverse order; the last beat of that queues the operation `then` with `args`.

    Raises TaskInProgress where another task holds the host.
    """
    machines = autostart.Machines(host, starting=False)
    with changing(host.vcenter, user) as change:
        task = submit(change, operations.POWER_OFF.key, host, {**args, "then": then})
        sequences.start(change, task, machines, Verb.STOP)
    lab_s = host.vcenter.lab_seconds()
    for running in _live(host, operations.POWER_ON.key):
        sequences.cancel(running, lab_s)
    sequences.steward(task, lab_s)
    task.refresh_from_db()
    return task
