"""How the work of a machine lies on its instances: virtual and physical processors, adapters, datastores.

Nobody measures instances: they follow from the figures of the whole by rules of our own ([M] in the domain model), so
that they cost nothing while nobody looks. Names are vSphere's: "" (the whole), "0", "1" for processors, "vmnic0",
"4000" for a virtual adapter by its device key, the uuid of a datastore.

A guest's threads are not equal: fixed weights of its machine say how its demand lies on the virtual processors, none
above one core. The hypervisor serves all of them alike, each the same part of what it wants; who runs or wants more
waits more. A host's scheduler spreads work almost evenly. Arrays are (instances, points), NaN = no sample.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FULL_PCT = 10_000  # percent counters are in 1/100 %
GUEST_SPREAD, HOST_SPREAD, ADAPTER_SPREAD = 0.7, 0.1, 1.0  # weights lie between e^-spread and e^spread
SAME_SPEED = 2e-4  # relative: what float32 and means leave of a product of whole numbers

# The counters that instances have, by kind of entity and of instance.
FAMILIES: dict[str, dict[str, tuple[int, ...]]] = {
    "vm": {
        "processor": (2, 6, 14, 12, 13, 11, 399, 400, 404),
        "adapter": (143, 148, 149),
        "datastore": (178, 179, 182, 183),
    },
    "host": {"processor": (2, 14, 13), "adapter": (143, 148, 149)},
}


def weights(identity: str, count: int, spread: float) -> Floats:
    """(count,) fixed weights of an entity's instances; those that are there keep theirs when more are added."""
    digests = (hashlib.blake2b(f"{identity}/{block}".encode()).digest() for block in range(-(-count // 8)))
    uniform = np.frombuffer(b"".join(digests), "<u8")[:count] / 2.0**64
    result: Floats = np.exp(spread * (2.0 * uniform - 1.0))
    return result


def poured(total: Floats, weight: Floats, cap: Floats) -> Floats:
    """(n, points): `min(cap, level · weight)` with the level per point at which the sum is min(total, sum of caps).

    total: (points,), not negative; weight: (n, points), positive; cap: (n, points), not negative. The rows stand in the
    order in which they fill: cap / weight does not fall from one to the next. O(n · points). It is the water-filling
    of `domain.waterfill`, without its sorting.
    """
    fuller = np.cumsum(cap, axis=0) - cap  # what the rows before hold when they are full
    rest = np.cumsum(weight[::-1], axis=0)[::-1]  # the weights from here on
    with np.errstate(over="ignore"):  # of next to nothing
        levels = np.maximum(total - fuller, 0.0) / rest
        full = np.count_nonzero(levels * weight > cap, axis=0)
    at = np.minimum(full, len(weight) - 1)[None, :]
    level = np.where(full == len(weight), np.inf, np.take_along_axis(levels, at, axis=0)[0])
    filled: Floats = np.minimum(cap, level * weight)
    return filled


def many(identity: str, count: int, spread: float) -> tuple[Floats, Ints]:
    """Weights, the heaviest first, and for each instance its place among them."""
    own = weights(identity, count, spread)
    order = np.argsort(-own, kind="stable")
    place = np.empty(count, np.int64)
    place[order] = np.arange(count)
    return own[order], place


# --- physical processors ---------------------------------------------------------------------------------------------
def physical_processors(identity: str, count: int, usage: Floats, interval_s: float) -> dict[int, Floats]:
    """Counters of a host's processors out of its usage (points,), 1/100 %: none above 100 %, together the whole."""
    weight, place = many(identity, count, HOST_SPREAD)
    ones = np.ones((count, len(usage)))
    busy = poured(np.minimum(usage / FULL_PCT, 1.0) * count, weight[:, None] * ones, ones)[place]
    full_ms = 1000.0 * interval_s
    return {2: FULL_PCT * busy, 14: full_ms * busy, 13: full_ms * (1.0 - busy)}


# --- virtual processors ----------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Size:
    """What a machine ran on, (points,): how many virtual processors it had, and the MHz of a core."""

    count: Ints
    core_mhz: Floats


def size_then(
    usage: Floats, mhz: Floats, count: int, core_mhz: float, speeds: Callable[[], Collection[float]]
) -> Size:  # fmt: skip
    """Processors and cores at each point, from usage (1/100 %) and MHz: their ratio is processors · core.

    count, core_mhz: what the machine has now; speeds: of the cores it may have run on before, asked for when that does
    not explain a point. A point during which the machine changed counts as the larger one. Where it did nothing, it is
    as it was before.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        width = np.where(usage > 0, mhz / usage * FULL_PCT, np.nan)
    known = ~np.isnan(width)
    found = np.full(len(width), count, np.int64)
    odd = known & ~_close(width / count, core_mhz)
    for at in np.flatnonzero(odd):
        found[at] = _processors(float(width[at]), count, core_mhz, speeds)
    core = np.where(known, width / np.maximum(found, 1), np.nan)
    before = _last_known(known)
    return Size(found[before], np.where(known.any(), core[before], core_mhz))


def _processors(width: float, count: int, core_mhz: float, speeds: Callable[[], Collection[float]]) -> int:
    """How many processors make `width` MHz: those of now on another host, or another number on a core that is known."""
    others = speeds()
    if any(_close(width / count, speed) for speed in others):
        return count
    for speed in (core_mhz, *others):
        if round(width / speed) and _close(width / round(width / speed), speed):
            return round(width / speed)
    return max(1, int(np.ceil(width / core_mhz - SAME_SPEED)))


def _close(one: Floats | float, other: float) -> NDArray[np.bool_]:
    return np.asarray(np.abs(one - other) <= SAME_SPEED * other)


def _last_known(known: NDArray[np.bool_]) -> Ints:
    """For each point the last one before it, or else the first one, that is known."""
    if not known.any():
        return np.arange(len(known))
    at = np.where(known, np.arange(len(known)), -1)
    before: Ints = np.maximum.accumulate(at)
    return np.where(before < 0, int(np.argmax(known)), before)


@dataclass(frozen=True)
class Work:
    """What the processors of a machine did, (points,): MHz, and ms of all of them in an interval of `interval_s`.

    `blocked_ms`: the time that they stand still for the machine's disks.
    """

    interval_s: float
    used_mhz: Floats
    demand_mhz: Floats
    ready_ms: Floats
    costop_ms: Floats
    limited_ms: Floats
    blocked_ms: Floats

    def at(self, points: Ints) -> Work:
        """The same at some points."""
        names = ("used_mhz", "demand_mhz", "ready_ms", "costop_ms", "limited_ms", "blocked_ms")
        return replace(self, **{name: getattr(self, name)[points] for name in names})


def virtual_processors(
    identity: str, size: Size, work: Work, keys: Collection[int] = FAMILIES["vm"]["processor"]
) -> dict[int, Floats]:  # fmt: skip
    """Counters of a machine's processors, (most processors, points); NaN where a processor was not there yet.

    At each point they sum to the machine's. That supposes that its running and waiting fit into the time of its
    processors; what does not fit is left out.
    """
    most = int(size.count.max(initial=1))
    result = {key: np.full((most, len(size.count)), np.nan) for key in keys}
    for count in np.unique(size.count):
        points = np.flatnonzero(size.count == count)
        weight, place = many(identity, int(count), GUEST_SPREAD)
        part = _alike(weight, size.core_mhz[points], work.at(points), keys)
        for key in keys:
            result[key][:count, points] = part[key][place]
    return result


def _alike(weight: Floats, core_mhz: Floats, work: Work, keys: Collection[int]) -> dict[int, Floats]:
    """The same at points at which the machine had the same number of processors, the busiest first."""
    count, full_ms = len(weight), 1000.0 * work.interval_s
    columns = np.broadcast_to(weight[:, None], (count, len(core_mhz)))
    wanted_mhz = np.minimum(np.fmax(work.demand_mhz, work.used_mhz), count * core_mhz)
    wanted = poured(wanted_mhz, columns, np.broadcast_to(core_mhz, columns.shape))
    served = np.divide(work.used_mhz, wanted_mhz, out=np.zeros_like(core_mhz), where=~(wanted_mhz <= 0))
    used = wanted * np.minimum(served, 1.0)
    busy = used / core_mhz
    found = {6: used, 2: FULL_PCT * busy, 14: full_ms * busy}
    if not found.keys() >= set(keys):
        found |= _waiting(work, full_ms, found[14], np.where(wanted_mhz > 0, wanted, columns))
    return found


def _waiting(work: Work, full_ms: float, run_ms: Floats, eager: Floats) -> dict[int, Floats]:
    """Who runs or wants more (`eager`) waits more, for the host and for the disks, as far as its time goes."""
    waiting = work.ready_ms + work.costop_ms
    queued = poured(waiting, eager, np.maximum(full_ms - run_ms, 0.0))
    idle_or_blocked = np.maximum(full_ms - run_ms - queued, 0.0)
    idle = idle_or_blocked - poured(work.blocked_ms, eager, idle_or_blocked)
    ready = queued * _part(work.ready_ms, waiting)
    return {
        12: ready, 399: queued * _part(work.costop_ms, waiting), 11: idle_or_blocked, 13: np.maximum(idle, 0.0),
        400: ready * _part(work.limited_ms, work.ready_ms), 404: FULL_PCT * ready / full_ms,
    }  # fmt: skip


def _part(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.where(np.isnan(part), np.nan, 0.0), where=whole > 0)


# --- adapters --------------------------------------------------------------------------------------------------------
def adapter_parts(identity: str, plugged: Sequence[bool]) -> Floats:
    """(adapters,) the part of a machine's traffic that each carries. Traffic that was there although none is plugged in
    now went over one that was: then all of them count."""
    part = weights(identity, len(plugged), ADAPTER_SPREAD)
    if any(plugged):
        part = part * np.asarray(plugged)
    result: Floats = part / part.sum()
    return result


@dataclass(frozen=True)
class LinkChange:
    """An uplink went up or down at a lab time."""

    time_s: float
    nic: int
    up: bool


def uplink_parts(
    count: int, down: Collection[int], changes: Iterable[LinkChange], ends_s: Floats, interval_s: float
) -> Floats:
    """(uplinks, points): the part of the machines' traffic that each carried.

    They talk over the first; while that is down, over the next that is up. down: the links that are down now; changes:
    what led there; ends_s: the ends of the points. A point without any link counts for the first.
    """
    result, until_s, down = np.zeros((count, len(ends_s))), np.inf, set(down)
    for change in sorted(changes, key=lambda change: -change.time_s):
        _carried(result, down, (change.time_s, until_s), ends_s, interval_s)
        until_s = change.time_s
        down = down | {change.nic} if change.up else down - {change.nic}  # as it was before
    _carried(result, down, (-np.inf, until_s), ends_s, interval_s)
    time_s = result.sum(axis=0)
    result[0, time_s <= 0] = 1.0
    parts: Floats = result / np.where(time_s > 0, time_s, 1.0)
    return parts


def _carried(
    result: Floats, down: Collection[int], span_s: tuple[float, float], ends_s: Floats, interval_s: float
) -> None:  # fmt: skip
    """Add the seconds of each point in which a state of the links lasted to the link that carried."""
    up = [nic for nic in range(len(result)) if nic not in down]
    if up:
        start_s, end_s = span_s
        result[up[0]] += np.maximum(np.minimum(ends_s, end_s) - np.maximum(ends_s - interval_s, start_s), 0.0)
