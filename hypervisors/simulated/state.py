"""The dynamics of one vCenter's fleet and their compact form.

A blob is `FLEET` + format + header length, a JSON header (identities, jobs, timers, outbox), then the raw columns.
Nothing is pickled. The same state always gives the same bytes. A blob of another format or with other columns raises
`StateFormatError`; the fleet is then rebuilt from the inventory.
"""

from __future__ import annotations

import json
import struct
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.specs import FaultRates
from hypervisors.port import FleetEvent, Happening
from hypervisors.simulated.moves import Move
from hypervisors.simulated.records import Directory, JobRecord, Plain, SnapshotTree, Timers
from hypervisors.simulated.tables import DatastoreTable, DiskTable, HostTable, PoolTable, VmTable
from hypervisors.simulated.tuning import TICK_S

FORMAT = 1
_MAGIC = b"FLEET"
# magic, format, header length; then what `peek` answers: version, seq, now_s
_PREFIX = struct.Struct("<5sBIqqd")
_TABLES = {"hosts": HostTable, "vms": VmTable, "disks": DiskTable, "pools": PoolTable, "datastores": DatastoreTable}
_SCHEMA = {name: cls.schema() for name, cls in _TABLES.items()}
_DIRECTORIES = ("host_ids", "vm_ids", "pool_ids", "datastore_ids")


class StateFormatError(ValueError):
    """The bytes are not a fleet of this format."""


@dataclass
class FleetState:
    """Everything a fleet is at `now_s`; tables are indexed by slot."""

    seed: int = 0
    version: int = 0  # configuration version of the inventory
    now_s: float = 0.0
    tick: int = 0  # number of the next tick; it falls at `tick * 20` s
    seq: int = 0  # of the last event
    jobs_seen: int = 0
    hosts: HostTable = field(default_factory=HostTable)
    vms: VmTable = field(default_factory=VmTable)
    disks: DiskTable = field(default_factory=DiskTable)
    pools: PoolTable = field(default_factory=PoolTable)
    datastores: DatastoreTable = field(default_factory=DatastoreTable)
    host_ids: Directory = field(default_factory=Directory)
    vm_ids: Directory = field(default_factory=Directory)
    pool_ids: Directory = field(default_factory=Directory)
    datastore_ids: Directory = field(default_factory=Directory)
    mounts: NDArray[np.bool_] = field(default_factory=lambda: np.zeros((0, 0), np.bool_))  # [host, datastore]
    trace_sets: list[str] = field(default_factory=list)
    rates: FaultRates = field(default_factory=FaultRates)
    timers: Timers = field(default_factory=Timers)
    jobs: dict[str, JobRecord] = field(default_factory=dict)
    moves: dict[str, Move] = field(default_factory=dict)
    snapshots: dict[str, SnapshotTree] = field(default_factory=dict)
    fail_next_move: list[str] = field(default_factory=list)  # VM or host uuids
    outbox: list[FleetEvent] = field(default_factory=list)

    @property
    def tick_s(self) -> float:
        return self.tick * TICK_S

    def copy(self) -> FleetState:
        """An independent twin."""
        return FleetState(
            self.seed, self.version, self.now_s, self.tick, self.seq, self.jobs_seen,
            self.hosts.copy(), self.vms.copy(), self.disks.copy(), self.pools.copy(), self.datastores.copy(),
            self.host_ids.copy(), self.vm_ids.copy(), self.pool_ids.copy(), self.datastore_ids.copy(),
            self.mounts.copy(), self.trace_sets.copy(), self.rates, self.timers.copy(),
            {k: j.copy() if j.active else j for k, j in self.jobs.items()},
            {k: m.copy() for k, m in self.moves.items()},
            {k: s.copy() for k, s in self.snapshots.items()},
            self.fail_next_move.copy(), self.outbox.copy(),
        )  # fmt: skip

    def grow_mounts(self) -> None:
        """Make `mounts` as large as the tables."""
        shape = (self.hosts.size, self.datastores.size)
        if self.mounts.shape != shape:
            grown = np.zeros(shape, np.bool_)
            rows, columns = self.mounts.shape
            grown[:rows, :columns] = self.mounts
            self.mounts = grown

    def to_bytes(self) -> bytes:
        names = [_pack(values) for name in _DIRECTORIES for values in getattr(self, name).columns]
        header = json.dumps(_header(self, names), separators=(",", ":"), ensure_ascii=False).encode()
        parts: list[bytes | memoryview] = [
            _PREFIX.pack(_MAGIC, FORMAT, len(header), self.version, self.seq, self.now_s),
            header,
            *names,
        ]
        for name in _TABLES:
            parts += getattr(self, name).buffers()
        parts.append(np.packbits(self.mounts).tobytes())
        return b"".join(parts)

    @classmethod
    def from_bytes(cls, blob: bytes) -> FleetState:
        header, offset = _read_header(blob)
        lengths = iter(header["names"])
        state = cls(**{name: header[name] for name in ("seed", "version", "now_s", "tick", "seq", "jobs_seen")})
        view = memoryview(blob)
        for name in _DIRECTORIES:
            uuids, offset = _unpack(view, offset, next(lengths))
            labels, offset = _unpack(view, offset, next(lengths))
            setattr(state, name, Directory(uuids, labels))
        for name, table in _TABLES.items():
            read, offset = table.read(header["sizes"][name], view, offset)
            setattr(state, name, read)
        shape = (state.hosts.size, state.datastores.size)
        count = shape[0] * shape[1]
        bits = np.unpackbits(np.frombuffer(view, np.uint8, offset=offset), count=count)
        state.mounts = bits.astype(np.bool_).reshape(shape)
        _adopt(state, header)
        return state


