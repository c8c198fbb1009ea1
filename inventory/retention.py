"""What is forgotten, and when: tasks and events after 30 days of wall time, the recycle bin when its time is over."""

from __future__ import annotations

from datetime import timedelta

from django.utils.timezone import now

from domain.states import TaskReason, TaskState
from inventory.journal import changing
from inventory.models import Event, Task, VirtualMachine
from inventory.operations import base
from inventory.scheduling import timing

HISTORY_STAYS = timedelta(days=30)
BATCH = 2_000


def tidy() -> None:
    """Run every minute; deletes in batches, so that no transaction is long."""
    before = now() - HISTORY_STAYS
    old_tasks = Task.objects.filter(queued_at__lt=before, state__in=(TaskState.SUCCESS, TaskState.ERROR))
    Task.objects.filter(pk__in=list(old_tasks.values_list("pk", flat=True)[:BATCH])).delete()
    old_events = Event.objects.filter(created_at__lt=before).order_by("key")
    Event.objects.filter(pk__in=list(old_events.values_list("pk", flat=True)[:BATCH])).delete()
    empty_recycle_bins()
    timing.sweep()


def empty_recycle_bins() -> None:
    due = VirtualMachine.everything.filter(purge_at__lt=now()).select_related("vcenter")
    for vm in due[:100]:
        if Task.objects.filter(
            vcenter=vm.vcenter, entity=vm.moref, state__in=(TaskState.QUEUED, TaskState.RUNNING)
        ).exists():
            continue
        with changing(vm.vcenter) as change:
            base.queue(change, "vm.purge", vm, reason=TaskReason.SCHEDULE, initiator_name="System")
