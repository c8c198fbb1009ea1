"""A quick estimate of a host's score loss from its sums, to choose candidates worth an exact look.

All VMs of a host are taken as one: weight·100·(1 - E_cpu·E_mem·E_net) with the efficiencies of score.py on totals.
"""

from __future__ import annotations

import numpy as np

from domain.snapshot import Floats, HostTable, Ints
from scheduler.engine.score_constants import BURST_TAX, CACHE_KNEE, CACHE_TAX, NET_KNEE, NET_TAX, RECLAIM_TAX

_TYPICAL_HEADROOM_MIB = 256.0  # a quarter of a typical VM's idle memory


def host_loss(load: Floats, hosts: HostTable, at: Ints) -> Floats:
    """Estimated Σ weight·(100 - score).  load: (..., 7) as ``Plan.load``; at: host row per entry."""
    cpu = load[..., 0] / np.maximum(hosts.cpu_capacity_mhz[at], 1e-9)
    room = np.maximum(hosts.mem_capacity_mib[at], 1e-9)
    mem, net = load[..., 1] / room, load[..., 2] / np.maximum(hosts.nic_mibps[at], 1e-9)
    e_cpu = np.minimum(1.0, 1.0 / np.maximum(cpu, 1e-9)) * (1 - CACHE_TAX * ramp(np.minimum(cpu, 1.0), CACHE_KNEE))
    tight = np.clip(1 - (1 - mem) * room / _TYPICAL_HEADROOM_MIB, 0.0, 1.0)
    e_mem = np.minimum(1.0, 1.0 / np.maximum(mem, 1e-9)) - BURST_TAX * tight
    e_mem = np.maximum(e_mem - reclaim_loss(load[..., 6], load[..., 1], room), 0.0)
    loss: Floats = 100.0 * load[..., 3] * (1 - e_cpu * e_mem * net_share(net))
    return loss


def reclaim_loss(held: Floats, demand: Floats, room: Floats) -> Floats:
    """Efficiency lost where VMs hold more memory than their host has, all in MiB: the excess is ballooned away."""
    loss: Floats = RECLAIM_TAX * np.maximum(held - room, 0.0) / np.maximum(demand, 1.0)
    return loss


def ramp(value: Floats, knee: float) -> Floats:
    """0 up to the knee, 1 at 100 %."""
    risen: Floats = np.clip((value - knee) / (1 - knee), 0.0, 1.0)
    return risen


def net_share(busy: Floats) -> Floats:
    """Share of its network demand that a VM gets on a NIC this busy."""
    share: Floats = np.minimum(1.0, 1.0 / np.maximum(busy, 1e-9)) * (1 - NET_TAX * ramp(busy, NET_KNEE))
    return share


def estimated_gains(load: Floats, burden: Floats, source: Ints, hosts: HostTable, targets: Ints) -> Floats:
    """(n, T) estimated gain in weighted points of moving each burden from its source to each target host."""
    every = np.arange(len(hosts))
    present = host_loss(load, hosts, every)
    relieved = present[source] - host_loss(load[source] - burden, hosts, source)
    arriving = host_loss(load[targets][None, :, :] + burden[:, None, :], hosts, targets[None, :])
    gain: Floats = relieved[:, None] - (arriving - present[targets][None, :])
    return gain
