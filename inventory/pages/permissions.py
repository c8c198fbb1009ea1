"""The Permissions tab: who has which role here, and where that was given."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from inventory import selectors
from inventory.models import Role
from inventory.pages.monitor import EVERYTHING
from inventory.pages.registry import PERMISSIONS, section
from inventory.services.permissions import MODIFY_PERMISSIONS


@section(PERMISSIONS, "permissions", _("Permissions"), EVERYTHING)
def permissions(page: Any) -> dict[str, Any]:
    """Applied permissions; whoever may change them also gets the form to add one."""
    may = MODIFY_PERMISSIONS in page.privileges
    context: dict[str, Any] = {"applied": selectors.permissions_on(page.obj), "may": may, "roles": [], "people": []}
    return context | (choices(page.vc) if may else {})


def choices(vcenter: Any) -> dict[str, Any]:
    """What the form offers: roles of this vCenter and everywhere, groups, accounts."""
    return {
        "roles": Role.objects.filter(Q(vcenter=None) | Q(vcenter=vcenter)).order_by("id"),
        "groups": Group.objects.order_by("name"),
        "people": get_user_model().objects.filter(is_active=True).order_by("username")[:500],
    }
