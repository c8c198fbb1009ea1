"""A student's way through a lesson: begin, check, take a hint, press a step's button, give up, begin again."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Max
from django.utils.timezone import now

from classroom.curbs import TakeOverFirst
from classroom.exercises import acts, lessons, opening, preparing
from classroom.exercises.lessons import Lesson, Step
from classroom.exercises.world import LabWorld, meters
from classroom.models import Attempt, Lab, StepResult
from classroom.selectors.courses import is_teacher_of
from domain import faults
from domain.text import _
from inventory import live

SEEN_KEPT = 6  # as many findings as a person reads


def allowed(user: Any, lab: Lab) -> None:
    """Who may work on exercises in a lab: its student while nobody drives, and a teacher who drives.

    Raises:
        TakeOverFirst: a teacher who looks in.
        NoPermission: anybody else.
    """
    mine = user.pk == lab.student_id and not lab.frozen and lab.driver_id is None
    if mine:
        return
    if not is_teacher_of(user, lab.course):
        raise faults.NoPermission(object=lab.vcenter.name, privilege="Lab.Exercise")
    if lab.driver_id != user.pk and lab.student_id != user.pk:
        raise TakeOverFirst(object=lab.vcenter.name, privilege="Lab.Exercise")


def begin(user: Any, lab: Lab, slug: str) -> Attempt:
    """Prepare the lab and open an attempt.

    Raises:
        NotFound: no such lesson, or it is not open in this lab.
        InvalidState: another attempt is open, or the lab cannot hold this lesson.
    """
    allowed(user, lab)
    lesson = opening.require(lab, slug)
    if Attempt.objects.filter(lab=lab, state=Attempt.OPEN).exists():
        raise _busy(lab)
    try:
        with transaction.atomic():
            attempt = _open(lab, lesson)
            tell(lab)
            return attempt
    except IntegrityError:  # somebody opened one in the same moment: the constraint decided
        raise _busy(lab) from None


def _busy(lab: Lab) -> faults.InvalidState:
    return faults.InvalidState(name=lab.vcenter.name, reason="finish the exercise that is open, or give it up first")


def _open(lab: Lab, lesson: Lesson) -> Attempt:
    past = Attempt.objects.filter(lab=lab, lesson=lesson.slug).aggregate(top=Max("number"))["top"] or 0
    attempt = Attempt.objects.create(
        lab=lab,
        lesson=lesson.slug,
        number=past + 1,
        started_lab_s=lab.vcenter.lab_seconds(),
        baseline=meters(lab.vcenter),
    )
    StepResult.objects.bulk_create(StepResult(attempt=attempt, step=step.key) for step in lesson.steps)
    preparing.prepare(lesson, lab.vcenter)
    # What the preparation itself did is no event of the exercise.
    Attempt.objects.filter(pk=attempt.pk).update(started_lab_s=lab.vcenter.lab_seconds())
    attempt.refresh_from_db()
    return attempt


def give_up(user: Any, lab: Lab) -> None:
    """Close the open attempt with what was reached."""
    allowed(user, lab)
    close(lab)


def close(lab: Lab) -> None:
    """End the open attempt: for whoever takes the lab back to its beginning."""
    open_ = Attempt.objects.filter(lab=lab, state=Attempt.OPEN)
    if open_.update(state=Attempt.GIVEN_UP, finished_at=now(), finished_lab_s=lab.vcenter.lab_seconds()):
        tell(lab)


def tell(lab: Lab) -> None:
    """Let the panels of the lab's open pages look anew."""
    live.publish(lab.vcenter, [("notes.changed",)])


