"""Swaps between two hosts for a source that no single move can relieve: a big VM out, a smaller one in."""

from __future__ import annotations

import numpy as np

from domain.snapshot import Bools, Floats, Ints
from scheduler.engine.score import Relocation
from scheduler.engine.state import Plan
from scheduler.engine.surrogate import host_loss

_OUT = 6  # biggest VMs of the source looked at
_PARTNER_HOSTS = 4
_LOOK = 4


def swap_candidates(plan: Plan, source: int, movable: Bools) -> list[tuple[Relocation, ...]]:
    """Promising swaps for a source host, by the quick estimate; all are feasible once both VMs have left."""
    if not plan.accepting[source]:
        return []
    free = movable & ~plan.rules.is_together
    leaving = _biggest(plan, source, free)
    found: list[tuple[Relocation, ...]] = []
    for partner in _partners(plan, source):
        coming = plan.members(int(partner))
        coming = coming[free[coming]]
        if len(leaving) and len(coming):
            found += _best_pairs(plan, source, int(partner), leaving, coming)
    return found


def _pressure(plan: Plan) -> Floats:
    hosts = plan.snapshot.hosts
    pressure: Floats = np.maximum(
        plan.load[:, 0] / np.maximum(hosts.cpu_capacity_mhz, 1e-9),
        plan.load[:, 1] / np.maximum(hosts.mem_capacity_mib, 1e-9),
    )
    return pressure


def _biggest(plan: Plan, source: int, free: Bools) -> Ints:
    mine = plan.members(source)
    mine = mine[free[mine]]
    cpu, mem, _ = plan.ratios(source)
    size = plan.burden[mine, 0] if cpu >= mem else plan.burden[mine, 1]
    return np.take(mine, np.argsort(-size, kind="stable")[:_OUT])


def _partners(plan: Plan, source: int) -> Ints:
    hosts = np.flatnonzero(plan.accepting)
    hosts = hosts[hosts != source]
    return np.take(hosts, np.argsort(_pressure(plan)[hosts], kind="stable")[:_PARTNER_HOSTS])


def _best_pairs(plan: Plan, source: int, partner: int, out: Ints, back: Ints) -> list[tuple[Relocation, ...]]:
    hosts = plan.snapshot.hosts
    shift = plan.burden[out][:, None, :] - plan.burden[back][None, :, :]
    ends = np.array([source, partner])
    gain = host_loss(plan.load[ends], hosts, ends).sum()
    gain = gain - host_loss(plan.load[source] - shift, hosts, np.array(source))
    gain -= host_loss(plan.load[partner] + shift, hosts, np.array(partner))
    gain[~_feasible(plan, source, partner, out, back)] = -np.inf
    order = np.argsort(-gain, axis=None, kind="stable")[:_LOOK]
    pairs = [divmod(int(i), len(back)) for i in order if gain.flat[i] > 0]
    return [((int(out[a]), partner), (int(back[b]), source)) for a, b in pairs]


def _feasible(plan: Plan, source: int, partner: int, out: Ints, back: Ints) -> Bools:
    """(n, m) compatible, in room once exchanged, and not meeting a partner of a separation rule."""
    swapped = plan.needs[out][:, None, :] - plan.needs[back][None, :, :]
    fits = (swapped <= plan.room[partner] + 1e-6).all(axis=2) & (-swapped <= plan.room[source] + 1e-6).all(axis=2)
    there = (plan.codes[out, partner] == 0) & ~_meets(plan, out, partner) & _no_worse(plan, out, partner)
    here = (plan.codes[back, source] == 0) & ~_meets(plan, back, source) & _no_worse(plan, back, source)
    memory = plan.load[partner, 1] + plan.burden[out, 1][:, None] - plan.burden[back, 1][None, :]
    fits &= memory <= plan.snapshot.hosts.mem_capacity_mib[partner]
    feasible: Bools = fits & there[:, None] & here[None, :]
    return feasible


def _meets(plan: Plan, vms: Ints, host: int) -> Bools:
    return plan.rules.meets(vms, plan.host_ix, plan.on, len(plan.load))[:, host]


def _no_worse(plan: Plan, vms: Ints, host: int) -> Bools:
    cost = plan.rules.should_cost[vms]
    better: Bools = cost[:, host] <= cost[np.arange(len(vms)), plan.host_ix[vms]]
    return better
