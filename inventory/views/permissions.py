"""Changes on the Permissions tab; every answer is the tab's content anew."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import Group
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_POST

from domain import faults
from inventory import rights, selectors, words
from inventory.models import Permission, Role
from inventory.pages import ObjectPage
from inventory.pages.permissions import permissions
from inventory.services import permissions as services


@login_required
@require_POST
def grant(request: HttpRequest, vc: UUID, moref: str) -> HttpResponse:
    """Give somebody a role on an object."""
    vcenter, obj = _object(request, vc, moref)
    kind, _, number = request.POST.get("principal", "").partition(":")
    model: Any = {"user": get_user_model(), "group": Group}.get(kind)
    principal = model.objects.filter(pk=number).first() if model and number.isdecimal() else None
    role = _role(request, vcenter)

    def act() -> None:
        if principal is None:
            raise faults.InvalidArgument(property="principal", reason="choose a user or a group")
        services.grant(request.user, obj, principal, role, request.POST.get("propagate") == "1")

    return _answer(request, vcenter, obj, act)


@login_required
@require_POST
def change(request: HttpRequest, vc: UUID, moref: str, pk: int) -> HttpResponse:
    """Give the same principal another role."""
    vcenter, obj = _object(request, vc, moref)
    one = get_object_or_404(Permission, pk=pk, vcenter=vcenter, entity=obj.moref)
    role = _role(request, vcenter)
    principal: Any = one.group or one.user
    return _answer(request, vcenter, obj, lambda: services.grant(request.user, obj, principal, role, one.propagate))


@login_required
@require_POST
def revoke(request: HttpRequest, vc: UUID, moref: str, pk: int) -> HttpResponse:
    """Take a permission away."""
    vcenter, obj = _object(request, vc, moref)
    one = get_object_or_404(Permission, pk=pk, vcenter=vcenter, entity=obj.moref)
    return _answer(request, vcenter, obj, lambda: services.revoke(request.user, obj, one))


def _object(request: HttpRequest, vc: UUID, moref: str) -> tuple[Any, Any]:
    vcenter = selectors.vcenter_for(request.user, vc)
    return vcenter, selectors.object_for(request.user, vcenter, moref)


def _role(request: HttpRequest, vcenter: Any) -> Role:
    number = request.POST.get("role", "")
    known = Role.objects.filter(Q(vcenter=None) | Q(vcenter=vcenter))
    return get_object_or_404(known, pk=number if number.isdecimal() else 0)


def _answer(request: HttpRequest, vcenter: Any, obj: Any, act: Any) -> HttpResponse:
    """Do it and show the tab; a refusal stands above the table."""
    refusal = ""
    try:
        act()
    except faults.MethodFault as fault:
        refusal = words.fault_sentence(fault.to_dict())
    rights.forget(request.user)
    page = ObjectPage(request, vcenter, obj, "permissions")
    context = {"page": page, "refusal": refusal, **permissions(page)}
    status = 422 if refusal else 200
    return render(request, "inventory/fragments/permissions.html", context, status=status)
