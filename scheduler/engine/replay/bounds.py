"""Energies that no policy can undercut: what to hold a result against.

``literature``: at each sample all demand is one liquid, poured into the cheapest set of hosts; off is free and RAM is
nothing. ``physical``: the same, but the hosts that are on must also hold the RAM of all VMs. Relaxed to fractions of
hosts, this is a linear program, and any pair of prices for MIPS and MiB gives a bound from below (weak duality), so
that the bound is valid however well the prices were searched. Equal hosts have a second bound, of whole hosts: it is
exact for divisible work, and says how much of a gap to the first one no policy could close.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from scheduler.engine.replay.fleet import Bools, Floats, HostFleet, Workload
from scheduler.engine.replay.result import J_PER_KWH

GRID_MIPS = 10.0  # of the liquid poured into the last hosts; rounded down, so that the bound stays one
SPARE_FULL_HOSTS = 2  # full hosts given up to see whether other hosts do their work cheaper
LAST_HOSTS = 4
LEVELS = np.arange(11) / 10
PRICE_POINTS = 12  # demands at which prices are searched; between them the best of the found prices serves
SEARCH_STEPS = 32
GOLDEN = (5**0.5 - 1) / 2
WHOLE_HOSTS_MAX = 64  # equal hosts for which whole numbers are tried; with more, fractions hardly matter


@dataclass(frozen=True)
class HostKind:
    """Equal hosts: how many, MIPS, MiB, and W at 0, 10, ... 100 % load."""

    count: int
    mips: float
    ram_mib: float
    watts: Floats


def kinds_of(fleet: HostFleet) -> list[HostKind]:
    """The fleet's hosts, grouped."""
    table = np.column_stack((fleet.mips, fleet.ram_mib, fleet.watts))
    rows, counts = np.unique(table, axis=0, return_counts=True)
    return [HostKind(int(n), float(row[0]), float(row[1]), row[2:]) for row, n in zip(rows, counts, strict=True)]


def bound_w(fleet: HostFleet, work: Workload, semantics: str) -> Floats:
    """Least power at each billed sample, W: samples 1 to T-1 in the literature's setting, all T in the physical one."""
    kinds = kinds_of(fleet)
    if semantics == "literature":
        gone = finished(work)
        demand = np.array([float((work.ratio(k) * ~gone[:, k]) @ work.mips) for k in range(1, work.steps)])
        return liquid_bound_w(kinds, demand)
    demand = np.array([float(work.ratio(step) @ work.mips) for step in range(work.steps)])
    return ram_bound_w(kinds, demand, float(work.ram_mib.sum()))


def bound_kwh(fleet: HostFleet, work: Workload, semantics: str) -> float:
    """The same as energy."""
    return float(bound_w(fleet, work, semantics).sum()) * work.step_s / J_PER_KWH


def bound_whole_kwh(fleet: HostFleet, work: Workload) -> float | None:
    """The physical bound with whole hosts, kWh; None unless hosts are equal and at most ``WHOLE_HOSTS_MAX``.

    Valid for the future known and any number of free migrations; work is divisible, of RAM only the sum counts.
    """
    kinds = kinds_of(fleet)
    if len(kinds) > 1 or kinds[0].count > WHOLE_HOSTS_MAX:
        return None
    demand = np.array([float(work.ratio(step) @ work.mips) for step in range(work.steps)])
    power_w = whole_bound_w(kinds[0], demand, float(work.ram_mib.sum()))
    return float(power_w.sum()) * work.step_s / J_PER_KWH


def whole_bound_w(kind: HostKind, demand: Floats, ram_mib: float) -> Floats:
    """Least power of whole equal hosts that serve each demand (MIPS) and hold ``ram_mib``, W; demand above all is cut.

    Between two tenths of load power is a straight line. So of two hosts that are both between tenths one can take work
    from the other at no cost until one is at a tenth: all hosts but one are at tenths in some best choice.
    """
    load = np.minimum(demand / kind.mips, kind.count)
    fewest = min(max(1, math.ceil(ram_mib / kind.ram_mib)), kind.count)
    best = np.full(len(load), np.inf)
    at_tenths = np.zeros(1)  # least W of one host fewer, by the sum of their loads in tenths
    for hosts in range(1, kind.count + 1):
        if hosts >= fewest:
            best = np.minimum(best, _one_between_tenths(at_tenths, load, kind.watts))
        at_tenths = _min_plus(at_tenths, kind.watts)
    return best


def _one_between_tenths(at_tenths: Floats, load: Floats, watts: Floats) -> Floats:
    """Least W at each load of hosts at tenths and one more that takes what is left; infinite where that is too much."""
    power = np.full(len(load), np.inf)
    for behind in range(11):
        tenths = np.floor(load * 10).astype(np.int64) - behind
        rest = load - tenths / 10
        possible = (tenths >= 0) & (tenths < len(at_tenths)) & (rest <= 1 + 1e-9)
        total = at_tenths[np.clip(tenths, 0, len(at_tenths) - 1)] + np.interp(rest, LEVELS, watts)
        power = np.where(possible, np.minimum(power, total), power)
    return power


