"""Teachers as a group of the site, first passwords, and who was seen when."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib.auth import signals
from django.contrib.auth.models import Group, Permission
from django.db import DEFAULT_DB_ALIAS, transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import resolve, reverse
from django.utils.timezone import now

from classroom.models import FirstPassword
from inventory import redis

TEACHERS = "Teachers"
SEEN_FOR_S = 14 * 86_400
_FLAG = "first-password"
# With a first password one may choose another, log out, change the language; and the browser fetches what it needs.
_OPEN = {"password-change", "password-changed", "logout", "login", "language", "theme"}


def keep_teachers(sender: Any, using: str = DEFAULT_DB_ALIAS, **_signal: Any) -> None:
    """After `migrate`: the group whose members may open courses. Run twice it changes nothing."""
    from django.contrib.auth.management import create_permissions

    create_permissions(sender, verbosity=0, using=using)
    group, _made = Group.objects.using(using).get_or_create(name=TEACHERS)
    rights = Q(content_type__app_label="classroom", codename="add_course")
    rights |= Q(content_type__app_label="inventory", codename="add_vcenter")  # imports of inventories, copies of labs
    may = Permission.objects.using(using).filter(rights)
    group.permissions.add(*may.exclude(group=group))


# --- first passwords -------------------------------------------------------------------------------------------------
def issue(user: Any, password: str) -> None:
    """Set a password that its owner has to change at the first log-in."""
    user.set_password(password)  # half a second of computing, in no transaction
    with transaction.atomic():
        user.save(update_fields=["password"])
        FirstPassword.objects.update_or_create(user=user, defaults={"hash": user.password})


def _came(sender: Any, request: HttpRequest | None, user: Any, **_signal: Any) -> None:
    if request is not None and hasattr(request, "session") and FirstPassword.objects.filter(user=user).exists():
        request.session[_FLAG] = True


def watch() -> None:
    """Hear of log-ins; called once, when Django starts."""
    signals.user_logged_in.connect(_came, dispatch_uid="classroom-came")


def _still_first(request: HttpRequest) -> bool:
    """True while the password that was handed out is the account's; once it is not, the session's mark goes."""
    row = FirstPassword.objects.filter(user=request.user.pk).first()
    if row is not None and row.hash == getattr(request.user, "password", ""):
        return True
    request.session.pop(_FLAG, None)
    return False


def _is_fetch(request: HttpRequest) -> bool:
    """True for a fragment; a boosted link is a page."""
    mode = request.headers.get("Sec-Fetch-Mode", "navigate")
    return mode != "navigate" and "HX-Boosted" not in request.headers


# --- who was seen when -----------------------------------------------------------------------------------------------
def seen_key(vcenter_uuid: UUID | str, user_pk: int) -> str:
    """Where it stands in Redis when a person was last at work in a lab: seconds since 1970."""
    return f"classroom:seen:{vcenter_uuid}:{user_pk}"


def _note_presence(vcenter_uuid: UUID, user: Any) -> None:
    """In Redis, since it is written with every click; a lost one costs nothing."""
    try:
        moment = f"{now().timestamp():.0f}"
        redis.ask(lambda client: client.set(seen_key(vcenter_uuid, user.pk), moment, ex=SEEN_FOR_S))
    except redis.Offline:
        return


class ClassroomMiddleware:
    """Keeps whoever has a first password at the page that changes it, and notes when a lab's owner was there."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if _FLAG in request.session and request.user.is_authenticated and self._turned_back(request):
            # What scripts fetch for a page that is shown already must not become a page inside it.
            return HttpResponse(status=204) if _is_fetch(request) else redirect(reverse("inventory:password-change"))
        return self.get_response(request)

    def _turned_back(self, request: HttpRequest) -> bool:
        try:
            name = resolve(request.path_info).url_name
        except Exception:  # no such address: let the site say so
            return False
        return name not in _OPEN and _still_first(request)

    def process_view(self, request: HttpRequest, _view: Any, _args: Any, kwargs: dict[str, Any]) -> None:
        if "vc" in kwargs and request.user.is_authenticated and not request.path.endswith("/live/"):
            _note_presence(kwargs["vc"], request.user)
