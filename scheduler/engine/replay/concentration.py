"""Where RAM keeps hosts on: busy VMs together on some of them, quiet ones on the rest, rises spread over all.

Many servers draw much of their dynamic power in the first tenth of load (from 52 to 129 W of 457). Hosts that must
be on for their RAM anyway then cost least where some run at half load or more and the others near nothing; an even
spread costs most. The quiet hosts are also where a sudden rise finds room, so energy and service want the same
placement: steady demand together, VMs that may rise at once apart (``rises``), one sum for both (``search``). See
docs/strategies/consolidation.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from scheduler.engine.replay.fleet import Bools, Floats, HostFleet, Ints
from scheduler.engine.replay.placement import pack_ram
from scheduler.engine.replay.policy import Decision, Move, Placement, View
from scheduler.engine.replay.rises import PAST_WEIGHT, Rises, Scenarios, size_classes
from scheduler.engine.replay.search import UNSERVED_W, Moves, PlacementSearch
from scheduler.engine.replay.transfers import MIB_PER_S_PER_MBPS

BENT = 1.5  # the first tenth of load draws that much more than a tenth of the most efficient range
RECENT = 12  # samples over which power is weighed
BUSY_LOAD = 0.6  # of a host filled with busy VMs at the start
START_LOAD = 0.8  # of all hosts on at the start
BUSY_COUNTS = 3  # numbers of busy hosts tried at the start
GREAT_VM = 0.25  # of a host's RAM: such VMs are placed before all others
START_MOVES = 150
START_GAIN_W = 0.5
LIVE_RATIO = 0.003  # of a host: VMs that ask for less in every scenario are not moved
SEARCH_STEPS = 3  # between searches while no host is full
MOVES_PER_STEP = 24
GAIN_W = 3.3  # that a move must be worth
MOVE_HORIZON_S = 7200.0  # for which the gain of a move is counted
SHARED_WIRE = 3.0  # migrations that share a port, as a rule
MOVING_LOSS = 0.1
FULL = 0.97
WAKING_OVERFLOWS = 2  # samples in a row; waking takes one
WAKING_LOAD = 0.85  # of all hosts that are on
CALM_STEPS = 12  # after an overflow, before a host is emptied
RETRY_STEPS = 6  # after a vain try to empty one
SPARE_W = 20.0  # that an emptied host must save


def is_bent(fleet: HostFleet) -> bool:
    """Whether hosts are equal and load is cheaper together than apart."""
    rise = fleet.watts[0] - fleet.watts[0, 0]
    per_tenth = rise[1:] / np.arange(1, 11)
    return len(np.unique(fleet.kind)) == 1 and bool(rise[1] > BENT * per_tenth.min())


@dataclass
class Concentration:
    """One run's memory."""

    rises: Rises
    fleet: HostFleet
    ram_mib: Floats
    bound_for: dict[int, int] = field(default_factory=dict)  # VMs under way, and where to
    resting_until: int = 0  # no host is emptied before this step
    overflows: int = 0  # samples in a row that ask for too much of a host, whatever is moved

    @classmethod
    def begin(cls, start: Placement) -> Concentration:
        """From what is known before the day."""
        mips, ram = float(start.fleet.mips[0]), start.ram_mib
        hosts = int(np.ceil(ram.sum() / start.fleet.ram_mib[0]))
        rises = Rises(start.mips, size_classes(start.cores, ram), mips, hosts, [start.ratio * start.mips])
        return cls(rises, start.fleet, ram)

    def place(self, start: Placement) -> Ints:
        """The cheapest of some starts, on the fewest hosts that hold all RAM. Raises PlacementError."""
        level = self.rises.samples[0] / self.rises.host_mips
        fewest = max(self.rises.hosts, int(np.ceil(float(level.sum()) / START_LOAD)), 1)
        busy = int(np.ceil(float(level.sum()) / BUSY_LOAD))
        for hosts in range(fewest, len(self.fleet) + 1):
            counts = sorted({min(busy + more, hosts) for more in range(BUSY_COUNTS)})
            gathered = [self._gathered(level, hosts, count) for count in counts]
            tried = [self._refined(placed, hosts) for placed in gathered if placed is not None]
            if tried:
                return min(tried, key=lambda one: one[0])[1]
        return pack_ram(start)

    def decide(self, view: View) -> Decision:
        """Relieve what is full, at once; every few samples, look for what is worth a move; empty a host too many."""
        demand = view.ratio * view.mips
        self.rises.samples.append(demand)
        self.bound_for = {vm: host for vm, host in self.bound_for.items() if view.moving[vm]}
        host = view.host.copy()
        host[list(self.bound_for)] = list(self.bound_for.values())
        scenarios = self.rises.scenarios()
        search = PlacementSearch(self.fleet, self.ram_mib, scenarios, self.rises.recent(RECENT))
        search.start(host)
        lit, free_mib = np.bincount(host, minlength=len(self.fleet)) > 0, view.free_mib.copy()
        live = search.demand.max(axis=1) > LIVE_RATIO
        moves: Moves = []
        full = bool((search.load[:, 0] > FULL).any())
        if full or view.step % SEARCH_STEPS == 0:
            moves = self._improve(search, free_mib, np.flatnonzero(live & ~view.moving), lit)
        if full:
            self.resting_until = max(self.resting_until, view.step + CALM_STEPS)
        elif not moves and view.step >= self.resting_until and not view.moving.any():
            moves = self._emptied(host, free_mib, lit)
            self.resting_until = view.step + RETRY_STEPS
        self.bound_for.update(moves)
        return Decision([Move(vm, target) for vm, target in moves if view.host[vm] != target])

    def _improve(self, search: PlacementSearch, free_mib: Floats, vms: Ints, lit: Bools) -> Moves:
        """Moves between hosts that are on; another is woken for an overflow that lasts or that all of them share."""
        toll_w, on = self._toll_w(search), np.flatnonzero(lit).tolist()
        moves = search.improve(free_mib, vms, on, toll_w, MOVES_PER_STEP)
        dark = np.flatnonzero(~lit)
        load = search.load[:, 0]
        self.overflows = self.overflows + 1 if (load > 1).any() else 0
        lasting = self.overflows >= WAKING_OVERFLOWS or load.sum() > WAKING_LOAD * len(on)
        if len(dark) and self.overflows and lasting:
            still = np.setdiff1d(vms, [vm for vm, _ in moves])
            moves += search.improve(free_mib, still, [*on, int(dark[0])], toll_w, MOVES_PER_STEP)
        return moves

    def _toll_w(self, search: PlacementSearch) -> Floats:
        """What moving each VM costs: the CPU it misses on the wire, at the price of unserved CPU, as W, [n]."""
        busy = np.maximum(search.demand[:, 0], search.recent.mean(axis=1))
        seconds = SHARED_WIRE * self.ram_mib / (self.fleet.nic_mbps[0] * MIB_PER_S_PER_MBPS)
        return np.asarray(GAIN_W + MOVING_LOSS * busy * seconds * UNSERVED_W / MOVE_HORIZON_S, dtype=np.float64)

    def _emptied(self, host: Ints, free_mib: Floats, lit: Bools) -> Moves:
        """All VMs of the host with the least RAM in use, if the others hold them and the last samples show a gain."""
        on = np.flatnonzero(lit)
        if free_mib[on].sum() < self.fleet.ram_mib[0] or len(on) < 2:
            return []
        recent = self.rises.recent(RECENT)
        latest = Scenarios(recent, np.full(recent.shape[1], PAST_WEIGHT / RECENT))
        search = PlacementSearch(self.fleet, self.ram_mib, latest, recent)
        search.start(host)
        used = np.bincount(search.host, self.ram_mib, len(self.fleet))
        source, before = int(on[used[on].argmin()]), search.total(lit)
        vms, others = np.flatnonzero(search.host == source), on[on != source]
        moves: Moves = []
        toll = float(self._toll_w(search)[vms].sum() - GAIN_W * len(vms))
        for vm in vms[np.argsort(-self.ram_mib[vms], kind="stable")].tolist():
            fits = others[free_mib[others] >= self.ram_mib[vm]]
            if not len(fits):
                return []
            costs = np.array([float(search.added(int(other), np.array([vm]))[0]) for other in fits])
            cheap = fits[costs <= costs.min() + GAIN_W]
            target = int(cheap[free_mib[cheap].argmin()])  # the tightest, or RAM runs out for the last ones
            search.move(vm, target)
            free_mib[target] -= self.ram_mib[vm]
            moves.append((vm, target))
        saved = before - search.total(lit & (np.arange(len(lit)) != source))
        return moves if saved > SPARE_W + toll else []

    def _gathered(self, level: Floats, hosts: int, busy: int) -> list[int] | None:
        """Host of each VM: great VMs, then most CPU per RAM on ``busy`` hosts, then the rest by falling RAM."""
        room = _Room(np.full(hosts, float(self.fleet.ram_mib[0])), np.zeros(hosts), self.ram_mib, level)
        great = self.ram_mib > GREAT_VM * self.fleet.ram_mib[0]
        quiet, share = np.arange(busy, hosts), min(BUSY_LOAD, float(level.sum()) / max(busy, 1))
        anywhere = np.arange(hosts)
        for vm in np.flatnonzero(great)[np.argsort(-self.ram_mib[great], kind="stable")].tolist():
            if not room.take(vm, anywhere[::-1]):
                return None
        for vm in np.argsort(-(level + 1e-7) / self.ram_mib, kind="stable").tolist():
            if not great[vm]:
                room.take_evenly(vm, anywhere[:busy], share)
        for vm in np.argsort(-self.ram_mib, kind="stable").tolist():
            if room.host[vm] < 0 and not room.take(vm, quiet) and not room.take(vm, anywhere):
                return None
        return room.host.tolist()

    def _refined(self, placed: list[int], hosts: int) -> tuple[float, Ints]:
        """Moves and exchanges cost nothing yet. The placement's cost, and the placement."""
        search = PlacementSearch(self.fleet, self.ram_mib, self.rises.scenarios(), self.rises.recent(1))
        search.start(np.array(placed, dtype=np.int64))
        free_mib = self.fleet.ram_mib - np.bincount(placed, self.ram_mib, len(self.fleet))
        vms = np.flatnonzero(search.demand.max(axis=1) > LIVE_RATIO)
        toll_w, targets = np.full(len(placed), START_GAIN_W), list(range(hosts))
        search.improve(free_mib, vms, targets, toll_w, START_MOVES, instant=True)
        search.exchange(free_mib, targets, START_GAIN_W)
        search.improve(free_mib, vms, targets, toll_w, START_MOVES, instant=True)
        return search.total(np.arange(len(self.fleet)) < hosts), search.host


