"""Ring files of one kind of entity and one interval: float32 `[point][counter][slot]`, in segments of slots.

A file is a header page and then the segments, which cover slots 0..15, 16..31, 32..63 … doubling, and from 4,096 on
every next 4,096: a fleet of any size grows by appending, nothing is ever copied. Inside a segment lies
`[point][counter][slot of the segment]`, so that writing one point is one contiguous write per segment, and one series
is one strided read of a single segment.

Values are stored with all bits inverted: a hole of the sparse file (zeros) reads as NaN, "no sample".

The header holds a stamp per ring position: the number of the point that lies there plus one, 0 = none. A writer
takes the stamp away, writes the values, and stamps anew; readers look at the stamps before and after. So a process
that is killed between any two instructions leaves at most the points of one write that read as missing. Writers use
pwrite, because a full disk is then an OSError and not a SIGBUS; readers map the file.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.counters import ROWS, Interval

Float32Array = NDArray[np.float32]
Int64Array = NDArray[np.int64]

MAGIC = b"RINGF32\0"
VERSION = 1
FIXED = struct.Struct("<8sIIII")  # magic, version, points, seconds per point, counters
KEYS_AT = 32
STAMPS_AT = 1024
DATA_AT = 4096
FIRST_SLOTS = 16
WIDEST_SLOTS = 4096
HOLE = np.uint32(0xFFFFFFFF)


@dataclass(frozen=True, slots=True)
class Shape:
    """What a ring file holds: fixed by the kind of entity and the interval."""

    points: int
    sampling_s: int
    keys: tuple[int, ...]

    @property
    def rows(self) -> int:
        return len(self.keys)

    @property
    def slot_bytes(self) -> int:
        """Bytes of one slot: all its points and counters."""
        return 4 * self.points * self.rows

    def position(self, number: int) -> int:
        """Where point `number` (1, 2, …) lies in the ring. Children of one coarser point lie side by side."""
        return (number - 1) % self.points

    def header(self) -> bytes:
        fixed = FIXED.pack(MAGIC, VERSION, self.points, self.sampling_s, self.rows).ljust(KEYS_AT, b"\0")
        return (fixed + np.array(self.keys, "<u4").tobytes()).ljust(STAMPS_AT, b"\0")


def shape_of(kind: str, interval: Interval) -> Shape:
    return Shape(interval.points, interval.sampling_s, ROWS[kind])


def segment_of(slot: int) -> tuple[int, int]:
    """First slot and number of slots of the segment in which `slot` lies."""
    if slot < FIRST_SLOTS:
        return 0, FIRST_SLOTS
    if slot < WIDEST_SLOTS:
        start = 1 << (slot.bit_length() - 1)
        return start, start
    return slot - slot % WIDEST_SLOTS, WIDEST_SLOTS


def segments(slots: int) -> Iterator[tuple[int, int]]:
    """(first slot, number of slots) of every segment that `slots` slots need."""
    start = 0
    while start < slots:
        start, width = segment_of(start)
        yield start, width
        start += width


def capacity_for(slots: int) -> int:
    """Slots of the whole segments that hold `slots` slots."""
    return sum(segment_of(slots - 1)) if slots else 0


class RingWriter:
    """Writes one ring file; the caller holds the lock of the vCenter's folder.

    A file of the same interval with other counters is taken over, with the counters that both have; what is none of
    ours is replaced.
    """

    def __init__(self, path: Path, shape: Shape) -> None:
        self.shape = shape
        self._fd = _open_or_create(path, shape)
        self.capacity = max(0, os.fstat(self._fd).st_size - DATA_AT) // shape.slot_bytes

    def close(self) -> None:
        os.close(self._fd)

    def put(self, number: int, values: Float32Array) -> None:
        """Write point `number`; `values` float32[counters, slots]. Slots beyond are "no sample"."""
        self.put_all(number, values[None])

    def put_all(self, first: int, values: Float32Array) -> None:
        """Write points `first`… side by side: float32[points, counters, slots]."""
        self._grow(values.shape[2])
        position, count = self.shape.position(first), len(values)
        room = self.shape.points - position
        if count > room:  # the ring goes round
            self.put_all(first, values[:room])
            self.put_all(first + room, values[room:])
            return
        self._stamp(position, np.zeros(count, np.int64))
        bits = np.ascontiguousarray(values).view(np.uint32)
        for start, width in segments(self.capacity):
            self._put_segment(position, start, width, bits[:, :, start : start + width])
        self._stamp(position, np.arange(first + 1, first + 1 + count, dtype=np.int64))

    def children(self, first: int, count: int) -> Iterator[tuple[int, Float32Array]]:
        """Per segment (first slot, float32[count, counters, slots]) of points `first`… side by side in the ring."""
        position = self.shape.position(first)
        stamps = np.frombuffer(os.pread(self._fd, 8 * count, STAMPS_AT + 8 * position), np.int64)
        missing = stamps != np.arange(first + 1, first + 1 + count)
        for start, width in segments(self.capacity):
            block: Any = np.empty((count, self.shape.rows, width), np.uint32)
            os.preadv(self._fd, [block], self._offset(position, start, width))
            values = np.invert(block, out=block).view(np.float32)
            values[missing] = np.nan
            yield start, values

    def _put_segment(self, position: int, start: int, width: int, bits: NDArray[np.uint32]) -> None:
        block = np.zeros((len(bits), self.shape.rows, width), np.uint32)
        np.invert(bits, out=block[:, :, : bits.shape[2]])
        _write_all(self._fd, block.tobytes(), self._offset(position, start, width))

    def _offset(self, position: int, start: int, width: int) -> int:
        return _place(self.shape, position, start, width)

    def _stamp(self, position: int, stamps: Int64Array) -> None:
        _write_all(self._fd, stamps.tobytes(), STAMPS_AT + 8 * position)

    def _grow(self, slots: int) -> None:
        if slots > self.capacity:
            self.capacity = capacity_for(slots)
            os.ftruncate(self._fd, DATA_AT + self.shape.slot_bytes * self.capacity)


def read_series(path: Path, shape: Shape, slot: int, rows: Sequence[int]) -> tuple[Int64Array, Float32Array]:
    """Numbers of the points in the ring, ascending, and their values float32[len(rows), points] of one slot.

    An absent or foreign file has no points; a slot that was never written has NaN.
    """
    try:
        fd = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return np.empty(0, np.int64), np.empty((len(rows), 0), np.float32)
    try:
        return _read_open(fd, shape, slot, rows)
    finally:
        os.close(fd)


def _read_open(fd: int, shape: Shape, slot: int, rows: Sequence[int]) -> tuple[Int64Array, Float32Array]:
    if not _is_ours(fd, shape):
        return np.empty(0, np.int64), np.empty((len(rows), 0), np.float32)
    capacity = max(0, os.fstat(fd).st_size - DATA_AT) // shape.slot_bytes
    with mmap.mmap(fd, DATA_AT + capacity * shape.slot_bytes, prot=mmap.PROT_READ) as mapped:
        mapped.madvise(mmap.MADV_RANDOM)
        live = np.frombuffer(mapped, np.int64, shape.points, STAMPS_AT)
        before = live.copy()
        values = _gather(mapped, shape, slot, rows) if slot < capacity else None
        stamps = np.where(live == before, before, 0)
        del live  # a mapping cannot be closed while an array looks into it
    if values is None:
        values = np.full((len(rows), shape.points), np.nan, np.float32)
    order = np.argsort(stamps)[np.count_nonzero(stamps == 0) :]
    return stamps[order] - 1, values[:, order]


def read_points(path: Path, shape: Shape, row: int, slots: int) -> tuple[Int64Array, Float32Array]:
    """Numbers of the points in the ring, ascending, and one counter of all entities: float32[points, slots]."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return np.empty(0, np.int64), np.empty((0, slots), np.float32)
    try:
        if not _is_ours(fd, shape):
            return np.empty(0, np.int64), np.empty((0, slots), np.float32)
        capacity = max(0, os.fstat(fd).st_size - DATA_AT) // shape.slot_bytes
        with mmap.mmap(fd, DATA_AT + capacity * shape.slot_bytes, prot=mmap.PROT_READ) as mapped:
            stamps = np.frombuffer(mapped, np.int64, shape.points, STAMPS_AT).copy()
            values = _one_row(mapped, shape, row, slots, capacity)
    finally:
        os.close(fd)
    order = np.argsort(stamps)[np.count_nonzero(stamps == 0) :]
    return stamps[order] - 1, values[order]


