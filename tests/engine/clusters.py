"""Random clusters for property tests: small, nasty, reproducible from one seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from domain.faults import DisallowedMigrationDeviceAttached
from domain.snapshot import ClusterSnapshot, HostTable, PoolTable, Rule, RuleKind, VmTable
from scheduler.engine.options import DpmOptions, DrsOptions, HaOptions
from tests.engine.scenario import POWER_W

GIB = 1024.0


def random_cluster(
    seed: int, *, hosts: int | None = None, vms: int | None = None, calm: bool = False
) -> ClusterSnapshot:
    """A cluster that a year of careless operators might leave behind.  calm: nothing is leaving, broken or pinned."""
    rng = np.random.default_rng(seed)
    host_count = hosts or int(rng.integers(2, 7))
    vm_count = int(rng.integers(0, 36)) if vms is None else vms
    table = _hosts(rng, host_count, calm)
    table = table if calm else _vmotion(seed, table)
    pools = _pools(rng)
    made = _vms(rng, vm_count, table, pools, calm)
    snapshot = ClusterSnapshot("random", table, made, pools)
    return replace(snapshot, rules=_rules(rng, vm_count, host_count))


def random_options(seed: int, **fixed: object) -> DrsOptions:
    """Options an operator might choose."""
    rng = np.random.default_rng(seed + 7)
    options = DrsOptions(
        engine="classic" if rng.random() < 0.3 else "score",
        threshold=int(rng.integers(1, 6)),
        even_distribution=bool(rng.random() < 0.2),
        cost_benefit=bool(rng.random() < 0.8),
        dpm=DpmOptions(enabled=bool(rng.random() < 0.5), threshold=int(rng.integers(1, 6))),
        ha=HaOptions(enabled=bool(rng.random() < 0.4)),
    )
    return replace(options, **fixed)  # type: ignore[arg-type]


def _hosts(rng: np.random.Generator, count: int, calm: bool) -> HostTable:
    def rare(chance: float) -> np.ndarray:
        return (rng.random(count) < chance) & (not calm)

    standby = rare(0.15)
    return HostTable.build(
        [f"host-{i}" for i in range(count)],
        cpu_capacity_mhz=rng.choice([8000.0, 16000.0, 24000.0], count),
        mem_capacity_mib=rng.choice([16 * GIB, 32 * GIB, 64 * GIB], count),
        cores=8, logical_cpus=16, features=rng.choice([3, 7], count).astype(np.uint64),
        datastores=rng.random((count, 2)) < 0.85, networks=rng.random((count, 2)) < 0.9,
        standby=standby, powered_on=~standby, entering_maintenance=rare(0.1) & ~standby,
        maintenance=np.zeros(count, dtype=bool), connected=~rare(0.05),
        dpm_behavior=rng.choice([0, 1, 2], count, p=[0.1, 0.1, 0.8]), wakeable=~rare(0.1), wake_failed=rare(0.05),
        power_w=POWER_W, up_s=rng.choice([60.0, 1e6], count, p=[0.1, 0.9]),
    )  # fmt: skip


def _vmotion(seed: int, hosts: HostTable) -> HostTable:
    """Now and then a host without vMotion, without a license for it, or in another IP family."""
    rng, count = np.random.default_rng([seed, 1]), len(hosts)
    return hosts.with_columns(
        vmotion_trouble=rng.choice(4, count, p=[0.94, 0.02, 0.02, 0.02]), vmotion_licensed=rng.random(count) < 0.94,
        vmotion_ipv6=rng.random(count) < (0.3 if rng.random() < 0.2 else 0.0),
    )  # fmt: skip


def _pools(rng: np.random.Generator) -> PoolTable:
    count = int(rng.integers(1, 4))
    return PoolTable.build(
        [f"resgroup-{i}" for i in range(count)],
        parent=[-1, *[int(rng.integers(0, i)) for i in range(1, count)]],
        cpu_shares=rng.choice([2000.0, 4000.0, 8000.0], count), cpu_reservation_mhz=rng.choice([0.0, 2000.0], count),
        cpu_limit_mhz=rng.choice([-1.0, -1.0, 9000.0], count),
    )  # fmt: skip


def _vms(rng: np.random.Generator, count: int, hosts: HostTable, pools: PoolTable, calm: bool) -> VmTable:
    running = np.flatnonzero(hosts.running)
    vcpus = rng.choice([1, 2, 4], count)
    memory = rng.choice([1.0, 2.0, 4.0, 8.0], count) * GIB
    demand = vcpus * 2000.0 * rng.beta(1, 3, count)
    host_ix = rng.choice(running, count) if len(running) else np.full(count, -1)
    pinned = [vm for vm in range(count) if rng.random() < 0.03 and not calm]
    return VmTable.build(
        [f"vm-{i}" for i in range(count)],
        host_ix=host_ix, pool_ix=rng.integers(0, len(pools), count), powered_on=rng.random(count) < 0.92,
        vcpus=vcpus, cpu_max_mhz=vcpus * 2000.0, mem_mib=memory, overhead_mib=40.0, cpu_shares=vcpus * 1000.0,
        mem_shares=memory * 10, cpu_reservation_mhz=rng.choice([0.0, 0.0, 500.0], count),
        mem_reservation_mib=memory * rng.choice([0.0, 0.0, 0.5, 1.0], count), cpu_demand_mhz=demand,
        cpu_demand_300s_mhz=demand, cpu_demand_2400s_mhz=demand, cpu_p05_mhz=demand * 0.6, cpu_p95_mhz=demand * 1.2,
        stable_s=rng.choice([120.0, 900.0, 3600.0], count), active_mib=memory * rng.uniform(0.05, 0.6, count),
        consumed_mib=memory * rng.uniform(0.6, 1.0, count), dirty_mibps=rng.uniform(0, 200, count),
        net_mibps=rng.choice([0.0, 10.0, 300.0], count), features=_features(rng, count),
        datastores=rng.random((count, 2)) < 0.4, networks=rng.random((count, 2)) < 0.4,
        automation=rng.choice([0, 1, 2, 3], count, p=[0.04, 0.04, 0.04, 0.88]) if not calm else 3,
        immovable={vm: DisallowedMigrationDeviceAttached(name=f"vm-{vm}", device="PCI device 0") for vm in pinned},
    )  # fmt: skip


def _features(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.choice([1, 3, 7], count, p=[0.7, 0.2, 0.1]).astype(np.uint64)


def _rules(rng: np.random.Generator, vms: int, hosts: int) -> tuple[Rule, ...]:
    rules = []
    for key in range(int(rng.integers(0, 5))):
        kind = [RuleKind.AFFINITY, RuleKind.ANTI_AFFINITY, RuleKind.VM_HOST, RuleKind.VM_HOST][int(rng.integers(0, 4))]
        if vms < 3:
            continue
        members = tuple(int(v) for v in rng.choice(vms, int(rng.integers(2, 4)), replace=False))
        chosen = tuple(int(h) for h in rng.choice(hosts, int(rng.integers(1, hosts + 1)), replace=False))
        rules.append(Rule(
            key, f"rule-{key}", kind, members, chosen, affine=bool(rng.random() < 0.7),
            mandatory=bool(rng.random() < 0.5), order=key,
        ))  # fmt: skip
    return tuple(rules)
