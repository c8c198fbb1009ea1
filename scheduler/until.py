"""What the lab clock can run until, of what DRS does."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from domain import faults
from inventory import until
from inventory.models import Cluster, VCenter
from scheduler.models import Decision, Migration

CYCLE_AT_MOST_S = 900.0


def register() -> None:
    until.add(
        until.Condition(
            "drs_cycle", _("the next DRS cycle"), lambda run: "next DRS cycle", _cycle_met, _note_cycle,
            lambda vcenter, _run: vcenter.lab_seconds() + CYCLE_AT_MOST_S, speed=30,
        )
    )  # fmt: skip
    until.add(until.Condition("drs_move", _("DRS has moved a VM"), lambda run: "DRS has moved", _moved, _note_move))


def _need_drs(vcenter: VCenter) -> None:
    if not Cluster.objects.filter(vcenter=vcenter, drs_enabled=True).exists():
        raise faults.InvalidState(name=vcenter.name, reason="DRS is on in none of its clusters")


def _note_cycle(vcenter: VCenter, run: until.Run) -> None:
    _need_drs(vcenter)
    run["after"] = _last_decision(vcenter)


def _cycle_met(vcenter: VCenter, run: until.Run, _now_s: float) -> bool:
    return _last_decision(vcenter) > run["after"]


def _last_decision(vcenter: VCenter) -> int:
    newest = Decision.objects.filter(cluster__vcenter=vcenter).order_by("-pk").values_list("pk", flat=True).first()
    return newest or 0


def _note_move(vcenter: VCenter, run: until.Run) -> None:
    _need_drs(vcenter)
    run["after"] = _last_move_s(vcenter)


def _moved(vcenter: VCenter, run: until.Run, _now_s: float) -> bool:
    return _last_move_s(vcenter) > run["after"]


def _last_move_s(vcenter: VCenter) -> float:
    """Lab second of the end of the last move that DRS made; -1 where there was none."""
    moves = Migration.objects.filter(vcenter=vcenter, cause="drs", ok=True, ended_lab_s__isnull=False)
    newest = moves.order_by("-ended_lab_s").values_list("ended_lab_s", flat=True).first()
    return -1.0 if newest is None else newest
