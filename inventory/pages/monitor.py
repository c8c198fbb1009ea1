"""The Monitor tab: tasks, events, the allocation of CPU and memory."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from domain.morefs import Kind
from domain.states import EventCategory, TaskReason, TaskState
from inventory import history, words
from inventory.pages.allocation import allocation_of
from inventory.pages.registry import MONITOR, VCENTER, section

EVERYTHING = (
    VCENTER, Kind.FOLDER, Kind.DATACENTER, Kind.CLUSTER, Kind.HOST, Kind.POOL, Kind.VM, Kind.DATASTORE, Kind.NETWORK
)  # fmt: skip
COMPUTE = (Kind.CLUSTER, Kind.HOST, Kind.POOL)
PAGE = 50


@section(MONITOR, "tasks", _("Tasks"), EVERYTHING, group="history")
def tasks(page: Any) -> dict[str, Any]:
    """Tasks on the object; a vCenter's are those of everything in it."""
    rows = history.tasks(page.user, [page.vc])
    if page.kind != VCENTER:
        rows = rows.filter(entity=page.moref)
    rows = filtered_tasks(rows, page.request.GET).order_by("-id")
    return {
        "rows": Paginator(rows, PAGE).get_page(page.request.GET.get("page")),
        "states": words.choices(TaskState),
        "reasons": words.choices(TaskReason),
        "filters": page.request.GET,
    }


def filtered_tasks(rows: Any, given: Any) -> Any:
    """Narrow tasks to what the filters of a list say."""
    if given.get("state"):
        rows = rows.filter(state=given["state"])
    if given.get("reason"):
        rows = rows.filter(reason=given["reason"])
    text = given.get("q", "").strip()
    if text:
        named = [key for key, label in words.TASKS.items() if text.lower() in str(label).lower()]
        rows = rows.filter(
            Q(entity_name__icontains=text)
            | Q(initiator_name__icontains=text)
            | Q(description_id__in=named)
            | Q(moref=text)
        )
    return rows


@section(MONITOR, "events", _("Events"), EVERYTHING, group="history")
def events(page: Any) -> dict[str, Any]:
    """Events that concern the object; a vCenter's are all."""
    rows = history.events(page.user, [page.vc]) if page.kind == VCENTER else history.events_of(page.obj)
    rows = filtered_events(rows, page.request.GET).order_by("-key")
    return {
        "rows": Paginator(rows, PAGE).get_page(page.request.GET.get("page")),
        "categories": words.choices(EventCategory),
        "filters": page.request.GET,
    }


def filtered_events(rows: Any, given: Any) -> Any:
    """Narrow events to what the filters of a list say."""
    if given.get("category"):
        rows = rows.filter(category=given["category"])
    if given.get("chain", "").isdecimal():
        rows = rows.filter(chain_id=given["chain"])
    text = given.get("q", "").strip()
    if text:
        rows = rows.filter(Q(entity_name__icontains=text) | Q(user_name__icontains=text) | Q(type__icontains=text))
    return rows


@section(MONITOR, "cpu", _("CPU"), COMPUTE, group="allocation", template="inventory/monitor/allocation.html")
def cpu_allocation(page: Any) -> dict[str, Any]:
    return {"allocation": allocation_of(page.obj, "cpu", page.user, page.vc), "form": "mhz"}


@section(MONITOR, "memory", _("Memory"), COMPUTE, group="allocation", template="inventory/monitor/allocation.html")
def memory_allocation(page: Any) -> dict[str, Any]:
    return {"allocation": allocation_of(page.obj, "memory", page.user, page.vc), "form": "mib"}
