"""The pre-copy model of live migration, pure: rounds, stop rule, slow-down (SDPS), downtime.

After Clark et al. (NSDI 2005) and Nelson et al. (USENIX 2005); the slow-down is the stun-during-page-send of vSphere 5.
Sizes in MiB, rates in MiB/s, times in s. See docs/strategies/vmotion.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from hypervisors.simulated.tuning import MoveModel

BITMAP_MIB_PER_MIB = 32 / 2**20  # one bit per 4 KiB page


def dirtied_mib(elapsed_s: float, dirty_mibps: float, wws_mib: float, exponential: bool) -> float:
    """Pages dirtied in a round: `W(1-exp(-Dt/W))`, or its simple bound `min(W, Dt)`."""
    if wws_mib <= 0 or dirty_mibps <= 0:
        return 0.0
    if exponential:
        return wws_mib * -math.expm1(-dirty_mibps * elapsed_s / wws_mib)
    return min(wws_mib, dirty_mibps * elapsed_s)


@dataclass(slots=True)
class Precopy:
    """Where the copying of memory stands. `size_mib` is what the present round sends; `sigma` the guest's slow-down."""

    size_mib: float
    dirty_mibps: float
    wws_mib: float
    sigma: float = 1.0
    round: int = 0
    sent_mib: float = 0.0
    last_mib: float = 0.0  # what is left for the switchover

    def close_round(self, elapsed_s: float, bandwidth_mibps: float, model: MoveModel) -> bool:
        """The round has been sent in `elapsed_s`; True if the rest is small enough to switch over."""
        self.sent_mib += self.size_mib
        self.round += 1
        rest = dirtied_mib(elapsed_s, self.sigma * self.dirty_mibps, self.wws_mib, model.exponential)
        if rest / bandwidth_mibps <= model.switch_s or self.round >= model.max_rounds:
            self.last_mib = rest
            return True
        if rest >= model.no_progress_ratio * self.size_mib:
            self.sigma = min(self.sigma, model.slow_to * bandwidth_mibps / self.dirty_mibps)
        self.size_mib = rest
        return False

    def copy(self) -> Precopy:
        return Precopy(*self.to_list())

    def to_list(self) -> list[Any]:
        return [getattr(self, name) for name in self.__slots__]


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a migration will take at constant bandwidth."""

    total_s: float
    downtime_s: float
    sent_mib: float
    rounds: int
    sigma: float


def predict(precopy: Precopy, bandwidth_mibps: float, model: MoveModel, left_mib: float | None = None) -> Prediction:
    """Run the rounds that are left. `left_mib` is the unsent rest of the present round (default: all of it)."""
    run = precopy.copy()
    left = run.size_mib if left_mib is None else left_mib
    elapsed = left / bandwidth_mibps
    while not run.close_round(run.size_mib / bandwidth_mibps, bandwidth_mibps, model):
        elapsed += run.size_mib / bandwidth_mibps
    downtime = run.last_mib / bandwidth_mibps + model.fix_s
    return Prediction(elapsed + downtime, downtime, run.sent_mib + run.last_mib, run.round, run.sigma)


def predict_bitmap(precopy: Precopy, memory_mib: float, bandwidth_mibps: float, model: MoveModel) -> Prediction:
    """The memory-bitmap variant: one round, a short stop for the bitmap, then the marked pages follow."""
    first_s = precopy.size_mib / bandwidth_mibps
    marked = dirtied_mib(first_s, precopy.dirty_mibps, precopy.wws_mib, model.exponential)
    downtime = model.fix_s + memory_mib * BITMAP_MIB_PER_MIB / bandwidth_mibps
    total = first_s + downtime + marked / bandwidth_mibps
    return Prediction(total, downtime, precopy.size_mib + marked, 1, 1.0)


@dataclass(slots=True)
class Move:
    """One migration on its way. A stream of bytes flows while `streaming`; `left_mib` is true at `settled_s`."""

    op_id: str
    vm: int
    source: int
    destination: int
    disks: dict[str, str]  # disk key -> datastore uuid, of the disks that change place
    live: bool
    bitmap_resume: bool
    stage: str = ""  # "" | disks | memory | marked
    left_mib: float = 0.0
    settled_s: float = 0.0
    rate_mibps: float = 0.0
    round_s: float = 0.0  # begin of the present round
    stalled_s: float = -1.0  # since when nothing flows, -1: it flows
    sent_mib: float = 0.0  # of disks
    total_mib: float = 0.0  # memory and disks, first pass
    disks_mib: float = 0.0
    precopy: Precopy = field(default_factory=lambda: Precopy(0.0, 0.0, 0.0))
    downtime_s: float = 0.0
    switched: bool = False  # the destination is the owner
    rounds: list[list[float]] = field(default_factory=list)  # [[t_s, x_mib], …]
    thick: dict[str, bool] = field(default_factory=dict)  # disk key -> thick afterwards; absent: as before
    high: bool = False  # of high priority: its CPU is reserved on both hosts
    helper_mhz: dict[str, float] = field(default_factory=dict)  # host slot -> what it has reserved there

    @property
    def streaming(self) -> bool:
        return self.stage != ""

    @property
    def ends(self) -> tuple[int, ...]:
        """Host slots at both ends, ascending; one where only disks move."""
        return tuple(sorted({self.source, self.destination}))

    @property
    def disks_until_pct(self) -> float:
        """Progress at which the disks are copied: their part of all bytes."""
        return 15.0 + 80.0 * self.disks_mib / max(self.total_mib, 1e-9)

    @property
    def memory_from_pct(self) -> float:
        return max(18.0, self.disks_until_pct) if self.disks else 18.0

    def left_at(self, now_s: float) -> float:
        return max(0.0, self.left_mib - self.rate_mibps * (now_s - self.settled_s)) if self.streaming else self.left_mib

    def settle(self, now_s: float) -> None:
        """Count what flowed at the present rate; called whenever the rate changes."""
        self.left_mib, self.settled_s = self.left_at(now_s), now_s

    def ends_s(self) -> float:
        """When the stream will have sent what is left; infinite while nothing flows."""
        if not self.streaming or self.rate_mibps <= 0:
            return math.inf
        return self.settled_s + self.left_mib / self.rate_mibps

    def copy(self) -> Move:
        twin = Move(*(getattr(self, name) for name in self.__slots__))
        twin.disks, twin.precopy, twin.rounds = dict(self.disks), self.precopy.copy(), [*self.rounds]
        twin.thick, twin.helper_mhz = dict(self.thick), dict(self.helper_mhz)
        return twin

    def to_list(self) -> list[Any]:
        values = {name: getattr(self, name) for name in self.__slots__}
        return list({**values, "precopy": self.precopy.to_list()}.values())

    @classmethod
    def from_list(cls, values: list[Any]) -> Move:
        move = cls(*values)
        move.precopy = Precopy(*values[cls.__slots__.index("precopy")])
        return move