def _pack(values: list[str]) -> bytes:
    """Strings of a directory, one per line; a name has no line breaks that matter."""
    text = "\n".join(values)
    if text.count("\n") != max(0, len(values) - 1):
        text = "\n".join(value.replace("\n", " ") for value in values)
    return text.encode() + b"." if values else b""


def _unpack(view: memoryview, offset: int, length: int) -> tuple[list[str], int]:
    end = offset + length
    return (str(view[offset : end - 1], "utf-8").split("\n") if length else []), end


def _header(state: FleetState, names: list[bytes]) -> Plain:
    return {
        "schema": _SCHEMA,
        "sizes": {name: getattr(state, name).size for name in _TABLES},
        **{name: getattr(state, name) for name in ("seed", "version", "now_s", "tick", "seq", "jobs_seen")},
        "names": [len(part) for part in names],
        "trace_sets": state.trace_sets,
        "rates": asdict(state.rates),
        "timers": [state.timers.serial, state.timers.to_list()],
        "jobs": [job.to_list() for job in state.jobs.values()],
        "moves": [move.to_list() for move in state.moves.values()],
        "snapshots": {uuid: tree.to_plain() for uuid, tree in state.snapshots.items()},
        "fail_next_move": state.fail_next_move,
        "outbox": [[e.seq, e.time_s, e.kind.value, e.target, e.op_id, e.data] for e in state.outbox],
    }


def _read_prefix(blob: bytes) -> tuple[int, int, int, float]:
    if len(blob) < _PREFIX.size:
        raise StateFormatError("too short")
    magic, form, length, version, seq, now_s = _PREFIX.unpack_from(blob)
    if magic != _MAGIC or form != FORMAT:
        raise StateFormatError(f"magic {magic!r}, format {form}")
    return length, version, seq, now_s


def peek(blob: bytes) -> dict[str, float]:
    """version, seq and now_s of a blob, without reading the rest."""
    _, version, seq, now_s = _read_prefix(blob)
    return {"version": version, "seq": seq, "now_s": now_s}


def _read_header(blob: bytes) -> tuple[dict[str, Any], int]:
    length = _read_prefix(blob)[0]
    end = _PREFIX.size + length
    try:
        header: dict[str, Any] = json.loads(blob[_PREFIX.size : end])
    except ValueError as error:
        raise StateFormatError("unreadable header") from error
    if header.get("schema") != _SCHEMA:
        raise StateFormatError("other columns")
    return header, end


def _adopt(state: FleetState, header: dict[str, Any]) -> None:
    state.trace_sets = header["trace_sets"]
    state.rates = FaultRates(**header["rates"])
    state.timers = Timers(header["timers"][1], header["timers"][0])
    jobs = [JobRecord.from_list(values) for values in header["jobs"]]
    state.jobs = {job.op_id: job for job in jobs}
    moves = [Move.from_list(values) for values in header["moves"]]
    state.moves = {move.op_id: move for move in moves}
    state.snapshots = {uuid: SnapshotTree.from_plain(tree) for uuid, tree in header["snapshots"].items()}
    state.fail_next_move = header["fail_next_move"]
    state.outbox = [FleetEvent(s, t, Happening(k), x, o, d) for s, t, k, x, o, d in header["outbox"]]
