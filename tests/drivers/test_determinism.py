"""Same seed and same commands, same bytes: however time is cut, paused or hurried, and whoever else exists."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.specs import FaultRates, WorkloadSpec
from domain.traces import TraceSet
from hypervisors.port import Command, Config, Injection, Op
from hypervisors.simulated import adopt, engine, noise
from hypervisors.simulated.state import FleetState, StateFormatError
from tests.drivers.rig import START_S, Rig, host_id, lab, rows, store_id, vm_id

BUSY = FaultRates(host_crash=0.5, host_hang=0.5, nic_flap=1.0, vmotion_failure=0.2, guest_crash=0.5, datastore_slow=0.5)
SCRIPT = {
    0.0: [
        Command(Op.MIGRATE, vm_id(1), {"host": host_id(0)}, "a"),
        Command(Op.POWER_ON, vm_id(8), {}, "b"),
        Command(Op.SNAPSHOT_CREATE, vm_id(2), {"snapshot": "s", "memory": True}, "c"),
    ],
    7.3: [Command(Op.MIGRATE, vm_id(3), {"host": host_id(2), "disks": {"2000": store_id(1)}}, "d")],
    30.0: [Command(Config.INJECT, host_id(0), {"fault": Injection.HOST_CRASH.value, "duration_s": 60})],
    45.5: [Command(Op.SUSPEND, vm_id(5), {}, "e"), Command(Config.CANCEL, "", {"op_id": "d"})],
}
END_S = 600.0


def fresh() -> FleetState:
    return adopt.rebuild(None, replace(lab(), rates=BUSY))


def played(cuts: list[float]) -> FleetState:
    """The script, with the advance cut at extra moments, and through bytes at each cut."""
    state = fresh()
    moments = sorted({*SCRIPT, *cuts, END_S})
    for now, until in zip(moments, [*moments[1:], END_S], strict=True):
        state = engine.advance(state, START_S + until, SCRIPT.get(now, ())).state
        state = FleetState.from_bytes(state.to_bytes())
    return state


@settings(max_examples=15, deadline=None)
@given(st.lists(st.floats(0.001, END_S), max_size=12))
def test_cutting_an_advance_changes_no_byte(cuts: list[float]) -> None:
    assert played(cuts).to_bytes() == played([]).to_bytes()


def test_advance_does_not_change_its_input() -> None:
    state = fresh()
    before = state.to_bytes()
    engine.advance(state, START_S + 500, SCRIPT[0.0])
    assert state.to_bytes() == before


def test_a_saved_state_comes_back_whole() -> None:
    state = played([])
    again = FleetState.from_bytes(state.to_bytes())
    assert again.to_bytes() == state.to_bytes()
    assert again.outbox == state.outbox
    assert again.jobs.keys() == state.jobs.keys()


@pytest.mark.parametrize("blob", [b"", b"FLEET", b"x" * 200, b"FLEET\x09" + bytes(60)])
def test_bytes_of_something_else_are_refused(blob: bytes) -> None:
    with pytest.raises(StateFormatError):
        FleetState.from_bytes(blob)


def test_another_seed_is_another_lab() -> None:
    one, two = Rig(lab(seed=1)), Rig(lab(seed=2))
    one.run(200)
    two.run(200)
    assert not np.array_equal(one.samples[-1].vm[:, :7], two.samples[-1].vm[:, :7])


def test_adding_a_vm_changes_the_demand_of_no_other() -> None:
    few, many = Rig(lab(vms=9, off=0)), Rig(lab(vms=24, off=0))
    for rig in (few, many):
        rig.run(4000)
    for one, two in zip(few.samples, many.samples, strict=True):
        assert np.array_equal(rows(one, "vm")[398][:9], rows(two, "vm")[398][:9])


def test_the_tick_limit_ends_a_long_sleep_early_and_the_next_call_goes_on() -> None:
    state = fresh()
    once = engine.advance(state, START_S + 10_000)
    assert once.state.now_s < START_S + 10_000
    assert len(once.samples) == 180
    twice = engine.advance(once.state, START_S + 10_000)
    calls = 2
    while twice.state.now_s < START_S + 10_000:
        twice = engine.advance(twice.state, START_S + 10_000)
        calls += 1
    state = fresh()
    for until in np.arange(START_S + 300, START_S + 10_300, 300):
        state = engine.advance(state, min(START_S + 10_000, float(until))).state
    assert calls == 3
    assert state.to_bytes() == twice.state.to_bytes()


def test_time_never_goes_back() -> None:
    state = engine.advance(fresh(), START_S + 100).state
    assert engine.advance(state, START_S).state.now_s == START_S + 100


def given_at(*moments: float) -> list[Command]:
    """The commands of the script, each stamped with when it was given."""
    script = [command for moment in sorted(SCRIPT) for command in SCRIPT[moment]]
    return [replace(command, at_s=START_S + moment) for command, moment in zip(script, moments, strict=True)]


STAMPED = given_at(0.0, 0.0, 0.0, 7.3, 30.0, 45.5, 45.5)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.floats(0.001, END_S), max_size=8))
def test_a_fleet_that_lags_behind_does_everything_at_its_time(cuts: list[float]) -> None:
    """However late it hears of what was asked for, nothing begins before somebody asked."""
    state, left = fresh(), STAMPED
    for until in (*sorted(cuts), END_S):
        result = engine.advance(state, START_S + until, left)
        state, left = result.state, left[result.carried_out :]
    assert state.to_bytes() == played([]).to_bytes()
    assert not left


def test_what_is_not_due_yet_waits() -> None:
    result = engine.advance(fresh(), START_S + 20, STAMPED)
    assert result.carried_out == 4
    assert result.state.now_s == START_S + 20
    assert result.state.jobs["d"].from_s >= START_S + 7.3


def test_a_clock_that_stands_still_holds_nothing_back() -> None:
    state = engine.advance(fresh(), START_S + 5).state
    assert engine.advance(state, START_S + 5, STAMPED).carried_out == len(STAMPED)


def test_a_long_sleep_stops_before_what_is_due_after_it() -> None:
    late = [replace(STAMPED[1], at_s=START_S + 9_000)]
    first = engine.advance(fresh(), START_S + 10_000, late)
    assert (first.carried_out, len(first.samples)) == (0, 180)
    second = engine.advance(first.state, START_S + 10_000, late)
    third = engine.advance(second.state, START_S + 10_000, late[second.carried_out :])
    assert third.state.now_s == START_S + 10_000
    assert third.state.jobs["b"].from_s >= START_S + 9_000


def test_draws_of_one_and_of_many_agree_and_are_spread_evenly() -> None:
    keys = np.array([noise.key_of(3, f"vm-{n}") for n in range(20_000)], dtype=np.uint64)
    many = noise.uniforms(keys, 5, 17)
    assert many[:50].tolist() == [noise.uniform(int(k), 5, 17) for k in keys[:50]]
    assert abs(many.mean() - 0.5) < 0.01
    normal = noise.normals(keys, 1, 9)
    assert abs(normal.mean()) < 0.03
    assert abs(normal.std() - 1.0) < 0.03
    assert abs(np.corrcoef(normal, noise.normals(keys, 1, 10))[0, 1]) < 0.03


def test_a_recorded_trace_is_replayed_with_its_scale_and_offset() -> None:
    cpu = np.array([[10, 30, 50, 70], [0, 0, 0, 0]], dtype=np.uint8)
    memory = np.full((2, 4), 60, dtype=np.float32)
    day = TraceSet(("alpha", "beta"), 300.0, cpu, memory, source="day")

    def spec(n: int) -> dict[str, object]:
        return {"workload": WorkloadSpec("web", "day/alpha", scale=0.5, offset_s=150.0)} if n == 0 else {}

    rig = Rig(lab(vm=spec), traces={"day": day})
    rig.run(3000)
    usage = rig.figure("vm", 2, 0) / 100
    at = (rig.samples[-1].time_s + 150) / 300 % 4
    expected = 0.5 * np.interp(at, [0, 1, 2, 3, 4], [10, 30, 50, 70, 10])
    assert usage == pytest.approx(expected, rel=1e-3)
    assert rig.figure("vm", 24, 0) == pytest.approx(6000, rel=0.01)


def test_a_trace_that_is_not_there_falls_back_to_the_archetype() -> None:
    rig = Rig(lab(vm=lambda n: {"workload": WorkloadSpec("web", "day/alpha")}))
    rig.run(100)
    assert rig.figure("vm", 398, 0) > 0
