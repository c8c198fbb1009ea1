"""One per vCenter and process: hears the vCenter's group, and tells the sockets of this process.

Facts are collected for half a second, so that a page gets at most two bursts a second; the first after a quiet time
goes out at once. Figures are read once per burst and encoded once per distinct watch; task rows are rendered once per
language.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import redis
import structlog
from channels.layers import get_channel_layer

from inventory import metrics
from inventory.consumers.people import in_thread
from inventory.live import answers, group_of
from inventory.live.answers import TASKS_AT_ONCE, Digest, digest
from inventory.live.publish import Fact
from inventory.live.watch import Watch
from inventory.metrics import Latest
from inventory.models import VCenter

if TYPE_CHECKING:
    from inventory.consumers.socket import Subscription

log = structlog.get_logger(__name__)

BURST_S = 0.5
GATHER_S = 0.02  # a pump's facts come close together
CLOCK_EVERY_S = 5.0
RETRY_S = 1.0
HEARING_S = 1.0  # how long a page waits for the group; without Redis it gets what there is


class Hub:
    """The subscriptions of this process to one vCenter; lives while there is one."""

    def __init__(self, vcenter: VCenter) -> None:
        self.vcenter = vcenter
        self.subscriptions: set[Subscription] = set()
        self._facts: dict[Fact, None] = {}
        self._cursor = ""
        self._news = asyncio.Event()
        self._hears = asyncio.Event()
        self._was_deaf = False  # while somebody was here already
        self._latest: Latest | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [asyncio.create_task(work()) for work in (self._listen, self._tell, self._tick)]

    def stop(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def greet(self, subscription: Subscription) -> None:
        """What a page needs at once: the clock, and the figures of what it watches. From here on it misses nothing."""
        try:
            await asyncio.wait_for(self._hears.wait(), HEARING_S)
        except TimeoutError:
            self._was_deaf = True
        latest = await self._newest()
        subscription.put(answers.clock(self.vcenter, latest))
        if latest is not None and subscription.watch.figures:
            subscription.put(answers.figures(latest, subscription.watch))

    # --- hearing -----------------------------------------------------------------------------------------------------
    async def _listen(self) -> None:
        while True:
            try:
                await self._hear()
            except (redis.RedisError, OSError) as error:
                log.info("live.deaf", vcenter=str(self.vcenter.uuid), error=repr(error))
                await asyncio.sleep(RETRY_S)

    async def _hear(self) -> None:
        layer: Any = get_channel_layer()
        channel = await layer.new_channel()
        await layer.group_add(group_of(self.vcenter), channel)
        self._hears.set()
        if self._was_deaf:  # what was said meanwhile nobody heard: the pages look themselves
            self._was_deaf = False
            _put_all(self.subscriptions, answers.resync(self.vcenter))
        try:
            while True:
                self._note(await layer.receive(channel))
        finally:
            self._hears.clear()
            self._was_deaf = True
            with contextlib.suppress(redis.RedisError, OSError):
                await asyncio.shield(layer.group_discard(group_of(self.vcenter), channel))

    def _note(self, message: dict[str, Any]) -> None:
        self._facts |= dict.fromkeys(tuple(fact) for fact in message["facts"])
        self._cursor = message.get("at") or self._cursor
        self._news.set()

    # --- telling -----------------------------------------------------------------------------------------------------
    async def _tell(self) -> None:
        while True:
            await self._news.wait()
            await asyncio.sleep(GATHER_S)
            await self.tell(*self._take(), self.subscriptions)
            await asyncio.sleep(BURST_S - GATHER_S)

    def _take(self) -> tuple[list[Fact], str]:
        facts, cursor = list(self._facts), self._cursor
        self._facts, self._cursor = {}, ""
        self._news.clear()
        return facts, cursor

    async def tell(self, facts: Iterable[Fact], cursor: str, to: Iterable[Subscription]) -> None:
        """Send what these facts mean to each of the subscriptions that may see it and watches it."""
        news, listeners = digest(facts), list(to)
        for part in (self._tell_rewind, self._tell_clock, self._tell_figures, self._tell_tasks, self._tell_changes):
            try:
                await part(news, listeners)
            except Exception:  # one row that cannot be drawn must not silence the rest
                log.exception("live.tell", vcenter=str(self.vcenter.uuid), part=part.__name__)
        if cursor:
            at = answers.position(self.vcenter, cursor)
            for subscription in listeners:
                subscription.put(at)
        if news.notes:
            _put_all(listeners, answers.notes(self.vcenter))
        if news.permissions:
            for subscription in listeners:
                subscription.reauthorise()

    async def _tell_rewind(self, news: Digest, listeners: list[Subscription]) -> None:
        if news.rewound:
            self.vcenter = await in_thread(VCenter.objects.get)(pk=self.vcenter.pk)
            self._latest = None  # figures of the abandoned timeline
            _put_all(listeners, answers.reload(self.vcenter))

    async def _tell_clock(self, news: Digest, listeners: list[Subscription]) -> None:
        if news.clock:
            self.vcenter = await in_thread(VCenter.objects.get)(pk=self.vcenter.pk)
            self._say_clock(listeners)

    async def _tell_figures(self, news: Digest, listeners: list[Subscription]) -> None:
        latest = await self._newest() if news.figures else None
        if latest is None:
            return
        texts: dict[Any, str] = {}
        for subscription in listeners:
            watch = subscription.watch
            if not watch.figures:
                continue
            if watch.figures_key not in texts:
                texts[watch.figures_key] = answers.figures(latest, watch)
            subscription.put(texts[watch.figures_key])

    async def _tell_tasks(self, news: Digest, listeners: list[Subscription]) -> None:
        by_language: dict[str, list[Subscription]] = defaultdict(list)
        for subscription in listeners:
            if news.tasks and subscription.watch.wish.tasks:
                by_language[subscription.watch.wish.language].append(subscription)
        for language, group in by_language.items():
            if len(news.tasks) > TASKS_AT_ONCE:
                _put_all(group, answers.resync(self.vcenter))
                continue
            rows = await in_thread(answers.task_rows)(self.vcenter, news.tasks, language)
            for subscription in group:
                await subscription.viewer.learn(entity for entity, _ in rows.values())
                _put_all([subscription], *(text for entity, text in rows.values() if subscription.viewer.sees(entity)))

    async def _tell_changes(self, news: Digest, listeners: list[Subscription]) -> None:
        if not (news.objects or news.trees or news.alarms or news.events):
            return
        texts: dict[Any, str | None] = {}
        for subscription in listeners:
            watch: Watch = subscription.watch
            if news.alarms:
                await subscription.viewer.learn(news.alarms)
            seen_alarms = any(map(subscription.viewer.sees, news.alarms))
            key = (watch.objects & news.objects, watch.trees & news.trees, news.events, seen_alarms)
            if key not in texts:
                texts[key] = answers.changed(self.vcenter, *key)
            if text := texts[key]:
                subscription.put(text)
            if seen_alarms:
                subscription.put(answers.alarms(self.vcenter))

    # --- the clock ---------------------------------------------------------------------------------------------------
    async def _tick(self) -> None:
        """Tell now and then what time it is in the lab and how fresh the figures are: silence would be no proof."""
        while True:
            await asyncio.sleep(CLOCK_EVERY_S)
            self._latest = await self._newest()
            self._say_clock(self.subscriptions)

    def _say_clock(self, listeners: Iterable[Subscription]) -> None:
        _put_all(listeners, answers.clock(self.vcenter, self._latest))

    async def _newest(self) -> Latest | None:
        """The newest figures; the last known ones where Redis does not answer, so that their age is told."""
        self._latest = await in_thread(metrics.latest)(self.vcenter) or self._latest
        return self._latest


def _put_all(listeners: Iterable[Subscription], *texts: str) -> None:
    for subscription in listeners:
        for text in texts:
            subscription.put(text)


_hubs: dict[tuple[int, int], Hub] = {}


def join(subscription: Subscription) -> Hub:
    """The hub of the subscription's vCenter in this event loop, with the subscription in it."""
    vcenter = subscription.watch.vcenter
    key = (id(asyncio.get_running_loop()), vcenter.pk)
    if key not in _hubs:
        _hubs[key] = Hub(vcenter)
        _hubs[key].start()
    _hubs[key].vcenter = vcenter  # read a moment ago, so its clock is at least as new
    _hubs[key].subscriptions.add(subscription)
    return _hubs[key]


def leave(subscription: Subscription) -> None:
    key = (id(asyncio.get_running_loop()), subscription.watch.vcenter.pk)
    hub = _hubs.get(key)
    if hub is None:
        return
    hub.subscriptions.discard(subscription)
    if not hub.subscriptions:
        hub.stop()
        del _hubs[key]
