"""Many web-socket clients in one process; `python -m vsphere_web.bench.live_clients` reads its orders from stdin.

First line: {"url", "cookies": [one per client], "watch": message or null}. It answers "ready" when every client is
connected and greeted. Second line: {"published": {number: wall seconds}}; it answers with the figures and ends.
Like browsers, the clients offer compression.
"""

import asyncio
import json
import sys
import time
from contextlib import suppress
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

AT_ONCE = 25
SETTLE_S = 2.0
LATE_S = 60.0  # what has not come by then is lost


class Crowd:
    """All clients; `heard[client]` is what it received: (number of the message, wall seconds, bytes)."""

    def __init__(self, url: str, cookies: list[str], watch: str | None) -> None:
        self._url, self._cookies, self._watch = url, cookies, watch
        self._gate = asyncio.Semaphore(AT_ONCE)
        self.heard: list[list[tuple[int, float, int]]] = [[] for _ in cookies]
        self._greeted = [asyncio.Event() for _ in cookies]
        self.listeners = [asyncio.create_task(self._listen(client)) for client in range(len(cookies))]

    async def greeted(self) -> None:
        for event in self._greeted:
            await event.wait()

    async def heard_up_to(self, number: int) -> None:
        """Return when every client has heard of message `number`."""
        while not all(mine and mine[-1][0] >= number for mine in self.heard):  # noqa: ASYNC110 - hearing is measured
            await asyncio.sleep(0.1)

    async def _listen(self, client: int) -> None:
        origin = self._url.replace("ws", "http", 1).partition("/live")[0].partition("/peer")[0]
        headers = {"Cookie": self._cookies[client], "Origin": origin}
        async with self._gate:
            connection = await connect(self._url, additional_headers=headers, proxy=None, open_timeout=60)
            if self._watch:
                await connection.send(self._watch)
                while json.loads(await connection.recv())["t"] != "at":
                    pass
            self._greeted[client].set()
        await self._hear(client, connection)

    async def _hear(self, client: int, connection: ClientConnection) -> None:
        async for text in connection:
            if "figures" in text[:40]:
                self.heard[client].append((json.loads(text)["time"], time.time(), len(text)))


def summary(heard: list[list[tuple[int, float, int]]], published: dict[int, float]) -> dict[str, Any]:
    """A message counts as heard when it or a later one arrives: figures replace those before them."""
    latencies, lost = [], 0
    for mine in heard:
        for number, sent_s in published.items():
            arrivals = [at_s for got, at_s, _ in mine if got >= number]
            lost += not arrivals
            latencies += [min(arrivals) - sent_s] if arrivals else []
    latencies.sort()
    sizes = [size for mine in heard for *_, size in mine]
    return {
        "payload_bytes": max(sizes, default=0),
        "p50_ms": 1000 * latencies[len(latencies) // 2] if latencies else None,
        "p99_ms": 1000 * latencies[int(len(latencies) * 0.99)] if latencies else None,
        "lost": lost,
        "delivered_per_client": sum(map(len, heard)) / len(heard),
    }


async def main() -> None:
    """Connect, hear, tell."""
    orders = json.loads(await asyncio.to_thread(sys.stdin.readline))
    crowd = Crowd(orders["url"], orders["cookies"], orders["watch"])
    await asyncio.wait([asyncio.create_task(crowd.greeted()), *crowd.listeners], return_when=asyncio.FIRST_COMPLETED)
    for listener in crowd.listeners:
        if listener.done():
            listener.result()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    published = json.loads(await asyncio.to_thread(sys.stdin.readline))["published"]
    await asyncio.sleep(SETTLE_S)
    with suppress(TimeoutError):
        await asyncio.wait_for(crowd.heard_up_to(max(map(int, published))), LATE_S)
    sys.stdout.write(json.dumps(summary(crowd.heard, {int(n): at_s for n, at_s in published.items()})) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