def _one_row(mapped: mmap.mmap, shape: Shape, row: int, slots: int, capacity: int) -> Float32Array:
    values = np.full((shape.points, slots), np.nan, np.float32)
    for start, width in segments(min(slots, capacity)):
        count = shape.points * shape.rows * width
        segment = np.frombuffer(mapped, np.uint32, count, DATA_AT + shape.slot_bytes * start)
        stop = min(start + width, slots)
        cells = segment.reshape(shape.points, shape.rows, width)[:, row, : stop - start]
        values[:, start:stop] = np.invert(cells).view(np.float32)
        del segment, cells  # a mapping cannot be closed while an array looks into it
    return values


def _gather(mapped: mmap.mmap, shape: Shape, slot: int, rows: Sequence[int]) -> Float32Array:
    start, width = segment_of(slot)
    count = shape.points * shape.rows * width
    segment = np.frombuffer(mapped, np.uint32, count, DATA_AT + shape.slot_bytes * start)
    cells = segment.reshape(shape.points, shape.rows, width)[:, list(rows), slot - start]
    return np.ascontiguousarray(np.invert(cells).T).view(np.float32)


def _open_or_create(path: Path, shape: Shape) -> int:
    """Open a file of this shape for writing; what is no such file gives way to a new one, atomically."""
    for _ in range(2):
        try:
            fd = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            _create(path, shape)
            continue
        if _is_ours(fd, shape):
            return fd
        try:
            _create(path, shape, fd)
        finally:
            os.close(fd)
    return os.open(path, os.O_RDWR)


