"""The class wall and what a teacher does from it; what students and teachers read on top of a lab's pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.template.loader import get_template
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from classroom import selectors
from classroom.forms import MessageForm
from classroom.models import Course, Lab
from classroom.selectors.wall import Tile, tiles
from classroom.services import batches, wall
from classroom.views.asking import Asked, act, ask, confirm, waits
from domain.faults import MethodFault
from inventory import rights
from inventory import selectors as inventory
from inventory.live.topics import TOPICS, Topic
from inventory.views.guard import members_only, refusal

TILE = "classroom/fragments/tile.html"
KEPT_MAX = 2_000


@require_safe
@members_only
def show(request: HttpRequest, pk: int) -> HttpResponse:
    """All labs of the course as tiles, those that need somebody first; `group` shows one group of the class list."""
    course = selectors.taught(request.user, pk)
    groups = selectors.groups_of(course)
    group = request.GET.get("group", "")
    group = group if group in groups else ""
    shown = tiles(course, group)
    context = {
        "course": course, "tab": "wall", "tiles": shown, "no_labs": not shown and not group,
        "groups": groups, "group": group,
        "work": selectors.class_work(course),
        "copies": list(course.labs.filter(is_copy=True).select_related("vcenter")),
    }  # fmt: skip
    return render(request, "classroom/wall.html", context)


# --- live ------------------------------------------------------------------------------------------------------------
def _may_follow(user: Any, key: int) -> bool:
    return selectors.courses_taught(user).filter(pk=key).exists()


def _parts(key: int) -> Mapping[str, str]:
    """The tiles as the page has them, by the id of their element, in their order."""
    course = Course.objects.filter(pk=key).first()
    return {f"lab-{tile.lab.pk}": _drawn(course, tile) for tile in tiles(course)} if course is not None else {}


_kept: dict[tuple[int, str], tuple[Any, str]] = {}  # by lab and language: what was drawn last, and from what


def _drawn(course: Course, tile: Tile) -> str:
    """A tile's drawing. Most tiles do not change in two seconds, and drawing forty costs a third of a second."""
    place, shown = (tile.lab.pk, get_language() or ""), tile.shown
    if place not in _kept or _kept[place][0] != shown:
        if len(_kept) > KEPT_MAX:
            _kept.clear()
        _kept[place] = (shown, get_template(TILE).render({"tile": tile, "course": course}))
    return _kept[place][1]


TOPICS["wall"] = Topic(_may_follow, _parts)


# --- visits ----------------------------------------------------------------------------------------------------------
Visit = Callable[[Any, Lab], Any]
INTO: dict[str, Visit] = {"look": wall.look_in, "drive": wall.take_over}
OUT: dict[str, Visit] = {"leave": wall.leave, "give-back": wall.give_back}


@require_POST
@members_only
def visit(request: HttpRequest, pk: int, lab: int, verb: str) -> HttpResponseBase:
    """Look into a lab or drive it (the answer leads there), give it back or leave it (the answer leads to the wall)."""
    course = selectors.taught(request.user, pk)
    row = selectors.lab_taught(course, lab)
    do = (INTO | OUT).get(verb)
    if do is None:
        raise Http404("verb")
    try:
        do(request.user, row)
    except MethodFault as fault:
        return refusal(request, fault)
    if verb == "leave":
        return redirect("classroom:wall", course.pk)
    return redirect("inventory:vcenter", row.vcenter.uuid)


@require_http_methods(["GET", "POST"])
@members_only
def copy(request: HttpRequest, pk: int, lab: int) -> HttpResponse:
    """A student's lab once more, for the projector."""
    course = selectors.taught(request.user, pk)
    row = selectors.lab_taught(course, lab)
    name = row.student.get_full_name() or row.student.get_username()
    dialog = Asked("copy-lab", _("Copy to the projector | %(name)s") % {"name": name}, _("Copy"))
    question = _("Copy the lab of %(name)s as it stands now? The copy is yours.") % {"name": name}

    def submit() -> str:
        batch = batches.copy_lab(request.user, row)
        return waits(batch) or _("The lab is being copied. The copy will stand below the wall.")

    return confirm(request, dialog, question, submit, radius=[_("The student's lab goes on undisturbed.")],
                   danger=False)  # fmt: skip


@require_http_methods(["GET", "POST"])
@members_only
def message(request: HttpRequest, pk: int, lab: int | None = None) -> HttpResponse:
    """Say something to one student, or to all."""
    course = selectors.taught(request.user, pk)
    labs = course.labs.filter(is_copy=False).select_related("vcenter")
    rows = [selectors.lab_taught(course, lab)] if lab is not None else list(labs)
    name = rows[0].student.get_full_name() or rows[0].student.get_username() if lab is not None else course.name
    dialog = Asked("message", _("Message | %(name)s") % {"name": name}, _("Send"))

    def submit(form: Any) -> None:
        wall.say(request.user, course, rows, form.cleaned_data["text"])

    initial = {"text": rows[0].message if lab is not None else ""}
    return ask(request, dialog, lambda data: MessageForm(data, initial=initial), submit)


# --- notes -----------------------------------------------------------------------------------------------------------
@require_safe
@members_only
def notes(request: HttpRequest, vc: Any) -> HttpResponse:
    """What the classroom says on top of a lab's pages: who watches or drives, a message, the end of its time; and
    whether the person only looks."""
    vcenter = inventory.vcenter_for(request.user, vc)
    lab = selectors.lab_at(vcenter)
    teaches = (
        lab is not None and lab.student_id != request.user.pk and selectors.is_teacher_of(request.user, lab.course)
    )
    context = {"lab": lab, "teaches": teaches, "user": request.user,
               "looks": rights.only_looks(request.user, vcenter)}  # fmt: skip
    return render(request, "classroom/fragments/notes.html", context)


@require_POST
@members_only
def dismiss(request: HttpRequest, vc: Any) -> HttpResponse:
    """The student has read the message."""
    lab = selectors.lab_at(inventory.vcenter_for(request.user, vc))
    if lab is None:
        raise Http404("lab")
    return act(request, lambda: wall.dismiss(request.user, lab))
