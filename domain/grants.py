"""Which permissions decide: nearest object wins, a user's own beat those of groups, several groups add up.

Pure; objects are named by their references, and a chain lists an object and its ancestors, nearest first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Grant:
    """One permission as it concerns one person: `personal`, or through the group named by `principal`."""

    entity: str
    principal: str
    personal: bool
    role: str
    privileges: frozenset[str]
    propagate: bool = True


Grants = Mapping[str, Sequence[Grant]]  # by entity


def strongest(grants: Sequence[Grant], *, below: bool) -> tuple[Grant, ...]:
    """Of the grants on one object, those that decide there, or (`below`) that it hands down to its children."""
    valid = [grant for grant in grants if grant.propagate or not below]
    personal = tuple(grant for grant in valid if grant.personal)
    return personal or tuple(valid)


def deciding(chain: Iterable[str], grants: Grants) -> tuple[Grant, ...]:
    """The grants that decide for the first object of the chain; empty where nothing was granted on the way up."""
    for distance, entity in enumerate(chain):
        if decisive := strongest(grants.get(entity, ()), below=distance > 0):
            return decisive
    return ()


def union(grants: Iterable[Grant]) -> frozenset[str]:
    """The privileges of several grants together."""
    return frozenset().union(*(grant.privileges for grant in grants))
