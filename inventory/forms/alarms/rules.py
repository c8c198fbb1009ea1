"""The step of the rules. They are alternatives; the conditions of one rule have to hold together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from domain import alarms as rules_of
from domain.alarms import ABOVE, BELOW, EQUAL, EVENT, METRIC, STATE, UNEQUAL, counters_of, state_of
from domain.events import EVENTS
from domain.faults import MethodFault
from domain.states import EventCategory, Status
from inventory import words
from inventory.alarming import figures, wording
from inventory.forms.alarms.steps import AlarmStep
from inventory.forms.base import Difference, say_limits
from inventory.forms.fields import WithUnit

SEVERITIES = [(str(one), words.of(Status, one).label) for one in (Status.YELLOW, Status.RED)]
MOST = rules_of.MOST_RULES * rules_of.MOST_CONDITIONS
LASTING_MIN = 5  # a peak of a moment is no trouble
PROBLEMS = (EventCategory.WARNING, EventCategory.ERROR)


@dataclass(frozen=True)
class Drawn:
    """A condition as the template draws it."""

    index: int
    fields: list[Any]


@dataclass(frozen=True)
class DrawnRule:
    """A rule as the template draws it; `name` is what its buttons send."""

    number: int
    name: int
    conditions: list[Drawn]
    alone: bool


class Rules(AlarmStep):
    """`count` conditions; those of one are numbered: `trigger_0`, `operator_0`, … `rule_0` says which rule it is in."""

    key = "rules"
    title = gettext_lazy("Alarm Rules")
    lead = gettext_lazy("When the alarm goes off, and how bad it is then. Of several rules the worst counts.")
    template = "inventory/alarms/rules.html"

    count = forms.IntegerField(widget=forms.HiddenInput, min_value=1, max_value=MOST, initial=1)

    def build(self) -> None:
        first = self.wizard.chosen.get("name", {})
        self.kind = first.get("target_kind") or self.wizard.target_kind
        self.events = first.get("about", self.wizard.about) == "events"
        for i in range(self.number):
            self._add(i)
        for field in self.fields.values():
            say_limits(field)

    @property
    def number(self) -> int:
        return self._whole("count", 1, 1, MOST)

    def _whole(self, name: str, default: int, low: int, high: int) -> int:
        """A hidden number as it was sent, within its bounds; what is none is the default."""
        value = self[name].value()
        try:
            return max(low, min(high, int(default if value in (None, "") else value)))
        except (TypeError, ValueError):
            return default

    def _add(self, i: int) -> None:
        hidden = forms.IntegerField(widget=forms.HiddenInput, required=False, initial=i)
        self.fields[f"rule_{i}"] = hidden
        choices = _events() if self.events else _conditions(self.kind)
        widget = forms.Select(attrs={"data-refresh": True})
        self.fields[f"trigger_{i}"] = forms.ChoiceField(label=_("IF"), choices=choices, widget=widget)
        chosen = str(self[f"trigger_{i}"].value() or _first(choices))
        what, _sep, which = chosen.partition(":")
        if what == "m" and which.isdecimal() and int(which) in counters_of(self.kind):
            self._add_metric(i, int(which))
        elif what == "s" and which in dict(wording.paths_of(self.kind)):
            self._add_state(i, which)
        elif what == "e":
            self.fields[f"status_{i}"] = forms.ChoiceField(label=_("THEN show as"), choices=SEVERITIES)

    def _add_metric(self, i: int, key: int) -> None:
        counter = counters_of(self.kind)[key]
        signs = [(ABOVE, _("is above")), (BELOW, _("is below"))]
        self.fields[f"operator_{i}"] = forms.ChoiceField(label=_("Operator"), choices=signs)
        for level, label in (("yellow", _("Warning at")), ("red", _("Alert at"))):
            field: Any = forms.FloatField(label=label, required=False, min_value=0)
            field.unit = wording.unit(counter)
            self.fields[f"{level}_{i}"] = field
        self._add_duration(i, LASTING_MIN)

    def _add_state(self, i: int, path: str) -> None:
        signs = [(EQUAL, _("is")), (UNEQUAL, _("is not"))]
        values = [(str(v), wording.value_label(self.kind, path, v)) for v in state_of(self.kind, path).values]
        self.fields[f"operator_{i}"] = forms.ChoiceField(label=_("Operator"), choices=signs)
        self.fields[f"value_{i}"] = forms.ChoiceField(label=_("Value"), choices=values)
        self.fields[f"status_{i}"] = forms.ChoiceField(label=_("THEN show as"), choices=SEVERITIES)
        self._add_duration(i, 0)

    def _add_duration(self, i: int, minutes: int) -> None:
        most = rules_of.MOST_SECONDS // 60
        self.fields[f"minutes_{i}"] = WithUnit(
            unit=_("min"), label=_("For at least"), min_value=0, max_value=most, initial=minutes
        )

    # --- rules of conditions -----------------------------------------------------------------------------------------
    def rule_of(self, i: int) -> int:
        """The rule that a condition is in; an event stands alone in its own."""
        return i if self.events else self._whole(f"rule_{i}", i, 0, MOST)

    @property
    def by_rule(self) -> dict[int, list[int]]:
        """The conditions of each rule, in the order of the rules' first conditions."""
        found: dict[int, list[int]] = {}
        for i in range(self.number):
            found.setdefault(self.rule_of(i), []).append(i)
        return found

    @property
    def groups(self) -> list[DrawnRule]:
        rules = self.by_rule
        return [
            DrawnRule(n, name, [Drawn(i, self._fields_of(i)) for i in conditions], len(rules) == 1)
            for n, (name, conditions) in enumerate(rules.items(), 1)
        ]

    def _fields_of(self, i: int) -> list[Any]:
        return [self[name] for name in self.fields if name.endswith(f"_{i}") and not name.startswith("rule_")]

    def handle(self, go: str, data: QueryDict) -> QueryDict:
        """What the buttons do: one more rule or condition, a copy of a rule, one rule or condition less."""
        verb, _sep, which = go.partition("-")
        at, rules = int(which) if which.isdecimal() else -1, self.by_rule
        for rule, conditions in rules.items():  # what was left to its default has to stay where it is
            for i in conditions:
                data[f"{self.key}-rule_{i}"] = str(rule)
        if verb == "add":
            self._append(data, max(rules) + 1)
        elif verb == "and" and at in rules:
            self._append(data, at)
        elif verb == "copy" and at in rules:
            for i in rules[at]:
                self._append(data, max(rules) + 1, like=i)
        elif verb == "remove" and 0 <= at < self.number > 1:
            self._remove(data, [at])
        elif verb == "drop" and at in rules and len(rules) > 1:
            self._remove(data, rules[at])
        return data

    def _append(self, data: QueryDict, rule: int, like: int = -1) -> None:
        """One more condition at the end, in a rule; `like` another one, or empty."""
        number = int(data.get(f"{self.key}-count") or 1)
        if number >= MOST:
            return
        for key in [key for key in data if like >= 0 and self._index_of(key) == like]:
            data.setlist(f"{key.rpartition('_')[0]}_{number}", data.getlist(key))
        data.setdefault(f"{self.key}-minutes_{number}", str(LASTING_MIN))
        data[f"{self.key}-rule_{number}"] = str(rule)
        data[f"{self.key}-count"] = str(number + 1)

    def _remove(self, data: QueryDict, gone: list[int]) -> None:
        """Take conditions out: those behind them move up."""
        kept = [i for i in range(self.number) if i not in gone]
        sent = {key: data.pop(key) for key in list(data) if self._index_of(key) >= 0}
        for key, values in sent.items():
            if self._index_of(key) in kept:
                data.setlist(f"{key.rpartition('_')[0]}_{kept.index(self._index_of(key))}", values)
        data[f"{self.key}-count"] = str(len(kept))

    def _index_of(self, key: str) -> int:
        """The condition that a field of the sent form belongs to, -1 where it is none's."""
        stem, _sep, number = key.rpartition("_")
        return int(number) if stem.startswith(f"{self.key}-") and number.isdecimal() and len(number) < 4 else -1

    # --- what it comes to --------------------------------------------------------------------------------------------
    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if self.errors:
            return data
        data["conditions"] = [self._condition(data, i) for i in range(self.number)]
        data["rules"] = [{"conditions": [data["conditions"][i] for i in some]} for some in self.by_rule.values()]
        try:
            rules_of.validate(self.kind, data["rules"])
        except MethodFault as fault:
            self.add_fault(fault)
        return data

    def _condition(self, data: Mapping[str, Any], i: int) -> dict[str, Any]:
        what, _sep, which = data[f"trigger_{i}"].partition(":")
        if what == "e":
            return {"type": EVENT, "event": which, "status": data[f"status_{i}"], "clears": []}
        seconds = data[f"minutes_{i}"] * 60
        operator = data[f"operator_{i}"]
        if what == "s":
            value = next(v for v in state_of(self.kind, which).values if str(v) == data[f"value_{i}"])
            about = {"path": which, "operator": operator, "value": value}
            return {"type": STATE, **about, "status": data[f"status_{i}"], "for_s": seconds}
        scale = wording.scale(counters_of(self.kind)[int(which)])
        levels: dict[str, Any] = {}
        for level in ("yellow", "red"):
            given = data.get(f"{level}_{i}")
            levels |= {level: None if given is None else given * scale, f"{level}_s": seconds}
        return {"type": METRIC, "counter": int(which), "operator": operator, **levels}

    def compare(self, base: dict[str, Any], current: dict[str, Any]) -> None:
        """Rules are merged as a whole: half of theirs and half of one's own would be what nobody wants."""
        yours, was, theirs = (
            _rounded(one) for one in (rules_initial(self.kind, self.cleaned_data["rules"]), base, current)
        )
        if theirs in (yours, was):
            return
        said, saved = (
            " · ".join(wording.sentences(self.kind, rules))
            for rules in (self.cleaned_data["rules"], self.wizard.definition.rules)
        )
        self.differences.append(Difference(self.key, self.title, said, saved, "", taken=yours == was))
        if yours == was:
            self._replace(current)

    def _replace(self, values: Mapping[str, Any]) -> None:
        """These fields instead of all that were sent."""
        data: Any = self.data
        for key in [key for key in data if key.startswith(f"{self.key}-")]:
            del data[key]
        for name, value in values.items():
            data[self.add_prefix(name)] = str(value)

    def summary(self) -> list[tuple[Any, Any]]:
        said = wording.sentences(self.kind, self.cleaned_data["rules"])
        return [(_("Alarm Rule %(number)s") % {"number": i}, text) for i, text in enumerate(said, 1)]


