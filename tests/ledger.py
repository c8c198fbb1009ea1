"""Numbers that builders give rows: names, references, slots; counted in memory while a whole lab is built."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

from django.db.models import F, Max, Model

from domain.morefs import FolderKind, compose
from inventory.models import Folder, ResourcePool, VCenter

_numbers = count(1)


def unique(stem: str) -> str:
    """A name that no other call in this process returns."""
    return f"{stem}-{next(_numbers):04d}"


@dataclass
class Ledger:
    """What the builders know of a vCenter that nobody else changes meanwhile: `small_lab` asks the database once.

    `folders` by (datacenter, kind) and `pools` by cluster, with what the database says of them.
    """

    next_id: int
    slots: dict[type[Model], int] = field(default_factory=dict)
    folders: dict[tuple[int, FolderKind], Folder] = field(default_factory=dict)
    pools: dict[int, ResourcePool] = field(default_factory=dict)


ledgers: dict[int, Ledger] = {}  # by the vCenter's primary key, while one is written


@contextmanager
def ledger_of(vcenter: VCenter) -> Iterator[None]:
    """Count in memory, and write down at the end what was taken."""
    ledger = ledgers[vcenter.pk] = Ledger(vcenter.next_id)
    try:
        yield
    finally:
        del ledgers[vcenter.pk]
    VCenter.objects.filter(pk=vcenter.pk).update(next_id=ledger.next_id)


def take_ids(vcenter: VCenter, number: int = 1) -> int:
    """Take `number` consecutive reference numbers; return the first."""
    if ledger := ledgers.get(vcenter.pk):
        ledger.next_id += number
        vcenter.next_id = ledger.next_id
        return vcenter.next_id - number
    VCenter.objects.filter(pk=vcenter.pk).update(next_id=F("next_id") + number)
    vcenter.refresh_from_db(fields=["next_id"])
    return vcenter.next_id - number


def take_moref(vcenter: VCenter, prefix: str) -> str:
    return compose(prefix, take_ids(vcenter))


def next_slot(vcenter: VCenter, model: type[Model], number: int = 1) -> int:
    """The first slot above all that the vCenter's rows of this model have; the next `number` are taken."""
    if ledger := ledgers.get(vcenter.pk):
        slot = ledger.slots.get(model, 0)
        ledger.slots[model] = slot + number
        return slot
    manager = getattr(model, "everything", model._default_manager)
    top = manager.filter(vcenter=vcenter).aggregate(top=Max("slot"))["top"]
    return 0 if top is None else top + 1
