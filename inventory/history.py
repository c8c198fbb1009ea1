"""What was done and what happened, as far as a person may see it: tasks, events and alarms of readable objects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from django.db.models import Model, Q, QuerySet

from domain.states import TaskState
from inventory import selectors
from inventory.models import Event, EventLink, Task, TriggeredAlarm, VCenter

M = TypeVar("M", bound=Model)
LIVE = (TaskState.QUEUED, TaskState.RUNNING)


def readable(user: Any, vcenter: VCenter) -> Q:
    """Rows of one vCenter whose `entity` the person may see."""
    return Q(vcenter=vcenter) & selectors.entities_visible(user, vcenter)


def seen(rows: QuerySet[M], user: Any, vcenters: Iterable[VCenter]) -> QuerySet[M]:
    """Narrow tasks, events or alarms to what the person may see in these vCenters."""
    which = Q(pk__in=())
    for vcenter in vcenters:
        which |= readable(user, vcenter)
    return rows.filter(which).select_related("vcenter")


def tasks(user: Any, vcenters: Iterable[VCenter]) -> QuerySet[Task]:
    return seen(Task.objects.all(), user, vcenters)


def recent_tasks(user: Any, vcenters: Sequence[VCenter], number: int, which: str = "all") -> list[Task]:
    """The newest tasks for the bottom pane; `which` is all, running or failed."""
    rows = tasks(user, vcenters)
    if which == "running":
        rows = rows.filter(state__in=LIVE)
    elif which == "failed":
        rows = rows.filter(state=TaskState.ERROR)
    return list(rows.order_by("-id")[:number])


def triggered_alarms(user: Any, vcenters: Sequence[VCenter], number: int, which: str = "all") -> list[TriggeredAlarm]:
    """The newest alarms that are not green; `which` is all, new or acknowledged."""
    rows = seen(TriggeredAlarm.objects.select_related("definition"), user, vcenters)
    if which in ("new", "acknowledged"):
        rows = rows.filter(acknowledged=which == "acknowledged")
    return list(rows.select_related("definition", "vcenter").order_by("acknowledged", "-triggered_lab_s")[:number])


def count_of_alarms(user: Any, vcenters: Sequence[VCenter], most: int) -> int:
    """How many alarms are not green; no more than `most` are counted."""
    return seen(TriggeredAlarm.objects.order_by(), user, vcenters)[:most].count()


def events(user: Any, vcenters: Iterable[VCenter]) -> QuerySet[Event]:
    return seen(Event.objects.all(), user, vcenters)


def events_of(obj: Any) -> QuerySet[Event]:
    """Events that concern one object, as their subject or otherwise."""
    return Event.objects.filter(Q(entity=obj.moref) | Q(pk__in=_linked(obj)), vcenter=vcenter_of(obj)).select_related(
        "vcenter"
    )


def _linked(obj: Any) -> QuerySet[Any]:
    return EventLink.objects.filter(vcenter=vcenter_of(obj), moref=obj.moref).values("event_id")


def vcenter_of(obj: Any) -> VCenter:
    return obj if isinstance(obj, VCenter) else obj.vcenter
