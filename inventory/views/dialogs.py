"""Dialogs: GET draws one, POST sends it. A faulty form comes back as it was typed (422); 202 carries the task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from domain.faults import InvalidState, MethodFault
from inventory import rights, selectors
from inventory.actions import Action, Context
from inventory.actions.registry import entries, flat
from inventory.forms import DIALOGS, Dialog, question
from inventory.forms.wizard import Wizard
from inventory.models import VCenter
from inventory.views.actions import accepted
from inventory.views.guard import members_only, refusal


@require_http_methods(["GET", "POST"])
@members_only
def dialog(request: HttpRequest, vc: UUID, moref: str, name: str) -> HttpResponse:
    """One dialog of one object."""
    vcenter = selectors.vcenter_for(request.user, vc)
    obj = selectors.object_for(request.user, vcenter, moref)
    try:
        shown = opened(request, vcenter, obj, name)
    except MethodFault as fault:
        return refusal(request, fault)
    if isinstance(shown, Wizard):
        return walk(request, shown)
    if request.method == "GET":
        return drawn(request, shown, shown.form())
    go = request.POST.get("go", "")
    if go:
        return drawn(request, shown, shown.redrawn(go, request.POST))
    form = shown.form(request.POST)
    done, task = shown.try_to(form)
    return accepted(request, task) if done else drawn(request, shown, form, status=422)


def opened(request: HttpRequest, vcenter: VCenter, obj: Any, name: str) -> Dialog:
    """The dialog of that name, if this person may open it on this object now; raises MethodFault where not."""
    action = _action_of(obj, name, request.GET.urlencode())
    cls = DIALOGS.get(name)
    if action is not None:
        _check(action, request.user, obj)
        if cls is None and action.confirm is None:
            raise Http404("dialog")
        cls = cls or question(action)
    elif cls is None or not cls.privilege:
        raise Http404("dialog")
    else:
        rights.require(request.user, cls.privilege, obj)
    return cls(request.user, vcenter, obj, request.GET)


def _action_of(obj: Any, name: str, query: str) -> Action | None:
    """The menu entry that opens this dialog."""
    fits = [a for a in flat(entries(obj)) if a.offered(obj) and (a.dialog == name or (a.confirm and a.key == name))]
    return next((a for a in fits if a.query == query), fits[0] if fits else None)


def _check(action: Action, user: Any, obj: Any) -> None:
    if not action.allowed(rights.privileges(user, obj)):
        raise rights.refusal(user, action.privilege, obj)
    if why := action.why_not(Context(user, obj)):
        raise InvalidState(name=obj.name, reason=why)


def drawn(request: HttpRequest, shown: Dialog, form: Any, status: int = 200) -> HttpResponse:
    url = request.get_full_path()
    context = {"dialog": shown, "form": form, "url": url, "danger": shown.danger, **shown.context(form)}
    response = render(request, shown.template, context, status=status)
    if getattr(form, "fault", None) is not None:
        response["X-Fault"] = form.fault.name
    return response


def walk(
    request: HttpRequest, wizard: Wizard, answer: Callable[[HttpRequest, Any], HttpResponse] = accepted
) -> HttpResponse:
    """A wizard keeps its state in the form: every answer is drawn from what was sent; `answer` tells of the end."""
    data = request.POST if request.method == "POST" else None
    done, result = wizard.advance(data)
    if done:
        return answer(request, result)
    status = 422 if wizard.faulty else 200
    context = {"dialog": wizard, "wizard": wizard, "form": wizard.shown_form, "url": request.get_full_path()}
    response = render(request, wizard.template, {**context, **wizard.context(wizard.shown_form)}, status=status)
    if wizard.fault_name:
        response["X-Fault"] = wizard.fault_name
    return response
