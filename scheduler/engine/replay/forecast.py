"""What a VM will ask for: a slow mean and the spread around it.

Measured on five-minute samples (PlanetLab 2011, three days): the squared error of "the last sample" as a forecast is
1.8 times that of a slow mean, half an hour ahead as well as five minutes. Demand is white noise around a level that
drifts; so the level and the spread are what a placement should count with, and the last sample says little.

A slow mean lags a day's rise and fall. What all VMs have in common shows in their sum long before it shows in any one
of them, for the noise of the sum is small: ``drift`` follows it fast and scales all levels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scheduler.engine.replay.fleet import Bools, Floats

LEVEL_WEIGHT = 0.07  # of a new sample; any value of 0.05..0.1 forecasts equally well
DRIFT_WEIGHT = 0.2  # of a new sum; three times as fast as the level
PRIOR_SPREAD = 0.15  # of what a VM was given, before anything is known of it: a guess


def prior_variance(mips: Floats, ratio: Floats) -> Floats:
    """Variance (MIPS squared) to assume of VMs seen once, [n]: busy VMs vary more."""
    return np.asarray((PRIOR_SPREAD * mips) ** 2 * np.sqrt(ratio + 1e-4))


@dataclass
class DemandForecast:
    """Exponentially weighted mean and variance of each VM's demand, MIPS, [n]; plain averages while samples are few.

    ``drift`` is what all running VMs ask for over the sum of their means.
    """

    mean: Floats
    variance: Floats
    samples: int = 1
    drift: float = 1.0

    @property
    def level(self) -> Floats:
        """What each VM will ask for, MIPS, [n]."""
        return self.mean * self.drift

    @classmethod
    def first(cls, mips: Floats, ratio: Floats) -> DemandForecast:
        """From one sample: ``ratio`` 0..1 of ``mips``."""
        return cls(mips * ratio, prior_variance(mips, ratio))

    def observe(self, demand: Floats, running: Bools) -> None:
        """Take in the next sample; ``running`` [n] tells the VMs that have not finished."""
        self.samples += 1
        error = demand - self.mean
        self.variance += max(LEVEL_WEIGHT, 1 / (self.samples + 1)) * (error * error - self.variance)
        self.mean += max(LEVEL_WEIGHT, 1 / self.samples) * error
        ratio = float(demand[running].sum()) / max(float(self.mean[running].sum()), 1.0)
        self.drift += DRIFT_WEIGHT * (ratio - self.drift)
