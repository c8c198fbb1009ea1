"""What a person prefers, and the lab clock of the header."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import check_for_language
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST

from domain import faults
from inventory import rights, selectors, until
from inventory.models import Preferences, VCenter
from inventory.services import clock as services
from inventory.shell import THEME_COOKIE, THEMES
from inventory.views.answers import fault_answer

YEAR_S = 365 * 86_400
THEME_LABELS = {"light": _("Light"), "dark": _("Dark")}


class PreferencesForm(forms.ModelForm):
    """Theme and language; both also lie in cookies, so that the log-in page follows them."""

    theme = forms.ChoiceField(label=_("Theme"), choices=[(theme, THEME_LABELS[theme]) for theme in THEMES])
    language = forms.ChoiceField(label=_("Language"), choices=[("", _("As the browser says")), *settings.LANGUAGES])

    class Meta:
        model = Preferences
        fields = ("theme", "language")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["language"].required = False


def of(user: Any) -> Preferences:
    return Preferences.objects.get_or_create(user=user)[0]


@login_required
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest) -> HttpResponse:
    """The page of preferences."""
    form = PreferencesForm(request.POST or None, instance=of(request.user))
    if request.method != "POST" or not form.is_valid():
        return render(request, "inventory/preferences.html", {"form": form}, status=422 if form.errors else 200)
    saved = form.save()
    answer = redirect("inventory:preferences")
    _keep(answer, THEME_COOKIE, saved.theme)
    if saved.language:
        _keep(answer, settings.LANGUAGE_COOKIE_NAME, saved.language)
    else:
        answer.delete_cookie(settings.LANGUAGE_COOKIE_NAME)
    return answer


@login_required
@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Remember the theme that the page already shows."""
    chosen = request.POST.get("theme", "")
    if chosen not in THEMES:
        return HttpResponseBadRequest()
    Preferences.objects.filter(pk=of(request.user).pk).update(theme=chosen)
    answer = HttpResponse(status=204)
    _keep(answer, THEME_COOKIE, chosen)
    return answer


@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Change the language and come back to the same page."""
    chosen = request.POST.get("language", "")
    if not check_for_language(chosen) or chosen not in dict(settings.LANGUAGES):
        return HttpResponseBadRequest()
    if request.user.is_authenticated:
        Preferences.objects.filter(pk=of(request.user).pk).update(language=chosen)
    answer = redirect(_back(request))
    _keep(answer, settings.LANGUAGE_COOKIE_NAME, chosen)
    return answer


@login_required
@require_http_methods(["GET", "POST"])
def clock(request: HttpRequest, vc: UUID) -> HttpResponse:
    """The menu of a lab clock; a POST pauses, resumes, steps or changes the speed."""
    vcenter = selectors.vcenter_for(request.user, vc)
    if request.method == "POST":
        try:
            _turn(request, vcenter)
        except faults.MethodFault as fault:
            return fault_answer(request, fault)
    context = {
        "vcenter": vcenter,
        "speeds": services.SPEEDS,
        "steps": ((60, _("1 minute")), (300, _("5 minutes")), (3600, _("1 hour"))),
        "run": until.running(vcenter),
        "running": until.CONDITIONS.get((until.running(vcenter) or {}).get("kind", "")),
        "conditions": list(until.CONDITIONS.values()),
        "may": rights.has(request.user, "Lab.Clock", vcenter),
        "others": [one for one in selectors.vcenters_at_home(request.user) if one.pk != vcenter.pk],
    }
    return render(request, "inventory/fragments/clock_menu.html", context)


def _turn(request: HttpRequest, vcenter: VCenter) -> None:
    match request.POST.get("verb"):
        case "pause":
            services.pause(request.user, vcenter)
        case "resume":
            services.resume(request.user, vcenter)
        case "speed":
            services.set_speed(request.user, vcenter, _figure(request, "speed"))
        case "step":
            services.step(request.user, vcenter, _figure(request, "seconds"))
        case "until":
            services.run_until(request.user, vcenter, request.POST.get("until", ""), request.POST.get("value", ""))
        case "end":
            services.end_run(request.user, vcenter)
        case _:
            raise faults.InvalidArgument(property="verb", reason="pause, resume, speed, step, until or end")


def _figure(request: HttpRequest, name: str) -> float:
    try:
        return float(request.POST.get(name, ""))
    except ValueError as error:
        raise faults.InvalidArgument(property=name, reason="a number is needed") from error


def _keep(answer: HttpResponse, name: str, value: str) -> None:
    answer.set_cookie(name, value, max_age=YEAR_S, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE)


def _back(request: HttpRequest) -> str:
    came_from = request.META.get("HTTP_REFERER", "")
    return came_from if url_has_allowed_host_and_scheme(came_from, allowed_hosts={request.get_host()}) else "/"
