"""What a task notes so that it can be undone: which inverse takes it back, the values before it and those it left.

It travels in the arguments of the task, under `UNDO`. `inventory.services.undo` has the inverses.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.utils.translation import gettext_lazy as _

UNDO = "undo"
DISK_REMOVED, DISK_GROWN = "disk removed", "disk grown"
NO_WAY_BACK = {
    DISK_REMOVED: _("It cannot be undone: the files of a removed disk are gone."),
    DISK_GROWN: _("It cannot be undone: a disk that has grown does not shrink."),
}
UNDO_FOR = timedelta(hours=1)  # wall time; later a person has forgotten what the button would do


def note(kind: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a task that the inverse `kind` takes back; nothing where nothing changed."""
    changed = [name for name in after if before[name] != after[name]]
    if not changed:
        return {}
    return {UNDO: {"kind": kind, "before": {n: before[n] for n in changed}, "after": {n: after[n] for n in changed}}}


def never(why: str) -> dict[str, Any]:
    """The arguments of a task that nothing takes back; `why` is one of `NO_WAY_BACK`."""
    return {UNDO: {"never": why}}


def one(kind: str, before: Any, after: Any) -> dict[str, Any]:
    """The same for an inverse whose only value bears its name."""
    return note(kind, {kind: before}, {kind: after})


def values(row: Any, names: Any) -> dict[str, Any]:
    """These fields of a row."""
    return {name: getattr(row, name) for name in names}
