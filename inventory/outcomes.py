"""What became of several objects that were asked for at once: one table of results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from inventory.models import Task


@dataclass(frozen=True)
class Outcome:
    """What became of one object: its task, or the sentence that says why nothing was done."""

    obj: Any
    task: Task | None = None
    reason: str = ""


@dataclass(frozen=True)
class Results:
    """`label`: what was asked for."""

    label: str
    outcomes: Sequence[Outcome]

    @property
    def tasks(self) -> list[Task]:
        return [one.task for one in self.outcomes if one.task is not None]
