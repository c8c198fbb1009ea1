"""Counters that nobody stores: worked out of stored ones when a chart asks (`domain.counters.COMPUTED`).

Sums of time fill their interval: per virtual processor, used + ready + co-stop + wait = 100 %. The memory that the
object has now is taken for its past as well; how many processors it had is known for every point.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain import resources
from domain.counters import COMPUTED, IO_KIB, RECEIVE_RATIO, WRITE_LATENCY_RATIO, WRITE_RATIO
from domain.fairness import COMPRESSED_TO

Figures = NDArray[Any]
FULL_PCT = 10_000  # percent counters are in 1/100 %


@dataclass(frozen=True)
class Known:
    """Stored counters of one object by key, each point `interval_s` after the one before; NaN = no sample.

    `processors`: one number, or one per point.
    """

    stored: Mapping[int, Figures]
    interval_s: float
    processors: int | Figures
    memory_mib: int

    def time_ms(self) -> float | Figures:
        """The time of all processors in one interval."""
        return 1000.0 * self.interval_s * self.processors


def sources(kind: str, keys: Iterable[int]) -> list[int]:
    """The stored counters that `keys` are made of, each once."""
    made = COMPUTED.get(kind, {})
    return list(dict.fromkeys(source for key in keys for source in made.get(key, (key,))))


def needs_size(kind: str, keys: Iterable[int]) -> bool:
    """True where it matters how many processors the object had at each point."""
    return kind == "vm" and any(key in _PER_PROCESSOR for key in keys)


def looks_back(kind: str, keys: Sequence[int]) -> bool:
    """True where a point needs the one before it."""
    return any(key in _CHANGES for key in keys if key in COMPUTED.get(kind, {}))


def values(kind: str, keys: Sequence[int], known: Known) -> dict[int, Figures]:
    """The figures of each of `keys`, as they would have been recorded."""
    made = COMPUTED.get(kind, {})
    return {key: _made(kind, key, made[key], known) if key in made else known.stored[key] for key in keys}


def _made(kind: str, key: int, given: tuple[int, ...], known: Known) -> Figures:
    formula = _HOST_FORMULAS.get(key, _FORMULAS[key]) if kind == "host" else _FORMULAS[key]
    return formula(known, *(np.asarray(known.stored[one], np.float64) for one in given))


def _used(known: Known, usage: Figures) -> Figures:
    return usage / FULL_PCT * known.time_ms()


def _wait(known: Known, usage: Figures, *waiting: Figures) -> Figures:
    """What is left of the time: the processors are idle, or their guest waits for its disks."""
    left: Figures = np.maximum(0.0, known.time_ms() - _used(known, usage) - sum(waiting))
    return left


def _idle(known: Known, disk_kibps: Figures, latency_ms: Figures, usage: Figures, *waiting: Figures) -> Figures:
    """The part of the wait in which nothing was on its way: every I/O holds a processor as long as it takes."""
    left: Figures = np.maximum(0.0, _wait(known, usage, *waiting) - blocked_ms(known, disk_kibps, latency_ms))
    return left


def blocked_ms(known: Known, disk_kibps: Figures, latency_ms: Figures) -> Figures:
    """The time in which processors stand still for their disks."""
    return disk_kibps / IO_KIB * latency_ms * known.interval_s


def _host_idle(known: Known, usage: Figures) -> Figures:
    """A host's processors work or are idle: who waits is not on them."""
    return _wait(known, usage)


def _energy(known: Known, watts: Figures) -> Figures:
    return watts * known.interval_s


def _readiness(known: Known, ready: Figures) -> Figures:
    return ready / known.time_ms() * FULL_PCT


def _overhead(known: Known, consumed: Figures) -> Figures:
    """What the hypervisor holds for the machine while it runs."""
    per_processor = resources.overhead_mib(1, 0) - resources.overhead_mib(0, 0)
    mib = resources.overhead_mib(0, known.memory_mib) + per_processor * known.processors
    return np.where(np.isnan(consumed), np.nan, 1024.0 * mib)


def _shared(
    _known: Known, granted: Figures, consumed: Figures, balloon: Figures, swapped: Figures, compressed: Figures
) -> Figures:
    """What is granted and yet not taken, although nobody reclaimed it."""
    left: Figures = np.maximum(0.0, granted - consumed - balloon - swapped - COMPRESSED_TO * compressed)
    return left


def _change(known: Known, stock: Figures) -> Figures:
    """The change per second since the point before; unknown for the first."""
    return np.diff(stock, prepend=np.nan) / known.interval_s


def _swapped_in(known: Known, swapped: Figures) -> Figures:
    return np.maximum(0.0, -_change(known, swapped))


def _swapped_out(known: Known, swapped: Figures) -> Figures:
    return np.maximum(0.0, _change(known, swapped))


def _part(ratio: float) -> Callable[..., Figures]:
    return lambda _known, whole: ratio * whole


_CHANGES = frozenset({85, 86})
_PER_PROCESSOR = frozenset({14, 13, 11, 404, 102})
_FORMULAS: dict[int, Callable[..., Figures]] = {
    14: _used,
    13: _idle,
    11: _wait,
    404: _readiness,
    102: _overhead,
    37: _shared,
    85: _swapped_in,
    86: _swapped_out,
    148: _part(RECEIVE_RATIO),
    149: _part(1.0 - RECEIVE_RATIO),
    130: _part(1.0 - WRITE_RATIO),
    131: _part(WRITE_RATIO),
    159: _energy,
    178: _part((1.0 - WRITE_RATIO) / IO_KIB),
    179: _part(WRITE_RATIO / IO_KIB),
    182: _part(1.0),
    183: _part(WRITE_LATENCY_RATIO),
}
_HOST_FORMULAS: dict[int, Callable[..., Figures]] = {13: _host_idle}


def size_of(obj: Any) -> tuple[int, int]:
    """Processors and memory (MiB) of a host or VM; of what has none, 1 and 0."""
    processors = getattr(obj, "vcpus", 0) or getattr(obj, "cores", 0) or 1
    return int(processors), int(getattr(obj, "memory_mib", 0))
