"""The socket of a page: what it hears, what it never hears, and what ends it. The real stack on a real Valkey."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.test import Client

from domain.counters import ROWS
from hypervisors.port import Sample
from inventory import live, metrics
from inventory.consumers import hub, socket
from inventory.models import Permission, Task, VCenter
from tests import builders, ledger
from tests.cast import Cast, grant, make_cast, make_user
from vsphere_web.asgi import application

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE_S = 120  # for what comes; a machine may be busy
QUIET_S = 0.8  # for what does not come: longer than a burst


class Page:
    """The other end of a socket."""

    def __init__(self, communicator: WebsocketCommunicator) -> None:
        self._communicator = communicator

    async def say(self, message: Any) -> None:
        await self._communicator.send_to(text_data=json.dumps(message))

    async def watch(self, lab: builders.SmallLab, **wanted: Any) -> dict[str, Any]:
        """Say what is watched and wait until it is."""
        await self.say({"watch": {"vc": str(lab.vcenter.uuid), **wanted}})
        watching = await self.hear("watching")
        await self.hear("clock")
        await self.hear("at")
        return watching

    async def hear(self, *names: str) -> dict[str, Any]:
        """The next message of these types; others are passed over."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                message: dict[str, Any] = json.loads(await self._communicator.receive_from(PATIENCE_S))
                if message["t"] in names:
                    return message

    async def hears_nothing_but(self, *names: str) -> list[dict[str, Any]]:
        """Everything that comes within more than a burst; the rest must be of these types."""
        heard = []
        while not await self._communicator.receive_nothing(QUIET_S):
            heard.append(json.loads(await self._communicator.receive_from()))
        assert {message["t"] for message in heard} <= {*names, "at", "clock"}
        return heard

    async def closed_with(self) -> int:
        while True:
            event = await self._communicator.receive_output(PATIENCE_S)
            if event["type"] == "websocket.close":
                code: int = event["code"]
                return code


@asynccontextmanager
async def page(user: AbstractUser | None) -> AsyncIterator[Page]:
    communicator = WebsocketCommunicator(application, "/live/", headers=await headers_of(user))
    connected, _ = await communicator.connect(PATIENCE_S)
    assert connected
    yield Page(communicator)
    await communicator.disconnect()


async def headers_of(user: AbstractUser | None) -> list[tuple[bytes, bytes]]:
    headers = [(b"origin", b"http://localhost"), (b"host", b"localhost")]
    if user is not None:
        client = Client()
        await sync_to_async(client.force_login)(user, "django.contrib.auth.backends.ModelBackend")
        session = client.cookies[settings.SESSION_COOKIE_NAME].value
        headers.append((b"cookie", f"{settings.SESSION_COOKIE_NAME}={session}".encode()))
    return headers


