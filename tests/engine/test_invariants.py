"""What no plan may ever do, on clusters that nobody would build on purpose."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.engine.drs import evacuation_plan, plan_cycle
from scheduler.engine.ha import failover
from scheduler.engine.placement import place, predict_failure
from scheduler.engine.score import ScoreModel
from scheduler.engine.state import Plan
from tests.engine.clusters import random_cluster, random_options
from tests.engine.follow import after_moves, follow

SEEDS = st.integers(0, 2**32 - 1)
NOW_S = 100_000.0


@settings(max_examples=80, deadline=None)
@given(SEEDS)
def test_every_step_respects_rules_hosts_and_reservations(seed: int) -> None:
    snapshot = random_cluster(seed)
    plan = plan_cycle(snapshot, random_options(seed), NOW_S)
    follow(snapshot, plan)
    json.dumps(plan.to_dict(), allow_nan=False)


@settings(max_examples=50, deadline=None)
@given(SEEDS)
def test_a_second_run_right_after_the_first_moves_nothing(seed: int) -> None:
    snapshot, options = random_cluster(seed), replace(random_options(seed), hold_s=0.0)
    options = replace(options, dpm=replace(options.dpm, enabled=False))
    after = after_moves(snapshot, plan_cycle(snapshot, options, NOW_S), NOW_S)
    again = plan_cycle(after, options, NOW_S + 1)
    assert [move.to_dict() for move in again.moves] == []


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_no_vm_returns_under_constant_demand(seed: int) -> None:
    snapshot, options = random_cluster(seed), random_options(seed)
    options = replace(options, dpm=replace(options.dpm, enabled=False))  # an emptied host may send a VM back
    visited = {vm: [int(host)] for vm, host in enumerate(snapshot.vms.host_ix)}
    for cycle in range(3):
        now_s = NOW_S + cycle * 400
        snapshot = after_moves(snapshot, plan_cycle(snapshot, options, now_s), now_s)
        for vm, host in enumerate(snapshot.vms.host_ix):
            if visited[vm][-1] != host:
                assert int(host) not in visited[vm], "A to B to A"
                visited[vm].append(int(host))


@settings(max_examples=50, deadline=None)
@given(SEEDS)
def test_balancing_never_makes_the_objective_worse(seed: int) -> None:
    snapshot = replace(random_cluster(seed, calm=True), rules=())
    options = replace(random_options(seed, threshold=5), even_distribution=False)
    options = replace(options, dpm=replace(options.dpm, enabled=False))
    plan = plan_cycle(snapshot, options, NOW_S)
    before = ScoreModel(Plan(snapshot, options)).scores().cluster
    if any(move.priority > 1 for move in plan.moves) and not any(move.priority == 1 for move in plan.moves):
        if options.engine == "score":
            assert plan.score_after > before
        else:
            assert plan.imbalance_after < plan.imbalance
    if options.engine == "score":
        assert plan.score_after <= plan.bound + 1e-6
    else:
        assert plan.imbalance_after >= plan.bound - 1e-9


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_one_impossible_vm_never_stops_a_cycle(seed: int) -> None:
    snapshot = random_cluster(seed, vms=20, calm=True)
    options = random_options(seed, threshold=3)
    huge = snapshot.vms.mem_reservation_mib.copy()
    huge[0] = 1e9
    impossible = replace(snapshot, vms=snapshot.vms.with_columns(mem_reservation_mib=huge))
    plan = plan_cycle(impossible, options, NOW_S)
    follow(impossible, plan)
    assert plan.vm_scores
    if snapshot.placed[0]:
        assert any(fault.vm == "vm-0" for fault in plan.faults)


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_power_off_keeps_capacity_and_the_utilisation_band(seed: int) -> None:
    snapshot = random_cluster(seed, hosts=6, calm=True)
    options = random_options(seed)
    options = replace(options, dpm=replace(options.dpm, enabled=True, threshold=5, min_hosts_on=2))
    plan = plan_cycle(snapshot, options, NOW_S)
    off = [snapshot.hosts.moref.index(a.host) for a in plan.power_actions if a.operation == "powerOff"]
    if not off:
        return
    final = follow(snapshot, plan)
    on = np.ones(6, dtype=bool)
    on[off] = False
    assert on.sum() >= 2
    assert failover(snapshot, options.ha, on).ok
    assert not np.isin(final.vms.host_ix[final.placed], off).any(), "hosts to be switched off are empty"
    for load in plan.hosts:
        if load.host not in {snapshot.hosts.moref[h] for h in off}:
            assert max(load.cpu_ratio_after, load.mem_ratio_after) <= options.dpm.high_ratio + 1e-9


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_a_flat_load_never_makes_power_flap(seed: int) -> None:
    snapshot = random_cluster(seed, hosts=6, calm=True)
    options = random_options(seed, ha=random_options(seed).ha)
    options = replace(options, dpm=replace(options.dpm, enabled=True, threshold=5))
    history: list[tuple[str, str]] = []
    for cycle in range(6):
        now_s = NOW_S + cycle * 900
        plan = plan_cycle(snapshot, options, now_s)
        snapshot = after_moves(snapshot, plan, now_s)
        history += [(action.host, action.operation) for action in plan.power_actions]
        snapshot = _switch(snapshot, plan.power_actions)
    assert len({host for host, _ in history}) == len(history), "no host is switched twice"


def _switch(snapshot, actions):  # type: ignore[no-untyped-def]
    standby = snapshot.hosts.standby.copy()
    for action in actions:
        standby[snapshot.hosts.moref.index(action.host)] = action.operation == "powerOff"
    return replace(snapshot, hosts=snapshot.hosts.with_columns(standby=standby, powered_on=~standby))


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_evacuation_empties_the_host_or_says_why_not(seed: int) -> None:
    snapshot, options = random_cluster(seed), random_options(seed)
    for host in np.flatnonzero(snapshot.hosts.running):
        plan = evacuation_plan(snapshot, int(host), options)
        final = follow(snapshot, plan)
        left = {final.vms.moref[vm] for vm in np.flatnonzero(final.placed & (final.vms.host_ix == host))}
        assert left <= {fault.vm for fault in plan.faults}


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_placement_gives_a_host_or_a_fault_and_a_verdict_for_every_host(seed: int) -> None:
    snapshot, options = random_cluster(seed), random_options(seed)
    off = np.flatnonzero(~snapshot.vms.powered_on)
    result = place(snapshot, off.tolist(), options)
    assert len(result.placements) == len(off)
    for placement in result.placements:
        assert (placement.host is None) != (placement.fault is None)
        assert len(placement.verdicts) == len(snapshot.hosts)
        assert all((verdict.score is None) != (verdict.fault is None) for verdict in placement.verdicts)
    for placement in result.attempted:
        host = snapshot.hosts.moref.index(str(placement.host))
        assert snapshot.hosts.accepting[host] or placement.power_on == placement.host


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_a_failure_loses_no_vm_silently(seed: int) -> None:
    snapshot, options = random_cluster(seed), random_options(seed)
    for host in np.flatnonzero(snapshot.hosts.running):
        found = predict_failure(snapshot, int(host), options)
        victims = {snapshot.vms.moref[vm] for vm in np.flatnonzero(snapshot.placed & (snapshot.vms.host_ix == host))}
        told = [p.vm for p in (*found.restarted, *found.stranded)] + list(found.unprotected)
        assert sorted(told) == sorted(victims)
        assert all(p.host != snapshot.hosts.moref[host] for p in found.restarted)


@pytest.mark.parametrize("engine", ["score", "classic"])
def test_the_same_cluster_gives_the_same_plan(engine: str) -> None:
    snapshot = random_cluster(11, vms=30)
    options = random_options(11, engine=engine, threshold=5)
    first, second = plan_cycle(snapshot, options, NOW_S), plan_cycle(snapshot, options, NOW_S)
    assert first.to_dict() == second.to_dict()
