"""What VMs and hosts asked for and got, summed over time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scheduler.engine.replay.fleet import Bools, Floats


@dataclass(frozen=True)
class Delivery:
    """One instant: MIPS asked and got by each VM [n]; MIPS used, in service or not, short of CPU or not by host."""

    vm_requested: Floats
    vm_allocated: Floats
    vm_moving: Bools
    host_used: Floats
    host_active: Bools
    host_short: Bools


@dataclass
class Tally:
    """Sums over time; the state of an instant holds until the next one."""

    energy_j: float = 0.0
    active_s: float = 0.0
    short_s: float = 0.0
    requested: float = 0.0
    unserved: float = 0.0
    unserved_moving: float = 0.0

    def add(self, state: Delivery, seconds: float) -> None:
        """Account ``seconds`` in ``state`` (energy is the simulation's own business)."""
        self.active_s += seconds * float(np.count_nonzero(state.host_active))
        self.short_s += seconds * float(np.count_nonzero(state.host_active & state.host_short))
        missing = np.maximum(state.vm_requested - state.vm_allocated, 0.0)
        self.requested += seconds * float(state.vm_requested.sum())
        self.unserved += seconds * float(missing.sum())
        self.unserved_moving += seconds * float(missing[state.vm_moving].sum())

    @property
    def slatah(self) -> float:
        """Share of their time in service that hosts were short of CPU."""
        return self.short_s / self.active_s if self.active_s else 0.0

    @property
    def pdm(self) -> float:
        """CPU that VMs missed while on the wire, of all they asked for."""
        return self.unserved_moving / self.requested if self.requested else 0.0

    @property
    def unserved_ratio(self) -> float:
        """CPU that VMs missed, of all they asked for."""
        return self.unserved / self.requested if self.requested else 0.0
