"""One reader per topic, language and event loop: reads the parts while somebody follows, and sends what differs."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterable, Mapping
from typing import Protocol

import structlog
from django.contrib.auth.models import AbstractUser
from django.utils import translation

from inventory.consumers.people import in_thread
from inventory.live.topics import TOPICS, Followed

log = structlog.get_logger(__name__)


class Follower(Protocol):
    """A socket."""

    def put(self, text: str) -> None: ...


def may_follow(user: AbstractUser, followed: Followed) -> bool:
    """Ask the topic; in a thread, because it asks the database."""
    return TOPICS[followed.name].may(user, followed.key)


class Reader:
    """Lives while there is a follower."""

    def __init__(self, followed: Followed) -> None:
        self._followed = followed
        self._topic = TOPICS[followed.name]
        self._parts: dict[str, str] = {}
        self._read_once = False
        self.followers: set[Follower] = set()
        self._task = asyncio.create_task(self._run())

    def stop(self) -> None:
        self._task.cancel()

    def welcome(self, follower: Follower) -> None:
        """Whoever comes later gets at once what the others know."""
        if self._read_once:
            follower.put(self._text(self._parts))

    async def _run(self) -> None:
        while True:
            try:
                self._tell(await in_thread(self._read)())
            except Exception:  # a tile that cannot be drawn must not silence the class for ever
                log.exception("live.topic", topic=str(self._followed))
            await asyncio.sleep(self._topic.every_s)

    def _read(self) -> dict[str, str]:
        with translation.override(self._followed.language):
            return dict(self._topic.parts(self._followed.key))

    def _tell(self, parts: dict[str, str]) -> None:
        before, self._parts = self._parts, parts
        fresh = {name: text for name, text in parts.items() if before.get(name) != text}
        if fresh or list(before) != list(parts) or not self._read_once:
            self._read_once = True
            text = self._text(fresh)
            for follower in self.followers:
                follower.put(text)

    def _text(self, parts: Mapping[str, str]) -> str:
        body = {"t": "topic", "topic": str(self._followed), "order": list(self._parts), "parts": dict(parts)}
        return json.dumps(body, separators=(",", ":"), ensure_ascii=False)


_readers: dict[tuple[int, Followed], Reader] = {}


def follow(follower: Follower, followed: Followed) -> None:
    """Send the topic's parts to the follower, now and whenever they change."""
    key = (id(asyncio.get_running_loop()), followed)
    if key not in _readers:
        _readers[key] = Reader(followed)
    reader = _readers[key]
    if follower not in reader.followers:
        reader.followers.add(follower)
        reader.welcome(follower)


def leave(follower: Follower, but: Iterable[Followed] = ()) -> None:
    """End what the follower follows, except `but`."""
    kept = set(but)
    loop = id(asyncio.get_running_loop())
    for (where, followed), reader in list(_readers.items()):
        if where == loop and followed not in kept:
            with contextlib.suppress(KeyError):
                reader.followers.remove(follower)
            if not reader.followers:
                reader.stop()
                del _readers[where, followed]
