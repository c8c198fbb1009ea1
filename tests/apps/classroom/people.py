"""A class for tests: a teacher, a course, a template small enough to be made in no time, students."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group

from classroom.models import Course, Lab, LabTemplate, Membership
from classroom.people import TEACHERS
from classroom.services import courses, labs, teachers, templates
from tests.builders import SmallLab, small_lab
from tests.cast import make_user

SMALL = {"hosts": 2, "vms": 4, "hosted": 0}


@dataclass
class Class:
    """`labs` are in the order of `students`."""

    teacher: Any
    course: Course
    template: LabTemplate
    students: list[Any]
    labs: list[Lab]

    @property
    def memberships(self) -> list[Membership]:
        return list(self.course.memberships.select_related("user", "course").order_by("pk"))


def make_teacher(name: str = "kim") -> Any:
    teacher = make_user(name, first_name="Ms.", last_name="Kim")
    teacher.groups.add(Group.objects.get(name=TEACHERS))
    return teacher


def make_class(students: int = 2, with_labs: bool = False, **plan: Any) -> Class:
    """A course with so many students; `plan` changes what their labs are made of."""
    teacher = make_teacher()
    course = courses.create(teacher, name="Datacenters 101")
    template = templates.save(teacher, course, name="Two hosts", plan={**SMALL, **plan}, speed=0.0)
    people = [make_user(f"student-{number}", last_name=f"Lee {number}") for number in range(students)]
    for person in people:
        courses.join(person, course.code)
    made = [labs.make(teacher, course, template, person) for person in people] if with_labs else []
    return Class(teacher, course, template, people, made)


def full_lab(made: Class, student: Any) -> tuple[Lab, SmallLab]:
    """A lab of the course with one of everything in it, built without a service."""
    built = small_lab(student)
    lab = Lab.objects.create(course=made.course, student=student, vcenter=built.vcenter, template=made.template)
    teachers.admit(built.vcenter, [made.teacher])
    return lab, built
