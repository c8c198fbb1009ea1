"""How evenly a resource is shared: Jain's index (Jain, Chiu & Hawe 1984) over the part of its wish that each VM gets.

100 = everybody gets the same part of what they ask for, however much that is; with n VMs of which one gets
everything the index is 100/n. Wanted inequality, by shares or limits, lowers it too: it measures, it does not judge.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
FULL = 100.0
COMPRESSED_TO = 0.5  # a compressed page keeps half of its size


def delivered_part(used: NDArray[Any], demand: NDArray[Any]) -> Floats:
    """The part of its CPU demand that each VM gets, 0..1; who asks for nothing has all of it."""
    return _part(np.asarray(used, np.float64), np.asarray(demand, np.float64))


def held_part(granted: NDArray[Any], balloon: NDArray[Any], swapped: NDArray[Any], compressed: NDArray[Any]) -> Floats:
    """The part of the memory granted to each VM that nobody has reclaimed, 0..1. All in one unit."""
    whole = np.asarray(granted, np.float64)
    return _part(whole - balloon - swapped - COMPRESSED_TO * np.asarray(compressed, np.float64), whole)


def _part(got: Floats, wanted: Floats) -> Floats:
    part = np.divide(got, wanted, out=np.ones_like(wanted), where=wanted > 0)
    part[np.isnan(got) | np.isnan(wanted)] = np.nan  # it does not run
    return np.clip(part, 0.0, 1.0)


def index(parts: Floats, owner: NDArray[Any], owners: int) -> Floats:
    """Jain's index of each owner's VMs, in 100ths: float64[owners]. parts, owner: (n,), a negative owner is nobody.

    100 where an owner has no VM, or none that gets anything: then nobody has more than another.
    """
    counted = (owner >= 0) & ~np.isnan(parts)
    at, part = owner[counted], parts[counted]
    total, square, count = (
        np.bincount(at, weights, owners)[:owners] for weights in (part, part * part, np.ones(len(part)))
    )
    result = np.full(owners, FULL)
    np.divide(FULL * total * total, count * square, out=result, where=square > 0)
    return result
