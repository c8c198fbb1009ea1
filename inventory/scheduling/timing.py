"""When a scheduled task is due: times of the clock on the wall in one time zone, and their rows for Celery's beat.

A timing is one of
    {"kind": "once", "at": "2026-11-30T18:00"}
    {"kind": "hourly", "minute": 15}
    {"kind": "daily", "at": "18:00"}
    {"kind": "weekly", "at": "18:00", "days": [0, 4]}      0 = Monday
    {"kind": "monthly", "at": "18:00", "day": 31}          a month without that day is left out
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, PeriodicTask

from domain import faults
from inventory.models import ScheduledTask

TASK = "inventory.scheduling.run"
PREFIX = "scheduled-task-"
LATE_S = 3600  # what a worker did not get to within the hour is left out
ONCE, HOURLY, DAILY, WEEKLY, MONTHLY = "once", "hourly", "daily", "weekly", "monthly"
KINDS = {
    ONCE: gettext_lazy("Once"),
    HOURLY: gettext_lazy("Every hour"),
    DAILY: gettext_lazy("Every day"),
    WEEKLY: gettext_lazy("Every week"),
    MONTHLY: gettext_lazy("Every month"),
}
WEEKDAYS = (
    gettext_lazy("Monday"), gettext_lazy("Tuesday"), gettext_lazy("Wednesday"), gettext_lazy("Thursday"),
    gettext_lazy("Friday"), gettext_lazy("Saturday"), gettext_lazy("Sunday"),
)  # fmt: skip
LOOK_AHEAD_DAYS = 62  # two months have every day of a month at least once


def validate(timing: Mapping[str, Any], timezone: str) -> None:
    """Raise InvalidArgument for what is no timing, and for a single moment that has passed."""
    try:
        zone, due = ZoneInfo(timezone), None
        match timing["kind"]:
            case "once":
                due = _aware(datetime.fromisoformat(timing["at"]), zone)
            case "hourly":
                _within(timing["minute"], 0, 59)
            case "daily":
                _time(timing)
            case "weekly":
                _time(timing)
                if not timing["days"]:
                    raise ValueError("days")
                for day in timing["days"]:
                    _within(day, 0, 6)
            case "monthly":
                _time(timing)
                _within(timing["day"], 1, 31)
            case _:
                raise ValueError("kind")
    except (KeyError, TypeError, ValueError, OSError):
        raise faults.InvalidArgument(property="timing", reason="nothing can be due at that time") from None
    if due is not None and due <= datetime.now(UTC):
        raise faults.InvalidArgument(property="at", reason="this moment has passed")


def _within(value: Any, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(value)


def _time(timing: Mapping[str, Any]) -> time:
    return time.fromisoformat(timing["at"])


def _aware(local: datetime, zone: ZoneInfo) -> datetime:
    """A wall-clock moment as UTC; one that a change of the clocks leaves out is an hour later."""
    return local.replace(tzinfo=zone, microsecond=0).astimezone(UTC)


def next_run(timing: Mapping[str, Any], timezone: str, after: datetime) -> datetime | None:
    """The first moment after `after` at which the timing is due, in UTC; None where there is none any more."""
    zone = ZoneInfo(timezone)
    if timing["kind"] == ONCE:
        due = _aware(datetime.fromisoformat(timing["at"]), zone)
        return due if due > after else None
    here = after.astimezone(zone)
    if timing["kind"] == HOURLY:
        due = after.replace(second=0, microsecond=0) + timedelta(minutes=(timing["minute"] - here.minute) % 60)
        return due if due > after else due + timedelta(hours=1)
    at = _time(timing)
    days = (here.date() + timedelta(days=n) for n in range(LOOK_AHEAD_DAYS))
    moments = (_aware(datetime.combine(day, at), zone) for day in days if _on(timing, day))
    return next((moment for moment in moments if moment > after), None)


def _on(timing: Mapping[str, Any], day: date) -> bool:
    if timing["kind"] == WEEKLY:
        return day.weekday() in timing["days"]
    return timing["kind"] == DAILY or day.day == timing["day"]


def sentence(timing: Mapping[str, Any]) -> str:
    """A timing in words; its time zone stands beside it."""
    at = timing.get("at", "")
    match timing["kind"]:
        case "once":
            return _("Once, on %(when)s") % {"when": at.replace("T", " ")}
        case "hourly":
            return _("Every hour at minute %(minute)s") % {"minute": timing["minute"]}
        case "daily":
            return _("Every day at %(at)s") % {"at": at}
        case "weekly":
            days = ", ".join(str(WEEKDAYS[day]) for day in sorted(timing["days"]))
            return _("Every week on %(days)s at %(at)s") % {"days": days, "at": at}
    return _("Every month on day %(day)s at %(at)s") % {"day": timing["day"], "at": at}


# --- rows for Celery's beat ------------------------------------------------------------------------------------------
def _name(pk: int) -> str:
    return f"{PREFIX}{pk}"


def entry_of(row: ScheduledTask) -> PeriodicTask | None:
    """What beat has of a scheduled task. Found by name: rows of a lab may be taken away and brought back in one go."""
    return PeriodicTask.objects.filter(name=_name(row.pk)).select_related("clocked", "crontab").first()


def arm(row: ScheduledTask) -> None:
    """Make or change the beat's entry; it is off where the scheduled task is."""
    entry = entry_of(row) or PeriodicTask(name=_name(row.pk))
    entry.task, entry.args, entry.expire_seconds = TASK, json.dumps([row.pk]), LATE_S
    entry.description = f"{row.name} ({row.vcenter_id}/{row.entity})"
    entry.enabled = row.enabled
    before, moment = (entry.crontab_id, entry.clocked_id), entry.clocked
    if row.timing["kind"] == ONCE:
        entry.clocked, entry.crontab, entry.one_off = _clocked(moment, row), None, True
    else:
        entry.clocked, entry.crontab, entry.one_off = None, _crontab(row.timing, row.timezone), False
    if before != (entry.crontab_id, entry.clocked_id):
        # Beat counts from the last run: by that, a time earlier today would be due at once, and a single run be over.
        entry.last_run_at, entry.total_run_count = None, 0
    entry.save()
    if moment is not None and moment.pk != entry.clocked_id:
        moment.delete()


