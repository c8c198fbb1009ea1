"""Sabotage cards: troubles a teacher puts into labs, and the checks that know when they are mended."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from classroom.models import Card, Lab


def open_cards(labs: Iterable[Lab]) -> dict[int, list[Card]]:
    """Cards that wait or are not mended, by the lab's primary key; for the wall."""
    from classroom.sabotage import services

    return services.open_cards(labs)
