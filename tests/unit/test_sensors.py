"""Sensors follow power: hotter, faster and later, never backwards; a server that sleeps is cold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import sensors
from domain.hardware import POWERED_OFF_W, SERVER_MODELS, STANDBY_W
from domain.sensors import SensorKind
from domain.states import Status

LAB = SERVER_MODELS["lab-1u"]
MODELS = list(SERVER_MODELS)


def read(model: str, watts: list[float], memory: float = 0.5) -> dict[tuple[SensorKind, int], float]:
    found = sensors.readings(model, SERVER_MODELS[model].sockets, watts, memory, 20.0)
    return {(one.kind, one.number): one.value for one in found}


@pytest.mark.parametrize("model", MODELS)
def test_every_model_is_fine_at_idle_and_at_full_load(model: str) -> None:
    for watts in (SERVER_MODELS[model].watts[0], SERVER_MODELS[model].watts[-1]):
        found = sensors.readings(model, SERVER_MODELS[model].sockets, [watts], 1.0, 20.0)
        assert {one.status for one in found} == {Status.GREEN}
        assert sum(one.value for one in found if one.kind == SensorKind.SUPPLY) == pytest.approx(watts)


def test_there_is_a_sensor_for_every_processor_fan_and_supply() -> None:
    kinds = [kind for kind, _number in read("dell-r740", [300.0])]
    assert (kinds.count(SensorKind.PROCESSOR), kinds.count(SensorKind.FAN), kinds.count(SensorKind.SUPPLY)) == (2, 6, 2)


@given(st.sampled_from(MODELS), st.floats(0, 1), st.floats(0, 1))
def test_more_power_is_never_colder_nor_slower(model: str, one: float, other: float) -> None:
    curve = SERVER_MODELS[model].watts
    low, high = (curve[0] + part * (curve[-1] - curve[0]) for part in sorted((one, other)))
    cold, hot = read(model, [low]), read(model, [high])
    for kind in (SensorKind.PROCESSOR, SensorKind.FAN, SensorKind.SYSTEM):
        assert cold[kind, 1] <= hot[kind, 1] + 1e-9


def test_a_processor_follows_with_the_lag_of_its_heat_sink() -> None:
    idle, full = LAB.watts[0], LAB.watts[-1]
    heating = [sensors.processor_c(LAB.watts, [idle] + [full] * n, 20.0) for n in range(40)]
    assert heating == sorted(heating)
    goal = sensors.processor_c(LAB.watts, [full], 20.0)
    after = (heating[0] - goal) * (1 / 2.718281828) ** (180 / sensors.HEAT_SINK_S) + goal
    assert heating[9] == pytest.approx(after, abs=0.05)  # nine samples are 180 s
    assert heating[-1] == pytest.approx(goal, abs=0.1)


def test_the_air_carries_out_what_comes_in() -> None:
    found, chassis = read("lab-1u", [LAB.watts[-1]]), sensors.CHASSIS["lab-1u"]
    duty = found[SensorKind.FAN, 1] / chassis.fan_rpm
    rise = found[SensorKind.EXHAUST, 1] - found[SensorKind.INLET, 1]
    assert rise * sensors.AIR_J_PER_M3_K * chassis.flow * duty == pytest.approx(LAB.watts[-1])


@pytest.mark.parametrize("watts", [STANDBY_W, POWERED_OFF_W, 0.0])
def test_a_sleeping_server_is_as_warm_as_its_room_and_its_fans_stand(watts: float) -> None:
    found = read("lab-1u", [watts])
    assert found[SensorKind.FAN, 1] == 0
    assert {value for (kind, _n), value in found.items() if kind in sensors.HOT_C} == {sensors.INLET_C}
    assert found[SensorKind.SYSTEM, 1] == watts


def test_a_model_nobody_knows_is_read_like_the_labs_own() -> None:
    known = sensors.readings("lab-1u", 1, [100.0], 0.5, 20.0)
    assert sensors.readings("abacus", 1, [100.0], 0.5, 20.0) == known


def test_a_supply_near_its_limit_warns_and_beyond_it_alerts() -> None:
    rated = sensors.supply_w(LAB.watts[-1])
    found = {
        watts: next(one.status for one in sensors.readings("lab-1u", 1, [watts], 0.0, 20.0)
                    if one.kind == SensorKind.SUPPLY)
        for watts in (rated, 2 * 0.95 * rated, 2 * rated)
    }  # fmt: skip
    assert list(found.values()) == [Status.GREEN, Status.YELLOW, Status.RED]
