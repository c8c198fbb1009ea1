"""Why a VM stays: each answer with what would have to differ, and the promise kept when that does differ."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from scheduler.engine.drs import plan_cycle
from scheduler.engine.why import WhyNot, why_not
from tests.engine.clusters import random_cluster, random_options
from tests.engine.scenario import SCENARIOS, Scenario, parse, read

NOW_S = 10_000.0


def ask(scenario: Scenario, vm: str, **changes: object) -> WhyNot:
    options = replace(scenario.options, **changes)  # type: ignore[arg-type]
    found = why_not(scenario.snapshot, options, NOW_S, scenario.vm(vm))
    json.dumps(found.to_dict())
    return found


def said(found: WhyNot, host: str = "") -> tuple[str, str]:
    """(reason, counterfactual) of the VM, or of one host."""
    answer = next(one.answer for one in found.hosts if one.host == host) if host else found.answer
    assert answer is not None
    return answer.reason % answer.fields, answer.counterfactual % answer.fields


def test_a_rule_is_named_and_what_it_costs() -> None:
    """The hot host's VM may go to b only; c would do as well but for the rule."""
    scenario = parse(read_text("hot_host") + "\nrule must-not-run web-apart w1 -> c")
    reason, would = said(ask(scenario, "w1"), "host-3")
    assert "web-apart" in reason
    assert would.startswith("without the rule “web-apart” it would win ")
    freed = ask(read("hot_host"), "w1")
    points = next(one.points for one in freed.hosts if one.host == "host-3")
    assert points is not None
    assert f"{points:.2f}".rstrip("0") in would


def read_text(name: str) -> str:
    return (SCENARIOS / f"{name}.cluster").read_text()


def test_a_bolder_threshold_is_promised_and_keeps_its_word() -> None:
    """Ten VMs all but fill 20 GHz and lose a few points: threshold 2 leaves them alone and says from which on it would
    not."""
    hosts = "host a cpu=20000 mem=65536\nhost b cpu=20000 mem=65536\n"
    scenario = parse(hosts + "\n".join(f"vm w{n} on=a cpu=1860 mem=2048" for n in range(10)))
    found = ask(scenario, "w0", threshold=2)
    reason, would = said(found)
    assert "threshold 2 asks for a gain of 10" in reason
    level = int(would.rsplit(" ", 1)[1])
    assert plan_cycle(scenario.snapshot, replace(scenario.options, threshold=level), NOW_S).moves
    assert not plan_cycle(scenario.snapshot, replace(scenario.options, threshold=level - 1), NOW_S).moves


def test_what_holds_for_the_vm_whatever_the_host() -> None:
    scenario = read("hot_host")
    vms = scenario.snapshot.vms
    assert "threshold 1" in said(ask(scenario, "w1", threshold=1))[0]
    moved = vms.moved_s.copy()
    moved[scenario.vm("w1")] = NOW_S - 100
    just = Scenario(replace(scenario.snapshot, vms=vms.with_columns(moved_s=moved)), scenario.options)
    assert said(ask(just, "w1")) == (
        "It was moved 100 s ago; balancing leaves it alone for 300 s.", "in 200 s",
    )  # fmt: skip
    levels = vms.automation.copy()
    levels[scenario.vm("w1")] = 0
    pinned = Scenario(replace(scenario.snapshot, vms=vms.with_columns(automation=levels)), scenario.options)
    assert said(ask(pinned, "w1"))[0].startswith("It cannot be moved: ")
    assert "nobody would gain" in said(ask(scenario, "i1"))[0]
    assert ask(scenario, "w1").answer is None
    assert [one.host for one in ask(scenario, "w1").hosts] == ["host-2", "host-3"]
    off = parse("host a cpu=20000 mem=65536\nvm idle on=a cpu=0 mem=1024 powered_on=false")
    assert "powered off" in said(ask(off, "idle"))[0]


def test_the_classic_engine_answers_with_its_own_target() -> None:
    calm = parse("host a cpu=20000 mem=65536\nhost b cpu=20000 mem=65536\nvm w on=a cpu=500 mem=1024\n"
                 "vm v on=b cpu=500 mem=1024")  # fmt: skip
    assert "within the target" in said(ask(calm, "w", engine="classic"))[0]
    assert ask(read("hot_host"), "w1", engine="classic").answer is None


@pytest.mark.parametrize("seed", range(6))
def test_everybody_gets_an_answer_for_every_host(seed: int) -> None:
    """A reason per VM or per host, whatever the cluster; a template never lacks a field."""
    snapshot, options = random_cluster(seed), random_options(seed)
    for vm in range(len(snapshot.vms)):
        found = why_not(snapshot, options, NOW_S, vm)
        for answer in [found.answer, *(one.answer for one in found.hosts)]:
            if answer is not None:
                assert answer.reason % answer.fields
                assert answer.counterfactual % answer.fields is not None
        running = snapshot.placed[vm] and snapshot.vms.host_ix[vm] >= 0
        assert len(found.hosts) == (len(snapshot.hosts) - 1 if running else 0)
