"""The order in which a host starts and stops its machines, and runs that nothing can hold up for ever."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.autostart import (
    MOST_ORDER,
    STOP_ACTIONS,
    Defaults,
    Machine,
    Startup,
    defaults_of,
    entities,
    machines_of,
    plain,
)
from domain.states import VmPower
from domain.vapps import Item, Job, Run, Seen, StopAction, Verb, advance, grouped

MOREFS = [f"vm-{n}" for n in range(1, 8)]
delays = st.integers(0, 300)
defaults = st.builds(
    Defaults, enabled=st.just(True), start_delay_s=delays, wait_for_tools=st.booleans(),
    stop_action=st.sampled_from(STOP_ACTIONS), stop_delay_s=delays,
)  # fmt: skip
machines = st.dictionaries(
    st.sampled_from(MOREFS),
    st.builds(
        Machine, startup=st.sampled_from(Startup), order=st.integers(1, MOST_ORDER), start_delay_s=st.one_of(
            st.just(-1), delays), wait_for_tools=st.sampled_from([None, True, False]),
        stop_action=st.sampled_from(["", *STOP_ACTIONS]), stop_delay_s=st.one_of(st.just(-1), delays),
    ),
)  # fmt: skip


@given(defaults, machines)
def test_what_is_stored_says_the_same_and_is_in_range(usual, own):
    stored = plain(usual, own)
    assert defaults_of(stored) == usual
    assert not any(one.problem() for one in machines_of(stored).values())
    assert plain(defaults_of(stored), machines_of(stored)) == stored


@given(machines)
def test_orders_are_numbered_without_gaps_and_keep_their_order(own):
    found = machines_of(plain(Defaults(), own))
    ordered = [m for m in own if own[m].startup == Startup.ORDERED]
    numbers = {found[m].order for m in ordered}
    assert numbers == set(range(1, len(numbers) + 1))
    for one in ordered:
        for other in ordered:
            assert (own[one].order < own[other].order) == (found[one].order < found[other].order)


@given(defaults, machines)
def test_a_start_takes_the_automatic_ones_in_order_and_a_stop_takes_all_backwards(usual, own):
    stored = plain(usual, own)
    starting = entities(stored, MOREFS, starting=True)
    assert {one.moref for one in starting} == {m for m in own if own[m].automatic}
    stopping = [one for group in grouped(entities(stored, MOREFS, starting=False), Verb.STOP) for one in group]
    assert {one.moref for one in stopping} == set(MOREFS)
    rank = {one.moref: n for n, one in enumerate(stopping)}
    kinds = {m: own[m].startup if m in own else Startup.MANUAL for m in MOREFS}
    place = [Startup.MANUAL, Startup.ANY_ORDER, Startup.ORDERED]
    for one in MOREFS:
        for other in MOREFS:
            if place.index(kinds[one]) < place.index(kinds[other]) or (
                kinds[one] == kinds[other] == Startup.ORDERED and own[one].order > own[other].order
            ):
                assert rank[one] < rank[other]


def test_a_machine_follows_its_host_where_it_has_nothing_of_its_own():
    stored = plain(
        Defaults(True, 30, True, StopAction.SUSPEND, 60),
        {"vm-1": Machine(Startup.ORDERED), "vm-2": Machine(Startup.ORDERED, 2, 5, False, StopAction.POWER_OFF, 7)},
    )
    first, second = entities(stored, ["vm-2", "vm-1"], starting=True)
    assert (first.moref, first.start_delay_s, first.wait_for_tools) == ("vm-1", 30, True)
    assert (first.stop_action, first.stop_delay_s) == (StopAction.SUSPEND, 60)
    assert (second.start_delay_s, second.wait_for_tools) == (5, False)
    assert (second.stop_action, second.stop_delay_s) == (StopAction.POWER_OFF, 7)


class World:
    """Machines whose tasks take some seconds, some of which fail, or never end."""

    def __init__(self, powers: dict[str, str], takes: dict[str, int], broken: set[str]) -> None:
        self.powers, self.takes, self.broken = dict(powers), takes, broken
        self.jobs: dict[int, tuple[str, str, float]] = {}
        self.begun: list[tuple[str, float]] = []
        self.up_s: dict[str, float] = {}

    def seen(self) -> dict[str, Seen]:
        return {moref: Seen(frozenset({power})) for moref, power in self.powers.items()}

    def found(self, now_s: float) -> dict[int, Job]:
        done = {}
        for pk, (moref, act, begun_s) in self.jobs.items():
            ends_s = begun_s + self.takes[moref]
            if now_s < ends_s:
                done[pk] = Job()
            elif moref in self.broken:
                done[pk] = Job(ends_s, failed=True)
            else:
                self.powers[moref] = VmPower.ON if act == "powerOn" else VmPower.OFF
                self.up_s.setdefault(moref, ends_s)
                done[pk] = Job(ends_s)
        return done

    def run(self, run: Run, limit_s: int) -> float:
        for now_s in range(limit_s):
            step = advance(run, self.seen(), self.found(now_s), now_s)
            if step.finished:
                return now_s
            for one, act in step.begin:
                self.jobs[len(self.jobs) + 1] = (one.moref, act, now_s)
                self.begun.append((one.moref, now_s))
                run.items[one.moref] = Item(act, len(self.jobs), begun_s=now_s)
        raise AssertionError("it never ends")


worlds = st.tuples(
    defaults, machines, st.fixed_dictionaries({m: st.integers(0, 40) for m in MOREFS}), st.sets(st.sampled_from(MOREFS))
)


@settings(max_examples=40)
@given(worlds)
def test_a_tolerant_start_ends_and_each_begins_after_the_delays_of_those_before(made):
    usual, own, takes, broken = made
    stored = plain(usual, own)
    plan = entities(stored, MOREFS, starting=True)
    world = World(dict.fromkeys(MOREFS, VmPower.OFF), takes, broken)
    run = Run(Verb.START, grouped(plan, Verb.START), tolerant=True)
    world.run(run, 7 * 400)
    begun = dict(world.begun)
    assert set(begun) == {one.moref for one in plan}
    for one in plan:
        for other in plan:
            if one.group < other.group:
                wait = 0 if one.moref in broken else one.start_delay_s
                assert begun[other.moref] >= begun[one.moref] + takes[one.moref] + wait


@settings(max_examples=40)
@given(worlds, st.sets(st.sampled_from(MOREFS)))
def test_a_tolerant_stop_ends_though_guests_hang(made, hanging):
    usual, own, takes, broken = made
    takes = {m: 10_000 if m in hanging else takes[m] for m in MOREFS}
    plan = entities(plain(usual, own), MOREFS, starting=False)
    shut = {one.moref for one in plan if one.stop_action == StopAction.GUEST_SHUTDOWN}
    takes = {m: takes[m] if m in shut else takes[m] % 40 for m in MOREFS}
    world = World(dict.fromkeys(MOREFS, VmPower.ON), takes, broken)
    run = Run(Verb.STOP, grouped(plan, Verb.STOP), tolerant=True)
    world.run(run, 7 * 400)
    assert [m for m, _s in world.begun] == [
        one.moref for group in grouped(plan, Verb.STOP) for one in group
    ]  # fmt: skip


def test_a_run_survives_its_row():
    run = Run(Verb.START, [], tolerant=True)
    assert run.patient("vm-1", 5.0)
    again = Run.from_plain(run.to_plain())
    assert again.tolerant
    assert again.patient("vm-1", 124.9)
    assert not again.patient("vm-1", 125.0)
    strict = Run.from_plain(Run(Verb.START, []).to_plain())
    assert strict.patient("vm-1", 5.0)
    assert strict.patient("vm-1", 1e9)
