"""Who runs where, as index arrays: derived from the tables, kept until something changes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.resources import host_cpu_for_vms_mhz, host_memory_for_vms_mib, overhead_mib
from domain.waterfill import PoolForest, pool_demand
from hypervisors.simulated.state import FleetState
from hypervisors.simulated.tables import HostTable, Phase, Power

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_MIN_FREE_STEPS = ((4096.0, 0.06), (8192.0, 0.04), (16_384.0, 0.02), (np.inf, 0.01))
NORMAL_POOL_CPU_SHARES, NORMAL_POOL_MEMORY_SHARES = 4000.0, 163_840.0
MAX_POOL_DEPTH = 16


@dataclass(slots=True)
class Layout:
    """Index arrays over the n running VMs (`on`: their slots) and over host slots (H)."""

    on: Ints  # (n,)
    host: Ints  # (n,)
    tree_pool: Ints  # (n,) node of the pools below
    core_mhz: Floats  # (n,) of the host
    max_mhz: Floats  # (n,) vCPUs at full speed
    vcpus: Floats
    cpu_limit: Floats  # (n,) min(limit, max_mhz)
    cpu_reservation: Floats
    cpu_shares: Floats
    memory: Floats  # (n,) configured MiB
    mem_limit: Floats
    mem_reservation: Floats
    mem_shares: Floats
    overhead: Floats
    archetype: Ints
    home: Ints  # (n,) datastore, -1: none
    cpu_pools: PoolForest
    mem_pools: PoolForest
    limited_pools: Ints  # nodes of cpu_pools with a limit
    pool_count: Floats  # running VMs in and below each pool
    running: NDArray[np.bool_]  # (H,)
    cpu_mhz: Floats  # (H,) for VMs
    raw_mhz: Floats  # (H,) of the hardware
    cores: Floats
    mem_mib: Floats  # (H,) for VMs
    min_free: Floats


def min_free_mib(memory_mib: Floats) -> Floats:
    """6 % of the first 4 GB, 4 % of the next 8, 2 % of the next 16, 1 % of the rest (Epping & Denneman)."""
    rest, total = memory_mib.astype(np.float64), np.zeros(len(memory_mib))
    for size, ratio in _MIN_FREE_STEPS:
        part = np.minimum(rest, size)
        total, rest = total + ratio * part, rest - part
    return total


def host_capacity(hosts: HostTable) -> tuple[Floats, Floats]:
    """(MHz, MiB) that each host can give to VMs when it runs."""
    cores, mhz = hosts.cores.astype(np.float64), hosts.core_mhz.astype(np.float64)
    hosted = hosts.hosted.astype(np.float64)
    cpu = cores * mhz * (host_cpu_for_vms_mhz(1, 1.0) * (1 - hosted) + host_cpu_for_vms_mhz(1, 1.0, True) * hosted)
    memory = hosts.memory_mib.astype(np.float64)
    kept = [memory - _kept(memory, flag) for flag in (False, True)]
    return cpu, np.where(hosted > 0, kept[1], kept[0])


def _kept(memory: Floats, hosted: bool) -> Floats:
    """What the hypervisor keeps; linear in the memory, so two points of the domain's rule give the line."""
    large = 2.0**24
    fixed = large - host_memory_for_vms_mib(large, hosted)
    slope = (2 * large - host_memory_for_vms_mib(2 * large, hosted) - fixed) / large
    kept: Floats = np.minimum(memory, fixed + slope * (memory - large))
    return kept


def vm_overhead(vcpus: Floats, memory: Floats) -> Floats:
    """`domain.resources.overhead_mib` over arrays."""
    base, per_vcpu = overhead_mib(0, 0), overhead_mib(1, 0) - overhead_mib(0, 0)
    result: Floats = base + per_vcpu * vcpus + (overhead_mib(0, 1) - base) * memory
    return result


