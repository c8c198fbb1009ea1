"""DRS cycles on small clusters whose right answer a person can see."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from domain.faults import InvalidArgument
from domain.snapshot import DpmBehavior
from scheduler.engine.drs import evacuation_plan, plan_cycle
from scheduler.engine.options import DrsOptions, with_advanced
from scheduler.engine.results import CyclePlan, Reason
from tests.engine.follow import follow
from tests.engine.scenario import Scenario, parse, read

NOW_S = 10_000.0


def cycle(scenario: Scenario, **changes: object) -> CyclePlan:
    plan = plan_cycle(scenario.snapshot, replace(scenario.options, **changes), NOW_S)  # type: ignore[arg-type]
    follow(scenario.snapshot, plan)
    json.dumps(plan.to_dict())
    return plan


def moves(scenario: Scenario, plan: CyclePlan) -> dict[str, tuple[str, str, Reason]]:
    vms, hosts = scenario.snapshot.vms, scenario.snapshot.hosts
    name = dict(zip(hosts.moref, hosts.name, strict=True))
    who = dict(zip(vms.moref, vms.name, strict=True))
    return {who[m.vm]: (name[m.source], name[m.destination], m.reason) for m in plan.moves}


@pytest.mark.parametrize("engine", ["score", "classic"])
def test_a_hot_host_is_relieved(engine: str) -> None:
    scenario = read("hot_host")
    plan = cycle(scenario, engine=engine)
    assert plan.score < 70
    assert plan.score_after > 99
    assert plan.score_after <= plan.bound + 1e-6 or engine == "classic"
    for move in plan.moves:
        assert move.reason is Reason.CPU_BALANCE
        assert move.automatic
        assert 2 <= move.priority <= 3
        assert move.before["source_cpu_ratio"] > 1 > move.after["source_cpu_ratio"]
        assert move.after["vm_score"] > move.before["vm_score"]
        assert move.after["gain"] > 0


def test_threshold_one_makes_mandatory_moves_only() -> None:
    plan = cycle(read("hot_host"), threshold=1)
    assert plan.moves == ()
    assert "threshold 1" in plan.note


def test_a_host_without_contention_is_left_alone_however_lopsided() -> None:
    scenario = parse("""
        host a cpu=20000 mem=65536
        host b cpu=20000 mem=65536
        vm w1 on=a cpu=4000 mem=8192
        vm w2 on=a cpu=4000 mem=8192
    """)
    plan = cycle(scenario, threshold=5)
    assert plan.moves == ()
    assert plan.note == "No move would help: the virtual machines get what they are entitled to."


def test_a_bolder_threshold_would_move_is_told() -> None:
    scenario = parse("""
        option threshold 2
        host a cpu=20000 mem=65536
        host b cpu=20000 mem=65536
        vm w1 on=a cpu=4400 mem=4096 vcpus=4
        vm w2 on=a cpu=4400 mem=4096 vcpus=4
        vm w3 on=a cpu=4400 mem=4096 vcpus=4
        vm w4 on=a cpu=4400 mem=4096 vcpus=4
        vm w5 on=a cpu=4400 mem=4096 vcpus=4
    """)
    plan = cycle(scenario, threshold=2)
    if not plan.moves:
        refusal = next(r for r in plan.refusals if r.kind == "migrate")
        assert refusal.counterfactual % refusal.fields == f"would move at threshold {refusal.fields['priority']}"
        assert cycle(scenario, threshold=refusal.fields["priority"]).moves
    assert cycle(scenario, threshold=5).moves


def test_rules_are_repaired_with_their_reasons() -> None:
    scenario = read("rules")
    found = moves(scenario, cycle(scenario))
    web = {"web1", "web2"} & set(found)
    assert len(web) == 1
    assert found[web.pop()][2] is Reason.ANTI_AFFINITY
    assert found["lic"][1] in {"a", "b"}
    assert found["lic"][2] is Reason.MUST_RULE
    assert [found[vm][2] for vm in ("db", "cache") if vm in found] == [Reason.AFFINITY]
    assert found["soft"][1:] == ("c", Reason.SHOULD_RULE)


def test_preferred_rules_wait_for_threshold_two() -> None:
    scenario = read("rules")
    found = moves(scenario, cycle(scenario, threshold=1))
    assert "soft" not in found
    assert "lic" in found


CROWD = "\n".join([
    "option even_distribution true", *[f"host {host} cpu=20000 mem=65536" for host in "abc"],
    *[f"vm w{n} on=a cpu=500 mem=2048" for n in range(9)],
])  # fmt: skip


def test_an_even_number_of_vms_per_host_is_a_preference_like_any_other() -> None:
    """Nine on one of three hosts: three each, from threshold 2, with a priority that this threshold lets through."""
    plan = cycle(parse(CROWD), threshold=2)
    assert [host.vms_after for host in plan.hosts] == [3, 3, 3]
    assert {(move.reason, move.priority, move.automatic) for move in plan.moves} == {(Reason.EVEN_COUNT, 2, True)}
    assert cycle(parse(CROWD), threshold=1).moves == ()


def test_an_even_number_of_vms_per_host_breaks_no_rule() -> None:
    """Who is kept together stays together, who prefers a host stays on it; the others are spread."""
    together = cycle(parse(f"{CROWD}\nrule together pair w0 w1 w2 w3"))
    assert not {"vm-1", "vm-2", "vm-3", "vm-4"} & {move.vm for move in together.moves}
    assert together.moves
    preferred = cycle(parse(f"{CROWD}\nrule should-run home w0 w1 w2 w3 w4 w5 -> a"))
    assert {move.vm for move in preferred.moves} == {"vm-7", "vm-8", "vm-9"}


def test_manual_vms_get_recommendations_that_wait() -> None:
    scenario = read("rules")
    automation = scenario.snapshot.vms.automation.copy()
    automation[scenario.vm("lic")] = 1
    snapshot = replace(scenario.snapshot, vms=scenario.snapshot.vms.with_columns(automation=automation))
    plan = plan_cycle(snapshot, scenario.options, NOW_S)
    waits = {move.vm: move.automatic for move in plan.moves}
    assert waits[snapshot.vms.moref[scenario.vm("lic")]] is False
    assert any(waits.values())


def test_maintenance_makes_room_and_names_who_cannot_leave() -> None:
    scenario = read("maintenance")
    plan = cycle(scenario)
    found = moves(scenario, plan)
    assert found["big"][2] is Reason.MAINTENANCE
    assert found["web"][2] is Reason.MAINTENANCE
    assert {"small1", "small2"} & set(found), "somebody made room"
    assert [(f.vm, f.fault.name) for f in plan.faults] == [("vm-1", "DrsDisabledOnVm")]
    big = next(move for move in plan.moves if move.vm == "vm-2")
    assert big.prerequisites, "the one that made room goes first"


def test_evacuation_shows_the_load_of_every_target() -> None:
    scenario = read("hot_host")
    plan = evacuation_plan(scenario.snapshot, 0, scenario.options)
    assert len(plan.moves) == 7
    before, after = plan.hosts[0], plan.hosts[0]
    assert (before.vms, after.vms_after) == (7, 0)
    assert max(load.cpu_ratio_after for load in plan.hosts) < 1


def test_a_contradiction_disables_the_newer_rule_and_says_so() -> None:
    scenario = parse("""
        host a cpu=20000 mem=65536
        host b cpu=20000 mem=65536
        vm w1 on=a cpu=100 mem=1024
        vm w2 on=a cpu=100 mem=1024
        rule together old w1 w2
        rule apart new w1 w2
    """)
    plan = cycle(scenario)
    assert plan.moves == ()
    assert [f.fault.name for f in plan.faults] == ["RuleConflict"]


def test_separated_vms_must_each_have_a_host_of_their_own() -> None:
    """Three apart, two of them then tied to one host: the newer rule gives way, wherever the third may run."""
    hosts = "\n".join(f"host {name} cpu=20000 mem=65536" for name in "abc")
    vms = "\n".join(f"vm w{n} on={'abc'[n]} cpu=500 mem=2048" for n in range(3))
    rules = "rule apart spread w0 w1 w2\nrule must-run tied w0 w1 -> a"
    scenario = parse(f"{hosts}\n{vms}\n{rules}")
    plan = cycle(scenario)
    assert plan.moves == ()
    assert [fault.fault.name for fault in plan.faults] == ["RuleConflict"]
    assert plan.faults[0].fault.fields["rule"] == "tied"
    swapped = parse(f"{hosts}\n{vms}\n" + "\n".join(reversed(rules.split("\n"))))
    refused = cycle(swapped).faults
    assert "3 virtual machines cannot be separated on 2 hosts" in refused[0].fault.sentence


def test_a_preference_that_cannot_be_kept_names_the_hosts_that_refuse_and_no_others() -> None:
    """The VM runs well where it is: nobody says that no host can run it."""
    hosts = "host a cpu=20000 mem=65536\nhost b cpu=20000 mem=65536\nhost c cpu=20000 mem=65536"
    vms = "vm w on=a cpu=500 mem=2048\nvm v on=b cpu=500 mem=2048"
    plan = cycle(parse(f"{hosts}\n{vms}\nrule apart spread w v\nrule should-run rack w -> b"))
    fault = next(one for one in plan.faults if one.vm == "vm-1")
    assert fault.fault.name == "SoftRuleVioCorrectionDisallowed"
    assert "rack" in fault.fault.sentence
    assert "spread" in fault.fault.sentence
    assert list(fault.hosts) == ["host-2"]


def test_a_vm_just_moved_is_not_moved_for_balance() -> None:
    scenario = read("hot_host")
    moved = scenario.snapshot.vms.with_columns(moved_s=np.full(9, NOW_S - 10))
    held = replace(scenario.snapshot, vms=moved)
    assert plan_cycle(held, scenario.options, NOW_S).moves == ()
    assert plan_cycle(held, scenario.options, NOW_S + 600).moves


def test_a_target_that_failed_is_not_tried_again_at_once() -> None:
    scenario = parse("""
        host a cpu=20000 mem=65536 entering_maintenance
        host b cpu=20000 mem=65536
        vm w1 on=a cpu=100 mem=1024
    """)
    failed = replace(scenario.snapshot.vms, failed_moves=((0, 1, NOW_S + 900),))
    plan = plan_cycle(replace(scenario.snapshot, vms=failed), scenario.options, NOW_S)
    assert plan.moves == ()
    assert plan.faults[0].hosts["host-2"].fields["reason"].startswith("the last attempt failed")
    assert plan_cycle(replace(scenario.snapshot, vms=failed), scenario.options, NOW_S + 901).moves


def test_drs_off_plans_nothing_but_still_scores() -> None:
    plan = cycle(read("hot_host"), enabled=False)
    assert plan.moves == ()
    assert plan.note == "DRS is turned off"
    assert sum(plan.buckets) == 9


@pytest.mark.parametrize(
    ("name", "text"),
    [("MaxVcpusPerCore", "-1"), ("MaxVcpusPerCore", "33"), ("MinGoodness", "many"), ("Nonsense", "1"),
     ("DemandCapacityRatioTarget", "5"), ("PercentIdleMBInMemDemand", "nan")],
)  # fmt: skip
def test_absurd_advanced_options_are_refused(name: str, text: str) -> None:
    with pytest.raises(InvalidArgument):
        with_advanced(DrsOptions(), {name: text})


def test_advanced_options_reach_their_fields() -> None:
    options = with_advanced(
        DrsOptions(), {"TryBalanceVmsPerHost": "1", "HostsMinUptimeSecs": "900", "CostBenefit": "0"}
    )
    assert options.even_distribution is True
    assert options.dpm.host_min_up_s == 900
    assert options.cost_benefit is False


# --- power ----------------------------------------------------------------------------------------------------------
def test_at_night_hosts_are_emptied_and_everybody_else_has_a_reason() -> None:
    scenario = read("night")
    plan = cycle(scenario)
    off = {action.host for action in plan.power_actions}
    assert off
    assert off <= {"host-1", "host-2"}
    for action in plan.power_actions:
        assert action.operation == "powerOff"
        assert action.automatic
        waits = {move.key for move in plan.moves if move.group == action.group}
        assert set(action.prerequisites) == waits
        assert action.after["power_w"] < action.before["power_w"]
    why = {r.entity: r.reason % r.fields for r in plan.refusals if r.kind == "powerOff"}
    assert set(why) == {host.host for host in plan.hosts} - off
    assert why["host-3"] == "its last exit from standby failed"
    assert why["host-4"] == "it has no working wake method"
    assert why["host-5"] == "power management is disabled for this host"


def test_a_host_that_only_a_person_may_switch_off_is_not_emptied_before() -> None:
    """Manual power management in a fully automated cluster: its moves wait together with the host."""
    scenario = read("night")
    hosts = scenario.snapshot.hosts
    manual = hosts.with_columns(dpm_behavior=np.minimum(hosts.dpm_behavior, int(DpmBehavior.MANUAL)))
    plan = plan_cycle(replace(scenario.snapshot, hosts=manual), scenario.options, NOW_S)
    assert [(a.operation, a.automatic) for a in plan.power_actions] == [("powerOff", False)]
    waiting = {move.key: move.automatic for move in plan.moves if move.group == plan.power_actions[0].group}
    assert waiting
    assert not any(waiting.values())


def test_in_the_morning_the_host_that_can_is_woken() -> None:
    scenario = read("morning")
    plan = cycle(scenario)
    assert [(a.host, a.operation, a.priority) for a in plan.power_actions] == [("host-3", "powerOn", 3)]
    assert plan.power_actions[0].after["high_score"] < plan.power_actions[0].before["high_score"]
    why = {r.entity: r.reason for r in plan.refusals if r.kind == "powerOn"}
    assert why["host-4"] == "it has no working wake method"


def test_the_dpm_threshold_is_told_as_a_counterfactual() -> None:
    scenario = read("morning")
    dpm = replace(scenario.options.dpm, threshold=1)
    plan = cycle(scenario, dpm=dpm)
    assert plan.power_actions == ()
    refusal = next(r for r in plan.refusals if r.entity == "host-3")
    assert refusal.counterfactual % refusal.fields == "would be powered on at DPM threshold 3"


def test_a_forecast_wakes_a_host_ahead_of_need() -> None:
    scenario = read("morning")
    vms = scenario.snapshot.vms
    calm = vms.with_columns(cpu_demand_mhz=vms.cpu_demand_mhz * 0.5, cpu_forecast_mhz=vms.cpu_demand_mhz)
    snapshot = replace(scenario.snapshot, vms=calm)
    dpm = scenario.options.dpm
    assert plan_cycle(snapshot, scenario.options, NOW_S).power_actions == ()
    predictive = replace(scenario.options, dpm=replace(dpm, predictive=True))
    assert [a.operation for a in plan_cycle(snapshot, predictive, NOW_S).power_actions] == ["powerOn"]


def bursty(per_host: int, mean_mhz: float, peak_mhz: float) -> Scenario:
    """Two hosts of 20 GHz whose VMs ask for much more than their mean now and then."""
    hosts = ["host a cpu=20000 mem=65536", "host b cpu=20000 mem=65536"]
    vms = [f"vm w{n} on={'ab'[n % 2]} cpu={mean_mhz} mem=512 vcpus=8 cpu_p95_mhz={peak_mhz} stable_s=60"
           for n in range(2 * per_host)]  # fmt: skip
    return parse("\n".join(["option dpm.enabled true", *hosts, *vms]))


def test_bursts_of_many_machines_do_not_add_up() -> None:
    """Twenty VMs with a 95th percentile of 2 GHz never ask for 40 GHz at once: one host of 20 GHz does."""
    plan = cycle(bursty(10, mean_mhz=250, peak_mhz=2000))
    assert [action.operation for action in plan.power_actions] == ["powerOff"]


def test_bursts_of_few_machines_keep_their_host_on() -> None:
    plan = cycle(bursty(1, mean_mhz=2500, peak_mhz=15_000))
    assert plan.power_actions == ()
    assert any("it would be off for about" in r.reason for r in plan.refusals)


def test_memory_that_is_held_keeps_hosts_on_although_hardly_any_is_active() -> None:
    scenario = read("night")
    vms = scenario.snapshot.vms
    sizes = np.full(len(vms), 40_000.0)
    held = vms.with_columns(mem_mib=sizes, consumed_mib=sizes, active_mib=sizes * 0.01)
    plan = plan_cycle(replace(scenario.snapshot, vms=held), scenario.options, NOW_S)
    assert plan.power_actions == ()
    why = [r.reason % r.fields for r in plan.refusals if r.kind == "powerOff"]
    assert any("of its memory" in reason or "would reach" in reason for reason in why), why


def test_ballooned_memory_wakes_a_host_and_then_moves_there() -> None:
    scenario = read("morning")
    vms, hosts = scenario.snapshot.vms, scenario.snapshot.hosts
    sizes = np.full(len(vms), 1.3 * hosts.mem_capacity_mib[0] / np.bincount(vms.host_ix).max())
    idle = vms.with_columns(
        cpu_demand_mhz=vms.cpu_demand_mhz * 0.1, mem_mib=sizes, consumed_mib=sizes * 0.8, ballooned_mib=sizes * 0.2,
        active_mib=sizes * 0.05,
    )  # fmt: skip
    snapshot = replace(scenario.snapshot, vms=idle)
    plan = plan_cycle(snapshot, scenario.options, NOW_S)
    assert [a.operation for a in plan.power_actions] == ["powerOn"]
    woken = snapshot.hosts.moref.index(plan.power_actions[0].host)
    standby = hosts.standby.copy()
    standby[woken] = False
    awake = replace(snapshot, hosts=hosts.with_columns(standby=standby, powered_on=hosts.powered_on | ~standby))
    moves = plan_cycle(awake, scenario.options, NOW_S).moves
    assert {move.destination for move in moves} == {plan.power_actions[0].host}


def test_failover_capacity_keeps_hosts_on_and_wakes_them() -> None:
    scenario = read("night")
    ha = replace(scenario.options.ha, enabled=True, failures=4)
    plan = cycle(scenario, ha=ha)
    assert plan.power_actions == ()
    assert any("failover capacity" in r.reason for r in plan.refusals)
