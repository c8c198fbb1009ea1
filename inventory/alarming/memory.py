"""What evaluation remembers between two samples: one small blob per vCenter in Redis.

Only what is beyond a threshold is written, so the blob's size follows the troubles, not the inventory. It may be lost
at any moment: what has triggered is then taken from the rows of the database, and durations begin anew.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from domain.alarms import Floats, Levels, Table
from inventory import redis
from inventory.models import VCenter

SIZE = struct.Struct("<I")
TURN_MS = 30_000
# Only the owner of a turn may end it and keep what it found: it may have run out and been taken by somebody else.
_END = """
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
if #ARGV > 1 then redis.call('set', KEYS[2], ARGV[2]) end
return redis.call('del', KEYS[1])
"""


@dataclass(slots=True)
class Sparse:
    """The entries of a matrix that differ from its background; rows are known by name, so that they may be moved."""

    names: list[str]
    row: NDArray[np.int32]
    slot: NDArray[np.int32]
    value: NDArray[np.float64]

    @classmethod
    def of(cls, names: list[str], matrix: NDArray, there: NDArray[np.bool_]) -> Sparse:
        row, slot = np.nonzero(there)
        return cls(names, row.astype(np.int32), slot.astype(np.int32), matrix[row, slot].astype(np.float64))

    def into(self, names: list[str], matrix: NDArray) -> None:
        """Write the entries of the rows that still exist into `matrix`, whose rows have these names."""
        place = {name: i for i, name in enumerate(names)}
        moved = np.array([place.get(name, -1) for name in self.names], np.int32)
        row = moved[self.row] if self.row.size else self.row
        known = (row >= 0) & (self.slot < matrix.shape[1])
        matrix[row[known], self.slot[known]] = self.value[known]


@dataclass(slots=True)
class Memory:
    """`last_s` lab seconds of the sample that was evaluated last, `cursor` the key of the last event that was seen."""

    last_s: float = float("nan")
    cursor: int = -1
    since: dict[str, Sparse] = field(default_factory=dict)
    levels: dict[str, Sparse] = field(default_factory=dict)

    @property
    def lost(self) -> bool:
        return self.cursor < 0

    def matrices(self, table: Table, slots: int) -> tuple[Floats, Levels]:
        """float64[rows, slots] and int8[definitions, slots] of one kind, as the last evaluation left them."""
        since = np.full((len(table.rows), slots), np.nan)
        levels = np.zeros((len(table.keys), slots), np.int8)
        if table.kind in self.since:
            self.since[table.kind].into([row.key for row in table.rows], since)
            self.levels[table.kind].into(table.keys, levels)
        return since, levels

    def keep(self, table: Table, since: Floats, levels: Levels) -> None:
        self.since[table.kind] = Sparse.of([row.key for row in table.rows], since, ~np.isnan(since))
        self.levels[table.kind] = Sparse.of(table.keys, levels, levels > 0)


def _key(vcenter: VCenter) -> str:
    return f"alarms:{vcenter.uuid}:{vcenter.timeline}" if vcenter.timeline else f"alarms:{vcenter.uuid}"


def encode(memory: Memory) -> bytes:
    parts: list[bytes] = []
    heads = {}
    for what in ("since", "levels"):
        for kind, sparse in getattr(memory, what).items():
            heads[f"{what}:{kind}"] = [sparse.names, len(sparse.row)]
            parts += [sparse.row.tobytes(), sparse.slot.tobytes(), sparse.value.tobytes()]
    last_s = None if memory.last_s != memory.last_s else memory.last_s
    head = json.dumps({"last_s": last_s, "cursor": memory.cursor, "parts": heads}).encode()
    return b"".join([SIZE.pack(len(head)), head, *parts])


def decode(blob: bytes) -> Memory:
    """The memory in a blob; an empty one where it is none of ours (another version wrote it)."""
    try:
        (size,) = SIZE.unpack_from(blob)
        at = SIZE.size + size
        head = json.loads(blob[SIZE.size : at])
        memory = Memory(float("nan") if head["last_s"] is None else head["last_s"], head["cursor"])
        for name, (names, count) in head["parts"].items():
            what, kind = name.split(":")
            getattr(memory, what)[kind] = Sparse(names, *_arrays(blob, at, count))
            at += 16 * count
    except (struct.error, ValueError, KeyError, TypeError):
        return Memory()
    return memory


def _arrays(blob: bytes, at: int, count: int) -> tuple[NDArray, NDArray, NDArray]:
    row = np.frombuffer(blob, np.int32, count, at)
    slot = np.frombuffer(blob, np.int32, count, at + 4 * count)
    return row, slot, np.frombuffer(blob, np.float64, count, at + 8 * count)


@contextmanager
def turn(vcenter: VCenter) -> Iterator[Memory | None]:
    """The memory, for one process at a time; what has moved on in it is kept at the end, unless that is an exception.

    None for who comes meanwhile and leaves it: the next beat looks at everything again. Two round trips.
    """
    client, token = redis.patient(), uuid4().hex
    keys = (f"{_key(vcenter)}:turn", _key(vcenter))
    pipe = client.pipeline(transaction=False)
    pipe.set(keys[0], token, nx=True, px=TURN_MS)
    pipe.get(keys[1])
    mine, blob = pipe.execute()
    if not mine:
        yield None
        return
    told: list[str | bytes] = [token]
    try:
        memory = decode(bytes(blob)) if blob else Memory()
        before = (memory.last_s, memory.cursor)
        yield memory
        if (memory.last_s, memory.cursor) != before:
            told.append(encode(memory))
    finally:
        client.eval(_END, 2, *keys, *told)
