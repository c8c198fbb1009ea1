"""Push to many sockets through the real server, and through two peers in the same server and run.

A vCenter of 100 virtual machines gets samples at a rate; every client watches all of them, so that a message is about
5 kB. The sockets' code runs in uvicorn as in the product, the clients in a second process, the publisher in this one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen
from uuid import uuid4

import numpy as np
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.core.management import call_command

from domain.counters import ROWS
from domain.morefs import FolderKind
from hypervisors.port import Sample
from inventory import live, metrics
from inventory.live.publish import send_to_group
from inventory.models import Cluster, Datacenter, Folder, Host, ResourcePool, VCenter, VirtualMachine
from vsphere_web.bench.live_app import PEER_GROUP
from vsphere_web.supervisor import programs
from vsphere_web.supervisor.processes import Child, Program, end_all

VMS = 100
COUNTERS = [2, 6, 24, 98]
CLIENTS_PER_USER = 50
BACKEND = "django.contrib.auth.backends.ModelBackend"
Row = dict[str, Any]
# Numbers of messages are lab seconds too: those of a later round are later.
_rounds = count(1, 1_000_000)


def measure(clients: int, rate_hz: float, seconds: float, folder: Path, port: int) -> list[Row]:
    """One row per way to push. The settings of this process point at a database and a Valkey of its own."""
    call_command("migrate", verbosity=0)
    vcenter = _vcenter()
    cookies = _cookies(clients)
    with _server(folder, port) as pid:
        ways = _ways(vcenter, port)
        return [_run(way, cookies, rate_hz, seconds, pid) for way in ways]


@dataclass(frozen=True)
class Way:
    """One way to push: where clients connect, what they say, how message `number` is made ready and published."""

    name: str
    url: str
    watch: str | None
    publish: Callable[[int], None]
    prepare: Callable[[int], None] = lambda number: None


def _ways(vcenter: VCenter, port: int) -> list[Way]:
    members = metrics.membership(vcenter)
    morefs = list(VirtualMachine.objects.filter(vcenter=vcenter).values_list("moref", flat=True))
    watch = {"watch": {"vc": str(vcenter.uuid), "figures": morefs, "counters": COUNTERS}}

    def product(number: int) -> None:
        live.publish(vcenter, [("figures", float(number))])

    def record(number: int) -> None:
        metrics.record(vcenter, _sample(number), members)

    base = f"ws://127.0.0.1:{port}"
    text = json.dumps({"t": "figures", "d": {moref: dict.fromkeys(map(str, COUNTERS), 1234.567) for moref in morefs}})
    peer = _peer_publisher(text)
    return [
        Way("product", f"{base}/live/", json.dumps(watch), product, record),
        Way("raw handler", f"{base}/peer/raw/", None, peer),
        Way("AsyncWebsocketConsumer", f"{base}/peer/consumer/", None, peer),
    ]


def _peer_publisher(text: str) -> Callable[[int], None]:
    def publish(number: int) -> None:
        numbered = f'{{"t":"figures","time":{number},{text[1:]}'
        send_to_group(PEER_GROUP, {"type": "bench.text", "text": numbered})

    return publish


def _run(way: Way, cookies: list[str], rate_hz: float, seconds: float, pid: int) -> Row:
    command = [sys.executable, "-m", "vsphere_web.bench.live_clients"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as crowd:
        assert crowd.stdin
        assert crowd.stdout
        tell(crowd.stdin, {"url": way.url, "cookies": cookies, "watch": way.watch})
        assert crowd.stdout.readline() == "ready\n", "the clients could not connect"
        before_s = _cpu_s(pid)
        published = _publish(way, rate_hz, seconds)
        spent_ms = 1000 * (_cpu_s(pid) - before_s)
        tell(crowd.stdin, {"published": published})
        heard = json.loads(crowd.stdout.readline())
    delivered = heard["delivered_per_client"]
    cpu = spent_ms / delivered if delivered else None
    return {"path": way.name, "clients": len(cookies), "rate_hz": rate_hz, **heard, "cpu_ms_per_message": cpu}


def _publish(way: Way, rate_hz: float, seconds: float) -> dict[int, float]:
    """Publish at an even pace; return when each message was published."""
    published: dict[int, float] = {}
    begin_s, first = time.monotonic(), next(_rounds)
    for number in range(first, first + max(1, int(rate_hz * seconds))):
        time.sleep(max(0.0, begin_s + (number - first) / rate_hz - time.monotonic()))
        way.prepare(number)
        published[number] = time.time()
        way.publish(number)
    time.sleep(1.0)  # what the last message costs belongs to it
    return published


def _sample(number: int) -> Sample:
    figures = {kind: np.full((len(keys), VMS), 1000 + number % 977 / 7, np.float32) for kind, keys in ROWS.items()}
    return Sample(float(number), figures["vm"], figures["host"], figures["datastore"])


def tell(stdin: Any, message: Any) -> None:
    """A line of JSON to another process."""
    stdin.write(json.dumps(message) + "\n")
    stdin.flush()


def _cpu_s(pid: int) -> float:
    """CPU seconds that a process has used; Linux only."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _server(folder: Path, port: int) -> Iterator[int]:
    command = [
        part.replace("vsphere_web.asgi", "vsphere_web.bench.live_app") for part in programs.web("127.0.0.1", port)
    ]
    server = Child(Program("web", command, os.environ, folder / "web.log"), on_death=print)
    server.start()
    try:
        wait_for(port)
        assert server.pid
        yield server.pid
    finally:
        end_all([server], grace_s=5)


