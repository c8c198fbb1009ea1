"""The class wall: every lab of a course as a tile, in a fixed number of queries however many there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db.models import Count, OuterRef, Q, Subquery
from django.utils.timezone import now

from classroom import sabotage
from classroom.exercises import progress
from classroom.exercises.progress import Progress
from classroom.models import Course, Lab
from classroom.people import seen_key
from domain.states import Status
from inventory import metrics, redis
from inventory.metrics.latest import decode
from inventory.models import Cluster, TriggeredAlarm
from scheduler.models import Decision

POWER_W = 157  # counter of a host's power
IDLE_MIN = 5  # minutes without a click before a tile says so
LOW_SCORE = 60.0  # percent; below it the VMs of a cluster want for something


@dataclass(frozen=True, slots=True)
class Tile:
    """One lab on the wall. `power_w` and `score` (percent, the worst cluster) are None while there is no figure;
    `idle_min` is None where its student was never there."""

    lab: Lab
    alerts: int
    warnings: int
    score: float | None
    power_w: float | None
    idle_min: int | None
    progress: Progress | None
    cards: int
    group: str

    @property
    def need(self) -> int:
        """How much the lab needs somebody; the wall begins with the greatest."""
        low = self.score is not None and self.score < LOW_SCORE
        stuck = self.idle_min is not None and self.idle_min >= IDLE_MIN
        return 8 * bool(self.alerts) + 4 * low + 2 * bool(self.warnings) + stuck

    @property
    def tone(self) -> str:
        """The colour of the tile's edge."""
        if self.lab.frozen:
            return "quiet"
        return "error" if self.need >= 8 else "warn" if self.need >= 2 else "ok"

    @property
    def shown(self) -> tuple[Any, ...]:
        """Everything that the tile's drawing depends on: equal for equal drawings."""
        lab, power = self.lab, None if self.power_w is None else round(self.power_w)
        people = tuple(one and one.get_full_name() for one in (lab.student, lab.driver, lab.watcher))
        clock = (lab.frozen, lab.vcenter.active, lab.vcenter.clock_speed)
        score = None if self.score is None else round(self.score)
        return (people, lab.driver_id, lab.watcher_id, clock, self.alerts, self.warnings, score, self.score_tone, power,
                self.idle_min, self.progress, self.cards, self.group, self.tone)  # fmt: skip

    @property
    def idle(self) -> bool:
        return self.idle_min is None or self.idle_min >= IDLE_MIN

    @property
    def score_tone(self) -> str:
        if self.score is None:
            return "quiet"
        return "error" if self.score < LOW_SCORE else "warn" if self.score < 80 else "ok"


def tiles(course: Course, group: str = "") -> list[Tile]:
    """The labs of a course, those that need somebody first; `group` shows one group alone. Eight queries."""
    groups = dict(course.memberships.values_list("user", "group"))
    rows = Lab.objects.filter(course=course, is_copy=False)
    labs = list(rows.select_related("student", "vcenter", "driver", "watcher", "template"))
    labs = [lab for lab in labs if not group or groups.get(lab.student_id) == group]
    ids = [lab.vcenter_id for lab in labs]
    alarms, scores = _alarms(ids), _scores(ids)
    steps, cards = progress.of_labs(labs), sabotage.open_cards(labs)
    power, idle = _live(labs)
    found = [
        Tile(
            lab, *alarms[lab.vcenter_id], scores.get(lab.vcenter_id), power[at], idle[at], steps.get(lab.pk),
            len(cards.get(lab.pk, ())), groups.get(lab.student_id, ""),
        )
        for at, lab in enumerate(labs)
    ]  # fmt: skip
    return sorted(found, key=lambda tile: (-tile.need, tile.lab.student.last_name, tile.lab.student.username))


def _alarms(vcenters: Sequence[int]) -> dict[int, tuple[int, int]]:
    """(alerts, warnings) that nobody has acknowledged, by vCenter."""
    rows = TriggeredAlarm.objects.filter(vcenter__in=vcenters, acknowledged=False).order_by().values_list("vcenter")
    counted = rows.annotate(
        alerts=Count("pk", filter=Q(status=Status.RED)), warnings=Count("pk", filter=Q(status=Status.YELLOW))
    )
    found: dict[int, tuple[int, int]] = defaultdict(lambda: (0, 0))
    found.update({vcenter: (alerts, warnings) for vcenter, alerts, warnings in counted})
    return found


def _scores(vcenters: Sequence[int]) -> dict[int, float]:
    """The score of the worst cluster at its last DRS cycle, by vCenter."""
    last = Decision.objects.filter(cluster=OuterRef("pk")).order_by("-id").values("score")[:1]
    clusters = Cluster.objects.filter(vcenter__in=vcenters, drs_enabled=True).order_by()
    found: dict[int, float] = {}
    for vcenter, score in clusters.annotate(score=Subquery(last)).values_list("vcenter", "score"):
        if score is not None:
            found[vcenter] = min(score, found.get(vcenter, score))
    return found


def _live(labs: Sequence[Lab]) -> tuple[list[float | None], list[int | None]]:
    """(power in watts, to the nearest 5; minutes since the student was there) per lab; one question to Redis."""
    if not labs:
        return [], []
    keys = [metrics.live_key(lab.vcenter) for lab in labs]
    keys += [seen_key(lab.vcenter.uuid, lab.student_id) for lab in labs]
    try:
        answers: Any = redis.ask(lambda client: client.mget(keys))
    except redis.Offline:
        answers = [None] * len(keys)
    moment = now().timestamp()
    idle = [None if seen is None else max(0, int(moment - float(seen)) // 60) for seen in answers[len(labs) :]]
    return [_power(blob) for blob in answers[: len(labs)]], idle


def _power(blob: bytes | None) -> float | None:
    latest = decode(blob) if blob else None
    if latest is None:
        return None
    watts = latest.row("host", POWER_W)
    return 5.0 * round(float(np.nansum(watts)) / 5) if np.isfinite(watts).any() else None
