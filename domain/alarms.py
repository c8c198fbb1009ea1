"""Alarm rules as data, their validation, and their evaluation over whole inventories at once.

A definition is a list of rules; the worst of them counts (Or). A rule is a dict `{"conditions": [...]}`; all of its
conditions have to hold, so its status is the mildest of theirs (And). Conditions:

    {"type": "metric", "counter": 2, "operator": "above", "yellow": 7500, "yellow_s": 300, "red": 9000, "red_s": 300}
    {"type": "state", "path": "runtime.powerState", "operator": "equal", "value": "standBy", "status": "red"}
    {"type": "event", "event": "HostConnectionLostEvent", "status": "red", "clears": ["HostConnectedEvent"]}

Thresholds are in the counter's unit (percent in 1/100 %), durations in lab seconds. A definition watches either events
or conditions, never both: an event is a moment, a condition lasts.

Evaluation knows no objects, only slots. Every level (yellow, red) of every condition of a kind is one row of a `Table`;
its memory is `since`: float64[rows, slots], the lab second since when the row is beyond its threshold, NaN where it is
not. A level that holds is let go only where the value is back by the tolerance: no flapping at the threshold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain import faults
from domain.counters import COUNTERS, ROWS, Counter
from domain.events import EVENTS
from domain.morefs import Kind
from domain.states import HostConnection, HostPower, StandbyMode, Status, ToolsStatus, VmConnection, VmPower

Rule = Mapping[str, Any]
Floats = NDArray[np.float64]
Levels = NDArray[np.int8]

GREEN, YELLOW, RED = 0, 1, 2
STATUS_OF = (Status.GREEN, Status.YELLOW, Status.RED)
LEVEL_OF = {str(status): level for level, status in enumerate(STATUS_OF)}
TOLERANCE_RATIO = 0.02  # vSphere's toleranceRange, of the threshold; without it values at the threshold would flap
MOST_RULES, MOST_CONDITIONS, MOST_SECONDS = 8, 8, 7 * 86_400
METRIC, STATE, EVENT = "metric", "state", "event"
ABOVE, BELOW, EQUAL, UNEQUAL = "above", "below", "equal", "unequal"

# Which arrays of samples a kind of object has; only these kinds can be watched.
FIGURES_OF: dict[str, str] = {
    Kind.VM: "vm",
    Kind.HOST: "host",
    Kind.CLUSTER: "cluster",
    Kind.POOL: "pool",
    Kind.DATASTORE: "datastore",
}
# Figures that are worked out from others; keys above those of vCenter's counters, except 404, which vSphere has.
CPU_READINESS, SPACE_USED, SPACE_PROMISED, DRS_SCORE, RULE_VIOLATIONS = 404, 100_001, 100_002, 100_003, 100_004
DERIVED: dict[str, tuple[Counter, ...]] = {
    "vm": (Counter(CPU_READINESS, "cpu", "readiness", "average", "percent"),),
    "datastore": (
        Counter(SPACE_USED, "disk", "usedRatio", "latest", "percent"),
        Counter(SPACE_PROMISED, "disk", "provisionedRatio", "latest", "percent"),
    ),
    "cluster": (
        Counter(DRS_SCORE, "drs", "score", "latest", "percent"),
        Counter(RULE_VIOLATIONS, "drs", "ruleViolations", "latest", "number"),
    ),
}


@dataclass(frozen=True, slots=True)
class StatePath:
    """A state that can be watched: the column that holds it, and its values as JSON has them."""

    path: str
    field: str
    values: tuple[str | bool, ...]


BOOLEAN = (True, False)
STATES: dict[str, tuple[StatePath, ...]] = {
    Kind.VM: (
        StatePath("runtime.powerState", "power_state", tuple(map(str, VmPower))),
        StatePath("runtime.connectionState", "connection_state", tuple(map(str, VmConnection))),
        StatePath("runtime.consolidationNeeded", "consolidation_needed", BOOLEAN),
        StatePath("guest.toolsStatus", "tools_status", tuple(map(str, ToolsStatus))),
    ),
    Kind.HOST: (
        StatePath("runtime.connectionState", "connection_state", tuple(map(str, HostConnection))),
        StatePath("runtime.powerState", "power_state", tuple(map(str, HostPower))),
        StatePath("runtime.standbyMode", "standby_mode", tuple(map(str, StandbyMode))),
        StatePath("runtime.inMaintenanceMode", "in_maintenance", BOOLEAN),
    ),
    Kind.CLUSTER: (
        StatePath("configuration.drsEnabled", "drs_enabled", BOOLEAN),
        StatePath("configuration.dasEnabled", "ha_enabled", BOOLEAN),
    ),
    Kind.DATASTORE: (
        StatePath("summary.accessible", "accessible", BOOLEAN),
        StatePath("summary.slow", "slow", BOOLEAN),
    ),
    Kind.POOL: (),
}


def counters_of(kind: str) -> dict[int, Counter]:
    """What can be measured of a kind of object: counters of the samples and derived figures, by key."""
    figures = FIGURES_OF[kind]
    sampled = {key: COUNTERS[key] for key in ROWS[figures]}
    return sampled | {counter.key: counter for counter in DERIVED.get(figures, ())}


def state_of(kind: str, path: str) -> StatePath:
    """The state of that path; raises InvalidArgument where the kind has none such."""
    found = next((one for one in STATES.get(kind, ()) if one.path == path), None)
    if found is None:
        raise faults.InvalidArgument(property="path", reason=f"{kind} has no state {path}")
    return found


# --- validation ------------------------------------------------------------------------------------------------------
def validate(kind: str, rules: Any) -> None:
    """Raise where `rules` is no list of rules for objects of `kind`.

    Raises:
        InvalidArgument: what is wrong, in `property` and `reason`.
        LimitExceeded: too many rules or conditions, or a duration beyond a week.
    """
    if kind not in FIGURES_OF:
        raise faults.InvalidArgument(property="target_kind", reason=f"{kind} cannot be watched")
    if not isinstance(rules, list) or not rules:
        raise faults.InvalidArgument(property="rules", reason="an alarm needs at least one rule")
    if len(rules) > MOST_RULES:
        raise faults.LimitExceeded(property="rules", limit=MOST_RULES)
    types = {condition["type"] for rule in rules for condition in _conditions(kind, rule)}
    if EVENT in types and len(types) > 1:
        raise faults.InvalidArgument(property="rules", reason="events and conditions cannot be mixed in one alarm")


def _conditions(kind: str, rule: Any) -> list[Mapping[str, Any]]:
    conditions = rule.get("conditions") if isinstance(rule, Mapping) else None
    if not isinstance(conditions, list) or not conditions:
        raise faults.InvalidArgument(property="conditions", reason="a rule needs at least one condition")
    if len(conditions) > MOST_CONDITIONS:
        raise faults.LimitExceeded(property="conditions", limit=MOST_CONDITIONS)
    for condition in conditions:
        check = _CHECKS.get(str(condition.get("type"))) if isinstance(condition, Mapping) else None
        if check is None:
            raise faults.InvalidArgument(property="type", reason="it has to be metric, state or event")
        check(kind, condition)
    if len(conditions) > 1 and any(condition["type"] == EVENT for condition in conditions):
        raise faults.InvalidArgument(property="conditions", reason="an event stands alone in its rule")
    return conditions


def _check_metric(kind: str, condition: Mapping[str, Any]) -> None:
    if condition.get("counter") not in counters_of(kind):
        raise faults.InvalidArgument(property="counter", reason=f"{kind} has no such counter")
    _among(condition, "operator", (ABOVE, BELOW))
    given = [level for level in ("yellow", "red") if condition.get(level) is not None]
    if not given:
        raise faults.InvalidArgument(property="yellow", reason="a threshold is needed")
    for level in given:
        _number(condition, level, 0, 1e15)
        _number(condition, f"{level}_s", 0, MOST_SECONDS)
    if len(given) == 2:
        _in_order(condition)


def _in_order(condition: Mapping[str, Any]) -> None:
    """Red is further out than yellow, or it would hide it."""
    further = condition["red"] >= condition["yellow"]
    if condition["red"] != condition["yellow"] and further != (condition["operator"] == ABOVE):
        raise faults.InvalidArgument(property="red", reason="the critical threshold lies before the warning threshold")


def _check_state(kind: str, condition: Mapping[str, Any]) -> None:
    state = state_of(kind, str(condition.get("path", "")))
    _among(condition, "operator", (EQUAL, UNEQUAL))
    value = condition.get("value")
    if not any(value is one or (isinstance(one, str) and value == one) for one in state.values):
        raise faults.InvalidArgument(property="value", reason=f"{state.path} is never {value}")
    _among(condition, "status", (Status.YELLOW, Status.RED))
    _number(condition, "for_s", 0, MOST_SECONDS)


def _check_event(_kind: str, condition: Mapping[str, Any]) -> None:
    _among(condition, "status", (Status.YELLOW, Status.RED))
    clears = condition.get("clears", [])
    if not isinstance(clears, list):
        raise faults.InvalidArgument(property="clears", reason="it has to be a list of event types")
    for name in (condition.get("event"), *clears):
        if not isinstance(name, str) or name not in EVENTS:
            raise faults.InvalidArgument(property="event", reason=f"there is no event {name}")
    if condition["event"] in clears:
        raise faults.InvalidArgument(property="clears", reason="an event cannot clear itself")


_CHECKS = {METRIC: _check_metric, STATE: _check_state, EVENT: _check_event}


def _among(condition: Mapping[str, Any], key: str, allowed: Sequence[str]) -> None:
    if condition.get(key) not in allowed:
        raise faults.InvalidArgument(property=key, reason=f"it has to be one of {', '.join(map(str, allowed))}")


def _number(condition: Mapping[str, Any], key: str, low: float, high: float) -> None:
    value = condition.get(key, 0)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not np.isfinite(value) or value < low:
        raise faults.InvalidArgument(property=key, reason="it has to be a number, and not negative")
    if value > high:
        raise faults.LimitExceeded(property=key, limit=int(high))


def watches_events(rules: Sequence[Rule]) -> bool:
    return any(condition["type"] == EVENT for rule in rules for condition in rule["conditions"])


def effects(rules: Sequence[Rule]) -> dict[str, int]:
    """What events do to an alarm: event type -> level; GREEN for those that clear it."""
    found: dict[str, int] = {}
    for condition in (c for rule in rules for c in rule["conditions"]):
        found |= {name: GREEN for name in condition.get("clears", []) if name not in found}
        found[condition["event"]] = LEVEL_OF[condition["status"]]
    return found


# --- evaluation ------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Source:
    """Where a row's values come from: a counter, or a state (whose value is 1 where it holds, else 0)."""

    counter: int = -1
    path: str = ""
    equal: bool = True
    value: str | bool = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One level of one condition. Beyond is above the threshold, or below it where `sign` is -1."""

    key: str  # names its memory from one evaluation to the next
    definition: int  # place of the definition in the table
    rule: int
    condition: int
    level: int
    source: Source
    sign: float
    threshold: float
    duration_s: float


def rows_of(place: int, key: str, rules: Sequence[Rule]) -> list[Row]:
    """The rows of one definition that watches conditions."""
    found = []
    for r, rule in enumerate(rules):
        for c, condition in enumerate(rule["conditions"]):
            for level, source, sign, threshold, duration_s in _levels_of(condition):
                name = f"{key}.{r}.{c}.{level}"
                found.append(Row(name, place, r, c, level, source, sign, threshold, duration_s))
    return found


def _levels_of(condition: Mapping[str, Any]) -> list[tuple[int, Source, float, float, float]]:
    if condition["type"] == STATE:
        source = Source(path=condition["path"], equal=condition["operator"] == EQUAL, value=condition["value"])
        return [(LEVEL_OF[condition["status"]], source, 1.0, 0.5, float(condition.get("for_s", 0)))]
    source, sign = Source(condition["counter"]), 1.0 if condition["operator"] == ABOVE else -1.0
    return [
        (LEVEL_OF[name], source, sign, float(condition[name]), float(condition.get(f"{name}_s", 0)))
        for name in ("yellow", "red")
        if condition.get(name) is not None
    ]


class Table:
    """All conditions that watch one kind of object, compiled. `keys` are the definitions', `rows` their levels."""

    def __init__(self, kind: str, definitions: Sequence[tuple[str, Sequence[Rule]]]) -> None:
        self.kind = kind
        self.keys = [key for key, _rules in definitions]
        self.rows = [row for i, (key, rules) in enumerate(definitions) for row in rows_of(i, key, rules)]
        self._sign = np.array([row.sign for row in self.rows])[:, None]
        self._threshold = np.array([row.threshold for row in self.rows])[:, None]
        self._duration = np.array([row.duration_s for row in self.rows])[:, None]
        slack = np.abs(self._threshold) * TOLERANCE_RATIO
        self._release = self._threshold - self._sign * slack

    def advance(self, since: Floats, values: Floats, last_s: float, now_s: float) -> tuple[Floats, Levels]:
        """One evaluation: the new memory, and the level of each definition: int8[definitions, slots].

        Args:
            since: float64[rows, slots] as the last evaluation left it, NaN = not beyond.
            values: float64[rows, slots] now, NaN = no sample: the row does not hold.
            last_s, now_s: lab seconds of the last evaluation and of this one.
        """
        with np.errstate(invalid="ignore"):
            held = last_s - since >= self._duration
            beyond = self._sign * values > self._sign * self._threshold
            near = self._sign * values > self._sign * self._release
            keeps = beyond | (held & near)
            since = np.where(keeps, np.where(np.isnan(since), now_s, np.minimum(since, now_s)), np.nan)
            holds = now_s - since >= self._duration
        return since, self._combined(holds)

    def _combined(self, holds: NDArray[np.bool_]) -> Levels:
        """Worst level of a condition, mildest of a rule's conditions, worst of a definition's rules."""
        slots = holds.shape[1]
        conditions: dict[tuple[int, int, int], Levels] = {}
        for i, row in enumerate(self.rows):
            place = (row.definition, row.rule, row.condition)
            level = holds[i].astype(np.int8) * np.int8(row.level)
            conditions[place] = np.maximum(conditions[place], level) if place in conditions else level
        rules: dict[tuple[int, int], Levels] = {}
        for (definition, rule, _), level in conditions.items():
            key = (definition, rule)
            rules[key] = np.minimum(rules[key], level) if key in rules else level
        levels = np.zeros((len(self.keys), slots), np.int8)
        for (definition, _), level in rules.items():
            np.maximum(levels[definition], level, out=levels[definition])
        return levels

    def remembered(self, since: Floats, held: Levels) -> Floats:
        """A memory in which every row up to the level that is known to hold began long ago.

        For when the memory was lost: what has triggered stays so as long as it lasts, nothing triggers at once.
        """
        for i, row in enumerate(self.rows):
            since[i, held[row.definition] >= row.level] = -np.inf
        return since
