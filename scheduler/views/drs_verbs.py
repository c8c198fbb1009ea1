"""What the buttons of the recommendations do: run DRS now, apply what waits."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from domain.faults import MethodFault
from inventory import selectors
from inventory.views.guard import in_background, members_only, refusal
from scheduler.models import Recommendation
from scheduler.services import drs


@require_POST
@members_only
def run(request: HttpRequest, vc: UUID, moref: str) -> HttpResponse:
    """A cycle out of turn."""
    cluster = _cluster(request, vc, moref)
    try:
        decision = drs.run_now(request.user, cluster)
    except MethodFault as fault:
        return refusal(request, fault)
    number = decision.moves + decision.power_actions
    said = ngettext("DRS has run: %(count)s recommendation.", "DRS has run: %(count)s recommendations.", number)
    return _answer(request, cluster, [said % {"count": number}], [])


@require_POST
@members_only
def apply(request: HttpRequest, vc: UUID, moref: str) -> HttpResponse:
    """Apply all that wait, or with `override` those that are ticked."""
    cluster = _cluster(request, vc, moref)
    try:
        done = drs.apply(request.user, cluster, _ids(request, cluster))
    except MethodFault as fault:
        return refusal(request, fault)
    tasks = [one.task for one in done if one.task is not None]
    waits = sum(one.why_not == "waits" for one in done)
    failed = len(done) - len(tasks) - waits
    said = [ngettext("%(count)s was started.", "%(count)s were started.", len(tasks)) % {"count": len(tasks)}]
    if waits:
        said.append(_("%(count)s start when what they wait for has ended.") % {"count": waits})
    if failed:
        said.append(_("%(count)s could not be carried out; see Faults.") % {"count": failed})
    return _answer(request, cluster, said, tasks)


def _cluster(request: HttpRequest, vc: UUID, moref: str) -> Any:
    vcenter = selectors.vcenter_for(request.user, vc)
    return selectors.cluster_for(request.user, vcenter, moref)


def _ids(request: HttpRequest, cluster: Any) -> list[int] | None:
    """The ticked recommendations as they are called now: a cycle since the page was drawn has given new numbers."""
    if not request.POST.get("override"):
        return None
    wanted = set(request.POST.getlist("only"))
    waiting = Recommendation.objects.filter(cluster=cluster, state=Recommendation.PENDING)
    return [row.pk for row in waiting if row.about in wanted]


def _answer(request: HttpRequest, cluster: Any, said: list[str], tasks: list[Any]) -> HttpResponse:
    if not in_background(request):
        return redirect("inventory:object-section", cluster.vcenter.uuid, cluster.moref, "monitor", "recommendations")
    return render(
        request, "scheduler/drs/answer.html", {"text": " ".join(said), "tone": "ok", "tasks": tasks}, status=202
    )
