"""The day of a lesson: a curve of load, machines that follow it, and the lab's clock set to its beginning."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from classroom.exercises import days
from classroom.exercises.notation import NotationError, load
from classroom.exercises.world import LabWorld
from inventory.models import VCenter, VirtualMachine
from tests import pumping
from tests.apps.classroom.stage import ClassStage, class_stage

MACHINES = ("lab7-a", "lab7-b", "lab7-c")


def test_a_day_is_a_curve_over_the_hours_that_goes_over_midnight():
    data = load('begins: "04:00"\nload: {"06:00": 10, "07:00": 90, "19:00": 10}')
    lines = days.read(data, 1).csv().split()
    at = {int(second): float(percent) for second, percent in (line.split(",") for line in lines[1:])}
    assert lines[0] == "t_s,cpu_pct"
    assert len(at) == 288
    assert [at[hour * 3600] for hour in (0, 5, 6, 7, 13, 19, 23)] == [10, 10, 10, 90, 50, 10, 10]
    assert at[6 * 3600 + 1800] == 50


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('begins: "25:00"\nload: {"06:00": 3}', 1),
        ('begins: "04:00"\nload:\n  "06:00": 3\n  "7": 5', 4),
        ('begins: "04:00"\nload: {"06:00": 300}', 2),
        ('begins: "04:00"\nload: 12', 2),
        ('begins: "04:00"\nload: {"06:00": 3}\nends: 5', 3),
    ],
)
def test_a_day_that_makes_no_sense_is_refused_with_its_line(text, line):
    with pytest.raises(NotationError) as refused:
        days.read(load(text), 1)
    assert refused.value.line == line


@pytest.mark.django_db(transaction=True)
def test_a_lesson_with_a_day_sets_the_clock_and_its_machines_follow_it():
    stage = class_stage(hosts=3)
    VCenter.objects.filter(pk=stage.vcenter.pk).update(timezone="Asia/Seoul")
    stage.reload()
    before_s = stage.vcenter.lab_seconds()
    stage.begin("dpm-day")
    stage.reload()
    here = stage.vcenter.lab_datetime().astimezone(ZoneInfo("Asia/Seoul"))
    assert (here.hour, here.minute) == (4, 0)
    assert stage.vcenter.lab_seconds() == before_s
    assert LabWorld(stage.vcenter).rows("clock")[0]["hour"] == 4
    night = loads(stage)
    pumping.advance(stage.vcenter, 3 * 3600, 3600)
    morning = loads(stage)
    assert max(night) < 0.1 < 0.8 < min(morning)


def loads(stage: ClassStage) -> list[float]:
    """What part of its CPUs each machine uses, by its newest figures."""
    pumping.advance(stage.vcenter, 40)
    rows = {row["name"]: row for row in LabWorld(stage.vcenter).rows("vm")}
    machines = VirtualMachine.objects.filter(vcenter=stage.vcenter, name__in=MACHINES).select_related("host")
    return [rows[vm.name]["cpu_usage_mhz"] / (vm.vcpus * vm.host.core_mhz) for vm in machines]
