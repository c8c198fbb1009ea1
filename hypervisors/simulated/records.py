"""The parts of a fleet's state that are few: identities, jobs, moves, snapshots, timers."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hypervisors.port import Job, JobState

Plain = dict[str, Any]


class Directory:
    """uuid and name of every slot of a table; "" marks a free slot."""

    def __init__(self, uuids: list[str] | None = None, names: list[str] | None = None) -> None:
        self.uuids = uuids or []
        self.names = names or []
        self._slots: dict[str, int] | None = None

    @property
    def columns(self) -> tuple[list[str], list[str]]:
        return self.uuids, self.names

    def copy(self) -> Directory:
        return Directory(self.uuids.copy(), self.names.copy())

    def find(self, uuid: str) -> int:
        """Slot of a uuid, -1 if there is none."""
        if self._slots is None:
            self._slots = {u: i for i, u in enumerate(self.uuids) if u}
        return self._slots.get(uuid, -1)

    def put(self, slot: int, uuid: str, name: str) -> None:
        missing = slot + 1 - len(self.uuids)
        if missing > 0:
            self.uuids += [""] * missing
            self.names += [""] * missing
        self.find(uuid)
        assert self._slots is not None
        self.uuids[slot], self.names[slot] = uuid, name
        self._slots[uuid] = slot

    def drop(self, slot: int) -> None:
        self.find("")
        assert self._slots is not None
        self._slots.pop(self.uuids[slot], None)
        self.uuids[slot] = self.names[slot] = ""

    def free_slot(self) -> int:
        return self.uuids.index("") if "" in self.uuids else len(self.uuids)


@dataclass(slots=True)
class JobRecord:
    """An operation in the state; `work` is what the operation keeps for itself, plain JSON data."""

    op_id: str
    kind: str
    target: str
    args: Plain
    n: int  # order of arrival
    state: str = JobState.QUEUED.value
    phase: str = ""
    from_s: float = 0.0  # the present phase lasts from here …
    to_s: float = 0.0  # … to here (unknown: equal)
    band: tuple[float, float] = (0.0, 100.0)  # progress at its begin and end
    cancelable: bool = False
    fault: Plain | None = None
    work: Plain = field(default_factory=dict)
    detail: Plain = field(default_factory=dict)
    hosts: tuple[int, ...] = ()  # slots of the hosts it needs alive
    end_seq: int = 0  # of the event that told its end

    @property
    def active(self) -> bool:
        return self.state in (JobState.QUEUED, JobState.RUNNING)

    def progress_pct(self, now_s: float) -> float:
        """Progress at a moment; monotone, a function of state and time only."""
        if self.state == JobState.DONE:
            return 100.0
        if self.state == JobState.QUEUED or self.to_s <= self.from_s:
            return self.band[0] if self.state != JobState.QUEUED else 0.0
        part = min(1.0, max(0.0, (now_s - self.from_s) / (self.to_s - self.from_s)))
        return self.band[0] + part * (self.band[1] - self.band[0])

    def view(self, now_s: float, progress_pct: float | None = None, detail: Plain | None = None) -> Job:
        progress = self.progress_pct(now_s) if progress_pct is None else progress_pct
        return Job(
            self.op_id, self.kind, self.target, JobState(self.state), self.phase, round(progress, 2),
            self.cancelable and self.active, self.fault, dict(self.detail if detail is None else detail),
        )  # fmt: skip

    def copy(self) -> JobRecord:
        return JobRecord(
            self.op_id, self.kind, self.target, self.args, self.n, self.state, self.phase, self.from_s, self.to_s,
            self.band, self.cancelable, self.fault, dict(self.work), dict(self.detail), self.hosts, self.end_seq,
        )  # fmt: skip

    def to_list(self) -> list[Any]:
        return [getattr(self, name) for name in self.__slots__]

    @classmethod
    def from_list(cls, values: list[Any]) -> JobRecord:
        record = cls(*values)
        record.band, record.hosts = (record.band[0], record.band[1]), tuple(record.hosts)
        return record


@dataclass(slots=True)
class Snapshot:
    """A frozen state; `bytes` is the delta disk begun with it, without what is still being written."""

    id: str
    parent: str  # "" for the base disks
    power: int
    image_bytes: float  # memory image, 0 without memory
    bytes: float = 0.0


@dataclass(slots=True)
class SnapshotTree:
    """Snapshots of one VM, oldest first, and the one it runs on."""

    current: str = ""
    nodes: dict[str, Snapshot] = field(default_factory=dict)

    def copy(self) -> SnapshotTree:
        nodes = {k: Snapshot(s.id, s.parent, s.power, s.image_bytes, s.bytes) for k, s in self.nodes.items()}
        return SnapshotTree(self.current, nodes)

    def to_plain(self) -> Plain:
        nodes = [[s.id, s.parent, s.power, s.image_bytes, s.bytes] for s in self.nodes.values()]
        return {"current": self.current, "nodes": nodes}

    @classmethod
    def from_plain(cls, data: Mapping[str, Any]) -> SnapshotTree:
        nodes = [Snapshot(*row) for row in data["nodes"]]
        return cls(data["current"], {s.id: s for s in nodes})

    def total_bytes(self) -> float:
        return sum(s.bytes + s.image_bytes for s in self.nodes.values())


class Timers:
    """Moments at which something happens, one per key; equal times fire in the order in which they were set."""

    def __init__(self, entries: list[list[Any]] | None = None, serial: int = 0) -> None:
        self.serial = serial
        self._due: dict[tuple[str, str], tuple[float, int]] = {(k, x): (t, n) for t, n, k, x in entries or []}
        self._heap = [(t, n, key) for key, (t, n) in self._due.items()]
        heapq.heapify(self._heap)

    def to_list(self) -> list[list[Any]]:
        return sorted([t, n, *key] for key, (t, n) in self._due.items())

    def copy(self) -> Timers:
        return Timers(self.to_list(), self.serial)

    def set(self, kind: str, name: str, time_s: float) -> None:
        self.serial += 1
        self._due[(kind, name)] = (time_s, self.serial)
        heapq.heappush(self._heap, (time_s, self.serial, (kind, name)))

    def cancel(self, kind: str, name: str) -> None:
        self._due.pop((kind, name), None)

    def next_s(self) -> float:
        while self._heap and self._due.get(self._heap[0][2]) != self._heap[0][:2]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else float("inf")

    def pop(self) -> tuple[str, str]:
        """Take the key that `next_s` spoke of."""
        key = heapq.heappop(self._heap)[2]
        del self._due[key]
        return key
