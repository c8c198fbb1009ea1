"""Pages of teachers: which lessons are open, sabotage cards, scores and their file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from classroom import selectors
from classroom.exercises import attempts, lessons, markdown, opening
from classroom.exercises.progress import scores_of
from classroom.exercises.world import aliases_of
from classroom.models import Assignment, Attempt, Card, Course, Lab
from classroom.sabotage import services as sabotage
from classroom.sabotage.cards import DECK, KINDS
from classroom.services import batches
from classroom.views.asking import Asked, act, ask, waits
from inventory.forms.base import DialogForm
from inventory.forms.fields import WithUnit
from inventory.live.topics import TOPICS, Topic
from inventory.views.answers import csv_file
from inventory.views.guard import members_only

OPEN, CLOSE = "open", "close"
CARDS_SHOWN = 400
USUAL_NAMES = {
    "cluster": "Cluster-A", "hosted": "desk-05.lab.local",
    **{f"host{i}": f"esx-{i:02d}.lab.local" for i in range(1, 5)},
}  # fmt: skip


# --- lessons ---------------------------------------------------------------------------------------------------------
@require_safe
@members_only
def assignments(request: HttpRequest, pk: int) -> HttpResponse:
    """Every lesson with its state in the course, the deck, and the cards that were drawn."""
    course = selectors.taught(request.user, pk)
    opened = set(Assignment.objects.filter(course=course).values_list("lesson", flat=True))
    busy: dict[str, int] = {}
    for slug in Attempt.objects.filter(lab__course=course, state=Attempt.OPEN).values_list("lesson", flat=True):
        busy[slug] = busy.get(slug, 0) + 1
    rows = [(one, one.slug in opened, busy.get(one.slug, 0)) for one in lessons.lessons().values()]
    drawn = Card.objects.filter(lab__course=course)
    cards = list(drawn.select_related("lab__student", "lab__vcenter")[:CARDS_SHOWN])
    more = drawn.count() - len(cards) if len(cards) == CARDS_SHOWN else 0
    context = {
        "course": course, "tab": "assignments", "rows": rows, "deck": DECK,
        "cards": [(card, KINDS.get(card.kind), _hit(card), _due(card)) for card in cards],
        "labs": _labs(course).count(), "known": _state_of(course.pk), "more": more,
        "work": selectors.class_work(course),
    }  # fmt: skip
    return render(request, "classroom/assignments.html", context)


def _hit(card: Card) -> str:
    """The object's name; before the card is played, the one the teacher named, if any."""
    return str(card.arguments.get("name") or card.arguments.get("target") or "")


def _due(card: Card) -> Any:
    """When the card is due or was played, as a date of the lab."""
    lab_s = card.played_lab_s if card.played_lab_s is not None else card.due_lab_s
    return None if lab_s is None else card.lab.vcenter.lab_datetime(lab_s)


@require_POST
@members_only
def assign(request: HttpRequest, pk: int, lesson: str, verb: str) -> HttpResponse:
    """Open a lesson for the course, or close it; what was done in it stays."""
    course = selectors.taught(request.user, pk)
    known = lessons.find(lesson)
    if known is None or verb not in (OPEN, CLOSE):
        raise Http404("lesson")

    def submit() -> str:
        if verb == CLOSE:
            opening.close_for(course, lesson)
            _tell_all(course)
            return _("“%(title)s” is closed.") % {"title": known.title}
        opening.open_for(course, [lesson])
        _tell_all(course)
        return _("“%(title)s” is open.") % {"title": known.title}

    return act(request, submit)


def _tell_all(course: Course) -> None:
    """Panels of the course's labs offer another list."""
    for lab in _labs(course):
        attempts.tell(lab)


@require_safe
@members_only
def lesson(request: HttpRequest, pk: int, lesson: str) -> HttpResponse:
    """A lesson as its teacher reads it: texts, steps with hints, the model solution."""
    course = selectors.taught(request.user, pk)
    known = lessons.find(lesson)
    if known is None:
        raise Http404("lesson")
    names = _names(course)
    steps = [
        (step, markdown.render(str(step.text), names), markdown.render(str(step.look), names),
         [(hint.cost, markdown.render(str(hint.text), names)) for hint in step.hints])
        for step in known.steps
    ]  # fmt: skip
    context = {
        "course": course, "tab": "assignments", "lesson": known, "steps": steps,
        "body": markdown.render(str(known.body), names),
        "solution": [(one.verb, ", ".join(f"{k}={v}" for k, v in one.args.items())) for one in known.solution],
    }  # fmt: skip
    return render(request, "classroom/lesson.html", context)


def _names(course: Course) -> dict[str, str]:
    """The names of a lab of the course; before there is one, those that labs made from numbers have."""
    lab = _labs(course).first()
    return (aliases_of(lab.vcenter) if lab is not None else {}) or USUAL_NAMES


