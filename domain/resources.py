"""Shares, overhead and admission control: who may start where (vSphere Resource Management guide).

CPU in MHz, memory in MiB, a limit of -1 means unlimited.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.states import SharesLevel

UNLIMITED = -1

# Shares per vCPU and per MiB of configured memory; a pool counts as 4 vCPU and 16 GiB.
CPU_SHARES_PER_VCPU = {SharesLevel.LOW: 500, SharesLevel.NORMAL: 1000, SharesLevel.HIGH: 2000}
MEMORY_SHARES_PER_MIB = {SharesLevel.LOW: 5, SharesLevel.NORMAL: 10, SharesLevel.HIGH: 20}
POOL_CPU_SHARES = {SharesLevel.LOW: 2000, SharesLevel.NORMAL: 4000, SharesLevel.HIGH: 8000}
POOL_MEMORY_SHARES = {SharesLevel.LOW: 81_920, SharesLevel.NORMAL: 163_840, SharesLevel.HIGH: 327_680}

# Of the hardware, what the hypervisor keeps for itself (a modelling decision).
HYPERVISOR_CPU_RATIO = 0.03
HYPERVISOR_MEMORY_MIB = 1500
HYPERVISOR_MEMORY_RATIO = 0.015
# A hosted (type 2) hypervisor shares the machine with a general-purpose OS: its desktop, services and page cache.
HOST_OS_CPU_RATIO = 0.08
HOST_OS_MEMORY_MIB = 4096
# HA and slot policies count a VM without a reservation as this much CPU.
DEFAULT_SLOT_MHZ = 32


@dataclass(frozen=True, slots=True)
class Allocation:
    """Reservation, limit and shares of one resource for a VM or a pool, in MHz or MiB."""

    reservation: int = 0
    limit: int = UNLIMITED
    shares: int = 1000
    level: SharesLevel = SharesLevel.NORMAL
    expandable: bool = True


def vm_cpu_shares(level: SharesLevel, vcpus: int, custom: int = 0) -> int:
    """CPU shares of a VM: 500, 1000 or 2000 per vCPU, or the custom figure."""
    return custom if level == SharesLevel.CUSTOM else CPU_SHARES_PER_VCPU[level] * vcpus


def vm_memory_shares(level: SharesLevel, memory_mib: int, custom: int = 0) -> int:
    """Memory shares of a VM: 5, 10 or 20 per MiB configured, or the custom figure."""
    return custom if level == SharesLevel.CUSTOM else MEMORY_SHARES_PER_MIB[level] * memory_mib


def pool_cpu_shares(level: SharesLevel, custom: int = 0) -> int:
    return custom if level == SharesLevel.CUSTOM else POOL_CPU_SHARES[level]


def pool_memory_shares(level: SharesLevel, custom: int = 0) -> int:
    return custom if level == SharesLevel.CUSTOM else POOL_MEMORY_SHARES[level]


def overhead_mib(vcpus: int, memory_mib: int) -> float:
    """Memory that the hypervisor needs to run a VM: a fit to table 6-1 of the RM guide 6.7 (0.44 %)."""
    return 14.355 + 3.991 * vcpus + 0.007420 * memory_mib


def host_cpu_for_vms_mhz(cores: int, core_mhz: float, hosted: bool = False) -> float:
    """CPU that a host can give to VMs; hyper-threads add nothing."""
    return cores * core_mhz * (1.0 - HYPERVISOR_CPU_RATIO - (HOST_OS_CPU_RATIO if hosted else 0.0))


def host_memory_for_vms_mib(memory_mib: float, hosted: bool = False) -> float:
    """Memory that a host can give to VMs."""
    system = HYPERVISOR_MEMORY_MIB + HYPERVISOR_MEMORY_RATIO * memory_mib + (HOST_OS_MEMORY_MIB if hosted else 0)
    return max(0.0, memory_mib - system)


@dataclass(slots=True)
class PoolNode:
    """One pool of a tree for one resource: what it guarantees and what its powered-on VMs have reserved."""

    key: str
    parent: str | None
    reservation: float
    limit: float = UNLIMITED
    expandable: bool = True
    vm_reserved: float = 0.0
    children: list[str] = field(default_factory=list)


class PoolTree:
    """Reservation accounting of one cluster or standalone host for one resource.

    `used(p)` = reservations of powered-on VMs directly in p + for each child max(its reservation, what it uses).
    `available(p)` = what p has left + what its parent has left if p is expandable; an ancestor's limit caps it.
    Cost: O(pools) to build, O(depth) per question after `used` was computed once.
    """

    def __init__(self, nodes: Mapping[str, PoolNode]) -> None:
        self.nodes = dict(nodes)
        for node in self.nodes.values():
            node.children = []
        for node in self.nodes.values():
            if node.parent is not None:
                self.nodes[node.parent].children.append(node.key)
        self._used: dict[str, float] = {}

    def used(self, key: str) -> float:
        if key not in self._used:
            node = self.nodes[key]
            below = sum(max(self.nodes[c].reservation, self.used(c)) for c in node.children)
            self._used[key] = node.vm_reserved + below
        return self._used[key]

    def available(self, key: str) -> float:
        """What a new reservation directly in this pool may take, in the tree's unit."""
        node = self.nodes[key]
        own = max(0.0, node.reservation - self.used(key))
        if node.expandable and node.parent is not None:
            own += self.available(node.parent)
        if node.limit != UNLIMITED:
            own = min(own, max(0.0, node.limit - self.used(key)))
        return own

    def admits(self, key: str, reservation: float) -> bool:
        return reservation <= self.available(key) + 1e-6

    def consistent(self) -> bool:
        """False (a red cluster) where a pool that may not expand holds more than it guarantees."""
        return all(
            n.expandable or n.parent is None or self.used(k) <= n.reservation + 1e-6 for k, n in self.nodes.items()
        )

    def overcommitted(self, root: str) -> bool:
        """True (a yellow cluster) where the root guarantees more than the hosts have."""
        return self.used(root) > self.nodes[root].reservation + 1e-6
