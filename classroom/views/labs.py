"""Labs: made for all, and what is done to one or to the whole class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods

from classroom import selectors
from classroom.forms import ExtendForm, MakeForm, SpeedForm
from classroom.models import Lab
from classroom.services import batches, labs
from classroom.views.asking import Asked, ask, confirm, waits
from inventory.views.guard import members_only


@dataclass(frozen=True)
class Words:
    """How a verb is asked about: for one lab (`name`) and for the class (`n` labs)."""

    title: Any
    button: Any
    one: Any
    many: Any
    lines: tuple[Any, ...] = ()
    danger: bool = True


WORDS: dict[str, Words] = {
    "reset": Words(
        gettext_lazy("Reset"), gettext_lazy("Reset"),
        gettext_lazy("Reset the lab of %(name)s to its beginning?"),
        gettext_lazy("Reset all %(n)s labs to their beginning?"),
        (gettext_lazy("Everything that was done in it is gone: machines, settings, tasks, events, figures."),
         gettext_lazy("The audit log and the scores stay.")),
    ),
    "delete": Words(
        gettext_lazy("Delete"), gettext_lazy("Delete"),
        gettext_lazy("Delete the lab of %(name)s?"),
        gettext_lazy("Delete all %(n)s labs?"),
        (gettext_lazy("The vCenter goes with everything in it. Accounts and memberships stay."),),
    ),
    "freeze": Words(
        gettext_lazy("Freeze"), gettext_lazy("Freeze"),
        gettext_lazy("Freeze the lab of %(name)s?"),
        gettext_lazy("Freeze all %(n)s labs?"),
        (gettext_lazy("The clock stands still, and students may only look."),), danger=False,
    ),
    "thaw": Words(
        gettext_lazy("Thaw"), gettext_lazy("Thaw"),
        gettext_lazy("Let the lab of %(name)s go on?"),
        gettext_lazy("Let all %(n)s labs go on?"), danger=False,
    ),
    "pause": Words(
        gettext_lazy("Pause"), gettext_lazy("Pause"),
        gettext_lazy("Stop the clock of the lab of %(name)s?"),
        gettext_lazy("Stop the clocks of all %(n)s labs?"), danger=False,
    ),
    "resume": Words(
        gettext_lazy("Resume"), gettext_lazy("Resume"),
        gettext_lazy("Let the clock of the lab of %(name)s run again?"),
        gettext_lazy("Let the clocks of all %(n)s labs run again?"),
        (gettext_lazy("Each goes on at the speed that it had."),), danger=False,
    ),
}  # fmt: skip
ONE: dict[str, Callable[[Lab, Any], Any]] = {
    "freeze": labs.freeze,
    "thaw": labs.thaw,
    "pause": labs.pause,
    "resume": labs.resume,
}


@require_http_methods(["GET", "POST"])
@members_only
def make(request: HttpRequest, pk: int) -> HttpResponse:
    """One action: a lab for every student who has none yet."""
    course = selectors.taught(request.user, pk)
    dialog = Asked("make-labs", _("Make labs for all | %(name)s") % {"name": course.name}, _("Make labs"))

    def submit(form: Any) -> str:
        batch = batches.make_labs(request.user, course, form.cleaned_data["template"])
        said = ngettext("%(n)s lab is being made.", "%(n)s labs are being made.", batch.total)
        return waits(batch) or said % {"n": batch.total}

    return ask(request, dialog, lambda data: MakeForm(data, course=course), submit)


@require_http_methods(["GET", "POST"])
@members_only
def all_labs(request: HttpRequest, pk: int, verb: str) -> HttpResponse:
    """A verb for the whole class, in the background."""
    course = selectors.taught(request.user, pk)
    if verb == "speed":
        dialog = Asked("speed", _("Clock speed of all labs | %(name)s") % {"name": course.name}, _("Set"))
        return ask(
            request, dialog, SpeedForm,
            lambda form: waits(batches.for_labs(request.user, course, "speed", speed=form.cleaned_data["speed"])),
        )  # fmt: skip
    words = _words(verb)
    number = course.labs.filter(is_copy=False).count()
    dialog = Asked(f"{verb}-all", f"{words.title} | {course.name}", words.button)
    question: str = words.many % {"n": number}
    lines: Sequence[Any] = words.lines
    if verb == "delete" and (copies := course.labs.filter(is_copy=True).count()):
        question, lines = _copies_too(question if number else "", copies, words.lines)
    return confirm(
        request, dialog, question, lambda: waits(batches.for_labs(request.user, course, verb)),
        radius=lines, danger=words.danger,
    )  # fmt: skip


def _copies_too(question: str, copies: int, lines: Sequence[Any]) -> tuple[str, Sequence[Any]]:
    """With the labs go the copies for the projector, or the course could not be archived; they may also be all there
    is left, where nothing else is asked."""
    said = ngettext("%(n)s copy for the projector goes too.", "%(n)s copies for the projector go too.", copies)
    alone = ngettext("Delete %(n)s copy for the projector?", "Delete %(n)s copies for the projector?", copies)
    if not question:
        return alone % {"n": copies}, lines
    return question, [said % {"n": copies}, *lines]


@require_http_methods(["GET", "POST"])
@members_only
def one_lab(request: HttpRequest, pk: int, lab: int, verb: str) -> HttpResponse:
    """A verb for one lab. What makes or deletes a whole datacenter is done in the background, as for the class."""
    course = selectors.taught(request.user, pk)
    row = selectors.lab_taught(course, lab)
    words = _words(verb)
    name = row.student.get_full_name() or row.student.get_username()
    dialog = Asked(f"{verb}-lab", f"{words.title} | {name}", words.button)

    def submit() -> str:
        if verb in ONE:
            ONE[verb](row, request.user)
            return ""
        return waits(batches.for_labs(request.user, course, verb, [row]))

    return confirm(
        request, dialog, words.one % {"name": name}, submit,
        radius=words.lines, danger=words.danger,
    )  # fmt: skip


def _words(verb: str) -> Words:
    if verb not in WORDS:
        raise Http404("verb")
    return WORDS[verb]


@require_http_methods(["GET", "POST"])
@members_only
def extend(request: HttpRequest, pk: int, lab: int) -> HttpResponse:
    """Give a lab more time."""
    course = selectors.taught(request.user, pk)
    row = selectors.lab_taught(course, lab)
    dialog = Asked("extend", _("Extend | %(name)s") % {"name": row.vcenter.name}, _("Extend"))

    def submit(form: Any) -> None:
        labs.extend(row, request.user, form.cleaned_data["days"])

    return ask(request, dialog, ExtendForm, submit)
