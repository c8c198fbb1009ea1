"""What VMs want, now and over the windows that DRS and DPM look at, from the recorded figures."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.counters import Interval
from domain.faults import InvalidArgument
from inventory import metrics
from inventory.charts import INTERVAL_OF
from inventory.models import Cluster, VCenter
from scheduler.engine.forecast import forecast
from scheduler.engine.options import DpmOptions, DrsOptions, with_advanced

Floats = NDArray[np.float64]
USUAL_S = (DpmOptions().history_on_s, DpmOptions().history_off_s)
STABLE_RANGE_S = (60.0, 3600.0)
CHANGED_RATIO = 0.25
CPU_DEMAND, ACTIVE, CONSUMED, SWAPPED, BALLOONED, COMPRESSED, NET = 398, 33, 98, 70, 90, 105, 143


def windows_s(cluster: Cluster) -> tuple[float, float]:
    """Lab seconds over which DPM averages demand before it powers a host on, and off; options that are absurd, which
    only a file can have brought, count as not set."""
    stored = (cluster.drs_options or {}).get("advanced") or {}
    dpm = DpmOptions()
    with contextlib.suppress(InvalidArgument):
        dpm = with_advanced(DrsOptions(), {str(name): str(value) for name, value in stored.items()}).dpm
    return dpm.history_on_s, dpm.history_off_s


def figures(
    vcenter: VCenter, slots: Sequence[int], forecast_s: float = 0.0, windows: tuple[float, float] = USUAL_S
) -> dict[str, Any]:
    """Columns of `domain.snapshot.VmTable` for the VMs in these slots; zero where nothing was measured yet.

    `windows`: lab seconds of DPM's two windows. `forecast_s`: also what they are expected to want within so many lab
    seconds; 0 = nobody asks.
    """
    ix = np.asarray(slots, np.int64)
    latest = metrics.latest(vcenter)
    if latest is None or not len(ix):
        return {}
    now = {
        name: _pick(latest.row("vm", key), ix) / scale
        for name, key, scale in (
            ("active_mib", ACTIVE, 1024.0),
            ("consumed_mib", CONSUMED, 1024.0),
            ("swapped_mib", SWAPPED, 1024.0),
            ("ballooned_mib", BALLOONED, 1024.0),
            ("compressed_mib", COMPRESSED, 1024.0),
            ("net_mibps", NET, 1024.0),
        )
    }
    times_s, history = metrics.window(vcenter, "vm", CPU_DEMAND, int(ix.max()) + 1)
    found = {"cpu_demand_mhz": _pick(latest.row("vm", CPU_DEMAND), ix), **now,
             **_windows(times_s, history[:, ix], *windows)}  # fmt: skip
    if forecast_s > 0 and len(times_s):
        recent = times_s, history[:, ix].astype(np.float64)
        past = [_past(vcenter, ix, INTERVAL_OF[name]) for name in ("day", "week")]
        found["cpu_forecast_mhz"] = forecast(float(times_s[-1]), forecast_s, *recent, *past)
    return found


def _past(vcenter: VCenter, ix: NDArray[np.int64], interval: Interval) -> tuple[Floats, Floats]:
    """Ends of the points of a roll-up and the demand of each VM in them."""
    times_s, values = metrics.points(vcenter, "vm", CPU_DEMAND, int(ix.max()) + 1, interval)
    return times_s, values[:, ix].astype(np.float64)


def _pick(row: NDArray[np.float32], ix: NDArray[np.int64]) -> Floats:
    padded = np.full(max(len(row), int(ix.max()) + 1), np.nan)
    padded[: len(row)] = row
    return np.nan_to_num(padded[ix], nan=0.0)


def _windows(times_s: Floats, demand: NDArray[np.float32], on_s: float, off_s: float) -> dict[str, Floats]:
    """Means over the windows, the 5th and 95th percentile of the hour, and for how long demand tends to keep."""
    if not len(times_s):
        return {}
    with np.errstate(all="ignore"):
        known = np.where(np.isnan(demand), np.nan, demand).astype(np.float64)
        low, high = _percentiles(known)
        return {
            "cpu_demand_300s_mhz": _mean(known[times_s > times_s[-1] - on_s]),
            "cpu_demand_2400s_mhz": _mean(known[times_s > times_s[-1] - off_s]),
            "cpu_p05_mhz": low,
            "cpu_p95_mhz": high,
            "stable_s": _stable_s(times_s, known),
        }


def _mean(values: Floats) -> Floats:
    counted = np.count_nonzero(~np.isnan(values), axis=0)
    return np.nansum(values, axis=0) / np.maximum(counted, 1)


def _percentiles(values: Floats) -> tuple[Floats, Floats]:
    """Sorting puts NaN last, so the n-th known value is at its rank."""
    ordered = np.sort(values, axis=0)
    counted = np.count_nonzero(~np.isnan(values), axis=0)
    columns = np.arange(values.shape[1])
    rank = np.maximum(counted - 1, 0)
    low = ordered[(rank * 0.05).astype(int), columns]
    high = ordered[np.ceil(rank * 0.95).astype(int), columns]
    return np.nan_to_num(low), np.nan_to_num(high)


def _stable_s(times_s: Floats, demand: Floats) -> Floats:
    """The hour divided by the number of changes of more than a quarter, between a minute and an hour."""
    before, after = demand[:-1], demand[1:]
    changed = np.abs(after - before) > CHANGED_RATIO * np.maximum(before, 1.0)
    span = max(float(times_s[-1] - times_s[0]), STABLE_RANGE_S[0])
    return np.clip(span / (np.count_nonzero(changed, axis=0) + 1), *STABLE_RANGE_S)
