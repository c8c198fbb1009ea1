"""What can be done to a class, item by item: each verb may be done twice, and a refusal concerns its item alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model

from classroom.checkpoints import capture as captures
from classroom.models import Batch, Card, Lab, LabTemplate
from classroom.sabotage import services as sabotage
from classroom.services import base, labs, rosters, sources, templates
from domain import faults
from domain.text import _
from inventory.models import VCenter
from inventory.services import clock

SECRET = "secret"  # an argument that is neither audited nor kept once the work is done


# --- whom a verb for all concerns ------------------------------------------------------------------------------------
def _all_without(batch: Batch) -> list[int]:
    """The students of a course who have no lab from the template yet.

    Raises:
        LimitExceeded: there would be more labs than the course may have.
        InvalidState: there is nobody without one.
    """
    course, template = batch.course, _template(batch)
    have = set(Lab.objects.filter(course=course, template=template, is_copy=False).values_list("student", flat=True))
    students = course.memberships.order_by("pk").values_list("user", flat=True)
    wanted = [student for student in students if student not in have]
    if have and not wanted:
        raise faults.InvalidState(name=template.name, reason=_("every student has a lab from it already"))
    labs.check_room(course, len(wanted))
    return wanted


def _all_labs(batch: Batch) -> list[int]:
    """Copies for the projector are left alone, but go with the others where all are deleted."""
    rows = batch.course.labs.all() if batch.verb == "delete" else batch.course.labs.filter(is_copy=False)
    return list(rows.values_list("pk", flat=True))


def _template(batch: Batch) -> LabTemplate:
    found = LabTemplate.objects.filter(pk=batch.args["template"], course=batch.course).first()
    if found is None:
        raise faults.NotFound(what=_("The template"))
    return found


# --- one item --------------------------------------------------------------------------------------------------------
def _student(item: int) -> str:
    return _called(get_user_model().objects.filter(pk=item).first())


def _student_of_lab(item: int) -> str:
    lab = Lab.objects.filter(pk=item).select_related("student").first()
    return _called(lab.student if lab else None)


def _called(user: Any) -> str:
    """As every page of the course calls them."""
    return (user.get_full_name() or user.get_username()) if user is not None else ""


def _name_of_vcenter(item: int) -> str:
    return VCenter.objects.filter(pk=item).values_list("name", flat=True).first() or ""


def _make(batch: Batch, item: int) -> None:
    student = get_user_model().objects.filter(pk=item, memberships__course=batch.course).first()
    if student is None:
        raise faults.NotFound(what=_("The student"))
    labs.make(batch.by, batch.course, _template(batch), student)


def _to_lab(do: Callable[[Batch, Lab], Any]) -> Callable[[Batch, int], None]:
    """A verb for one lab; a lab that has gone meanwhile needs nothing."""

    def verb(batch: Batch, item: int) -> None:
        lab = _lab(batch, item)
        if lab is not None:
            do(batch, lab)

    return verb


def _lab(batch: Batch, item: int) -> Lab | None:
    rows = Lab.objects.filter(pk=item, course=batch.course)
    return rows.select_related("course", "vcenter", "template", "student").first()


def _pause(batch: Batch, lab: Lab) -> None:
    if lab.vcenter.clock_speed:
        Lab.objects.filter(pk=lab.pk).update(resume_speed=lab.vcenter.clock_speed)
        clock.pause(batch.by, lab.vcenter)


def _resume(batch: Batch, lab: Lab) -> None:
    """Labs that the class's pause stopped, at the speed each had."""
    if not lab.vcenter.clock_speed:
        speed = lab.resume_speed or float(lab.vcenter.options.get("resume_speed", 1.0))
        clock.set_speed(batch.by, lab.vcenter, speed)
        Lab.objects.filter(pk=lab.pk).update(resume_speed=None)


def _copy(batch: Batch, item: int) -> None:
    """The copy's identity was chosen when it was asked for: done twice, it is there once."""
    identity = batch.args["vcenter"]
    if not VCenter.objects.filter(uuid=identity).exists():
        lab = _lab(batch, item)
        if lab is None:
            raise faults.NotFound(what=_("The lab"))
        labs.copy(lab, _whoever_asked(batch), uuid=identity)


def _capture(batch: Batch, item: int) -> None:
    """So was the template's file."""
    file = batch.args["file"]
    if not LabTemplate.objects.filter(capture=file).exists():
        vcenter = VCenter.objects.filter(pk=item).first()
        if vcenter is None:
            raise faults.NotFound(what=_("The lab"))
        templates.capture(_whoever_asked(batch), batch.course, vcenter, file, **batch.args["values"])


def _whoever_asked(batch: Batch) -> Any:
    """What is made is theirs. Raises NoPermission where the account has gone meanwhile."""
    if batch.by is None:
        raise faults.NoPermission(privilege=base.TEACHER, object=batch.course.name)
    return batch.by


def _draw(batch: Batch, lab: Lab) -> None:
    """The card is the batch's: done twice, it is drawn once. Raises what it cannot be played for."""
    args = batch.args
    card = Card.objects.filter(batch=batch, lab=lab).first()
    if card is None:
        values = {"target": args["target"], "in_minutes": args["in_minutes"], "batch": batch}
        card = sabotage.draw(batch.by, [lab], args["card"], **values)[0]
    else:
        sabotage.steward(lab)
    card.refresh_from_db()
    if card.fault:
        raise faults.from_dict(card.fault)


def _set_password(batch: Batch, item: int) -> None:
    account = get_user_model().objects.filter(pk=item).first()
    if account is not None:
        rosters.set_first_password(account, batch.args[SECRET])


def _forget_copy(batch: Batch) -> None:
    captures.forget_stillborn(batch.args["vcenter"])


def _forget_capture(batch: Batch) -> None:
    sources.forget_stillborn(batch.args["file"])


def _nothing(_batch: Batch) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Verb:
    """`do` is done to each item; `named` says whom a refusal concerns; `clear` takes away what an item that came to no
    end has left outside the database; `everybody` are the items of one that was asked for all before its turn came.
    One that is not `cancellable` has been promised already."""

    do: Callable[[Batch, int], None]
    named: Callable[[int], str] = _student_of_lab
    clear: Callable[[Batch], None] = _nothing
    everybody: Callable[[Batch], list[int]] = _all_labs
    cancellable: bool = True


FOR_LABS: dict[str, Verb] = {
    "reset": Verb(_to_lab(lambda batch, lab: labs.reset(lab, batch.by))),
    "delete": Verb(_to_lab(lambda batch, lab: labs.delete(lab, batch.by))),
    "freeze": Verb(_to_lab(lambda batch, lab: labs.freeze(lab, batch.by))),
    "thaw": Verb(_to_lab(lambda batch, lab: labs.thaw(lab, batch.by))),
    "pause": Verb(_to_lab(_pause)),
    "resume": Verb(_to_lab(_resume)),
    "speed": Verb(_to_lab(lambda batch, lab: clock.set_speed(batch.by, lab.vcenter, float(batch.args["speed"])))),
}
VERBS: dict[str, Verb] = {
    **FOR_LABS,
    "make": Verb(_make, _student, everybody=_all_without),
    "copy": Verb(_copy, clear=_forget_copy),
    "capture": Verb(_capture, _name_of_vcenter, _forget_capture),
    "sabotage": Verb(_to_lab(_draw)),
    "passwords": Verb(_set_password, _student, cancellable=False),
}
