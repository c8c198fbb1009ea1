"""What VMs will want soon: the same time of previous days, and where that is not known the trend of the last minutes.

Pure and vectorised; see docs/strategies/dpm.md. Times are lab seconds, demand is MHz, NaN means "no sample".
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from domain.snapshot import Floats

DAY_S = 86_400.0
DAYS = 6  # previous days that are looked at: the roll-up of a week has seven
TREND_S = 900.0
SURE = 3.0  # a trend counts only where it is this many standard errors from nothing
MOST_RISE = 1.0  # a trend at most doubles a demand
LOOKS = 4  # moments between now and the horizon


def forecast(
    now_s: float, horizon_s: float, recent_s: Floats, recent: Floats, *rolled: tuple[Floats, Floats]
) -> Floats:
    """(n,) the greatest demand expected between now and ``now_s + horizon_s``, never below zero.

    ``recent`` [p, n] at ``recent_s`` [p]: real-time samples. ``rolled``, the finest first: ends [q] of periods of one
    length and the means [q, n] over them; the finest that knows a day is asked about it. Where a VM has a previous
    day at this time, that day's change from now on is expected again (the mean of the days); else a trend that is
    plain in the last 15 minutes is taken to go on.
    """
    n = recent.shape[1]
    level = _level(now_s, recent_s, recent, n)
    trend = np.clip(_slope(now_s, recent_s, recent, n) * horizon_s, -level, MOST_RISE * level)
    best = level.copy()
    for ahead_s in np.linspace(horizon_s / LOOKS, horizon_s, LOOKS):
        change = _seasonal_change(now_s, float(ahead_s), rolled, n)
        expected = level + np.where(np.isnan(change), trend * ahead_s / horizon_s, change)
        best = np.maximum(best, expected)
    result: Floats = np.maximum(best, 0.0)
    return result


def _level(now_s: float, times_s: Floats, values: Floats, n: int) -> Floats:
    """Mean of the last five minutes."""
    rows = values[(times_s > now_s - 300.0) & (times_s <= now_s)] if len(times_s) else np.empty((0, n))
    known = ~np.isnan(rows)
    mean: Floats = np.where(known, rows, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return mean


def _slope(now_s: float, times_s: Floats, values: Floats, n: int) -> Floats:
    """Least-squares slope of the last 15 minutes, MHz/s; 0 where it may be chance or samples are missing."""
    chosen = (times_s > now_s - TREND_S) & (times_s <= now_s)
    rows = values[chosen] if len(times_s) else np.empty((0, n))
    if len(rows) < 8 or np.ptp(times_s[chosen]) < TREND_S / 2:
        return np.zeros(n)
    t = times_s[chosen] - times_s[chosen].mean()
    spread = float(t @ t)
    with np.errstate(invalid="ignore"):
        centred = rows - rows.mean(axis=0)
        slope = t @ centred / spread
        rest = centred - t[:, None] * slope[None, :]
        error = np.sqrt((rest**2).sum(axis=0) / (len(rows) - 2) / spread)
        plain = np.abs(slope) > SURE * error
    result: Floats = np.where(plain & ~np.isnan(slope), slope, 0.0)
    return result


def _seasonal_change(now_s: float, ahead_s: float, rolled: Sequence[tuple[Floats, Floats]], n: int) -> Floats:
    """Mean over the previous days of (demand then ahead - demand then); NaN where no day is known."""
    total, days = np.zeros(n), np.zeros(n)
    for day in range(1, DAYS + 1):
        then_s, change = now_s - day * DAY_S, np.full(n, np.nan)
        for ends_s, values in rolled:
            ahead, then = _at(then_s + ahead_s, ends_s, values, n), _at(then_s, ends_s, values, n)
            change = np.where(np.isnan(change), ahead - then, change)
        known = ~np.isnan(change)
        total[known] += change[known]
        days[known] += 1
    result: Floats = np.where(days > 0, total / np.maximum(days, 1), np.nan)
    return result


def _at(moment_s: float, ends_s: Floats, values: Floats, n: int) -> Floats:
    """(n,) values at a moment, linear between the middles of periods; NaN in gaps and more than a period outside."""
    if len(ends_s) < 2:
        return np.full(n, np.nan)
    period_s = float(np.median(np.diff(ends_s)))
    middle_s = ends_s - period_s / 2
    if middle_s[0] - period_s <= moment_s < middle_s[0]:
        first: Floats = values[0]  # the ring of a day begins in the middle of the period that is just 24 h ago
        return first
    after = int(np.searchsorted(middle_s, moment_s))
    if after == 0 or after == len(middle_s) or middle_s[after] - middle_s[after - 1] > 1.5 * period_s:
        return np.full(n, np.nan)
    part = (moment_s - middle_s[after - 1]) / (middle_s[after] - middle_s[after - 1])
    between: Floats = values[after - 1] + part * (values[after] - values[after - 1])
    return between
