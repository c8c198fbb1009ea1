"""The forecast of demand, on vectors whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.engine.forecast import DAY_S, forecast

HORIZON_S = 900.0
NONE = np.empty(0), np.empty((0, 1))


def recent(now_s: float, value: float, slope: float = 0.0, noise: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    times = np.arange(now_s - 3580, now_s + 1, 20.0)
    rows = value + slope * (times - now_s) + noise * np.random.default_rng(5).normal(size=len(times))
    return times, rows[:, None]


def days(now_s: float, shape, count: float = 2, period_s: float = 1800.0) -> tuple[np.ndarray, np.ndarray]:
    """Means of periods of the last days; `shape` of the second of the day."""
    times = np.arange(now_s - count * DAY_S + period_s, now_s + 1, period_s)
    parts = (np.arange(10) + 0.5) / 10 * period_s
    return times, np.array([[np.mean([shape((t - p) % DAY_S) for p in parts])] for t in times])


def morning(second: float) -> float:
    """100 MHz at night, from 8 to 9 o'clock up to 2,500."""
    return 100.0 + 2400.0 * float(np.clip((second - 8 * 3600) / 3600, 0, 1)) * (second < 18 * 3600)


def test_the_morning_of_yesterday_is_expected_today() -> None:
    now_s = 3 * DAY_S + 8 * 3600
    yesterday, week = days(now_s, morning, 1, 300.0), days(now_s, morning)
    exact = 100 + 2400 * HORIZON_S / 3600
    assert forecast(now_s, HORIZON_S, *recent(now_s, 100.0), yesterday)[0] == pytest.approx(exact, rel=0.15)
    smoothed = forecast(now_s, HORIZON_S, *recent(now_s, 100.0), week)[0]
    assert 300 < smoothed < exact
    both = forecast(now_s, HORIZON_S, *recent(now_s, 100.0), yesterday, week)[0]
    assert smoothed < both < exact
    night_s = 3 * DAY_S + 3 * 3600
    assert forecast(night_s, HORIZON_S, *recent(night_s, 100.0), days(night_s, morning))[0] == pytest.approx(100.0)


def test_a_level_that_is_higher_than_yesterday_stays_higher() -> None:
    now_s = 3 * DAY_S + 8.5 * 3600
    low = forecast(now_s, HORIZON_S, *recent(now_s, 1300.0), days(now_s, morning))
    high = forecast(now_s, HORIZON_S, *recent(now_s, 1500.0), days(now_s, morning))
    assert high[0] - low[0] == pytest.approx(200.0)


def test_an_evening_that_falls_is_no_reason_to_expect_less_than_now() -> None:
    now_s = 3 * DAY_S + 18 * 3600
    assert forecast(now_s, HORIZON_S, *recent(now_s, 2500.0), days(now_s, morning))[0] == pytest.approx(2500.0)


def test_without_a_previous_day_a_plain_trend_goes_on_and_noise_does_not() -> None:
    now_s = 7200.0
    rising = forecast(now_s, HORIZON_S, *recent(now_s, 1000.0, slope=0.5, noise=5.0), NONE)
    assert rising[0] == pytest.approx(1000 + 0.5 * (HORIZON_S - 150), rel=0.05)
    noisy = forecast(now_s, HORIZON_S, *recent(now_s, 1000.0, noise=200.0), NONE)
    assert noisy[0] == pytest.approx(1000.0, rel=0.2)
    assert forecast(now_s, HORIZON_S, *recent(now_s, 1000.0, slope=5.0), NONE)[0] < 2001


def test_nothing_known_is_nothing_expected() -> None:
    gaps = np.full((45, 2), np.nan)
    assert forecast(900.0, HORIZON_S, np.arange(20.0, 901, 20), gaps, (NONE[0], np.empty((0, 2)))).tolist() == [0, 0]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.one_of(st.just(float("nan")), st.floats(0, 1e5)), min_size=0, max_size=60),
    st.lists(st.one_of(st.just(float("nan")), st.floats(0, 1e5)), min_size=0, max_size=100),
    st.floats(60, 3600),
)
def test_a_forecast_is_a_number_never_below_the_present(now: list[float], past: list[float], horizon_s: float) -> None:
    now_s = 2 * DAY_S
    times = now_s - 20.0 * np.arange(len(now))[::-1]
    rolled_s = now_s - 1800.0 * np.arange(len(past))[::-1]
    values = np.array(now).reshape(-1, 1), np.array(past).reshape(-1, 1)
    expected = forecast(now_s, horizon_s, times, values[0], (rolled_s, values[1]))
    assert np.isfinite(expected).all()
    level = np.array(now)[times > now_s - 300]
    known = level[~np.isnan(level)]
    assert expected[0] >= (known.mean() if len(known) else 0.0) - 1e-6
