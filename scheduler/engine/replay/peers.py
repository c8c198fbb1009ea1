"""The literature's policies, re-implemented to be compared with: NPA, DVFS, THR-MMT and LR-MMT.

Beloglazov & Buyya, "Optimal online deterministic algorithms and adaptive heuristics for energy and performance
efficient dynamic consolidation of virtual machines in cloud data centers", CCPE 24(13), 2012: overload detection,
minimum migration time, power-aware best-fit decreasing, and evacuation of the least loaded hosts, in the order and with
the tie rules of the simulator that its figures come from. Where RAM is enforced they see free RAM too; the paper has no
such case.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from scheduler.engine.replay.fleet import Bools, Floats, Ints
from scheduler.engine.replay.placement import first_fit, least_power
from scheduler.engine.replay.policy import GONE, Decision, Move, Placement, PolicyTraits, View

HISTORY_STEPS = 30
REGRESSION_STEPS = 10
LR_SAFETY = 1.2
LR_FALLBACK_RATIO = 0.7  # static threshold while the history is short
THR_RATIO = 0.8


@dataclass(frozen=True)
class StaticPolicy:
    """VMs stay where they were first put: first fit."""

    traits: PolicyTraits

    def place(self, start: Placement) -> Ints:
        """First fit by CPU given, RAM, and the ten VMs that a host's network admits."""
        return first_fit(start)

    def decide(self, view: View) -> Decision:
        """Nothing, ever."""
        return Decision()


class Detector(Protocol):
    """Tells overloaded hosts from the sums of their VMs' loads.

    A load has three columns: MIPS asked now, MIPS forecast, 1 if the VM has load far enough back for a forecast.
    """

    def observe(self, view: View) -> Floats:
        """Take in a sample; the load of each VM, [n, 3]."""
        ...

    def overloaded(self, load: Floats, mips: Floats) -> Bools:
        """Hosts with these sums [k, 3] and capacities [k] that count as overloaded."""
        ...


@dataclass
class StaticThreshold:
    """Overloaded above a fixed share of the capacity."""

    limit_ratio: float = THR_RATIO

    def observe(self, view: View) -> Floats:
        """Only what is asked now counts."""
        return np.column_stack((view.demand_mips, np.zeros((len(view.mips), 2))))

    def overloaded(self, load: Floats, mips: Floats) -> Bools:
        """Asked above the threshold."""
        return np.asarray(load[..., 0] / mips > self.limit_ratio)


@dataclass
class LocalRegression:
    """Overloaded when a line through the last ten loads, times a safety factor, reaches the capacity one step ahead.

    The published code's weights never apply (none is zero), so that the fit is ordinary least squares; it is linear, so
    the forecast of a host is the sum of its VMs' forecasts.
    """

    safety: float = LR_SAFETY
    fallback_ratio: float = LR_FALLBACK_RATIO
    history: Floats = field(default_factory=lambda: np.empty((0, 0)))

    def observe(self, view: View) -> Floats:
        """Extend the history (newest first) and forecast each VM."""
        used = view.demand_mips[:, np.newaxis]
        self.history = used if not self.history.size else np.hstack((used, self.history))[:, :HISTORY_STEPS]
        recent = self.history[:, :REGRESSION_STEPS][:, ::-1]
        forecast = recent @ _extrapolation(recent.shape[1])
        has_past = (self.history[:, REGRESSION_STEPS - 1 :] > 0).any(axis=1)
        return np.column_stack((view.demand_mips, forecast, has_past))

    def overloaded(self, load: Floats, mips: Floats) -> Bools:
        """By forecast where the host's history is long enough, else by the fallback threshold."""
        by_forecast = load[..., 1] / mips * self.safety >= 1
        return np.where(load[..., 2] > 0, by_forecast, load[..., 0] / mips > self.fallback_ratio)


def _extrapolation(points: int) -> Floats:
    """Coefficients c with c @ y = the value one step after the last of ``points`` equidistant y, by least squares."""
    if points < 2:
        return np.ones(points)
    x = np.arange(points) - (points - 1) / 2
    return np.asarray(1 / points + x * ((points + 1) / 2) / (x @ x))


