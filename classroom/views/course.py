"""A course for its teachers: what its labs are made from, the labs, what is under way, settings."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from classroom import selectors
from classroom.forms import CaptureForm, CourseForm, DescribeForm, FileForm, TemplateForm
from classroom.models import Course, LabTemplate
from classroom.services import batches, courses, sources, templates
from classroom.views.asking import Asked, act, ask, confirm, waits
from inventory import selectors as inventory
from inventory.views.guard import members_only


@require_safe
@members_only
def overview(request: HttpRequest, pk: int) -> HttpResponse:
    """Templates, labs, the class-wide work that runs."""
    course = selectors.taught(request.user, pk)
    rows = course.labs.select_related("student", "vcenter", "template", "driver")
    rows = rows.order_by("is_copy", "student__last_name", "student__username", "id")  # copies come last
    labs = list(rows)
    context = {
        "course": course, "tab": "overview", "no_labs": all(lab.is_copy for lab in labs),
        "work": selectors.class_work(course),
        "templates": [(one, {**sources.PLAN, **one.plan}) for one in course.templates.all()],
        "labs": labs, "students": course.memberships.count(),
        "join_url": request.build_absolute_uri(reverse("classroom:join-link", args=(course.code,))),
    }  # fmt: skip
    return render(request, "classroom/course.html", context)


@require_safe
@members_only
def batch(request: HttpRequest, pk: int) -> HttpResponse:
    """How far the class-wide work is; asks for itself again while it runs."""
    course = selectors.taught(request.user, pk)
    context = {"course": course, "work": selectors.class_work(course)}
    return render(request, "classroom/fragments/batch.html", context)


@require_POST
@members_only
def cancel_batch(request: HttpRequest, pk: int, batch: int) -> HttpResponse:
    """Take back class-wide work that waits, or end what runs before the next lab."""
    course = selectors.taught(request.user, pk)
    row = get_object_or_404(course.batches.select_related("course"), pk=batch)
    return act(request, lambda: batches.cancel(request.user, row))


@require_http_methods(["GET", "POST"])
@members_only
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Change name, quotas and what students may do."""
    course = selectors.taught(request.user, pk)
    values = {name: getattr(course, name) for name in courses.FIELDS}
    dialog = Asked("edit-course", _("Edit course | %(name)s") % {"name": course.name}, _("Save"))

    def submit(form: Any) -> None:
        courses.edit(request.user, course, **form.cleaned_data)

    return ask(request, dialog, lambda data: CourseForm(data, initial=values), submit)


@require_http_methods(["GET", "POST"])
@members_only
def archive(request: HttpRequest, pk: int) -> HttpResponse:
    """Put the course away, or take it out again."""
    course = selectors.taught(request.user, pk)
    away = not course.archived
    label = _("Archive") if away else _("Reopen")
    question = _("Archive the course “%(name)s”?") if away else _("Reopen the course “%(name)s”?")
    dialog = Asked("archive", f"{label} | {course.name}", label)
    return confirm(
        request, dialog, question % {"name": course.name}, lambda: courses.archive(request.user, course, away),
        radius=[_("Nobody can join any more. Members and scores stay.")] if away else [], danger=False,
    )  # fmt: skip


@require_http_methods(["GET", "POST"])
@members_only
def renew_code(request: HttpRequest, pk: int) -> HttpResponse:
    """Another join code."""
    course = selectors.taught(request.user, pk)
    dialog = Asked("renew-code", _("New join code | %(name)s") % {"name": course.name}, _("New code"))
    question = _("Replace the join code? The old one and its link open nothing any more.")
    return confirm(request, dialog, question, lambda: courses.renew_code(request.user, course) and None, danger=False)


# --- templates -------------------------------------------------------------------------------------------------------
@require_http_methods(["GET", "POST"])
@members_only
def new_template(request: HttpRequest, pk: int) -> HttpResponse:
    """A template from numbers."""
    course = selectors.taught(request.user, pk)
    return _template(request, course, None, Asked("template", _("New lab template"), _("Create")))


@require_http_methods(["GET", "POST"])
@members_only
def edit_template(request: HttpRequest, pk: int, template: int) -> HttpResponse:
    """Change a template; labs that were made stay as they are until they are reset."""
    course = selectors.taught(request.user, pk)
    row = selectors.template_taught(course, template)
    return _template(request, course, row, Asked("template", f"{_('Edit template')} | {row.name}", _("Save")))


def _template(request: HttpRequest, course: Course, row: LabTemplate | None, dialog: Asked) -> HttpResponse:
    def new_form(data: Any) -> Any:
        if row is not None and row.source != LabTemplate.PLAN:
            return DescribeForm(data, initial=DescribeForm.values_of(row))
        return TemplateForm(data, course=course, initial=TemplateForm.values_of(row) if row else {})

    def submit(form: Any) -> None:
        templates.save(request.user, course, row, **form.template_values())

    return ask(request, dialog, new_form, submit)


@require_http_methods(["GET", "POST"])
@members_only
def capture(request: HttpRequest, pk: int) -> HttpResponse:
    """A template from a running lab or a vCenter of the teacher's own."""
    course = selectors.taught(request.user, pk)
    running = inventory.vcenters_for(request.user)

    def submit(form: Any) -> str:
        vcenter = inventory.vcenter_for(request.user, form.cleaned_data["vcenter"])
        values = {name: form.cleaned_data[name] for name in ("name", "description", "speed", "lessons")}
        batch = batches.capture(request.user, course, vcenter, **values)
        return waits(batch) or _("“%(name)s” is being captured.") % {"name": vcenter.name}

    dialog = Asked("capture", _("Template from a running lab"), _("Capture"))
    return ask(request, dialog, lambda data: CaptureForm(data, vcenters=running), submit)


@require_http_methods(["GET", "POST"])
@members_only
def template_from_file(request: HttpRequest, pk: int) -> HttpResponse:
    """A template from an inventory file."""
    course = selectors.taught(request.user, pk)
    dialog = Asked("template-file", _("Template from an inventory file"), _("Create"), "lg")

    def submit(form: Any) -> None:
        templates.from_file(request.user, course, **form.cleaned_data)

    return ask(request, dialog, FileForm, submit)


@require_http_methods(["GET", "POST"])
@members_only
def delete_template(request: HttpRequest, pk: int, template: int) -> HttpResponse:
    """Labs that were made from it stay."""
    course = selectors.taught(request.user, pk)
    row = selectors.template_taught(course, template)
    number = row.labs.count()
    lines = [ngettext("%(n)s lab was made from it. It stays, but cannot be reset any more.",
                      "%(n)s labs were made from it. They stay, but cannot be reset any more.", number)
             % {"n": number}] if number else []  # fmt: skip
    dialog = Asked("delete-template", f"{_('Delete template')} | {row.name}", _("Delete"))
    question = _("Delete the template “%(name)s”?") % {"name": row.name}
    return confirm(request, dialog, question, lambda: templates.delete(request.user, row), radius=lines)
