"""Carry out a plan move by move on a bare copy of the cluster, complaining about everything that must never happen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from domain.snapshot import ClusterSnapshot, RuleKind, VMotionTrouble
from scheduler.engine.results import CyclePlan
from scheduler.engine.rules import RuleBook


def follow(snapshot: ClusterSnapshot, plan: CyclePlan) -> ClusterSnapshot:
    """Apply every move in order; returns the cluster afterwards."""
    at = {moref: row for row, moref in enumerate(snapshot.hosts.moref)}
    vm_at = {moref: row for row, moref in enumerate(snapshot.vms.moref)}
    host_ix = snapshot.vms.host_ix.copy()
    book = RuleBook(snapshot)
    done: set[str] = set()
    for move in plan.moves:
        vm, target = vm_at[move.vm], at[move.destination]
        assert host_ix[vm] == at[move.source], "starts where the VM is, so no VM moves twice"
        assert at[move.source] != target
        assert set(move.prerequisites) <= done, "prerequisites come first"
        _check_vmotion(snapshot, int(host_ix[vm]), target)
        _check_arrival(snapshot, book, host_ix, vm, target)
        host_ix[vm] = target
        done.add(move.key)
    assert len({move.vm for move in plan.moves}) == len(plan.moves)
    return snapshot.with_hosts_of(host_ix)


def _check_vmotion(snapshot: ClusterSnapshot, source: int, target: int) -> None:
    hosts = snapshot.hosts
    for host in (source, target):
        assert hosts.vmotion_trouble[host] == VMotionTrouble.NONE
        assert hosts.vmotion_licensed[host]
    assert hosts.vmotion_ipv6[source] == hosts.vmotion_ipv6[target]


def _check_arrival(snapshot: ClusterSnapshot, book: RuleBook, host_ix: np.ndarray, vm: int, target: int) -> None:
    hosts, vms = snapshot.hosts, snapshot.vms
    assert hosts.accepting[target], "no VM goes to a host that is leaving, asleep or lost"
    assert book.must_ok[vm, target], "required rules are never broken"
    assert not (vms.features[vm] & ~hosts.features[target])
    assert not (vms.datastores[vm] & ~hosts.datastores[target]).any()
    assert not (vms.networks[vm] & ~hosts.networks[target]).any()
    assert vm not in vms.immovable
    assert vms.automation[vm] != 0
    here = np.flatnonzero(snapshot.placed & (host_ix == target))
    cpu = vms.cpu_reservation_mhz[here].sum() + vms.cpu_reservation_mhz[vm]
    memory = (
        (vms.mem_reservation_mib + vms.overhead_mib)[here].sum() + vms.mem_reservation_mib[vm] + vms.overhead_mib[vm]
    )
    assert cpu <= hosts.cpu_capacity_mhz[target] + 1e-3, "reserved CPU fits at every step"
    assert memory <= hosts.mem_capacity_mib[target] + 1e-3, "reserved memory fits at every step"
    for rule in book.in_force:
        if rule.kind is RuleKind.ANTI_AFFINITY and vm in rule.vms:
            assert not set(rule.vms) & set(here.tolist()), "a plan never brings together what a rule separates"


def after_moves(snapshot: ClusterSnapshot, plan: CyclePlan, now_s: float) -> ClusterSnapshot:
    """The cluster once the plan was carried out, with the VMs' move times."""
    final = follow(snapshot, plan)
    moved_s = snapshot.vms.moved_s.copy()
    moved = final.vms.host_ix != snapshot.vms.host_ix
    moved_s[moved] = now_s
    return replace(final, vms=final.vms.with_columns(moved_s=moved_s))
