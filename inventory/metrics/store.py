"""The files of one vCenter: real-time samples and the four roll-ups of each kind of entity, in constant space.

`index` holds the time of the last recorded sample and is what writers lock; `<kind>.<interval>` are the rings;
`<kind>.births` says from which point on a slot's figures are its present owner's. A roll-up is computed from the ring
of the next finer interval when its last child has come, or, after a gap, when the first sample beyond it comes; so
doing it again after a crash gives the same.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from domain.counters import INTERVALS, REALTIME_S, ROWS, Interval
from inventory.metrics.rings import RingWriter, read_series, shape_of
from inventory.metrics.rollup import combine

Float32Array = NDArray[np.float32]
INDEX = struct.Struct("<8sd")  # magic and version, lab seconds of the last sample
INDEX_MAGIC = b"METRICS1"
NEVER_S = -1.0
LEVELS = range(1, len(INTERVALS))
MOST_TOGETHER = 4  # samples of a big fleet are big
Recorded = tuple[float, Mapping[str, Float32Array]]  # lab seconds of a sample, and its arrays by kind


@dataclass(frozen=True, slots=True)
class Series:
    """Lab seconds at the end of each point, and per counter key the values float32[points]; NaN = no sample."""

    interval: Interval
    times_s: NDArray[np.float64]
    values: Mapping[int, Float32Array]


def point_number(time_s: float) -> int:
    """The real-time point that a sample belongs to: point n covers the 20 s that end at n * 20 s."""
    return max(1, -int(-(time_s - 1e-6) // REALTIME_S))


def per_level(level: int) -> int:
    """Real-time points in one point of this level."""
    return INTERVALS[level].sampling_s // REALTIME_S


class Writer:
    """Exclusive access to one vCenter's files, as a context manager. At most one process writes at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rings: dict[tuple[str, int], RingWriter] = {}
        self._births: dict[str, NDArray[np.int64]] = {}

    def __enter__(self) -> Writer:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._index = os.open(self._folder / "index", os.O_RDWR | os.O_CREAT, 0o644)
        fcntl.flock(self._index, fcntl.LOCK_EX)
        self.last_s = _last_s(os.pread(self._index, INDEX.size, 0))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        for ring in self._rings.values():
            ring.close()
        os.close(self._index)  # releases the lock

    def record(self, time_s: float, arrays: Mapping[str, Float32Array]) -> bool:
        """Write one sample, float32[counters, slots] per kind; False where it is not newer than the last."""
        return self.record_all([(time_s, arrays)]) == 1

    def record_all(self, samples: Sequence[Recorded]) -> int:
        """Write several, oldest first; those that are not newer than the one before are left out. Returns how many were
        written. What lies side by side in the rings is written at once."""
        run: list[Recorded] = []
        done, last_s = 0, self.last_s
        for time_s, arrays in samples:
            if time_s <= last_s:
                continue
            if run and not _goes_on(run, time_s, arrays):
                self._write(run)
                run = []
            run.append((time_s, arrays))
            done, last_s = done + 1, time_s
        if run:
            self._write(run)
        return done

    def _write(self, run: Sequence[Recorded]) -> None:
        """Points side by side, of which only the last may end a point of a roll-up."""
        first, last = point_number(run[0][0]), point_number(run[-1][0])
        self._finish_open_points(first)
        for kind in run[0][1]:
            self._ring(kind, 0).put_all(first, np.stack([arrays[kind] for _time_s, arrays in run]))
        for level in LEVELS:
            if last % per_level(level):
                break
            self._roll_up(level, last // per_level(level))
        self._commit(run[-1][0])

    def clear(self, kind: str, slot: int) -> None:
        """What was recorded for the slot up to now belongs to somebody else."""
        number = point_number(self.last_s) if self.last_s >= 0 else 0
        file = os.open(self._folder / f"{kind}.births", os.O_WRONLY | os.O_CREAT, 0o644)
        try:
            os.pwrite(file, struct.pack("<q", number), 8 * slot)
        finally:
            os.close(file)
        self._births.pop(kind, None)

    def _finish_open_points(self, number: int) -> None:
        """Roll up what was open when the samples stopped, now that a later point comes."""
        if self.last_s < 0:
            return
        last = point_number(self.last_s)
        for level in LEVELS:
            open_point = -(-last // per_level(level))
            if last % per_level(level) and number > open_point * per_level(level):
                self._roll_up(level, open_point)

    def _roll_up(self, level: int, number: int) -> None:
        for kind in ROWS:
            self._roll_up_kind(kind, level, number)

    def _roll_up_kind(self, kind: str, level: int, number: int) -> None:
        count = per_level(level) // per_level(level - 1)
        first = (number - 1) * count + 1
        finer = self._ring(kind, level - 1)
        values = np.full((len(ROWS[kind]), finer.capacity), np.nan, np.float32)
        births = self._born(kind, finer.capacity)
        ends = np.arange(first, first + count) * per_level(level - 1)
        for start, children in finer.children(first, count):
            stop = start + children.shape[2]
            if births[start:stop].any():
                children[np.broadcast_to((ends[:, None] <= births[start:stop])[:, None], children.shape)] = np.nan
            values[:, start:stop] = combine(children, ROWS[kind])
        self._ring(kind, level).put(number, values)

    def _ring(self, kind: str, level: int) -> RingWriter:
        if (kind, level) not in self._rings:
            interval = INTERVALS[level]
            path = ring_path(self._folder, kind, interval)
            self._rings[kind, level] = RingWriter(path, shape_of(kind, interval))
        return self._rings[kind, level]

    def _born(self, kind: str, slots: int) -> NDArray[np.int64]:
        if kind not in self._births or len(self._births[kind]) < slots:
            self._births[kind] = births(self._folder, kind, slots)
        return self._births[kind]

    def _commit(self, time_s: float) -> None:
        os.pwrite(self._index, INDEX.pack(INDEX_MAGIC, time_s), 0)
        self.last_s = time_s


def _goes_on(run: Sequence[Recorded], time_s: float, arrays: Mapping[str, Float32Array]) -> bool:
    """True where a sample is the next point after a run, as wide as the others, and nothing is rolled up between."""
    last = point_number(run[-1][0])
    alike = all(arrays[kind].shape == known.shape for kind, known in run[-1][1].items())
    return alike and len(run) < MOST_TOGETHER and point_number(time_s) == last + 1 and last % per_level(1) != 0


def ring_path(folder: Path, kind: str, interval: Interval) -> Path:
    return folder / f"{kind}.{interval.name}"


def last_recorded_s(folder: Path) -> float | None:
    """Lab seconds of the newest sample, None where there is none."""
    try:
        last_s = _last_s((folder / "index").read_bytes()[: INDEX.size])
    except FileNotFoundError:
        return None
    return None if last_s < 0 else last_s


def births(folder: Path, kind: str, slots: int) -> NDArray[np.int64]:
    """int64[slots]: number of the last real-time point that was not yet the present owner's; 0 = all are."""
    result = np.zeros(slots, np.int64)
    try:
        known = np.fromfile(folder / f"{kind}.births", np.int64, slots)
    except FileNotFoundError:
        return result
    result[: len(known)] = known
    return result


def read(
    folder: Path,
    kind: str,
    slot: int,
    keys: Sequence[int],
    interval: Interval,
    start_s: float | None = None,
    end_s: float | None = None,
) -> Series:
    """One entity's series: a point per sampling period from the first that is known to the last, gaps as NaN."""
    rows = [ROWS[kind].index(key) for key in keys]
    numbers, values = read_series(ring_path(folder, kind, interval), shape_of(kind, interval), slot, rows)
    ends_s = numbers * float(interval.sampling_s)
    values[:, numbers * (interval.sampling_s // REALTIME_S) <= _birth(folder, kind, slot)] = np.nan
    newest_s = ends_s[-1] if ends_s.size else 0.0
    wanted = ends_s > newest_s - interval.length_s
    wanted &= (ends_s >= (start_s if start_s is not None else -np.inf)) & (
        ends_s <= (np.inf if end_s is None else end_s)
    )
    return _on_grid(interval, numbers[wanted], values[:, wanted], keys)


def drop(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _birth(folder: Path, kind: str, slot: int) -> int:
    try:
        known = np.fromfile(folder / f"{kind}.births", np.int64, 1, offset=8 * slot)
    except FileNotFoundError:
        return 0
    return int(known[0]) if known.size else 0


def _on_grid(interval: Interval, numbers: NDArray[np.int64], values: Float32Array, keys: Sequence[int]) -> Series:
    """Every period between the first and the last point, so that a gap is seen as one."""
    if not numbers.size:
        return Series(interval, np.empty(0), {key: np.empty(0, np.float32) for key in keys})
    grid = np.arange(numbers[0], numbers[-1] + 1)
    filled = np.full((len(keys), len(grid)), np.nan, np.float32)
    filled[:, numbers - numbers[0]] = values
    return Series(interval, grid * float(interval.sampling_s), dict(zip(keys, filled, strict=True)))


def _last_s(data: bytes) -> float:
    if len(data) < INDEX.size:
        return NEVER_S
    magic, last_s = INDEX.unpack(data)
    return last_s if magic == INDEX_MAGIC else NEVER_S
