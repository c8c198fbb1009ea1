"""Clusters made from a seed, for benchmarks: sizes, rules and an uneven load as a busy site would have them."""

from __future__ import annotations

import numpy as np

from domain.resources import host_cpu_for_vms_mhz, host_memory_for_vms_mib, overhead_mib
from domain.snapshot import ClusterSnapshot, Floats, HostTable, Ints, PoolTable, Rule, RuleKind, VmTable

CORES, CORE_MHZ, HOST_MEMORY_MIB = 32, 2600.0, 768 * 1024.0
# Dell R740 (2017q3), SPECpower_ssj2008 result 20170829-00780: watts at 0, 10, … 100 % load.
POWER_W = (52.3, 129, 147, 170, 195, 224, 255, 292, 344, 408, 457)
_POOLS = 12
_HOT_HOSTS_RATIO = 0.1  # of the hosts are asked for more than they have
_RULE_EVERY_VMS = 100


def synthetic_cluster(hosts: int, vms: int, seed: int = 1) -> ClusterSnapshot:
    """A cluster with 12 pools, a rule for every 100 VMs and a tenth of its hosts overloaded."""
    rng = np.random.default_rng(seed)
    host_ix = _uneven(rng, hosts, vms)
    return ClusterSnapshot(
        f"cluster-{seed}", _hosts(hosts), _vms(rng, vms, hosts, host_ix), _pools(), _rules(rng, vms, hosts, host_ix)
    )


def synthetic_clusters(hosts: int, vms: int, seed: int = 1) -> list[ClusterSnapshot]:
    """A whole vCenter: clusters of at most 96 hosts (vSphere's maximum), VMs spread evenly over them."""
    count = max(1, -(-hosts // 96))
    sizes = [hosts // count + (i < hosts % count) for i in range(count)]
    shares = [vms // count + (i < vms % count) for i in range(count)]
    return [synthetic_cluster(h, v, seed + i) for i, (h, v) in enumerate(zip(sizes, shares, strict=True))]


def _uneven(rng: np.random.Generator, hosts: int, vms: int) -> Ints:
    """Most VMs anywhere, some extra on the hot hosts."""
    hot = rng.choice(hosts, max(1, int(hosts * _HOT_HOSTS_RATIO)), replace=False)
    weight = np.ones(hosts)
    weight[hot] = 1.4
    return rng.choice(hosts, vms, p=weight / weight.sum()).astype(np.int64)


def _hosts(count: int) -> HostTable:
    return HostTable.build(
        [f"host-{i + 1}" for i in range(count)],
        cpu_capacity_mhz=host_cpu_for_vms_mhz(CORES, CORE_MHZ),
        mem_capacity_mib=host_memory_for_vms_mib(HOST_MEMORY_MIB),
        cores=CORES, logical_cpus=2 * CORES, core_mhz=CORE_MHZ, features=np.uint64(0xFF),
        datastores=np.ones((count, 8), dtype=bool), networks=np.ones((count, 8), dtype=bool), power_w=POWER_W,
    )  # fmt: skip


def _vms(rng: np.random.Generator, count: int, hosts: int, host_ix: Ints) -> VmTable:
    vcpus = rng.choice([1, 2, 4, 8], count, p=[0.3, 0.4, 0.2, 0.1])
    memory = rng.choice([2.0, 4.0, 8.0, 16.0], count, p=[0.3, 0.4, 0.2, 0.1]) * 1024.0
    demand = _demand(rng, vcpus, host_ix, hosts, count)
    return VmTable.build(
        [f"vm-{i + 1}" for i in range(count)],
        host_ix=host_ix, pool_ix=rng.integers(1, _POOLS + 1, count), vcpus=vcpus, cpu_max_mhz=vcpus * CORE_MHZ,
        mem_mib=memory, overhead_mib=[overhead_mib(int(c), int(m)) for c, m in zip(vcpus, memory, strict=True)],
        cpu_shares=vcpus * 1000.0, mem_shares=memory * 10,
        mem_reservation_mib=memory * rng.choice([0, 0, 0, 0.5], count),
        cpu_demand_mhz=demand, cpu_demand_300s_mhz=demand, cpu_demand_2400s_mhz=demand, cpu_p05_mhz=demand * 0.7,
        cpu_p95_mhz=demand * 1.1, stable_s=1800.0, active_mib=memory * rng.uniform(0.1, 0.5, count),
        consumed_mib=memory * rng.uniform(0.7, 1.0, count), dirty_mibps=rng.uniform(1, 50, count),
        net_mibps=rng.uniform(0, 4, count), features=np.uint64(0x0F),
        datastores=rng.random((count, 8)) < 0.2, networks=rng.random((count, 8)) < 0.2,
    )  # fmt: skip


def _demand(rng: np.random.Generator, vcpus: Ints, host_ix: Ints, hosts: int, count: int) -> Floats:
    """Beta-distributed use, scaled so that the average host is at 70 %: the crowded ones are short."""
    use = vcpus * CORE_MHZ * rng.beta(2, 5, count)
    capacity = hosts * host_cpu_for_vms_mhz(CORES, CORE_MHZ)
    scaled: Floats = np.minimum(use * 0.7 * capacity / max(use.sum(), 1.0), vcpus * CORE_MHZ)
    return scaled


def _pools() -> PoolTable:
    names = ["resgroup-1"] + [f"resgroup-{i + 2}" for i in range(_POOLS)]
    shares = [4000.0] + [float([2000, 4000, 8000][i % 3]) for i in range(_POOLS)]
    return PoolTable.build(names, parent=[-1] + [0] * _POOLS, cpu_shares=shares, mem_shares=np.array(shares) * 40.96)


def _rules(rng: np.random.Generator, vms: int, hosts: int, host_ix: Ints) -> tuple[Rule, ...]:
    """A third each: keep apart, keep together, must run on half of the hosts; a few are violated at the start."""
    rules = []
    for key in range(vms // _RULE_EVERY_VMS):
        members = tuple(int(v) for v in rng.choice(vms, 3, replace=False))
        kind = (RuleKind.ANTI_AFFINITY, RuleKind.AFFINITY, RuleKind.VM_HOST)[key % 3]
        chosen: tuple[int, ...] = ()
        if kind is RuleKind.AFFINITY:  # most groups are together already
            members = tuple(int(v) for v in np.flatnonzero(host_ix == host_ix[members[0]])[:3])
        if kind is RuleKind.VM_HOST:
            half = set(rng.choice(hosts, max(hosts // 2, 1), replace=False).tolist())
            chosen = tuple(sorted(half | {int(host_ix[v]) for v in members[:2]}))
        rules.append(Rule(key + 1, f"rule-{key + 1}", kind, members, chosen, mandatory=True, order=key))
    return tuple(rules)
