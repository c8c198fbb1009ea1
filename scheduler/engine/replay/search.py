"""Local search over placements on equal hosts: W drawn plus a price for CPU that scenarios leave unserved.

Every move and exchange is judged by the same sum, so that energy and service are traded at one price.
"""

from __future__ import annotations

import numpy as np

from scheduler.engine.replay.fleet import Bools, Floats, HostFleet, Ints
from scheduler.engine.replay.rises import Scenarios

UNSERVED_W = 70_000.0  # price of a whole host's CPU left unserved, W: 0.05 % of 2.3 hosts costs 80 W
FULL_LOAD = 0.97  # above it, arriving migrations may overflow a host
EXCHANGE_POOL = 20  # VMs of a host that are tried for an exchange, picked at random
EXCHANGE_ROUNDS = 3
WATT_STEPS = 256
TIGHT_W = 15.0  # price of a host without free RAM: what overflows elsewhere could not go there

Moves = list[tuple[int, int]]  # VM, host


class PlacementSearch:
    """Loads of H hosts in each scenario [H, K] and at each recent sample [H, R], and what they cost, [H] W.

    ``free_mib`` [H] is the caller's: moves take RAM from their target in it and give it back at their source, for moves
    are started in their order and wait for RAM. Hosts are equal; those outside ``targets`` receive nothing.
    """

    def __init__(self, fleet: HostFleet, ram_mib: Floats, scenarios: Scenarios, recent: Floats) -> None:
        self.ram_mib, size = ram_mib, len(fleet)
        self.demand = (scenarios.demand / fleet.mips[0]).astype(np.float32)
        self.recent = (recent / fleet.mips[0]).astype(np.float32)
        self._price = (UNSERVED_W * scenarios.weight).astype(np.float32)
        grid = np.arange(WATT_STEPS + 2) / WATT_STEPS
        self._watts = np.interp(grid, np.arange(11) / 10, fleet.watts[0]).astype(np.float32)
        self.host = np.zeros(len(ram_mib), dtype=np.int64)
        self.load = np.zeros((size, self.demand.shape[1]), dtype=np.float32)
        self.past = np.zeros((size, self.recent.shape[1]), dtype=np.float32)
        self.cost = np.zeros(size)

    def start(self, host: Ints) -> None:
        """Begin at this placement, [n]."""
        self.host = host.copy()
        self.load[:], self.past[:] = 0.0, 0.0
        np.add.at(self.load, host, self.demand)
        np.add.at(self.past, host, self.recent)
        self.cost = np.array([self._cost(self.load[[h]], self.past[[h]])[0] for h in range(len(self.load))])

    def total(self, lit: Bools) -> float:
        """Cost of the hosts that are ``lit``, W."""
        return float(self.cost[lit].sum())

    def saved(self, host: int, vms: Ints) -> Floats:
        """What each of ``vms`` would save by leaving ``host``, W."""
        left = self._cost(self.load[host] - self.demand[vms], self.past[host] - self.recent[vms])
        return np.asarray(self.cost[host] - left)

    def added(self, host: int, vms: Ints) -> Floats:
        """What each of ``vms`` would cost on ``host``, W."""
        joined = self._cost(self.load[host] + self.demand[vms], self.past[host] + self.recent[vms])
        return np.asarray(joined - self.cost[host])

    def move(self, vm: int, host: int) -> None:
        """Put ``vm`` on ``host``."""
        source = int(self.host[vm])
        for where, sign in ((source, -1), (host, 1)):
            self.load[where] += sign * self.demand[vm]
            self.past[where] += sign * self.recent[vm]
        self.host[vm] = host
        for where in (source, host):
            self.cost[where] = self._cost(self.load[[where]], self.past[[where]])[0]

    def improve(
        self, free_mib: Floats, vms: Ints, targets: list[int], toll_w: Floats, limit: int, instant: bool = False
    ) -> Moves:
        """Best moves of ``vms`` first, each worth more than its toll [n], until none is left or ``limit`` were made."""
        moves: Moves = []
        gain = np.full((len(vms), len(targets)), -np.inf)
        saved = np.zeros(len(vms))
        spare_mib = max(float(free_mib[targets].mean()), 1.0)
        stale, left = set(targets) | set(np.unique(self.host[vms]).tolist()), np.ones(len(vms), dtype=bool)
        while len(moves) < limit and len(vms):
            for host in stale:
                here = self.host[vms] == host
                saved[here] = self.saved(host, vms[here])
                if host in targets:
                    gain[:, targets.index(host)] = -self.added(host, vms)
            net = gain + (saved - toll_w[vms])[:, None] + self._eased_w(free_mib, vms, targets, spare_mib)
            net[self.ram_mib[vms][:, None] > free_mib[targets][None, :]] = -np.inf
            net[~left[:, None] | (self.host[vms][:, None] == np.array(targets)[None, :])] = -np.inf
            row, column = np.unravel_index(int(net.argmax()), net.shape)
            if not net[row, column] > 0:
                break
            vm, source, target = int(vms[row]), int(self.host[vms[row]]), targets[int(column)]
            self.move(vm, target)
            free_mib[target] -= self.ram_mib[vm]
            free_mib[source] += self.ram_mib[vm]
            left[row] = instant
            moves.append((vm, target))
            stale = {source, target}
        return moves

    def _eased_w(self, free_mib: Floats, vms: Ints, targets: list[int], spare_mib: float) -> Floats:
        """How much less tight RAM gets by each move, at TIGHT_W for a host with none of the mean spare RAM, W."""
        ram, source, target = self.ram_mib[vms], free_mib[self.host[vms]], free_mib[targets]
        tight = [np.maximum(0.0, 1 - free / spare_mib) for free in (source, source + ram, target)]
        after = np.maximum(0.0, 1 - (target[None, :] - ram[:, None]) / spare_mib)
        return np.asarray(TIGHT_W * ((tight[0] - tight[1])[:, None] + tight[2][None, :] - after))

    def exchange(self, free_mib: Floats, hosts: list[int], toll_w: float) -> None:
        """Before the day begins: between each two hosts the best pair changes places, if that is worth ``toll_w``."""
        random = np.random.Generator(np.random.Philox(key=0))
        for _ in range(EXCHANGE_ROUNDS):
            for pair in ((a, b) for a in hosts for b in hosts if a < b):
                self._exchange(free_mib, pair, toll_w, random)

    def _exchange(self, free_mib: Floats, pair: tuple[int, int], toll_w: float, random: np.random.Generator) -> None:
        first, second = pair
        mine, other = (self._some(host, random) for host in pair)
        grown = self.ram_mib[mine][:, None] - self.ram_mib[other][None, :]  # of what the second host holds
        rows, columns = np.nonzero((grown <= free_mib[second]) & (-grown <= free_mib[first]))
        if not len(rows):
            return
        demand = self.demand[mine[rows]] - self.demand[other[columns]]
        recent = self.recent[mine[rows]] - self.recent[other[columns]]
        cost = self._cost(self.load[first] - demand, self.past[first] - recent)
        cost += self._cost(self.load[second] + demand, self.past[second] + recent)
        best = int(cost.argmin())
        if cost[best] < self.cost[first] + self.cost[second] - toll_w:
            self.move(int(mine[rows[best]]), second)
            self.move(int(other[columns[best]]), first)
            free_mib[second] -= grown[rows[best], columns[best]]
            free_mib[first] += grown[rows[best], columns[best]]

    def _some(self, host: int, random: np.random.Generator) -> Ints:
        vms = np.flatnonzero(self.host == host)
        return random.choice(vms, min(EXCHANGE_POOL, len(vms)), replace=False) if len(vms) else vms

    def _cost(self, load: Floats, past: Floats) -> Floats:
        """Mean W at recent samples, plus the price of what scenarios leave unserved, for each row."""
        unserved = np.maximum(load - np.float32(FULL_LOAD), 0) @ self._price
        point = np.clip(past, 0, 1) * np.float32(WATT_STEPS)
        below = point.astype(np.int32)
        watts = self._watts[below]
        watts = watts + (self._watts[below + 1] - watts) * (point - below)
        return np.asarray(watts.mean(axis=1) + unserved, dtype=np.float64)
