"""Who may come in, and how a refusal is told: what every endpoint that answers with a fragment does."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render

from domain.faults import MethodFault, NoPermission
from inventory import words

View = Callable[..., HttpResponseBase]


def in_background(request: HttpRequest) -> bool:
    """True where a script asks: htmx, or a fetch of ours."""
    return bool(getattr(request, "htmx", False)) or request.headers.get("X-Requested-With") == "fetch"


def members_only(view: View) -> View:
    """A stranger is sent to the log-in; a script gets a plain 401, so that what was typed stays where it is."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated:
            return view(request, *args, **kwargs)
        if in_background(request):
            return HttpResponse(status=401, headers={"X-Login": settings.LOGIN_URL})
        return redirect_to_login(request.get_full_path())

    return guarded


def sentence(fault: MethodFault) -> str:
    """A fault in the person's language."""
    return words.fault_sentence(fault.to_dict())


def refusal(request: HttpRequest, fault: MethodFault) -> HttpResponse:
    """A fault as a toast; 403 where a right is missing, else 409. `X-Fault` carries vSphere's name for scripts."""
    status = 403 if isinstance(fault, NoPermission) else 409
    context = {"tone": "error", "text": sentence(fault)}
    answer = render(request, "inventory/dialogs/toast.html", context, status=status)
    answer["X-Fault"] = fault.name
    return answer
