"""Sessions: who is logged in, and the audit log's entries of coming and going."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from axes.handlers.proxy import AxesProxyHandler
from django.contrib.auth import SESSION_KEY, get_user_model, signals
from django.contrib.auth.models import AbstractUser
from django.contrib.sessions.models import Session
from django.http import HttpRequest
from django.utils.timezone import now

from inventory import audit
from inventory.journal import changing
from inventory.models import Folder
from inventory.selectors.getters import vcenters_at_home

ADDRESS, AGENT, SINCE = "address", "agent", "since"
# The first that fits: browsers name the ones that they want to be taken for as well.
BROWSERS = tuple(
    (name, re.compile(rf"{sign}/(\d+)"))
    for name, sign in (("Edge", "Edg"), ("Opera", "OPR"), ("Samsung Internet", "SamsungBrowser"), ("Whale", "Whale"),
                       ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Safari", "Version"))
)  # fmt: skip
SYSTEMS = (("Windows", "Windows"), ("Android", "Android"), ("iOS", "iPhone"), ("iPadOS", "iPad"), ("macOS", "Mac OS"),
           ("Linux", "Linux"))  # fmt: skip
MOST_TOLD = 50  # vCenters whose logs tell of a log-in


@dataclass(frozen=True, slots=True)
class OpenSession:
    """One log-in that has not ended. `handle` names it without giving it away: it is no session key."""

    handle: str
    user: AbstractUser
    address: str
    agent: str
    since: datetime | None
    expires: datetime

    @property
    def browser(self) -> str:
        """What people call the program, "Firefox 130 · Windows"; what it says of itself where that is unknown."""
        program = next((f"{name} {found[1]}" for name, sign in BROWSERS if (found := sign.search(self.agent))), "")
        system = next((name for name, sign in SYSTEMS if sign in self.agent), "")
        return " · ".join(filter(None, (program, system))) if program else self.agent


def open_sessions() -> list[OpenSession]:
    """All sessions of people, newest first. Costs one query and one decoding per session."""
    found = [(row, row.get_decoded()) for row in Session.objects.filter(expire_date__gt=now())]
    names = {data[SESSION_KEY] for _row, data in found if SESSION_KEY in data}
    users = {str(user.pk): user for user in get_user_model().objects.filter(pk__in=names)}
    return sorted(_people(found, users), key=lambda one: one.since or one.expires, reverse=True)


def _people(found: list[tuple[Session, dict[str, Any]]], users: Mapping[str, AbstractUser]) -> Iterator[OpenSession]:
    for row, data in found:
        user = users.get(data.get(SESSION_KEY, ""))
        if user is not None:
            since = datetime.fromisoformat(data[SINCE]) if SINCE in data else None
            address, agent = data.get(ADDRESS, ""), data.get(AGENT, "")
            yield OpenSession(handle_of(row.session_key), user, address, agent, since, row.expire_date)


def handle_of(session_key: str) -> str:
    """A name for a session that is safe to put into a page."""
    return audit.fingerprint(session_key)


def end(who: Any, handle: str) -> bool:
    """End the session of that name; False where it has ended already."""
    for row in Session.objects.filter(expire_date__gt=now()):
        if handle_of(row.session_key) == handle:
            user = get_user_model().objects.filter(pk=row.get_decoded().get(SESSION_KEY, 0)).first()
            row.delete()
            audit.append(who, "SessionManager.terminateSession", detail={"of": str(user or "")})
            return True
    return False


# --- coming and going ------------------------------------------------------------------------------------------------
def _came(sender: Any, request: HttpRequest | None, user: Any, **_signal: Any) -> None:
    if request is not None and hasattr(request, "session"):
        request.session[ADDRESS] = request.META.get("REMOTE_ADDR", "")
        request.session[AGENT] = request.META.get("HTTP_USER_AGENT", "")[:200]
        request.session[SINCE] = now().isoformat()
    audit.append(user, "SessionManager.login", detail=_where(request))
    _tell("UserLoginSessionEvent", user, request)


def _went(sender: Any, request: HttpRequest | None, user: Any, **_signal: Any) -> None:
    if user is not None:
        audit.append(user, "SessionManager.logout", detail=_where(request))
        _tell("UserLogoutSessionEvent", user, request)


def _tell(event: str, user: Any, request: HttpRequest | None) -> None:
    """An event in each vCenter that the person has at home; who is let in without a request (a test) leaves none."""
    if not _where(request).get("address"):
        return
    for vcenter in vcenters_at_home(user).filter(active=True).order_by("pk")[:MOST_TOLD]:
        with changing(vcenter, user) as change:
            change.event(event, Folder.objects.get(vcenter=vcenter, moref=vcenter.moref))


def _failed(sender: Any, credentials: dict[str, Any], request: HttpRequest | None = None, **_signal: Any) -> None:
    if request is not None and AxesProxyHandler.is_locked(request, credentials):
        return  # or somebody could fill the log by knocking on a locked door
    told = {"name": credentials.get("username", ""), **_where(request)}
    audit.append(None, "SessionManager.loginFailed", detail=told)


def _where(request: HttpRequest | None) -> dict[str, str]:
    return {} if request is None else {"address": request.META.get("REMOTE_ADDR", "")}


def watch() -> None:
    """Hear of log-ins and log-outs; called once, when Django starts."""
    signals.user_logged_in.connect(_came, dispatch_uid="sessions-came")
    signals.user_logged_out.connect(_went, dispatch_uid="sessions-went")
    signals.user_login_failed.connect(_failed, dispatch_uid="sessions-failed")
