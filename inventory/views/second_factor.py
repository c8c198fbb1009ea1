"""The second factor of a local account: codes of an authenticator app, and recovery codes."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.mfa.base import views as mfa
from axes.handlers.proxy import AxesProxyHandler
from django.contrib.auth import signals
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from inventory.views.accounts import locked

View = Callable[..., HttpResponse]


def local_only(view: View) -> View:
    """Who comes by a provider has his second factor there."""

    @wraps(view)
    @login_required
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        user: Any = request.user
        if not user.has_usable_password():
            return redirect("mfa_index")
        return view(request, *args, **kwargs)

    return guarded


class EnterCode(mfa.AuthenticateView):
    """The code after the password. Wrong ones count as failed log-ins, and lock the name as those do."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        credentials = {"username": self.stage.login.user.get_username()}
        if AxesProxyHandler.is_locked(request, credentials):
            return locked(request, None, credentials)
        return super().post(request, *args, **kwargs)

    def form_invalid(self, form: Any) -> HttpResponse:
        credentials = {"username": self.stage.login.user.get_username()}
        signals.user_login_failed.send(sender=__name__, credentials=credentials, request=self.request)
        answer = super().form_invalid(form)
        answer.status_code = 422
        return answer


overview = require_safe(mfa.index)