def _create(path: Path, shape: Shape, former: int | None = None) -> None:
    """Make the file, with what an open file of other counters knows; a process that dies meanwhile has made none."""
    draft = path.with_name(f"{path.name}.new")
    draft.write_bytes(shape.header().ljust(DATA_AT, b"\0"))
    known = None if former is None else _other_counters(former, shape)
    if former is not None and known is not None:
        with draft.open("r+b", buffering=0) as file:
            _take_over(former, known, file.fileno(), shape)
    draft.replace(path)


def _other_counters(fd: int, shape: Shape) -> Shape | None:
    """The shape of a file that differs from `shape` by its counters alone; None where it is something else."""
    header = os.pread(fd, STAMPS_AT, 0)
    if len(header) < STAMPS_AT:
        return None
    rows = FIXED.unpack_from(header)[-1]
    if not 0 < rows <= (STAMPS_AT - KEYS_AT) // 4:
        return None
    found = Shape(shape.points, shape.sampling_s, tuple(np.frombuffer(header, "<u4", rows, KEYS_AT).tolist()))
    return found if found.header() == header else None


def _take_over(source: int, known: Shape, target: int, shape: Shape) -> None:
    """Copy stamps and the counters that both shapes have, a point at a time; holes stay holes."""
    capacity = max(0, os.fstat(source).st_size - DATA_AT) // known.slot_bytes
    both = [(known.keys.index(key), row) for row, key in enumerate(shape.keys) if key in known.keys]
    old, new = ([pair[side] for pair in both] for side in (0, 1))
    os.ftruncate(target, DATA_AT + shape.slot_bytes * capacity)
    for start, width in segments(capacity):
        for point in range(shape.points):
            data = os.pread(source, 4 * known.rows * width, _place(known, point, start, width))
            if data.count(0) == len(data):
                continue
            block = np.zeros((shape.rows, width), np.uint32)
            block[new] = np.frombuffer(data, np.uint32).reshape(known.rows, width)[old]
            _write_all(target, block.tobytes(), _place(shape, point, start, width))
    _write_all(target, os.pread(source, DATA_AT - STAMPS_AT, STAMPS_AT), STAMPS_AT)


def _place(shape: Shape, position: int, start: int, width: int) -> int:
    """Where the values of a point lie in the file, of the segment of `width` slots from `start` on."""
    return DATA_AT + shape.slot_bytes * start + 4 * shape.rows * width * position


def _is_ours(fd: int, shape: Shape) -> bool:
    return os.pread(fd, STAMPS_AT, 0) == shape.header()


def _write_all(fd: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(fd, view, offset)
        view, offset = view[written:], offset + written
