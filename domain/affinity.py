"""CPU affinity: the logical processors of its host that a virtual machine is bound to, written as `0,2-3`."""

from __future__ import annotations

import re

TEXT_LENGTH = 120
_RANGE = re.compile(r"(\d{1,4})(?:-(\d{1,4}))?")


def processors(text: str) -> frozenset[int]:
    """The numbers that a text names; none where it is blank, which leaves the choice to the scheduler.

    Raises ValueError where it is no list of numbers and ascending ranges.
    """
    found: set[int] = set()
    for part in filter(None, (one.strip() for one in text.split(","))):
        match = _RANGE.fullmatch(part)
        if match is None:
            raise ValueError(part)
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise ValueError(part)
        found.update(range(first, last + 1))
    return frozenset(found)
