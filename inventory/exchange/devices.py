"""Disks and network adapters of a machine in a document: how they are numbered, and each as a field of its own.

The comparison names them "disk 2001" and "nic 4000", as the notes of an undone change do (`inventory.device_notes`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from inventory.device_notes import DISK, NIC
from inventory.hardware import FIRST_DISK_KEY, FIRST_NIC_KEY

_FIRST = {DISK: (FIRST_DISK_KEY, "Hard disk"), NIC: (FIRST_NIC_KEY, "Network adapter")}
# What of a device can be changed where it stands; the rest means another device.
EDITABLE = {DISK: ("capacity_bytes",), NIC: ("network", "adapter", "connected", "start_connected")}


def numbered(kind: str, index: int, entry: Mapping[str, Any]) -> dict[str, Any]:
    """A device as the file has it, with the number and label that its place in the list gives where none is said."""
    first, word = _FIRST[kind]
    return {"key": first + index, "label": f"{word} {index + 1}", **entry}


def field(kind: str, key: Any) -> str:
    return f"{kind} {key}"


def split(name: str) -> tuple[str, int] | None:
    """(kind, key) of a field that names a device, None for other fields."""
    kind, _blank, key = name.partition(" ")
    return (kind, int(key)) if kind in _FIRST and key.isdecimal() else None


def twice(keys: Iterable[Any]) -> bool:
    """Whether two devices have the same number."""
    listed = [str(key) for key in keys]
    return len(set(listed)) != len(listed)


def settled(after: Any, before: Any) -> Any:
    """A device of the file, its automatic MAC address being the one that the running adapter has."""
    if isinstance(after, Mapping) and isinstance(before, Mapping) and not after.get("mac") and before.get("mac"):
        return {**after, "mac": before["mac"]}
    return after


def why_not(kind: str, before: Any, after: Any) -> list[str]:
    """What of a device differs and cannot be changed; empty where all of it can."""
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        return []
    fixed = sorted((before.keys() | after.keys()) - set(EDITABLE[kind]))
    return [name for name in fixed if before.get(name) != after.get(name)]
