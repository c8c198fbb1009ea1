"""The students of `bench_classroom` in one process; `python -m vsphere_web.bench.classroom_students` reads its orders.

First line of stdin: {"port", "pages": [{"watch", "paths", "vc"} per student], "cookies", "think_s"}. It answers "ready"
when every socket is greeted. Second line: {"read": true}; from then on pages are opened. Third line: {"recorded": {vc:
{lab time: wall seconds}}}; it answers with figures and ends. A page is asked for over a connection of its own, as a
browser without a cache would.
"""

import asyncio
import json
import random
import sys
import time
from http.client import HTTPConnection
from typing import Any

from websockets.asyncio.client import connect

AT_ONCE = 10
SETTLE_S = 2.0
PATIENCE_S = 60.0


class Student:
    """One browser: `arrivals` is when each sample came (lab time -> wall seconds), `pages_s` how long pages took."""

    def __init__(self, port: int, page: dict[str, Any], cookie: str) -> None:
        self.port, self.page, self.cookie = port, page, cookie
        self.greeted = asyncio.Event()
        self.arrivals: dict[str, float] = {}
        self.pages_s: list[float] = []
        self.failed = 0

    async def listen(self, gate: asyncio.Semaphore) -> None:
        base = f"//127.0.0.1:{self.port}"
        async with gate:
            headers = {"Cookie": self.cookie, "Origin": f"http:{base}"}
            socket = await connect(f"ws:{base}/live/", additional_headers=headers, proxy=None, open_timeout=PATIENCE_S)
            await socket.send(self.page["watch"])
            while json.loads(await socket.recv())["t"] != "watching":
                pass
            self.greeted.set()
        async for text in socket:
            if '"t":"figures"' in text[:40]:
                self.arrivals.setdefault(repr(float(json.loads(text)["time"])), time.time())

    async def read(self, think_s: float) -> None:
        """Open one page after the other, with time to look at each."""
        await asyncio.sleep(random.random() * think_s)
        for number in range(1_000_000):
            path = self.page["paths"][number % len(self.page["paths"])]
            begin_s = time.monotonic()
            status = await asyncio.to_thread(self._get, path)
            took_s = time.monotonic() - begin_s
            self.pages_s.append(took_s)
            self.failed += status != 200
            await asyncio.sleep(max(0.0, think_s - took_s))

    def _get(self, path: str) -> int:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.request("GET", path, headers={"Cookie": self.cookie})
            answer = connection.getresponse()
            answer.read()
            return answer.status
        except OSError:
            return 0
        finally:
            connection.close()


def figures(students: list[Student], recorded: dict[str, dict[str, float]], read_from: float) -> dict[str, Any]:
    """Percentiles in ms. A sample that a newer one has replaced before it was read is not waited for.

    `read_from`: wall seconds (of `time.time`) from which pages were opened; pushes are counted before and after it.
    """
    first = min((wall_s for of_lab in recorded.values() for wall_s in of_lab.values()), default=read_from)
    came = [wall_s for student in students for wall_s in student.arrivals.values() if wall_s >= first]
    delays_s = sorted(
        student.arrivals[lab_s] - wall_s
        for student in students
        for lab_s, wall_s in recorded[student.page["vc"]].items()
        if lab_s in student.arrivals
    )
    pages_s = sorted(took_s for student in students for took_s in student.pages_s)
    quiet = sum(wall_s < read_from for wall_s in came)
    return {
        "push_p50_ms": _percentile_ms(delays_s, 0.5), "push_p99_ms": _percentile_ms(delays_s, 0.99),
        "page_p50_ms": _percentile_ms(pages_s, 0.5), "page_p95_ms": _percentile_ms(pages_s, 0.95),
        "heard": len(delays_s), "heard_quiet": quiet, "heard_busy": len(came) - quiet,
        "pages": len(pages_s), "failed": sum(student.failed for student in students),
    }  # fmt: skip


def _percentile_ms(ordered: list[float], part: float) -> float | None:
    return 1000 * ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else None


async def _greeted(students: list[Student]) -> None:
    for student in students:
        await student.greeted.wait()


async def main() -> None:
    """Connect, live, tell."""
    orders = json.loads(await asyncio.to_thread(sys.stdin.readline))
    students = [
        Student(orders["port"], page, cookie) for page, cookie in zip(orders["pages"], orders["cookies"], strict=True)
    ]
    gate = asyncio.Semaphore(AT_ONCE)
    work = [asyncio.create_task(student.listen(gate)) for student in students]
    await asyncio.wait([asyncio.create_task(_greeted(students)), *work], return_when=asyncio.FIRST_COMPLETED)
    for one in work:
        if one.done():
            one.result()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)
    read_from = time.time()
    work += [asyncio.create_task(student.read(orders["think_s"])) for student in students]
    recorded = json.loads(await asyncio.to_thread(sys.stdin.readline))["recorded"]
    await asyncio.sleep(SETTLE_S)
    sys.stdout.write(json.dumps(figures(students, recorded, read_from)) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