class _Plan:
    """The cluster as it would be after the moves found so far."""

    def __init__(self, view: View, detector: Detector, vm_load: Floats) -> None:
        self.view, self.detector, self.vm_load = view, detector, vm_load
        self.fleet = view.fleet
        here = np.flatnonzero(view.host != GONE)
        order = here[np.argsort(view.arrival[here], kind="stable")]
        self.members: dict[int, list[int]] = {}
        for vm in order.tolist():
            self.members.setdefault(int(view.host[vm]), []).append(vm)
        hosts, size = view.host[order], len(self.fleet)
        self.load = np.column_stack([np.bincount(hosts, vm_load[order, k], size) for k in range(3)]).astype(np.float64)
        capped = np.minimum(vm_load[order, 0], self.fleet.core_mips[hosts] * view.cores[order])
        self.used = np.bincount(hosts, capped, size)
        self.free_mib = view.free_mib.copy()
        self.power_before_w = self.fleet.power_w(view.load_ratio)
        self.moves: list[Move] = []

    def overloaded(self, hosts: Ints) -> Bools:
        return self.detector.overloaded(self.load[hosts], self.fleet.mips[hosts])

    def take(self, vm: int, host: int) -> None:
        """Remove ``vm`` from ``host``."""
        self.members[host].remove(vm)
        self.load[host] -= self.vm_load[vm]
        self.used[host] -= min(self.vm_load[vm, 0], self.fleet.core_mips[host] * self.view.cores[vm])

    def put(self, vm: int, host: int) -> None:
        """Promise ``vm`` to ``host``."""
        self.free_mib[host] -= self.view.ram_mib[vm]
        self.members.setdefault(host, []).append(vm)
        self.load[host] += self.vm_load[vm]
        self.used[host] += self.vm_load[vm, 0]

    def withdraw(self, move: Move) -> None:
        """Take back a promise."""
        self.take(move.vm, move.host)
        self.free_mib[move.host] += self.view.ram_mib[move.vm]

    def best_host(self, vm: int, hosts: Ints) -> int | None:
        """Of ``hosts`` (ascending), the one whose power rises least and that is not overloaded by ``vm``."""
        asked = self.vm_load[vm, 0]
        used, mips = self.used[hosts] + asked, self.fleet.mips[hosts]
        would_overload = self.detector.overloaded(self.load[hosts] + self.vm_load[vm], mips)
        fits = (self.fleet.core_mips[hosts] * self.view.cores[vm] >= asked) & (used <= mips)
        fits &= self.free_mib[hosts] >= self.view.ram_mib[vm]
        fits &= ~would_overload | (self.used[hosts] == 0)
        if not fits.any():
            return None
        hosts = hosts[fits]
        rise_w = self.fleet.power_w(used[fits] / mips[fits], hosts) - self.power_before_w[hosts]
        return int(hosts[np.argmin(rise_w)])

    def by_demand(self, vms: list[int]) -> list[int]:
        """Greatest demand first, ties in the order given."""
        return sorted(vms, key=lambda vm: -self.vm_load[vm, 0])


@dataclass
class HeuristicPolicy:
    """Relieve overloaded hosts of their quickest VMs, then empty the least loaded, placing by least power rise."""

    traits: PolicyTraits
    detector: Detector

    def place(self, start: Placement) -> Ints:
        """Where power rises least."""
        return least_power(start)

    def decide(self, view: View) -> Decision:
        """All moves of this step, in the order they are started."""
        plan = _Plan(view, self.detector, self.detector.observe(view))
        lit = np.flatnonzero(view.load_ratio > 0)
        overloaded = lit[plan.overloaded(lit)]
        self._relieve(plan, overloaded, lit)
        self._evacuate(plan, overloaded, lit)
        return Decision(plan.moves)

    def _relieve(self, plan: _Plan, overloaded: Ints, lit: Ints) -> None:
        homeless: list[int] = []
        for host in overloaded.tolist():
            homeless += self._unload(plan, host)
        targets = np.setdiff1d(lit, overloaded)
        for vm in plan.by_demand(homeless):
            host = plan.best_host(vm, np.union1d(targets, _spare(plan)))
            if host is not None:
                plan.put(vm, host)
                plan.moves.append(Move(vm, host))
                targets = np.union1d(targets, [host])

    def _unload(self, plan: _Plan, host: int) -> list[int]:
        """Take the VM of least RAM (the first of equals) until the host is well."""
        taken: list[int] = []
        while True:
            movable = [vm for vm in plan.members.get(host, []) if not plan.view.moving[vm]]
            if not movable:
                return taken
            vm = min(movable, key=lambda candidate: plan.view.ram_mib[candidate])
            plan.take(vm, host)
            taken.append(vm)
            if not plan.overloaded(np.array([host]))[0]:
                return taken

    def _evacuate(self, plan: _Plan, overloaded: Ints, lit: Ints) -> None:
        """From the least loaded host up: all of its VMs leave, or none."""
        load = plan.view.load_ratio
        ok = np.setdiff1d(lit, overloaded)
        ok = ok[load[ok] < 1]
        targets, receivers = np.setdiff1d(lit, overloaded), set[int]()
        for host in ok[np.argsort(load[ok], kind="stable")].tolist():
            vms = [vm for vm in plan.members.get(host, []) if not plan.view.moving[vm]]
            if host in receivers:
                continue
            targets = targets[targets != host]
            receivers.update(move.host for move in self._empty(plan, vms, targets))

    def _empty(self, plan: _Plan, vms: list[int], targets: Ints) -> list[Move]:
        moves: list[Move] = []
        for vm in plan.by_demand(vms):
            host = plan.best_host(vm, targets)
            if host is None:
                for move in moves:
                    plan.withdraw(move)
                return []
            plan.put(vm, host)
            moves.append(Move(vm, host))
        plan.moves += moves
        return moves


def _spare(plan: _Plan) -> Ints:
    """The first dark host of each kind: they are alike, and the first of equals is chosen."""
    dark = np.flatnonzero((plan.view.load_ratio == 0) & (plan.used == 0))
    return dark[np.unique(plan.fleet.kind[dark], return_index=True)[1]]


def npa() -> StaticPolicy:
    """No power management: every host at full power all day."""
    return StaticPolicy(PolicyTraits("npa", peak_power=True))


def dvfs() -> StaticPolicy:
    """VMs stay; hosts draw power by load."""
    return StaticPolicy(PolicyTraits("dvfs"))


def thr_mmt() -> HeuristicPolicy:
    """Static threshold 0.8, minimum migration time."""
    return HeuristicPolicy(PolicyTraits("thr-mmt"), StaticThreshold())


def lr_mmt() -> HeuristicPolicy:
    """Local regression with safety 1.2, minimum migration time: the paper's best."""
    return HeuristicPolicy(PolicyTraits("lr-mmt"), LocalRegression())