def build(state: FleetState) -> Layout:
    """The layout of a state; O(VMs + hosts + pools)."""
    vms, hosts = state.vms, state.hosts
    running = (hosts.exists == 1) & (hosts.phase == Phase.ON)
    on = np.flatnonzero((vms.power == Power.ON) & (vms.exists == 1))
    host = vms.host[on].astype(np.int64)
    cpu_mhz, mem_mib = host_capacity(hosts)
    vcpus, memory = vms.vcpus[on].astype(np.float64), vms.memory_mib[on].astype(np.float64)
    core_mhz = hosts.core_mhz[host].astype(np.float64)
    max_mhz = vcpus * core_mhz
    nodes, cpu_pools, mem_pools = _forests(state, on)
    tree_pool = nodes[vms.pool[on]]
    raw = hosts.cores.astype(np.float64) * hosts.core_mhz
    return Layout(
        on=on, host=host, tree_pool=tree_pool, core_mhz=core_mhz, max_mhz=max_mhz, vcpus=vcpus,
        cpu_limit=np.minimum(vms.cpu_limit_mhz[on], max_mhz), cpu_reservation=vms.cpu_reservation_mhz[on].astype(float),
        cpu_shares=vms.cpu_shares[on].astype(float), memory=memory,
        mem_limit=np.minimum(vms.mem_limit_mib[on], memory), mem_reservation=vms.mem_reservation_mib[on].astype(float),
        mem_shares=vms.mem_shares[on].astype(float), overhead=vm_overhead(vcpus, memory),
        archetype=vms.archetype[on].astype(np.int64), home=vms.home[on].astype(np.int64), cpu_pools=cpu_pools,
        mem_pools=mem_pools, limited_pools=np.flatnonzero((cpu_pools.limit >= 0) & (cpu_pools.parent >= 0)),
        pool_count=pool_demand(cpu_pools, tree_pool, np.ones(len(on))), running=running,
        cpu_mhz=np.where(running, cpu_mhz, 0.0), raw_mhz=raw,
        cores=np.maximum(hosts.cores.astype(np.float64), 1.0), mem_mib=np.where(running, mem_mib, 0.0),
        min_free=min_free_mib(hosts.memory_mib.astype(np.float64)),
    )  # fmt: skip


def _forests(state: FleetState, on: Ints) -> tuple[Ints, PoolForest, PoolForest]:
    """Pools as forests, parents first; the node of each pool slot (0: a root for VMs whose pool is unknown)."""
    pools = state.pools
    slots = np.flatnonzero(pools.exists)
    depth = _depths(pools.parent, slots)
    slots = slots[np.argsort(depth[slots], kind="stable")]
    nodes = np.zeros(pools.size + 1, dtype=np.int64)  # the last entry answers slot -1
    nodes[slots] = np.arange(1, len(slots) + 1)
    parent = np.concatenate([[-1], np.where(pools.parent[slots] < 0, -1, nodes[pools.parent[slots]])]).astype(np.int64)
    cpu_shares = _scaled(state, pools.cpu_shares, state.vms.cpu_shares, NORMAL_POOL_CPU_SHARES, on)
    mem_shares = _scaled(state, pools.mem_shares, state.vms.mem_shares, NORMAL_POOL_MEMORY_SHARES, on)

    def column(values: NDArray[np.float32], first: float) -> Floats:
        return np.concatenate([[first], values[slots].astype(np.float64)])

    cpu = PoolForest(parent, column(pools.cpu_reservation, 0), column(pools.cpu_limit, -1), column(cpu_shares, 1))
    mem = PoolForest(parent, column(pools.mem_reservation, 0), column(pools.mem_limit, -1), column(mem_shares, 1))
    return nodes, cpu, mem


def _depths(parent: NDArray[np.int32], slots: Ints) -> Ints:
    depth = np.zeros(len(parent), dtype=np.int64)
    for _ in range(len(slots)):
        deeper = np.where(parent[slots] >= 0, depth[parent[slots]] + 1, 0)
        if (deeper == depth[slots]).all():
            break
        depth[slots] = deeper
    return depth


def _scaled(
    state: FleetState, shares: NDArray[np.float32], vm_shares: NDArray[np.float32], normal: float, on: Ints
) -> NDArray[np.float32]:
    """Scalable shares: below a pool with the flag, a pool weighs as its level times the shares of its running VMs."""
    pools = state.pools
    if not pools.scalable.any():
        return shares
    below = np.zeros(pools.size)
    inside = on[state.vms.pool[on] >= 0]
    at = state.vms.pool[inside].astype(np.int64)
    weight = vm_shares[inside].astype(np.float64)
    scaled = np.zeros(pools.size, dtype=np.bool_)
    up = np.arange(pools.size)
    while len(at):
        np.add.at(below, at, weight)
        keep = pools.parent[at] >= 0
        at, weight = pools.parent[at[keep]].astype(np.int64), weight[keep]
    for _ in range(MAX_POOL_DEPTH):
        up = np.where(up >= 0, pools.parent[up], -1)
        scaled |= (up >= 0) & (pools.scalable[up] == 1)
    return np.where(scaled, shares / normal * below, shares).astype(np.float32)
