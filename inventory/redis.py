"""The one place that gives connections to Redis, so that a page never waits long for it.

`ask` is for pages and sockets: 200 ms at most (REDIS_PAGE_WAIT_S), and after a failure nobody asks again for a second
(a circuit breaker), so that without Redis a page costs nothing more. `patient` is for workers, which may wait.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

WORKER_WAIT_S = 5.0
REST_S = 1.0  # how long a broken circuit rests before somebody tries again

Answer = TypeVar("Answer")


class Offline(Exception):
    """Redis does not answer, or did not a moment ago."""


class Breaker:
    """Lets calls through until one fails, then none for `rest_s`; then one may try. `clock` gives seconds."""

    def __init__(self, rest_s: float = REST_S, clock: Callable[[], float] = time.monotonic) -> None:
        self._rest_s = rest_s
        self._clock = clock
        self._closed_from = 0.0

    @property
    def resting(self) -> bool:
        return self._clock() < self._closed_from

    def call(self, ask: Callable[[], Answer]) -> Answer:
        """Return what `ask` returns.

        Raises:
            Offline: the call failed, or the circuit rests.
        """
        if self.resting:
            raise Offline
        try:
            return ask()
        except (redis.RedisError, OSError) as error:
            self._closed_from = self._clock() + self._rest_s
            raise Offline from error


breaker = Breaker()


def ask(call: Callable[[redis.Redis], Any]) -> Any:
    """Return `call(client)`, waiting REDIS_PAGE_WAIT_S at most for a connection and for each answer.

    Raises:
        Offline: Redis does not answer.
    """
    return breaker.call(lambda: call(_client(settings.REDIS_URL, settings.REDIS_PAGE_WAIT_S)))


def patient() -> redis.Redis:
    """Return the client of workers: it waits 5 s and raises redis-py's own errors."""
    return _client(settings.REDIS_URL, WORKER_WAIT_S)


@cache
def _client(url: str, wait_s: float) -> redis.Redis:
    """One pool per address and patience. A pooled connection that the server has closed is replaced, once."""
    retry = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
    waits = {"socket_timeout": wait_s, "socket_connect_timeout": wait_s}
    return redis.Redis.from_url(url, retry=retry, retry_on_error=[], **waits)
