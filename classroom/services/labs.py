"""Labs: made, reset, frozen and deleted, one by one. `classroom.services.batches` does it for a whole class."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils.timezone import now

from classroom.checkpoints import services as checkpoints
from classroom.curbs import for_the_class
from classroom.exercises import attempts
from classroom.models import Course, Lab, LabTemplate
from classroom.sabotage import services as sabotage
from classroom.services import base, sources, teachers, templates
from domain import faults
from domain.text import _
from inventory import live, teardown
from inventory.models import VCenter
from inventory.services import clock


def check_room(course: Course, more: int) -> None:
    """Raise LimitExceeded where `more` labs are too many for the course."""
    if course.labs.filter(is_copy=False).count() + more > course.max_labs:
        raise faults.LimitExceeded(property=_("labs"), limit=course.max_labs)


def make(by: Any, course: Course, template: LabTemplate, student: Any) -> Lab:
    """One student's lab: all of it or nothing. A lab that is there already is returned as it is.

    Raises:
        LimitExceeded: the course has its number of labs, or the template is larger than a lab may be.
        InvalidArgument: the template cannot be read (an inventory file, a workload that has gone).
    """
    base.require_teacher(by, course)
    found = Lab.objects.filter(course=course, template=template, student=student, is_copy=False).first()
    if found is not None:
        return found
    check_room(course, 1)
    templates.check_size(course, template)
    with transaction.atomic():
        vcenter = sources.make(template, _name(student, course), student)
        lab = Lab.objects.create(course=course, template=template, student=student, vcenter=vcenter,
                                 expires=_end(course))  # fmt: skip
        teachers.admit(vcenter, teachers.of_course(course))
        if template.source != LabTemplate.PLAN:  # numbers give the same lab again
            sources.keep_start(vcenter)
        sources.start_clock(vcenter, template.speed)
        base.record(by, "makeLab", course, {"student": student.get_username(), "vcenter": str(vcenter.uuid)})
    return lab


def _name(student: Any, course: Course) -> str:
    return f"{student.get_full_name() or student.get_username()} – {course.name}"[:80]


def _end(course: Course) -> Any:
    return now() + timedelta(days=course.lab_days) if course.lab_days else None


def reset(lab: Lab, by: Any = None) -> None:
    """Bring a lab back to its beginning: to the checkpoint "Start" where there is one, else made anew from its template
    under the same address. Whoever drives it gives it back.

    Raises:
        InvalidState: the lab has neither a checkpoint nor a template.
        ResourceInUse: the lab's simulation stayed busy.
    """
    base.require_teacher(by, lab.course)
    if not sources.rewind(lab.vcenter):
        _make_anew(lab)
    with transaction.atomic():
        attempts.close(lab)
        sabotage.forget(lab)
        Lab.objects.filter(pk=lab.pk).update(driver=None, resume_speed=None, message="", message_at=None)
        base.record(by, "resetLab", lab.course, {"vcenter": str(lab.vcenter.uuid)})
        base.tell_of_new_time(lab)


def _make_anew(lab: Lab) -> None:
    template, vcenter = lab.template, lab.vcenter
    if template is None or template.source != LabTemplate.PLAN:
        raise faults.InvalidState(name=vcenter.name, reason=_("the template it was made from has been deleted"))
    with teardown.held(vcenter), transaction.atomic():
        teardown.empty(vcenter)
        sources.fill(vcenter, template, lab.student)
        teachers.admit(vcenter, teachers.of_course(lab.course))
        sources.start_clock(vcenter, template.speed)


def pause(lab: Lab, by: Any = None) -> None:
    """Stop the clock of one lab, from the course."""
    base.require_teacher(by, lab.course)
    with for_the_class(by):
        clock.pause(by, lab.vcenter)


def resume(lab: Lab, by: Any = None) -> None:
    """Let the clock of one lab go on."""
    base.require_teacher(by, lab.course)
    with for_the_class(by):
        clock.resume(by, lab.vcenter)


def delete(lab: Lab, by: Any = None) -> None:
    """Delete a lab with its vCenter, its figures and its checkpoints.

    Raises:
        ResourceInUse: the lab's simulation stayed busy.
    """
    base.require_teacher(by, lab.course)
    course, vcenter = lab.course, lab.vcenter
    gone = VCenter(uuid=vcenter.uuid)
    teardown.delete(by, vcenter)
    live.publish(gone, [("permissions.changed",)])  # open sockets look who may still hear, and find nobody
    base.record(by, "deleteLab", course, {"student": lab.student.get_username(), "vcenter": vcenter.name})


# --- time limits -----------------------------------------------------------------------------------------------------
def freeze(lab: Lab, by: Any = None) -> None:
    """Stop a lab: its clock stands still and its owner may only look."""
    _set_frozen(lab, by, True)


def thaw(lab: Lab, by: Any = None) -> None:
    """Let a frozen lab go on where it stood."""
    _set_frozen(lab, by, False)


def _set_frozen(lab: Lab, by: Any, frozen: bool) -> None:
    base.require_teacher(by, lab.course)
    with transaction.atomic():
        vcenter = VCenter.objects.select_for_update().get(pk=lab.vcenter_id)
        moment = now()
        if vcenter.active == frozen:  # else nothing changes
            reached = vcenter.lab_seconds(moment) if vcenter.active else vcenter.clock_lab_s
            values = {"active": not frozen, "clock_lab_s": reached, "clock_wall": moment}
            VCenter.objects.filter(pk=vcenter.pk).update(**values)
        Lab.objects.filter(pk=lab.pk).update(frozen=frozen)
        base.record(by, "freezeLab" if frozen else "thawLab", lab.course, {"vcenter": str(vcenter.uuid)})
        base.tell(lab)


def extend(lab: Lab, by: Any, days: int) -> None:
    """Give a lab so many days from now; a frozen one goes on. Raises InvalidArgument."""
    base.require_teacher(by, lab.course)
    if not 1 <= days <= 400:
        raise faults.InvalidArgument(property="days", reason=_("between 1 and 400 days"))
    Lab.objects.filter(pk=lab.pk).update(expires=now() + timedelta(days=days), warned_at=None)
    if lab.frozen:
        thaw(lab, by)


def copy(lab: Lab, by: Any, **fields: Any) -> Lab:
    """The lab as it stands now once more, with the teacher as its owner: for the projector. The student's lab goes on
    undisturbed. `fields` are of the new vCenter. Raises ResourceInUse where the lab's simulation stayed busy."""
    base.require_teacher(by, lab.course)
    with transaction.atomic():
        name = f"{lab.student.get_full_name() or lab.student.get_username()} – {_('copy')}"[:80]
        with for_the_class(by):
            vcenter = checkpoints.copy_now(lab.vcenter, by, name, **fields)
        made = Lab.objects.create(course=lab.course, student=by, vcenter=vcenter, copied_from=lab, is_copy=True)
        teachers.admit(vcenter, teachers.of_course(lab.course))
        base.record(by, "copyLab", lab.course, {"of": str(lab.vcenter.uuid), "vcenter": str(vcenter.uuid)})
    return made
