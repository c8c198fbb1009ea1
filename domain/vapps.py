"""vApps: what is started and stopped in which order, and how far a running start or stop has come. Pure.

As in vSphere a member (a VM or a child vApp) belongs to a numbered group; the members of a group are started together,
the next group when each of them has been on for its delay or, where it is asked to, its guest tools answer, whichever
comes first. Stopping goes through the groups backwards. A member of which nothing is stored has the defaults that
vSphere gives: a group of its own behind those that are there, 120 s, power on, power off.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from domain.states import VmPower

DEFAULT_DELAY_S = 120
LONGEST_DELAY_S = 86_400
MOST_GROUPS = 500


class StartAction(StrEnum):
    POWER_ON = "powerOn"
    NONE = "none"


class StopAction(StrEnum):
    POWER_OFF = "powerOff"
    GUEST_SHUTDOWN = "guestShutdown"
    SUSPEND = "suspend"
    NONE = "none"


class Verb(StrEnum):
    """What is done to a vApp. `STOP` follows the stop actions, `POWER_OFF` stops everything at once and hard."""

    START = "start"
    STOP = "stop"
    POWER_OFF = "powerOff"
    SUSPEND = "suspend"


class VAppState(StrEnum):
    """vSphere's states, and `PARTLY` for a vApp of which some members run."""

    STARTED = "started"
    STOPPED = "stopped"
    PARTLY = "partlyStarted"
    SUSPENDED = "suspended"
    STARTING = "starting"
    STOPPING = "stopping"


@dataclass(frozen=True, slots=True)
class Entity:
    """How one member starts and stops. Delays are lab seconds; `stop_delay_s` is for a guest shutdown alone."""

    moref: str
    group: int = 1
    start_action: str = StartAction.POWER_ON
    start_delay_s: int = DEFAULT_DELAY_S
    wait_for_tools: bool = False
    stop_action: str = StopAction.POWER_OFF
    stop_delay_s: int = DEFAULT_DELAY_S

    def settings(self) -> dict[str, Any]:
        """As it is stored, under the member's reference."""
        values = asdict(self)
        del values["moref"]
        return values

    def problem(self) -> str:
        """The setting that is out of its range, "" where all are fine."""
        ranges = {
            "group": (1, MOST_GROUPS),
            "start_delay_s": (0, LONGEST_DELAY_S),
            "stop_delay_s": (0, LONGEST_DELAY_S),
        }
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
                return name
        if not isinstance(self.wait_for_tools, bool):
            return "wait_for_tools"
        if self.start_action not in set(StartAction):
            return "start_action"
        return "" if self.stop_action in set(StopAction) else "stop_action"


SETTINGS = frozenset(Entity("").settings())


def arranged(members: Sequence[str], stored: Mapping[str, Mapping[str, Any]]) -> list[Entity]:
    """The members by group, then in their own order; who is not stored comes behind, each in a group of its own."""
    known = [Entity(moref, **_known(stored[moref])) for moref in members if moref in stored]
    last = max((one.group for one in known), default=0)
    fresh = [Entity(moref, group=last + n) for n, moref in enumerate((m for m in members if m not in stored), 1)]
    return sorted(known, key=lambda one: one.group) + fresh


