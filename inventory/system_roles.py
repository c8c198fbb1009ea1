"""Keeps the roles that every installation has as `domain.privileges` describes them."""

from __future__ import annotations

from typing import Any

from django.db import DEFAULT_DB_ALIAS

from domain.privileges import SYSTEM_ROLES
from inventory.models import Role


def keep_system_roles(sender: Any, using: str = DEFAULT_DB_ALIAS, **_signal: Any) -> None:
    """After `migrate`: create what is missing, correct what differs; run twice it changes nothing."""
    for role in SYSTEM_ROLES:
        Role.objects.using(using).update_or_create(
            vcenter=None,
            name=role.name,
            defaults={"description": role.description, "privileges": sorted(role.privileges), "system": True},
        )
