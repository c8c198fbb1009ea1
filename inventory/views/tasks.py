"""Tasks and alarms: the bottom pane, the task console, cancelling, acknowledging."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from domain import faults
from domain.states import TaskReason, TaskState
from inventory import format as forms
from inventory import history, selectors, words
from inventory.models import Task, TriggeredAlarm
from inventory.pages.monitor import filtered_tasks
from inventory.services import alarms as alarm_services
from inventory.services import tasks as services
from inventory.services import undo as undo_service
from inventory.shell import RECENT
from inventory.views.actions import accepted
from inventory.views.answers import csv_file, fault_answer
from inventory.views.guard import refusal

PAGE = 50
CSV_MOST = 20_000


def in_reach(request: HttpRequest, vc: UUID | None) -> list[Any]:
    """The vCenters that a console covers: the one that is named, or all that the person can see."""
    return [selectors.vcenter_for(request.user, vc)] if vc else list(selectors.vcenters_at_home(request.user))


@login_required
@require_safe
def recent(request: HttpRequest) -> HttpResponse:
    """The table of the bottom pane."""
    which = request.GET.get("which", "all")
    tasks = history.recent_tasks(request.user, in_reach(request, None), RECENT, which)
    return render(request, "inventory/fragments/recent_tasks.html", {"tasks": tasks, "which": which})


@login_required
@require_safe
def alarms(request: HttpRequest) -> HttpResponse:
    which = request.GET.get("which", "all")
    rows = history.triggered_alarms(request.user, in_reach(request, None), RECENT, which)
    return render(request, "inventory/fragments/recent_alarms.html", {"alarms": rows, "which": which})


@login_required
@require_POST
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask a task to stop; the answer is its row."""
    visible = history.tasks(request.user, in_reach(request, None))
    task = get_object_or_404(visible, pk=pk)
    try:
        services.cancel(request.user, task)
    except faults.MethodFault as fault:
        return fault_answer(request, fault)
    task = visible.get(pk=pk)
    return render(request, "inventory/fragments/task_row.html", {"task": task})


@login_required
@require_POST
def undo(request: HttpRequest, pk: int) -> HttpResponse:
    """Take back what a task did; 202 carries the row of the task that does it."""
    task = get_object_or_404(history.tasks(request.user, in_reach(request, None)), pk=pk)
    try:
        return accepted(request, undo_service.undo(request.user, task))
    except faults.MethodFault as fault:
        return refusal(request, fault)


@login_required
@require_POST
def alarm_verb(request: HttpRequest, pk: int, verb: str) -> HttpResponse:
    """Acknowledge an alarm or reset it to green; the answer is its row, or nothing where it is gone."""
    verbs = {"acknowledge": alarm_services.acknowledge, "reset": alarm_services.reset}
    if verb not in verbs:
        raise Http404
    rows = history.seen(TriggeredAlarm.objects.select_related("definition"), request.user, in_reach(request, None))
    alarm = get_object_or_404(rows, pk=pk)
    try:
        verbs[verb](request.user, alarm)
    except faults.MethodFault as fault:
        return fault_answer(request, fault)
    left = TriggeredAlarm.objects.select_related("definition", "vcenter").filter(pk=pk).first()
    return render(request, "inventory/fragments/alarm_row.html", {"alarm": left}) if left else HttpResponse("")


@login_required
@require_safe
def console(request: HttpRequest, vc: UUID | None = None) -> HttpResponseBase:
    """All tasks, with filters, pages and an export."""
    rows = filtered_tasks(history.tasks(request.user, in_reach(request, vc)), request.GET).order_by("-id")
    if request.GET.get("format") == "csv":
        return csv_file("tasks", TASK_COLUMNS, (_csv_row(task) for task in rows[:CSV_MOST]))
    page = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    context = {
        "rows": page,
        "states": words.choices(TaskState),
        "reasons": words.choices(TaskReason),
        "filters": request.GET,
    }
    return render(request, "inventory/tasks.html", context)


TASK_COLUMNS = ("task", "target", "state", "details", "initiator", "queued", "started", "completed", "server")


def _csv_row(task: Task) -> tuple[str, ...]:
    details = words.fault_sentence(task.fault)
    lab = (task.queued_lab_s, task.started_lab_s, task.completed_lab_s)
    times = (forms.lab_iso(task.vcenter, moment) for moment in lab)
    state = str(words.of(TaskState, task.state))
    who = task.initiator_name or _("System")
    return (words.task_label(task), task.entity_name, state, details, who, *times, task.vcenter.name)
