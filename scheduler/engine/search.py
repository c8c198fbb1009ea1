"""Neighbourhood search on a balancing problem, whole neighbourhoods at a time.

A standard deviation is concave in its variance, so replacing ``weight·sd`` by its tangent ``w·Σ(share - centre)²``
gives an upper bound: whatever lowers the quadratic form lowers the true objective at least as much.  The form is
separable over hosts, hence the gain of *all* U x H relocations is two matrix products, and the gain of a pair of
relocations is the sum of their gains plus a product term wherever they meet on a host.
"""

from __future__ import annotations

import numpy as np

from scheduler.engine.problem import BalanceProblem, Bools, Floats, Ints

EPSILON = 1e-9
_SD_FLOOR = 1e-4  # the tangent of a vanishing deviation would be infinitely steep
_COARSE = 64 * float(np.finfo(np.float32).eps)  # of the largest term: more than single precision can be wrong by


class Search:
    """A working assignment on the hosts of a problem (or on a few of them) that improves step by step.

    home is -1 for a unit whose home lies outside the hosts looked at.  budget: moves left to spend here.
    """

    def __init__(self, problem: BalanceProblem, budget: int) -> None:
        self.load, self.scale = problem.load, problem.inverse_capacity
        self.weight = problem.weight
        self.home, self.cost = problem.home, problem.cost
        self.need, self.allowed, self.apart = problem.need, problem.allowed, problem.apart
        self.host, self.free = problem.home.copy(), problem.free.copy()
        self.shares = problem.shares(problem.home)
        self.together = problem.occupied.copy()
        for group in range(problem.apart.shape[1]):
            np.add.at(self.together[:, group], self.host[self.apart[:, group]], 1)
        self.budget = budget
        self._prepare()
        self.retune()

    def _prepare(self) -> None:
        self.rows = np.arange(len(self.host))
        self.bound_to_group = np.flatnonzero(self.apart.any(axis=1))
        self.blocked: Bools = np.empty((len(self.host), len(self.free)), dtype=bool)
        for host in range(len(self.free)):
            self._refresh(host)

    def region(self, hosts: Ints) -> Search:
        """The same search confined to some hosts and the units on them; nothing done there touches this one."""
        part = object.__new__(Search)
        local = np.full(len(self.free), -1, dtype=np.int64)
        local[hosts] = np.arange(len(hosts))
        part.units = units = np.flatnonzero(local[self.host] >= 0)
        part.load, part.cost, part.need = self.load[units], self.cost[units], self.need[units]
        part.home, part.host = local[self.home[units]], local[self.host[units]]
        part.allowed, part.apart = self.allowed[np.ix_(units, hosts)], self.apart[units]
        part.scale, part.free = self.scale[hosts], self.free[hosts].copy()
        part.shares, part.together = self.shares[hosts].copy(), self.together[hosts].copy()
        part.weight, part.budget = self.weight, self.budget
        part.centre, part.slope = self.centre, self.slope
        part.rows = np.arange(len(units))
        part.bound_to_group = np.flatnonzero(part.apart.any(axis=1))
        part.blocked = self.blocked[np.ix_(units, hosts)].copy()
        part._tuned()
        return part

    units: Ints

    def retune(self) -> None:
        """Take the tangent at the present state."""
        deviation = self.shares.std(axis=0)
        self.centre = self.shares.mean(axis=0)
        self.slope: Floats = self.weight / (2 * len(self.free) * np.maximum(deviation, _SD_FLOOR))
        self._tuned()

    def _tuned(self) -> None:
        self._gains: Floats | None = None
        self.sloped = self.load * self.slope
        self.sloped_square = self.sloped * self.load

    @property
    def moved(self) -> Bools:
        """Units that are not at home."""
        away: Bools = self.host != self.home
        return away

    def objective(self) -> float:
        """The true imbalance of the working assignment."""
        return float(self.shares.std(axis=0) @ self.weight)

    def _refresh(self, host: int) -> None:
        """Which units cannot go to a host: not allowed, no room, or a member of their group is there."""
        blocked: Bools = ~self.allowed[:, host]
        for resource, room in enumerate(self.free[host] + EPSILON):  # few: quicker than any() along the short axis
            blocked |= self.need[:, resource] > room
        if len(self.bound_to_group):
            taken = self.together[host] > 0
            blocked[self.bound_to_group] |= (self.apart[self.bound_to_group] & taken).any(axis=1)
        self.blocked[:, host] = blocked

    def relocate(self, unit: int, host: int) -> None:
        """Put a unit on a host and book what that changes."""
        source = self.host[unit]
        if self.home[unit] == source:
            self.budget -= int(self.cost[unit])
        elif self.home[unit] == host:
            self.budget += int(self.cost[unit])
        self.shares[source] -= self.load[unit] * self.scale[source]
        self.shares[host] += self.load[unit] * self.scale[host]
        self.free[source] += self.need[unit]
        self.free[host] -= self.need[unit]
        self.together[source] -= self.apart[unit]
        self.together[host] += self.apart[unit]
        self.host[unit] = host
        self._gains = None
        self._refresh(int(source))
        self._refresh(host)

    def go_to(self, host: Ints) -> None:
        """Take over another assignment, (U,) hosts, that is known to be possible."""
        for unit in np.flatnonzero(self.host != host):
            self.relocate(int(unit), int(host[unit]))
        self.retune()

    def gains(self, *, ignoring_room: bool = False) -> Floats:
        """(U, H) change of the quadratic form by each relocation, inf where it is impossible; negative is good.

        ignoring_room: only what is forbidden for good counts (for two units that make room for each other).
        """
        if self._gains is None:
            self._gains = self._all_gains()
        change = self._gains.copy()
        change[~self.allowed if ignoring_room else self.blocked] = np.inf
        change[self.rows, self.host] = np.inf
        return change

    def _all_gains(self) -> Floats:
        lean, leave = self.tangent()
        change: Floats = self.sloped @ lean.T + self.sloped_square @ (self.scale**2).T
        change += leave[:, None]
        return change

    def tangent(self) -> tuple[Floats, Floats]:
        """(H, K) how much a host's share weighs in the form, and (U,) what is won where a unit leaves its host."""
        lean = 2 * (self.shares - self.centre) * self.scale
        scale = self.scale[self.host]
        leave = np.einsum("uk,uk->u", self.sloped_square, scale**2) - np.einsum(
            "uk,uk->u", self.sloped, lean[self.host]
        )
        return lean, leave

    def meeting(self, units: Ints, hosts: Ints) -> Floats:
        """(n, U) product term between unit i of ``units`` and every unit where both arrive at ``hosts[i]``."""
        product: Floats = 2 * (self.sloped[units] * self.scale[hosts] ** 2) @ self.load.T
        return product

    def descend(self, target: float = 0.0) -> int:
        """Best relocation after best relocation until none helps, the budget is spent or the target is reached.

        Returns the steps taken.
        """
        steps, screen = 0, Screen(self)
        while not (target > 0 and self.objective() <= target):
            found = screen.best()
            if found is None:
                break
            source = int(self.host[found[0]])
            self.relocate(*found)
            screen.moved(found[0], source)
            self._retune_if_whole()
            steps += 1
        return steps

    def _retune_if_whole(self) -> None:
        """A region keeps the tangent it was given: it cannot see the other hosts' deviations."""
        if not hasattr(self, "units"):
            self.retune()

    def fits(self, unit: int, host: int) -> bool:
        """Whether a unit may go to a host as things stand."""
        return not self.blocked[unit, host]


