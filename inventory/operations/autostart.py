"""What a host starts and stops with itself: tasks that end when the last machine has been taken, see `sequences`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain.text import _
from hypervisors.port import Command
from inventory.journal import Change
from inventory.models import Task
from inventory.operations.base import Operation, register


def _none(_task: Task) -> Sequence[Command]:
    return ()


def _changed(change: Change, task: Task, _data: Any) -> None:
    change.fact("object.changed", task.entity)


def _sequence(key: str, description_id: str, label: str) -> Operation:
    return register(Operation(key, description_id, label, _none, _changed, _changed, _changed, by_fleet=False))


POWER_ON = _sequence("host.auto_power_on", "HostAutoStartManager.autoPowerOn", _("Start virtual machines of host"))
POWER_OFF = _sequence("host.auto_power_off", "HostAutoStartManager.autoPowerOff", _("Stop virtual machines of host"))
KEYS = frozenset({POWER_ON.key, POWER_OFF.key})
