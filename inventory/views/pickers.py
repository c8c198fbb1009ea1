"""What a tree in a dialog loads when a branch is opened."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from domain.morefs import kind_of
from domain.privileges import ALL
from inventory import selectors
from inventory.forms.pickers import PICKS, Tree, branches
from inventory.views.guard import members_only


@require_GET
@members_only
def children(request: HttpRequest, vc: UUID, what: str) -> HttpResponse:
    vcenter = selectors.vcenter_for(request.user, vc)
    node = request.GET.get("node", "")
    name = request.GET.get("field", "")
    asks = tuple(filter(None, request.GET.get("asks", "").split(",")))
    if (
        not ALL.issuperset(asks)
        or what not in PICKS
        or kind_of(node) is None
        or not name.replace("-", "").replace("_", "").isalnum()
    ):
        raise Http404("pick")
    lines = branches(Tree(request.user, vcenter, what, name, asks), node)
    return render(request, "inventory/wizards/branches.html", {"branches": lines, "field": name, "value": ""})
