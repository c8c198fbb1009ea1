"""How a page is answered: whole, in one of a few threads that live on.

Django's own handler takes the groups of middlewares and the view to a thread of the request and back: nine turns of the
event loop, each behind all pushes that are due in between, and a new database connection for every request. Here the
loop hands a request over once and gets the answer back. A client that sends or reads slowly holds no thread.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.db import close_old_connections, connections
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import get_resolver

THREADS = 8  # pages that are worked on at once; more would only share the interpreter between more
KEPT_S = 60.0  # a connection that was not used for so long is opened anew


class Pages(ASGIHandler):
    """The ASGI application of everything but sockets."""

    def __init__(self) -> None:
        # Not ASGIHandler's: the chain of middlewares is called in a thread, so it is built for one.
        super(ASGIHandler, self).__init__()
        self.load_middleware()
        assert get_resolver().url_patterns  # views register what sockets may follow, and a socket may come first
        # The last one back is the first one out: few connections stay open where there is little to do.
        self._threads: asyncio.LifoQueue[ThreadPoolExecutor] = asyncio.LifoQueue()
        for number in range(THREADS):
            self._threads.put_nowait(ThreadPoolExecutor(1, thread_name_prefix=f"page-{number}"))

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        """Answer in the next free thread; the language and whatever else was set there holds here too."""
        thread = await self._threads.get()
        try:
            return await sync_to_async(self._answer, thread_sensitive=False, executor=thread)(request)
        finally:
            self._threads.put_nowait(thread)

    def _answer(self, request: HttpRequest) -> HttpResponseBase:
        close_old_connections()
        try:
            return self.get_response(request)
        finally:
            for one in connections.all(initialized_only=True):
                one.close_at = time.monotonic() + KEPT_S
