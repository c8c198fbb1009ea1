"""Pages as the server answers them: handed to a thread once, with a connection that lives on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections
from django.db.backends.signals import connection_created
from django.http import HttpResponse

from tests import builders, cast
from tests.apps.live.test_socket import headers_of
from vsphere_web import pages
from vsphere_web.pages import Pages

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE_S = 120.0


@pytest.fixture
def handler() -> Iterator[Pages]:
    """The product's chain of middlewares; its threads end with the test."""
    made = Pages()
    threads = list(made._threads._queue)  # type: ignore[attr-defined]
    yield made
    for thread in threads:
        thread.submit(connections.close_all).result()
        thread.shutdown()


class Browser:
    """One request after the other, with what was sent back."""

    def __init__(self, handler: Pages, headers: list[tuple[bytes, bytes]]) -> None:
        self._handler, self._headers = handler, headers
        self.reads = asyncio.Event()
        self.reads.set()

    async def get(self, path: str) -> tuple[int, bytes]:
        scope = {
            "type": "http", "method": "GET", "path": path, "query_string": b"", "headers": self._headers,
            "http_version": "1.1", "scheme": "http", "server": ("localhost", 80), "client": ("127.0.0.1", 1),
        }  # fmt: skip
        asked = [{"type": "http.request", "body": b"", "more_body": False}]
        status, body = 0, b""

        async def receive() -> dict[str, Any]:
            if not asked:
                await asyncio.Event().wait()
            return asked.pop()

        async def send(message: Any) -> None:
            nonlocal status, body
            await self.reads.wait()
            status = message.get("status", status)
            body += message.get("body", b"")

        async with asyncio.timeout(PATIENCE_S):
            await self._handler(scope, receive, send)
        return status, body


@pytest.fixture
def summary() -> tuple[Any, str]:
    """A person, and a page that asks the database a lot."""
    lab = builders.small_lab()
    people = cast.make_cast(lab.vcenter)
    return people.student, f"/vc/{lab.vcenter.uuid}/{lab.cluster.moref}/"


async def test_a_page_goes_to_a_thread_and_back_once(
    handler: Pages, summary: tuple[Any, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every turn of the event loop waits for all pushes that are due; Django's own handler has nine of them a page."""
    who, path = summary
    browser = Browser(handler, await headers_of(who))
    loop, handed = asyncio.get_running_loop(), []
    real = loop.run_in_executor
    monkeypatch.setattr(loop, "run_in_executor", lambda *args: handed.append(args) or real(*args))
    status, body = await browser.get(path)
    assert (status, b"</html>" in body) == (200, True)
    assert len(handed) <= 4  # the signal at the beginning, the page, its end


async def test_the_connection_of_a_thread_serves_the_next_page_too(handler: Pages, summary: tuple[Any, str]) -> None:
    who, path = summary
    browser, opened = Browser(handler, await headers_of(who)), []

    def note(**_signal: Any) -> None:
        opened.append(threading.current_thread().name)

    connection_created.connect(note)
    try:
        answers = [await browser.get(path) for _ in range(3)]
    finally:
        connection_created.disconnect(note)
    assert [status for status, _body in answers] == [200] * 3
    assert len(opened) == 1
    assert opened[0].startswith("page-")


async def test_a_connection_that_is_old_or_broken_is_opened_anew(
    handler: Pages, summary: tuple[Any, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    who, path = summary
    browser, closed = Browser(handler, await headers_of(who)), []
    monkeypatch.setattr(
        type(connections["default"]), "close", lambda self: closed.append(threading.current_thread().name)
    )
    await browser.get(path)
    closed.clear()
    await browser.get(path)
    assert not [name for name in closed if name.startswith("page-")]
    monkeypatch.setattr(pages, "KEPT_S", -1.0)
    await browser.get(path)  # was kept before; is too old afterwards
    await browser.get(path)
    assert [name for name in closed if name.startswith("page-")]


async def test_who_reads_slowly_holds_no_thread(
    handler: Pages, summary: tuple[Any, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    who, path = summary
    headers = await headers_of(who)
    slow = [Browser(handler, headers) for _ in range(pages.THREADS + 1)]
    for one in slow:
        one.reads.clear()
    waiting = [asyncio.create_task(one.get("/healthz")) for one in slow]
    status, _body = await Browser(handler, headers).get(path)
    assert status == 200
    for one in slow:
        one.reads.set()
    assert {status for status, _body in await asyncio.gather(*waiting)} <= {200, 503}


async def test_a_thread_that_a_page_fails_in_is_free_again(handler: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    headers = await headers_of(None)

    def broken(_request: Any) -> HttpResponse:
        raise RuntimeError("broken")

    with monkeypatch.context() as patched:
        patched.setattr(handler, "get_response", broken)
        for _ in range(pages.THREADS + 1):
            with pytest.raises(RuntimeError):
                await Browser(handler, headers).get("/login/")
    assert (await Browser(handler, headers).get("/login/"))[0] == 200
