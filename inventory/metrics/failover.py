"""How many hosts of a cluster may fail with vSphere HA still giving all running machines what they reserved."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def tolerated(capacity: NDArray[Any], reserved: NDArray[Any]) -> int:
    """The greatest number of hosts that can be missing, whichever they are.

    capacity: (hosts, resources) of the usable hosts; reserved: (resources,) of the running machines. The biggest hosts
    are assumed to fail, resource by resource, and one has to be left.
    """
    if not len(capacity):
        return 0
    left = np.cumsum(np.sort(capacity.astype(np.float64), axis=0), axis=0)  # row n: the n + 1 smallest hosts
    enough = np.flatnonzero((left >= reserved).all(axis=1))
    return len(capacity) - 1 - int(enough[0]) if enough.size else 0
