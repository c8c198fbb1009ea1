"""What a column of a grid is: its label, its value in a row, how it is shown, sorted and filtered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from django.db.models import Model
from django.utils.functional import Promise
from numpy.typing import NDArray

from domain import counters

Text = str | Promise


class Style(StrEnum):
    """How a value is drawn; numbers are aligned right."""

    TEXT = "text"
    NAME = "name"  # link to the row's own object, with its icon
    LINK = "link"  # (moref, name, icon) of another object
    STATE = "state"  # a word of `inventory.words`, with its badge
    NUMBER = "number"
    BYTES = "bytes"
    MIB = "mib"
    MHZ = "mhz"
    PERCENT = "percent"  # 0..100
    BAR = "bar"  # 0..100 as a bar and a figure
    DURATION = "duration"  # seconds
    YES_NO = "yes_no"


NUMERIC = frozenset({Style.NUMBER, Style.BYTES, Style.MIB, Style.MHZ, Style.PERCENT, Style.BAR, Style.DURATION})


class Filter(StrEnum):
    TEXT = "text"
    CHOICE = "choice"
    RANGE = "range"


@dataclass
class Facts:
    """What the cells of one page need beside the rows, fetched once for all of them."""

    latest: Any = None  # inventory.metrics.Latest, None while live figures are offline
    sums: dict[int, dict[str, Any]] = field(default_factory=dict)  # by primary key

    def figure(self, kind: str, counter: int, slot: int) -> float | None:
        """The latest figure of an entity, None where there is no sample."""
        array = getattr(self.latest, kind, None)
        if array is None or slot >= array.shape[1]:
            return None
        value = float(array[counters.row(kind, counter), slot])
        return None if value != value else value

    def of(self, row: Model) -> dict[str, Any]:
        return self.sums.get(row.pk, {})


@dataclass(frozen=True)
class Column:
    """`order` is the ORM expression that the database sorts and filters by; a live column names a `counter` instead.

    `scale` turns a raw number into the unit in which people filter (GB for bytes). `figure` is the name under which the
    live push updates the cell.
    """

    key: str
    label: Text
    value: Callable[[Any, Facts], Any] = lambda row, facts: None
    style: Style = Style.TEXT
    order: str = ""
    counter: int = 0
    sorts_by: Callable[[], Any] | None = None  # an expression to sort by, worked out only when it is asked for
    sorts_by_counter: int = 0  # the newest sample says the same: quicker, where there is one
    figure: str = ""
    scale: float = 1.0
    unit: str = ""
    filter: Filter | None = None
    enum: type[StrEnum] | None = None  # of a state; its words come from `inventory.words`
    shown: bool = True
    hint: Text = ""

    @property
    def numeric(self) -> bool:
        return self.style in NUMERIC

    @property
    def sortable(self) -> bool:
        return bool(self.order or self.counter or self.sorts_by)

    @property
    def sampled(self) -> int:
        """The counter by which live figures sort the rows; 0 where the database does."""
        return self.counter or self.sorts_by_counter


def attribute(path: str) -> Callable[[Any, Facts], Any]:
    """A value function that follows attributes: `attribute("host.name")`."""
    names = path.split(".")

    def read(row: Any, facts: Facts) -> Any:
        for name in names:
            row = getattr(row, name, None)
        return row

    return read


def fact(name: str) -> Callable[[Any, Facts], Any]:
    """A value function that reads what the grid prepared for the row."""
    return lambda row, facts: facts.of(row).get(name)


FloatArray = NDArray[Any]
