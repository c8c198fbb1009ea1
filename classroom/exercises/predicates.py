"""Checks as data: which state of a lab counts as done. Pure: a world goes in, a verdict comes out.

A check is a mapping with one key, or a list of checks (all of them):

    all: [check, …]      any: [check, …]      not: check
    for: {minutes: 10, check: …}      the check has held without a break for so long (as far as it was looked at)
    within: {minutes: 15, check: …}   it became true in time, counted from the start; stays true from then on
    since: check                      it was true at least once since the start
    <kind>: {name: pattern, <property>: wanted, …, count: wanted}

A kind (`vocabulary.KINDS`) selects objects by `name`, a pattern or a list of them (`*` and `?`; `$host1` is an alias of
the world, see `world.ALIASES`). Without `count`, there is at least one and each has every property; with `count`, so
many of them have. What must be remembered from one look to the next is kept in `memory`, plain JSON data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from math import isnan
from typing import Any, Protocol

from classroom.exercises.notation import Block, NotationError
from classroom.exercises.vocabulary import KINDS, Form, Property

Row = Mapping[str, Any]
Memory = dict[str, float]
EVENTFUL = frozenset({"event", "migration"})  # none of them is a normal answer, as is none of the alarms


class World(Protocol):
    """What a check looks at. `rows(kind)`: mappings with `name` and the kind's properties, None where unknown."""

    @property
    def lab_s(self) -> float: ...
    @property
    def started_s(self) -> float: ...
    def rows(self, kind: str) -> Sequence[Row]: ...
    def alias(self, name: str) -> str: ...


@dataclass(frozen=True, slots=True)
class Seen:
    """One thing that is not as wanted: of which object, which property, what it is and what it should be."""

    kind: str
    name: str
    property: str
    now: Any = None
    wanted: Any = None

    def to_plain(self) -> list[Any]:
        return [self.kind, self.name, self.property, self.now, self.wanted]


@dataclass(frozen=True, slots=True)
class Verdict:
    ok: bool
    seen: tuple[Seen, ...] = ()


class Check(Protocol):
    def look(self, world: World, memory: Memory, path: str = "") -> Verdict: ...


# --- combinators -----------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class All:
    checks: tuple[Check, ...]

    def look(self, world: World, memory: Memory, path: str = "") -> Verdict:
        """Every part is looked at, also after one that fails: held parts have to go on counting."""
        verdicts = [check.look(world, memory, f"{path}/{i}") for i, check in enumerate(self.checks)]
        failed = [v for v in verdicts if not v.ok]
        return Verdict(not failed, tuple(s for v in failed for s in v.seen))


@dataclass(frozen=True, slots=True)
class Any_:
    checks: tuple[Check, ...]

    def look(self, world: World, memory: Memory, path: str = "") -> Verdict:
        verdicts = [check.look(world, memory, f"{path}/{i}") for i, check in enumerate(self.checks)]
        if any(v.ok for v in verdicts):
            return Verdict(True)
        return Verdict(False, tuple(s for v in verdicts for s in v.seen))


@dataclass(frozen=True, slots=True)
class Not:
    check: Check

    def look(self, world: World, memory: Memory, path: str = "") -> Verdict:
        verdict = self.check.look(world, memory, f"{path}/not")
        return Verdict(True) if not verdict.ok else Verdict(False, (Seen("", "", "not"),))


@dataclass(frozen=True, slots=True)
class For:
    """Remembers since when the check has held; a clock that was set back begins anew."""

    seconds: float
    check: Check

    def look(self, world: World, memory: Memory, path: str = "") -> Verdict:
        verdict = self.check.look(world, memory, f"{path}/for")
        if not verdict.ok:
            memory.pop(path, None)
            return verdict
        since_s = memory.get(path, world.lab_s)
        memory[path] = since_s = min(since_s, world.lab_s) if since_s <= world.lab_s else world.lab_s
        held_s = world.lab_s - since_s
        if held_s >= self.seconds:
            return Verdict(True)
        return Verdict(False, (Seen("clock", "", "held_min", held_s / 60, self.seconds / 60),))


