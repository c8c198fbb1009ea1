"""Pairs of relocations: what a full move budget still allows.

*Substitute*: one moved unit goes home and another unit moves instead.  *Swap*: two moved units trade places.  Both keep
the number of moves and are found by looking at all pairs at once.
"""

from __future__ import annotations

import numpy as np

from scheduler.engine.problem import Bools, Floats, Ints
from scheduler.engine.search import EPSILON, Search

_PAIRS = 400_000  # pairs looked at per pass; big problems are looked at in part, their regions in full
_LOOK = 32  # best pairs tried per pass; those that share a host with one already taken wait for the next pass


def substitute(search: Search) -> int:
    """Replace moved units by better ones, several disjoint pairs per call.  Returns how many were replaced."""
    back = np.flatnonzero(search.moved & (search.home >= 0))
    if len(back) == 0:
        return 0
    back = back[: max(_PAIRS // len(search.host), 1)]
    gains = search.gains()
    origin, present = search.home[back], search.host[back]
    at_origin, at_present = search.meeting(back, origin), search.meeting(back, present)
    elsewhere, where = _best_elsewhere(gains, origin, present)
    options = (elsewhere, gains[:, origin].T + at_origin, gains[:, present].T - at_present)
    change = np.minimum(np.minimum(options[0], options[1]), options[2])
    change += gains[back, origin][:, None]
    change += at_present * (search.host == present[:, None])
    change -= at_origin * (search.host == origin[:, None])
    change[np.arange(len(back)), back] = np.inf
    change[:, ~search.moved & (search.cost > search.budget + search.cost[back].max())] = np.inf
    done, touched = 0, np.zeros(len(search.free), dtype=bool)
    for row, unit in _best_pairs(change):
        choice = int(np.argmin([option[row, unit] for option in options]))
        target = (int(where[row, unit]), int(origin[row]), int(present[row]))[choice]
        done += _replace(search, int(back[row]), unit, target, touched)
    return done


def _replace(search: Search, old: int, unit: int, target: int, touched: Bools) -> bool:
    """Send ``old`` home and let ``unit`` move instead, unless hosts of an earlier pair or a limit are in the way."""
    home, present = int(search.home[old]), int(search.host[old])
    hosts = [home, present, int(search.host[unit]), target]
    if touched[hosts].any() or not search.fits(old, home):
        return False
    search.relocate(old, home)
    too_dear = not search.moved[unit] and search.cost[unit] > search.budget
    if too_dear or search.host[unit] == target or not search.fits(unit, target):
        search.relocate(old, present)
        return False
    search.relocate(unit, target)
    touched[hosts] = True
    return True


def _best_elsewhere(gains: Floats, first: Ints, second: Ints) -> tuple[Floats, Ints]:
    """(n, U) best gain of every unit on a host other than ``first[i]`` and ``second[i]``, and that host."""
    left, rows = gains.copy(), np.arange(len(gains))
    values, hosts = [], []
    for _ in range(3):
        best = left.argmin(axis=1)
        values.append(left[rows, best])
        hosts.append(best)
        left[rows, best] = np.inf
    taken = [(h[None] == first[:, None]) | (h[None] == second[:, None]) for h in hosts[:2]]
    value = np.where(taken[0], np.where(taken[1], values[2], values[1]), values[0])
    host = np.where(taken[0], np.where(taken[1], hosts[2], hosts[1]), hosts[0])
    return value, host


def swap(search: Search) -> int:
    """Let moved units trade places, several disjoint pairs per call.  Returns the number of swaps."""
    moved = np.flatnonzero(search.moved)
    if len(moved) < 2:
        return 0
    at = search.host[moved]
    gains = search.gains(ignoring_room=True)[np.ix_(moved, at)]
    meeting = search.meeting(moved, at)[:, moved]
    change = gains + gains.T - meeting - meeting.T
    change[at[:, None] == at[None]] = np.inf
    touched: Bools = np.zeros(len(search.free), dtype=bool)
    done = 0
    for first, second in _best_pairs(change):
        one, other = int(moved[first]), int(moved[second])
        hosts = [int(search.host[one]), int(search.host[other])]
        if touched[hosts].any() or not _trade(search, one, other):
            continue
        touched[hosts] = True
        done += 1
    return done


def _trade(search: Search, one: int, other: int) -> bool:
    """Exchange the hosts of two units if both fit once the other is gone."""
    first, second = int(search.host[one]), int(search.host[other])
    room_first = search.free[first] + search.need[one] - search.need[other]
    room_second = search.free[second] + search.need[other] - search.need[one]
    if (room_first < -EPSILON).any() or (room_second < -EPSILON).any():
        return False
    if _meets_group(search, one, second, other) or _meets_group(search, other, first, one):
        return False
    search.relocate(one, second)
    search.relocate(other, first)
    return True


def _meets_group(search: Search, unit: int, host: int, leaving: int) -> bool:
    present = search.together[host] - search.apart[leaving]
    return bool((search.apart[unit] & (present > 0)).any())


def _best_pairs(change: Floats) -> list[tuple[int, int]]:
    """The most negative entry of every row, best rows first."""
    columns = change.argmin(axis=1)
    values = change[np.arange(len(change)), columns]
    rows = np.argsort(values, kind="stable")[:_LOOK]
    return [(int(row), int(columns[row])) for row in rows if values[row] < -EPSILON]