def wait_for(port: int) -> None:
    """Return when the web server answers."""
    for _ in range(3000):
        try:
            urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5).close()
            return
        except (URLError, OSError):
            time.sleep(0.1)
    raise TimeoutError("the web server does not answer")


def _vcenter() -> VCenter:
    """A cluster with one host and VMS virtual machines, the clock paused so that nothing else happens."""
    vcenter = VCenter.objects.create(name="bench", clock_speed=0.0)
    root = Folder.objects.create(
        vcenter=vcenter, moref=vcenter.moref, name="Datacenters", folder_kind=FolderKind.DATACENTER, fixed=True
    )
    datacenter = Datacenter.objects.create(vcenter=vcenter, moref="datacenter-2", name="dc", folder=root)
    folders = {
        kind: Folder.objects.create(
            vcenter=vcenter, moref=f"group-{kind[0]}3", name=kind, folder_kind=kind, datacenter=datacenter, fixed=True
        )
        for kind in (FolderKind.VM, FolderKind.HOST)
    }
    cluster = Cluster.objects.create(
        vcenter=vcenter, moref="domain-c4", name="c", slot=0, datacenter=datacenter, folder=folders[FolderKind.HOST]
    )
    pool = ResourcePool.objects.create(vcenter=vcenter, moref="resgroup-5", name="Resources", cluster=cluster, slot=0)
    host = Host.objects.create(vcenter=vcenter, moref="host-6", name="h", cluster=cluster, slot=0)
    VirtualMachine.objects.bulk_create(
        VirtualMachine(
            vcenter=vcenter, moref=f"vm-{100 + slot}", name=f"vm-{slot}", slot=slot,
            folder=folders[FolderKind.VM], pool=pool, host=host,
        )
        for slot in range(VMS)
    )  # fmt: skip
    return vcenter


def _cookies(clients: int) -> list[str]:
    """A session per user; no user may have more than so many sockets."""
    users = -(-clients // CLIENTS_PER_USER)
    sessions = [_session(f"bench-{uuid4().hex[:8]}") for _ in range(users)]
    return [f"{settings.SESSION_COOKIE_NAME}={sessions[client // CLIENTS_PER_USER]}" for client in range(clients)]


def _session(name: str) -> str:
    return session_of(get_user_model().objects.create_superuser(name, password=None))


def session_of(user: Any) -> str:
    """The key of a session in which the user is logged in."""
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY], session[BACKEND_SESSION_KEY] = str(user.pk), BACKEND
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return str(session.session_key)
