"""How power management looks at a plan: utilisation under a demand window, and how far above the band it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from domain.snapshot import Bools, Floats
from scheduler.engine.results import Numbers, Reason
from scheduler.engine.state import Plan

_STEPS = 500
MEMORY_FULL = 0.95  # of a host: what the hypervisor keeps free before it takes memory back


@dataclass(frozen=True, slots=True)
class PowerDecision:
    """One host power operation on host row ``host``."""

    host: int
    operation: str
    priority: int
    reason: Reason
    fields: Mapping[str, Any]
    before: Numbers
    after: Numbers
    automatic: bool
    group: str = ""


def lead(plan: Plan) -> Floats:
    """(V,) CPU demand that power-on provides for: its window's, or the forecast if that is asked for and higher."""
    vms = plan.snapshot.vms
    recent = np.where(vms.cpu_demand_300s_mhz > 0, vms.cpu_demand_300s_mhz, vms.cpu_demand_mhz)
    if plan.options.dpm.predictive:
        recent = np.maximum(recent, vms.cpu_forecast_mhz)
    demand: Floats = np.minimum(recent, vms.cpu_max_mhz)
    return demand


def trail(plan: Plan) -> Floats:
    """(V,) CPU demand that power-off looks at: the mean of its longer window."""
    vms = plan.snapshot.vms
    mean = np.where(vms.cpu_demand_2400s_mhz > 0, vms.cpu_demand_2400s_mhz, vms.cpu_demand_mhz)
    demand: Floats = np.minimum(mean, vms.cpu_max_mhz)
    return demand


def utilisation(plan: Plan, cpu_demand_mhz: Floats) -> Floats:
    """(H, 2) CPU and memory demand over capacity under the planned assignment.

    A host whose VMs hold more memory than it has reads as above the band however little of it is active: it would have
    to take memory back.
    """
    rows = np.flatnonzero(plan.on)
    count = len(plan.load)
    hosts = plan.snapshot.hosts
    cpu = np.bincount(plan.host_ix[rows], cpu_demand_mhz[rows], count) / np.maximum(hosts.cpu_capacity_mhz, 1.0)
    room = np.maximum(hosts.mem_capacity_mib, 1.0)
    full = plan.load[:, 6] / (room * MEMORY_FULL)
    mem = np.maximum(plan.load[:, 1] / room, np.where(full > 1.0, plan.options.dpm.high_ratio * full, 0.0))
    use: Floats = np.stack([cpu, mem], axis=1)
    return use


def high_score(use: Floats, plan: Plan) -> float:
    """Σ over hosts and resources of what lies above the band."""
    over = np.maximum(use[plan.snapshot.hosts.running | plan.accepting] - plan.options.dpm.high_ratio, 0.0)
    return float(over.sum())


def relieved(plan: Plan, cpu_demand_mhz: Floats) -> Floats:
    """(H, 2) utilisation after DRS would have moved what it can off hosts above the band.

    Works on a scratch copy: the biggest movable VM that fits elsewhere below the band, until nothing helps.
    """
    scratch = plan.copy()
    high = plan.options.dpm.high_ratio
    movable = plan.movable()
    hosts = plan.snapshot.hosts
    use = utilisation(scratch, cpu_demand_mhz)
    for _ in range(_STEPS):
        over = np.flatnonzero((use > high).any(axis=1) & hosts.running)
        move = next((m for h in over[np.argsort(-use[over].max(axis=1))] if (m := _relief(scratch, int(h), use,
                     cpu_demand_mhz, movable))), None)  # fmt: skip
        if move is None:
            return use
        scratch.move(*move)
        use = utilisation(scratch, cpu_demand_mhz)
    return use


def _relief(plan: Plan, host: int, use: Floats, cpu_demand_mhz: Floats, movable: Bools) -> tuple[int, int] | None:
    """The VM whose move takes most of the excess off a host without pushing the target above the band."""
    hosts, high = plan.snapshot.hosts, plan.options.dpm.high_ratio
    members = plan.members(host)
    members = members[movable[members]]
    resource = int(np.argmax(use[host]))
    size = cpu_demand_mhz[members] if resource == 0 else plan.burden[members, 1] + plan.burden[members, 6]
    members, size = members[size > 0], size[size > 0]
    if not len(members):
        return None
    open_hosts = plan.open_hosts(members)
    after_cpu = use[None, :, 0] + cpu_demand_mhz[members][:, None] / np.maximum(hosts.cpu_capacity_mhz, 1.0)[None, :]
    after_mem = use[None, :, 1] + plan.burden[members, 1][:, None] / np.maximum(hosts.mem_capacity_mib, 1.0)[None, :]
    held = (plan.load[None, :, 6] + plan.burden[members, 6][:, None]) / np.maximum(hosts.mem_capacity_mib, 1.0)[None, :]
    fits = open_hosts & (after_cpu <= high) & (after_mem <= high) & (held <= MEMORY_FULL)
    if not fits.any():
        return None
    row = int(np.where(fits.any(axis=1), size, -1.0).argmax())
    target = int(np.where(fits[row], np.maximum(after_cpu, after_mem)[row], np.inf).argmin())
    return int(members[row]), target
