"""Where VMs are put before the first sample."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from scheduler.engine.replay.fleet import Bools, Floats, Ints
from scheduler.engine.replay.policy import Placement

MAX_VMS_PER_HOST = 10  # the literature's: 1 Gbit/s of a host over 100 Mbit/s of a VM
EXPECTED_RATIO = 0.3  # of what a VM was given, before anything is known of it: a guess, near the mean of office work
PACKED_LOAD = 0.8  # of a host, by expected demand
SWAPS_PER_HOST = 50
CORE_COVER = 0.9  # a host suits a VM if its core gives that much of the VM's core


class PlacementError(ValueError):
    """A VM fits on no host of the fleet."""

    def __init__(self, vm: int) -> None:
        super().__init__(f"VM {vm} fits on no host")
        self.vm = vm


class Admission:
    """What is still free on each host [H]: MIPS, RAM and places."""

    def __init__(self, start: Placement, load: float = 1.0, places: int = MAX_VMS_PER_HOST) -> None:
        self.start, fleet = start, start.fleet
        self.free_mips, self.free_mib = fleet.mips * load, fleet.ram_mib.copy()
        self.places = np.full(len(fleet), places)

    def has_room(self, vm: int) -> Bools:
        """Hosts with RAM and a place for ``vm``, and cores as fast as its own, [H]."""
        return np.asarray(self._cores(vm, 1.0) & (self.free_mib >= self.start.ram_mib[vm]) & (self.places > 0))

    def fits(self, vm: int, mips: float, core_cover: float = 1.0) -> Bools:
        """Hosts with RAM, a place and ``mips`` for ``vm``, and cores that cover its own, [H]."""
        room = (self.free_mib >= self.start.ram_mib[vm]) & (self.places > 0) & (self.free_mips >= mips)
        return np.asarray(room & self._cores(vm, core_cover))

    def admit(self, vm: int, host: int, mips: float) -> None:
        """Take RAM, a place and ``mips`` for ``vm`` from ``host``."""
        self.free_mips[host] -= mips
        self.free_mib[host] -= self.start.ram_mib[vm]
        self.places[host] -= 1

    def power_rise_w(self, vm: int) -> Floats:
        """Power of each host with ``vm`` minus its idle power, [H]: the peers' yardstick (no VM has started yet)."""
        fleet = self.start.fleet
        load = (fleet.mips - self.free_mips + self.start.mips[vm]) / fleet.mips
        return np.asarray(fleet.power_w(load) - fleet.watts[:, 0])

    def _cores(self, vm: int, cover: float) -> Bools:
        return np.asarray(self.start.fleet.core_mips >= cover * self.start.mips[vm] / self.start.cores[vm])


def first_fit(start: Placement) -> Ints:
    """Each VM on the first host that can reserve all it was given. Raises PlacementError."""
    return _place(start, lambda admission, vm, hosts: int(hosts[0]))


def least_power(start: Placement) -> Ints:
    """The same, where power rises least; ties to the first host. Raises PlacementError."""
    return _place(start, lambda admission, vm, hosts: int(hosts[np.argmin(admission.power_rise_w(vm)[hosts])]))


def spread_by_ram(start: Placement) -> Ints:
    """By falling RAM, each VM on the host with the greatest part of its RAM free. Raises PlacementError.

    For sites that give out more CPU than they have, where nothing can be reserved in full.
    """
    free_mib, placed = start.fleet.ram_mib.copy(), np.empty(len(start.mips), dtype=np.int64)
    for vm in np.argsort(-start.ram_mib, kind="stable").tolist():
        host = int(np.argmax(free_mib / start.fleet.ram_mib))
        if free_mib[host] < start.ram_mib[vm]:
            host = _first(vm, np.flatnonzero(free_mib >= start.ram_mib[vm]))
        placed[vm] = host
        free_mib[placed[vm]] -= start.ram_mib[vm]
    return placed


def keepers_first(start: Placement, keepers: Ints) -> Ints:
    """The greatest demands on ``keepers``, evenly, as far as RAM allows; the rest by falling RAM, first fit.

    For a setting in which RAM counts only now: what is on a keeper need not be moved there. Raises PlacementError.
    """
    admission, demand = Admission(start), start.ratio * start.mips
    placed = np.full(len(demand), -1, dtype=np.int64)
    filled, share = np.zeros(len(start.fleet)), demand.sum() / max(len(keepers), 1)
    for vm in np.argsort(-demand, kind="stable").tolist():
        hosts = keepers[admission.has_room(vm)[keepers] & (filled[keepers] + demand[vm] <= share)]
        if demand[vm] > 0 and len(hosts):
            placed[vm] = hosts[np.argmin(filled[hosts])]
            filled[placed[vm]] += demand[vm]
            admission.admit(vm, int(placed[vm]), 0.0)
    runs_anywhere = start.fleet.core_mips.min() >= start.mips / start.cores
    for vm in np.lexsort((-demand, -start.ram_mib, runs_anywhere)).tolist():
        if placed[vm] < 0:
            placed[vm] = _first(vm, np.flatnonzero(admission.has_room(vm)))
            admission.admit(vm, int(placed[vm]), 0.0)
    return placed


