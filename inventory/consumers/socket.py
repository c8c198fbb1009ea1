"""The socket of one page. What comes in is untrusted; what goes out waits in a short queue of its own.

The client sends `{"watch": {…}}` or a list of such, one per vCenter (see `inventory.live.watch`), which replaces what
it watched before. A `"topic": "name:number"` beside it names what the page follows besides vCenters
(`inventory.live.topics`). A page that reads too slowly loses its queue and is told to fetch itself anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractUser

from inventory import redis
from inventory.consumers import hub, topics
from inventory.consumers.people import Viewer, authorise_all, in_thread
from inventory.live import answers, missed
from inventory.live.topics import Followed
from inventory.live.topics import parse as parse_topic
from inventory.live.watch import BadWatch, Watch, Wish, parse

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

MESSAGE_BYTES_MAX = 65_536
QUEUE_MAX = 256
SOCKETS_PER_USER = 100
REAUTHORISE_S = 60.0
BURST_OF_WATCHES = 20  # a page swaps parts quickly at times …
WATCHES_PER_S = 2.0  # … but not for ever

NOT_LOGGED_IN = 4401
TEXT_ONLY = 1003
POLICY = 1008
TOO_BIG = 1009
TRY_LATER = 1013

_open: Counter[int] = Counter()


class Subscription:
    """What one socket watches in one vCenter."""

    def __init__(self, socket: Socket, user: AbstractUser, watch: Watch) -> None:
        self.socket = socket
        self.watch = watch
        self.viewer = Viewer(user, watch)
        self.hub = hub.join(self)

    def put(self, text: str) -> None:
        self.socket.put(text)

    def reauthorise(self) -> None:
        self.socket.due.set()


class Closed(Exception):
    """The socket has to end with this code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Socket:
    """One connection. `due` is set when what it watches has to be authorised again."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._session_key = scope["session"].session_key
        self._receive, self._send = receive, send
        self._outbox: asyncio.Queue[str] = asyncio.Queue(QUEUE_MAX)
        self._wishes: list[Wish] = []
        self._topic: Followed | None = None
        self._subscriptions: list[Subscription] = []
        self._lock = asyncio.Lock()
        self._allowance = _Allowance(BURST_OF_WATCHES, WATCHES_PER_S)
        self.due = asyncio.Event()

    async def run(self) -> int:
        """Serve until something ends it; return the code to close with."""
        work = [asyncio.create_task(part()) for part in (self._read, self._write, self._stay_authorised)]
        try:
            done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
            return _code(done.pop())
        finally:
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)
            self._leave_all()

    def put(self, text: str) -> None:
        """Queue a message. A reader that is too slow starts afresh rather than growing the server."""
        if self._outbox.full():
            while not self._outbox.empty():
                self._outbox.get_nowait()
            for subscription in self._subscriptions:
                self._outbox.put_nowait(answers.resync(subscription.watch.vcenter))
        self._outbox.put_nowait(text)

    async def _read(self) -> None:
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                return
            said = _decoded(message)
            self._wishes = parse(said)
            self._topic = parse_topic(said.get("topic"), _language(said.get("lang")))
            if not self._allowance.take():
                raise Closed(POLICY)
            await self._authorise()
            for subscription in list(self._subscriptions):
                self.put(answers.watching(subscription.watch))
                await subscription.hub.greet(subscription)
                await self._catch_up(subscription)

    async def _write(self) -> None:
        while True:
            await self._send({"type": "websocket.send", "text": await self._outbox.get()})

    async def _stay_authorised(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.due.wait(), REAUTHORISE_S)
            self.due.clear()
            await self._authorise()

    async def _authorise(self) -> None:
        """Replace all subscriptions by what may be watched now."""
        async with self._lock:
            allowed = await in_thread(authorise_all)(self._session_key, self._wishes)
            if allowed is None:
                raise Closed(NOT_LOGGED_IN)
            user, watches = allowed
            before, self._subscriptions = self._subscriptions, [Subscription(self, user, watch) for watch in watches]
            for subscription in before:
                hub.leave(subscription)
            self._tell_what_is_gone(before)
            await self._follow(user)

    def _tell_what_is_gone(self, before: list[Subscription]) -> None:
        """What the page still wants and has watched until now, but may not any more."""
        wanted = {wish.vcenter for wish in self._wishes}
        watched = {one.watch.vcenter.pk for one in self._subscriptions}
        for one in before:
            if one.watch.wish.vcenter in wanted and one.watch.vcenter.pk not in watched:
                self.put(answers.gone(one.watch.vcenter))

    async def _follow(self, user: AbstractUser) -> None:
        """Follow the topic that the page names, if the person may; end what was followed before."""
        topic = self._topic
        if topic is not None and await in_thread(topics.may_follow)(user, topic):
            topics.leave(self, but=[topic])
            topics.follow(self, topic)
        else:
            topics.leave(self)

    async def _catch_up(self, subscription: Subscription) -> None:
        """Tell what the page missed while it was away."""
        watch = subscription.watch
        try:
            past = await in_thread(missed)(watch.vcenter, watch.wish.since)
        except redis.Offline:
            return
        if not past.complete:
            self.put(answers.resync(watch.vcenter))
        await subscription.hub.tell(past.facts, past.cursor, [subscription])

    def _leave_all(self) -> None:
        for subscription in self._subscriptions:
            hub.leave(subscription)
        self._subscriptions = []
        topics.leave(self)


async def live_socket(scope: Scope, receive: Receive, send: Send) -> None:
    """The ASGI application of /live/. A stranger is let in to be told why not: a refused handshake says nothing."""
    await receive()
    await send({"type": "websocket.accept"})
    code = await _serve(scope, receive, send)
    with contextlib.suppress(Exception):  # the other side may be gone already
        await send({"type": "websocket.close", "code": code})


async def _serve(scope: Scope, receive: Receive, send: Send) -> int:
    user = scope["user"]
    if not user.is_authenticated:
        return NOT_LOGGED_IN
    if _open[user.pk] >= SOCKETS_PER_USER:
        return TRY_LATER
    _open[user.pk] += 1
    try:
        return await Socket(scope, receive, send).run()
    finally:
        _open[user.pk] -= 1


def _language(code: Any) -> str:
    return code if isinstance(code, str) and code in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE


class _Allowance:
    """A token bucket."""

    def __init__(self, most: int, per_s: float) -> None:
        self._most, self._per_s = most, per_s
        self._left, self._at = float(most), time.monotonic()

    def take(self) -> bool:
        now = time.monotonic()
        self._left, self._at = min(self._most, self._left + (now - self._at) * self._per_s), now
        self._left -= 1
        return self._left >= 0


def _decoded(message: Mapping[str, Any]) -> Any:
    text = message.get("text")
    if text is None:
        raise Closed(TEXT_ONLY)
    if len(text.encode()) > MESSAGE_BYTES_MAX:
        raise Closed(TOO_BIG)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Closed(POLICY) from error


def _code(ended: asyncio.Task[None]) -> int:
    error = ended.exception()
    if isinstance(error, Closed):
        return error.code
    if isinstance(error, BadWatch):
        return POLICY
    if error is not None and not isinstance(error, OSError):
        raise error
    return 1000
