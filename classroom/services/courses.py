"""Courses, their teachers and their members."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction

from classroom import selectors
from classroom.models import Batch, Course, Membership
from classroom.models.courses import new_code
from classroom.services import base, teachers
from domain import faults
from domain.text import _
from inventory.services.base import unique, valid_name

FIELDS = (
    "name", "description", "joinable", "student_clock", "max_labs", "max_hosts", "max_vms", "lab_days", "on_expiry",
)  # fmt: skip


def create(user: Any, **values: Any) -> Course:
    """Open a course; whoever opens it teaches it."""
    if not selectors.may_teach(user):
        raise faults.NoPermission(privilege=_("Open courses"), object=_("Classroom"))
    with transaction.atomic():
        course = Course(teacher=user)
        _fill(course, values)
        course.save()
        base.record(user, "createCourse", course)
    return course


def edit(user: Any, course: Course, **values: Any) -> Course:
    """Change what is given of `FIELDS`."""
    base.require_teacher(user, course)
    with transaction.atomic():
        row = Course.objects.select_for_update().get(pk=course.pk)
        _fill(row, values)
        row.save()
        base.record(user, "editCourse", row, {key: values[key] for key in FIELDS if key in values})
    return row


def _fill(course: Course, values: dict[str, Any]) -> None:
    for name in FIELDS:
        if name in values:
            setattr(course, name, values[name])
    course.name = valid_name(course.name)
    unique(Course.objects.filter(teacher=course.teacher, archived=False), course.name, course)


def archive(user: Any, course: Course, archived: bool = True) -> None:
    """Put a course away, or take it out again. Its labs have to be gone first: nobody would look after them."""
    base.require_teacher(user, course)
    if archived and course.labs.exists():
        raise faults.InvalidState(name=course.name, reason=_("it still has labs or copies of labs; delete them first"))
    if archived and course.batches.exclude(state=Batch.FINISHED).exists():
        raise faults.TaskInProgress(name=course.name, task=_("work on the whole class"))
    with transaction.atomic():
        Course.objects.filter(pk=course.pk).update(archived=archived)
        base.record(user, "archiveCourse" if archived else "reopenCourse", course)


def renew_code(user: Any, course: Course) -> str:
    """Another join code: the old one opens nothing any more."""
    base.require_teacher(user, course)
    with transaction.atomic():
        code = new_code()
        Course.objects.filter(pk=course.pk).update(code=code)
        base.record(user, "renewJoinCode", course)
    return code


def add_co_teacher(user: Any, course: Course, username: str) -> None:
    """Let somebody with an account teach as well. Raises NotFound, DuplicateName."""
    base.require_teacher(user, course)
    found = get_user_model().objects.filter(username=username.strip(), is_active=True).first()
    if found is None:
        raise faults.NotFound(what=username[:80])
    if found == course.teacher or course.co_teachers.filter(pk=found.pk).exists():
        raise faults.DuplicateName(name=username)
    if course.memberships.filter(user=found).exists():
        raise faults.InvalidState(name=username, reason=_("students of the course cannot teach it"))
    with transaction.atomic():
        course.co_teachers.add(found)
        teachers.admit_to_all(course)
        base.record(user, "addCoTeacher", course, {"who": found.get_username()})


def remove_co_teacher(user: Any, course: Course, pk: int) -> None:
    """Take a co-teacher's place and rights in all labs away. Raises NotFound."""
    base.require_teacher(user, course)
    found = course.co_teachers.filter(pk=pk).first()
    if found is None:
        raise faults.NotFound(what=_("This co-teacher"))
    with transaction.atomic():
        course.co_teachers.remove(found)
        course.labs.filter(driver=found).update(driver=None)
        course.labs.filter(watcher=found).update(watcher=None)
        teachers.admit_to_all(course)
        base.record(user, "removeCoTeacher", course, {"who": found.get_username()})


# --- members ---------------------------------------------------------------------------------------------------------
def joinable(code: str) -> Course:
    """The course of a join code, in any case and with blanks or dashes. Raises NotFound where none is open."""
    plain = "".join(sign for sign in code.upper() if sign.isalnum())[:12]
    course = Course.objects.filter(code=plain, joinable=True, archived=False).select_related("teacher").first()
    if course is None:
        raise faults.NotFound(what=_("A course with this join code"))
    return course


def join(user: Any, code: str) -> Membership:
    """Become a student of the course; doing it twice changes nothing. Raises NotFound, InvalidState."""
    course = joinable(code)
    if selectors.is_teacher_of(user, course) and not user.is_superuser:
        raise faults.InvalidState(name=course.name, reason=_("you teach this course"))
    with transaction.atomic():
        membership, made = Membership.objects.get_or_create(course=course, user=user)
        if made:
            base.record(user, "join", course)
    return membership


def remove_member(user: Any, membership: Membership) -> None:
    """Take a student out of the course. A lab has to be deleted first, so that no work is lost by the way."""
    course = membership.course
    base.require_teacher(user, course)
    if course.labs.filter(student=membership.user_id).exists():
        raise faults.InvalidState(name=str(membership.user), reason=_("the student still has a lab; delete it first"))
    with transaction.atomic():
        membership.delete()
        base.record(user, "removeMember", course, {"who": membership.user.get_username()})


def set_group(user: Any, membership: Membership, group: str) -> None:
    """Put a student under another label."""
    base.require_teacher(user, membership.course)
    Membership.objects.filter(pk=membership.pk).update(group=group.strip()[:40])
