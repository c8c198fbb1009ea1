"""Who is behind a socket, and what they may see: asked in threads, because it asks the database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import Any, ParamSpec, TypeVar

from channels.db import DatabaseSyncToAsync
from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.models import AbstractUser
from django.http import HttpRequest

from inventory.live.watch import Watch, Wish, authorise, visible

P = ParamSpec("P")
T = TypeVar("T")

THREADS = 2
# Threads of our own: the one that Django keeps for synchronous pages must not wait for sockets.
_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="sockets")


def in_thread(ask: Callable[P, T]) -> Callable[P, Awaitable[T]]:
    """`ask` as a coroutine function, run in one of the sockets' threads."""
    return DatabaseSyncToAsync(ask, thread_sensitive=False, executor=_threads)


def user_of_session(session_key: str | None) -> AbstractUser | None:
    """The active user whose session it is now: None after a log-out, a new password, a deactivation."""
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    user = get_user(request)
    return user if isinstance(user, AbstractUser) and user.is_active else None


def authorise_all(session_key: str | None, wishes: Iterable[Wish]) -> tuple[AbstractUser, list[Watch]] | None:
    """The user of the session and what they may watch, None where the session is over."""
    user = user_of_session(session_key)
    if user is None:
        return None
    return user, [watch for wish in wishes if (watch := authorise(user, wish))]


class Viewer:
    """What one person sees in one vCenter, as far as it was asked; forgotten with the next authorisation."""

    def __init__(self, user: AbstractUser, watch: Watch) -> None:
        self._user = user
        self._watch = watch
        self._known: dict[str, bool] = {}

    async def learn(self, morefs: Iterable[str]) -> None:
        """Find out about those references that are not known yet."""
        unknown = [] if self._watch.sees_everything else [m for m in morefs if m not in self._known]
        if unknown:
            seen: dict[str, Any] = await in_thread(visible)(self._user, self._watch.vcenter, unknown)
            self._known |= {moref: moref in seen for moref in unknown}

    def sees(self, moref: str) -> bool:
        return self._watch.sees_everything or self._known.get(moref, False)
