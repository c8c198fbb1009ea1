"""What a replay returns: the figures of one table row, and the curves a page draws."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from scheduler.engine.replay.fleet import Floats, Ints

J_PER_KWH = 3.6e6
ROW_KEYS = (
    "day", "policy", "semantics", "hosts", "vms", "energy_kwh", "bound_kwh", "slatah", "pdm", "slav", "esv",
    "migrations", "unserved_ratio", "dropped",
)  # fmt: skip


@dataclass(frozen=True)
class Series:
    """One value per step: ``t_s`` start of the step, hosts drawing power, mean W, CPU asked over CPU on, VMs moved."""

    t_s: Floats
    hosts_on: Ints
    power_w: Floats
    utilisation_ratio: Floats
    moves: Ints

    def to_dict(self) -> dict[str, list[float]]:
        """Plain lists, rounded to what a chart can show."""
        columns = vars(self).items()
        return {name: np.round(values.astype(np.float64), 4).tolist() for name, values in columns}


@dataclass(frozen=True)
class ReplayResult:
    """A recorded day under one policy.

    Energy in kWh; ``slatah``, ``pdm``, ``slav`` = slatah x pdm and ``unserved_ratio`` are ratios 0..1; ``esv`` = energy
    x slav. ``dropped`` VMs that the literature's setting finishes for good. ``details``: figures of one semantics only.
    """

    day: str
    policy: str
    semantics: str
    hosts: int
    vms: int
    energy_kwh: float
    slatah: float
    pdm: float
    migrations: int
    unserved_ratio: float
    dropped: int
    series: Series
    bound_kwh: float | None = None
    details: dict[str, float] = field(default_factory=dict)

    @property
    def slav(self) -> float:
        """SLA violation: time of hosts short of CPU x CPU lost to migrations (Beloglazov & Buyya 2012, section 6.2)."""
        return self.slatah * self.pdm

    @property
    def esv(self) -> float:
        """Energy x SLA violation, kWh."""
        return self.energy_kwh * self.slav

    def row(self) -> dict[str, Any]:
        """The figures, without the curves."""
        return {name: getattr(self, name) for name in ROW_KEYS} | self.details

    def to_dict(self) -> dict[str, Any]:
        """Row and curves, ready for JSON."""
        return {**self.row(), "series": self.series.to_dict()}
