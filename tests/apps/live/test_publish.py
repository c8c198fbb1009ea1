"""Facts go out when their transaction has committed, once each, and a page that was away catches up."""

from typing import Any

import pytest
from django.db import transaction

from inventory import live, redis
from inventory.live.publish import EMPTY
from inventory.models import VCenter
from tests import builders

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def vcenter() -> VCenter:
    return builders.make_vcenter()


def published(vcenter: VCenter) -> list[Any]:
    return live.missed(vcenter, EMPTY).facts


def test_nothing_is_told_before_the_commit(vcenter: VCenter) -> None:
    with transaction.atomic():
        live.publish(vcenter, [("object.changed", "vm-1")])
        assert published(vcenter) == []
    assert published(vcenter) == [("object.changed", "vm-1")]


def test_nothing_is_told_of_what_was_rolled_back(vcenter: VCenter) -> None:
    with transaction.atomic():
        live.publish(vcenter, [("object.changed", "vm-1")])
        transaction.set_rollback(True)
    assert published(vcenter) == []


def test_each_fact_once(vcenter: VCenter) -> None:
    live.publish(vcenter, [("task.changed", 1), ("task.changed", 2), ("task.changed", 1)])
    live.publish(vcenter, [["task.changed", 2], ["figures", 20.0]])
    assert published(vcenter) == [("task.changed", 1), ("task.changed", 2)]


def test_who_was_away_hears_what_came_since(vcenter: VCenter) -> None:
    live.publish(vcenter, [("task.changed", 1)])
    first = live.missed(vcenter, "")
    assert first.facts == []
    live.publish(vcenter, [("task.changed", 2)])
    live.publish(vcenter, [("tree.changed", "group-d1")])
    second = live.missed(vcenter, first.cursor)
    assert second.complete
    assert second.facts == [("task.changed", 2), ("tree.changed", "group-d1")]
    assert live.missed(vcenter, second.cursor) == live.Missed([], second.cursor, complete=True)


@pytest.mark.parametrize("cursor", ["nonsense", "-", "1-x", "0-1", "١-٢"])
def test_who_was_away_too_long_is_told_so(vcenter: VCenter, cursor: str) -> None:
    live.publish(vcenter, [("task.changed", 1)])
    assert not live.missed(vcenter, cursor).complete


def test_without_redis_a_service_goes_on(vcenter: VCenter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django.conf.settings.REDIS_URL", "unix:///nowhere/at/all.sock")
    monkeypatch.setattr(redis, "breaker", redis.Breaker())
    live.publish(vcenter, [("task.changed", 1)])
    with pytest.raises(redis.Offline):
        live.missed(vcenter, "")
