"""Which datastores serve as heartbeat datastores for which hosts.

vSphere Availability: vCenter prefers datastores that most hosts can reach, VMFS before NFS where both are equal, and
takes two for each host (das.heartbeatDsPerHost). One that a single host mounts tells nobody anything.
"""

from __future__ import annotations

import numpy as np

from domain.snapshot import Bools

PER_HOST = 2  # das.heartbeatDsPerHost, its default and its least


def chosen(reached: Bools, vmfs: Bools, per_host: int = PER_HOST) -> Bools:
    """The heartbeat datastores of each host.

    reached: (H, D), the host reaches the datastore now; vmfs: (D,). Returns (H, D): at most `per_host` in each row,
    fewer where the host shares fewer with others.
    """
    hosts = reached.sum(axis=0)
    order = np.lexsort((np.arange(len(vmfs)), ~vmfs, -hosts))  # most hosts, then VMFS, then the older one
    ranked: Bools = reached[:, order] & (hosts[order] > 1)
    first = ranked & (np.cumsum(ranked, axis=1) <= per_host)
    result: Bools = np.zeros_like(reached)
    result[:, order] = first
    return result
