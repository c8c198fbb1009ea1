"""What the classroom's dialogs have in common: GET draws one, POST sends it, a refusal comes back with the form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from classroom.models import Batch
from domain.faults import MethodFault
from inventory.forms.base import DialogForm
from inventory.views.guard import refusal

FORM, QUESTION = "inventory/dialogs/form.html", "inventory/dialogs/confirm.html"


@dataclass(frozen=True)
class Asked:
    """What the frame of a dialog shows; `name` is for scripts and tests."""

    name: str
    title: Any
    submit_label: Any
    size: str = "md"


def ask(
    request: HttpRequest, dialog: Asked, new_form: Callable[[Any], DialogForm], submit: Callable[[Any], Any]
) -> HttpResponse:
    """A dialog with a form: `submit` gets the valid form. 202 says that it is done and the page may look anew."""
    if request.method != "POST":
        return _drawn(request, dialog, new_form(None))
    form = new_form(request.POST)
    if not form.is_valid():
        return _drawn(request, dialog, form, 422)
    try:
        said = submit(form)
    except MethodFault as fault:
        form.add_fault(fault)
        return _drawn(request, dialog, form, 422)
    return done(request, said)


def confirm(
    request: HttpRequest, dialog: Asked, question: Any, submit: Callable[[], Any], *, radius: Sequence[Any] = (),
    danger: bool = True,
) -> HttpResponse:  # fmt: skip
    """A question, with what will change; POST does it."""
    if request.method != "POST":
        context = {"question": question, "radius": radius, "danger": danger, "submit_label": dialog.submit_label}
        return _drawn(request, dialog, DialogForm(), template=QUESTION, **context)
    return act(request, submit)


def act(request: HttpRequest, submit: Callable[[], Any]) -> HttpResponse:
    """Do something that needs no form."""
    try:
        said = submit()
    except MethodFault as fault:
        return refusal(request, fault)
    return done(request, said)


def waits(batch: Batch) -> str:
    """What to say of class-wide work that cannot begin yet; "" where its turn is now."""
    return _("It waits for what the class is doing now.") if batch.behind else ""


def done(request: HttpRequest, said: Any) -> HttpResponse:
    """202, with a toast where there is something to say."""
    context = {"text": said if isinstance(said, str) else ""}
    return render(request, "classroom/dialogs/done.html", context, status=202)


def _drawn(
    request: HttpRequest, dialog: Asked, form: Any, status: int = 200, template: str = FORM, **context: Any
) -> HttpResponse:
    shown = {"dialog": dialog, "form": form, "url": request.get_full_path(), **context}
    answer = render(request, template, shown, status=status)
    if getattr(form, "fault", None) is not None:
        answer["X-Fault"] = form.fault.name
    return answer