def _known(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What this version knows of stored settings."""
    return {name: value for name, value in settings.items() if name in SETTINGS}


def grouped(entities: Iterable[Entity], verb: Verb = Verb.START) -> list[list[Entity]]:
    """The members in the order in which a verb takes them: group by group, backwards, or all at once."""
    by_group: dict[int, list[Entity]] = {}
    for one in entities:
        by_group.setdefault(one.group, []).append(one)
    if verb == Verb.POWER_OFF:
        return [[one for group in by_group.values() for one in group]] if by_group else []
    return [by_group[number] for number in sorted(by_group, reverse=verb != Verb.START)]


def state_of(powers: Iterable[str], running: str = "") -> VAppState:
    """The state of a vApp from its VMs' power states and the verb of the task that runs on it, if any."""
    if running:
        return VAppState.STARTING if running == Verb.START else VAppState.STOPPING
    found = set(powers)
    if not found or found == {VmPower.OFF}:
        return VAppState.STOPPED
    if found == {VmPower.ON}:
        return VAppState.STARTED
    return VAppState.PARTLY if VmPower.ON in found else VAppState.SUSPENDED


# --- a running start or stop -----------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Seen:
    """What a member is now: the power states of its VM, or of all VMs of a child vApp, and whether tools answer."""

    powers: frozenset[str]
    tools: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """The task that was begun for a member: `ended_s` in lab seconds, None while it lives."""

    ended_s: float | None = None
    failed: bool = False


@dataclass(slots=True)
class Item:
    """One member's part. `act` is "" where nothing was to be done; `task` is 0 then. Times are lab seconds."""

    act: str
    task: int = 0
    begun_s: float = 0.0
    done_s: float | None = None


BUSY_PATIENCE_S = 120.0


@dataclass(slots=True)
class Run:
    """How far a verb has come: `at` is the index of the group that is being taken, `items` those begun so far.

    A `tolerant` run passes over who fails, and its end does not wait for guests that take longer than their delay:
    a host goes down, or comes up, whatever becomes of one machine. `busy` has since when such a run waits for whom.
    """

    verb: str
    groups: list[list[Entity]]
    at: int = 0
    items: dict[str, Item] = field(default_factory=dict)
    turn: int = 0
    tolerant: bool = False
    busy: dict[str, float] = field(default_factory=dict)

    def to_plain(self) -> dict[str, Any]:
        groups = [[{"moref": one.moref, **one.settings()} for one in group] for group in self.groups]
        items = {moref: asdict(item) for moref, item in self.items.items()}
        tolerance = {"tolerant": True, "busy": dict(self.busy)} if self.tolerant else {}
        return {"verb": str(self.verb), "groups": groups, "at": self.at, "items": items, "turn": self.turn, **tolerance}

    @classmethod
    def from_plain(cls, data: Mapping[str, Any]) -> Run:
        groups = [[Entity(**one) for one in group] for group in data["groups"]]
        items = {moref: Item(**item) for moref, item in data["items"].items()}
        busy = {str(moref): float(since_s) for moref, since_s in (data.get("busy") or {}).items()}
        tolerant = bool(data.get("tolerant"))
        return cls(str(data["verb"]), groups, int(data["at"]), items, int(data["turn"]), tolerant, busy)

    def patient(self, who: str, now_s: float, patience_s: float = BUSY_PATIENCE_S) -> bool:
        """Whether the run waits for whom it cannot take now; a tolerant one does so for a while only."""
        if not self.tolerant:
            return True
        return now_s < self.busy.setdefault(who, now_s) + patience_s

    def pass_over(self, moref: str, now_s: float) -> None:
        """Count a member as done to which nothing was done."""
        self.items[moref] = Item("", begun_s=now_s, done_s=now_s)

    @property
    def total(self) -> int:
        return sum(map(len, self.groups))

    @property
    def progress_pct(self) -> int:
        done = sum(item.done_s is not None for item in self.items.values())
        return min(99, round(100 * done / self.total)) if self.total else 99


@dataclass(slots=True)
class Step:
    """What is to happen next: members to begin with what is done to them, the one that failed, or the end."""

    begin: list[tuple[Entity, str]] = field(default_factory=list)
    failed: str = ""
    finished: bool = False
    changed: bool = False


def act_for(verb: str, entity: Entity, powers: frozenset[str]) -> str:
    """What a verb does to a member that is in these power states: a start or stop action, "" for nothing."""
    match verb:
        case Verb.START:
            wanted = entity.start_action == StartAction.POWER_ON and bool(powers - {VmPower.ON})
            return str(StartAction.POWER_ON) if wanted else ""
        case Verb.STOP:
            wanted = entity.stop_action != StopAction.NONE and VmPower.ON in powers
            return str(entity.stop_action) if wanted else ""
        case Verb.SUSPEND:
            return str(StopAction.SUSPEND) if VmPower.ON in powers else ""
    return str(StopAction.POWER_OFF) if powers - {VmPower.OFF} else ""


def advance(run: Run, seen: Mapping[str, Seen], jobs: Mapping[int, Job], now_s: float, most: int = 8) -> Step:
    """Bring a run up to date and say what is next. The run is changed in place; who calls it stores it.

    A group is left when each of its members lets go of it; at most `most` members are begun in one step. A member that
    is not `seen` has gone and is passed over.
    """
    step = Step()
    for moref, item in run.items.items():
        job = jobs.get(item.task) if item.done_s is None else None
        if item.done_s is None and item.task and job is None:
            job = Job(ended_s=now_s)  # its record is gone, so it ended long ago
        if job is None or job.ended_s is None:
            continue
        step.changed = True
        if job.failed and not run.tolerant:
            step.failed = moref
            return step
        item.done_s, item.act = job.ended_s, "" if job.failed else item.act
    while run.at < len(run.groups):
        group = run.groups[run.at]
        _begin(run, group, seen, now_s, step, most)
        if step.begin or not all(_lets_go(run, one, seen, now_s) for one in group):
            return step
        run.at += 1
        step.changed = True
    step.finished = run.tolerant or all(item.done_s is not None for item in run.items.values())
    return step


def _begin(run: Run, group: Sequence[Entity], seen: Mapping[str, Seen], now_s: float, step: Step, most: int) -> None:
    for one in group:
        if one.moref in run.items or len(step.begin) >= most:
            continue
        act = act_for(run.verb, one, seen[one.moref].powers) if one.moref in seen else ""
        if act:
            step.begin.append((one, act))
        else:
            run.items[one.moref] = Item("", begun_s=now_s, done_s=now_s)
            step.changed = True


def _lets_go(run: Run, one: Entity, seen: Mapping[str, Seen], now_s: float) -> bool:
    """True where the next group need not wait for this member any more."""
    item = run.items.get(one.moref)
    if item is None:
        return False
    if not item.act:
        return True
    if item.act == StopAction.GUEST_SHUTDOWN:
        return item.done_s is not None or now_s >= item.begun_s + one.stop_delay_s
    if item.done_s is None:
        return False
    if run.verb != Verb.START or run.at == len(run.groups) - 1:
        return True
    answers = one.wait_for_tools and one.moref in seen and seen[one.moref].tools
    return answers or now_s >= item.done_s + one.start_delay_s


def waits_s(run: Run, now_s: float) -> float:
    """Lab seconds until the delays of the present group are over; 0 where it waits for work, not for time."""
    if run.at >= len(run.groups):
        return 0.0
    ends = []
    for one in run.groups[run.at]:
        item = run.items.get(one.moref)
        if item is None or (item.act and item.act != StopAction.GUEST_SHUTDOWN and item.done_s is None):
            return 0.0
        if item.act == StopAction.GUEST_SHUTDOWN and item.done_s is None:
            ends.append(item.begun_s + one.stop_delay_s)
        elif item.act and run.verb == Verb.START and item.done_s is not None:
            ends.append(item.done_s + one.start_delay_s)
    return max(0.0, max(ends, default=0.0) - now_s)
