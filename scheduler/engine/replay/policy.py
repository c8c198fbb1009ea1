"""What a policy sees of a replayed day and what it may ask for.

A policy is called once before the first sample (``place``) and once at every later sample (``decide``). All it may
know of the work is in the view: samples up to the present one, never later. Arrays of a view are read-only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from scheduler.engine.replay.fleet import Bools, Floats, HostFleet, Ints

GONE = -1  # host of a VM that has finished for good


class Move(NamedTuple):
    """Migrate ``vm`` to ``host`` now (indices)."""

    vm: int
    host: int


@dataclass(frozen=True)
class View:
    """The cluster at a sample.

    ``ratio`` [n] CPU use of the sample itself, 0..1 of what each VM was given; ``demand_mips`` [n] what the simulation
    bills right now; ``host`` [n] (GONE for finished VMs); ``moving`` [n] VMs on the wire or waiting for it; ``arrival``
    [n] rises with each landing; ``load_ratio`` [H] CPU delivered over capacity; ``ready`` [H] hosts that take a VM at
    once (a move to another host wakes it first); ``free_mib`` [H] RAM not promised, infinite where it is not enforced.
    """

    step: int
    step_s: float
    fleet: HostFleet
    mips: Floats
    cores: Floats
    ram_mib: Floats
    ratio: Floats
    demand_mips: Floats
    host: Ints
    moving: Bools
    arrival: Ints
    load_ratio: Floats
    ready: Bools
    free_mib: Floats
    ram_enforced: bool


@dataclass(frozen=True)
class Decision:
    """Migrations to start, in this order. Hosts need no orders: one that empties sleeps, one that is a target wakes."""

    moves: Sequence[Move] = ()


@dataclass(frozen=True)
class Placement:
    """Everything known before the first sample: what each VM was given, and the first sample's use (0..1)."""

    fleet: HostFleet
    mips: Floats
    cores: Floats
    ram_mib: Floats
    ratio: Floats
    ram_enforced: bool


@dataclass(frozen=True)
class PolicyTraits:
    """How a policy is billed: ``peak_power`` hosts draw full power all day (no power management at all)."""

    name: str
    peak_power: bool = False


class Policy(Protocol):
    """A consolidation policy; keeps its own memory of the samples it was shown."""

    @property
    def traits(self) -> PolicyTraits:
        """Name and billing."""
        ...

    def place(self, start: Placement) -> Ints:
        """Host of each VM before the first sample, [n]."""
        ...

    def decide(self, view: View) -> Decision:
        """What to do at this sample."""
        ...
