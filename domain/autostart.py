"""VM Startup/Shutdown of a host (vSphere's HostAutoStartManager): which machines start with it, in which order. Pure.

A machine starts automatically in a numbered order, automatically after all of these in any order, or manually. After
each one that starts the next waits for the start delay, or for its guest tools where that is asked, whichever comes
first. When a person shuts the host down, what runs is stopped the other way round: machines that start manually first.

What a host stores: `{enabled, start_delay_s, wait_for_tools, stop_action, stop_delay_s, machines: {moref: {…}}}` with
the settings of `Machine`; what is left out has its default. Delays are lab seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any, TypeVar

from domain.vapps import DEFAULT_DELAY_S, LONGEST_DELAY_S, Entity, StopAction

MOST_ORDER = 1024  # as many as machines on a host
HOSTS_OWN = -1  # a delay that is the host's


class Startup(StrEnum):
    """When a machine starts with its host."""

    MANUAL = "manual"
    ORDERED = "automatic"
    ANY_ORDER = "anyOrder"


STOP_ACTIONS = (StopAction.GUEST_SHUTDOWN, StopAction.POWER_OFF, StopAction.SUSPEND)


@dataclass(frozen=True, slots=True)
class Defaults:
    """The host's own settings, which machines follow where they have none."""

    enabled: bool = False
    start_delay_s: int = DEFAULT_DELAY_S
    wait_for_tools: bool = False
    stop_action: str = StopAction.POWER_OFF
    stop_delay_s: int = DEFAULT_DELAY_S

    def problem(self) -> str:
        """The setting that is out of its range, "" where all are fine."""
        for name in ("enabled", "wait_for_tools"):
            if not isinstance(getattr(self, name), bool):
                return name
        for name in ("start_delay_s", "stop_delay_s"):
            if not _whole(getattr(self, name), 0, LONGEST_DELAY_S):
                return name
        return "" if self.stop_action in STOP_ACTIONS else "stop_action"


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine's. `order` counts where it starts in order; -1, "" and None are the host's."""

    startup: str = Startup.MANUAL
    order: int = 1
    start_delay_s: int = HOSTS_OWN
    wait_for_tools: bool | None = None
    stop_action: str = ""
    stop_delay_s: int = HOSTS_OWN

    @property
    def automatic(self) -> bool:
        return self.startup != Startup.MANUAL

    def problem(self) -> str:
        """The setting that is out of its range, "" where all are fine."""
        if self.startup not in set(Startup):
            return "startup"
        if not _whole(self.order, 1, MOST_ORDER):
            return "order"
        for name in ("start_delay_s", "stop_delay_s"):
            if not _whole(getattr(self, name), HOSTS_OWN, LONGEST_DELAY_S):
                return name
        if self.wait_for_tools is not None and not isinstance(self.wait_for_tools, bool):
            return "wait_for_tools"
        return "" if self.stop_action in ("", *STOP_ACTIONS) else "stop_action"


Settings = TypeVar("Settings", Defaults, Machine)
MACHINES = "machines"
MANUAL = Machine()


def _whole(value: Any, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def read(kind: type[Settings], stored: Mapping[str, Any]) -> Settings:
    """Stored settings; what this version does not know is left out."""
    known = {one.name for one in fields(kind)}
    return kind(**{name: value for name, value in stored.items() if name in known})


def defaults_of(stored: Mapping[str, Any]) -> Defaults:
    return read(Defaults, stored)


def machines_of(stored: Mapping[str, Any]) -> dict[str, Machine]:
    """The machines that have settings, by reference."""
    return {moref: read(Machine, one) for moref, one in (stored.get(MACHINES) or {}).items()}


def plain(defaults: Defaults, machines: Mapping[str, Machine]) -> dict[str, Any]:
    """As it is stored: what is as by default is left out, the orders are numbered without gaps."""
    ordered = sorted({one.order for one in machines.values() if one.startup == Startup.ORDERED})
    numbers = {order: place for place, order in enumerate(ordered, 1)}
    kept = {moref: _own(one) for moref, one in machines.items()}
    for moref, one in machines.items():
        if one.startup == Startup.ORDERED:
            kept[moref]["order"] = numbers[one.order]
        else:
            kept[moref].pop("order", None)
    kept = {moref: one for moref, one in kept.items() if one}
    return {**_own(defaults), **({MACHINES: kept} if kept else {})}


def _own(settings: Defaults | Machine) -> dict[str, Any]:
    usual = asdict(type(settings)())
    return {
        name: str(value) if isinstance(value, str) else value
        for name, value in asdict(settings).items() if value != usual[name]
    }  # fmt: skip


def entities(stored: Mapping[str, Any], here: Iterable[str], *, starting: bool) -> list[Entity]:
    """The machines `here` as members of a run (`domain.vapps`), by group: those in order, each order a group; then any
    order; then, for a stop, the manual ones."""
    defaults, known = defaults_of(stored), machines_of(stored)
    found = [_entity(moref, known.get(moref, MANUAL), defaults) for moref in here]
    last = max((one.group for one in found if one.group <= MOST_ORDER), default=0)
    groups = {_ANY: last + 1, _MANUAL: last + 2}
    moved = [_in_group(one, groups.get(one.group, one.group)) for one in found]
    kept = [one for one in moved if not starting or known.get(one.moref, MANUAL).automatic]
    return sorted(kept, key=lambda one: one.group)


_ANY, _MANUAL = MOST_ORDER + 1, MOST_ORDER + 2


def _entity(moref: str, own: Machine, usual: Defaults) -> Entity:
    group = {Startup.ANY_ORDER: _ANY, Startup.MANUAL: _MANUAL}.get(Startup(own.startup), own.order)
    return Entity(
        moref,
        group,
        start_delay_s=usual.start_delay_s if own.start_delay_s == HOSTS_OWN else own.start_delay_s,
        wait_for_tools=usual.wait_for_tools if own.wait_for_tools is None else own.wait_for_tools,
        stop_action=own.stop_action or usual.stop_action,
        stop_delay_s=usual.stop_delay_s if own.stop_delay_s == HOSTS_OWN else own.stop_delay_s,
    )


def _in_group(one: Entity, group: int) -> Entity:
    return Entity(one.moref, **{**one.settings(), "group": group})
