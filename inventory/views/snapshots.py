"""Verbs of one snapshot on the Snapshots tab."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_POST

from domain import faults
from inventory import selectors
from inventory.services import snapshots as services
from inventory.views.answers import fault_answer


@login_required
@require_POST
def verb(request: HttpRequest, vc: UUID, moref: str, snapshot: str, verb: str) -> HttpResponse:
    """Revert to a snapshot, or remove it, alone or with what was taken after it; the answer is the task's row."""
    vm = selectors.vm_for(request.user, selectors.vcenter_for(request.user, vc), moref)
    one = get_object_or_404(vm.snapshots, moref=snapshot)
    verbs = {
        "revert": lambda: services.revert(request.user, vm, one),
        "remove": lambda: services.remove(request.user, vm, one),
        "remove-branch": lambda: services.remove(request.user, vm, one, children=True),
    }
    if verb not in verbs:
        raise Http404
    try:
        task = verbs[verb]()
    except faults.MethodFault as fault:
        return fault_answer(request, fault)
    return render(request, "inventory/fragments/task_row.html", {"task": task}, status=202)
