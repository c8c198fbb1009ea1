"""One verb for a whole class, in the background: who asks sees it go on, lab by lab, and the next wait for its end.

A batch is a list of labs or students and the verb that is done to each in transactions of its own (`batch_verbs`). The
batches of a course are done one after the other, in the order they were asked for. One that is asked for all while
others wait learns who they are when its turn comes: labs are made and deleted meanwhile. Every verb may be done twice:
whatever process dies, the next one begins with the lab that the other was at, and leaves it out where `MAX_ATTEMPTS` of
them died over it. A refusal concerns one lab and is told at the end; the others go on.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from functools import partial
from typing import Any

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils.timezone import now

from classroom.checkpoints.jobs import LEASE, LIMIT_S, MAX_ATTEMPTS
from classroom.curbs import for_the_class
from classroom.exercises import opening
from classroom.models import Batch, Course, Lab, LabTemplate, Membership
from classroom.roster import Entry
from classroom.sabotage import services as sabotage
from classroom.services import base, rosters, sources, templates
from classroom.services.batch_verbs import FOR_LABS, SECRET, VERBS
from domain import faults
from domain.text import _
from inventory.models import VCenter
from inventory.waking import tell

log = structlog.get_logger(__name__)

AT_ONCE_S = 10.0  # then another process may have its turn; well below Celery's limit
MOST_WAITING = 10  # behind the one that runs
FOR_ALL = {"all": True}  # an argument of what was asked for everybody


# --- asking ----------------------------------------------------------------------------------------------------------
def make_labs(user: Any, course: Course, template: LabTemplate, members: Sequence[Membership] | None = None) -> Batch:
    """A lab for every student of the course who has none from this template yet, or for those given; the template's
    exercises are open from now on.

    Raises:
        LimitExceeded: there would be more labs than the course may have, or too much work waits.
        InvalidState: there is nobody without one.
        TaskInProgress: the same was asked for last and waits, or runs.
    """
    base.require_teacher(user, course)
    chosen = None if members is None else [one.user_id for one in members]
    batch = start(user, course, "make", chosen, template=template.pk)
    opening.open_for(course, template.lessons)
    return batch


def for_labs(user: Any, course: Course, verb: str, chosen: Sequence[Lab] | None = None, **args: Any) -> Batch:
    """Reset, delete, pause, resume, freeze or thaw all labs of the course or those given; `speed` takes its figure.
    Copies for the projector are left alone, but go with the others where all are deleted.

    Raises:
        TaskInProgress, LimitExceeded: see `start`.
        InvalidArgument: there is no such verb.
    """
    base.require_teacher(user, course)
    if verb not in FOR_LABS:
        raise faults.InvalidArgument(property="verb", reason=verb[:20])
    return start(user, course, verb, None if chosen is None else [lab.pk for lab in chosen], **args)


def copy_lab(user: Any, lab: Lab) -> Batch:
    """A student's lab once more, for the projector, as it stands when its turn comes."""
    base.require_teacher(user, lab.course)
    return start(user, lab.course, "copy", [lab.pk], vcenter=str(uuid.uuid4()))


def capture(user: Any, course: Course, vcenter: VCenter, **values: Any) -> Batch:
    """A template from a vCenter as it stands when a worker comes; `values`: its name, description and speed.

    Raises:
        NoPermission, InvalidName, DuplicateName, LimitExceeded: see `templates.may_capture`; a name that waiting work
            will take is taken.
    """
    templates.may_capture(user, course, vcenter, values["name"])
    if any(one.verb == "capture" and one.args["values"]["name"] == values["name"] for one in unfinished(course)):
        raise faults.DuplicateName(name=values["name"])
    return start(user, course, "capture", [vcenter.pk], file=sources.new_file(), values=values)


def draw_card(
    user: Any, course: Course, kind: str, chosen: Sequence[Lab], *, target: str = "", in_minutes: float | None = None
) -> Batch:
    """A sabotage card for each of these labs; see `sabotage.draw`. A lab in which it cannot be played is told with the
    reason.

    Raises:
        InvalidArgument, NoPermission: see `sabotage.check`.
        TaskInProgress, LimitExceeded: see `start`.
    """
    sabotage.check(user, course, kind, in_minutes)
    args = {"card": kind, "target": target, "in_minutes": in_minutes}
    return start(user, course, "sabotage", [lab.pk for lab in chosen], **args)


def import_list(user: Any, course: Course, entries: Sequence[Entry]) -> tuple[list[rosters.Admitted], Batch | None]:
    """Enrol a class list; a worker sets the passwords of new accounts one by one, since each takes half a second of
    computing on purpose. None where no account is new.

    Raises:
        LimitExceeded, InvalidState: see `rosters.admit` and `start`; nobody is enrolled then.
    """
    secret = rosters.new_secret()
    with transaction.atomic():
        admitted = rosters.admit(user, course, entries, secret)
        new = [one.user.pk for one in admitted if one.password]
        return admitted, start(user, course, "passwords", new, **{SECRET: secret}) if new else None


def unfinished(course: Course) -> list[Batch]:
    """What the class is at and what waits, in the order it will be done."""
    return list(course.batches.exclude(state=Batch.FINISHED).order_by("pk"))