def pack_ram(start: Placement) -> Ints:
    """As few watts as hold all RAM, and on those hosts as evenly by CPU as RAM allows. Raises PlacementError.

    A host suits if one of its cores gives a VM most of what it was given, and if all expected demand stays below
    ``PACKED_LOAD``. If none suits, any host with RAM does. Where RAM is too tight to spread VMs, pairs of them change
    places: VMs that were given much CPU may all want it at once.
    """
    expected = start.mips * np.maximum(start.ratio, EXPECTED_RATIO)
    order = _packing_order(start).tolist()
    tight = _pack_tightly(start, expected, order)
    hosts = np.unique(tight)
    spread = _spread(start, expected, order, hosts)
    return _swapped(start, tight, hosts) if spread is None else spread


def _pack_tightly(start: Placement, expected: Floats, order: list[int]) -> Ints:
    """Best fit by RAM, else a new host, the one with least idle watts per MiB."""
    fleet, admission = start.fleet, Admission(start, PACKED_LOAD, places=np.iinfo(np.int64).max)
    cheapest = np.argsort(fleet.watts[:, 0] / fleet.ram_mib, kind="stable")
    opened = np.zeros(len(fleet), dtype=bool)
    placed = np.empty(len(expected), dtype=np.int64)
    for vm in order:
        suits = admission.fits(vm, float(expected[vm]), CORE_COVER)
        suits = suits if suits.any() else admission.free_mib >= start.ram_mib[vm]
        used = np.flatnonzero(suits & opened)
        tightest = used[np.argmin(admission.free_mib[used])] if len(used) else None
        host = int(tightest) if tightest is not None else _first(vm, cheapest[suits[cheapest]])
        admission.admit(vm, host, float(expected[vm]))
        placed[vm], opened[host] = host, True
    return placed


def _spread(start: Placement, expected: Floats, order: list[int], hosts: Ints) -> Ints | None:
    """Each VM on the one of ``hosts`` with most CPU left; None if RAM is too tight for that."""
    admission = Admission(start, PACKED_LOAD, places=np.iinfo(np.int64).max)
    placed = np.empty(len(expected), dtype=np.int64)
    for vm in order:
        suits = hosts[admission.fits(vm, float(expected[vm]), CORE_COVER)[hosts]]
        if not len(suits):
            return None
        placed[vm] = suits[np.argmax(admission.free_mips[suits] / start.fleet.mips[suits])]
        admission.admit(vm, int(placed[vm]), float(expected[vm]))
    return placed


def _swapped(start: Placement, placed: Ints, hosts: Ints) -> Ints:
    """``placed`` with pairs of VMs exchanged until the CPU given to the VMs of equal hosts is as even as pairs get."""
    placed = placed.copy()
    free_mib = start.fleet.ram_mib - np.bincount(placed, start.ram_mib, len(start.fleet))
    for kind in np.unique(start.fleet.kind[hosts]):
        equal = hosts[start.fleet.kind[hosts] == kind]
        for _ in range(SWAPS_PER_HOST * len(equal)):
            given = np.bincount(placed, start.mips, len(start.fleet))[equal]
            most, least = int(equal[given.argmax()]), int(equal[given.argmin()])
            if most == least or not _swap(start, placed, free_mib, (most, least), float(np.ptp(given))):
                break
    return placed


def _swap(start: Placement, placed: Ints, free_mib: Floats, hosts: tuple[int, int], gap: float) -> bool:
    """Exchange the pair that halves the gap in given CPU best, within RAM; False if none narrows it."""
    most, least = hosts
    ours, theirs = np.flatnonzero(placed == most), np.flatnonzero(placed == least)
    if not len(ours) or not len(theirs):
        return False
    gain = start.mips[ours][:, None] - start.mips[theirs][None, :]
    grown = start.ram_mib[ours][:, None] - start.ram_mib[theirs][None, :]  # of what the least given host holds
    fits = (gain > 0) & (gain < gap) & (grown <= free_mib[least]) & (-grown <= free_mib[most])
    if not fits.any():
        return False
    row, column = np.unravel_index(int(np.where(fits, np.abs(gain - gap / 2), np.inf).argmin()), gain.shape)
    placed[ours[row]], placed[theirs[column]] = least, most
    free_mib[least] -= grown[row, column]
    free_mib[most] += grown[row, column]
    return True


def _packing_order(start: Placement) -> Ints:
    """Falling RAM; VMs of equal RAM that suit the same hosts alternate between the greatest and the smallest."""
    runs_anywhere = start.fleet.core_mips.min() >= CORE_COVER * start.mips / start.cores
    order = np.lexsort((-start.mips, runs_anywhere, -start.ram_mib))
    _, group = np.unique(np.column_stack((start.ram_mib, runs_anywhere))[order], axis=0, return_inverse=True)
    rank = np.empty(len(order), dtype=np.int64)
    for members in (np.flatnonzero(group == g) for g in np.unique(group)):
        turn = np.arange(len(members))
        rank[members] = members[0] + np.minimum(2 * turn, 2 * (len(members) - 1 - turn) + 1)
    return np.asarray(order[np.argsort(rank, kind="stable")])


def _place(start: Placement, choose: Callable[[Admission, int, Ints], int]) -> Ints:
    admission = Admission(start)
    placed = np.empty(len(start.mips), dtype=np.int64)
    for vm in range(len(placed)):
        hosts = np.flatnonzero(admission.fits(vm, float(start.mips[vm])))
        _first(vm, hosts)
        placed[vm] = choose(admission, vm, hosts)
        admission.admit(vm, int(placed[vm]), float(start.mips[vm]))
    return placed


def _first(vm: int, hosts: Ints) -> int:
    if not len(hosts):
        raise PlacementError(vm)
    return int(hosts[0])
