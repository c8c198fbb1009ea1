"""Labs whose time is over: their owners hear of it a day before, then they are frozen or deleted as the course says."""

from __future__ import annotations

from datetime import timedelta

import structlog
from django.utils.timezone import now

from classroom.models import Course, Lab
from classroom.services import base, labs
from domain import faults

log = structlog.get_logger(__name__)

WARNED_BEFORE = timedelta(days=1)
AT_ONCE = 10  # per tick: nothing waits long, and no tick takes long


def tidy() -> None:
    """Run every minute."""
    moment = now()
    soon = Lab.objects.filter(expires__lte=moment + WARNED_BEFORE, warned_at=None).select_related("vcenter")
    for lab in soon[:50]:
        Lab.objects.filter(pk=lab.pk).update(warned_at=moment)
        base.tell(lab)
    rows = Lab.objects.filter(expires__lte=moment).select_related("course", "vcenter", "student", "template")
    over = rows.exclude(frozen=True, course__on_expiry=Course.FREEZE)
    for lab in over.order_by("expires")[:AT_ONCE]:
        end(lab)


def end(lab: Lab) -> None:
    """Do what the course says about a lab whose time is over; the next tick tries again where it is busy."""
    try:
        if lab.course.on_expiry == Course.DELETE:
            labs.delete(lab)
        else:
            labs.freeze(lab)
    except faults.MethodFault as fault:
        log.warning("classroom.expiry", lab=lab.pk, fault=str(fault))
