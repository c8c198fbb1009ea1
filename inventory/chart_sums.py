"""Figures of a datacenter: sums over its clusters and standalone hosts, worked out when somebody looks.

Counted is what lies in the datacenter now and may be seen by who asks: nobody learns from a sum what a part of it does
that is hidden from them. So the past of a sum is the past of these parts. What was done to machines is counted since
each part was made, and goes with it when it leaves: the whole line is then that of the parts that are left, and shows
no fall that nobody caused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.counters import COUNTERS, SUMMED, Interval
from inventory import metrics, selectors
from inventory.models import Cluster, Datacenter, Host, VCenter

Figures = NDArray[Any]


@dataclass(frozen=True)
class Parts:
    """What a sum is made of: the slots of the clusters, and of the compute resources of standalone hosts.

    `first`: a reference of one of them, "" where there is none.
    """

    slots: NDArray[np.int64]
    clusters: int
    hosts: int
    first: str


def parts(user: Any, vcenter: VCenter, datacenter: Datacenter) -> Parts:
    """The parts that a person may see; a standalone host counts where the host itself may be seen. Two queries."""
    clusters = selectors.objects_visible(user, vcenter, Cluster).filter(datacenter=datacenter, standalone=False)
    hosts = selectors.objects_visible(user, vcenter, Host).filter(
        cluster__datacenter=datacenter, cluster__standalone=True
    )
    in_clusters = list(clusters.order_by().values_list("slot", "moref"))
    alone = list(hosts.order_by().values_list("cluster__slot", "moref"))
    slots = np.array([slot for slot, _moref in (*in_clusters, *alone)], np.int64)
    return Parts(slots, len(in_clusters), len(alone), next((moref for _slot, moref in (*in_clusters, *alone)), ""))


def series(
    user: Any, vcenter: VCenter, datacenter: Datacenter, keys: Sequence[int], interval: Interval,
    since_s: float | None = None,
) -> dict[int, tuple[Figures, Figures]]:  # fmt: skip
    """Lab times and sums, per counter: between two of them a sample may come in.

    O(counters · points · slots of all clusters of the vCenter), read side by side; nothing grows with its machines.
    """
    slots = parts(user, vcenter, datacenter).slots
    first_s = -np.inf if since_s is None else since_s + interval.sampling_s / 2
    return {key: _series(vcenter, key, slots, interval, first_s) for key in keys}


def _series(
    vcenter: VCenter, key: int, slots: NDArray[np.int64], interval: Interval, first_s: float
) -> tuple[Figures, Figures]:  # fmt: skip
    if not slots.size:
        return np.empty(0), np.empty(0)
    times_s, figures = metrics.points(vcenter, SUMMED["datacenter"][0], key, int(slots.max()) + 1, interval)
    sums = total(figures[:, slots], lasting=COUNTERS[key].rollup == "latest")
    wanted = times_s > first_s
    return times_s[wanted], sums[wanted]


def total(figures: Figures, lasting: bool = False) -> Figures:
    """(points,) sums of (points, parts), NaN where no part has a figure; one without a figure adds nothing.

    lasting: a count stands until the next one is known, so that it never falls because a part was silent.
    """
    silent = np.isnan(figures)
    if lasting:
        at = np.maximum.accumulate(np.where(silent, -1, np.arange(len(figures))[:, None]), axis=0)
        figures = np.where(at < 0, np.nan, np.take_along_axis(figures, np.maximum(at, 0), axis=0))
    sums: Figures = np.where(silent.all(axis=1), np.nan, np.nansum(figures, axis=1, dtype=np.float64))
    return sums
