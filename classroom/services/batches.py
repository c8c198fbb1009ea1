"""One verb for a whole class, in the background: who asks sees it go on, lab by lab.

A batch is a list of labs or students and the verb that is done to each in transactions of its own. Every verb may be
done twice: whatever process dies, the next one begins with the lab that the other was at, and leaves it out where
`MAX_ATTEMPTS` of them died over it. A refusal concerns one lab and is told at the end; the others go on.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils.timezone import now

from classroom.checkpoints import capture as captures
from classroom.checkpoints.jobs import LEASE, LIMIT_S, MAX_ATTEMPTS
from classroom.curbs import for_the_class
from classroom.exercises import opening
from classroom.models import Batch, Card, Course, Lab, LabTemplate, Membership
from classroom.roster import Entry
from classroom.sabotage import services as sabotage
from classroom.services import base, labs, rosters, sources, templates
from domain import faults
from domain.text import _
from inventory.models import VCenter
from inventory.services import clock
from inventory.waking import tell

log = structlog.get_logger(__name__)

AT_ONCE_S = 10.0  # then another process may have its turn; well below Celery's limit
SECRET = "secret"  # an argument that is neither audited nor kept once the work is done


# --- asking ----------------------------------------------------------------------------------------------------------
def make_labs(user: Any, course: Course, template: LabTemplate, members: Sequence[Membership] | None = None) -> Batch:
    """A lab for every student of the course who has none from this template yet, or for those given; the template's
    exercises are open from now on.

    Raises:
        LimitExceeded: there would be more labs than the course may have.
        InvalidState: there is nobody without one.
        TaskInProgress: the class still works on something else.
    """
    base.require_teacher(user, course)
    have = set(Lab.objects.filter(course=course, template=template, is_copy=False).values_list("student", flat=True))
    chosen = members if members is not None else course.memberships.select_related("user").order_by("pk")
    wanted = [one.user_id for one in chosen if one.user_id not in have]
    if have and not wanted:
        raise faults.InvalidState(name=template.name, reason=_("every student has a lab from it already"))
    labs.check_room(course, len(wanted))
    batch = start(user, course, "make", wanted, template=template.pk)
    opening.open_for(course, template.lessons)
    return batch


def for_labs(user: Any, course: Course, verb: str, chosen: Sequence[Lab] | None = None, **args: Any) -> Batch:
    """Reset, delete, pause, resume, freeze or thaw all labs of the course or those given; `speed` takes its figure.
    Copies for the projector are left alone, but go with the others where all are deleted.

    Raises:
        TaskInProgress: the class still works on something else.
        InvalidArgument: there is no such verb.
    """
    base.require_teacher(user, course)
    if verb not in FOR_LABS:
        raise faults.InvalidArgument(property="verb", reason=verb[:20])
    every = course.labs.all() if verb == "delete" else course.labs.filter(is_copy=False)
    rows = chosen if chosen is not None else every
    return start(user, course, verb, [lab.pk for lab in rows], **args)


def copy_lab(user: Any, lab: Lab) -> Batch:
    """A student's lab once more, for the projector. Raises TaskInProgress."""
    base.require_teacher(user, lab.course)
    return start(user, lab.course, "copy", [lab.pk], vcenter=str(uuid.uuid4()))


def capture(user: Any, course: Course, vcenter: VCenter, **values: Any) -> Batch:
    """A template from a vCenter as it stands when a worker comes; `values`: its name, description and speed.

    Raises:
        NoPermission, InvalidName, DuplicateName, LimitExceeded: see `templates.may_capture`.
        TaskInProgress: the class still works on something else.
    """
    templates.may_capture(user, course, vcenter, values["name"])
    return start(user, course, "capture", [vcenter.pk], file=sources.new_file(), values=values)


def draw_card(
    user: Any, course: Course, kind: str, chosen: Sequence[Lab], *, target: str = "", in_minutes: float | None = None
) -> Batch:
    """A sabotage card for each of these labs; see `sabotage.draw`. A lab in which it cannot be played is told with the
    reason.

    Raises:
        InvalidArgument, NoPermission: see `sabotage.check`.
        TaskInProgress: the class still works on something else.
    """
    sabotage.check(user, course, kind, in_minutes)
    args = {"card": kind, "target": target, "in_minutes": in_minutes}
    return start(user, course, "sabotage", [lab.pk for lab in chosen], **args)


