"""What every service of the classroom does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from classroom import selectors
from classroom.models import Course, Lab
from domain import faults
from domain.text import _
from inventory import audit, live

TEACHER = _("Teacher of the course")


def require_teacher(user: Any, course: Course) -> None:
    """Raise NoPermission unless the person teaches the course. `None` is the system itself."""
    if user is not None and not selectors.is_teacher_of(user, course):
        raise faults.NoPermission(privilege=TEACHER, object=course.name)


def record(user: Any, action: str, course: Course, detail: Mapping[str, Any] | None = None) -> None:
    """An entry of the audit log; the last thing in a transaction."""
    audit.append(user, f"Classroom.{action}", detail={"course": course.name, **(detail or {})})


def tell(lab: Lab) -> None:
    """Let the lab's open pages fetch anew what the classroom says on them: banners, messages, rights."""
    live.publish(lab.vcenter, [("notes.changed",), ("permissions.changed",)])


def tell_of_new_time(lab: Lab) -> None:
    """Let the lab's open pages fetch everything anew: it is another lab now."""
    live.publish(lab.vcenter, [("lab.rewound",), ("clock.changed",), ("notes.changed",), ("permissions.changed",)])
