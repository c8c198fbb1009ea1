"""Alarms go off and heal with what the fleet does: conditions by samples, in lab time; events once each."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from domain.counters import ROWS, row
from inventory import metrics, redis
from inventory.alarming import defaults, evaluation, memory
from inventory.journal import changing
from inventory.metrics import Latest, encode
from inventory.models import AlarmDefinition, Event, Host, TriggeredAlarm, VirtualMachine
from inventory.services import alarms
from tests.builders import SmallLab
from tests.cast import Cast
from tests.pumping import committing

CPU = {"type": "metric", "counter": 2, "operator": "above", "yellow": 7500, "yellow_s": 60, "red": 9000, "red_s": 60}


class Stage:
    """A vCenter whose samples the test makes: float32[counters, slots] per kind, NaN where nothing is said."""

    def __init__(self, lab: SmallLab) -> None:
        self.lab, self.now_s = lab, 1000.0
        defaults.ensure(lab.vcenter)
        AlarmDefinition.objects.filter(vcenter=lab.vcenter).delete()
        evaluation.evaluate(lab.vcenter, self.now_s)  # from now on events count

    def define(self, *conditions: dict[str, Any], kind: str = "VirtualMachine", entity: str = "", **more: Any) -> Any:
        number = AlarmDefinition.objects.count() + 1
        return AlarmDefinition.objects.create(
            vcenter=self.lab.vcenter, moref=f"alarm-{9000 + number}", name=more.pop("name", f"Alarm {number}"),
            entity=entity or "group-d1", target_kind=kind, rules=[{"conditions": list(conditions)}], **more,
        )  # fmt: skip

    def sample(self, kind: str = "vm", key: int = 2, after_s: float = 20.0, **by_slot: float) -> int:
        """One more sample; `by_slot`: s0=…, s1=… of one counter. Returns the number of changes."""
        self.now_s += after_s
        arrays = {name: np.full((len(keys), 16), np.nan, np.float32) for name, keys in ROWS.items()}
        for name, value in by_slot.items():
            arrays[kind][row(kind, key), int(name[1:])] = value
        blob = encode(Latest.of_arrays(self.now_s, arrays))
        redis.patient().set(metrics.live_key(self.lab.vcenter), blob)
        with committing():
            return evaluation.evaluate(self.lab.vcenter, self.now_s)

    def happen(self, event: str, entity: Any, *others: Any) -> int:
        with committing(), changing(self.lab.vcenter, lab_s=self.now_s) as change:
            change.event(event, entity, *others, reason="test")
        with committing():
            return evaluation.evaluate(self.lab.vcenter, self.now_s)

    def statuses(self) -> dict[str, str]:
        rows = TriggeredAlarm.objects.filter(vcenter=self.lab.vcenter)
        return dict(rows.values_list("entity", "status"))


@pytest.fixture
def stage(lab: SmallLab) -> Stage:
    return Stage(lab)


def colour(vm: VirtualMachine) -> str:
    return VirtualMachine.everything.get(pk=vm.pk).overall_status


def slot(vm: Any) -> str:
    return f"s{vm.slot}"


def test_a_condition_has_to_last_in_lab_time(stage: Stage) -> None:
    stage.define(CPU)
    vm = stage.lab.vm
    seen = []
    for value in (8000, 8000, 8000, 8000):
        stage.sample(**{slot(vm): value})
        seen.append(stage.statuses().get(vm.moref))
    assert seen == [None, None, None, "yellow"]  # beyond since the first sample, 60 s ago at the fourth
    assert colour(vm) == "yellow"
    assert Event.objects.filter(type="AlarmStatusChangedEvent", entity=vm.moref).count() == 1


def test_red_then_yellow_then_green(stage: Stage) -> None:
    stage.define(CPU)
    vm = stage.lab.vm
    for value in [9500] * 4 + [8000] + [1000]:
        stage.sample(**{slot(vm): value})
    told = Event.objects.filter(type="AlarmStatusChangedEvent").order_by("key").values_list("fields", flat=True)
    assert [(one["old"], one["new"]) for one in told] == [("green", "red"), ("red", "yellow"), ("yellow", "green")]
    assert colour(vm) == "green"
    assert not TriggeredAlarm.objects.exists()


def test_a_dip_starts_the_duration_anew(stage: Stage) -> None:
    stage.define(CPU)
    for value in (8000, 8000, 7000, 8000, 8000, 8000):
        stage.sample(**{slot(stage.lab.vm): value})
    assert stage.statuses() == {}


def test_values_at_the_threshold_do_not_flap(stage: Stage) -> None:
    stage.define(CPU)
    for value in [7600] * 4 + [7490, 7510] * 10:
        stage.sample(**{slot(stage.lab.vm): value})
    assert Event.objects.filter(type="AlarmStatusChangedEvent").count() == 1


def test_a_vm_that_is_switched_off_is_not_busy(stage: Stage) -> None:
    stage.define(CPU)
    for _ in range(4):
        stage.sample(**{slot(stage.lab.vm): 9999})
    stage.sample()
    assert stage.statuses() == {}


def test_the_memory_may_be_lost(stage: Stage) -> None:
    """What has triggered stays while it lasts, nothing triggers early, and nothing is told twice."""
    stage.define(CPU)
    first, second = stage.lab.vms[:2]
    for _ in range(3):
        stage.sample(**{slot(first): 8000})
    stage.sample(**{slot(first): 8000, slot(second): 8000})
    redis.patient().flushall()
    stage.sample(**{slot(first): 8000, slot(second): 8000})
    assert stage.statuses() == {first.moref: "yellow"}
    for _ in range(3):
        stage.sample(**{slot(first): 8000, slot(second): 8000})
    assert stage.statuses() == {first.moref: "yellow", second.moref: "yellow"}
    assert Event.objects.filter(type="AlarmStatusChangedEvent").count() == 2


def test_a_definition_reaches_what_lies_below_it(stage: Stage) -> None:
    lab = stage.lab
    everywhere = {slot(vm): 9999.0 for vm in lab.vms}
    now = {**CPU, "yellow_s": 0, "red_s": 0}
    for entity, reached in (
        (lab.vm_folder.moref, {lab.vm.moref}),
        (lab.pool.moref, {lab.vm.moref}),
        (lab.vms[1].moref, {lab.vms[1].moref}),
        (lab.cluster.moref, {vm.moref for vm in lab.vms}),
        (lab.datacenter.moref, {vm.moref for vm in lab.vms}),
        (lab.standalone.moref, set()),
    ):
        definition = stage.define(now, entity=entity)
        stage.sample(**everywhere)
        assert set(stage.statuses()) == reached, entity
        definition.delete()


def test_all_conditions_of_a_rule_have_to_hold(stage: Stage) -> None:
    silent = {"type": "state", "path": "runtime.connectionState", "operator": "equal", "value": "notResponding"}
    awake = {"type": "state", "path": "runtime.powerState", "operator": "unequal", "value": "standBy"}
    stage.define({**silent, "status": "red"}, {**awake, "status": "red"}, kind="HostSystem")
    asleep, lost = stage.lab.hosts
    Host.objects.filter(pk=asleep.pk).update(connection_state="notResponding", power_state="standBy")
    Host.objects.filter(pk=lost.pk).update(connection_state="notResponding")
    stage.sample()
    assert stage.statuses() == {lost.moref: "red"}
    Host.objects.filter(pk=lost.pk).update(connection_state="connected")
    stage.sample()
    assert stage.statuses() == {}


def test_events_trigger_and_clear_once(stage: Stage) -> None:
    event = {"type": "event", "event": "VmGuestOSCrashedEvent", "status": "red", "clears": ["VmPoweredOffEvent"]}
    stage.define(event)
    vm = stage.lab.vm
    assert stage.happen("VmGuestOSCrashedEvent", vm, stage.lab.host) == 1
    assert stage.happen("VmGuestOSCrashedEvent", vm, stage.lab.host) == 0
    assert stage.statuses() == {vm.moref: "red"}
    assert stage.happen("VmPoweredOffEvent", stage.lab.vms[1]) == 0
    assert stage.happen("VmPoweredOffEvent", vm) == 1
    assert stage.statuses() == {}


def test_an_event_counts_for_each_object_it_names(stage: Stage) -> None:
    event = {"type": "event", "event": "DasHostFailedEvent", "status": "yellow", "clears": []}
    stage.define(event, kind="ClusterComputeResource")
    stage.happen("DasHostFailedEvent", stage.lab.host, stage.lab.cluster)
    assert stage.statuses() == {stage.lab.cluster.moref: "yellow"}


def test_reset_to_green_stays_until_the_condition_is_met_anew(stage: Stage, cast: Cast) -> None:
    stage.define({**CPU, "yellow_s": 0, "red_s": 0})
    vm = slot(stage.lab.vm)
    stage.sample(**{vm: 9999})
    alarms.reset(cast.student, TriggeredAlarm.objects.get())
    stage.sample(**{vm: 9999})
    assert stage.statuses() == {}
    stage.sample(**{vm: 100})
    stage.sample(**{vm: 9999})
    assert stage.statuses() == {stage.lab.vm.moref: "red"}


def test_acknowledged_until_it_gets_worse(stage: Stage, cast: Cast) -> None:
    stage.define({**CPU, "yellow_s": 0, "red_s": 0})
    vm = slot(stage.lab.vm)
    stage.sample(**{vm: 8000})
    alarms.acknowledge(cast.student, TriggeredAlarm.objects.get())
    stage.sample(**{vm: 8000})
    assert TriggeredAlarm.objects.get().acknowledged
    stage.sample(**{vm: 9999})
    assert not TriggeredAlarm.objects.get().acknowledged


def test_an_object_that_is_gone_has_no_alarms(stage: Stage) -> None:
    stage.define({**CPU, "yellow_s": 0, "red_s": 0})
    gone = stage.lab.vms[1]
    stage.sample(**{slot(gone): 9999})
    VirtualMachine.objects.filter(pk=gone.pk).update(deleted_at="2026-01-01T00:00Z")
    stage.sample()
    assert stage.statuses() == {}
    assert colour(gone) == "green"


def test_the_number_of_queries_does_not_follow_the_number_of_objects(stage: Stage) -> None:
    AlarmDefinition.objects.all().delete()
    stage.lab.vcenter.options = {}
    stage.lab.vcenter.save()
    assert defaults.ensure(stage.lab.vcenter) == len(defaults.DEFAULTS) >= 30
    assert defaults.ensure(stage.lab.vcenter) == 0
    stage.sample(**{slot(stage.lab.vm): 100})
    counts = []
    for busy in (1, 3):
        values = {slot(vm): 100.0 for vm in stage.lab.vms[:busy]}
        with CaptureQueriesContext(
            connection,
        ) as queries:
            stage.sample(**values)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 14


def test_only_one_process_evaluates_at_a_time(stage: Stage) -> None:
    stage.define({**CPU, "yellow_s": 0, "red_s": 0})
    with memory.turn(stage.lab.vcenter) as mine:
        assert mine
        assert stage.sample(**{slot(stage.lab.vm): 9999}) == 0
    assert evaluation.evaluate(stage.lab.vcenter, stage.now_s) == 1


def test_the_defaults_are_valid() -> None:
    from domain import alarms as rules

    for one in defaults.DEFAULTS:
        rules.validate(one.kind, list(one.rules))
    assert len({one.name for one in defaults.DEFAULTS}) == len(defaults.DEFAULTS)