@dataclass(frozen=True, slots=True)
class Within:
    """Latched: once true in time, true for ever; once late, never true."""

    seconds: float
    check: Check

    def look(self, world: World, memory: Memory, path: str = "") -> Verdict:
        verdict = self.check.look(world, memory, f"{path}/within")
        if path in memory:
            return Verdict(True)
        elapsed_s = world.lab_s - world.started_s
        if elapsed_s > self.seconds:
            return Verdict(False, (Seen("clock", "", "late_min", elapsed_s / 60, self.seconds / 60),))
        if verdict.ok:
            memory[path] = world.lab_s
        return verdict


@dataclass(frozen=True, slots=True)
class Since:
    """Latched: true from the first moment at which the check was seen to be true."""

    check: Check

    def look(self, world: World, memory: Memory, path: str = "") -> Verdict:
        verdict = self.check.look(world, memory, f"{path}/since")
        if path in memory:
            return Verdict(True)
        if verdict.ok:
            memory[path] = world.lab_s
        return verdict


# --- leaves ----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Span:
    """A range of numbers, both ends included."""

    low: float = float("-inf")
    high: float = float("inf")

    def holds(self, value: Any) -> bool:
        return value is not None and not isnan(value) and self.low <= value <= self.high

    def to_plain(self) -> list[float | None]:
        return [None if abs(end) == float("inf") else end for end in (self.low, self.high)]


@dataclass(frozen=True, slots=True)
class Leaf:
    kind: str
    names: tuple[str, ...] = ("*",)
    wanted: Mapping[str, Any] = field(default_factory=dict)
    count: Span | None = None
    exclude: tuple[str, ...] = ()

    def look(self, world: World, memory: Memory, path: str = "") -> Verdict:
        patterns = [_known_as(world, name) for name in self.names]
        hidden = [_known_as(world, name) for name in self.exclude]
        rows = [r for r in world.rows(self.kind) if _named(r, patterns) and not _named(r, hidden)]
        if self.count is not None:
            return self._counted(world, rows)
        missing = [p for p in patterns if not any(fnmatchcase(r["name"], p) for r in rows)]
        seen = [Seen(self.kind, name, "exists", False, True) for name in missing]
        seen += [s for row in rows for s in self._wrong(world, row)]
        return Verdict(not seen, tuple(seen))

    def _counted(self, world: World, rows: Sequence[Row]) -> Verdict:
        assert self.count is not None
        number = sum(not self._wrong(world, row) for row in rows)
        if self.count.holds(number):
            return Verdict(True)
        plain, gone = self.count.to_plain(), self.count.high == 0 and not self.wanted
        return Verdict(False, (Seen(self.kind, self._called(world), "gone" if gone else "count", number, plain),))

    def _called(self, world: World) -> str:
        """What is counted: by its names, or else by the words that it has to fit."""
        if self.names != ("*",):
            return ", ".join(_known_as(world, name) for name in self.names)
        words = (
            one for wanted in self.wanted.values() if isinstance(wanted, tuple) for one in _resolved(world, wanted)
        )
        return ", ".join(words) or "*"

    def _wrong(self, world: World, row: Row) -> list[Seen]:
        wrong = []
        for name, wanted in self.wanted.items():
            now = row[name]
            if not _fits(world, KINDS[self.kind][name], now, wanted):
                plain = wanted.to_plain() if isinstance(wanted, Span) else _resolved(world, wanted)
                wrong.append(Seen(self.kind, row["name"], name, now, plain))
        return wrong


def _known_as(world: World, name: str) -> str:
    """The name behind an alias; "!" in front, for "not", stays."""
    if name.startswith("!"):
        return "!" + _known_as(world, name[1:])
    return world.alias(name[1:]) if name.startswith("$") else name


def _resolved(world: World, wanted: Any) -> Any:
    return [_known_as(world, w) for w in wanted] if isinstance(wanted, tuple) else wanted


def _named(row: Row, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(row["name"], pattern) for pattern in patterns)


def _fits(world: World, prop: Property, now: Any, wanted: Any) -> bool:
    if prop.form is Form.NUMBER:
        return bool(wanted.holds(now))
    if prop.form is Form.TRUTH:
        return now is wanted
    words = [_known_as(world, word) for word in wanted]
    if prop.form is Form.NAMES:
        return all(any(fnmatchcase(one, word) for one in now or ()) for word in words)
    if now is None:
        return False
    denied = [w[1:] for w in words if w.startswith("!")]
    allowed = [w for w in words if not w.startswith("!")]
    return not any(fnmatchcase(now, w) for w in denied) and (not allowed or any(fnmatchcase(now, w) for w in allowed))


