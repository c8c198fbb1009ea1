"""Figures of a page: the newest sample of an object, as meters that go on moving in the browser."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from inventory import format as forms
from inventory.metrics import Latest
from inventory.pages.registry import Text

CPU_USAGE_MHZ, CPU_DEMAND_MHZ, CPU_READY_MS, CPU_ENTITLEMENT_MHZ = 6, 398, 12, 397
CPU_PCT, MEMORY_PCT = 2, 24
MEMORY_CONSUMED_KB, MEMORY_ACTIVE_KB, MEMORY_GRANTED_KB = 98, 33, 29
MEMORY_BALLOON_KB, MEMORY_SWAPPED_KB, MEMORY_COMPRESSED_KB = 90, 70, 105
NET_KBPS, DISK_KBPS, POWER_W, UPTIME_S = 143, 125, 157, 155
KIB = 1024
HIGH_RATIO, FULL_RATIO = 0.75, 0.9


@dataclass(frozen=True)
class Meter:
    """One resource: used of capacity. `figure` names the live figure, "" where the page alone knows it."""

    label: Text
    used: float | None
    capacity: float
    form: Callable[[Any], str]
    unit: str = ""
    figure: str = ""

    @property
    def ratio(self) -> float:
        return min(1.0, self.used / self.capacity) if self.used and self.capacity else 0.0

    @property
    def pct(self) -> int:
        return round(100 * self.ratio)

    @property
    def tone(self) -> str:
        return "error" if self.ratio >= FULL_RATIO else ("warn" if self.ratio >= HIGH_RATIO else "info")

    @property
    def used_text(self) -> str:
        return self.form(self.used)

    @property
    def free_text(self) -> str:
        return forms.NOTHING if self.used is None else self.form(max(0.0, self.capacity - self.used))

    @property
    def capacity_text(self) -> str:
        return self.form(self.capacity)


@dataclass(frozen=True)
class Figure:
    """One live number with its unit."""

    label: Text
    value: float | None
    unit: str
    figure: str = ""

    @property
    def text(self) -> str:
        return forms.figure(self.value, self.unit)


def value(latest: Latest | None, kind: str, slot: int, key: int) -> float | None:
    return latest.value(kind, slot, key) if latest is not None else None


def total(latest: Latest | None, kind: str, slots: Iterable[int], key: int) -> float | None:
    """The sum of a counter over some slots, None where nothing is known of any of them."""
    if latest is None:
        return None
    row = latest.row(kind, key)
    chosen = np.fromiter((s for s in slots if s < len(row)), dtype=np.int64)
    values = row[chosen]
    return float(np.nansum(values)) if values.size and not np.isnan(values).all() else None
