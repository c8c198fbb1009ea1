"""Scheduling something, letting it run, and what beat has of it."""

from __future__ import annotations

from typing import Any

from django_celery_beat.models import PeriodicTask

from inventory.models import ScheduledTask
from inventory.scheduling import timing
from inventory.services import schedules

DAILY = {"kind": "daily", "at": "18:00"}


def plan(
    user: Any, obj: Any, verb: str = "power-on", when: Any = DAILY, title: str = "Morning", **args: Any
) -> ScheduledTask:
    return schedules.create(user, obj, name=title, verb=verb, args=args, timing=when)


def ran(row: ScheduledTask, delivery: str = "d1") -> ScheduledTask:
    schedules.carry_out(row.pk, delivery)
    row.refresh_from_db()
    return row


def entry(row: ScheduledTask) -> PeriodicTask:
    found = timing.entry_of(row)
    assert found is not None
    return found