@dataclass
class _Room:
    """RAM still free and CPU level (hosts' worth) of each host while VMs are placed; ``host`` is -1 where not yet."""

    free_mib: Floats
    load: Floats
    ram_mib: Floats
    level: Floats

    def __post_init__(self) -> None:
        self.host = np.full(len(self.ram_mib), -1, dtype=np.int64)

    def take(self, vm: int, hosts: Ints) -> bool:
        """Put ``vm`` where most RAM is free; False if it fits nowhere."""
        fits = hosts[self.free_mib[hosts] >= self.ram_mib[vm]]
        if len(fits):
            self._put(vm, int(fits[self.free_mib[fits].argmax()]))
        return len(fits) > 0

    def take_evenly(self, vm: int, hosts: Ints, share: float) -> None:
        """Put ``vm`` on the least loaded of ``hosts`` that stays within ``share``, if there is one."""
        fits = hosts[(self.free_mib[hosts] >= self.ram_mib[vm]) & (self.load[hosts] + self.level[vm] <= share)]
        if len(fits):
            self._put(vm, int(fits[self.load[fits].argmin()]))

    def _put(self, vm: int, host: int) -> None:
        self.host[vm] = host
        self.free_mib[host] -= self.ram_mib[vm]
        self.load[host] += self.level[vm]
