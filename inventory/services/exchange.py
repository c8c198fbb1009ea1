"""Inventories in and out: a new vCenter from a document, and a running one brought closer to one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

from domain import faults
from inventory import audit, rights
from inventory.exchange import build, compare, describe
from inventory.exchange.compare import ADD, CHANGE, REMOVE, Difference
from inventory.models import Datacenter, VCenter
from inventory.services import exchange_steps as steps
from inventory.services.base import check

IMPORT = "inventory.add_vcenter"
PRIVILEGE = "Lab.Manage"


def may_import(user: Any) -> bool:
    """Who may make vCenters: administrators, and whoever has Django's permission to add one."""
    return bool(user.is_active and user.has_perm(IMPORT))


def take_in(user: Any, document: Mapping[str, Any]) -> VCenter:
    """A new vCenter of `user` from a document. Raises NoPermission, or Refused with all problems."""
    if user is not None and not may_import(user):
        raise faults.NoPermission(privilege=IMPORT, object=str(document.get("name", ""))[:80])
    with transaction.atomic():
        made = build.build(document, owner=user).vcenter
        assert made is not None
        audit.append(user, "VCenter.import", made, {"name": made.name})
    return made


def told(user: Any, vcenter: VCenter, datacenter: Datacenter | None = None) -> dict[str, Any]:
    """The document of a vCenter, for whoever manages it: it changes nothing, so teachers need no take-over for it."""
    if user is not None and PRIVILEGE not in rights.given(user, vcenter):
        raise rights.refusal(user, PRIVILEGE, vcenter)
    return describe.of(vcenter, datacenter)


def differences(user: Any, vcenter: VCenter, document: Mapping[str, Any]) -> list[tuple[Difference, bool]]:
    """What would have to change for the vCenter to be as the document says, each with whether `apply` can do it."""
    found = compare.differences(told(user, vcenter), document)
    networks = {(one.path[:-1], one.path[-1]) for one in found if one.kind == "network" and one.op != CHANGE}
    return [(one, steps.able(one) or _comes_along(one, networks)) for one in found]


def _comes_along(one: Difference, networks: set[tuple[tuple[str, ...], str]]) -> bool:
    """A host's networks where all that differ come, or go, with the networks themselves."""
    if (one.op, one.kind, one.field) != (CHANGE, "host", "networks"):
        return False
    ours = {name for place, name in networks if place == one.path[: len(place)]}
    return set(one.before or ()) ^ set(one.after or ()) <= ours


def apply(user: Any, vcenter: VCenter, document: Mapping[str, Any]) -> int:
    """Do what can be done of the differences: all of it or, where a service refuses, nothing. Returns how many.

    Every step asks the services that a person's clicks would ask, with that person's rights.
    """
    check(user, PRIVILEGE, vcenter)
    wanted = [one for one, able in differences(user, vcenter, document) if able]
    values = dict(compare.flattened(document))
    with transaction.atomic():
        for group in _grouped(wanted):
            steps.do(user, vcenter, group, values)
        audit.append(user, "VCenter.applyInventory", vcenter, {"changes": len(wanted)})
    return len(wanted)


def _grouped(wanted: Sequence[Difference]) -> list[list[Difference]]:
    """Differences of one object together. What comes goes from the top down and before what refers to it, what goes
    the other way round."""
    groups: dict[tuple[str, str, tuple[str, ...]], list[Difference]] = {}
    for one in wanted:
        groups.setdefault((one.op, one.kind, one.path), []).append(one)
    return sorted(groups.values(), key=lambda group: _turn(group[0]))


def _turn(one: Difference) -> tuple[Any, ...]:
    way = -1 if one.op == REMOVE else 1
    return ({ADD: 0, CHANGE: 1, REMOVE: 2}[one.op], way * compare.ORDER.index(one.kind), way * len(one.path), one.path)