def start(user: Any, course: Course, verb: str, chosen: Sequence[int] | None, **args: Any) -> Batch:
    """Queue a batch and wake a worker for it once the transaction has committed; `chosen` None = for all, whoever they
    are when its turn comes.

    Raises:
        InvalidState: there is nobody to do it for.
        TaskInProgress: it would be done twice in a row.
        LimitExceeded: too much work waits.
    """
    items = None if chosen is None else list(chosen)
    batch = Batch(
        course=course, verb=verb, by=user, args={**args, "items": items, **(FOR_ALL if items is None else {})}
    )
    with transaction.atomic():
        Course.objects.select_for_update(of=("self",)).get(pk=course.pk)  # one looks at the queue after the other
        before = unfinished(course)
        _refuse(batch, before)
        if not before:
            batch.args["items"] = items = VERBS[verb].everybody(batch) if items is None else items
        if items is not None and not items:
            raise faults.InvalidState(name=course.name, reason=_("there is nobody to do this for"))
        batch.total, batch.behind = len(items or ()), len(before)
        batch.save()
        told = {name: value for name, value in args.items() if name != SECRET}
        base.record(user, f"{verb}Labs", course, {"labs": "all" if items is None else len(items), **told})
        transaction.on_commit(lambda: wake(batch.pk))
    return batch


def _refuse(batch: Batch, before: Sequence[Batch]) -> None:
    """What makes no sense behind the work that is not done yet."""
    if before and before[-1].verb == batch.verb and _asked(before[-1]) == _asked(batch):
        raise faults.TaskInProgress(name=batch.course.name, task=_("the same work on the class"))
    if len(before) > MOST_WAITING:
        raise faults.LimitExceeded(property=_("work on the class that waits"), limit=MOST_WAITING)


def _asked(batch: Batch) -> dict[str, Any]:
    """What was asked for; for all is the same whether or not it is known yet who that is."""
    return {name: value for name, value in batch.args.items() if name != "items" or not batch.args.get("all")}


def cancel(user: Any, batch: Batch) -> None:
    """Take back what waits; what runs ends before the next lab.

    Raises:
        InvalidState: it is done already, or it is at the only lab that it concerns.
        NotSupported: it has been promised: passwords that are printed.
    """
    base.require_teacher(user, batch.course)
    if not VERBS[batch.verb].cancellable:
        raise faults.NotSupported(reason=_("the passwords have been handed out"))
    mark = {"cancelled_by": user.get_username() if user is not None else "System"}
    rows = Batch.objects.filter(pk=batch.pk)
    with transaction.atomic():
        done = rows.filter(state=Batch.QUEUED).update(state=Batch.FINISHED, ended_at=now(), **mark)
        if not done and not rows.filter(state=Batch.RUNNING, done__lt=F("total") - 1).update(**mark):
            raise faults.InvalidState(name=batch.course.name, reason=_("the work is done, or at its last lab"))
        base.record(user, "cancelBatch", batch.course, {"verb": batch.verb})
        _wake_next(batch.course)


def wake(batch_id: int) -> None:
    """Tell a worker. Without a broker the batch waits for the next tick, which looks for forgotten ones."""
    from classroom import tasks

    tell(tasks.work.apply_async, batch_id)


# --- doing -----------------------------------------------------------------------------------------------------------
def work(batch_id: int, at_once_s: float = AT_ONCE_S) -> bool:
    """Go on with a batch for some seconds; True once it is done, or somebody else is at it, or others come first."""
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=now())
    first = Batch.objects.exclude(state=Batch.FINISHED).filter(course=OuterRef("course"), pk__lt=OuterRef("pk"))
    mine = Batch.objects.exclude(state=Batch.FINISHED).filter(free, ~Exists(first), pk=batch_id)
    if not mine.update(state=Batch.RUNNING, lease_until=now() + LEASE, attempts=F("attempts") + 1):
        return True
    batch = Batch.objects.select_related("course", "by").get(pk=batch_id)
    deadline = time.monotonic() + at_once_s
    if batch.args["items"] is None:
        _begin(batch)
    while batch.done < batch.total and not batch.cancelled_by:
        _do_next(batch)
        if time.monotonic() > deadline and batch.done < batch.total:
            Batch.objects.filter(pk=batch.pk).update(lease_until=None)
            return False
    _end(batch)
    return True


def _begin(batch: Batch) -> None:
    """Find out whom a batch for all concerns; where it is nobody any more, that is what became of it."""
    try:
        batch.args["items"] = VERBS[batch.verb].everybody(batch)
        batch.total = len(batch.args["items"])
    except faults.MethodFault as fault:
        batch.args["items"], batch.total, batch.done = [], 1, 1
        batch.errors = [{"name": "", **fault.to_dict()}]
    batch.save(update_fields=["args", "total", "done", "errors"])


def _end(batch: Batch) -> None:
    kept = {name: value for name, value in batch.args.items() if name != SECRET}
    with transaction.atomic():
        ended = {"state": Batch.FINISHED, "ended_at": now(), "lease_until": None, "args": kept}
        Batch.objects.filter(pk=batch.pk).update(**ended)
        _wake_next(batch.course)


def _wake_next(course: Course) -> None:
    """Tell a worker of the one whose turn it is, once the transaction has committed."""
    for first in unfinished(course)[:1]:
        transaction.on_commit(partial(wake, first.pk))


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
    batch.refresh_from_db(fields=["cancelled_by"])


def _note_fault(batch: Batch, item: int, fault: faults.MethodFault) -> None:
    verb = VERBS[batch.verb]
    try:
        verb.clear(batch)
    except OSError as error:  # the class goes on all the same
        log.warning("classroom.batch.left", batch=batch.pk, error=str(error))
    batch.errors = [*batch.errors, {"name": verb.named(item), **fault.to_dict()}]
