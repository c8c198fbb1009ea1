"""The advanced search: rows of (property, operator, value) that all or any have to fit, and their condition.

A search is a value that an address can carry: `where` is a JSON list of such rows, `match` is "all" or "any". What a
person may see is no part of it: the condition narrows a list that is filtered by rights already.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from domain import faults

Text = str | Promise
ALL, ANY = "all", "any"
MOST_ROWS, LONGEST = 20, 120
HIGHEST = 2**53

OPERATORS: dict[str, Text] = {
    "contains": _("contains"),
    "lacks": _("does not contain"),
    "starts": _("starts with"),
    "is": _("is"),
    "isnt": _("is not"),
    "ge": _("at least"),
    "le": _("at most"),
    "eq": _("equals"),
}
TEXT, NUMBER, CHOICE = "text", "number", "choice"
OPERATORS_OF = {
    TEXT: ("contains", "lacks", "starts", "is", "isnt"),
    NUMBER: ("ge", "le", "eq"),
    CHOICE: ("is", "isnt"),
}
LOOKUPS = {"contains": "icontains", "starts": "istartswith", "is": "iexact", "ge": "gte", "le": "lte", "eq": "exact"}
OPPOSITE = {"lacks": "contains", "isnt": "is"}
Condition = Callable[[str, Any, Any], Q]


@dataclass(frozen=True)
class Property:
    """One thing that an object can be searched by.

    `path` is the field behind it; where that does not do, `condition(lookup, value, vcenter)` says what fits. A number
    is typed in `unit`, `scale` makes it the field's. `operators` other than the type's may be named.
    """

    key: str
    label: Text
    type: str
    path: str = ""
    condition: Condition | None = None
    unit: Text = ""
    scale: float = 1.0
    choices: Callable[[], Sequence[tuple[str, Any]]] = field(default=lambda: ())
    own_operators: tuple[str, ...] = ()

    @property
    def operators(self) -> list[tuple[str, Text]]:
        return [(key, OPERATORS[key]) for key in self.own_operators or OPERATORS_OF[self.type]]

    def q(self, operator: str, value: Any, vcenter: Any) -> Q:
        """The condition of one row."""
        if operator in OPPOSITE:
            return ~self.q(OPPOSITE[operator], value, vcenter)
        lookup = "exact" if self.type == CHOICE else LOOKUPS[operator]
        if self.condition is not None:
            return self.condition(lookup, value, vcenter)
        return Q(**{f"{self.path}__{lookup}": value})

    def read(self, typed: str) -> Any:
        """What was typed, as the field has it. Raises InvalidArgument."""
        if self.type == NUMBER:
            return self._number(typed)
        if self.type == CHOICE and typed not in {str(value) for value, _label in self.choices()}:
            raise faults.InvalidArgument(property=str(self.label), reason="choose one of the list")
        if not typed:
            raise faults.InvalidArgument(property=str(self.label), reason="type what to look for")
        return {"yes": True, "no": False}.get(typed, typed) if self.type == CHOICE else typed

    def _number(self, typed: str) -> float:
        try:
            number = float(typed) * self.scale
        except ValueError:
            raise faults.InvalidArgument(property=str(self.label), reason="it has to be a number") from None
        if not -HIGHEST <= number <= HIGHEST:  # not a number neither
            raise faults.InvalidArgument(property=str(self.label), reason="it has to be a number")
        return number


@dataclass(frozen=True)
class Row:
    property: str
    operator: str
    value: str


@dataclass(frozen=True)
class Search:
    """What is looked for; `rows` may be half filled in while a person types."""

    rows: tuple[Row, ...] = ()
    match: str = ALL

    @property
    def where(self) -> str:
        return json.dumps([[r.property, r.operator, r.value] for r in self.rows], ensure_ascii=False)

    @property
    def query(self) -> str:
        """The part of an address behind the question mark."""
        return urlencode({"where": self.where, **({"match": self.match} if self.match != ALL else {})})

    def q(self, properties: Mapping[str, Property], vcenter: Any) -> Q:
        """The condition of all rows. Raises InvalidArgument for what makes no sense."""
        conditions = [_condition(row, properties, vcenter) for row in self.rows]
        found = Q()
        for condition in conditions:
            found = found | condition if self.match == ANY else found & condition
        return found


def _condition(row: Row, properties: Mapping[str, Property], vcenter: Any) -> Q:
    one = properties.get(row.property)
    if one is None:
        raise faults.InvalidArgument(property="where", reason="there is no such property to search by")
    if row.operator not in dict(one.operators):
        raise faults.InvalidArgument(property=str(one.label), reason="it cannot be compared in this way")
    return one.q(row.operator, one.read(row.value), vcenter)


def parsed(query: QueryDict) -> Search:
    """The search that an address names. Raises InvalidArgument for what is none, LimitExceeded for too much."""
    match = query.get("match", ALL)
    if match not in (ALL, ANY):
        raise faults.InvalidArgument(property="match", reason="it has to be one of all, any")
    text = query.get("where", "")
    if not text:
        return Search(match=match)
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError):
        raise faults.InvalidArgument(property="where", reason="this is no list of conditions") from None
    if not isinstance(raw, list) or not all(_is_row(one) for one in raw):
        raise faults.InvalidArgument(property="where", reason="this is no list of conditions")
    return Search(_bounded([Row(*one) for one in raw]), match)


def typed(query: QueryDict) -> Search:
    """The search that a form sends: a property, an operator and a value per row."""
    lists = (query.getlist(name)[: MOST_ROWS + 1] for name in ("p", "o", "v"))
    rows = [Row(p, o, v.strip()) for p, o, v in zip(*lists, strict=False)]
    return Search(_bounded(rows), ANY if query.get("match") == ANY else ALL)


def _is_row(raw: Any) -> bool:
    return isinstance(raw, list) and len(raw) == 3 and all(isinstance(part, str) for part in raw)


def _bounded(rows: list[Row]) -> tuple[Row, ...]:
    if len(rows) > MOST_ROWS:
        raise faults.LimitExceeded(property="conditions", limit=MOST_ROWS)
    for row in rows:
        if len(row.value) > LONGEST:
            raise faults.LimitExceeded(property="value", limit=LONGEST)
        if any(ord(c) < 32 for c in row.value):
            raise faults.InvalidArgument(property="value", reason="it has characters that no name has")
    return tuple(rows)