def _clocked(known: ClockedSchedule | None, row: ScheduledTask) -> ClockedSchedule:
    due = _aware(datetime.fromisoformat(row.timing["at"]), ZoneInfo(row.timezone))
    if known is not None and known.clocked_time == due:
        return known
    return ClockedSchedule.objects.create(clocked_time=due)


def _crontab(timing: Mapping[str, Any], timezone: str) -> CrontabSchedule:
    """One row serves all with the same times."""
    at = time(minute=timing["minute"]) if timing["kind"] == HOURLY else _time(timing)
    days = ",".join(str((day + 1) % 7) for day in sorted(timing["days"])) if timing["kind"] == WEEKLY else "*"
    wanted = {
        "minute": str(at.minute),
        "hour": "*" if timing["kind"] == HOURLY else str(at.hour),
        "day_of_week": days,
        "day_of_month": str(timing["day"]) if timing["kind"] == MONTHLY else "*",
        "month_of_year": "*",
        "timezone": timezone,
    }
    return CrontabSchedule.objects.filter(**wanted).first() or CrontabSchedule.objects.create(**wanted)


def disarm(instance: ScheduledTask, **_signal: Any) -> None:
    """Take the beat's entry away with the scheduled task."""
    _drop(PeriodicTask.objects.filter(name=_name(instance.pk)))


def _drop(entries: QuerySet[PeriodicTask]) -> None:
    clocked = list(entries.filter(clocked__isnull=False).values_list("clocked", flat=True))
    entries.delete()
    ClockedSchedule.objects.filter(pk__in=clocked).delete()


def sweep() -> None:
    """Bring beat's entries in line with the rows, where a whole lab came or went without their signals."""
    known = set(PeriodicTask.objects.filter(task=TASK).values_list("name", flat=True))
    rows = {_name(pk): pk for pk in ScheduledTask.objects.order_by().values_list("pk", flat=True)}
    if gone := known - rows.keys():
        _drop(PeriodicTask.objects.filter(name__in=gone))
    for row in ScheduledTask.objects.filter(pk__in=[rows[name] for name in rows.keys() - known]):
        arm(row)