def _conditions(kind: str) -> list[tuple[Any, list[tuple[str, str]]]]:
    name = rules_of.FIGURES_OF[kind]
    counters = [one for one in counters_of(kind).values() if figures.known(name, one.key)]
    measured = [(f"m:{one.key}", f"{wording.counter_label(one)} ({wording.unit(one) or one.id})") for one in counters]
    states = [(f"s:{path}", label) for path, label in wording.paths_of(kind)]
    return [(_("Figures"), measured), *([(_("States"), states)] if states else [])]


def _events() -> list[tuple[Any, list[tuple[str, str]]]]:
    def named(problems: bool) -> list[tuple[str, str]]:
        names = [one.name for one in EVENTS.values() if (one.category in PROBLEMS) == problems]
        return [(f"e:{name}", wording.event_label(name)) for name in names]

    return [(_("Problems"), named(True)), (_("Other events"), named(False))]


def _first(choices: list[tuple[Any, list[tuple[str, str]]]]) -> str:
    return choices[0][1][0][0]


# --- what a definition has now ---------------------------------------------------------------------------------------
def rules_initial(kind: str, rules: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The fields that draw the rules of a definition as they are."""
    places = [(n, condition) for n, rule in enumerate(rules) for condition in rule["conditions"]]
    initial: dict[str, Any] = {"count": len(places)}
    for i, (rule, condition) in enumerate(places):
        fields = {"rule": rule, **_condition_initial(kind, condition)}
        initial |= {f"{key}_{i}": value for key, value in fields.items()}
    return initial


def _rounded(values: Mapping[str, Any]) -> dict[str, Any]:
    """Figures that went through a form and units differ in their last digits, and are the same."""
    return {name: round(value, 6) if isinstance(value, float) else value for name, value in values.items()}


def _condition_initial(kind: str, one: Mapping[str, Any]) -> dict[str, Any]:
    if one["type"] == EVENT:
        return {"trigger": f"e:{one['event']}", "status": one["status"]}
    if one["type"] == STATE:
        shared = {"trigger": f"s:{one['path']}", "operator": one["operator"], "value": str(one["value"])}
        return {**shared, "status": one["status"], "minutes": one.get("for_s", 0) // 60}
    scale = wording.scale(counters_of(kind)[one["counter"]])
    levels = {level: one[level] / scale for level in ("yellow", "red") if one.get(level) is not None}
    seconds = max(one.get("yellow_s", 0), one.get("red_s", 0))
    return {"trigger": f"m:{one['counter']}", "operator": one["operator"], **levels, "minutes": seconds // 60}
