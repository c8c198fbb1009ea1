"""Inventories in and out: a new vCenter from a document, and a running one brought closer to one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.db import transaction

from domain import faults
from domain.faults import MethodFault as Fault
from inventory import audit, rights, statistics
from inventory.exchange import build, compare, describe
from inventory.exchange.compare import ADD, CHANGE, REMOVE, Difference
from inventory.models import Datacenter, VCenter, VirtualMachine
from inventory.services import exchange_alarms, exchange_machines, exchange_plan
from inventory.services import exchange_steps as steps
from inventory.services.base import check
from inventory.services.exchange_plan import Planned

IMPORT = "inventory.add_vcenter"
PRIVILEGE = "Lab.Manage"
MANY = 1000  # machines that come at once
exchange_machines.register()
exchange_alarms.register()


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
    if VirtualMachine.objects.filter(vcenter=made)[:MANY].count() == MANY:
        statistics.gather()
    return made


def told(user: Any, vcenter: VCenter, datacenter: Datacenter | None = None) -> dict[str, Any]:
    """The document of a vCenter, for whoever manages it: it changes nothing, so teachers need no take-over for it."""
    if user is not None and PRIVILEGE not in rights.given(user, vcenter):
        raise rights.refusal(user, PRIVILEGE, vcenter)
    return describe.of(vcenter, datacenter)


def plan(user: Any, vcenter: VCenter, document: Mapping[str, Any]) -> list[Planned]:
    """What would have to change for the vCenter to be as the document says, and what of it `apply` can do."""
    running = told(user, vcenter)
    return list(map(exchange_plan.Look(running, document).planned, compare.differences(running, document)))


def differences(user: Any, vcenter: VCenter, document: Mapping[str, Any]) -> list[tuple[Difference, bool]]:
    """The differences, each with whether `apply` can do it (some only where they are ticked, see `plan`)."""
    return [(one.difference, one.able) for one in plan(user, vcenter, document)]


def apply(user: Any, vcenter: VCenter, document: Mapping[str, Any], ticked: Collection[str] = ()) -> int:
    """Do what can be done of the differences: all of it or, where a service refuses, nothing. Returns how many.

    Every step asks the services that a person's clicks would ask, with that person's rights. `ticked` says which of
    `exchange_plan.TICKS` may be done.
    """
    check(user, PRIVILEGE, vcenter)
    wanted = [one.difference for one in plan(user, vcenter, document) if one.able and (one.tick or "") in ("", *ticked)]
    values = dict(compare.flattened(document))
    with transaction.atomic():
        groups = _grouped(wanted)
        for act in (steps.do, steps.finish):
            for group in groups:
                act(user, vcenter, group, values)
        audit.append(user, "VCenter.applyInventory", vcenter, {"changes": len(wanted)})
    return len(wanted)


class _TakeBack(Exception):
    pass


def rehearse(user: Any, vcenter: VCenter, document: Mapping[str, Any], ticked: Collection[str] = ()) -> Fault | None:
    """Why `apply` would be refused as things are, None where it would not; everything is as it was."""
    try:
        with transaction.atomic():
            apply(user, vcenter, document, ticked)
            raise _TakeBack
    except _TakeBack:
        return None
    except faults.MethodFault as fault:
        return fault


def _grouped(wanted: Sequence[Difference]) -> list[list[Difference]]:
    """Differences of one object together, in the order in which they can be done."""
    groups: dict[tuple[str, str, tuple[str, ...]], list[Difference]] = {}
    for one in wanted:
        groups.setdefault((one.op, one.kind, one.path), []).append(one)
    return sorted(groups.values(), key=lambda group: _turn(group[0]))


def _turn(one: Difference) -> tuple[Any, ...]:
    """What comes or changes goes from the top down, kind by kind, for each needs those before it; what goes, the other
    way round. A definition of an alarm leaves before another of its name comes: it may only have moved."""
    leaves = one.op == REMOVE and one.kind != "alarm"
    way = -1 if leaves else 1
    order = {REMOVE: 0, ADD: 1, CHANGE: 2}[one.op]
    return (leaves, way * compare.ORDER.index(one.kind), order, way * len(one.path), one.path)
