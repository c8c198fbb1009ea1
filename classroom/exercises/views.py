"""The exercise panel: one fragment, and what its buttons do. Each answer is the panel as it is then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from classroom import selectors
from classroom.exercises import attempts, lessons, restarts
from classroom.exercises.panel import panel_of
from classroom.models import Lab
from classroom.views.asking import Asked, confirm
from domain import faults
from domain.faults import MethodFault
from inventory import selectors as inventory
from inventory.views.guard import members_only, refusal

PANEL = "classroom/fragments/exercise.html"


def _lab(request: HttpRequest, vc: UUID) -> Lab | None:
    """The lab behind a vCenter that the person may see; 404 for strangers, None where it is no lab of a class."""
    return selectors.lab_at(inventory.vcenter_for(request.user, vc))


def _may(user: Any, lab: Lab) -> bool:
    try:
        attempts.allowed(user, lab)
    except faults.NoPermission:
        return False
    return True


@require_safe
@members_only
def panel(request: HttpRequest, vc: UUID) -> HttpResponse:
    """The panel; 204 where the vCenter is no lab, where nothing has changed since the digest in `known`, or (with
    `X-Exercise-Later`) where the course has no exercise yet."""
    lab = _lab(request, vc)
    if lab is None:
        return HttpResponse(status=204)
    shown = panel_of(lab, may=_may(request.user, lab))
    if not shown.offers and shown.attempt is None:
        return HttpResponse(status=204, headers={"X-Exercise-Later": "1"})
    if request.GET.get("known") == shown.digest:
        return HttpResponse(status=204)
    return render(request, PANEL, {"panel": shown})


def _do(request: HttpRequest, vc: UUID, verb: Callable[[Lab], Any]) -> HttpResponse:
    lab = _lab(request, vc)
    if lab is None:
        return refusal(request, faults.NotFound(what=_("The lab")))
    try:
        verb(lab)
    except MethodFault as fault:
        return refusal(request, fault)
    lab = _lab(request, vc)
    assert lab is not None
    return render(request, PANEL, {"panel": panel_of(lab, may=_may(request.user, lab))})


@require_POST
@members_only
def begin(request: HttpRequest, vc: UUID, lesson: str) -> HttpResponse:
    return _do(request, vc, lambda lab: attempts.begin(request.user, lab, lesson))


@require_POST
@members_only
def check(request: HttpRequest, vc: UUID) -> HttpResponse:
    """Look now, without waiting for the next beat."""

    def verb(lab: Lab) -> None:
        attempts.allowed(request.user, lab)
        attempts.check(lab)

    return _do(request, vc, verb)


@require_POST
@members_only
def hint(request: HttpRequest, vc: UUID, step: str) -> HttpResponse:
    return _do(request, vc, lambda lab: attempts.hint(request.user, lab, step))


@require_POST
@members_only
def press(request: HttpRequest, vc: UUID, step: str) -> HttpResponse:
    return _do(request, vc, lambda lab: attempts.press(request.user, lab, step))


@require_http_methods(["GET", "POST"])
@members_only
def give_up(request: HttpRequest, vc: UUID) -> HttpResponseBase:
    """A question first: what is not done stays undone."""
    lab = _lab(request, vc)
    if lab is None:
        return refusal(request, faults.NotFound(what=_("The lab")))
    dialog = Asked("give-up", _("Give up the exercise"), _("Give up"))
    question = _("Close this attempt with the points it has?")
    radius = [_("The lab stays as it is."), _("You may begin the exercise again from its start state.")]
    return confirm(request, dialog, question, lambda: attempts.give_up(request.user, lab), radius=radius)


@require_http_methods(["GET", "POST"])
@members_only
def again(request: HttpRequest, vc: UUID, lesson: str) -> HttpResponseBase:
    """A question first: the whole lab goes back."""
    lab, known = _lab(request, vc), lessons.find(lesson)
    if lab is None or known is None:
        return refusal(request, faults.NotFound(what=_("The exercise")))
    dialog = Asked("exercise-again", _("Restart from the start state"), _("Restart"))
    question = _("Take the whole lab back to its beginning and start “%(title)s” again?") % {"title": known.title}
    radius = [_("Everything in the lab is made anew: what you created there is lost."),
              _("Points of earlier attempts are kept; the best one counts.")]  # fmt: skip
    return confirm(request, dialog, question, lambda: restarts.ask(request.user, lab, lesson),
                   radius=radius)  # fmt: skip
