"""Counter-based random numbers: a value is a pure function of (entity key, stream, counter).

Nobody's draws depend on who else exists. The mixer is SplitMix64's finaliser (Steele, Lea & Flood 2014) over
key + counter·γ.
"""

from __future__ import annotations

import hashlib
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

U64 = NDArray[np.uint64]
Floats = NDArray[np.float64]

_MASK = (1 << 64) - 1
_GAMMA = 0x9E3779B97F4A7C15
_STREAM = 0xD1B54A32D192ED03
_M1, _M2 = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_S30, _S27, _S31, _S11 = (np.uint64(n) for n in (30, 27, 31, 11))
_N1, _N2 = np.uint64(_M1), np.uint64(_M2)
_TO_UNIT = 2.0**-53


class Stream(IntEnum):
    NOISE = 1
    BURST = 2
    BURST_SHAPE = 3
    BASE = 4  # and the five that follow
    AMPLITUDE = 10
    PHASE = 11
    SIGMA = 12
    FAULT = 20  # and one per kind of fault
    DURATION = 40
    BOOT = 41
    ADDRESS = 42


def key_of(seed: int, name: str) -> int:
    """64-bit key of an entity of a lab."""
    return int.from_bytes(hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=8).digest(), "little")


def words(key: U64, stream: int, counter: int) -> U64:
    """64 random bits per key."""
    z = key + np.uint64((stream * _STREAM + counter * _GAMMA) & _MASK)
    z ^= z >> _S30
    z *= _N1
    z ^= z >> _S27
    z *= _N2
    z ^= z >> _S31
    return z


def uniforms(key: U64, stream: int, counter: int) -> Floats:
    """Uniform numbers in [0, 1)."""
    return np.asarray((words(key, stream, counter) >> _S11) * _TO_UNIT, dtype=np.float64)


def normals(key: U64, stream: int, counter: int) -> Floats:
    """Numbers of mean 0 and variance 1: the sum of four 16-bit uniforms (Irwin-Hall), bounded by ±3.46."""
    parts = words(key, stream, counter).view(np.uint16).reshape(-1, 4)
    return np.asarray((parts.sum(axis=1) - 131_070.0) * (1.0 / 37_837.2), dtype=np.float64)


def uniform(key: int, stream: int, counter: int = 0) -> float:
    """One uniform number in [0, 1); equals `uniforms` of an array with this key."""
    z = (key + stream * _STREAM + counter * _GAMMA) & _MASK
    z = ((z ^ (z >> 30)) * _M1) & _MASK
    z = ((z ^ (z >> 27)) * _M2) & _MASK
    return ((z ^ (z >> 31)) >> 11) * _TO_UNIT


def between(bounds: tuple[float, float], key: int, stream: int, counter: int = 0) -> float:
    """One uniform number in the closed range `bounds`."""
    low, high = bounds
    return low + (high - low) * uniform(key, stream, counter)