def check(lab: Lab) -> Attempt | None:
    """Look at the lab and record what the open attempt has reached. None where none is open.

    Steps follow each other: one counts once those before it are done. A step that is done stays done.
    """
    attempt = Attempt.objects.filter(lab=lab, state=Attempt.OPEN).first()
    lesson = lessons.find(attempt.lesson) if attempt else None
    if attempt is None or lesson is None:
        return None
    world = LabWorld(lab.vcenter, attempt.started_lab_s, attempt.baseline)
    if world.lab_s < attempt.started_lab_s:
        lab.vcenter.refresh_from_db()  # it may have been read before the exercise began
        if lab.vcenter.lab_seconds() < attempt.started_lab_s:
            close(lab)  # the lab was taken back to a time before the exercise
        return None
    with transaction.atomic():
        # The row's lock lets two looks at once follow each other.
        open_ = Attempt.objects.filter(pk=attempt.pk, state=Attempt.OPEN)
        if not open_.update(checked_lab_s=world.lab_s):
            return None
        first = attempt.checked_lab_s is None
        if _judge(attempt, lesson, world) or first:
            _sum_up(attempt, world)
            tell(lab)
    attempt.refresh_from_db()
    return attempt


def _judge(attempt: Attempt, lesson: Lesson, world: LabWorld) -> bool:
    """Look at the steps in their order, up to the first that is not done. True where anything is new."""
    news = False
    results = {result.step: result for result in attempt.results.all()}
    for step in lesson.steps:
        result = results.get(step.key)
        if result is None:  # the lesson has grown since
            result = StepResult.objects.create(attempt=attempt, step=step.key)
        if result.state == StepResult.DONE:
            continue
        news = _look(step, result, world) or news
        if result.state != StepResult.DONE:
            break
    return news


def _look(step: Step, result: StepResult, world: LabWorld) -> bool:
    """Judge one step and keep what was found. True where that is new."""
    before = (dict(result.memory), result.seen)
    verdict = step.check.look(world, result.memory)
    result.seen = [] if verdict.ok else [seen.to_plain() for seen in verdict.seen[:SEEN_KEPT]]
    if verdict.ok:
        result.state, result.at, result.done_lab_s = StepResult.DONE, now(), world.lab_s
        result.points = step.points_after(result.hints)
    news = verdict.ok or before != (result.memory, result.seen)
    if news:
        result.save(update_fields=["state", "at", "done_lab_s", "points", "memory", "seen"])
    return news


def _sum_up(attempt: Attempt, world: LabWorld) -> None:
    results = list(StepResult.objects.filter(attempt=attempt))
    attempt.points = sum(result.points for result in results)
    if all(result.state == StepResult.DONE for result in results):
        attempt.state, attempt.finished_at, attempt.finished_lab_s = Attempt.FINISHED, now(), world.lab_s
    attempt.save(update_fields=["points", "state", "finished_at", "finished_lab_s"])


def _current(lab: Lab, key: str) -> tuple[Step, StepResult]:
    attempt = Attempt.objects.filter(lab=lab, state=Attempt.OPEN).first()
    lesson = lessons.find(attempt.lesson) if attempt else None
    step = lesson.step(key) if lesson else None
    result = attempt.results.filter(step=key).first() if attempt else None
    if attempt is None or lesson is None or step is None or result is None or result.state == StepResult.DONE:
        raise faults.NotFound(what=_("The step"))
    done = set(attempt.results.filter(state=StepResult.DONE).values_list("step", flat=True))
    if next(one.key for one in lesson.steps if one.key not in done) != key:
        raise faults.InvalidState(name=str(step.title), reason="the steps before it come first")
    return step, result


def hint(user: Any, lab: Lab, key: str) -> StepResult:
    """Open the next hint of a step; its cost is taken from what the step is worth."""
    allowed(user, lab)
    step, result = _current(lab, key)
    # Two presses at once open one hint: the second finds another number.
    if result.hints < len(step.hints):
        StepResult.objects.filter(pk=result.pk, hints=result.hints).update(hints=F("hints") + 1)
        result.refresh_from_db()
        tell(lab)
    return result


def press(user: Any, lab: Lab, key: str) -> None:
    """What the button of a step does, in the name of the system: it is the lesson that acts."""
    allowed(user, lab)
    step, _result = _current(lab, key)
    if step.button is None:
        raise faults.NotFound(what=_("The button"))
    for act in step.button.acts:
        acts.play(act, None, lab.vcenter)
