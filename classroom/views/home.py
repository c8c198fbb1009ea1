"""The classroom's home: the courses that one teaches and attends; joining one by its code."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from classroom import selectors
from classroom.forms import CourseForm
from classroom.models import Lab
from classroom.services import courses
from classroom.views.asking import Asked, ask
from domain.faults import MethodFault
from inventory.views.guard import members_only, sentence


@require_safe
@members_only
def home(request: HttpRequest) -> HttpResponse:
    """Everything that the person has to do with; `archived=1` shows courses that were put away as well."""
    archived = bool(request.GET.get("archived"))
    return render(request, "classroom/home.html", {**_courses(request.user, archived), "refused": ""})


def _courses(user: Any, archived: bool = False) -> dict[str, Any]:
    taught = selectors.courses_taught(user).annotate(
        students=Count("memberships", distinct=True),
        labs_made=Count("labs", filter=Q(labs__is_copy=False), distinct=True),
    )
    shown = taught if archived else taught.filter(archived=False)
    joined = list(selectors.courses_joined(user).filter(archived=False))
    mine: dict[int, list[Lab]] = {course.pk: [] for course in joined}
    for lab in Lab.objects.filter(student=user.pk, is_copy=False, course__in=joined).select_related("vcenter"):
        mine[lab.course_id].append(lab)
    return {
        "taught": list(shown), "joined": [(course, mine[course.pk]) for course in joined],
        "may_teach": selectors.may_teach(user), "archived": archived,
    }  # fmt: skip


@require_http_methods(["GET", "POST"])
@members_only
def new_course(request: HttpRequest) -> HttpResponse:
    """Open a course."""
    dialog = Asked("new-course", _("New course"), _("Create"))

    def submit(form: Any) -> str:
        return _("The course “%(name)s” is open.") % {"name": courses.create(request.user, **form.cleaned_data).name}

    return ask(request, dialog, CourseForm, submit)


@require_POST
@members_only
def find(request: HttpRequest) -> HttpResponseBase:
    """A join code that was typed; leads to the page that asks once more."""
    try:
        course = courses.joinable(request.POST.get("code", ""))
    except MethodFault as fault:
        return render(
            request, "classroom/home.html", {**_courses(request.user), "refused": sentence(fault)}, status=422
        )
    return redirect("classroom:join-link", course.code)


@require_http_methods(["GET", "POST"])
@members_only
def join(request: HttpRequest, code: str) -> HttpResponseBase:
    """The join link: says which course it is, and enrols with one click."""
    try:
        course = courses.joinable(code)
        if request.method == "POST":
            courses.join(request.user, code)
            return redirect(reverse("classroom:home"))
    except MethodFault as fault:
        context = {"course": None, "refused": sentence(fault)}
        return render(request, "classroom/join.html", context, status=404 if request.method == "GET" else 409)
    return render(request, "classroom/join.html", {"course": course, "refused": ""})
