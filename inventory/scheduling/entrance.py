"""Where Celery's beat comes in."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from inventory.scheduling.timing import TASK
from inventory.services import schedules


@shared_task(name=TASK, bind=True)
def run(self: Any, pk: int) -> bool:
    """One run of a scheduled task; the id of the delivery keeps it from being done twice."""
    return schedules.carry_out(pk, str(self.request.id))
