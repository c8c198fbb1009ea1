"""A recorded day as a site would live it: every VM stays, RAM is RAM, and hosts and migrations take their time.

Differences from ``literature``: no VM is finished for good; a VM's RAM is taken on its host, and on both hosts while it
moves; a host boots and stops in minutes and draws power meanwhile; migrations wait for slots and share the wire; demand
holds from one sample to the next; the whole day is billed. A host that is off draws 5 W in its management controller:
``standby_kwh``, reported beside the energy because the bound, like the literature, has no such term.
"""

from __future__ import annotations

import numpy as np

from scheduler.engine.replay.fleet import HostFleet, Workload
from scheduler.engine.replay.hostpower import HostPower
from scheduler.engine.replay.policy import Move, Placement, Policy, View
from scheduler.engine.replay.result import J_PER_KWH, ReplayResult, Series
from scheduler.engine.replay.tally import Delivery, Tally
from scheduler.engine.replay.transfers import TransferQueue

MOVING_SHARE = 0.9  # CPU left to a VM on the wire
ARRIVING_SHARE = 0.1  # of its demand, spent by the destination on receiving it


class PhysicalDay:
    """One run of one policy; ``seed`` decides boot and stop times. Call ``run`` once."""

    def __init__(self, fleet: HostFleet, work: Workload, policy: Policy, seed: int = 0) -> None:
        self.fleet, self.work, self.policy = fleet, work, policy
        start = Placement(fleet, work.mips, work.cores, work.ram_mib, work.ratio(0), ram_enforced=True)
        self.host = policy.place(start).copy()
        self.arrival = np.arange(len(work))
        self.count = np.bincount(self.host, minlength=len(fleet))
        self.free_mib = fleet.ram_mib - np.bincount(self.host, work.ram_mib, len(fleet))
        self.power = HostPower(fleet, self.count > 0, seed)
        self.queue = TransferQueue(fleet, work.ram_mib)
        self.tally = Tally()
        self.standby_j = self.ram_peak_ratio = 0.0
        self.migrations = self.waiting_peak = 0
        self._series: list[tuple[float, int, float, float, int]] = []

    def run(self) -> ReplayResult:
        """Replay the day."""
        for step in range(self.work.steps):
            moves = self._decide(step) if step else []
            before_j = self.tally.energy_j
            asked = float(self.work.mips @ self.work.ratio(step)) / float(self.fleet.mips[self.power.on].sum())
            on = int(np.count_nonzero(self.power.drawing))
            self._pass(step)
            power_w = (self.tally.energy_j - before_j) / self.work.step_s
            self._series.append((step * self.work.step_s, on, power_w, asked, len(moves)))
        return self._result()

    def _decide(self, step: int) -> list[Move]:
        now_s = step * self.work.step_s
        self.queue.cancel_blocked(self.power.on, self.free_mib)
        busy = set(self.queue.vms().tolist())
        moves = [move for move in self.policy.decide(self._view(step)).moves if move.vm not in busy]
        for move in moves:
            self.queue.waiting.append((move, int(self.host[move.vm])))
            self.power.wake(move.host, now_s)
        self.migrations += len(moves)
        self.waiting_peak = max(self.waiting_peak, len(self.queue.waiting))
        return moves

    def _view(self, step: int) -> View:
        work, moving = self.work, np.zeros(len(self.work), dtype=bool)
        moving[self.queue.vms()] = True
        demand = work.ratio(step) * work.mips
        load = self._deliver(step).host_used / self.fleet.mips
        return View(
            step, work.step_s, self.fleet, work.mips, work.cores, work.ram_mib, work.ratio(step), demand,
            self.host.copy(), moving, self.arrival.copy(), load, self.power.on,
            self.free_mib - self.queue.promised_mib(), ram_enforced=True,
        )  # fmt: skip

    def _pass(self, step: int) -> None:
        """Let one step pass, from event to event."""
        now_s, end_s = step * self.work.step_s, (step + 1) * self.work.step_s
        while now_s < end_s:
            self.queue.start(self.power.on, self.free_mib)
            self._sleep_empty(now_s)
            state = self._deliver(step)
            until_s = min(end_s, float(self.power.due_s.min()), now_s + self.queue.next_end_s())
            self._account(state, until_s - now_s)
            self._land(until_s - now_s)
            self.power.settle(until_s)
            now_s = until_s

    def _account(self, state: Delivery, seconds: float) -> None:
        self.tally.add(state, seconds)
        peak_w = float(self.fleet.watts[:, -1].sum())
        power_w = float(self.power.power_w(state.host_used / self.fleet.mips).sum())
        self.tally.energy_j += seconds * (peak_w if self.policy.traits.peak_power else power_w)
        self.standby_j += seconds * (0.0 if self.policy.traits.peak_power else self.power.standby_w())
        self.ram_peak_ratio = max(self.ram_peak_ratio, float((1 - self.free_mib / self.fleet.ram_mib).max()))

    def _land(self, seconds: float) -> None:
        for transfer in self.queue.advance(seconds):
            vm, target = transfer.move
            self.host[vm] = target
            self.count[transfer.source] -= 1
            self.count[target] += 1
            self.free_mib[transfer.source] += self.work.ram_mib[vm]
            self.arrival[vm] = self.arrival.max() + 1

    def _sleep_empty(self, now_s: float) -> None:
        idle = self.power.on & (self.count == 0) & ~self.queue.busy_hosts()
        for host in np.flatnonzero(idle).tolist():
            self.power.sleep(host, now_s)

    def _deliver(self, step: int) -> Delivery:
        """Share out every host's MIPS: no VM above its cores, all scaled alike when they ask for too much."""
        work, size = self.work, len(self.fleet)
        asked = work.ratio(step) * work.mips
        moving = np.zeros(len(work), dtype=bool)
        moving[[t.move.vm for t in self.queue.active]] = True
        share = np.minimum(asked, self.fleet.core_mips[self.host] * work.cores)
        need = np.bincount(self.host, share, size)
        for transfer in self.queue.active:
            need[transfer.move.host] += ARRIVING_SHARE * asked[transfer.move.vm]
        scale = np.minimum(1.0, self.fleet.mips / np.maximum(need, 1e-9))
        used = np.minimum(need, self.fleet.mips)
        capped = np.bincount(self.host, asked - share, size) > 1e-6
        allocated = share * scale[self.host] * np.where(moving, MOVING_SHARE, 1.0)
        return Delivery(asked, allocated, moving, used, self.power.on, capped | (scale < 1.0))

    def _result(self) -> ReplayResult:
        tally, work = self.tally, self.work
        t_s, on, power_w, asked, moves = (np.array(column) for column in zip(*self._series, strict=True))
        days = work.steps * work.step_s / 86_400
        details = {
            "standby_kwh": self.standby_j / J_PER_KWH,
            "boots": float(self.power.boots),
            "ram_peak_ratio": self.ram_peak_ratio,
            "moves_per_vm_day": self.migrations / len(work) / days,
            "waiting_peak": float(self.waiting_peak),
        }
        return ReplayResult(
            work.day, self.policy.traits.name, "physical", len(self.fleet), len(work), tally.energy_j / J_PER_KWH,
            tally.slatah, tally.pdm, self.migrations, tally.unserved_ratio, 0,
            Series(t_s, on, power_w, asked, moves), details=details,
        )  # fmt: skip
