"""Looking at labs by themselves: open attempts and cards, after something happened or every few lab seconds.

Bounded: a lab without either costs one or two indexed queries per beat; one with them is looked at when the fleet has
reported something or `EVERY_LAB_S` have passed, and at most every `EVERY_WALL_S` in any case.
"""

from __future__ import annotations

import time

import structlog

from classroom.exercises import attempts
from classroom.models import Attempt, Card, Lab
from classroom.sabotage import services as sabotage
from inventory.models import VCenter
from inventory.prepared import Prepared
from inventory.pump import Beat

log = structlog.get_logger(__name__)
EVERY_LAB_S = 20.0
EVERY_WALL_S = 1.0
_open_attempts = Prepared(
    lambda pk: Attempt.objects.filter(state=Attempt.OPEN, lab__vcenter=pk).order_by().values_list("pk")[:1]
)
_open_cards = Prepared(
    lambda pk: Card.objects.filter(mended_at=None, fault__isnull=True, lab__vcenter=pk).order_by().values_list("pk")[:1]
)
_due_cards = Prepared(
    lambda pk: (
        Card.objects.filter(lab__vcenter=pk, played_at=None, fault__isnull=True).order_by().values_list("due_lab_s")
    )
)
_looked: dict[int, float] = {}  # vCenter -> wall time (monotonic) of the last look by this process


def on_beat(beat: Beat) -> None:
    """Guarded: a check that fails is logged and never stops the beat."""
    try:
        _look(beat)
    except Exception:
        log.exception("classroom.look", vcenter=str(beat.vcenter.uuid))


def _look(beat: Beat) -> None:
    lab = _watched(beat.vcenter)
    if lab is None or not _due(beat, time.monotonic()):
        return
    attempts.check(lab)
    sabotage.steward(lab)


def _watched(vcenter: VCenter) -> Lab | None:
    """The lab of the vCenter, where an attempt or a card is open in it."""
    if not _open_attempts.any(vcenter.pk) and not _open_cards.any(vcenter.pk):
        return None
    # With the vCenter as it is now: the beat's may be older than an exercise that has just set the clock.
    return Lab.objects.filter(vcenter=vcenter).select_related("course", "vcenter").first()


def _due(beat: Beat, moment: float) -> bool:
    crossed = int(beat.before_s // EVERY_LAB_S) != int(beat.now_s // EVERY_LAB_S)
    if not beat.events and not crossed:
        return False
    if moment - _looked.get(beat.vcenter.pk, -EVERY_WALL_S) < EVERY_WALL_S:
        return False
    _looked[beat.vcenter.pk] = moment
    return True


def card_waits(vcenter: VCenter) -> bool:
    """For the pump: a card is due between two samples."""
    return any(lab_s is None or lab_s <= vcenter.lab_seconds() for lab_s in _due_cards.column(vcenter.pk))
