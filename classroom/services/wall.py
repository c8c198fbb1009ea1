"""Looking into a student's lab, driving in it, and saying something. The student always sees who is there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.utils.timezone import now

from classroom.models import Course, Lab
from classroom.services import base
from domain import faults
from domain.text import _
from inventory import rights


def name_of(user: Any) -> str:
    """How a teacher is called on a student's page."""
    return user.get_full_name() or user.get_username()


def look_in(user: Any, lab: Lab) -> None:
    """Watch a lab: it comes into the teacher's navigator, and its student is told. One leaves the lab before."""
    base.require_teacher(user, lab.course)
    with transaction.atomic():
        for other in Lab.objects.filter(watcher=user).exclude(pk=lab.pk).select_related("vcenter"):
            _leave(other, user)
        Lab.objects.filter(pk=lab.pk).update(watcher=user, watched_at=now())
        base.record(user, "lookIn", lab.course, {"vcenter": str(lab.vcenter.uuid)})
        base.tell(lab)


def leave(user: Any, lab: Lab) -> None:
    """Stop watching; what one drives is given back."""
    base.require_teacher(user, lab.course)
    with transaction.atomic():
        _leave(lab, user)
    rights.forget(user)


def _leave(lab: Lab, user: Any) -> None:
    Lab.objects.filter(pk=lab.pk, watcher=user).update(watcher=None, watched_at=None)
    Lab.objects.filter(pk=lab.pk, driver=user).update(driver=None)
    base.tell(lab)


def take_over(user: Any, lab: Lab) -> None:
    """Drive: from now on the student may only look.

    Raises:
        InvalidState: another teacher drives already.
    """
    base.require_teacher(user, lab.course)
    with transaction.atomic():
        row = Lab.objects.select_for_update(of=("self",)).select_related("driver").get(pk=lab.pk)
        if row.driver is not None and row.driver != user:
            raise faults.InvalidState(name=lab.vcenter.name, reason=_("another teacher is driving"))
        Lab.objects.filter(pk=lab.pk).update(driver=user, watcher=user, watched_at=now())
        base.record(user, "takeOver", lab.course, {"vcenter": str(lab.vcenter.uuid)})
        base.tell(lab)
    rights.forget(user)


def give_back(user: Any, lab: Lab) -> None:
    """Let the student go on; any teacher of the course may, so that no lab stays locked by an absent one."""
    base.require_teacher(user, lab.course)
    with transaction.atomic():
        Lab.objects.filter(pk=lab.pk).update(driver=None)
        base.record(user, "giveBack", lab.course, {"vcenter": str(lab.vcenter.uuid)})
        base.tell(lab)
    rights.forget(user)


def say(user: Any, course: Course, labs: Iterable[Lab], text: str) -> int:
    """Show a message on top of every page of these labs; an empty one takes it away. Returns how many were told."""
    base.require_teacher(user, course)
    chosen = list(labs)
    values: dict[str, Any] = {"message": text.strip()[:400], "message_by": name_of(user), "message_at": now()}
    with transaction.atomic():
        Lab.objects.filter(pk__in=[lab.pk for lab in chosen], course=course).update(**values)
        base.record(user, "message", course, {"labs": len(chosen)})
        for lab in chosen:
            base.tell(lab)
    return len(chosen)


def dismiss(user: Any, lab: Lab) -> None:
    """A student has read the message."""
    if lab.student_id != user.pk:
        raise faults.NoPermission(privilege=_("Owner of the lab"), object=lab.vcenter.name)
    Lab.objects.filter(pk=lab.pk).update(message="")
    base.tell(lab)
