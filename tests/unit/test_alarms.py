"""Alarm rules: bad ones are refused, and evaluation agrees with a plain model, object by object."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import alarms, faults
from domain.morefs import Kind

METRIC = {"type": "metric", "counter": 2, "operator": "above", "yellow": 50, "red": 80, "yellow_s": 0, "red_s": 0}
STATE = {"type": "state", "path": "runtime.powerState", "operator": "equal", "value": "poweredOff", "status": "red"}
EVENT = {"type": "event", "event": "VmGuestOSCrashedEvent", "status": "red", "clears": ["VmPoweredOffEvent"]}


@pytest.mark.parametrize(
    ("kind", "conditions", "wrong"),
    [
        (Kind.VM, [], "conditions"),
        (Kind.VM, [{}], "type"),
        (Kind.VM, [{**METRIC, "counter": 276}], "counter"),
        (Kind.VM, [{**METRIC, "counter": "2"}], "counter"),
        (Kind.VM, [{**METRIC, "operator": "near"}], "operator"),
        (Kind.VM, [{**METRIC, "yellow": None, "red": None}], "yellow"),
        (Kind.VM, [{**METRIC, "yellow": -1}], "yellow"),
        (Kind.VM, [{**METRIC, "yellow": float("nan")}], "yellow"),
        (Kind.VM, [{**METRIC, "yellow": True}], "yellow"),
        (Kind.VM, [{**METRIC, "yellow": 90}], "red"),
        (Kind.VM, [{**METRIC, "red_s": 1e9}], "red_s"),
        (Kind.VM, [{**STATE, "path": "name"}], "path"),
        (Kind.VM, [{**STATE, "value": "broken"}], "value"),
        (Kind.HOST, [{**STATE, "path": "runtime.inMaintenanceMode", "value": 1}], "value"),
        (Kind.VM, [{**STATE, "status": "green"}], "status"),
        (Kind.VM, [{**EVENT, "event": "NoSuchEvent"}], "event"),
        (Kind.VM, [{**EVENT, "clears": ["VmGuestOSCrashedEvent"]}], "clears"),
        (Kind.VM, [EVENT, METRIC], "conditions"),
        (Kind.NETWORK, [METRIC], "target_kind"),
    ],
)
def test_bad_rules_are_refused(kind: str, conditions: list[Any], wrong: str) -> None:
    with pytest.raises((faults.InvalidArgument, faults.LimitExceeded)) as refused:
        alarms.validate(kind, [{"conditions": conditions}])
    assert refused.value.fields["property"] == wrong


def test_events_and_conditions_do_not_mix() -> None:
    with pytest.raises(faults.InvalidArgument):
        alarms.validate(Kind.VM, [{"conditions": [EVENT]}, {"conditions": [METRIC]}])
    alarms.validate(Kind.VM, [{"conditions": [METRIC, STATE]}, {"conditions": [METRIC]}])


def test_an_event_that_triggers_wins_over_one_that_clears() -> None:
    other = {**EVENT, "event": "VmPoweredOffEvent", "status": "yellow", "clears": []}
    rules = [{"conditions": [EVENT]}, {"conditions": [other]}]
    assert alarms.effects(rules) == {"VmGuestOSCrashedEvent": alarms.RED, "VmPoweredOffEvent": alarms.YELLOW}


def test_a_lost_memory_keeps_what_holds() -> None:
    rules = [{"conditions": [{**METRIC, "yellow_s": 300, "red_s": 300}]}]
    table = alarms.Table(Kind.VM, [("1", rules)])
    since = table.remembered(np.full((2, 2), np.nan), np.array([[2, 0]], np.int8))
    _since, levels = table.advance(since, np.full((2, 2), 90.0), 0.0, 20.0)
    assert levels.tolist() == [[alarms.RED, alarms.GREEN]]


# --- the plain model -------------------------------------------------------------------------------------------------
levels = st.sampled_from([10.0, 50.0, 80.0])
seconds = st.sampled_from([0, 20, 40])
conditions = st.builds(
    lambda low, high, y, r, above: {
        "type": "metric", "counter": 2, "operator": "above" if above else "below",
        "yellow": min(low, high) if above else max(low, high), "yellow_s": y,
        "red": max(low, high) if above else min(low, high), "red_s": r,
    },
    levels, levels, seconds, seconds, st.booleans(),
)  # fmt: skip
rules = st.lists(st.lists(conditions, min_size=1, max_size=2).map(lambda c: {"conditions": c}), min_size=1, max_size=2)
figures = st.one_of(st.none(), st.sampled_from([0.0, 9.9, 10.1, 49.5, 50.0, 50.5, 78.5, 79.9, 81.0, 200.0]))


class Plain:
    """One object and one definition, without arrays: for each level of each condition, since when it is beyond."""

    def __init__(self, definition: list[Any]) -> None:
        self.rules = definition
        self.since: dict[tuple[int, int, int], float] = {}

    def level(self, value: float | None, last_s: float, now_s: float) -> int:
        worst = 0
        for r, rule in enumerate(self.rules):
            found = [self._condition((r, c), one, value, last_s, now_s) for c, one in enumerate(rule["conditions"])]
            worst = max(worst, min(found))
        return worst

    def _condition(self, place: tuple[int, int], one: Any, value: float | None, last_s: float, now_s: float) -> int:
        reached = 0
        for level, name in ((1, "yellow"), (2, "red")):
            key, duration = (*place, level), one[f"{name}_s"]
            held = key in self.since and last_s - self.since[key] >= duration
            if value is None or not self._beyond(one, one[name], value, held):
                self.since.pop(key, None)
                continue
            started = self.since.setdefault(key, now_s)
            if now_s - started >= duration:
                reached = max(reached, level)
        return reached

    @staticmethod
    def _beyond(one: Any, threshold: float, value: float, held: bool) -> bool:
        slack = threshold * alarms.TOLERANCE_RATIO if held else 0.0
        return value > threshold - slack if one["operator"] == "above" else value < threshold + slack


@settings(max_examples=150)
@given(st.lists(rules, min_size=1, max_size=3), st.lists(st.lists(figures, min_size=3, max_size=3), max_size=12))
def test_evaluation_agrees_with_a_plain_model(definitions: list[Any], samples: list[list[float | None]]) -> None:
    for definition in definitions:
        alarms.validate(Kind.VM, definition)
    table = alarms.Table(Kind.VM, [(str(i), one) for i, one in enumerate(definitions)])
    plain = [[Plain(one) for _slot in range(3)] for one in definitions]
    since, last_s = np.full((len(table.rows), 3), np.nan), 0.0
    for i, sample in enumerate(samples, 1):
        values = np.tile([np.nan if v is None else v for v in sample], (len(table.rows), 1))
        since, found = table.advance(since, values, last_s, 20.0 * i)
        expected = [[one.level(v, last_s, 20.0 * i) for one, v in zip(row, sample, strict=True)] for row in plain]
        assert found.tolist() == expected
        last_s = 20.0 * i
