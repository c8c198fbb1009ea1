"""Which permissions bear on an object, and where they were given: the Permissions tab."""

from __future__ import annotations

from dataclasses import dataclass

from inventory import rights
from inventory.containers import Containers
from inventory.explain import chains_of
from inventory.models import Permission


@dataclass(frozen=True, slots=True)
class AppliedPermission:
    """A permission that is given on the object (`own`) or reaches it from `moref`, whose name is `name`."""

    permission: Permission
    moref: str
    name: str
    own: bool


def permissions_on(obj: rights.Entity) -> list[AppliedPermission]:
    """The object's own permissions first, then those that propagate to it, nearest first. Ask for rights before."""
    vcenter = rights.vcenter_of(obj)
    chains = chains_of(obj, Containers(vcenter))
    distance = {moref: d for chain in reversed(chains) for d, (moref, _name) in enumerate(chain)}
    names = {moref: name for chain in chains for moref, name in chain}
    rows = Permission.objects.filter(vcenter=vcenter, entity__in=names).select_related("user", "group", "role")
    applied = [
        AppliedPermission(row, row.entity, names[row.entity], own=row.entity == obj.moref)
        for row in rows.order_by("id")
        if row.propagate or row.entity == obj.moref
    ]
    return sorted(applied, key=lambda one: distance[one.moref])
