"""Which lessons are open: for a course, and of these in one lab."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Max

from classroom.exercises import lessons
from classroom.exercises.lessons import Lesson
from classroom.models import Assignment, Course, Lab
from domain import faults
from domain.text import _


def open_for(course: Course, slugs: Iterable[str]) -> None:
    """Open lessons for a course; one that is open stays where it is in the list."""
    top = Assignment.objects.filter(course=course).aggregate(top=Max("order"))["top"] or 0
    for order, slug in enumerate(slugs, start=top + 1):
        Assignment.objects.get_or_create(course=course, lesson=slug, defaults={"order": order})


def close_for(course: Course, slug: str) -> None:
    """Nobody begins it any more; what was done in it stays."""
    Assignment.objects.filter(course=course, lesson=slug).delete()


def in_lab(lab: Lab) -> list[str]:
    """The slugs that a lab offers: those of its course, or of these the ones that its template names."""
    slugs = list(Assignment.objects.filter(course=lab.course).values_list("lesson", flat=True))
    named = lab.template.lessons if lab.template is not None else []
    return [slug for slug in slugs if not named or slug in named]


def require(lab: Lab, slug: str) -> Lesson:
    """The lesson. Raises NotFound where there is none of that name, or it is not open in the lab."""
    lesson = lessons.find(slug)
    if lesson is None or slug not in in_lab(lab):
        raise faults.NotFound(what=_("The exercise"))
    return lesson
