"""Topics: what a page follows besides single vCenters, such as the tiles of a whole class.

A topic is made of named parts. They are read anew every `every_s` seconds while somebody follows, once for all who
follow in one language, and only parts that differ are sent. Apps above add their own to `TOPICS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Topic:
    """`may(user, key)` says who may follow; `parts(key)` returns the parts in their order, in the active language."""

    may: Callable[[Any, int], bool]
    parts: Callable[[int], Mapping[str, str]]
    every_s: float = 2.0


TOPICS: dict[str, Topic] = {}


@dataclass(frozen=True, slots=True)
class Followed:
    """A topic as a page names it, "wall:3", in the page's language."""

    name: str
    key: int
    language: str

    def __str__(self) -> str:
        return f"{self.name}:{self.key}"


def parse(text: Any, language: str) -> Followed | None:
    """What an untrusted message names; None where there is no such topic."""
    if not isinstance(text, str):
        return None
    name, _, key = text.partition(":")
    if name not in TOPICS or not key.isdecimal() or len(key) > 12:
        return None
    return Followed(name, int(key), language)
