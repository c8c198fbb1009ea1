"""Reading the classroom on behalf of a person: the only way from an address to a course, a template or a lab.

Whoever has nothing to do with a course gets the same 404 as for one that does not exist.
"""

from classroom.selectors.courses import (
    TEACH,
    courses_joined,
    courses_taught,
    groups_of,
    is_teacher_of,
    lab_at,
    lab_taught,
    labs_of_others,
    may_teach,
    member_taught,
    taught,
    template_taught,
)
from classroom.selectors.work import ClassWork, class_work

__all__ = [
    "TEACH",
    "ClassWork",
    "class_work",
    "courses_joined",
    "courses_taught",
    "groups_of",
    "is_teacher_of",
    "lab_at",
    "lab_taught",
    "labs_of_others",
    "may_teach",
    "member_taught",
    "taught",
    "template_taught",
]