def finished(work: Workload) -> Bools:
    """VMs that the literature's setting has finished by each sample, [n, T]: at 0 % at a sample and at the next."""
    idle = np.asarray(work.cpu_pct == 0)
    twice = idle & np.column_stack((idle[:, 1:], idle[:, -1]))
    twice[:, 0] = False  # nobody looks at the first sample
    return np.asarray(np.logical_or.accumulate(twice, axis=1))


def liquid_bound_w(kinds: list[HostKind], demand: Floats) -> Floats:
    """Cheapest whole hosts for divisible work, W, for each demand (MIPS).

    Full hosts of the kind with least watts per MIPS, and the cheapest up to four hosts of any kind for the rest.
    """
    best = min(kinds, key=lambda kind: float(kind.watts[-1]) / kind.mips)
    full = np.maximum(np.floor(demand / best.mips) - SPARE_FULL_HOSTS, 0)
    rest = np.floor((demand - full * best.mips) / GRID_MIPS).astype(np.int64)
    cheapest = _cheapest_last_hosts(kinds)
    whole = full * float(best.watts[-1]) + cheapest[np.minimum(rest, len(cheapest) - 1)]
    relaxed = ram_bound_w(kinds, demand, 0.0)
    return np.where(full + LAST_HOSTS <= best.count, np.maximum(whole, relaxed), relaxed)


def ram_bound_w(kinds: list[HostKind], demand: Floats, ram_mib: float) -> Floats:
    """Least power of fractional hosts that serve each demand (MIPS) and hold ``ram_mib``, W."""
    spread = np.linspace(float(demand.min()), float(demand.max()), PRICE_POINTS)
    lines = [_best_prices(kinds, float(point), ram_mib) for point in np.unique(spread)]
    return np.asarray(np.max([_dual(kinds, prices, demand, ram_mib) for prices in lines], axis=0))


def _cheapest_last_hosts(kinds: list[HostKind]) -> Floats:
    """Least power of at most ``LAST_HOSTS`` hosts by MIPS served (index times ``GRID_MIPS``), W."""
    size = int(max(kind.mips for kind in kinds) / GRID_MIPS) + 1
    mips = np.arange(size) * GRID_MIPS
    single = np.min([np.interp(mips / k.mips, LEVELS, k.watts, right=np.inf) for k in kinds], axis=0)
    single[0] = 0.0
    power = single
    for _ in range(LAST_HOSTS - 1):
        power = _min_plus(power, single)
    return np.asarray(power)


def _min_plus(a: Floats, b: Floats) -> Floats:
    total = np.full(len(a) + len(b) - 1, np.inf)
    for shift, power in enumerate(b.tolist()):
        part = total[shift : shift + len(a)]
        np.minimum(part, a + power, out=part)
    return total


Prices = tuple[float, float]  # W per MiB, W per MIPS


def _dual(kinds: list[HostKind], prices: Prices, demand: Floats, ram_mib: float) -> Floats:
    """The bound that these prices prove, W: the worth of the work less what hosts would earn above their power."""
    per_mib, per_mips = prices
    earned = 0.0
    for kind in kinds:
        surplus = per_mib * kind.ram_mib + per_mips * kind.mips * LEVELS - kind.watts
        earned += kind.count * max(0.0, float(surplus.max()))
    return np.asarray(per_mib * ram_mib + per_mips * demand - earned)


def _best_prices(kinds: list[HostKind], demand: float, ram_mib: float) -> Prices:
    """Prices with the greatest bound at one demand: nested search, for the bound is concave in both."""
    point = np.array([demand])
    top_mib = max(float(k.watts[-1]) / k.ram_mib for k in kinds)
    top_mips = 4 * max(float(k.watts[-1]) / k.mips for k in kinds)

    def inner(per_mib: float) -> Prices:
        return per_mib, _argmax(lambda per_mips: float(_dual(kinds, (per_mib, per_mips), point, ram_mib)[0]), top_mips)

    if ram_mib == 0:
        return inner(0.0)
    return inner(_argmax(lambda per_mib: float(_dual(kinds, inner(per_mib), point, ram_mib)[0]), top_mib))


def _argmax(function: Callable[[float], float], top: float) -> float:
    """Where a concave function is greatest on 0..top, by golden sections."""
    low, high = 0.0, top
    left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
    at_left, at_right = function(left), function(right)
    for _ in range(SEARCH_STEPS):
        if at_left < at_right:
            low, left, at_left = left, right, at_right
            right = low + GOLDEN * (high - low)
            at_right = function(right)
        else:
            high, right, at_right = right, left, at_left
            left = high - GOLDEN * (high - low)
            at_left = function(left)
    return (low + high) / 2
