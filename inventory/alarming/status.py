"""An object's overall status: the worst of the alarms that it has triggered."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TypeVar

from domain.alarms import LEVEL_OF, STATUS_OF
from inventory.alarming.scope import WATCHED
from inventory.models import ManagedObject, TriggeredAlarm, VCenter, VirtualMachine

Item = TypeVar("Item")
AT_ONCE = 500  # values in one condition: every database takes that many


def portions(items: Collection[Item]) -> Iterator[Sequence[Item]]:
    """The items in lists that a condition can hold."""
    listed = list(items)
    for start in range(0, len(listed), AT_ONCE):
        yield listed[start : start + AT_ONCE]


def rows_of(vcenter: VCenter, kind: str) -> object:
    """All rows of a kind, those in the recycle bin too: they keep no stale colour."""
    model: type[ManagedObject] = WATCHED[kind]
    manager = VirtualMachine.everything if model is VirtualMachine else model._default_manager
    return manager.filter(vcenter=vcenter)


def settle(vcenter: VCenter, kind: str, morefs: Collection[str]) -> None:
    """Write the overall status of these objects of one kind: a query for their alarms, an UPDATE per colour."""
    for some in portions(morefs):
        worst = dict.fromkeys(some, 0)
        triggered = TriggeredAlarm.objects.filter(vcenter=vcenter, entity__in=some).order_by()
        for moref, status in triggered.values_list("entity", "status"):
            worst[moref] = max(worst[moref], LEVEL_OF.get(status, 0))
        for level, status in enumerate(STATUS_OF):
            here = [moref for moref, found in worst.items() if found == level]
            if here:
                rows_of(vcenter, kind).filter(moref__in=here).update(overall_status=status)  # type: ignore[attr-defined]
