"""The newest figures of a whole vCenter: one small blob in Redis, read by pages and sockets."""

from __future__ import annotations

import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from domain.counters import ROWS, row

Float32Array = NDArray[np.float32]
FIXED = struct.Struct("<8sdd")  # magic and version, lab seconds, wall-clock seconds of recording
SIZE = struct.Struct("<II")  # counters, slots; one per kind in the order of ROWS
MAGIC = b"LATEST1\0"
HEAD_BYTES = FIXED.size
DATA_AT = FIXED.size + SIZE.size * len(ROWS)


@dataclass(frozen=True, slots=True)
class Latest:
    """float32[counters, slots] per kind, rows as `domain.counters.ROWS`, column = the object's slot, NaN = no sample.

    `time_s` is lab time of the sample, `wall_s` the wall clock (seconds since 1970) when it was recorded.
    """

    time_s: float
    vm: Float32Array
    host: Float32Array
    datastore: Float32Array
    pool: Float32Array
    cluster: Float32Array
    wall_s: float = field(default_factory=time.time)

    @classmethod
    def of_arrays(cls, time_s: float, arrays: Mapping[str, Float32Array], wall_s: float | None = None) -> Latest:
        """From one array per kind."""
        by_kind = {kind: arrays[kind] for kind in ROWS}
        return cls(time_s, **by_kind, wall_s=time.time() if wall_s is None else wall_s)

    def of(self, kind: str) -> Float32Array:
        """The array of "vm", "host", "datastore", "pool" or "cluster"."""
        figures: Float32Array = getattr(self, kind)
        return figures

    def row(self, kind: str, key: int) -> Float32Array:
        """One counter of all objects of a kind: float32[slots]."""
        return self.of(kind)[row(kind, key)]

    def value(self, kind: str, slot: int, key: int) -> float | None:
        """One figure, None where there is none."""
        figures = self.of(kind)
        if not 0 <= slot < figures.shape[1]:
            return None
        value = float(figures[row(kind, key), slot])
        return None if value != value else value

    def top(self, kind: str, key: int, count: int, among: NDArray[np.int64] | None = None) -> list[tuple[int, float]]:
        """The `count` greatest consumers as (slot, figure), greatest first; `among` = the slots that may be seen."""
        figures = self.row(kind, key)
        slots = np.flatnonzero(~np.isnan(figures))
        if among is not None:
            slots = np.intersect1d(slots, among)
        if len(slots) > count:
            slots = slots[np.argpartition(-figures[slots], count)[:count]]
        order = slots[np.argsort(-figures[slots], kind="stable")]
        return [(int(slot), float(figures[slot])) for slot in order]

    def without(self, births: Mapping[str, NDArray[np.int64]], number: int) -> Latest:
        """The same, but for slots that have changed hands since: those read as "no sample".

        `births`: per kind int64[slots], the last real-time point of a slot's former owner; `number`: this sample's.
        """
        arrays = {kind: self.of(kind) for kind in ROWS}
        for kind, born in births.items():
            gone = np.flatnonzero(born >= number)
            if gone.size:
                arrays[kind] = arrays[kind].copy()
                arrays[kind][:, gone] = np.nan
        return Latest.of_arrays(self.time_s, arrays, self.wall_s)


def encode(latest: Latest) -> bytes:
    arrays = [np.ascontiguousarray(latest.of(kind), np.float32) for kind in ROWS]
    sizes = b"".join(SIZE.pack(*array.shape) for array in arrays)
    return b"".join([FIXED.pack(MAGIC, latest.time_s, latest.wall_s), sizes, *(array.tobytes() for array in arrays)])


def time_of(head: bytes) -> float | None:
    """Lab seconds of a blob's sample, by its first HEAD_BYTES; None where they are none of ours."""
    if len(head) < HEAD_BYTES:
        return None
    magic, time_s, _wall_s = FIXED.unpack_from(head)
    return float(time_s) if magic == MAGIC else None


def decode(blob: bytes) -> Latest | None:
    """The figures in a blob, as views of it; None where it is none of ours (another version wrote it)."""
    if len(blob) < DATA_AT:
        return None
    magic, time_s, wall_s = FIXED.unpack_from(blob)
    sizes = [SIZE.unpack_from(blob, FIXED.size + SIZE.size * i) for i in range(len(ROWS))]
    expected = DATA_AT + 4 * sum(rows * slots for rows, slots in sizes)
    if magic != MAGIC or [rows for rows, _ in sizes] != [len(keys) for keys in ROWS.values()] or len(blob) != expected:
        return None
    arrays, at = {}, DATA_AT
    for kind, (rows, slots) in zip(ROWS, sizes, strict=True):
        arrays[kind] = np.frombuffer(blob, np.float32, rows * slots, at).reshape(rows, slots)
        at += 4 * rows * slots
    return Latest.of_arrays(time_s, arrays, wall_s)
