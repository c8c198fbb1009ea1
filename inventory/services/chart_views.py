"""Keeping what a chart shows. A view is its owner's alone, so that no privilege is needed beyond seeing the object."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.http import QueryDict

from domain import faults
from inventory import chart_instances, chart_lines, charting, charts
from inventory.models import ChartView, VCenter
from inventory.services.base import valid_name

VIEWS_MAX = 50


@transaction.atomic
def save(user: Any, vcenter: VCenter, obj: Any, name: str, shown: str) -> ChartView:
    """Keep the chart whose address ends in `?shown` for objects of this kind; a view of that name is replaced.

    Raises:
        InvalidName: the name is empty or too long.
        LimitExceeded: the person has too many views.
    """
    name, kind = valid_name(name), charts.kind_of(obj) or "vm"
    wish = charting.Wish.of(QueryDict(shown[:2000]))
    objects = list(chart_lines.others(user, vcenter, wish.objects))
    rows = ChartView.objects.select_for_update().filter(user=user)
    if rows.exclude(kind=kind, name=name).count() >= VIEWS_MAX:
        raise faults.LimitExceeded(property="chart views", limit=VIEWS_MAX)
    counters = list(charting.known_counters(kind, wish.counters))[: charts.CHOSEN_MAX]
    instances = chart_instances.of(user, vcenter, obj) if wish.targets else []
    targets = charting.target_names(*charting.chosen_targets(wish, instances), instances)[: chart_lines.LINES_MAX]
    values = {
        "vcenter": vcenter if objects else None,
        "period": charts.period_of(wish.period).name,
        "style": charting.style_of(obj, wish.style),
        "counters": ",".join(map(str, counters)),
        "targets": ",".join(targets),
        "objects_compared": ",".join(objects),
    }
    view, _created = ChartView.objects.update_or_create(values, user=user, kind=kind, name=name)
    return view


def delete(user: Any, view: ChartView) -> None:
    """Forget a view; only its owner can."""
    ChartView.objects.filter(pk=view.pk, user=user).delete()
