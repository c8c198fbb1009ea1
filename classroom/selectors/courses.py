"""Guarded getters and lists of courses, members, templates and labs."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from django.http import Http404

from classroom.models import Course, Lab, LabTemplate, Membership
from inventory.models import VCenter

TEACH = "classroom.add_course"  # Django's permission; the group Teachers has it


def may_teach(user: Any) -> bool:
    """True for whoever may open courses."""
    return bool(user.is_active and user.has_perm(TEACH))


def courses_taught(user: Any) -> QuerySet[Course]:
    """The courses that the person teaches, alone or with others; all of them for superusers."""
    rows = Course.objects.select_related("teacher")
    if not user.is_active:
        return rows.none()
    if user.is_superuser:
        return rows
    shared = Course.co_teachers.through.objects.filter(user=user.pk)
    return rows.filter(Q(teacher=user.pk) | Q(pk__in=shared.values("course")))


def courses_joined(user: Any) -> QuerySet[Course]:
    """The courses that the person attends."""
    return Course.objects.filter(memberships__user=user.pk).select_related("teacher")


def is_teacher_of(user: Any, course: Course) -> bool:
    return courses_taught(user).filter(pk=course.pk).exists()


def taught(user: Any, pk: int) -> Course:
    """One course of the teacher's; 404 for everybody else, its students too."""
    return _one(courses_taught(user), pk=pk)


def member_taught(course: Course, pk: int) -> Membership:
    return _one(Membership.objects.filter(course=course).select_related("user", "course"), pk=pk)


def template_taught(course: Course, pk: int) -> LabTemplate:
    return _one(LabTemplate.objects.filter(course=course).select_related("course"), pk=pk)


def lab_taught(course: Course, pk: int) -> Lab:
    rows = Lab.objects.filter(course=course)
    return _one(rows.select_related("course", "vcenter", "student", "template", "driver"), pk=pk)


def groups_of(course: Course) -> list[str]:
    """The groups of the class list that have a name, in order."""
    named = Membership.objects.filter(course=course).exclude(group="").order_by("group")
    return list(named.values_list("group", flat=True).distinct())


def lab_at(vcenter: VCenter) -> Lab | None:
    """The lab that a vCenter is, whoever asks; None for a vCenter outside any class."""
    rows = Lab.objects.filter(vcenter=vcenter)
    return rows.select_related("course__teacher", "student", "driver", "watcher", "template").first()


def labs_of_others(user: Any) -> QuerySet[Any]:
    """The vCenters of labs that the person reaches as a teacher, without those being looked into: not for home."""
    mine = Q(student=user.pk) | Q(driver=user.pk) | Q(watcher=user.pk)
    return Lab.objects.exclude(pk__in=Lab.objects.filter(mine).values("pk")).order_by().values("vcenter")


def _one(rows: QuerySet[Any], **key: Any) -> Any:
    found = rows.filter(**key).first()
    if found is None:
        raise Http404("classroom")
    return found
