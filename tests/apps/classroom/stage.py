"""A class with one lab that runs: a teacher, a student, an outsider, and a clock that is moved by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from classroom.exercises import acts, attempts, lessons
from classroom.exercises.acts import Act
from classroom.models import Assignment, Attempt, Course, Lab, Membership
from domain.states import TaskState
from inventory import seeding
from inventory.models import Cluster, Task, VCenter
from scheduler.services import cycles
from tests import pumping
from tests.cast import make_user

LIVE = (TaskState.QUEUED, TaskState.RUNNING)


@dataclass
class ClassStage:
    course: Course
    lab: Lab
    teacher: Any
    student: Any
    outsider: Any

    @property
    def vcenter(self) -> VCenter:
        return self.lab.vcenter

    def reload(self) -> Lab:
        self.lab = Lab.objects.select_related("vcenter", "course", "student").get(pk=self.lab.pk)
        return self.lab

    def open(self, slug: str) -> None:
        Assignment.objects.get_or_create(course=self.course, lesson=slug)

    def begin(self, slug: str) -> Attempt:
        self.open(slug)
        with pumping.committing():
            attempt = attempts.begin(self.student, self.lab, slug)
        pumping.beat(self.vcenter)
        return attempt

    def settle(self, limit_s: float = 1800.0) -> None:
        """Until no task is live."""
        passed = 0.0
        while Task.objects.filter(vcenter=self.vcenter, state__in=LIVE).exists() and passed < limit_s:
            pumping.advance(self.vcenter, 5.0, 5.0)
            passed += 5.0

    def play(self, act: Act) -> None:
        """One act as the student, and what becomes of it."""
        if act.verb == "wait":
            self.wait(float(act.args["minutes"]))
        elif act.verb == "press":
            attempts.press(self.student, self.lab, act.args["step"])
            self.wait(0.5)
        else:
            acts.play(act, self.student, self.vcenter)
            self.settle()
        self.check()

    def wait(self, minutes: float) -> None:
        """Lab time with a DRS cycle a minute, as the workers would run it, and a look at the exercise."""
        left_s = minutes * 60
        while left_s > 0:
            step_s = min(60.0, left_s)
            pumping.advance(self.vcenter, step_s, 20.0)
            for pk in Cluster.objects.filter(vcenter=self.vcenter, drs_enabled=True).values_list("pk", flat=True):
                cycles.run(pk)
            self.check()
            left_s -= step_s
            if Attempt.objects.filter(lab=self.lab, state=Attempt.FINISHED).exists():
                return

    def check(self) -> None:
        self.vcenter.refresh_from_db()
        attempts.check(self.lab)


def class_stage(hosts: int = 3, vms: int = 0, hosted: int = 0, **plan: Any) -> ClassStage:
    """A course, one student's lab of so many hosts, one minute old, its clock stopped."""
    teacher, student, outsider = make_user("teacher"), make_user("student"), make_user("outsider")
    vcenter = seeding.new_vcenter(seeding.Plan(hosts=hosts, vms=vms, name="lab"), owner=student, clock_speed=0.0)
    seeding.make(vcenter, seeding.Plan(hosts=hosts, vms=vms, hosted=hosted, **plan))
    course = Course.objects.create(name="Class", teacher=teacher)
    Membership.objects.create(course=course, user=student)
    lab = Lab.objects.create(course=course, student=student, vcenter=vcenter)
    stage = ClassStage(course, lab, teacher, student, outsider)
    pumping.hold_clock(vcenter)
    pumping.beat(vcenter)
    pumping.advance(vcenter, 60)
    stage.reload()
    return stage


def lesson_stage(slug: str) -> ClassStage:
    """A lab just large enough for a lesson."""
    needs = lessons.lessons()[slug].start.get("needs", {})
    return class_stage(hosts=int(needs.get("hosts", 2)), vms=2, hosted=1 if needs.get("hosted") else 0)
