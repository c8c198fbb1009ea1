"""Members of a course: the list, the class list that is read in, passwords, co-teachers."""

from __future__ import annotations

from typing import Any

from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from classroom import roster, selectors
from classroom.forms import PersonForm, RosterForm
from classroom.models import Batch, Course
from classroom.services import batches, courses, rosters
from classroom.views.asking import Asked, ask, confirm
from domain.faults import MethodFault
from inventory.views.answers import csv_file
from inventory.views.guard import members_only, sentence

SALT = "classroom.roster"
PREVIEW_FOR_S = 3600  # a list that was looked at longer ago is read again


@require_safe
@members_only
def members(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Students and teachers; `format=csv` is the list as a file."""
    course = selectors.taught(request.user, pk)
    rows = list(course.memberships.select_related("user", "user__first_password"))
    if request.GET.get("format") == "csv":
        header = [_("Name"), _("E-mail"), _("Group"), _("User name")]
        lines = ([one.user.get_full_name(), one.user.email, one.group, one.user.get_username()] for one in rows)
        return csv_file(f"course-{course.pk}-members", header, lines)
    with_lab = set(course.labs.filter(is_copy=False).values_list("student", flat=True))
    context = {
        "course": course, "tab": "members", "co_teachers": course.co_teachers.order_by("username"),
        "members": [(one, one.user_id in with_lab, _still_first(one.user)) for one in rows],
    }  # fmt: skip
    return render(request, "classroom/members.html", context)


def _still_first(user: Any) -> bool:
    """True where the account still has the password that was handed out, or is about to get it."""
    first = getattr(user, "first_password", None)
    return first is not None and first.hash in ("", user.password)


@require_http_methods(["GET", "POST"])
@members_only
def remove(request: HttpRequest, pk: int, member: int) -> HttpResponse:
    """Take a student out of the course."""
    course = selectors.taught(request.user, pk)
    row = selectors.member_taught(course, member)
    name = row.user.get_full_name() or row.user.get_username()
    dialog = Asked("remove-member", f"{_('Remove student')} | {name}", _("Remove"))
    question = _("Remove %(name)s from the course “%(course)s”?") % {"name": name, "course": course.name}
    return confirm(
        request, dialog, question, lambda: courses.remove_member(request.user, row), radius=[_("The account stays.")]
    )


@require_POST
@members_only
@never_cache
def new_password(request: HttpRequest, pk: int, member: int) -> HttpResponse:
    """Another one-time password; shown once."""
    course = selectors.taught(request.user, pk)
    row = selectors.member_taught(course, member)
    try:
        slips = [rosters.renew_password(request.user, row)]
    except MethodFault as fault:
        return render(request, "classroom/slips.html", {"course": course, "refused": sentence(fault)}, status=409)
    return _slips(request, course, slips)


def _slips(
    request: HttpRequest, course: Course, slips: list[rosters.Admitted], batch: Batch | None = None
) -> HttpResponse:
    context = {
        "batch": batch, "work": selectors.class_work(course),
        "course": course, "slips": [one for one in slips if one.password],
        "enrolled": [one for one in slips if not one.password], "site": request.build_absolute_uri("/"),
    }  # fmt: skip
    return render(request, "classroom/slips.html", context)


# --- the class list --------------------------------------------------------------------------------------------------
@require_http_methods(["GET", "POST"])
@members_only
@never_cache
def read_list(request: HttpRequest, pk: int) -> HttpResponse:
    """Read a class list and show what would become of it; nothing is changed here."""
    course = selectors.taught(request.user, pk)
    form = RosterForm(request.POST or None, request.FILES or None)
    context: dict[str, Any] = {"course": course, "tab": "members", "form": form, "columns": roster.ALIASES}
    if request.method != "POST" or not form.is_valid():
        return render(request, "classroom/roster.html", context, status=422 if request.method == "POST" else 200)
    read = roster.read(form.cleaned_data["list"].read(roster.BYTES_MAX + 1))
    faults = [(fault.line, _(fault.text) % fault.fields) for fault in sorted(read.faults, key=lambda one: one.line)]
    there = rosters.known(read.entries)
    wrong = {line for line, _text in faults}
    rows = [(one, one.username.casefold() in there) for one in read.entries if one.line not in wrong]
    context |= {"faults": faults, "rows": rows}
    if not faults:
        context["signed"] = signing.dumps([one.as_list() for one in read.entries], salt=SALT, compress=True)
    return render(request, "classroom/roster.html", context, status=422 if faults else 200)


@require_POST
@members_only
@never_cache
def take_list(request: HttpRequest, pk: int) -> HttpResponse:
    """Enrol everybody of the list that was shown; new passwords are shown this once."""
    course = selectors.taught(request.user, pk)
    try:
        rows = signing.loads(request.POST.get("signed", ""), salt=SALT, max_age=PREVIEW_FOR_S)
        entries = [roster.Entry(*row) for row in rows]
        admitted, batch = batches.import_list(request.user, course, entries)
    except signing.BadSignature:
        return _refused(request, course, _("This preview is too old. Read the list again."))
    except MethodFault as fault:
        return _refused(request, course, sentence(fault))
    return _slips(request, course, admitted, batch)


def _refused(request: HttpRequest, course: Course, why: str) -> HttpResponse:
    context = {"course": course, "tab": "members", "form": RosterForm(), "columns": roster.ALIASES, "refused": why}
    return render(request, "classroom/roster.html", context, status=409)


# --- co-teachers -----------------------------------------------------------------------------------------------------
@require_http_methods(["GET", "POST"])
@members_only
def add_co_teacher(request: HttpRequest, pk: int) -> HttpResponse:
    """Let somebody teach as well."""
    course = selectors.taught(request.user, pk)

    def submit(form: Any) -> None:
        courses.add_co_teacher(request.user, course, form.cleaned_data["username"])

    dialog = Asked("co-teacher", _("Add a co-teacher | %(name)s") % {"name": course.name}, _("Add"))
    return ask(request, dialog, PersonForm, submit)


@require_http_methods(["GET", "POST"])
@members_only
def remove_co_teacher(request: HttpRequest, pk: int, user: int) -> HttpResponse:
    """Take a co-teacher's place and rights away."""
    course = selectors.taught(request.user, pk)
    who = course.co_teachers.filter(pk=user).first()
    dialog = Asked("remove-co-teacher", _("Remove co-teacher"), _("Remove"))
    question = _("Remove %(name)s as a co-teacher?") % {"name": who or ""}
    lines = [_("The rights in all labs of the course go with it.")]
    return confirm(
        request, dialog, question, lambda: courses.remove_co_teacher(request.user, course, user), radius=lines
    )
