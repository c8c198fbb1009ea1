"""How the work of a machine lies on its instances: together the whole, none above what it can, the same each time."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import instances
from domain.instances import FULL_PCT, LinkChange, Size, Work
from domain.waterfill import waterfill

POINTS = 5
parts = st.lists(st.floats(0, 1), min_size=POINTS, max_size=POINTS).map(np.array)
names = st.text(min_size=1, max_size=8)


@st.composite
def works(draw: st.DrawFn) -> tuple[Size, Work]:
    """A machine that runs and waits no longer than its processors have; sometimes without a sample."""
    interval_s = draw(st.sampled_from([20.0, 300.0, 86_400.0]))
    count = np.array(draw(st.lists(st.integers(1, 9), min_size=POINTS, max_size=POINTS)))
    core_mhz = draw(st.floats(800, 4000)) * np.ones(POINTS)
    full_ms, full_mhz = 1000 * interval_s * count, count * core_mhz
    usage, more, waits, share, limited, blocked = (draw(parts) for _ in range(6))
    waiting = waits * (1 - usage) * full_ms
    made = [
        usage * full_mhz, (usage + more * (1 - usage)) * full_mhz, share * waiting, (1 - share) * waiting,
        limited * share * waiting, 2 * blocked * full_ms,
    ]  # fmt: skip
    gap = draw(st.integers(0, POINTS))
    for one in made:
        one[gap : gap + 1] = np.nan
    return Size(count, core_mhz), Work(interval_s, *made)


@given(names, works())
def test_processors_together_are_the_machine(name: str, drawn: tuple[Size, Work]) -> None:
    size, work = drawn
    made = instances.virtual_processors(name, size, work)
    time_ms = 1000 * work.interval_s * size.count
    run_ms = work.used_mhz / size.core_mhz * 1000 * work.interval_s
    wait = time_ms - run_ms - work.ready_ms - work.costop_ms
    whole = {
        6: work.used_mhz, 14: run_ms, 12: work.ready_ms, 399: work.costop_ms, 400: work.limited_ms, 11: wait,
        13: np.maximum(wait - work.blocked_ms, 0),
    }  # fmt: skip
    for key, expected in whole.items():
        there = np.where(np.isnan(made[key]).all(axis=0), np.nan, np.nansum(made[key], axis=0))
        np.testing.assert_allclose(there, expected, rtol=1e-9, atol=1e-5, err_msg=str(key))
    np.testing.assert_allclose(np.nansum(made[2], axis=0) / size.count, np.nan_to_num(run_ms / time_ms * FULL_PCT),
                               atol=1e-9)  # fmt: skip


@given(names, works())
def test_no_processor_does_more_than_it_can(name: str, drawn: tuple[Size, Work]) -> None:
    size, work = drawn
    made = instances.virtual_processors(name, size, work)
    full_ms = 1000 * work.interval_s
    for key, figures in made.items():
        assert (np.nan_to_num(figures) >= 0).all(), key
        assert np.isnan(figures[:, np.isnan(work.used_mhz)]).all(), key
    room = 1 + 1e-9
    assert (np.nan_to_num(made[6]) <= size.core_mhz * room).all()
    assert (np.nan_to_num(made[2]) <= FULL_PCT * room).all()
    np.testing.assert_allclose(np.nan_to_num(made[2]), np.nan_to_num(made[6] / size.core_mhz * FULL_PCT),
                               atol=1e-9)  # fmt: skip
    np.testing.assert_allclose(np.nan_to_num(made[14] + made[12] + made[399] + made[11]), np.where(
        np.isnan(made[6]), 0, full_ms))  # fmt: skip
    assert (np.nan_to_num(made[13]) <= np.nan_to_num(made[11]) * room + 1e-6).all()
    assert (np.isnan(made[6]) == (np.arange(len(made[6]))[:, None] >= size.count) | np.isnan(work.used_mhz)).all()


@given(names, works())
def test_the_same_machine_gets_the_same_figures(name: str, drawn: tuple[Size, Work]) -> None:
    one, two = (instances.virtual_processors(name, *drawn) for _ in range(2))
    for key in one:
        np.testing.assert_array_equal(one[key], two[key])


@given(st.integers(1, 12), st.integers(0, 2**32), st.floats(0, 1.2))
def test_pouring_is_water_filling(count: int, seed: int, amount: float) -> None:
    dice = np.random.default_rng(seed)
    cap, weight = dice.uniform(0, 10, (count, POINTS)), dice.uniform(0.1, 5, (count, POINTS))
    order = np.argsort(cap / weight, axis=0)
    cap, weight = (np.take_along_axis(one, order, axis=0) for one in (cap, weight))
    total = amount * cap.sum(axis=0)
    found = instances.poured(total, weight, cap)
    segment = np.tile(np.arange(POINTS), count)
    expected = waterfill(segment, POINTS, total, np.zeros(count * POINTS), cap.ravel(), weight.ravel())
    np.testing.assert_allclose(found.ravel(), expected, rtol=1e-6, atol=1e-6)


@given(names, st.integers(1, 200), parts)
def test_a_hosts_processors_share_its_work(name: str, count: int, busy: np.ndarray) -> None:
    usage = busy * FULL_PCT
    usage[0] = np.nan
    made = instances.physical_processors(name, count, usage, 300.0)
    np.testing.assert_allclose(made[2].mean(axis=0), usage, atol=1e-6)
    np.testing.assert_allclose(made[14] + made[13], np.where(np.isnan(usage), np.nan, 300_000.0) * np.ones((count, 1)))
    assert (np.nan_to_num(made[2]) >= 0).all()
    assert (np.nan_to_num(made[2]) <= FULL_PCT * (1 + 1e-9)).all()


def test_threads_are_not_equal_and_a_full_machine_has_full_processors() -> None:
    def work(used: float, demand: float, ready: float) -> Work:
        return Work(20.0, *(np.array([one]) for one in (used, demand, ready, 0.0, 0.0, 0.0)))

    size = Size(np.array([4]), np.array([2000.0]))
    quiet = instances.virtual_processors("a", size, work(800, 800, 0))
    assert quiet[6].max() > 1.2 * quiet[6].min()
    assert not np.array_equal(quiet[6], instances.virtual_processors("b", size, work(800, 800, 0))[6])
    starved = instances.virtual_processors("a", size, work(4000, 8000, 40_000))
    assert starved[2] == pytest.approx(np.full((4, 1), 5000))
    assert starved[12] == pytest.approx(np.full((4, 1), 10_000))


@given(names, st.integers(1, 40), st.integers(1, 40))
def test_what_is_added_leaves_the_others_their_weights(name: str, few: int, more: int) -> None:
    weights = instances.weights(name, few + more, 0.7)
    np.testing.assert_array_equal(weights[:few], instances.weights(name, few, 0.7))
    assert (weights > 0).all()


# --- processors of the past ------------------------------------------------------------------------------------------
def then(usage: list[float], mhz: list[float], count: int, core: float, *speeds: float) -> Size:
    as_stored = (np.array(one, np.float32).astype(np.float64) for one in (usage, mhz))
    return instances.size_then(*as_stored, count, core, lambda: speeds)


def test_processors_that_were_added_were_not_there_before() -> None:
    size = then([5000, 0, np.nan, 100, 2500], [2600, 0, np.nan, 52, 2600], 4, 2600.0, 2600.0)
    assert size.count.tolist() == [2, 2, 2, 2, 4]
    assert size.core_mhz == pytest.approx([2600.0] * 5)


def test_a_machine_that_came_from_a_faster_host_has_the_processors_that_it_had() -> None:
    size = then([5000, 5000], [8 * 1500, 8 * 1000], 8, 2000.0, 2000.0, 3000.0)
    assert size.count.tolist() == [8, 8]
    assert size.core_mhz == pytest.approx([3000.0, 2000.0])
    fewer = then([5000], [4 * 1350], 8, 2000.0, 2000.0, 2700.0)  # and has got more of them since
    assert (fewer.count.tolist(), fewer.core_mhz) == ([4], pytest.approx([2700.0]))


def test_a_point_in_which_processors_came_counts_as_the_larger_one() -> None:
    size = then([5000], [1300 * 2.6], 4, 2600.0, 2600.0)
    assert size.count.tolist() == [3]
    assert size.core_mhz[0] <= 2600


def test_without_any_work_it_is_as_it_is_now() -> None:
    size = then([0, np.nan], [0, np.nan], 3, 2600.0)
    assert (size.count.tolist(), size.core_mhz.tolist()) == ([3, 3], [2600.0, 2600.0])
    assert then([], [], 3, 2600.0).count.size == 0


@given(st.integers(1, 768), st.integers(1, 768), st.floats(1, 10_000), st.sampled_from([2000.0, 2600.0, 3067.0]))
def test_any_number_is_found_again(was: int, now: int, usage: float, core: float) -> None:
    assert then([usage], [usage / FULL_PCT * was * core], now, core, core).count.tolist() == [was]


# --- adapters --------------------------------------------------------------------------------------------------------
@given(names, st.lists(st.booleans(), min_size=1, max_size=10))
def test_what_is_not_plugged_in_carries_nothing(name: str, plugged: list[bool]) -> None:
    part = instances.adapter_parts(name, plugged)
    assert part.sum() == pytest.approx(1.0)
    if any(plugged):
        assert (part[~np.array(plugged)] == 0).all()
        assert (part[np.array(plugged)] > 0).all()


def test_traffic_goes_over_the_first_link_that_is_up() -> None:
    ends_s = np.array([20.0, 40.0, 60.0, 80.0])
    changes = [LinkChange(25.0, 0, False), LinkChange(60.0, 0, True)]
    part = instances.uplink_parts(3, [], changes, ends_s, 20.0)
    assert part[0] == pytest.approx([1.0, 0.25, 0.0, 1.0])
    assert part[1] == pytest.approx([0.0, 0.75, 1.0, 0.0])
    assert not part[2].any()
    down = instances.uplink_parts(2, [0], [LinkChange(50.0, 0, False)], ends_s, 20.0)
    assert down[1] == pytest.approx([0, 0, 0.5, 1])


@given(
    st.integers(1, 4), st.sets(st.integers(0, 3)),
    st.lists(st.tuples(st.floats(0, 100), st.integers(0, 3), st.booleans()), max_size=12),
)  # fmt: skip
def test_links_carry_everything_whatever_happened_to_them(
    count: int, down: set[int], changes: list[tuple[float, int, bool]]
) -> None:
    ends_s = np.array([20.0, 40.0, 60.0, 80.0])
    part = instances.uplink_parts(count, down, [LinkChange(*one) for one in changes], ends_s, 20.0)
    assert part.sum(axis=0) == pytest.approx(np.ones(4))
    assert (part >= 0).all()


def test_work_is_cut_whole() -> None:
    work = Work(20.0, *(np.arange(3.0) + n for n in range(6)))
    cut = work.at(np.array([0, 2]))
    assert [len(getattr(cut, one.name)) for one in fields(Work) if one.name != "interval_s"] == [2] * 6