@pytest.fixture(autouse=True)
def _hears_before_it_greets(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine: what is published after a page was greeted is heard."""
    monkeypatch.setattr(hub, "HEARING_S", PATIENCE_S)


@pytest.fixture
def lab() -> builders.SmallLab:
    return builders.small_lab()


@pytest.fixture
def cast(lab: builders.SmallLab) -> Cast:
    return make_cast(lab.vcenter)


def publish(vcenter: VCenter, *facts: tuple[Any, ...]) -> Awaitable[None]:
    return sync_to_async(live.publish)(vcenter, facts)


def make_task(lab: builders.SmallLab, vm: Any) -> Task:
    return Task.objects.create(
        vcenter=lab.vcenter,
        moref=ledger.take_moref(lab.vcenter, "task-"),
        description_id="VirtualMachine.powerOn",
        operation="power_on",
        entity=vm.moref,
        entity_kind=vm.kind,
        entity_name=vm.name,
    )


def sample_of(value: float, time_s: float) -> Sample:
    arrays = {kind: np.full((len(keys), 5), value, np.float32) for kind, keys in ROWS.items()}
    return Sample(time_s, arrays["vm"], arrays["host"], arrays["datastore"])


async def test_a_page_is_told_once_that_what_it_watched_has_gone(lab: builders.SmallLab, cast: Cast) -> None:
    other = await sync_to_async(builders.small_lab)()
    async with page(cast.reader) as reader:
        await reader.say({"watch": [{"vc": str(one.vcenter.uuid)} for one in (lab, other)]})
        await reader.hear("at")
        await sync_to_async(Permission.objects.filter(vcenter=lab.vcenter).delete)()
        await publish(lab.vcenter, ("permissions.changed",))
        assert (await reader.hear("gone"))["vc"] == str(lab.vcenter.uuid)
        await publish(lab.vcenter, ("permissions.changed",))
        await reader.hears_nothing_but()


async def test_what_is_watched_is_told_and_nothing_else(lab: builders.SmallLab, cast: Cast) -> None:
    async with page(cast.reader) as reader:
        answer = await reader.watch(lab, objects=[lab.vm.moref, "vm-999999"], trees=[lab.cluster.moref])
        assert answer["objects"] == [lab.vm.moref]
        await publish(lab.vcenter, ("object.changed", lab.vm.moref), ("object.changed", lab.vms[1].moref))
        assert (await reader.hear("changed"))["objects"] == [lab.vm.moref]
        await publish(lab.vcenter, ("object.changed", lab.vms[1].moref), ("tree.changed", lab.host.moref))
        assert await reader.hears_nothing_but() is not None
        await publish(lab.vcenter, ("tree.changed", lab.cluster.moref))
        changed = await reader.hear("changed")
        assert changed["trees"] == [lab.cluster.moref]
        assert "objects" not in changed


async def test_a_task_comes_as_the_row_of_the_page_in_its_language(lab: builders.SmallLab, cast: Cast) -> None:
    task = await sync_to_async(make_task)(lab, lab.vm)
    async with page(cast.reader) as english, page(cast.student) as korean:
        await english.watch(lab, tasks=True, lang="en")
        await korean.watch(lab, tasks=True, lang="ko")
        await publish(lab.vcenter, ("task.changed", task.pk))
        rows = [await each.hear("task") for each in (english, korean)]
        assert [row["id"] for row in rows] == [task.pk, task.pk]
        assert all(f'id="task-{task.pk}"' in row["html"] and lab.vm.name in row["html"] for row in rows)


async def test_a_partial_viewer_hears_only_of_tasks_on_what_they_see(lab: builders.SmallLab, cast: Cast) -> None:
    mine, others = [await sync_to_async(make_task)(lab, vm) for vm in lab.vms[:2]]
    someone = await sync_to_async(make_user)("someone")
    await sync_to_async(grant)(someone, lab.vm_folder, "Read-only")
    async with page(someone) as partial:
        answer = await partial.watch(lab, tasks=True, objects=[lab.host.moref, lab.vm.moref])
        assert answer["objects"] == [lab.vm.moref]
        await publish(lab.vcenter, ("task.changed", others.pk), ("alarm.changed", lab.host.moref))
        assert [m for m in await partial.hears_nothing_but() if m["t"] not in ("at", "clock")] == []
        await publish(lab.vcenter, ("task.changed", others.pk), ("task.changed", mine.pk))
        assert (await partial.hear("task"))["id"] == mine.pk
        await partial.hears_nothing_but()


async def test_figures_come_at_once_and_with_every_sample(lab: builders.SmallLab, cast: Cast) -> None:
    record: Callable[..., Awaitable[None]] = sync_to_async(metrics.record)
    members = await sync_to_async(metrics.membership)(lab.vcenter)
    await record(lab.vcenter, sample_of(11, 20.0), members)
    async with page(cast.reader) as reader:
        await reader.say({"watch": {"vc": str(lab.vcenter.uuid), "figures": [lab.vm.moref], "counters": [2, 143]}})
        first = await reader.hear("figures")
        assert first["d"] == {lab.vm.moref: {"2": 11.0, "143": 11.0}}
        await reader.hear("at")
        await record(lab.vcenter, sample_of(12, 40.0), members)
        await publish(lab.vcenter, ("figures", 40.0))
        second = await reader.hear("figures")
        assert second["time"] == 40.0
        assert second["d"][lab.vm.moref]["2"] == 12.0


async def test_a_page_that_comes_back_hears_what_it_missed(lab: builders.SmallLab, cast: Cast) -> None:
    task = await sync_to_async(make_task)(lab, lab.vm)
    uuid = str(lab.vcenter.uuid)
    async with page(cast.reader) as reader:
        await reader.say({"watch": {"vc": uuid, "tasks": True}})
        cursor = (await reader.hear("at"))["at"]
    await publish(lab.vcenter, ("task.changed", task.pk))
    async with page(cast.reader) as reader:
        await reader.say({"watch": {"vc": uuid, "tasks": True, "since": cursor}})
        assert (await reader.hear("task"))["id"] == task.pk
        await reader.say({"watch": {"vc": uuid, "tasks": True, "since": "5-0"}})
        await reader.hear("resync")


async def test_many_facts_become_few_messages(lab: builders.SmallLab, cast: Cast) -> None:
    async with page(cast.reader) as reader:
        await reader.watch(lab, objects=[lab.vm.moref], trees=[lab.cluster.moref])
        began_s = time.monotonic()
        for _ in range(30):
            await publish(lab.vcenter, ("object.changed", lab.vm.moref))
        await publish(lab.vcenter, ("tree.changed", lab.cluster.moref))
        heard = [await reader.hear("changed")]
        while "trees" not in heard[-1]:
            heard.append(await reader.hear("changed"))
        bursts = (time.monotonic() - began_s) / hub.BURST_S  # a slow machine needs more than one
        assert any("objects" in message for message in heard)
        assert len(heard) <= 2 + bursts


async def test_a_stranger_is_told_to_log_in() -> None:
    async with page(None) as stranger:
        assert await stranger.closed_with() == socket.NOT_LOGGED_IN


async def test_an_outsider_watches_nothing(lab: builders.SmallLab, cast: Cast) -> None:
    async with page(cast.outsider) as outsider:
        await outsider.say({"watch": {"vc": str(lab.vcenter.uuid), "objects": [lab.vm.moref], "tasks": True}})
        await publish(lab.vcenter, ("object.changed", lab.vm.moref), ("events.added",), ("clock.changed",))
        assert await outsider.hears_nothing_but() == []


@pytest.mark.parametrize("how", ["deactivate", "log out"])
async def test_the_socket_ends_with_the_session(lab: builders.SmallLab, cast: Cast, how: str) -> None:
    async with page(cast.reader) as reader:
        await reader.watch(lab, objects=[lab.vm.moref])
        if how == "deactivate":
            cast.reader.is_active = False
            await cast.reader.asave()
        else:
            from django.contrib.sessions.models import Session

            await Session.objects.all().adelete()
        await publish(lab.vcenter, ("permissions.changed",))
        assert await reader.closed_with() == socket.NOT_LOGGED_IN


async def test_without_the_permission_nothing_more_is_heard(lab: builders.SmallLab, cast: Cast) -> None:
    async with page(cast.reader) as reader:
        await reader.watch(lab, objects=[lab.vm.moref])
        await Permission.objects.filter(user=cast.reader).adelete()
        await publish(lab.vcenter, ("permissions.changed",))
        async with asyncio.timeout(PATIENCE_S):
            while (id(asyncio.get_running_loop()), lab.vcenter.pk) in hub._hubs:  # noqa: ASYNC110 - tells nobody
                await asyncio.sleep(0.01)
        await publish(lab.vcenter, ("object.changed", lab.vm.moref))
        assert "changed" not in {message["t"] for message in await reader.hears_nothing_but("gone")}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", socket.POLICY),
        ('{"watch": 1}', socket.POLICY),
        ("[" * 30_000, socket.POLICY),
        ("1" * (socket.MESSAGE_BYTES_MAX + 1), socket.TOO_BIG),
    ],
)
async def test_hostile_messages_end_the_socket(cast: Cast, text: str, code: int) -> None:
    async with page(cast.reader) as hostile:
        await hostile._communicator.send_to(text_data=text)
        assert await hostile.closed_with() == code


async def test_bytes_end_the_socket(cast: Cast) -> None:
    async with page(cast.reader) as hostile:
        await hostile._communicator.send_to(bytes_data=b"\x00")
        assert await hostile.closed_with() == socket.TEXT_ONLY


async def test_who_was_greeted_by_a_deaf_hub_is_told_to_look_again(
    lab: builders.SmallLab, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer, may_join = get_channel_layer(), asyncio.Event()
    join = layer.group_add

    async def join_late(group: str, channel: str) -> None:
        await may_join.wait()
        await join(group, channel)

    monkeypatch.setattr(layer, "group_add", join_late)
    monkeypatch.setattr(hub, "HEARING_S", 0.01)
    async with page(cast.reader) as reader:
        await reader.watch(lab, objects=[lab.vm.moref])
        await publish(lab.vcenter, ("object.changed", lab.vm.moref))
        may_join.set()
        await reader.hear("resync")
        await publish(lab.vcenter, ("object.changed", lab.vm.moref))
        assert (await reader.hear("changed"))["objects"] == [lab.vm.moref]


async def test_watching_without_end_ends_the_socket(
    lab: builders.SmallLab, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "WATCHES_PER_S", 0.0)  # else a slow machine is polite
    async with page(cast.reader) as hostile:
        for _ in range(3 * socket.BURST_OF_WATCHES):
            await hostile.say({"watch": []})
        assert await hostile.closed_with() == socket.POLICY
