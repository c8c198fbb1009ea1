"""Facts: small, coalesced, sent when their transaction has committed. A lost one never matters.

Facts are tuples of a name and at most one detail: ("task.changed", id), ("object.changed", moref),
("tree.changed", moref of the parent), ("alarm.changed", moref), ("figures", lab seconds), ("events.added",),
("clock.changed",), ("permissions.changed",), ("lab.rewound",), ("notes.changed",).

They go to the group of their vCenter, and into a short log from which a page that was away for a moment catches up.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import transaction

from inventory import redis
from inventory.models import VCenter

log = structlog.get_logger(__name__)

Fact = tuple[Any, ...]
# Facts about one thing that somebody may or may not see; the others concern every viewer of the vCenter.
DETAILED_FACTS = ("task.changed", "object.changed", "tree.changed", "alarm.changed")
PLAIN_FACTS = ("figures", "events.added", "clock.changed", "permissions.changed", "lab.rewound", "notes.changed")
LOG_LENGTH = 2_000
LOG_KEPT_S = 86_400
EMPTY = "0-0"  # the cursor of a log without entries


@dataclass(frozen=True, slots=True)
class Missed:
    """The facts after a cursor and the cursor behind them; `complete` is false where the log no longer reaches back."""

    facts: list[Fact]
    cursor: str
    complete: bool


def group_of(vcenter: VCenter) -> str:
    return f"vc.{vcenter.uuid}"


def log_key(vcenter: VCenter) -> str:
    return f"live:{vcenter.uuid}:facts"


def publish(vcenter: VCenter, facts: Iterable[Sequence[Any]]) -> None:
    """Tell every viewer of the vCenter what changed, once the present transaction has committed; each fact once."""
    unique = list(dict.fromkeys(tuple(fact) for fact in facts))
    if unique:
        transaction.on_commit(lambda: _send(vcenter, unique))


def missed(vcenter: VCenter, since: str) -> Missed:
    """What was published after the cursor `since`; with an empty cursor nothing, and the cursor of now.

    Raises:
        redis.Offline: Redis does not answer.
    """
    key = log_key(vcenter)
    newest: Any
    oldest: Any
    newest, oldest = redis.ask(lambda r: (r.xrevrange(key, count=1), r.xrange(key, count=1)))
    cursor = newest[0][0].decode() if newest else EMPTY
    if not since:
        return Missed([], cursor, complete=True)
    if not oldest or (since != EMPTY and _order(since) < _order(oldest[0][0].decode())):
        return Missed([], cursor, complete=since == cursor)
    entries: Any = redis.ask(lambda r: r.xrange(key, min=f"({since}", max=cursor))
    facts = [tuple(fact) for _, fields in entries for fact in json.loads(fields[b"facts"])]
    return Missed(list(dict.fromkeys(facts)), cursor, complete=True)


def _send(vcenter: VCenter, facts: list[Fact]) -> None:
    try:
        cursor = _remember(vcenter, [fact for fact in facts if fact[0] != "figures"])
        message = {"type": "live.facts", "facts": [list(fact) for fact in facts], "at": cursor}
        send_to_group(group_of(vcenter), message)
    except redis.Offline:
        log.info("live.offline", vcenter=str(vcenter.uuid), facts=len(facts))


def send_to_group(group: str, message: dict[str, Any]) -> None:
    """Send through the channel layer from blocking code.

    In the layer's own format, but by a blocking client: `async_to_sync(layer.group_send)` makes an event loop and a
    connection for every call.

    Raises:
        redis.Offline: Redis does not answer.
    """
    layers: Any = settings.CHANNEL_LAYERS
    data = get_channel_layer().serialize(message)
    redis.ask(lambda client: client.publish(f"{layers['default']['CONFIG']['prefix']}__group__{group}", data))


def _remember(vcenter: VCenter, facts: list[Fact]) -> str:
    """Append to the log of facts; return the cursor behind them, "" where there was nothing to keep."""
    if not facts:
        return ""
    key = log_key(vcenter)

    def append(client: Any) -> bytes:
        pipe = client.pipeline(transaction=False)
        pipe.xadd(key, {"facts": json.dumps(facts)}, maxlen=LOG_LENGTH, approximate=True)
        pipe.expire(key, LOG_KEPT_S)
        cursor: bytes = pipe.execute()[0]
        return cursor

    return str(redis.ask(append).decode())


def _order(cursor: str) -> tuple[int, int]:
    """Cursors as numbers. A cursor that is none is before everything."""
    moment, _, number = cursor.partition("-")
    return (int(moment), int(number)) if moment.isdecimal() and number.isdecimal() else (0, 0)
