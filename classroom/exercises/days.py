"""The day of a lesson: what its machines want at every hour, and the hour at which the exercise begins.

In `start` of a lesson:  day: {begins: "04:00", load: {"00:00": 3, "06:00": 3, "06:30": 96, "19:00": 3}}
Loads are percent of a machine's CPUs, by the lab's own time of day and linear in between. Machines with
`follows_day: true` replay them as a recorded trace, the same day after day.
"""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from classroom.exercises.notation import Block, NotationError
from inventory import ids, traces
from inventory.journal import changing
from inventory.models import VCenter

DAY_S, STEP_S = 86_400, 300
STEM = "lesson-day"


@dataclass(frozen=True, slots=True)
class Day:
    """`begins_s`: seconds since midnight. `load`: (seconds since midnight, percent), in order."""

    begins_s: int
    load: tuple[tuple[int, float], ...]

    def csv(self) -> str:
        """A trace file of 24 hours; before the first and after the last hour given, the line goes over midnight."""
        at_s = np.arange(0, DAY_S, STEP_S)
        hours, percent = zip(*self.load, strict=True)
        values = np.interp(at_s, hours, percent, period=DAY_S)
        lines = (f"{second},{value:.2f}" for second, value in zip(at_s, values, strict=True))
        return "\n".join(["t_s,cpu_pct", *lines, ""])


@dataclass(frozen=True, slots=True)
class Replay:
    """What a machine needs to follow the day: its trace, and how far lab second 0 lies into it."""

    trace: str
    offset_s: float


def read(data: Any, line: int) -> Day:
    """A day from loaded YAML.

    Raises:
        NotationError: an hour or a load that is none, with its line.
    """
    if not isinstance(data, Block):
        raise NotationError(line, "a day is a mapping")
    data.refuse_unknown("begins", "load")
    load = data.need("load")
    if not isinstance(load, Block) or not all(_is_percent(value) for value in load.values()):
        raise NotationError(data.at("load"), "a day needs loads from 0 to 100 by their hour")
    points = sorted((_seconds(hour, load.at(hour)), float(value)) for hour, value in load.items())
    return Day(_seconds(data.need("begins"), data.at("begins")), tuple(points))


def _is_percent(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 100


def _seconds(text: Any, line: int) -> int:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", str(text)):
        raise NotationError(line, f'“{text}” is no time of day, such as "06:30"')
    hour, minute = map(int, str(text).split(":"))
    return 3600 * hour + 60 * minute


def begin(day: Day, vcenter: VCenter) -> Replay:
    """Set the lab's clock to the hour at which the day begins, and keep the day as a trace of the lab.

    The clock is set as one sets a watch: dates move on by less than a day, and no lab time passes.
    """
    kept = _kept(day)
    with changing(vcenter) as change:
        ids.lock(vcenter)
        current = VCenter.objects.get(pk=vcenter.pk)
        lab_s = current.lab_seconds()
        here = current.lab_datetime(lab_s).astimezone(ZoneInfo(current.timezone))
        shown_s = here.hour * 3600 + here.minute * 60 + here.second
        current.lab_epoch += timedelta(seconds=(day.begins_s - shown_s) % DAY_S)
        current.trace_sets = [*(one for one in current.trace_sets if one != kept), kept]
        current.save(update_fields=["lab_epoch", "trace_sets"])
        vcenter.lab_epoch, vcenter.trace_sets = current.lab_epoch, current.trace_sets
        change.fact("clock.changed")
    return Replay(traces.key(kept, traces.load(kept).names[0]), (day.begins_s - lab_s) % DAY_S)


def _kept(day: Day) -> str:
    """The name of the day's trace set among those of the site; the same day has the same name."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{STEM}.csv"
        file.write_text(day.csv(), encoding="utf-8")
        return traces.keep(file)
