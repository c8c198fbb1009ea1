"""Our policy: as few hosts as carry the forecast with a margin, balanced by margin; overflowing hosts are relieved.

The idea in four lines:

* demand is noise around a drifting level (``forecast``), so a host is judged by its *margin*: how many standard
  deviations fit between the forecast of its VMs and its capacity;
* the number of hosts is what gives an evenly filled host ``HOST_MARGIN``; a surplus host is emptied as a whole, or not;
* a VM goes where the margin stays largest (one already receiving in this step is preferred: its receiving costs nothing
  more), because the odds of overflow rise steeply as a margin shrinks: an even spread overflows least;
* a host that overflows now sheds the cheapest set of up to three VMs that ends it, and no more: the noise will be gone
  at the next sample, so that relief beyond the capacity buys nothing.

Where RAM keeps hosts on and load is cheaper together than apart, ``concentration`` decides instead.

Only past samples are used. See docs/strategies/consolidation.md for the figures.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from scheduler.engine.replay.concentration import Concentration, is_bent
from scheduler.engine.replay.fleet import Bools, HostFleet, Ints
from scheduler.engine.replay.forecast import DemandForecast, prior_variance
from scheduler.engine.replay.ledger import Ledger, Work
from scheduler.engine.replay.placement import keepers_first, pack_ram
from scheduler.engine.replay.policy import GONE, Decision, Placement, PolicyTraits, View

HOST_MARGIN = 1.78  # standard deviations of an evenly filled host; trades energy for overflows
EMPTYING_MARGIN = 0.9  # that each receiver of an emptied host must keep
RELIEF_MARGIN = 0.5  # below this, a relieved VM goes to a fresh host
SHARING_MARGIN = 1.5  # above this, a host that already receives is preferred
STRAY_RATIO = 0.3  # a host filled less than this is emptied VM by VM
QUIET_MIPS = 10.0  # a VM that asks for nothing and is forecast below this costs nothing where it is
MOVE_OVERHEAD_MIPS = 500.0  # cost of a migration beside the VM's own demand, as demand
COOLDOWN_STEPS = 3  # between steps that empty hosts
CALM_STEPS = 24  # without an overflow before a host is emptied, where waking it again takes minutes
CALM_MARGIN = 3.0  # that each receiver must then keep
SOURCES_TRIED = 6
WAKING_OVERFLOWS = 2  # samples in a row, where waking takes minutes
EMPTIED_PER_STEP = 2
RELIEF_POOL = 12
QUIET_RATIO = 0.01  # of a host: VMs that ask for less are sent away to make room in RAM
ROOM_FOR = 3.0  # VMs like the one that has to leave an overflowing host
ROOMS_TRIED = 2
RELIEF_SET = 3
EFFICIENT = 1.05  # W per MIPS at full load, over the best model's


@dataclass
class ConsolidationPolicy:
    """One run's memory; make a new one for each replay."""

    host_margin: float = HOST_MARGIN
    traits: PolicyTraits = field(default=PolicyTraits("ours"))
    forecast: DemandForecast | None = field(default=None, init=False)
    resting_until: int = field(default=0, init=False)  # no host is emptied before this step
    overflows: Ints | None = field(default=None, init=False)  # samples in a row, by host
    concentration: Concentration | None = field(default=None, init=False)  # where an even spread costs more

    def place(self, start: Placement) -> Ints:
        """Tight where RAM is enforced; else the greatest demands where they can stay, the rest to be moved soon."""
        if start.ram_enforced and is_bent(start.fleet):
            self.concentration = Concentration.begin(start)
            return self.concentration.place(start)
        if start.ram_enforced:
            return pack_ram(start)
        level, variance = start.ratio * start.mips, prior_variance(start.mips, start.ratio)
        kind = np.flatnonzero(_efficient(start.fleet))
        count = _hosts_needed(level.sum(), variance.sum(), start.fleet.mips[kind[0]], self.host_margin)
        return keepers_first(start, kind[:count])

    def decide(self, view: View) -> Decision:
        """Relieve, gather strays, then empty surplus hosts."""
        if self.concentration is not None:
            return self.concentration.decide(view)
        demand = view.ratio * view.mips
        if self.forecast is None:
            self.forecast = DemandForecast.first(view.mips, view.ratio)
        else:
            self.forecast.observe(demand, view.host != GONE)
        counted = (demand > 0) | (self.forecast.mean > QUIET_MIPS) | view.ram_enforced
        ledger = Ledger(view, Work.at(view, self.forecast), np.asarray(counted))
        over = ledger.excess(np.arange(len(view.fleet))) > 0
        self.overflows = over.astype(np.int64) if self.overflows is None else np.where(over, self.overflows + 1, 0)
        step = _Step(view, ledger, self.overflows, self.host_margin)
        if view.step == 1 and not view.ram_enforced:
            step.gather_all()
            return Decision(ledger.plan())
        step.relieve()
        if view.ram_enforced:
            step.make_room()
        step.gather_strays()
        if view.ram_enforced and over.any():
            self.resting_until = view.step + CALM_STEPS
        if view.step >= self.resting_until and step.empty_surplus():
            self.resting_until = view.step + COOLDOWN_STEPS
        return Decision(ledger.plan())


