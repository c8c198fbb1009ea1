"""Drawing cards, playing them when they are due, and noticing when they are mended."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction
from django.utils.timezone import now

from classroom.exercises.acts import Stage
from classroom.exercises.world import LabWorld
from classroom.models import Batch, Card, Course, Lab
from classroom.sabotage.cards import KINDS, Kind
from classroom.sabotage.plays import Table
from classroom.selectors.courses import is_teacher_of
from domain import faults

FINDERS = {"host": Stage.host, "vm": Stage.vm, "datastore": Stage.datastore, "cluster": Stage.cluster}


def check(user: Any, course: Course, kind: str, in_minutes: float | None) -> None:
    """What can be said before a lab is looked at.

    Raises:
        InvalidArgument: no such card, or a time that is none.
        NoPermission: the person does not teach the course.
    """
    if kind not in KINDS:
        raise faults.InvalidArgument(property="card", reason="choose one of the deck")
    if in_minutes is not None and not 0 <= in_minutes <= 7 * 1440:
        raise faults.InvalidArgument(property="minutes", reason="between 0 and a week")
    if not is_teacher_of(user, course):
        raise faults.NoPermission(object=course.name, privilege="Lab.Sabotage")


def draw(
    user: Any, labs: Iterable[Lab], kind: str, *, target: str = "", in_minutes: float | None = None,
    batch: Batch | None = None,
) -> list[Card]:  # fmt: skip
    """Put a card into each lab: now, or so many lab minutes from now. `target`: an object's name or alias, "" = the
    card chooses. Cards that are due at once are played before this returns; one that cannot be played says why.
    `batch`: the work on the class that it belongs to.

    Raises:
        InvalidArgument, NoPermission: see `check`.
    """
    chosen = list(labs)
    for course in {lab.course for lab in chosen}:
        check(user, course, kind, in_minutes)
    cards = []
    for lab in chosen:
        due_s = None if not in_minutes else lab.vcenter.lab_seconds() + in_minutes * 60
        arguments = {"target": target} if target else {}
        values = {"arguments": arguments, "due_lab_s": due_s, "drawn_by": user, "batch": batch}
        cards.append(Card.objects.create(lab=lab, kind=kind, **values))
        steward(lab)
    return cards


def withdraw(user: Any, card: Card) -> None:
    """Take back a card that has not been played; a played one is only forgotten, its trouble stays."""
    if not is_teacher_of(user, card.lab.course):
        raise faults.NoPermission(object=card.lab.course.name, privilege="Lab.Sabotage")
    card.delete()


def forget(lab: Lab) -> None:
    """Drop the cards that wait or are not mended: the lab has been taken back to its beginning."""
    Card.objects.filter(lab=lab, mended_at=None, fault__isnull=True).delete()


def steward(lab: Lab) -> None:
    """Play what is due, look at what was played. Called with a beat of the lab's vCenter."""
    for card in Card.objects.filter(lab=lab, mended_at=None, fault__isnull=True).order_by("id"):
        if (card.played_lab_s or 0.0) > lab.vcenter.lab_seconds():
            card.delete()  # the lab was taken back to a time before it
            continue
        if card.played_at is None:
            if card.due_lab_s is None or card.due_lab_s <= lab.vcenter.lab_seconds():
                _play(lab, card)
        else:
            _look(lab, card)


def _play(lab: Lab, card: Card) -> None:
    """Once: the row is claimed by a conditional update. A card that cannot be played says why."""
    moment, lab_s = now(), lab.vcenter.lab_seconds()
    try:
        with transaction.atomic():
            claimed = Card.objects.filter(pk=card.pk, played_at=None, fault__isnull=True)
            if not claimed.update(played_at=moment, played_lab_s=lab_s):
                return
            kind, stage = KINDS[card.kind], Stage(None, lab.vcenter)
            obj = _target(kind, stage, card.arguments)
            known = kind.play(Table(stage), obj)
            arguments = {**card.arguments, "name": obj.name, **known}
            broken_s = lab_s if kind.broken is None else None
            Card.objects.filter(pk=card.pk).update(arguments=arguments, broken_lab_s=broken_s)
    except faults.MethodFault as fault:
        Card.objects.filter(pk=card.pk).update(fault=fault.to_dict())


def _target(kind: Kind, stage: Stage, arguments: Mapping[str, Any]) -> Any:
    wanted = arguments.get("target")
    obj = FINDERS[kind.of](stage, wanted) if wanted else kind.target(stage)
    if obj is None:
        raise faults.NotFound(what=f"“{kind.of}”")
    return obj


def _look(lab: Lab, card: Card) -> None:
    kind = KINDS.get(card.kind)
    if kind is None:
        return
    world = LabWorld(lab.vcenter, card.played_lab_s or 0.0)
    if card.broken_lab_s is None:
        assert kind.broken is not None
        if kind.broken(card.arguments).look(world, {}).ok:
            Card.objects.filter(pk=card.pk).update(broken_lab_s=world.lab_s)
        return
    if kind.mended(card.arguments).look(world, {}).ok:
        Card.objects.filter(pk=card.pk, mended_at=None).update(mended_at=now(), mended_lab_s=world.lab_s)


def open_cards(labs: Iterable[Lab]) -> dict[int, list[Card]]:
    """Cards that wait or are not mended, by the lab's primary key. One query."""
    found: dict[int, list[Card]] = defaultdict(list)
    for card in Card.objects.filter(lab__in=[lab.pk for lab in labs], mended_at=None, fault__isnull=True).order_by(
        "id"
    ):
        found[card.lab_id].append(card)
    return dict(found)
