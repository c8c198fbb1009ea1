"""The metric files: what is written can be read, in any order of growth, gaps, crashes and changes of owner."""

import os
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.counters import COUNTERS, INTERVALS, REALTIME, ROWS, VM_ROWS
from inventory.metrics import store
from inventory.metrics.rings import capacity_for, segment_of, segments

DAY, WEEK, MONTH, YEAR = INTERVALS[1:]
CPU, READY, ENTITLED = 2, 12, 397  # rolled up as mean, sum and last


def arrays(time_s: float, slots: int = 3) -> dict[str, np.ndarray]:
    """A figure that tells counter, slot and time."""
    return {
        kind: (np.array(keys)[:, None] * 1000.0 + np.arange(slots) * 100.0 + time_s).astype(np.float32)
        for kind, keys in ROWS.items()
    }


def record(folder: Path, times_s: list[float], slots: int = 3) -> None:
    with store.Writer(folder) as writer:
        for time_s in times_s:
            writer.record(time_s, arrays(time_s, slots))


@given(st.integers(0, 70_000))
def test_segments_tile_the_slots(slot: int) -> None:
    start, width = segment_of(slot)
    assert start <= slot < start + width
    assert (start, width) in list(segments(slot + 1))
    assert capacity_for(slot + 1) == start + width


def test_a_sample_is_read_back(tmp_path: Path) -> None:
    record(tmp_path, [20.0, 40.0])
    read = store.read(tmp_path, "vm", 1, [CPU, READY], REALTIME)
    assert read.times_s.tolist() == [20.0, 40.0]
    assert read.values[CPU].tolist() == [2120.0, 2140.0]
    assert read.values[READY].tolist() == [12120.0, 12140.0]


def test_real_time_is_kept_for_an_hour(tmp_path: Path) -> None:
    record(tmp_path, [20.0 * n for n in range(1, 400)])
    read = store.read(tmp_path, "host", 0, [CPU], REALTIME)
    assert len(read.times_s) == REALTIME.points
    assert read.times_s[-1] == 20.0 * 399


def test_nothing_recorded_is_an_empty_series(tmp_path: Path) -> None:
    assert store.read(tmp_path, "vm", 0, [CPU], YEAR).times_s.size == 0
    assert store.last_recorded_s(tmp_path) is None


def test_growth_keeps_what_is_there(tmp_path: Path) -> None:
    for n, slots in enumerate((1, 17, 300, 5000), start=1):
        record(tmp_path, [20.0 * n], slots)
    first = store.read(tmp_path, "vm", 0, [CPU], REALTIME)
    assert first.values[CPU].tolist() == [2020.0, 2040.0, 2060.0, 2080.0]
    late = store.read(tmp_path, "vm", 4999, [CPU], REALTIME).values[CPU]
    assert np.isnan(late[:3]).all()
    assert late[3] == np.float32(2000 + 4999 * 100 + 80)


