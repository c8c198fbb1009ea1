"""The left navigator: lines of a tree as they are opened."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from inventory import selectors
from inventory.models import VCenter
from inventory.selectors.tree import MORE, VIEWS, TreeNode
from inventory.selectors.worst import worst_below
from inventory.treelines import Line

MOST_OPEN = 60


@login_required
@require_safe
def roots(request: HttpRequest) -> HttpResponse:
    """The whole tree as a person left it: every vCenter, and below it the nodes named in `open` (`uuid:moref`, …)."""
    view = _view(request)
    wanted = [one for one in request.GET.get("open", "").split(",") if one][:MOST_OPEN]
    trees = [_Tree(request.user, vc, view, wanted).root() for vc in selectors.vcenters_at_home(request.user)]
    return render(request, "inventory/fragments/tree.html", {"lines": [one for one in trees if one], "view": view})


@login_required
@require_safe
def children(request: HttpRequest, vc: UUID) -> HttpResponse:
    """What hangs on a node (`node`, from `offset` on), or where an object is (`path`): references from the root."""
    vcenter, view = selectors.vcenter_for(request.user, vc), _view(request)
    if "path" in request.GET:
        return JsonResponse({"path": selectors.tree.path_to(request.user, vcenter, view, request.GET["path"])})
    node = request.GET.get("node", vcenter.moref)
    nodes = selectors.tree.children(request.user, vcenter, view, node, _offset(request))
    lines = [Line(vcenter, one) for one in nodes]
    level = request.GET.get("level", "2")
    context = {"lines": lines, "level": int(level) if level.isdecimal() else 2, "view": view}
    return render(request, "inventory/fragments/tree_lines.html", context)


@login_required
@require_safe
def alarms(request: HttpRequest, vc: UUID) -> JsonResponse:
    """What the icons of containers show beside their own alarms: {reference: "yellow" | "red"} of the worst below."""
    vcenter, view = selectors.vcenter_for(request.user, vc), _view(request)
    return JsonResponse(worst_below(request.user, vcenter, view))


def _view(request: HttpRequest) -> str:
    view = request.GET.get("view", VIEWS[0])
    if view not in VIEWS:
        raise Http404
    return view


def _offset(request: HttpRequest) -> int:
    given = request.GET.get("offset", "0")
    return int(given) if given.isdecimal() and len(given) < 8 else 0


@dataclass
class _Tree:
    """One vCenter's tree with some nodes open; a node that is gone is left out."""

    user: Any
    vcenter: VCenter
    view: str
    wanted: list[str]
    opened: set[str] = field(init=False)

    def __post_init__(self) -> None:
        prefix = f"{self.vcenter.uuid}:"
        self.opened = {one.removeprefix(prefix) for one in self.wanted if one.startswith(prefix)}

    def root(self) -> Line | None:
        try:
            top = selectors.tree.children(self.user, self.vcenter, self.view, None)[0]
        except (Http404, IndexError):
            return None
        return self._line(top)

    def _line(self, node: TreeNode) -> Line:
        line = Line(self.vcenter, node)
        if node.kind != MORE and node.moref in self.opened:
            self.opened.discard(node.moref)
            below = selectors.tree.children(self.user, self.vcenter, self.view, node.moref)
            line.children = [self._line(one) for one in below]
        return line
