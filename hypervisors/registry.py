"""Kinds of fleets and the drivers that drive them."""

from __future__ import annotations

from hypervisors.simulated.driver import SimulatedDriver

SIMULATED = "simulated"
DRIVERS: dict[str, type[SimulatedDriver]] = {SIMULATED: SimulatedDriver}


def driver_class(kind: str) -> type[SimulatedDriver]:
    """The driver of a kind of fleet. Raises KeyError for a kind that is not installed."""
    return DRIVERS[kind]