class Screen:
    """Finds the best relocation of a search, step by step.

    All U x H gains are worked out in single precision, in place and by one product; the few that could be the best are
    worked out again exactly.  What is impossible is kept as a barrier of 0 and inf, of which a step changes two
    columns.
    """

    def __init__(self, search: Search) -> None:
        self.search = search
        shape = search.blocked.shape
        self.barrier = np.where(search.blocked, np.float32(np.inf), np.float32(0))
        self.barrier[search.rows, search.host] = np.inf
        self.coarse = np.empty(shape, np.float32)
        self.left = np.empty((shape[0], 2 * search.load.shape[1] + 1), np.float32)
        self.right = np.ones((2 * search.load.shape[1] + 1, shape[1]), np.float32)

    def moved(self, unit: int, source: int) -> None:
        """A unit has gone from ``source`` to where it is now."""
        search = self.search
        for host in (source, int(search.host[unit])):
            self.barrier[:, host] = np.where(search.blocked[:, host], np.float32(np.inf), np.float32(0))
            self.barrier[search.host == host, host] = np.inf

    def best(self) -> tuple[int, int] | None:
        """(unit, host) with the lowest gain, the first of equals; None where none is below zero."""
        search = self.search
        if not len(search.host):
            return None
        lean, leave = search.tangent()
        metrics = search.load.shape[1]
        self.left[:, :metrics], self.left[:, metrics:-1], self.left[:, -1] = search.sloped, search.sloped_square, leave
        self.right[:metrics], self.right[metrics:-1] = lean.T, (search.scale**2).T
        np.matmul(self.left, self.right, out=self.coarse)
        self.coarse += self.barrier
        spent = ~search.moved & (search.cost > search.budget)
        if spent.any():
            self.coarse[spent] = np.inf
        lowest = float(self.coarse.min())
        wrong = _COARSE * float(np.abs(self.left).max(axis=0) @ np.abs(self.right).max(axis=1))
        if not lowest < wrong:  # also where everything is impossible
            return None
        units, hosts = np.divmod(np.flatnonzero(self.coarse <= lowest + 2 * wrong), len(search.free))
        exact = (search.sloped[units] * lean[hosts]).sum(axis=1) + leave[units]
        exact += (search.sloped_square[units] * search.scale[hosts] ** 2).sum(axis=1)
        first = int(exact.argmin())
        return (int(units[first]), int(hosts[first])) if exact[first] < -EPSILON else None