# --- reading ---------------------------------------------------------------------------------------------------------
LISTS: dict[str, Callable[[tuple[Check, ...]], Check]] = {"all": All, "any": Any_}
TIMED: dict[str, Callable[[float, Check], Check]] = {"for": For, "within": Within}
SINGLE: dict[str, Callable[[Check], Check]] = {"not": Not, "since": Since}


def parse(data: Any, line: int = 0) -> Check:
    """A check from loaded YAML (`notation.load`).

    Raises:
        NotationError: an unknown key, a value of the wrong form; with the line.
    """
    if isinstance(data, list):
        return All(tuple(parse(one, line) for one in data))
    if not isinstance(data, Block):
        raise NotationError(line, "a check is a mapping with one key, or a list of checks")
    if len(data) != 1:
        raise NotationError(data.line, f"a check has exactly one key, this has {len(data)}; use a list or “all”")
    (key, value), at = next(iter(data.items())), next(iter(data.lines.values()))
    if key in LISTS:
        return LISTS[key](_parts(value, at))
    if key in TIMED:
        return _timed(key, value, at)
    if key in SINGLE:
        return SINGLE[key](parse(value, at))
    if key in KINDS:
        return _leaf(key, value, at)
    known = [*LISTS, *TIMED, *SINGLE, *KINDS]
    raise NotationError(at, f"unknown check “{key}”; known are {', '.join(sorted(known))}")


def _parts(value: Any, line: int) -> tuple[Check, ...]:
    if not isinstance(value, list) or not value:
        raise NotationError(line, "a list of checks is needed")
    return tuple(parse(one, line) for one in value)


def _timed(key: str, value: Any, line: int) -> Check:
    if not isinstance(value, Block):
        raise NotationError(line, f"“{key}” needs minutes and a check")
    value.refuse_unknown("minutes", "check")
    minutes = _number(value.need("minutes"), value.at("minutes"))
    return TIMED[key](minutes * 60.0, parse(value.need("check"), value.at("check")))


def _leaf(kind: str, value: Any, line: int) -> Leaf:
    if not isinstance(value, Block):
        raise NotationError(line, f"“{kind}” needs a mapping of properties")
    value.refuse_unknown("name", "except", "count", *KINDS[kind])
    known = KINDS[kind]
    wanted = {key: _wanted(known[key], given, value.at(key)) for key, given in value.items() if key in known}
    count = _span(value["count"], value.at("count")) if "count" in value else None
    if count is None and kind in EVENTFUL:
        count = Span(low=1)
    names = _words(value.get("name", "*"), value.at("name"))
    return Leaf(kind, names, wanted, count, _words(value["except"], value.at("except")) if "except" in value else ())


def _wanted(prop: Property, given: Any, line: int) -> Any:
    if prop.form is Form.NUMBER:
        return _span(given, line)
    if prop.form is Form.TRUTH:
        if not isinstance(given, bool):
            raise NotationError(line, "true or false is needed")
        return given
    words = _words(given, line)
    unknown = [w for w in words if prop.words and w.removeprefix("!") not in prop.words]
    if unknown:
        raise NotationError(line, f"unknown word “{unknown[0]}”; known are {', '.join(prop.words)}")
    return words


def _words(given: Any, line: int) -> tuple[str, ...]:
    words = given if isinstance(given, list) else [given]
    if not words or not all(isinstance(w, str) for w in words):
        raise NotationError(line, "a word or a list of words is needed")
    return tuple(words)


def _number(given: Any, line: int) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise NotationError(line, "a number is needed")
    return float(given)


def _span(given: Any, line: int) -> Span:
    if not isinstance(given, Block):
        number = _number(given, line)
        return Span(number, number)
    given.refuse_unknown("min", "max")
    if not given:
        raise NotationError(line, "min, max or both are needed")
    ends = {end: _number(value, given.at(end)) for end, value in given.items()}
    span = Span(ends.get("min", float("-inf")), ends.get("max", float("inf")))
    if span.low > span.high:
        raise NotationError(line, "min is above max")
    return span
