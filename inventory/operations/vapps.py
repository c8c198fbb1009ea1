"""Starting and stopping vApps: tasks that end when their last member has, not when a job of the fleet does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from domain import faults
from domain.text import _
from hypervisors.port import Command
from inventory.journal import Change
from inventory.models import ResourcePool, Task
from inventory.operations.base import REGISTRY, Operation, entity_of, register


def vapp_of(task: Task) -> ResourcePool:
    """The task's vApp; ManagedObjectNotFound where it has gone."""
    return entity_of(task, ResourcePool.objects.select_related("cluster", "parent", "vcenter"))


def _none(_task: Task) -> Sequence[Command]:
    return ()


def _says(event: str) -> Callable[[Change, Task, Any], None]:
    def tell(change: Change, task: Task, _data: Any) -> None:
        vapp = vapp_of(task)
        change.event(event, vapp, vapp.cluster, task=task)
        change.changed(vapp)

    return tell


def _failed(change: Change, task: Task, fault: faults.MethodFault) -> None:
    try:
        vapp = vapp_of(task)
    except faults.ManagedObjectNotFound:
        return
    label = REGISTRY[task.operation].label
    change.event(
        "VAppOperationFailedEvent", vapp, vapp.cluster, task=task, name=label, pool=vapp.name, reason=fault.sentence
    )
    change.changed(vapp)


def _sequence(key: str, description_id: str, label: str, begun: str, ended: str) -> Operation:
    return register(Operation(key, description_id, label, _none, _says(ended), _failed, _says(begun), by_fleet=False))


POWER_ON = _sequence(
    "vapp.power_on", "VirtualApp.powerOn", _("Power on vApp"), "VAppStartingEvent", "VAppPoweredOnEvent"
)
SHUT_DOWN = _sequence(
    "vapp.shut_down", "VirtualApp.shutDown", _("Shut down vApp"), "VAppStoppingEvent", "VAppPoweredOffEvent"
)
POWER_OFF = _sequence(
    "vapp.power_off", "VirtualApp.powerOff", _("Power off vApp"), "VAppStoppingEvent", "VAppPoweredOffEvent"
)
SUSPEND = _sequence("vapp.suspend", "VirtualApp.suspend", _("Suspend vApp"), "VAppStoppingEvent", "VAppSuspendedEvent")
KEYS = frozenset(one.key for one in (POWER_ON, SHUT_DOWN, POWER_OFF, SUSPEND))
