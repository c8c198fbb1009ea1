"""Where there is no socket, polling gives the same messages."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from inventory import live, metrics, redis
from tests import builders
from tests.apps.live.test_socket import make_task, sample_of
from tests.cast import Cast, client_of, grant, make_cast, make_user

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def lab() -> builders.SmallLab:
    return builders.small_lab()


@pytest.fixture
def cast(lab: builders.SmallLab) -> Cast:
    return make_cast(lab.vcenter)


def poll(client: Client, lab: builders.SmallLab, **query: str) -> dict[str, Any]:
    answer = client.get(reverse("inventory:live", args=(lab.vcenter.uuid,)), query)
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    return body


def types(body: dict[str, Any]) -> list[str]:
    return [message["t"] for message in body["messages"]]


def test_news_since_the_cursor_come_once(lab: builders.SmallLab, cast: Cast) -> None:
    client, task = client_of(cast.reader), make_task(lab, lab.vm)
    metrics.record(lab.vcenter, sample_of(7, 20.0), metrics.membership(lab.vcenter))
    wanted = {"objects": lab.vm.moref, "figures": f"{lab.vm.moref},vm-99999", "counters": "2,x", "tasks": "1"}
    first = poll(client, lab, **wanted)
    assert types(first) == ["clock", "figures"]
    assert first["messages"][1]["d"] == {lab.vm.moref: {"2": 7.0}}
    live.publish(lab.vcenter, [("task.changed", task.pk), ("object.changed", lab.vm.moref), ("object.changed", "vm-0")])
    second = poll(client, lab, since=first["at"], **wanted)
    assert types(second) == ["clock", "figures", "task", "changed"]
    assert second["messages"][3]["objects"] == [lab.vm.moref]
    assert types(poll(client, lab, since=second["at"], **wanted)) == ["clock", "figures"]


def test_a_partial_viewer_gets_no_row_of_what_they_cannot_see(lab: builders.SmallLab, cast: Cast) -> None:
    someone = make_user("someone")
    grant(someone, lab.vm_folder, "Read-only")
    client = client_of(someone)
    mine, others = (make_task(lab, vm) for vm in lab.vms[:2])
    start = poll(client, lab, tasks="1")
    live.publish(lab.vcenter, [("task.changed", others.pk), ("task.changed", mine.pk), ("alarm.changed", "host-1")])
    news = poll(client, lab, tasks="1", since=start["at"])
    assert [message["id"] for message in news["messages"] if message["t"] == "task"] == [mine.pk]
    assert "alarms" not in types(news)


def test_strangers_get_nothing(lab: builders.SmallLab, cast: Cast) -> None:
    address = reverse("inventory:live", args=(lab.vcenter.uuid,))
    assert client_of(cast.outsider).get(address).status_code == 404
    assert Client().get(address).status_code == 401
    assert client_of(cast.reader).get(address, {"objects": "v" * 30}).status_code == 400
    assert client_of(cast.reader).post(address).status_code == 405


def test_without_redis_it_says_so(lab: builders.SmallLab, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    client = client_of(cast.reader)
    monkeypatch.setattr("django.conf.settings.REDIS_URL", "unix:///nowhere/at/all.sock")
    monkeypatch.setattr(redis, "breaker", redis.Breaker())
    body = poll(client, lab, since="7-0")
    assert body["offline"] is True
    assert body["at"] == "7-0"
