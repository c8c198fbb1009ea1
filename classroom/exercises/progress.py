"""How far labs are: for the wall of a class and the page of scores."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from classroom.exercises import lessons
from classroom.exercises.lessons import Lesson
from classroom.models import Assignment, Attempt, Course, Lab, Membership, StepResult


@dataclass(frozen=True, slots=True)
class Progress:
    """The last attempt of a lab. `step` = so many of `steps` are done; `points` of `points_max`."""

    lesson: str
    title: str
    step: int
    steps: int
    points: int
    points_max: int
    finished: bool
    state: str


def of_labs(labs: Iterable[Lab]) -> dict[int, Progress]:
    """By the lab's primary key; labs without an attempt are left out. Two queries."""
    newest: dict[int, Attempt] = {}
    for attempt in Attempt.objects.filter(lab__in=[lab.pk for lab in labs]).order_by("id"):
        newest[attempt.lab_id] = attempt
    done: dict[int, int] = defaultdict(int)
    rows = StepResult.objects.filter(attempt__in=newest.values(), state=StepResult.DONE)
    for attempt_id in rows.values_list("attempt_id", flat=True):
        done[attempt_id] += 1
    found = {}
    for lab_id, attempt in newest.items():
        lesson = lessons.find(attempt.lesson)
        if lesson is not None:
            found[lab_id] = Progress(
                attempt.lesson, str(lesson.title), done[attempt.pk], len(lesson.steps), attempt.points,
                lesson.points, attempt.state == Attempt.FINISHED, attempt.state,
            )  # fmt: skip
    return found


@dataclass(frozen=True, slots=True)
class Cell:
    """A student's best attempt at a lesson: its points step by step, None where a step is not done."""

    points: int
    steps: tuple[int | None, ...]
    attempts: int
    hints: int
    state: str


@dataclass(frozen=True, slots=True)
class ScoreRow:
    name: str
    username: str
    group: str
    cells: tuple[Cell | None, ...]
    points: int


@dataclass(frozen=True, slots=True)
class Scores:
    lessons: tuple[Lesson, ...]
    rows: tuple[ScoreRow, ...]

    @property
    def points_max(self) -> int:
        return sum(lesson.points for lesson in self.lessons)


def scores_of(course: Course) -> Scores:
    """Every student against every opened lesson; four queries, O(students x lessons x steps)."""
    slugs = Assignment.objects.filter(course=course).values_list("lesson", flat=True)
    opened = tuple(lessons.opened(list(slugs)))
    best, tries = _best(course)
    rows = []
    for member in Membership.objects.filter(course=course).select_related("user"):
        cells = tuple(
            _cell(lesson, best.get((member.user_id, lesson.slug)), tries[(member.user_id, lesson.slug)])
            for lesson in opened
        )
        user = member.user
        rows.append(
            ScoreRow(user.get_full_name() or user.get_username(), user.get_username(), member.group, cells,
                     sum(cell.points for cell in cells if cell))
        )  # fmt: skip
    return Scores(opened, tuple(rows))


Key = tuple[int, str]


def _best(course: Course) -> tuple[dict[Key, Attempt], dict[Key, int]]:
    best: dict[Key, Attempt] = {}
    tries: dict[Key, int] = defaultdict(int)
    rows = Attempt.objects.filter(lab__course=course, lab__is_copy=False).select_related("lab")
    for attempt in rows.prefetch_related("results").order_by("id"):
        key = (attempt.lab.student_id, attempt.lesson)
        tries[key] += 1
        if key not in best or attempt.points >= best[key].points:
            best[key] = attempt
    return best, tries


def _cell(lesson: Lesson, attempt: Attempt | None, tries: int) -> Cell | None:
    if attempt is None:
        return None
    results = {result.step: result for result in attempt.results.all()}
    steps = tuple(
        r.points if (r := results.get(step.key)) and r.state == StepResult.DONE else None for step in lesson.steps
    )
    return Cell(attempt.points, steps, tries, sum(r.hints for r in results.values()), attempt.state)
