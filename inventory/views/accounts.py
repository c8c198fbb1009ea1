"""Log-in, log-out, and a person's own password."""

from __future__ import annotations

from typing import Any

from allauth.account.internal.flows.login import perform_password_login
from allauth.account.models import Login
from django import forms
from django.conf import settings
from django.contrib.auth import forms as auth_forms
from django.contrib.auth import views as auth
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from inventory import signing_in


class LogInForm(auth_forms.AuthenticationForm):
    """Name and password; without `remember` the session ends with the browser."""

    remember = forms.BooleanField(label=_("Keep me logged in"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("username", "password"):
            self.fields[name].widget.attrs["class"] = "clr-input"


class LogIn(auth.LoginView):
    """The log-in. Too many failures lock the pair of name and address (django-axes answers then, see `locked`).

    A right password is the end of it only for an account without a second factor: allauth knows what comes next.
    """

    template_name = "registration/login.html"
    authentication_form = LogInForm
    redirect_authenticated_user = True

    def form_valid(self, form: Any) -> HttpResponse:
        self.request.session[signing_in.REMEMBER] = form.cleaned_data["remember"]
        login = Login(user=form.get_user(), redirect_url=self.get_success_url())
        return perform_password_login(self.request, {"username": form.get_user().get_username()}, login)

    def get_context_data(self, **more: Any) -> dict[str, Any]:
        offered = [
            {"name": one.name, "url": one.get_login_url(self.request, process="login", next=self.get_success_url())}
            for one in signing_in.offered(self.request)
        ]
        return super().get_context_data(providers=offered, **more)


class LogOut(auth.LogoutView):
    """The log-out; by POST alone, so that no link of somebody else's logs people out."""


class ChangePassword(auth.PasswordChangeView):
    """A person's own password; all other sessions of that person end."""

    template_name = "registration/password_change.html"
    success_url = reverse_lazy("inventory:password-changed")
    extra_context = {"changed": False}

    def form_invalid(self, form: Any) -> HttpResponse:
        return self.render_to_response(self.get_context_data(form=form), status=422)


class PasswordChanged(ChangePassword):
    """The same page with the good news."""

    extra_context = {"changed": True}


def locked(request: HttpRequest, original: HttpResponse | None, credentials: dict[str, Any] | None) -> HttpResponse:
    """What django-axes answers to a pair of name and address that failed too often."""
    context = {
        "username": (credentials or {}).get("username") or request.POST.get("username", ""),
        "failure_limit": settings.AXES_FAILURE_LIMIT,
        "cooloff_minutes": int(settings.AXES_COOLOFF_TIME.total_seconds() // 60),
    }
    return render(request, "registration/locked.html", context, status=429)