def _efficient(fleet: HostFleet) -> Bools:
    """Hosts whose model does most work per watt at full load, [H]."""
    watts_per_mips = fleet.watts[:, -1] / fleet.mips
    return np.asarray(watts_per_mips <= EFFICIENT * watts_per_mips.min())


def _hosts_needed(level: float, variance: float, mips: float, margin: float) -> int:
    """Fewest equal hosts that, evenly filled, keep ``margin`` standard deviations free."""
    count = max(1, int(level // mips))
    while level / count + margin * (variance / count) ** 0.5 > mips:
        count += 1
    return count


class _Step:
    """The decisions of one step, on one ledger."""

    def __init__(self, view: View, ledger: Ledger, overflows: Ints, host_margin: float) -> None:
        self.view, self.ledger, self.fleet, self.host_margin = view, ledger, view.fleet, host_margin
        self.may_wake = (overflows >= WAKING_OVERFLOWS) | (not view.ram_enforced)
        self.efficient = _efficient(view.fleet) | view.ram_enforced
        self.kept = np.flatnonzero(self._lit() & self.efficient)

    def relieve(self) -> None:
        """End every overflow. Where waking takes minutes, a host is woken only for an overflow that lasts."""
        for host in self.kept[self.ledger.excess(self.kept) > 0].tolist():
            while self.ledger.excess(host) > 0 and self._shed(host):
                pass

    def make_room(self) -> None:
        """For hosts that overflow still: where CPU is free but no RAM is, send quiet VMs to hosts with free RAM.

        RAM is free when they have left, so that the next sample's relief finds it.
        """
        ledger = self.ledger
        for host in self.kept[ledger.excess(self.kept) > 0].tolist():
            vms = ledger.members(host)
            others = self.kept[self.kept != host]
            if not vms or not len(others):
                continue
            vm = min(vms, key=lambda one: ledger.work.ram_mib[one] / (ledger.work.demand[one] + QUIET_MIPS))
            room = others[np.argsort(ledger.demand[others], kind="stable")]
            for receiver in room[-ledger.excess(room) > ledger.work.demand[vm]][:ROOMS_TRIED].tolist():
                if self._clear(receiver, ROOM_FOR * float(ledger.work.ram_mib[vm])):
                    break

    def _clear(self, host: int, ram_mib: float) -> bool:
        """Send the quietest VMs of ``host`` away until it will have ``ram_mib`` free; True if it will."""
        ledger, left = self.ledger, float(self.ledger.free_mib[host])
        quiet = [vm for vm in ledger.members(host) if ledger.work.demand[vm] < QUIET_RATIO * self.fleet.mips[host]]
        targets = self.kept[self.kept != host]
        for vm in sorted(quiet, key=lambda one: -ledger.work.ram_mib[one]):
            if left >= ram_mib:
                break
            hosts = targets[ledger.free_mib[targets] >= ledger.work.ram_mib[vm]]
            if len(hosts):
                ledger.move(vm, int(hosts[np.argmax(ledger.free_mib[hosts])]))
                left += float(ledger.work.ram_mib[vm])
        return left >= ram_mib

    def gather_strays(self) -> None:
        """Bring VMs from nearly empty or inefficient hosts to the others."""
        ledger = self.ledger
        strays = self._lit() & (~self.efficient | (ledger.level < STRAY_RATIO * self.fleet.mips))
        receivers = np.flatnonzero(self._lit() & ~strays)
        if self.view.ram_enforced or not len(receivers):
            return
        for host in np.flatnonzero(strays).tolist():
            for vm in ledger.members(host):
                self._send([vm], receivers, RELIEF_MARGIN)

    def empty_surplus(self) -> bool:
        """Empty the least filled hosts, each as a whole, while more are lit than needed; True if one was."""
        lit, emptied = np.flatnonzero(self._lit()), 0
        surplus = min(len(lit) - self._needed(), EMPTIED_PER_STEP)
        receivers = self.kept[self._lit()[self.kept]]
        for host in lit[np.argsort(self.ledger.level[lit], kind="stable")][:SOURCES_TRIED].tolist():
            if emptied < surplus and self.ledger.settled(host) and self._empty(host, receivers[receivers != host]):
                receivers = receivers[receivers != host]
                emptied += 1
        return emptied > 0

    def gather_all(self) -> None:
        """The first step: bring all VMs onto the fullest hosts, as many as are needed."""
        ledger, lit = self.ledger, self._lit()
        order = np.argsort(-np.where(lit & self.efficient, ledger.level, -1.0), kind="stable")
        self.kept = np.sort(order[: min(self._needed(), int(np.count_nonzero(self.efficient)))])
        sources = np.setdiff1d(np.flatnonzero(lit), self.kept)
        vms = [vm for host in sources.tolist() for vm in ledger.members(host)]
        for vm in sorted(vms, key=lambda candidate: -ledger.work.level[candidate]):
            if not self._send([vm], self.kept, -np.inf):
                self._send_to_fresh(vm)

    def _lit(self) -> Bools:
        """Hosts that draw power, [H]: with load, or, where off and on take time, with VMs."""
        return self.ledger.count > 0 if self.view.ram_enforced else self.ledger.demand > 0

    def _needed(self) -> int:
        if self.view.ram_enforced:
            return 1  # RAM decides, and is tried host by host
        ledger = self.ledger
        mips = float(self.fleet.mips[self.efficient].max())
        return _hosts_needed(float(ledger.level.sum()), float(ledger.variance.sum()), mips, self.host_margin)

    def _shed(self, host: int) -> bool:
        """Move the cheapest set of VMs that ends the overflow of ``host``; False if nothing can be moved."""
        vms = self._cheapest_set(host)
        receivers = self.kept[(self.kept != host) & (self.ledger.excess(self.kept) <= 0)]
        if vms and self._send(vms, receivers, RELIEF_MARGIN):
            return True
        wake = self.may_wake[host]
        sent = [self._send([vm], receivers, RELIEF_MARGIN) or (wake and self._send_to_fresh(vm)) for vm in vms]
        return any(sent)

    def _cheapest_set(self, host: int) -> list[int]:
        """Up to three VMs whose demand covers the overflow at the least demand x RAM; else the greatest one."""
        work, vms = self.ledger.work, self.ledger.members(host)
        excess = float(self.ledger.excess(host))
        cost = {vm: float(work.ram_mib[vm] * (work.demand[vm] + MOVE_OVERHEAD_MIPS)) for vm in vms}
        demand = {vm: float(work.demand[vm]) for vm in vms}
        pool = sorted((vm for vm in vms if demand[vm] > excess / 5), key=cost.__getitem__)[:RELIEF_POOL]
        covering = [
            (sum(cost[vm] for vm in group), group)
            for size in range(1, RELIEF_SET + 1)
            for group in combinations(pool, size)
            if sum(demand[vm] for vm in group) >= excess
        ]
        if covering:
            return list(min(covering)[1])
        return sorted(vms, key=lambda vm: -demand[vm])[:1]

    def _send(self, vms: list[int], receivers: Ints, margin: float) -> bool:
        """Move ``vms`` together to the safest receiver that keeps ``margin``; False if there is none."""
        hosts = receivers[self.ledger.fits(vms, receivers)]
        if not len(hosts):
            return False
        margins = self.ledger.margin(hosts, vms)
        shared = self.ledger.receiving[hosts] & (margins >= SHARING_MARGIN)
        best = int(np.argmax(np.where(shared, margins, -np.inf) if shared.any() else margins))
        if margins[best] < margin:
            return False
        for vm in vms:
            self.ledger.move(vm, int(hosts[best]))
        return True

    def _send_to_fresh(self, vm: int) -> bool:
        """Move ``vm`` to an efficient host that is dark, and count that host in."""
        dark = np.flatnonzero(~self._lit() & self.efficient)
        dark = dark[self.ledger.fits([vm], dark)]
        if not len(dark):
            return False
        self.ledger.move(vm, int(dark[0]))
        self.kept = np.append(self.kept, dark[0])
        return True

    def _empty(self, host: int, receivers: Ints) -> bool:
        """Move every VM of ``host`` away, the greatest first; all or none."""
        vms = sorted(self.ledger.members(host), key=lambda vm: -self.ledger.work.level[vm])
        for index, vm in enumerate(vms):
            if not self._send([vm], receivers, CALM_MARGIN if self.view.ram_enforced else EMPTYING_MARGIN):
                for moved in vms[:index]:
                    self.ledger.undo(moved)
                return False
        return True
