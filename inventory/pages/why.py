"""Permissions > Why: whether somebody may do something to this object, and which permission decides it."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.utils.translation import gettext_lazy as _

from domain.privileges import PRIVILEGES, READ, by_group
from inventory.explain import explain
from inventory.pages.monitor import EVERYTHING
from inventory.pages.registry import PERMISSIONS, section
from inventory.services.permissions import MODIFY_PERMISSIONS

MOST_PEOPLE = 500


@section(PERMISSIONS, "why", _("Why"), EVERYTHING)
def why(page: Any) -> dict[str, Any]:
    """The answer for the person and privilege of the query; others than oneself only for who changes permissions."""
    asker, asked = page.request.user, page.request.GET
    may = MODIFY_PERMISSIONS in page.privileges
    people = get_user_model().objects.order_by("username")[:MOST_PEOPLE] if may else [asker]
    user = next((one for one in people if str(one.pk) == asked.get("user")), asker)
    privilege = PRIVILEGES.get(asked.get("privilege", ""), PRIVILEGES[READ])
    answer = explain(user, page.obj, privilege.id)
    return {"people": people, "user": user, "privilege": privilege, "groups": by_group(), "answer": answer}