def test_the_same_sample_twice_changes_nothing(tmp_path: Path) -> None:
    record(tmp_path, [20.0 * n for n in range(1, 31)])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    record(tmp_path, [20.0 * n for n in range(10, 31)], slots=2)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_year_rolls_up_through_every_interval(tmp_path: Path) -> None:
    """Constant figures: means and lasts stay, sums grow with the length of the period."""
    with store.Writer(tmp_path) as writer:
        for n in range(1, 2 * 4320 + 1):
            writer.record(20.0 * n, {kind: np.ones((len(keys), 1), np.float32) for kind, keys in ROWS.items()})
    for interval in INTERVALS[1:]:
        read = store.read(tmp_path, "vm", 0, [CPU, READY, ENTITLED], interval)
        assert len(read.times_s) == min(interval.points, 172_800 // interval.sampling_s)
        assert set(read.values[CPU]) == set(read.values[ENTITLED]) == {1.0}
        assert set(read.values[READY]) == {interval.sampling_s / 20}


def expected(points: dict[int, float], key: int, level: int) -> dict[int, float]:
    """Rolled up by definition: each interval from the one before, missing samples skipped."""
    for finer, coarser in pairwise(INTERVALS[: level + 1]):
        count = coarser.sampling_s // finer.sampling_s
        groups: dict[int, list[float]] = {}
        for number in sorted(points):
            groups.setdefault(-(-number // count), []).append(points[number])
        combine = {"average": np.mean, "summation": np.sum, "latest": lambda values: values[-1]}[COUNTERS[key].rollup]
        points = {number: float(combine(values)) for number, values in groups.items()}
    return points


steps = st.lists(st.sampled_from([1, 1, 1, 1, 2, 5, 14, 15, 16, 90, 200, 361]), min_size=5, max_size=120)


@settings(max_examples=25)
@given(steps=steps, crash_every=st.integers(1, 40), missing=st.integers(2, 7))
def test_roll_ups_are_right_with_gaps_and_retries(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int], crash_every: int, missing: int
) -> None:
    folder = tmp_path_factory.mktemp("rings")
    numbers = np.cumsum(steps)
    points: dict[int, float] = {}
    for index, number in enumerate(int(n) for n in numbers):
        values = np.full((len(VM_ROWS), 2), index, np.float32)
        values[:, 1] = np.nan  # an entity that is off never has a sample
        if index % missing:
            points[number] = float(index)
        else:
            values[:] = np.nan
        with store.Writer(folder) as writer:
            writer.record(20.0 * number, {"vm": values})
            if index % crash_every == 0:  # died before the time was noted, and the sample comes again
                writer.last_s = 20.0 * int(numbers[index - 1]) if index else store.NEVER_S
                writer.record(20.0 * number, {"vm": values})
    last = int(numbers[-1])
    for level, interval in enumerate(INTERVALS[1:], start=1):
        children = interval.sampling_s // 20
        for key in (CPU, READY, ENTITLED):
            read = store.read(folder, "vm", 0, [key], interval)
            got = {
                int(t // interval.sampling_s): float(v)
                for t, v in zip(read.times_s, read.values[key], strict=True)
                if v == v
            }
            closed = {n: v for n, v in expected(points, key, level).items() if n * children <= last}
            newest = read.times_s[-1] // interval.sampling_s if read.times_s.size else 0
            want = {n: v for n, v in closed.items() if n > newest - interval.points}
            assert got == pytest.approx(want, rel=1e-5)
            assert np.isnan(store.read(folder, "vm", 1, [key], interval).values[key]).all()


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 40)), min_size=1, max_size=60),
    st.lists(st.integers(1, 9), min_size=1, max_size=12),
)
def test_samples_written_together_are_those_written_one_by_one(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int]], hands: list[int]
) -> None:
    """Whatever gaps there are, wherever the ring goes round, and however wide the fleet is by then."""
    together, apart = tmp_path_factory.mktemp("together"), tmp_path_factory.mktemp("apart")
    samples, number = [], 0
    for gap, slots in steps:
        number += gap if gap > 30 else min(gap, 1)  # mostly the next point, now and then the same again
        samples.append((20.0 * number + 0.5, arrays(20.0 * number, slots)))
    at, turn = 0, 0
    while at < len(samples):
        hand = samples[at : at + hands[turn % len(hands)]]
        with store.Writer(together) as writer:
            writer.record_all(hand)
        at, turn = at + len(hand), turn + 1
    for time_s, values in samples:
        with store.Writer(apart) as writer:
            writer.record(time_s, values)
    assert {f.name: f.read_bytes() for f in together.iterdir()} == {f.name: f.read_bytes() for f in apart.iterdir()}


def test_the_ring_goes_round_within_one_write(tmp_path: Path) -> None:
    times_s = [20.0 * n for n in range(1, REALTIME.points + 8)]
    with store.Writer(tmp_path) as writer:
        writer.record_all([(time_s, arrays(time_s)) for time_s in times_s])
    read = store.read(tmp_path, "vm", 1, [CPU], REALTIME)
    assert read.times_s.tolist() == times_s[-REALTIME.points :]
    np.testing.assert_allclose(read.values[CPU], np.array(read.times_s) + 2100)


def test_a_gap_is_seen_as_one(tmp_path: Path) -> None:
    record(tmp_path, [20.0, 40.0, 120.0])
    read = store.read(tmp_path, "vm", 0, [CPU], REALTIME)
    assert read.times_s.tolist() == [20.0, 40.0, 60.0, 80.0, 100.0, 120.0]
    assert np.isnan(read.values[CPU]).tolist() == [False, False, True, True, True, False]


