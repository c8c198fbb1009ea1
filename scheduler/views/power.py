"""Cluster > Monitor > vSphere DRS > Power Report: what was drawn, and what a twin without DPM would have drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy

from inventory import selectors
from inventory.pages import figures, section
from inventory.pages.registry import MONITOR
from scheduler.forms.power import prices_of
from scheduler.models import ClusterSchedule
from scheduler.views.drs_base import CLUSTER, Buttons
from scheduler.views.drs_card import JOULES_PER_KWH

WIDTH = 600  # of the drawing


@dataclass(frozen=True)
class Account:
    """One side of the comparison; `width` of its bar in units of the drawing."""

    label: Any
    kwh: float
    cost: float
    co2_kg: float
    width: float
    slug: str


@section(MONITOR, "power", gettext_lazy("Power Report"), CLUSTER, group="drs", template="scheduler/drs/power.html")
def power(page: Any) -> dict[str, Any]:
    schedule = ClusterSchedule.objects.filter(cluster=page.obj).first() or ClusterSchedule(cluster=page.obj)
    prices = prices_of(page.obj)
    drawn, twin = schedule.energy_j / JOULES_PER_KWH, schedule.twin_energy_j / JOULES_PER_KWH
    accounts = [
        _account("drawn", gettext_lazy("Drawn"), drawn, twin, prices),
        _account("twin", gettext_lazy("Twin with every host on"), twin, twin, prices),
        _account("saved", gettext_lazy("Saved"), twin - drawn, twin, prices),
    ]
    visible = selectors.hosts_visible(page.user, page.vc).filter(cluster=page.obj)
    hosts = visible.select_related("vcenter").order_by("name")
    return {
        "edit": Buttons(page).dialog("power-price"),
        "cluster": page.obj,
        "prices": prices,
        "accounts": accounts,
        "drawn_width": WIDTH,
        "saved_pct": 100 * (twin - drawn) / twin if twin else 0.0,
        "host_hours": schedule.host_off_s / 3600,
        "measured": schedule.metered_lab_s,
        "hosts": [(host, figures.value(page.latest, "host", host.slot, figures.POWER_W)) for host in hosts],
    }


def _account(slug: str, label: Any, kwh: float, most: float, prices: dict[str, Any]) -> Account:
    width = round(WIDTH * kwh / most, 1) if most else 0.0
    return Account(label, kwh, kwh * prices["price"], kwh * prices["co2_kg"], max(0.0, width), slug)
