"""License and IP family of vMotion: what planning makes of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.licensing import PRODUCTS, Edition, allows_vmotion, cores_needed
from scheduler.engine.compat import Against, prechecks, vmotion_faults
from scheduler.engine.drs import evacuation_plan, plan_cycle
from scheduler.engine.results import CyclePlan
from tests.engine.clusters import random_cluster
from tests.engine.follow import follow
from tests.engine.scenario import Scenario, parse, read

NOW_S = 10_000.0
FAMILIES = """
    host four cpu=20000 mem=65536
    host too cpu=20000 mem=65536
    host six cpu=20000 mem=65536 vmotion_ipv6
    host none cpu=20000 mem=65536 vmotion_ipv6 vmotion_trouble=1
    host unlicensed cpu=20000 mem=65536 vmotion_licensed=false
    vm here on=four cpu=100 mem=1024
    vm there on=six cpu=100 mem=1024
    vm stuck on=unlicensed cpu=100 mem=1024
"""


def changed(scenario: Scenario, name: str, **columns: bool) -> Scenario:
    """The scenario with other values of one host."""
    hosts = scenario.snapshot.hosts
    made = {key: getattr(hosts, key).copy() for key in columns}
    for key, value in columns.items():
        made[key][scenario.host(name)] = value
    return replace(scenario, snapshot=replace(scenario.snapshot, hosts=hosts.with_columns(**made)))


def cycle(scenario: Scenario) -> CyclePlan:
    plan = plan_cycle(scenario.snapshot, scenario.options, NOW_S)
    follow(scenario.snapshot, plan)
    return plan


def test_families_and_licenses_are_compared_per_pair() -> None:
    scenario = parse(FAMILIES)
    against = prechecks(scenario.snapshot) & Against.VMOTION > 0
    assert against.tolist() == [
        [False, False, True, True, True],
        [True, True, False, True, True],
        [True, True, True, True, True],
    ]
    assert not (prechecks(scenario.snapshot, live=False) & Against.VMOTION).any()


def test_every_fault_says_whose_it_is() -> None:
    hosts = parse(FAMILIES).snapshot.hosts
    apart = vmotion_faults(hosts, 2, 0)
    assert [fault.name for fault in apart] == ["VMotionInterfaceIssue"]
    assert all(word in apart[0].sentence for word in ("“four” IPv4", "“six” IPv6", "Configure"))
    assert [fault.fields for fault in vmotion_faults(hosts, 0, 4)] == [{"host": "unlicensed", "atSourceHost": True}]
    assert [fault.name for fault in vmotion_faults(hosts, 3, 0)] == ["VMotionNotConfigured"], "it has no family then"
    both = vmotion_faults(hosts.with_columns(vmotion_licensed=False), 2, 0)
    assert [fault.name for fault in both] == ["VMotionNotLicensed", "VMotionNotLicensed", "VMotionInterfaceIssue"]


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_bit_and_the_faults_say_the_same(seed: int) -> None:
    snapshot = random_cluster(seed)
    codes = prechecks(snapshot)
    for vm, host in np.ndindex(codes.shape):
        said = vmotion_faults(snapshot.hosts, host, int(snapshot.vms.host_ix[vm]))
        assert bool(said) is bool(codes[vm, host] & Against.VMOTION)


@pytest.mark.parametrize("columns", [{"vmotion_licensed": False}, {"vmotion_ipv6": True}])
def test_drs_takes_nothing_from_a_host_that_nobody_can_leave(columns: dict[str, bool]) -> None:
    scenario = read("hot_host")
    hot = scenario.snapshot.hosts.name[int(np.bincount(scenario.snapshot.vms.host_ix).argmax())]
    assert cycle(scenario).moves
    assert cycle(changed(scenario, hot, **columns)).moves == ()


@pytest.mark.parametrize("columns", [{"vmotion_licensed": False}, {"vmotion_ipv6": True}])
def test_drs_sends_nothing_where_nobody_can_arrive(columns: dict[str, bool]) -> None:
    scenario = read("hot_host")
    hosts = scenario.snapshot.hosts
    for target in {move.destination for move in cycle(scenario).moves}:
        plan = cycle(changed(scenario, hosts.name[hosts.moref.index(target)], **columns))
        assert target not in {move.destination for move in plan.moves}


def test_dpm_leaves_a_host_on_that_it_cannot_empty_and_says_why() -> None:
    scenario = read("night")
    off = [action.host for action in cycle(scenario).power_actions]
    assert off
    for host in off:
        name = scenario.snapshot.hosts.name[scenario.snapshot.hosts.moref.index(host)]
        plan = cycle(changed(scenario, name, vmotion_licensed=False))
        assert host not in [action.host for action in plan.power_actions]
        refusal = next(one for one in plan.refusals if (one.kind, one.entity) == ("powerOff", host))
        assert "license" in str(refusal.fields["why"])


def test_what_cannot_leave_for_maintenance_is_told_with_the_fault() -> None:
    scenario = parse(FAMILIES)
    for name, fault in (("unlicensed", "VMotionNotLicensed"), ("six", "VMotionInterfaceIssue")):
        plan = evacuation_plan(scenario.snapshot, scenario.host(name), scenario.options, NOW_S)
        assert plan.moves == ()
        assert fault in {one.name for one in plan.faults[0].hosts.values()}


def test_a_cpu_counts_as_sixteen_cores_at_least() -> None:
    assert [cores_needed(*host) for host in ((1, 8), (1, 16), (2, 16), (2, 48), (2, 40), (4, 100))] == [
        16, 16, 32, 48, 40, 100,
    ]  # fmt: skip
    assert cores_needed(2, 33) == 34, "CPUs of unequal size count as the larger"
    assert allows_vmotion("")
    assert {one for one in PRODUCTS if not allows_vmotion(one)} == {Edition.ESSENTIALS}
    assert set(PRODUCTS) == set(Edition)