def test_a_slot_shows_nothing_of_its_former_owner(tmp_path: Path) -> None:
    record(tmp_path, [20.0 * n for n in range(1, 96)])
    with store.Writer(tmp_path) as writer:
        writer.clear("vm", 1)
    for interval in INTERVALS:
        assert np.isnan(store.read(tmp_path, "vm", 1, [CPU], interval).values[CPU]).all()
        assert not np.isnan(store.read(tmp_path, "vm", 0, [CPU], interval).values[CPU]).any()
    record(tmp_path, [20.0 * n for n in range(96, 121)])
    day = store.read(tmp_path, "vm", 1, [CPU], DAY)
    own = [2100 + 20.0 * n for n in range(96, 106)]  # of the five minutes in which it changed hands, only its own
    assert day.values[CPU][-2] == pytest.approx(np.mean(own))
    assert np.isnan(day.values[CPU][:-2]).all()


def test_only_the_asked_period_is_read(tmp_path: Path) -> None:
    record(tmp_path, [20.0 * n for n in range(1, 31)])
    assert store.read(tmp_path, "vm", 0, [CPU], REALTIME, 100.0, 160.0).times_s.tolist() == [100.0, 120.0, 140.0, 160.0]


def test_a_file_of_another_version_gives_way(tmp_path: Path) -> None:
    record(tmp_path, [20.0])
    (tmp_path / "vm.realtime").write_bytes(b"something else" * 1000)
    assert store.read(tmp_path, "vm", 0, [CPU], REALTIME).times_s.size == 0
    record(tmp_path, [40.0])
    assert store.read(tmp_path, "vm", 0, [CPU], REALTIME).values[CPU].tolist() == [2040.0]


def test_figures_outlive_a_counter_that_comes_and_one_that_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = ROWS["vm"]
    with monkeypatch.context() as earlier:
        earlier.setitem(ROWS, "vm", (276, *(key for key in later[::-1] if key != READY)))
        record(tmp_path, [20.0 * n for n in range(1, 31)], slots=40)
    assert store.read(tmp_path, "vm", 33, [CPU], REALTIME).times_s.size == 0  # until somebody writes again
    record(tmp_path, [620.0], slots=40)
    realtime = store.read(tmp_path, "vm", 33, [CPU, READY], REALTIME)
    assert realtime.times_s.tolist() == [20.0 * n for n in range(1, 32)]
    assert realtime.values[CPU].tolist() == [5300.0 + 20.0 * n for n in range(1, 32)]
    assert np.isnan(realtime.values[READY][:-1]).all()
    assert realtime.values[READY][-1] == 15_920.0
    record(tmp_path, [20.0 * n for n in range(32, 46)], slots=40)
    assert store.read(tmp_path, "vm", 33, [CPU], DAY).times_s.tolist() == [300.0, 600.0, 900.0]
    assert not list(tmp_path.glob("*.new"))


KILLED_WRITER = """
import sys
from pathlib import Path
import django
django.setup()
from tests.apps.metrics.test_store import record
print("writing", flush=True)
for n in range(1, 1_000_000):
    record(Path(sys.argv[1]), [20.0 * n], 50)
"""


def test_a_killed_writer_leaves_readable_files(tmp_path: Path) -> None:
    for _ in range(3):
        writer = subprocess.Popen(
            [sys.executable, "-c", KILLED_WRITER, str(tmp_path)],
            stdout=subprocess.PIPE,
            env=os.environ | {"DJANGO_SETTINGS_MODULE": "vsphere_web.settings"},
        )
        assert writer.stdout
        writer.stdout.readline()
        while (store.last_recorded_s(tmp_path) or 0) < 20_000:
            assert writer.poll() is None
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        last_s = store.last_recorded_s(tmp_path)
        assert last_s
        for slot in (0, 49):
            read = store.read(tmp_path, "vm", slot, [CPU], REALTIME)
            known = ~np.isnan(read.values[CPU])
            assert (read.values[CPU][known] == (2000 + 100 * slot + read.times_s[known]).astype(np.float32)).all()
            assert np.count_nonzero(~known) <= 1
            assert not np.isnan(store.read(tmp_path, "vm", slot, [CPU], DAY).values[CPU]).any()
        record(tmp_path, [last_s + 20.0], 50)
        assert store.read(tmp_path, "vm", 49, [CPU], REALTIME).times_s[-1] == last_s + 20.0
        store.drop(tmp_path)
        tmp_path.mkdir(exist_ok=True)