# --- live ------------------------------------------------------------------------------------------------------------
def _state_of(course: int) -> str:
    """Changes with whatever the pages of lessons, cards and scores show. Three queries."""
    opened = Assignment.objects.filter(course=course).order_by("pk").values_list("lesson")
    tries = Attempt.objects.filter(lab__course=course).order_by("pk").values_list("pk", "state", "points")
    marks = ("pk", "played_at", "broken_lab_s", "mended_at", "fault")
    cards = Card.objects.filter(lab__course=course).order_by("pk").values_list(*marks)
    return hashlib.sha256(repr([list(rows) for rows in (opened, tries, cards)]).encode()).hexdigest()[:16]


TOPICS["exercises"] = Topic(
    lambda user, key: selectors.courses_taught(user).filter(pk=key).exists(), lambda key: {"state": _state_of(key)}
)


# --- scores ----------------------------------------------------------------------------------------------------------
@require_safe
@members_only
def scores(request: HttpRequest, pk: int) -> HttpResponse:
    course = selectors.taught(request.user, pk)
    context = {"course": course, "tab": "scores", "scores": scores_of(course), "known": _state_of(course.pk)}
    return render(request, "classroom/scores.html", context)


@require_safe
@members_only
def scores_csv(request: HttpRequest, pk: int) -> HttpResponseBase:
    """One line per student and step of every opened lesson."""
    course = selectors.taught(request.user, pk)
    header = [
        _("Student"), _("User name"), _("Group"), _("Lesson"), _("Step"), _("Done"), _("Points"), _("Points at most"),
        _("Attempts"), _("Hints"),
    ]  # fmt: skip
    return csv_file(f"scores-{course.pk}", header, _score_lines(course))


def _score_lines(course: Course) -> Iterator[list[str]]:
    table = scores_of(course)
    for row in table.rows:
        for lesson_, cell in zip(table.lessons, row.cells, strict=True):
            for number, step in enumerate(lesson_.steps):
                points = cell.steps[number] if cell else None
                yield [
                    row.name, row.username, row.group, str(lesson_.title), str(step.title),
                    "0" if points is None else "1", str(points or 0), str(step.points),
                    str(cell.attempts if cell else 0), str(cell.hints if cell else 0),
                ]  # fmt: skip


# --- cards -----------------------------------------------------------------------------------------------------------
class DrawForm(DialogForm):
    """Whom a card hits, and when."""

    labs = forms.MultipleChoiceField(label=gettext_lazy("Labs"), required=False, help_text=gettext_lazy("None: all."))
    target = forms.CharField(
        label=gettext_lazy("Object"), max_length=80, required=False,
        help_text=gettext_lazy("Its name, the same in every lab. Empty: the card chooses."),
    )  # fmt: skip
    in_minutes = WithUnit(
        label=gettext_lazy("In"), unit=gettext_lazy("lab minutes"), min_value=0, max_value=10_080, required=False,
        help_text=gettext_lazy("Empty or 0: now."),
    )  # fmt: skip

    def __init__(self, rows: list[Lab], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        named = [(str(lab.pk), lab.student.get_full_name() or lab.student.get_username()) for lab in rows]
        self.fields["labs"].choices = named  # type: ignore[attr-defined]
        self.fields["labs"].widget.attrs["size"] = min(8, max(2, len(rows)))


def _labs(course: Course) -> Any:
    return Lab.objects.filter(course=course, is_copy=False).select_related("course", "vcenter", "student")


@require_http_methods(["GET", "POST"])
@members_only
def draw(request: HttpRequest, pk: int, kind: str) -> HttpResponse:
    """The dialog that puts a card into labs."""
    course = selectors.taught(request.user, pk)
    known = KINDS.get(kind)
    if known is None:
        raise Http404("card")
    rows = list(_labs(course))

    def submit(form: Any) -> str:
        chosen = set(form.cleaned_data["labs"])
        hit = [lab for lab in rows if not chosen or str(lab.pk) in chosen]
        batch = batches.draw_card(
            request.user, course, kind, hit, target=form.cleaned_data["target"].strip(),
            in_minutes=form.cleaned_data["in_minutes"],
        )  # fmt: skip
        said = ngettext(
            "The card is being drawn in %(count)s lab.", "The card is being drawn in %(count)s labs.", batch.total
        )
        return waits(batch) or said % {"count": batch.total}

    dialog = Asked("draw-card", _("Draw a card | %(name)s") % {"name": known.label}, _("Draw"))
    return ask(request, dialog, lambda data: DrawForm(rows, data), submit)


@require_POST
@members_only
def withdraw(request: HttpRequest, pk: int, card: int) -> HttpResponse:
    course = selectors.taught(request.user, pk)
    row = get_object_or_404(Card.objects.select_related("lab__course"), pk=card, lab__course=course)
    return act(request, lambda: sabotage.withdraw(request.user, row))
