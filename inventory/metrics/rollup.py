"""How finer points become a coarser one: average -> mean, summation -> sum, latest -> last; "no sample" is skipped."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from domain.counters import COUNTERS

Float32Array = NDArray[np.float32]


def combine(children: Float32Array, keys: Sequence[int]) -> Float32Array:
    """float32[counters, slots] of `children` float32[points, counters, slots]; a cell without any sample is NaN."""
    rollups = np.array([COUNTERS[key].rollup for key in keys])
    total, seen = _sum(children)
    mean = np.flatnonzero(rollups == "average")
    total[mean] /= np.maximum(seen[mean], 1)
    last = np.flatnonzero(rollups == "latest")
    total[last] = _last(children[:, last])
    return total


def _sum(children: Float32Array) -> tuple[Float32Array, Float32Array]:
    """Sums over the points, and how many samples each has. Most cells miss none: those that do are summed apart."""
    total = children.sum(axis=0)
    seen = np.full(total.shape, len(children), np.float32)
    gaps = np.isnan(total)
    if gaps.any():
        part = children[:, gaps]
        present = ~np.isnan(part)
        seen[gaps] = present.sum(axis=0)
        total[gaps] = np.where(seen[gaps] > 0, np.where(present, part, 0).sum(axis=0), np.nan)
    return total, seen


def _last(children: Float32Array) -> Float32Array:
    result = np.full(children.shape[1:], np.nan, np.float32)
    for child in children:
        np.copyto(result, child, where=child == child)
    return result
