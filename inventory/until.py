"""Running the lab clock until something is so: until 18:00, until the load is below 40 %, until all tasks are done.

A run is kept in `VCenter.options["run_until"]`. Its clock never passes the run's end (`until_s`), so a moment is met to
the second; a state is looked at with each beat. Other apps add what they know to `CONDITIONS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext_lazy as _

from domain import faults
from domain.states import TaskState
from inventory import metrics
from inventory.models import Task, VCenter

OPTION = "run_until"
LONGEST_S = 86_400.0
USED_MHZ, TOTAL_MHZ = 6, 278  # counters of clusters
Run = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Condition:
    """`met(vcenter, run, now_s)` with each beat. `prepare(vcenter, run)` may refuse the value and note what it needs;
    `ends(vcenter, run)` gives the lab second at which the run ends in any case. `words(run)` is for the log."""

    kind: str
    label: Any
    words: Callable[[Run], str]
    met: Callable[[VCenter, Run, float], bool]
    prepare: Callable[[VCenter, Run], None] = lambda _vcenter, _run: None
    ends: Callable[[VCenter, Run], float] = lambda vcenter, _run: vcenter.lab_seconds() + LONGEST_S
    speed: float = 60.0  # how fast it runs where nobody says otherwise
    input: str = ""  # what a person enters: "time", "percent" or nothing


CONDITIONS: dict[str, Condition] = {}


def add(condition: Condition) -> None:
    CONDITIONS[condition.kind] = condition


def running(vcenter: VCenter) -> Run | None:
    """The run under way, None where the clock runs by itself."""
    return vcenter.options.get(OPTION)


def wants_beats(vcenter: VCenter) -> bool:
    """For `pump.WATCHERS`: while a run is under way no beat is left out."""
    return running(vcenter) is not None


def begun(condition: Condition, vcenter: VCenter, value: str) -> Run:
    """A run from now on.

    Raises:
        InvalidArgument: `value` does not suit the condition.
        InvalidState: it is met already.
    """
    run: Run = {"kind": condition.kind, "value": str(value)[:20], "since_s": vcenter.lab_seconds()}
    condition.prepare(vcenter, run)
    run["until_s"] = condition.ends(vcenter, run)
    if condition.met(vcenter, run, run["since_s"]):
        raise faults.InvalidState(name=vcenter.name, reason="what the clock should run until is so already")
    return run


# --- a time of day ---------------------------------------------------------------------------------------------------
def _prepare_time(_vcenter: VCenter, run: Run) -> None:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", run["value"]):
        raise faults.InvalidArgument(property="until", reason="a time of day is needed, such as 18:00")


def _next_time(vcenter: VCenter, run: Run) -> float:
    """The lab second at which the clock of the lab's own time zone shows that time next."""
    hour, minute = map(int, run["value"].split(":"))
    here = vcenter.lab_datetime().astimezone(ZoneInfo(vcenter.timezone))
    then = here.replace(hour=hour, minute=minute, second=0, microsecond=0)
    if then <= here:
        then += timedelta(days=1)
    return (then - vcenter.lab_epoch).total_seconds()


def _time_met(_vcenter: VCenter, run: Run, now_s: float) -> bool:
    return now_s >= run.get("until_s", float("inf"))


# --- the load --------------------------------------------------------------------------------------------------------
def _prepare_percent(vcenter: VCenter, run: Run) -> None:
    if not run["value"].isdecimal() or not 1 <= int(run["value"]) <= 100:
        raise faults.InvalidArgument(property="until", reason="a percentage from 1 to 100 is needed")
    if load_pct(vcenter) is None:
        raise faults.InvalidState(name=vcenter.name, reason="there are no figures of its load yet")


def load_pct(vcenter: VCenter) -> float | None:
    """CPU used of all clusters, in percent of what their hosts have; None where there are no figures."""
    latest = metrics.latest(vcenter)
    if latest is None:
        return None
    used, total = latest.row("cluster", USED_MHZ), latest.row("cluster", TOTAL_MHZ)
    known = (used == used) & (total > 0)
    return float(used[known].sum() / total[known].sum() * 100) if known.any() else None


def _below(vcenter: VCenter, run: Run, _now_s: float) -> bool:
    load = load_pct(vcenter)
    return load is not None and load < int(run["value"])


def _above(vcenter: VCenter, run: Run, _now_s: float) -> bool:
    load = load_pct(vcenter)
    return load is not None and load > int(run["value"])


# --- tasks -----------------------------------------------------------------------------------------------------------
def _tasks_done(vcenter: VCenter, _run: Run, _now_s: float) -> bool:
    return not Task.objects.filter(vcenter=vcenter, state__in=(TaskState.QUEUED, TaskState.RUNNING)).exists()


for _condition in (
    Condition("time", _("a time of day"), lambda run: run["value"], _time_met, _prepare_time, _next_time, 600, "time"),
    Condition(
        "below", _("the load is below"), lambda run: f"load below {run['value']} %", _below, _prepare_percent,
        speed=120, input="percent",
    ),
    Condition(
        "above", _("the load is above"), lambda run: f"load above {run['value']} %", _above, _prepare_percent,
        speed=120, input="percent",
    ),
    Condition("tasks", _("all tasks are done"), lambda run: "all tasks done", _tasks_done),
):  # fmt: skip
    add(_condition)
