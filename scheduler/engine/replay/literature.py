"""A recorded day in the setting of Beloglazov & Buyya (CCPE 24(13), 2012), quirks included.

The quirks, as observed in CloudSim 4.0's power package (the simulator of that paper):

* the clock of a step runs 0.1 s behind the sample, so that demand is read 0.1 s later, interpolated linearly;
* a VM that asks for nothing at a sample is finished for good (two samples of 0 % in a row);
* RAM counts only at the first placement; afterwards a VM claims none;
* a host without load draws 0 W, at once and for nothing; the first step is not billed;
* a VM on the wire gets 90 % of its CPU, its destination is charged 10 % of it, but *asks* for all of it, so that each
  destination counts as short of CPU while it receives;
* a VM never gets more than its number of cores (here one) of its host; a host that is short scales all its VMs down
  pro rata to whole MIPS;
* one VM may be sent twice in one step (taken from an overloaded host, then from the host it was just promised to).

The figures that follow are no saving a site would see: see ``physical`` for that.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

import numpy as np

from scheduler.engine.replay.fleet import Bools, Floats, HostFleet, Ints, Workload
from scheduler.engine.replay.policy import GONE, Move, Placement, Policy, View
from scheduler.engine.replay.result import J_PER_KWH, ReplayResult, Series
from scheduler.engine.replay.tally import Delivery, Tally

CLOCK_OFFSET_S = 0.1  # the simulator's smallest time between events
MIGRATION_MIB_PER_S = 62.5  # half of 1 Gbit/s
MOVING_SHARE = 0.9  # CPU left to a VM on the wire
ARRIVING_SHARE = 0.1  # of its CPU, charged to the destination


@dataclass
class _Population:
    """Who is where: VMs in the order they arrived on their hosts, and those on the wire with their destinations."""

    host: Ints
    moving: Bools
    arrival: Ints
    wire: list[tuple[float, int, Move]] = field(default_factory=list)  # heap of (landing time, arrival number, move)
    clock: int = 0

    @classmethod
    def at(cls, host: Ints) -> _Population:
        n = len(host)
        return cls(host.copy(), np.zeros(n, dtype=bool), np.arange(n), clock=n)

    def start(self, move: Move, landing_s: float) -> None:
        """Put a VM on the wire."""
        self.moving[move.vm] = True
        heapq.heappush(self.wire, (landing_s, self._next(), move))

    def land(self, now_s: float) -> None:
        """Hand over every VM whose migration ends now."""
        while self.wire and self.wire[0][0] <= now_s:
            move = heapq.heappop(self.wire)[2]
            self.host[move.vm], self.arrival[move.vm] = move.host, self._next()
            self.moving[move.vm] = False

    def rows(self) -> tuple[Ints, Ints, Bools]:
        """(VM, host, arriving) of every residence and every arrival, in the order hosts list them."""
        resident = np.flatnonzero(self.host != GONE)
        numbers = [entry[1] for entry in self.wire]
        vms = np.concatenate((resident, np.array([e[2].vm for e in self.wire], dtype=np.int64)))
        hosts = np.concatenate((self.host[resident], np.array([e[2].host for e in self.wire], dtype=np.int64)))
        order = np.argsort(np.concatenate((self.arrival[resident], np.array(numbers, dtype=np.int64))), kind="stable")
        arriving = order >= len(resident)
        return vms[order], hosts[order], arriving

    def _next(self) -> int:
        self.clock += 1
        return self.clock


class LiteratureDay:
    """One run of one policy. Call ``run`` once."""

    def __init__(self, fleet: HostFleet, work: Workload, policy: Policy) -> None:
        self.fleet, self.work, self.policy = fleet, work, policy
        self.tally = Tally()
        self.migrations = self.dropped = 0
        self._state: Delivery | None = None
        self._now_s = CLOCK_OFFSET_S
        self._series: list[tuple[float, int, float, float, int]] = []

    def run(self) -> ReplayResult:
        """Replay the day."""
        work = self.work
        start = Placement(self.fleet, work.mips, work.cores, work.ram_mib, work.ratio(0), ram_enforced=False)
        self.population = _Population.at(self.policy.place(start))
        now_s = CLOCK_OFFSET_S
        for step in range(1, work.steps):
            now_s += work.step_s
            self._land_until(now_s)
            self._observe(now_s)
            self._drop_finished()
            moves = self._decide(step, now_s)
            self._record(now_s, len(moves))
        self._land_until(work.steps * work.step_s)
        return self._result()

    def _demand_mips(self, now_s: float) -> Floats:
        """Linear between samples; after the last sample it stays."""
        work = self.work
        before = int(now_s // work.step_s)
        first = work.ratio(before)
        second = work.ratio(min(before + 1, work.steps - 1))
        return np.asarray((first + (second - first) / work.step_s * (now_s - before * work.step_s)) * work.mips)

    def _deliver(self, now_s: float) -> Delivery:
        """Share out every host's MIPS at this instant."""
        vms, hosts, arriving = self.population.rows()
        demand = self._demand_mips(now_s)
        asked = demand[vms]
        capped = np.minimum(asked, self.fleet.core_mips[hosts] * self.work.cores[vms])
        leaving = self.population.moving[vms] & ~arriving
        charged = np.where(arriving, capped * ARRIVING_SHARE, capped)
        need = np.bincount(hosts, charged, len(self.fleet))
        share = np.where(leaving, capped * MOVING_SHARE, charged)
        short = need[hosts] > self.fleet.mips[hosts]
        if short.any():
            share[short] = np.floor(share[short] * (self.fleet.mips / np.maximum(need, 1e-9))[hosts[short]])
        used = np.where(leaving, share / MOVING_SHARE, share)
        return self._delivery(vms, hosts, arriving, asked, share, used)

    def _delivery(
        self, vms: Ints, hosts: Ints, arriving: Bools, asked: Floats, share: Floats, used: Floats
    ) -> Delivery:
        home, size = ~arriving, len(self.fleet)
        requested, allocated = np.zeros(len(self.work)), np.zeros(len(self.work))
        requested[vms[home]], allocated[vms[home]] = asked[home], share[home]
        host_used = np.bincount(hosts, used, size).astype(np.float64)
        short = host_used < np.bincount(hosts, asked, size)
        return Delivery(requested, allocated, self.population.moving.copy(), host_used, host_used > 0, short)

    def _observe(self, now_s: float) -> None:
        """Account the time since the last instant, and take the state of this one."""
        state, seconds = self._deliver(now_s), now_s - self._now_s
        if self._state is not None:
            self.tally.add(self._state, seconds)
        self.tally.energy_j += self._energy_j(self._state, state, seconds)
        self._state, self._now_s = state, now_s

    def _energy_j(self, before: Delivery | None, after: Delivery, seconds: float) -> float:
        """Trapezoid between two instants of every host that had load at the first; others draw nothing.

        The first step has no instant before it and is free, except for hosts that have no power management.
        """
        if self.policy.traits.peak_power:
            return float(self.fleet.watts[:, -1].sum()) * seconds
        if before is None:
            return 0.0
        hosts = np.flatnonzero(before.host_used > 0)
        first = self.fleet.power_w(before.host_used[hosts] / self.fleet.mips[hosts], hosts)
        second = self.fleet.power_w(after.host_used[hosts] / self.fleet.mips[hosts], hosts)
        return float((first + (second - first) / 2).sum()) * seconds

    def _drop_finished(self) -> None:
        assert self._state is not None
        here = self.population.host != GONE
        finished = here & (self._state.vm_requested == 0) & ~self.population.moving
        self.population.host[finished] = GONE
        self.dropped += int(np.count_nonzero(finished))

    def _decide(self, step: int, now_s: float) -> list[Move]:
        moves = list(self.policy.decide(self._view(step)).moves)
        for move in moves:
            self.population.start(move, now_s + float(self.work.ram_mib[move.vm]) / MIGRATION_MIB_PER_S)
        self.migrations += len(moves)
        if moves:
            self._state = self._deliver(now_s)
        return moves

    def _view(self, step: int) -> View:
        assert self._state is not None
        work, people, hosts = self.work, self.population, len(self.fleet)
        load = self._state.host_used / self.fleet.mips
        return View(
            step, work.step_s, self.fleet, work.mips, work.cores, work.ram_mib, work.ratio(step),
            self._state.vm_requested, people.host.copy(), people.moving.copy(), people.arrival.copy(), load,
            np.ones(hosts, dtype=bool), np.full(hosts, np.inf), ram_enforced=False,
        )  # fmt: skip

    def _land_until(self, now_s: float) -> None:
        """Stop at every instant before ``now_s`` at which migrations end."""
        wire = self.population.wire
        while wire and wire[0][0] < now_s:
            landing_s = wire[0][0]
            self._observe(landing_s)
            self.population.land(landing_s)
            self._state = self._deliver(landing_s)

    def _record(self, now_s: float, moves: int) -> None:
        assert self._state is not None
        used = self._state.host_used
        on = np.flatnonzero(used > 0)
        power_w = float(self.fleet.power_w(used[on] / self.fleet.mips[on], on).sum())
        if self.policy.traits.peak_power:
            power_w = float(self.fleet.watts[:, -1].sum())
        asked = float(self._state.vm_requested.sum()) / max(float(self.fleet.mips[on].sum()), 1e-9)
        self._series.append((now_s - CLOCK_OFFSET_S, len(on), power_w, asked, moves))

    def _result(self) -> ReplayResult:
        tally = self.tally
        t_s, on, power_w, asked, moves = (np.array(column) for column in zip(*self._series, strict=True))
        return ReplayResult(
            self.work.day, self.policy.traits.name, "literature", len(self.fleet), len(self.work),
            tally.energy_j / J_PER_KWH, tally.slatah, tally.pdm, self.migrations, tally.unserved_ratio,
            self.dropped, Series(t_s, on, power_w, asked, moves),
        )  # fmt: skip
