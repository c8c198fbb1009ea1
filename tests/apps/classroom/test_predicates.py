"""Checks of exercises: the combinators as properties, every predicate against states that fit and that do not."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classroom.exercises.notation import NotationError, load
from classroom.exercises.panel import sentence
from classroom.exercises.predicates import All, Any_, For, Leaf, Not, Since, Span, Verdict, Within, parse
from classroom.exercises.vocabulary import KINDS, Form


class Rows(defaultdict):
    """A row with `None` for what a test does not care about."""

    def __init__(self, **values: Any) -> None:
        super().__init__(lambda: None, values)


class Still:
    """A world made of plain rows; time is set by hand."""

    def __init__(self, **kinds: list[Rows]) -> None:
        self.kinds, self.lab_s, self.started_s = kinds, 0.0, 0.0

    def rows(self, kind: str) -> list[Rows]:
        return self.kinds.get(kind, [])

    def alias(self, name: str) -> str:
        return {"host1": "esx-01", "host2": "esx-02"}.get(name, f"${name}")


class Fixed:
    """A check whose answers are given one after the other."""

    def __init__(self, *answers: bool) -> None:
        self.answers = list(answers)

    def look(self, world: Any, memory: Any, path: str = "") -> Verdict:
        return Verdict(self.answers.pop(0))


truths = st.lists(st.booleans(), min_size=1, max_size=6)


@given(truths)
def test_all_any_and_not_are_logic(values):
    world = Still()
    fixed = tuple(Fixed(value) for value in values)
    assert All(fixed).look(world, {}).ok is all(values)
    assert Any_(tuple(Fixed(v) for v in values)).look(world, {}).ok is any(values)
    # De Morgan
    inverted = tuple(Not(Fixed(v)) for v in values)
    assert Not(All(inverted)).look(world, {}).ok is any(values)


moments = st.lists(st.tuples(st.floats(0.1, 600), st.booleans()), min_size=1, max_size=12)


@given(moments, st.floats(0, 900))
def test_for_holds_exactly_where_the_last_unbroken_stretch_is_long_enough(looks, seconds):
    world, memory = Still(), {}
    check = For(seconds, Fixed(*(value for _gap, value in looks)))
    since = None
    for gap, value in looks:
        world.lab_s += gap
        since = (world.lab_s if since is None else since) if value else None
        assert check.look(world, memory).ok is (since is not None and world.lab_s - since >= seconds)


@given(moments, st.floats(0, 1200))
def test_within_is_decided_by_the_first_truth_and_never_taken_back(looks, seconds):
    world, memory = Still(), {}
    check = Within(seconds, Fixed(*(value for _gap, value in looks)))
    latched = False
    for gap, value in looks:
        world.lab_s += gap
        latched = latched or (value and world.lab_s <= seconds)
        assert check.look(world, memory).ok is latched


@given(truths)
def test_since_stays_true_from_the_first_truth(values):
    world, memory, check = Still(), {}, Since(Fixed(*values))
    for number in range(1, len(values) + 1):
        assert check.look(world, memory).ok is any(values[:number])


def test_a_clock_that_was_set_back_begins_anew():
    world, memory = Still(), {}
    check = For(60, Fixed(True, True, True))
    world.lab_s = 1000.0
    assert not check.look(world, memory).ok
    world.lab_s = 30.0
    assert not check.look(world, memory).ok
    world.lab_s = 89.0
    assert not check.look(world, memory).ok


def test_two_held_parts_keep_their_own_time():
    world, memory = Still(), {}
    check = All((For(10, Fixed(True, True, True)), For(10, Fixed(False, True, True))))
    assert not check.look(world, memory).ok
    world.lab_s = 10.0
    assert not check.look(world, memory).ok
    world.lab_s = 20.0
    assert check.look(world, memory).ok


# --- every property of every kind ------------------------------------------------------------------------------------
def _samples(form: Form, words: tuple[str, ...]) -> tuple[Any, Any, Any]:
    """(what is wanted, a value that fits, one that does not)."""
    if form is Form.NUMBER:
        return {"min": 3, "max": 5}, 4, 6
    if form is Form.TRUTH:
        return True, True, False
    if form is Form.NAMES:
        return ["web-*"], ["db-1", "web-1"], ["db-1"]
    return (words[0], words[0], words[-1]) if words else ("esx-0*", "esx-01", "other")


PROPERTIES = [(kind, name) for kind, known in KINDS.items() for name in known]


@pytest.mark.parametrize(("kind", "name"), PROPERTIES, ids="-".join)
def test_each_property_tells_a_fitting_value_from_another_and_from_an_unknown_one(kind, name):
    prop = KINDS[kind][name]
    wanted, fits, other = _samples(prop.form, prop.words)
    check = Leaf(kind, ("a",), parse(load(f"{kind}: {{name: a, {name}: {_flow(wanted)}}}")).wanted)
    for value, ok in ((fits, True), (other, False), (None, False)):
        verdict = check.look(Still(**{kind: [Rows(name="a", **{name: value})]}), {})
        assert verdict.ok is ok, value
        assert ok or [s.property for s in verdict.seen] == [name]


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {v}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(f'"{v}"' for v in value) + "]"
    return str(value).lower() if isinstance(value, bool) else f'"{value}"'


WORLD = {
    "vm": [Rows(name="web-1", power="on", host="esx-01", vcpus=2), Rows(name="web-2", power="off", host="esx-02")],
    "event": [Rows(name="web-1", type="VmMigratedEvent"), Rows(name="web-2", type="VmMigratedEvent")],
    "migration": [Rows(name="web-1", cause="user")],
}
CASES = [
    ("vm: {name: web-1, power: on}", True),
    ("vm: {name: web-2, power: on}", False),
    ("vm: {name: 'web-*', power: on}", False),
    ("vm: {name: 'web-*', power: on, count: 1}", True),
    ("vm: {name: 'web-*', except: web-2, power: on}", True),
    ("vm: {name: [web-1, web-2]}", True),
    ("vm: {name: [web-1, gone]}", False),
    ("vm: {name: gone, count: 0}", True),
    ("vm: {name: web-1, host: $host1}", True),
    ("vm: {name: web-1, host: '!$host1'}", False),
    ("vm: {name: web-2, host: '!$host1'}", True),
    ("vm: {name: web-1, vcpus: {min: 2}}", True),
    ("vm: {name: web-1, vcpus: {max: 1}}", False),
    ("event: {type: VmMigratedEvent}", True),
    ("event: {type: VmMigratedEvent, count: {max: 1}}", False),
    ("event: {type: DasHostFailedEvent}", False),
    ("migration: {count: {max: 6}}", True),
    ("migration: {name: web-2}", False),
    ("alarm: {count: 0}", True),
    ("[{vm: {name: web-1}}, {not: {vm: {name: web-2, power: on}}}]", True),
    ("any: [{vm: {name: gone}}, {vm: {name: web-1}}]", True),
    ("within: {minutes: 5, check: {vm: {name: web-1}}}", True),
    ("since: {vm: {name: web-1, power: on}}", True),
    ("for: {minutes: 1, check: {vm: {name: web-1}}}", False),
]


@pytest.mark.parametrize(("text", "ok"), CASES, ids=[text for text, _ok in CASES])
def test_checks_as_they_are_written(text, ok):
    assert parse(load(text)).look(Still(**WORLD), {}).ok is ok


def test_what_is_wrong_is_said_with_what_is_wanted():
    verdict = parse(load("vm: {name: web-2, power: on, host: $host1}")).look(Still(**WORLD), {})
    said = [(s.name, s.property, s.now, s.wanted) for s in verdict.seen]
    assert said == [("web-2", "power", "off", ["on"]), ("web-2", "host", "esx-02", ["esx-01"])]


SENTENCES = {
    "vm: {name: web-2, power: on}": "“web-2”, power state: now off, needed: on.",
    "vm: {name: web-2, count: 0}": "Virtual machine “web-2” is still there.",
    "event: {type: VmGuestOSCrashedEvent, about: web-1}": "This has not happened yet: VmGuestOSCrashedEvent, web-1.",
    "migration: {cause: drs, count: {min: 1}}": "Migration “drs”: 0 as wanted, needed: at least 1.",
}


@pytest.mark.parametrize(("text", "said"), SENTENCES.items(), ids=list(SENTENCES))
def test_what_is_wrong_is_a_sentence(text, said):
    verdict = parse(load(text)).look(Still(**WORLD), {})
    assert [sentence(seen.to_plain()) for seen in verdict.seen] == [said]


def test_words_and_limits_are_said_as_the_pages_say_them():
    tools = ["vm", "lab1-linux", "tools", "down", ["ok"]]
    assert sentence(tools) == "“lab1-linux”, guest tools: now not running, needed: running."
    counted = ["migration", "*", "count", 0, [1, None]]
    assert sentence(counted) == "Migration: 0 as wanted, needed: at least 1."
    limit = ["vm", "lab3-batch", "cpu_limit_mhz", 4000, [-1, -1]]
    assert sentence(limit) == "“lab3-batch”, CPU limit: now 4,000 MHz, needed: unlimited."
    assert sentence([*limit[:3], -1, [1000, 4000]]).endswith("now unlimited, needed: 1,000 to 4,000 MHz.")


MISTAKES = [
    ("vms: {name: a}", 1, "unknown check"),
    ("all:\n  - vm: {name: a}\n  - vm:\n      nmae: a", 4, "unknown key"),
    ("vm: {name: a}\nhost: {name: b}", 1, "exactly one key"),
    ("vm:\n  name: a\n  name: b", 3, "given twice"),
    ("vm:\n  name: a\n  power: running", 3, "unknown word"),
    ("host:\n  maintenance: on", 2, "true or false"),
    ("vm:\n  vcpus: {min: 4, max: 2}", 2, "min is above max"),
    ("vm:\n  vcpus: {least: 4}", 2, "unknown key"),
    ("vm:\n  vcpus: many", 2, "a number"),
    ("for: {minutes: 5}", 1, "is missing"),
    ("all: []", 1, "a list of checks"),
    ("- vm: {name: a", 1, "expected"),
    ("!!python/object/apply:os.getcwd []", 1, "constructor"),
]


@pytest.mark.parametrize(("text", "line", "reason"), MISTAKES, ids=[reason + text[:8] for text, _l, reason in MISTAKES])
def test_a_mistake_is_reported_with_its_line(text, line, reason):
    with pytest.raises(NotationError, match=reason) as caught:
        parse(load(text))
    assert caught.value.line == line


def test_a_span_never_holds_for_what_was_not_measured():
    assert not Span().holds(None)
    assert not Span().holds(float("nan"))
    assert Span().holds(0)
