"""Where VMs start, restart, and what lint finds before it hurts."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from scheduler.engine.compat import Against, prechecks
from scheduler.engine.lint import lint
from scheduler.engine.options import HaOptions
from scheduler.engine.placement import place, predict_failure, stranded_by
from scheduler.engine.state import Plan
from tests.engine.clusters import random_cluster, random_options
from tests.engine.scenario import parse, read


def test_the_expandable_pool_example_of_the_manual() -> None:
    scenario = read("admission")
    result = place(scenario.snapshot, [scenario.vm(n) for n in ("k1", "k2", "k3")], scenario.options)
    assert [p.vm for p in result.attempted] == ["vm-2", "vm-3"]
    fault = result.not_attempted[0].fault
    assert fault is not None
    assert fault.name == "InsufficientCpuResourcesFault"
    assert fault.fields["unreserved"] == 1000
    json.dumps(result.to_dict(), allow_nan=False)


def test_a_vm_starts_where_it_runs_best_and_every_host_has_a_verdict() -> None:
    scenario = parse("""
        host a cpu=20000 mem=65536
        host b cpu=20000 mem=65536
        host c cpu=20000 mem=65536 maintenance
        vm w1 on=a cpu=18000 mem=4096 vcpus=9
        vm new on=- cpu=0 mem=4096 powered_on=false vcpus=4
    """)
    placement = place(scenario.snapshot, [1], scenario.options).placements[0]
    assert placement.host == "host-2"
    verdicts = {v.host: v for v in placement.verdicts}
    assert verdicts["host-1"].score < verdicts["host-2"].score  # type: ignore[operator]
    assert verdicts["host-3"].fault is not None
    assert verdicts["host-3"].fault.name == "InvalidHostState"


def test_a_group_sees_its_own_members() -> None:
    scenario = parse("""
        host a cpu=20000 mem=65536
        host b cpu=20000 mem=65536
        vm w1 on=a cpu=0 mem=1024 powered_on=false
        vm w2 on=a cpu=0 mem=1024 powered_on=false
        vm w3 on=a cpu=0 mem=1024 powered_on=false
        rule apart pair w1 w2
    """)
    result = place(scenario.snapshot, [0, 1, 2], scenario.options)
    assert result.placements[0].host != result.placements[1].host
    assert len(result.attempted) == 3


def test_a_migration_makes_room_for_a_start() -> None:
    scenario = parse("""
        host a cpu=20000 mem=8192
        host b cpu=20000 mem=8192
        vm w1 on=a cpu=100 mem=4096 r_mem=4096
        vm w2 on=b cpu=100 mem=4096 r_mem=4096
        vm big on=a cpu=0 mem=7168 r_mem=7168 powered_on=false
    """)
    tight = scenario.snapshot.hosts.with_columns(mem_capacity_mib=[8192.0, 8500.0])
    placement = place(replace(scenario.snapshot, hosts=tight), [2], scenario.options).placements[0]
    assert placement.host is not None
    assert len(placement.prerequisites) == 1


def test_a_standby_host_is_woken_for_a_start() -> None:
    scenario = parse("""
        option dpm.enabled true
        host a cpu=20000 mem=4096
        host s cpu=20000 mem=65536 standby powered_on=false
        vm w1 on=a cpu=100 mem=2048
        vm big on=a cpu=0 mem=8192 r_mem=8192 powered_on=false
    """)
    placement = place(scenario.snapshot, [1], scenario.options).placements[0]
    assert (placement.host, placement.power_on) == ("host-2", "host-2")


def test_only_hosts_in_standby_left_has_its_own_fault() -> None:
    scenario = parse("""
        host s cpu=20000 mem=65536 standby powered_on=false
        host t cpu=20000 mem=65536 standby powered_on=false
        vm w1 on=s cpu=0 mem=2048 powered_on=false
    """)
    fault = place(scenario.snapshot, [0], scenario.options).placements[0].fault
    assert fault is not None
    assert fault.name in {"InsufficientStandbyResource", "InsufficientMemoryResourcesFault"}


def test_over_commitment_and_failover_refuse_power_on() -> None:
    scenario = parse("""
        host a cpu=20000 mem=65536 cores=2
        host b cpu=20000 mem=65536 cores=2
        vm w1 on=a cpu=100 mem=30000 r_mem=30000 vcpus=4
        vm new on=a cpu=0 mem=30000 r_mem=30000 vcpus=4 powered_on=false
        vm tiny on=a cpu=0 mem=1024 vcpus=4 powered_on=false
    """)
    strict = replace(scenario.options, max_vcpus_per_cluster_pct=150.0)
    fault = place(scenario.snapshot, [2], strict).placements[0].fault
    assert fault is not None
    assert "over-commitment" in fault.fields["reason"]
    ha = replace(scenario.options, ha=HaOptions(enabled=True, mem_ratio=0.6))
    assert place(scenario.snapshot, [1], ha).placements[0].fault.name == "InsufficientFailoverResourcesFault"  # type: ignore[union-attr]


def test_a_failed_host_restarts_by_priority_and_tells_who_is_stranded() -> None:
    scenario = parse("""
        host a cpu=20000 mem=65536
        host b cpu=20000 mem=6144
        vm low on=a cpu=100 mem=3072 r_mem=3072 restart_priority=2
        vm high on=a cpu=100 mem=3072 r_mem=3072 restart_priority=4
        vm off on=a cpu=100 mem=1024 restart_priority=0
        vm here on=b cpu=100 mem=1024
    """)
    found = predict_failure(scenario.snapshot, 0, scenario.options)
    assert [p.vm for p in found.restarted] == ["vm-2"]
    assert [p.vm for p in found.stranded] == ["vm-1"]
    assert found.unprotected == ("vm-3",)
    assert found.stranded[0].fault is not None
    json.dumps(found.to_dict(), allow_nan=False)


def test_every_precheck_has_its_bit() -> None:
    scenario = parse("""
        host good cpu=20000 mem=65536
        host lost cpu=20000 mem=65536 connected=false
        host maint cpu=20000 mem=65536 maintenance
        host spare cpu=20000 mem=65536 failover
        host novmo cpu=20000 mem=65536 vmotion_trouble=1
        host small cpu=20000 mem=65536 logical_cpus=1
        host old cpu=20000 mem=65536 hardware_version=1
        vm w1 on=good cpu=100 mem=1024 hardware_version=19 vcpus=4
    """)
    codes = prechecks(scenario.snapshot)[0]
    wanted = [0, Against.HOST_CONNECTION, Against.HOST_STATE, Against.FAILOVER_HOST, Against.VMOTION,
              Against.LOGICAL_CPUS, Against.HARDWARE_VERSION]  # fmt: skip
    assert codes.tolist() == [int(code) for code in wanted]


def test_features_datastores_and_networks_are_compared_bit_by_bit() -> None:
    scenario = parse("""
        host a cpu=20000 mem=65536
        host b cpu=20000 mem=65536
        vm w1 on=a cpu=100 mem=1024
    """)
    hosts = scenario.snapshot.hosts.with_columns(
        features=np.array([7, 3], dtype=np.uint64), datastores=[[1, 1], [1, 0]], networks=[[1, 1], [0, 1]]
    )
    vms = scenario.snapshot.vms.with_columns(
        features=np.array([4], dtype=np.uint64), datastores=[[0, 1]], networks=[[1, 0]]
    )
    codes = prechecks(replace(scenario.snapshot, hosts=hosts, vms=vms))[0]
    assert codes[0] == 0
    assert codes[1] == Against.CPU_FEATURES | Against.DATASTORE | Against.NETWORK


@pytest.mark.parametrize("seed", range(40))
def test_who_is_stranded_is_known_without_the_rest_of_a_prediction(seed: int) -> None:
    snapshot, options = random_cluster(seed, calm=seed % 2 == 0), random_options(seed)
    if seed % 4 < 2:  # full to the brim: every megabyte is reserved
        full = snapshot.vms.mem_mib * 2.5
        snapshot = replace(snapshot, vms=snapshot.vms.with_columns(mem_mib=full, mem_reservation_mib=full))
    plan = Plan(snapshot, options)
    room, on = plan.room.copy(), plan.on.copy()
    for host in range(len(snapshot.hosts)):
        predicted = [placement.vm for placement in predict_failure(snapshot, host, options).stranded]
        assert [snapshot.vms.moref[vm] for vm in stranded_by(plan, host)] == predicted
    np.testing.assert_array_equal(plan.room, room)
    np.testing.assert_array_equal(plan.on, on)


# --- lint -----------------------------------------------------------------------------------------------------------
def codes(text: str, **changes: object) -> list[str]:
    scenario = parse(text)
    return [f.code for f in lint(scenario.snapshot, replace(scenario.options, **changes))]  # type: ignore[arg-type]


def test_a_healthy_cluster_has_no_findings() -> None:
    assert codes("""
        host a cpu=20000 mem=65536
        host b cpu=20000 mem=65536
        vm w1 on=a cpu=100 mem=1024
    """) == []  # fmt: skip


def test_lint_finds_what_will_go_wrong() -> None:
    found = lint(
        parse("""
            option ha.enabled true
            host a cpu=20000 mem=65536 entering_maintenance
            host b cpu=20000 mem=8192
            pool p cpu_expandable=false cpu_reservation_mhz=1000
            pool q parent=p cpu_reservation_mhz=3000
            vm w1 on=a cpu=100 mem=1024 drs=disabled
            vm w2 on=b cpu=100 mem=1024
            vm lic on=b cpu=100 mem=1024
            vm giant on=a cpu=100 mem=99999 r_mem=99999
            rule together old w1 w2
            rule apart new w1 w2
            rule must-run tie lic -> b
        """).snapshot,
        parse("option ha.enabled true\nhost a\nhost b").options,
    )
    by_code = {f.code: f for f in found}
    assert {"rule-conflict", "pool-overcommitted", "vm-fits-nowhere", "vm-single-host", "maintenance-stuck"} <= set(
        by_code
    )
    assert by_code["pool-overcommitted"].fix % by_code["pool-overcommitted"].fields == (
        "Raise its reservation by 2000 MHz or make it expandable"
    )
    for finding in found:
        assert finding.message % finding.fields
        assert finding.fix % finding.fields


def test_a_power_management_that_can_never_act_is_found() -> None:
    text = """
        option dpm.enabled true
        host a cpu=20000 mem=65536 {a}
        host b cpu=20000 mem=65536 {b}
        vm w1 on=a cpu=100 mem=1024 {vm}
        vm w2 on=b cpu=100 mem=1024 {vm}
    """
    plain = {"a": "", "b": "", "vm": ""}
    assert codes(text.format(**plain)) == []
    assert codes(text.format(**{**plain, "a": "wakeable=false", "b": "dpm=disabled"})) == ["dpm-no-host"]
    assert codes(text.format(**{**plain, "vm": "drs=disabled"})) == ["dpm-pinned"]
    assert codes(text.format(**plain), enabled=False) == ["dpm-without-drs"]
