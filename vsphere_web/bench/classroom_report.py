"""The figures of `bench_classroom`: rows for people, and the one row under the keys of the benchmarks for machines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

Row = dict[str, Any]
TICK_S = 1.0
LAB_BAR_MIB = 50e6 / 2**20  # 50 MB
COSTS = ("memory_mib_per_lab", "disk_mib_per_lab", "rings_to_come_mib_per_lab")


def row(key: str, what: str, value: float | None, unit: str, bar: float | None = None) -> Row:
    """One figure; a value beyond its bar misses."""
    return {"key": key, "what": what, "value": value, "unit": unit, "bar": bar}


def ticks_behind(lag_s: float) -> int:
    """How many ticks have passed beyond the one that is about to be worked off."""
    return max(0, math.ceil(lag_s / TICK_S) - 1)


def cost(rows: Sequence[Row]) -> Row:
    """What a lab costs in the end."""
    known = {one["key"]: one["value"] for one in rows}
    return row(
        "mib_per_lab", "memory and disk per lab, rings full", sum(known[key] for key in COSTS), "MiB", LAB_BAR_MIB
    )


def report(rows: Sequence[Row], **asked: Any) -> Row:
    """What `--json` prints: what was asked for, every figure under its key, and the bars."""
    bars = {one["key"]: one["bar"] for one in rows if one["bar"] is not None}
    return {**asked, **{one["key"]: one["value"] for one in rows}, "bars": bars}


def sentence(one: Row) -> str:
    """One row for people."""
    value = "-" if one["value"] is None else f"{one['value']:.2f}"
    text = f"{one['what']:<42} {value:>10} {one['unit']:<4}"
    if one["bar"] is None:
        return text.rstrip()
    held = one["value"] is not None and one["value"] <= one["bar"]
    return f"{text} (bar {one['bar']:.4g}: {'held' if held else 'MISSED'})"
