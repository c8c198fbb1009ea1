"""The entry that schedules a task, for every kind of object that has something to schedule."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from inventory.actions import alarms
from inventory.actions.action import Action
from inventory.actions.registry import add
from inventory.scheduling.verbs import of_kind

# Behind which entry it stands in the menu of each kind.
AFTER = {
    "vcenter": "alarms", "datacenter": "alarms", "folder": "alarms", "cluster": "alarms", "host": "alarms",
    "pool": "alarms", "vm": "alarms", "template": "add-permission", "datastore": "add-permission",
    "network": "add-permission",
}  # fmt: skip


def _has_verbs(obj: Any) -> bool:
    return bool(of_kind(obj))


SCHEDULE = Action(
    "schedule-task", _("New Scheduled Task…"), "ScheduledTask.Create", "calendar", dialog="schedule-task",
    offered=_has_verbs,
)  # fmt: skip
assert alarms  # its submenu is there before this comes behind it
for _kind, _entry in AFTER.items():
    add(_kind, SCHEDULE, after=_entry)
