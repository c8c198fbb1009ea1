"""Numbers that are handed out once: references, event keys, slots, configuration versions.

Every function runs inside the caller's transaction: the UPDATE locks the vCenter's row until it commits, so numbers are
unique and configuration versions become visible in their order.
"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Count, F, Max

from domain import morefs
from domain.morefs import FolderKind, Kind
from inventory.models import VCenter


def _take(vcenter: VCenter, counter: str, count: int) -> int:
    VCenter.objects.filter(pk=vcenter.pk).update(**{counter: F(counter) + count})
    after: int = VCenter.objects.values_list(counter, flat=True).get(pk=vcenter.pk)
    return after - count


def lock(vcenter: VCenter) -> None:
    """Hold the vCenter's row until the transaction ends, by an UPDATE that changes nothing."""
    VCenter.objects.filter(pk=vcenter.pk).update(next_id=F("next_id"))


def new_moref(vcenter: VCenter, kind: Kind, folder_kind: FolderKind | None = None) -> str:
    return new_morefs(vcenter, kind, 1, folder_kind)[0]


def new_morefs(vcenter: VCenter, kind: Kind, count: int, folder_kind: FolderKind | None = None) -> list[str]:
    """`count` fresh references of one type, in order."""
    first = _take(vcenter, "next_id", count)
    prefix = morefs.FOLDER_PREFIX[folder_kind] if folder_kind is not None else morefs.PREFIX[kind]
    return [morefs.compose(prefix, first + i) for i in range(count)]


def new_event_keys(vcenter: VCenter, count: int) -> range:
    first = _take(vcenter, "next_event_key", count)
    return range(first, first + count)


def next_config_version(vcenter: VCenter) -> int:
    """The version that this transaction's configuration change leads to."""
    return _take(vcenter, "config_version", 1) + 1


def free_slot(vcenter: VCenter, model: type[models.Model]) -> int:
    """The smallest slot of that kind that nobody holds. O(1) unless something was deleted, then O(entities)."""
    held: Any = getattr(model, "everything", None) or model._default_manager
    taken = held.filter(vcenter=vcenter)
    summary = taken.aggregate(n=Count("id"), top=Max("slot"))
    if summary["n"] == 0 or summary["top"] + 1 == summary["n"]:
        return summary["n"]
    slots = set(taken.values_list("slot", flat=True))
    return next(i for i in range(len(slots) + 1) if i not in slots)
