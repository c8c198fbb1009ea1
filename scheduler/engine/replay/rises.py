"""Which VMs rise together: the day's samples so far, and rises that were not seen yet but may come.

A host overflows when VMs of one application rise at once, from nothing to all they were given within a sample. No sum
of single variances shows that. A *scenario* does: the demand of every VM at one moment. Past samples are some (jobs
recur, with the same VMs); so are imagined rises of all VMs of about one size, because machines of one application are
made alike: what a placement should survive before the day has taught anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from scheduler.engine.replay.fleet import Floats, Ints

NOW_WEIGHT = 0.25  # of the present sample: it often lasts
PAST_WEIGHT = 0.5  # of all earlier samples together, once there are many
LEARNING_SAMPLES = 12.0  # for the past to gain most of its weight
HALF_LIFE_SAMPLES = 60.0
IMAGINED_WEIGHT = 0.0005  # of each imagined rise
PAST_KEPT = 48  # scenarios: the latest samples and the greatest ones
LATEST_KEPT = 8
GREAT_CLASS = 0.3  # of a host, given to all VMs of a size together: smaller ones overflow nothing
IMAGINED_LOAD = 0.7  # of the hosts that RAM needs; nothing helps against more
IMAGINED_PARTS = (1.0, 0.5)


@dataclass(frozen=True)
class Scenarios:
    """Demand of each VM (MIPS) in each scenario [n, K], the present sample first, and what each counts [K]."""

    demand: Floats
    weight: Floats


@dataclass
class Rises:
    """Memory of one run: ``mips``, ``size`` (class of VMs alike) [n]; a host's MIPS, ``hosts`` needed for RAM."""

    mips: Floats
    size: Ints
    host_mips: float
    hosts: int
    samples: list[Floats] = field(default_factory=list)

    def recent(self, count: int) -> Floats:
        """The last ``count`` samples, MIPS, [n, at most count]."""
        return np.array(self.samples[-count:]).T

    def scenarios(self) -> Scenarios:
        """Now, the past and the imagined."""
        now = self.samples[-1]
        past, past_weight = self._past()
        imagined = self._imagined(now)
        weight = np.concatenate(([NOW_WEIGHT], past_weight, np.full(imagined.shape[1], IMAGINED_WEIGHT)))
        return Scenarios(np.column_stack((now, past, imagined)), weight)

    def _past(self) -> tuple[Floats, Floats]:
        """Earlier samples and their weights; of many, the latest and those with the greatest sums."""
        count = len(self.samples)
        weight = 0.5 ** (np.arange(count)[::-1] / HALF_LIFE_SAMPLES)
        weight *= PAST_WEIGHT * (1 - np.exp(-count / LEARNING_SAMPLES)) / weight.sum()
        kept = np.arange(count)
        if count > PAST_KEPT:
            total = np.array([float(sample.sum()) for sample in self.samples])
            total[-LATEST_KEPT:] = np.inf
            kept = np.sort(np.argsort(-total, kind="stable")[:PAST_KEPT])
        return np.array([self.samples[k] for k in kept.tolist()]).T, weight[kept]

    def _imagined(self, now: Floats) -> Floats:
        """The present sample with all VMs of a size risen, as far as the hosts could carry that, and half as far."""
        columns = []
        for size in np.unique(self.size):
            alike = self.size == size
            given = float(self.mips[alike].sum())
            if given > GREAT_CLASS * self.host_mips:
                room = IMAGINED_LOAD * self.hosts * self.host_mips - float(now[~alike].sum())
                top = min(1.0, max(0.2, room / given))
                rises = (np.where(alike, np.maximum(now, part * top * self.mips), now) for part in IMAGINED_PARTS)
                columns += list(rises)
        return np.array(columns).T if columns else np.empty((len(now), 0))


def size_classes(cores: Floats, ram_mib: Floats) -> Ints:
    """Number of each VM's class, [n]: as many cores, and RAM within a factor of about two."""
    table = np.column_stack((cores, np.round(np.log2(np.maximum(ram_mib, 1.0)))))
    return np.asarray(np.unique(table, axis=0, return_inverse=True)[1].reshape(-1), dtype=np.int64)