def import_list(user: Any, course: Course, entries: Sequence[Entry]) -> tuple[list[rosters.Admitted], Batch | None]:
    """Enrol a class list; a worker sets the passwords of new accounts one by one, since each takes half a second of
    computing on purpose. None where no account is new.

    Raises:
        LimitExceeded, InvalidState: see `rosters.admit`; nobody is enrolled then.
        TaskInProgress: the class still works on something else; nor then.
    """
    secret = rosters.new_secret()
    with transaction.atomic():
        admitted = rosters.admit(user, course, entries, secret)
        new = [one.user.pk for one in admitted if one.password]
        return admitted, start(user, course, "passwords", new, **{SECRET: secret}) if new else None


def start(user: Any, course: Course, verb: str, items: Sequence[int], **args: Any) -> Batch:
    """Queue a batch and wake a worker for it once the transaction has committed."""
    values = {"course": course, "verb": verb, "total": len(items), "by": user, "args": {**args, "items": list(items)}}
    if not items:
        raise faults.InvalidState(name=course.name, reason=_("there is nobody to do this for"))
    try:
        with transaction.atomic():
            batch = Batch.objects.create(**values)
            told = {name: value for name, value in args.items() if name != SECRET}
            base.record(user, f"{verb}Labs", course, {"labs": len(items), **told})
    except IntegrityError:
        raise faults.TaskInProgress(name=course.name, task=_("work on the whole class")) from None
    transaction.on_commit(lambda: wake(batch.pk))
    return batch


def wake(batch_id: int) -> None:
    """Tell a worker. Without a broker the batch waits for the next tick, which looks for forgotten ones."""
    from classroom import tasks

    tell(tasks.work.apply_async, batch_id)


# --- doing -----------------------------------------------------------------------------------------------------------
def work(batch_id: int, at_once_s: float = AT_ONCE_S) -> bool:
    """Go on with a batch for some seconds; True once all of it is done, or somebody else is at it."""
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=now())
    unfinished = Batch.objects.exclude(state=Batch.FINISHED).filter(free, pk=batch_id)
    if not unfinished.update(state=Batch.RUNNING, lease_until=now() + LEASE, attempts=F("attempts") + 1):
        return True
    batch = Batch.objects.select_related("course", "by").get(pk=batch_id)
    deadline = time.monotonic() + at_once_s
    while batch.done < batch.total:
        _do_next(batch)
        if time.monotonic() > deadline and batch.done < batch.total:
            Batch.objects.filter(pk=batch.pk).update(lease_until=None)
            return False
    kept = {name: value for name, value in batch.args.items() if name != SECRET}
    ended = {"state": Batch.FINISHED, "ended_at": now(), "lease_until": None, "args": kept}
    Batch.objects.filter(pk=batch.pk).update(**ended)
    return True


def _do_next(batch: Batch) -> None:
    item, verb = batch.args["items"][batch.done], VERBS[batch.verb]
    try:
        if batch.attempts > MAX_ATTEMPTS:
            raise faults.SystemError_(reason="no worker came to its end")
        with for_the_class(batch.by):
            verb.do(batch, item)
    except faults.MethodFault as fault:
        _note_fault(batch, item, fault)
    except SoftTimeLimitExceeded:
        _note_fault(batch, item, faults.Timedout(timeout_s=LIMIT_S))
    except Exception as error:  # one lab that cannot be done must not stop the class
        log.exception("classroom.batch", batch=batch.pk, verb=batch.verb, item=item)
        _note_fault(batch, item, faults.SystemError_(reason=type(error).__name__))
    _count(batch)


def _count(batch: Batch) -> None:
    batch.done, batch.attempts = batch.done + 1, 0
    values = {"done": batch.done, "errors": batch.errors, "attempts": 0, "lease_until": now() + LEASE}
    Batch.objects.filter(pk=batch.pk).update(**values)


def _note_fault(batch: Batch, item: int, fault: faults.MethodFault) -> None:
    verb = VERBS[batch.verb]
    try:
        verb.clear(batch)
    except OSError as error:  # the class goes on all the same
        log.warning("classroom.batch.left", batch=batch.pk, error=str(error))
    batch.errors = [*batch.errors, {"name": verb.named(item), **fault.to_dict()}]


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
    template = LabTemplate.objects.filter(pk=batch.args["template"], course=batch.course).first()
    if student is None or template is None:
        raise faults.NotFound(what=_("The student or the template"))
    labs.make(batch.by, batch.course, template, student)


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
    end has left outside the database."""

    do: Callable[[Batch, int], None]
    named: Callable[[int], str] = _student_of_lab
    clear: Callable[[Batch], None] = _nothing


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
    "make": Verb(_make, _student),
    "copy": Verb(_copy, clear=_forget_copy),
    "capture": Verb(_capture, _name_of_vcenter, _forget_capture),
    "sabotage": Verb(_to_lab(_draw)),
    "passwords": Verb(_set_password, _student),
}
