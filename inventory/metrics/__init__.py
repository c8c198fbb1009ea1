"""Performance figures: recorded by the pump, read by pages, sockets and charts.

The newest figures of a vCenter lie in Redis (`latest`), the history in files of constant size (`series`). `kind` is
"vm", "host", "datastore", "pool" or "cluster", `slot` the column that the object's row in the database names, counters
are those of `domain.counters`, times are lab seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from domain.counters import REALTIME, ROWS, Interval, row
from hypervisors.port import Sample
from inventory import redis
from inventory.metrics import rings, store
from inventory.metrics.derived import Membership, with_derived
from inventory.metrics.kept import Kept
from inventory.metrics.latest import HEAD_BYTES, Latest, decode, encode, time_of
from inventory.metrics.membership import kept_membership, membership
from inventory.metrics.store import Series
from inventory.models import VCenter

__all__ = [
    "Latest",
    "Membership",
    "Series",
    "asked_once",
    "clear",
    "drop",
    "kept_membership",
    "latest",
    "membership",
    "newest_s",
    "points",
    "record",
    "record_all",
    "series",
    "window",
]


def folder(vcenter: VCenter) -> Path:
    """Where the history lies; a timeline begun by a rewind has a folder of its own."""
    name = f"{vcenter.uuid}.{vcenter.timeline}" if vcenter.timeline else str(vcenter.uuid)
    return Path(settings.DATA_DIR) / "metrics" / name


def live_key(vcenter: VCenter) -> str:
    return f"live:{vcenter.uuid}:{vcenter.timeline}" if vcenter.timeline else f"live:{vcenter.uuid}"


def record(vcenter: VCenter, sample: Sample, members: Membership) -> None:
    """Keep one sample and make it the latest. A sample that is not newer than the last recorded changes nothing."""
    record_all(vcenter, [sample], members)


def record_all(vcenter: VCenter, samples: Sequence[Sample], members: Membership) -> None:
    """The same for several, oldest first; cheaper than one by one.

    Raises:
        OSError: the disk is full.
        redis.RedisError: Redis does not answer; the history is kept all the same.
    """
    if not samples:
        return
    recorded = [(sample.time_s, with_derived(sample, members)) for sample in samples]
    with store.Writer(folder(vcenter)) as writer:
        writer.record_all(recorded)
    newest = Latest.of_arrays(*recorded[-1])
    redis.patient().set(live_key(vcenter), encode(newest))
    kept = _asked.get()
    if kept is not None:
        kept[str(vcenter.uuid)] = _owned(vcenter, newest)


_blobs = Kept()
_asked: ContextVar[dict[str, Latest | None] | None] = ContextVar("asked", default=None)


@contextmanager
def asked_once() -> Iterator[None]:
    """Inside, `latest` of a vCenter is fetched once for all who ask: the listeners of one beat see the same sample."""
    token = _asked.set({})
    try:
        yield
    finally:
        _asked.reset(token)


def latest(vcenter: VCenter) -> Latest | None:
    """The newest figures, None where there are none yet or Redis does not answer."""
    kept, key = _asked.get(), str(vcenter.uuid)
    if kept is None:
        return _fetched(vcenter)
    if key not in kept:
        kept[key] = _fetched(vcenter)
    return kept[key]


def _fetched(vcenter: VCenter) -> Latest | None:
    try:
        blob = redis.ask(lambda client: _blobs.get(client, live_key(vcenter)))
    except redis.Offline:
        return None
    found = decode(blob) if blob else None
    return None if found is None else _owned(vcenter, found)


def newest_s(vcenter: VCenter) -> float | None:
    """Lab time of the newest figures, without fetching them; None where there are none. For workers."""
    known = (_asked.get() or {}).get(str(vcenter.uuid))
    if known is not None:
        return known.time_s
    return time_of(bytes(redis.patient().getrange(live_key(vcenter), 0, HEAD_BYTES - 1)))  # type: ignore[arg-type]


def _owned(vcenter: VCenter, found: Latest) -> Latest:
    """Without the figures that were a slot's former owner's."""
    births = {kind: store.births(folder(vcenter), kind, found.of(kind).shape[1]) for kind in ROWS}
    return found.without(births, store.point_number(found.time_s))


def series(
    vcenter: VCenter,
    kind: str,
    slot: int,
    keys: Sequence[int],
    interval: Interval = REALTIME,
    start_s: float | None = None,
    end_s: float | None = None,
) -> Series:
    """The history of some counters of one object between two lab times."""
    return store.read(folder(vcenter), kind, slot, keys, interval, start_s, end_s)


def window(vcenter: VCenter, kind: str, key: int, slots: int) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """The real-time points of one counter for all objects of a kind: lab times [points] and float32[points, slots].

    O(points x slots); the last hour at most. Points older than an hour before the newest are left out.
    """
    return points(vcenter, kind, key, slots, REALTIME)


def points(
    vcenter: VCenter, kind: str, key: int, slots: int, interval: Interval
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """The same at any interval: lab times of the points' ends, and NaN where nothing was measured."""
    shape = rings.shape_of(kind, interval)
    path = store.ring_path(folder(vcenter), kind, interval)
    numbers, values = rings.read_points(path, shape, row(kind, key), slots)
    born = store.births(folder(vcenter), kind, slots)
    per_point = interval.sampling_s // REALTIME.sampling_s
    values[numbers[:, None] * per_point <= born[None, :]] = np.nan
    times_s = (numbers * interval.sampling_s).astype(np.float64)
    recent = times_s > (times_s[-1] if times_s.size else 0.0) - interval.length_s
    return times_s[recent], values[recent]


def clear(vcenter: VCenter, kind: str, slot: int) -> None:
    """A slot goes to another object: nothing that was recorded for it so far is seen again."""
    with store.Writer(folder(vcenter)) as writer:
        writer.clear(kind, slot)


def drop(vcenter: VCenter) -> None:
    """Forget everything about a vCenter."""
    store.drop(folder(vcenter))
    redis.patient().delete(live_key(vcenter))
