"""The cluster while a plan is made: sums per host that follow each move at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scheduler.engine.replay.fleet import Bools, Floats, HostFleet, Ints
from scheduler.engine.replay.forecast import DemandForecast
from scheduler.engine.replay.policy import GONE, Move, View


@dataclass(frozen=True)
class Work:
    """What a plan deals with, [n]: ``demand`` now, ``level`` and ``variance`` forecast (MIPS), cores, RAM."""

    demand: Floats
    level: Floats
    variance: Floats
    cores: Floats
    ram_mib: Floats

    @classmethod
    def at(cls, view: View, forecast: DemandForecast) -> Work:
        """Now and forecast."""
        return cls(view.ratio * view.mips, forecast.level, forecast.variance, view.cores, view.ram_mib)


class Ledger:
    """Where VMs would be, and what each host [H] would then carry.

    ``demand`` now, ``level`` and ``variance`` of the forecast; ``free_mib`` counts promises, not what will be freed.
    """

    def __init__(self, view: View, work: Work, counted: Bools) -> None:
        self.fleet: HostFleet = view.fleet
        self.work = work
        self.ids = np.flatnonzero(counted & (view.host != GONE))
        self.start, self.host = view.host, view.host.copy()
        self.pinned = view.moving.copy()
        self.free_mib = view.free_mib.copy()
        hosts, size = self.host[self.ids], len(self.fleet)
        self.demand = np.bincount(hosts, work.demand[self.ids], size).astype(np.float64)
        self.level = np.bincount(hosts, work.level[self.ids], size).astype(np.float64)
        self.variance = np.bincount(hosts, work.variance[self.ids], size).astype(np.float64)
        self.count = np.bincount(hosts, minlength=size)
        on_wire = self.ids[self.pinned[self.ids]]
        self.leaving = np.bincount(self.host[on_wire], work.demand[on_wire], size).astype(np.float64)
        self.moves: dict[int, int] = {}
        self.receiving = np.zeros(size, dtype=bool)

    def members(self, host: int) -> list[int]:
        """VMs on ``host`` that may still be moved in this plan."""
        vms = self.ids[self.host[self.ids] == host]
        return [vm for vm in vms.tolist() if vm not in self.moves and not self.pinned[vm]]

    def settled(self, host: int) -> bool:
        """Whether nothing came to ``host`` in this plan and nothing on it is on the wire."""
        vms = self.ids[self.host[self.ids] == host]
        return not self.receiving[host] and not self.pinned[vms].any()

    def move(self, vm: int, host: int) -> None:
        """Plan ``vm`` onto ``host``."""
        self._shift(vm, int(self.host[vm]), host)
        self.moves[vm] = host
        self.receiving[host] = True
        self.free_mib[host] -= self.work.ram_mib[vm]

    def undo(self, vm: int) -> None:
        """Take back the move of ``vm``."""
        host = self.moves.pop(vm)
        self._shift(vm, host, int(self.start[vm]))
        self.receiving[host] = host in self.moves.values()
        self.free_mib[host] += self.work.ram_mib[vm]

    def plan(self) -> list[Move]:
        """The moves, in the order they were made."""
        return [Move(vm, host) for vm, host in self.moves.items()]

    def excess(self, hosts: Ints | int) -> Floats:
        """Demand above the capacity of ``hosts`` once those on the wire have left, MIPS; negative is room."""
        return np.asarray(self.demand[hosts] - self.leaving[hosts] - self.fleet.mips[hosts])

    def fits(self, vms: list[int], hosts: Ints) -> Bools:
        """Which of ``hosts`` can carry ``vms`` together at this very moment: cores, CPU and RAM."""
        demand, fastest = self.work.demand[vms].sum(), (self.work.demand[vms] / self.work.cores[vms]).max()
        cpu = self.demand[hosts] + demand <= self.fleet.mips[hosts]
        cores = self.fleet.core_mips[hosts] >= fastest
        return np.asarray(cpu & cores & (self.free_mib[hosts] >= self.work.ram_mib[vms].sum()))

    def margin(self, hosts: Ints, vms: list[int] | None = None) -> Floats:
        """How many standard deviations fit between the forecast (with ``vms`` added) and the capacity of ``hosts``."""
        chosen = vms or []
        room = self.fleet.mips[hosts] - self.level[hosts] - self.work.level[chosen].sum()
        variance = np.maximum(self.variance[hosts], 0) + self.work.variance[chosen].sum()
        return np.asarray(room / np.sqrt(variance + 1))

    def _shift(self, vm: int, source: int, target: int) -> None:
        self.host[vm] = target
        for host, sign in ((source, -1), (target, 1)):
            self.demand[host] += sign * self.work.demand[vm]
            self.level[host] += sign * self.work.level[vm]
            self.variance[host] += sign * self.work.variance[vm]
            self.count[host] += sign
        if self.count[source] == 0:
            self.demand[source] = self.level[source] = self.variance[source] = 0.0
