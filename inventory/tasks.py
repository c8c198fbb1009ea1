"""Entrances for Celery. Each takes ids, may run twice, and returns at once: hosts do the work, workers never wait."""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded

from inventory import pump as heart
from inventory import redis
from inventory.models import VCenter

log = structlog.get_logger(__name__)
PARALLEL = 4  # messages per tick at least, so that a few big fleets do not wait for each other
MOST_TOGETHER = 8
TICK_S = 1.0
WAITING = "pump:hand:{}"  # there while a hand's message waits for a worker
WAITING_S = 10  # so long a message waits at most; one that was lost with its broker or worker is sent again after it


@shared_task(name="inventory.tasks.pump_all", expires=3)
def pump_all() -> int:
    """The clock's tick: a beat of every active vCenter. A tick that comes late is dropped, the next does its work.

    The hands beat one after the other over the second, each always at the same part of it: all at once, they and the
    pushes that follow would take every core for a third of each second, and whoever opens a page then would wait.
    Where the workers cannot keep up, nothing piles up and nobody starves: a hand whose message still waits gets none.
    """
    hands = dealt(list(VCenter.objects.filter(active=True).order_by("id").values_list("id", flat=True)))
    pipe = redis.patient().pipeline(transaction=False)
    for hand in range(len(hands)):
        pipe.set(WAITING.format(hand), 1, nx=True, ex=WAITING_S)
    sent = [(hand, some) for hand, (some, free) in enumerate(zip(hands, pipe.execute(), strict=True)) if free]
    for hand, some in sent:
        pump_some.apply_async((some, hand), countdown=TICK_S * hand / len(hands), expires=WAITING_S)
    return len(sent)


def dealt(ids: Sequence[int]) -> list[list[int]]:
    """Dealt to as few messages as keep all workers busy: a message costs as much CPU as half a beat."""
    hands = min(len(ids), max(PARALLEL, -(-len(ids) // MOST_TOGETHER)))
    return [list(ids[hand::hands]) for hand in range(hands)]


@shared_task(name="inventory.tasks.pump_some", soft_time_limit=100, time_limit=110)
def pump_some(vcenter_ids: Sequence[int], hand: int) -> int:
    """Beat one after the other; one that fails is logged and does not keep the others waiting for the next tick.

    Where one takes long, the next tick's message finds its lease taken and goes on to those behind it.
    """
    redis.patient().delete(WAITING.format(hand))
    done = 0
    for vcenter_id in vcenter_ids:
        try:
            done += heart.pump(vcenter_id)
        except SoftTimeLimitExceeded:
            raise
        except Exception:
            log.exception("pump.beat", vcenter=vcenter_id)
    return done


# A rebuild of a big fleet takes long; a second delivery meanwhile finds the lease taken and returns at once.
@shared_task(name="inventory.tasks.pump_vcenter", soft_time_limit=100, time_limit=110)
def pump_vcenter(vcenter_id: int) -> bool:
    return heart.pump(vcenter_id)


@shared_task(name="inventory.tasks.begin")
def begin(task_id: int) -> bool:
    """Start a task's work and let its vCenter beat at once, so that a click is felt."""
    started = heart.submit(task_id)
    if started:
        vcenter_id = heart.Task.objects.values_list("vcenter_id", flat=True).get(pk=task_id)
        pump_vcenter.apply_async((vcenter_id,), expires=3)
    return started


@shared_task(name="inventory.tasks.tidy")
def tidy() -> None:
    """Empty recycle bins whose time is over, and forget tasks and events older than they are kept."""
    from inventory import retention

    retention.tidy()
