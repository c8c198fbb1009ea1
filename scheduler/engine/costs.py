"""Cost, benefit and risk of a migration, in weighted score points times seconds.

``accept iff gain·(T_stable - t_mig) + min(0, gain_worst)·max(0, T_horizon - T_stable) > cost``: the gain holds while
demand stays as it is; after that the worst case is assumed (the VM and its new neighbours at their 95th percentile, the
old neighbours at their 5th).  After Gulati et al. 2012; the migration model's constants are ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from domain.snapshot import Bools, Floats, Ints
from scheduler.engine.state import Plan
from scheduler.engine.surrogate import host_loss

PREPARE_S = 2.0  # validation, reservation, trace installation
DOWNTIME_S = 0.3
PRECOPY_SLOWDOWN = 0.02
_DIRTY_CAP = 0.9  # pre-copy that converges more slowly is throttled by the host


@dataclass(frozen=True, slots=True)
class Verdict:
    """One candidate's economics (n,).  accepted: the inequality above."""

    accepted: Bools
    gain: Floats
    gain_worst: Floats
    cost: Floats
    stable_s: Floats
    migration_s: Floats


def migration_seconds(plan: Plan, vms: Ints, targets: Ints) -> Floats:
    """Expected time of a live migration: ``M / B / (1 - dirty/B)`` plus preparation."""
    table, hosts = plan.snapshot.vms, plan.snapshot.hosts
    source = np.maximum(plan.start[vms], 0)
    bandwidth = np.maximum(np.minimum(hosts.vmotion_mibps[source], hosts.vmotion_mibps[targets]), 1.0)
    memory = np.where(table.consumed_mib[vms] > 0, table.consumed_mib[vms], table.mem_mib[vms])
    ratio = np.minimum(table.dirty_mibps[vms] / bandwidth, _DIRTY_CAP)
    seconds: Floats = PREPARE_S + memory / bandwidth / (1.0 - ratio)
    return seconds


def judge(plan: Plan, vms: Ints, targets: Ints, gain: Floats) -> Verdict:
    """Cost-benefit-risk of moving each VM to its target, given its gain in weighted points."""
    sources = plan.host_ix[vms]
    migration_s = migration_seconds(plan, vms, targets)
    table = plan.snapshot.vms
    stable_s = np.clip(table.stable_s[vms], 60.0, plan.options.interval_s * 60.0)
    worst = _worst_case_gain(plan, vms, sources, targets)
    cost = _migration_cost(plan, vms, sources, targets, migration_s)
    later_s = np.maximum(plan.options.benefit_horizon_s - stable_s, 0.0)
    value = gain * (stable_s - migration_s) + np.minimum(worst, 0.0) * later_s
    accepted = value > cost if plan.options.cost_benefit else np.ones(len(vms), dtype=bool)
    return Verdict(accepted, gain, worst, cost, stable_s, migration_s)


def _migration_cost(plan: Plan, vms: Ints, sources: Ints, targets: Ints, migration_s: Floats) -> Floats:
    """The VM's own pause and slowdown, and what the copying takes from neighbours on hosts that are full."""
    own = 100.0 * plan.weight[vms] * (DOWNTIME_S + PRECOPY_SLOWDOWN * migration_s)
    return own + migration_s * (_copying_loss(plan, sources) + _copying_loss(plan, targets))


def _copying_loss(plan: Plan, hosts: Ints) -> Floats:
    """Points per second lost on a host whose CPU is needed for copying (one core per 10 Gb/s, at least 0.3)."""
    table = plan.snapshot.hosts
    capacity = np.maximum(table.cpu_capacity_mhz[hosts], 1.0)
    copying = table.core_mhz[hosts] * np.maximum(table.vmotion_mibps[hosts] * 8 / 10_000, 0.3)
    overload = plan.load[hosts, 0] + copying - capacity
    taken = np.clip(overload, 0.0, copying) / capacity
    loss: Floats = 100.0 * plan.load[hosts, 3] * taken
    return loss


def _worst_case_gain(plan: Plan, vms: Ints, sources: Ints, targets: Ints) -> Floats:
    """The gain if the old neighbours calm down while the VM and its new neighbours heat up."""
    hosts = plan.snapshot.hosts
    burden, stay, go = plan.burden[vms].copy(), plan.load[sources].copy(), plan.load[targets].copy()
    burden[:, 0] = plan.burden[vms, 4]
    stay[:, 0] = plan.load[sources, 5] - plan.burden[vms, 5] + plan.burden[vms, 4]
    go[:, 0] = plan.load[targets, 4]
    before = host_loss(stay, hosts, sources) + host_loss(go, hosts, targets)
    after = host_loss(stay - burden, hosts, sources) + host_loss(go + burden, hosts, targets)
    gain: Floats = before - after
    return gain
