"""The order in which a vApp's members start and stop, and how far a run has come: rules without a database."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.states import VmPower
from domain.vapps import (
    Entity,
    Item,
    Job,
    Run,
    Seen,
    StartAction,
    StopAction,
    VAppState,
    Verb,
    act_for,
    advance,
    arranged,
    grouped,
    state_of,
    waits_s,
)

OFF, ON, SUSPENDED = str(VmPower.OFF), str(VmPower.ON), str(VmPower.SUSPENDED)


def seen(power: str, tools: bool = False) -> Seen:
    return Seen(frozenset({power}), tools)


class Stage:
    """Members that do what they are told `work_s` after it, as the fleet would; notes when each began and ended."""

    def __init__(self, entities: list[Entity], verb: Verb, power: str, work_s: float = 5.0, tools_s: float = 30.0):
        self.run = Run(verb, grouped(entities, verb))
        self.power = dict.fromkeys((one.moref for one in entities), power)
        self.work_s, self.tools_s = work_s, tools_s
        self.began: dict[str, float] = {}
        self.ended: dict[str, float] = {}
        self.tasks: dict[int, str] = {}

    def beat(self, now_s: float) -> bool:
        """One look, as every process does it: from what is stored. True at the end."""
        self.run = Run.from_plain(self.run.to_plain())
        after = {StartAction.POWER_ON: ON, StopAction.SUSPEND: SUSPENDED}
        for moref, begun_s in self.began.items():
            if moref not in self.ended and now_s >= begun_s + self.work_s:
                self.ended[moref] = begun_s + self.work_s
                self.power[moref] = after.get(self.run.items[moref].act, OFF)
        look = {m: seen(p, p == ON and now_s >= self.ended.get(m, 0) + self.tools_s) for m, p in self.power.items()}
        jobs = {number: Job(self.ended.get(moref)) for number, moref in self.tasks.items()}
        step = advance(self.run, look, jobs, now_s)
        for one, act in step.begin:
            assert one.moref not in self.began, "begun twice"
            self.began[one.moref] = now_s
            number = len(self.tasks) + 1
            self.tasks[number] = one.moref
            self.run.items[one.moref] = Item(act, number, begun_s=now_s)
        return step.finished

    def play(self, until_s: float = 5_000.0, every_s: float = 1.0) -> float:
        now_s = 0.0
        while now_s < until_s:
            if self.beat(now_s):
                return now_s
            now_s += every_s
        raise AssertionError(f"never ended: {self.run}")


def test_who_is_not_stored_comes_behind_in_a_group_of_its_own():
    stored = {"vm-2": Entity("vm-2", group=3, start_delay_s=7).settings(), "vm-gone": Entity("vm-gone").settings()}
    found = arranged(["vm-1", "vm-2", "vm-3"], stored)
    assert [(one.moref, one.group, one.start_delay_s) for one in found] == [
        ("vm-2", 3, 7), ("vm-1", 4, 120), ("vm-3", 5, 120)
    ]  # fmt: skip


def test_a_setting_of_another_version_is_passed_over():
    assert arranged(["vm-1"], {"vm-1": {"group": 2, "colour": "red"}}) == [Entity("vm-1", group=2)]


def test_groups_start_in_order_and_stop_in_reverse_and_power_off_all_at_once():
    some = [Entity("a", group=1), Entity("b", group=2), Entity("c", group=2), Entity("d", group=9)]
    names = {verb: [[one.moref for one in group] for group in grouped(some, verb)] for verb in Verb}
    assert names[Verb.START] == [["a"], ["b", "c"], ["d"]]
    assert names[Verb.STOP] == names[Verb.SUSPEND] == [["d"], ["b", "c"], ["a"]]
    assert names[Verb.POWER_OFF] == [["a", "b", "c", "d"]]


def test_a_delay_begins_when_the_member_is_on():
    stage = Stage([Entity("db", group=1, start_delay_s=60), Entity("web", group=2)], Verb.START, OFF)
    assert stage.play() == 70  # 5 s to start, 60 s of delay, 5 s to start
    assert stage.began == {"db": 0, "web": 65}


def test_tools_that_answer_cut_the_delay_short_and_silent_ones_do_not_prolong_it():
    members = [Entity("db", group=1, start_delay_s=60, wait_for_tools=True), Entity("web", group=2)]
    quick, silent = Stage(members, Verb.START, OFF, tools_s=10), Stage(members, Verb.START, OFF, tools_s=900)
    quick.play()
    silent.play()
    assert (quick.began["web"], silent.began["web"]) == (15, 65)


def test_a_guest_that_will_not_shut_down_holds_the_others_up_for_its_delay_and_no_longer():
    members = [
        Entity("db", group=1),
        Entity("web", group=2, stop_action=StopAction.GUEST_SHUTDOWN, stop_delay_s=30),
    ]
    stage = Stage(members, Verb.STOP, ON, work_s=100)
    assert stage.play() == 130  # and the run ends when the guest has
    assert stage.began == {"web": 0, "db": 30}


def test_members_without_an_action_are_left_as_they_are():
    members = [Entity("a", group=1, start_action=StartAction.NONE, start_delay_s=500), Entity("b", group=2)]
    stage = Stage(members, Verb.START, OFF)
    stage.play()
    assert stage.power == {"a": OFF, "b": ON}
    assert stage.began == {"b": 0}  # no delay for one that was not started


def test_what_each_verb_does_in_each_state():
    one, none = Entity("a"), Entity("a", start_action=StartAction.NONE, stop_action=StopAction.NONE)
    told = {(verb, power): act_for(verb, one, frozenset({power})) for verb in Verb for power in (ON, OFF, SUSPENDED)}
    assert told == {
        (Verb.START, ON): "", (Verb.START, OFF): "powerOn", (Verb.START, SUSPENDED): "powerOn",
        (Verb.STOP, ON): "powerOff", (Verb.STOP, OFF): "", (Verb.STOP, SUSPENDED): "",
        (Verb.POWER_OFF, ON): "powerOff", (Verb.POWER_OFF, OFF): "", (Verb.POWER_OFF, SUSPENDED): "powerOff",
        (Verb.SUSPEND, ON): "suspend", (Verb.SUSPEND, OFF): "", (Verb.SUSPEND, SUSPENDED): "",
    }  # fmt: skip
    assert [act_for(verb, none, frozenset({ON, OFF})) for verb in Verb] == ["", "", "powerOff", "suspend"]


def test_a_failed_member_ends_the_run_and_nothing_more_is_begun():
    run = Run(Verb.START, grouped([Entity("a"), Entity("b", group=2)]))
    first = advance(run, {"a": seen(OFF), "b": seen(OFF)}, {}, 0.0)
    run.items["a"] = Item(first.begin[0][1], 7)
    step = advance(run, {"a": seen(OFF), "b": seen(OFF)}, {7: Job(3.0, failed=True)}, 4.0)
    assert (step.failed, step.begin, step.finished) == ("a", [], False)


def test_a_member_that_has_gone_is_passed_over():
    run = Run(Verb.START, grouped([Entity("a"), Entity("b", group=2)]))
    step = advance(run, {"b": seen(OFF)}, {}, 0.0)
    assert [one.moref for one, _act in step.begin] == ["b"]


def test_a_large_group_is_begun_in_portions():
    members = [Entity(f"vm-{n}") for n in range(20)]
    stage = Stage(members, Verb.START, OFF)
    stage.beat(0.0)
    assert len(stage.began) == 8
    stage.play()
    assert set(stage.power.values()) == {ON}


def test_how_long_a_run_waits():
    stage = Stage([Entity("db", start_delay_s=60), Entity("web", group=2)], Verb.START, OFF)
    stage.beat(0.0)
    assert waits_s(stage.run, 1.0) == 0  # for work, not for time
    stage.beat(5.0)
    assert waits_s(stage.run, 25.0) == 40


def test_states():
    assert state_of([]) == state_of([OFF, OFF]) == VAppState.STOPPED
    assert state_of([ON]) == VAppState.STARTED
    assert state_of([ON, OFF]) == VAppState.PARTLY
    assert state_of([SUSPENDED, OFF]) == VAppState.SUSPENDED
    assert state_of([ON], Verb.START) == VAppState.STARTING
    assert state_of([ON], Verb.SUSPEND) == VAppState.STOPPING


entities = st.lists(
    st.builds(
        Entity, st.just(""), st.integers(1, 5), st.sampled_from(StartAction), st.integers(0, 90), st.booleans(),
        st.sampled_from(StopAction), st.integers(0, 90),
    ),
    min_size=1, max_size=12,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(entities, st.sampled_from(Verb), st.sampled_from([OFF, ON, SUSPENDED]), st.integers(1, 40), st.integers(1, 17))
def test_any_run_ends_in_order_with_everybody_where_the_verb_wants_them(some, verb, power, work_s, every_s):
    members = [replace(one, moref=f"vm-{n}") for n, one in enumerate(some)]
    stage = Stage(members, verb, power, work_s=work_s)
    stage.play(until_s=20_000, every_s=every_s)
    for one in members:
        assert not act_for(verb, one, frozenset({stage.power[one.moref]}))
    place = {one.moref: n for n, group in enumerate(grouped(members, verb)) for one in group}
    for earlier, begun_s in stage.began.items():
        for later, then_s in stage.began.items():
            if place[earlier] < place[later]:
                assert begun_s <= then_s
                settled = stage.run.items[earlier].act == StopAction.GUEST_SHUTDOWN or stage.ended[earlier] <= then_s
                assert settled, f"{later} began before {earlier} had ended"
