"""When scheduled tasks are due, by the page and by beat."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils.timezone import now
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import ModelEntry
from hypothesis import given
from hypothesis import strategies as st

from domain import faults
from inventory.scheduling import timing
from tests.apps.schedules.stage import entry, plan
from tests.builders import SmallLab
from tests.cast import Cast

pytestmark = pytest.mark.django_db


SEOUL = "Asia/Seoul"


@pytest.mark.parametrize(
    ("when", "due"),
    [
        ({"kind": "once", "at": "2026-12-01T08:30"}, "2026-11-30T23:30"),
        ({"kind": "hourly", "minute": 15}, "2026-11-22T12:15"),
        ({"kind": "daily", "at": "18:00"}, "2026-11-23T09:00"),
        ({"kind": "weekly", "at": "07:00", "days": [0, 4]}, "2026-11-22T22:00"),
        ({"kind": "monthly", "at": "00:00", "day": 31}, "2026-12-30T15:00"),
    ],
)
def test_the_next_run_is_a_time_on_the_wall(when: Any, due: str) -> None:
    after = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)  # 21:00 of a Sunday in Seoul
    assert timing.next_run(when, SEOUL, after) == datetime.fromisoformat(f"{due}+00:00")


def test_a_time_that_the_clocks_skip_comes_an_hour_later() -> None:
    after = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)
    due = timing.next_run({"kind": "daily", "at": "02:30"}, "Europe/Berlin", after)
    assert due == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


@given(
    when=st.one_of(
        st.builds(lambda m: {"kind": "hourly", "minute": m}, st.integers(0, 59)),
        st.builds(lambda h, d: {"kind": "weekly", "at": f"{h:02}:00", "days": d}, st.integers(0, 23),
                  st.lists(st.integers(0, 6), min_size=1)),
        st.builds(lambda h, d: {"kind": "monthly", "at": f"{h:02}:00", "day": d}, st.integers(0, 23),
                  st.integers(1, 31)),
    ),
    after=st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
    zone=st.sampled_from(["UTC", SEOUL, "Europe/Berlin", "Asia/Kolkata", "America/New_York"]),
)  # fmt: skip
def test_a_repeated_task_always_has_a_next_run(when: Any, after: datetime, zone: str) -> None:
    due = timing.next_run(when, zone, after)
    assert due is not None
    assert after < due <= after + timedelta(days=62)


@pytest.mark.parametrize(
    "when",
    [{}, {"kind": "never"}, {"kind": "daily"}, {"kind": "daily", "at": "25:00"}, {"kind": "hourly", "minute": True},
     {"kind": "weekly", "at": "08:00", "days": []}, {"kind": "monthly", "at": "08:00", "day": 32},
     {"kind": "once", "at": "2020-01-01T00:00"}],
)  # fmt: skip
def test_what_is_no_time_is_refused(lab: SmallLab, cast: Cast, when: Any) -> None:
    with pytest.raises(faults.InvalidArgument):
        plan(cast.student, lab.vms[1], when=when)
    assert not PeriodicTask.objects.filter(task=timing.TASK).exists()


def test_beat_agrees_with_the_page(lab: SmallLab, cast: Cast) -> None:
    """The entry that beat works with is due when the list says so."""
    lab.vcenter.timezone = SEOUL
    lab.vcenter.save()
    lab.vms[1].vcenter.refresh_from_db()
    row = plan(cast.student, lab.vms[1], when={"kind": "weekly", "at": "18:00", "days": [0, 2, 6]})
    known = ModelEntry(entry(row))
    due = timing.next_run(row.timing, row.timezone, now())
    in_s = known.schedule.remaining_estimate(now()).total_seconds()
    assert due is not None
    assert abs((due - now()).total_seconds() - in_s) < 61
    assert due.astimezone(ZoneInfo(SEOUL)).weekday() in (0, 2, 6)
    assert json.loads(entry(row).args) == [row.pk]
