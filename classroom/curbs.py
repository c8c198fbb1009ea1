"""What is left of people's rights where a vCenter is the lab of a class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from django.db.models import Q

from classroom.models import Lab
from classroom.selectors.courses import courses_taught
from domain.faults import NoPermission
from domain.privileges import ALL, SYSTEM
from domain.text import _
from inventory import rights
from inventory.rights import Curb

CLOCK = "Lab.Clock"
# A student keeps the lab to himself: nobody else is let in, the teacher is not shut out.
SHARING = frozenset({"Authorization.ModifyPermissions", "Authorization.ModifyRoles"})
_CLASS_WORK = "_class_work"


class TakeOverFirst(NoPermission):
    """A teacher who looks into a student's lab wants to change something there."""

    template: ClassVar[str] = _(
        "You are looking into a student's lab: “%(object)s” is left as it is. Take over first, then change it."
    )


LOOKING_IN = Curb(SYSTEM, TakeOverFirst)


def of_labs(user: Any) -> Mapping[int, Curb]:
    """What curbs a person in labs, by the vCenter's primary key: students in their own, teachers in others'. One query.

    Whoever is driven, or whose lab is frozen, may look and nothing else. So does a teacher who does not drive, except
    for what is done from the pages of the course (`for_the_class`). Copies for the projector are nobody's homework.
    """
    if getattr(user, _CLASS_WORK, False):
        return {}
    taught = Q(course__in=courses_taught(user).order_by().values("pk"))
    rows = Lab.objects.filter(taught | Q(student=user.pk), is_copy=False).order_by()
    columns = ("vcenter", "student", "driver", "frozen", "course__teacher", "course__student_clock")
    found: dict[int, Curb] = {}
    for vcenter, student, driver, frozen, teacher, clock in rows.values_list(*columns):
        if student != user.pk:
            curb = None if driver == user.pk else LOOKING_IN
        elif user.is_superuser or teacher == user.pk:
            curb = None
        else:
            curb = _of_student(driver is not None or frozen, clock)
        if curb is not None:
            found[vcenter] = curb
    return found


def _of_student(only_look: bool, clock: bool) -> Curb:
    if only_look:
        return Curb(SYSTEM)
    return Curb(ALL - SHARING if clock else ALL - SHARING - {CLOCK})


@contextmanager
def for_the_class(user: Any) -> Iterator[None]:
    """While a teacher works on labs from the course, no take-over is needed. Only after `base.require_teacher`."""
    if user is None:
        yield
        return
    setattr(user, _CLASS_WORK, True)
    rights.forget(user)
    try:
        yield
    finally:
        setattr(user, _CLASS_WORK, False)
        rights.forget(user)
