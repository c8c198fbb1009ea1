"""Monitor > Performance: small charts of everything, and one large chart of what is chosen."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from domain.counters import COUNTERS
from domain.morefs import Kind
from inventory import chart_lines, charting, charts
from inventory.pages.registry import MONITOR, section

CHARTED = (Kind.CLUSTER, Kind.HOST, Kind.POOL, Kind.VM, Kind.DATASTORE)


@section(MONITOR, "performance", _("Overview"), CHARTED, group="performance")
def overview(page: Any) -> dict[str, Any]:
    """Small multiples over one period, with one cursor for all."""
    kind = charts.kind_of(page.obj) or "vm"
    panels = [
        {"title": title, "counters": ",".join(map(str, keys)), "now": keys[0], "unit": COUNTERS[keys[0]].unit}
        for title, keys in charts.PANELS[kind]
    ]
    return {"panels": panels, **_common(page, kind)}


@section(MONITOR, "advanced", _("Advanced"), CHARTED, group="performance", template="inventory/monitor/advanced.html")
def advanced(page: Any) -> dict[str, Any]:
    """One chart; what it shows is in the address, so that it can be kept, sent and gone back to."""
    obj, wish = page.obj, charting.Wish.of(page.request.GET)
    style = charting.style_of(obj, wish.style)
    chart = _per_machine(page, wish) if style == charting.PER_VM else _compared(page, wish)
    wish = replace(wish, style=style, counters=",".join(map(str, chart["chosen"])))
    common = _common(page, charts.kind_of(obj) or "vm")
    return {
        **common,
        **chart,
        "counters": wish.counters,
        "objects": ",".join(wish.objects),
        "style": style,
        "styles": charting.styles(obj),
        "compared": [(one, charting.address(page.vc, obj, charting.without_object(wish, one.moref)))
                     for one in chart["others"]],
        "views": charting.views(page.user, page.vc, obj, replace(wish, period=common["period"])),
        "shown": replace(wish, period=common["period"]).query(),
    }  # fmt: skip


def _compared(page: Any, wish: charting.Wish) -> dict[str, Any]:
    """The counters of the object and of those it is compared with."""
    kind = charts.kind_of(page.obj) or "vm"
    chosen = charts.counters_of(kind, wish.counters)
    others = list(chart_lines.others(page.user, page.vc, (m for m in wish.objects if m != page.moref)).values())
    lines = chart_lines.compared(page.obj, others, chosen)
    groups = charts.choices(kind)
    return {
        "chosen": chosen, "others": others, "lines": lines, "several": True,
        "choices": [(charts.GROUPS[group], found) for group, found in groups.items()],
        "labels": json.dumps(chart_lines.every_label(page.obj, others)),
    }  # fmt: skip


def _per_machine(page: Any, wish: charting.Wish) -> dict[str, Any]:
    """One counter of all machines below the object, one on the other."""
    key = charting.stacked_key(wish.counters)
    lines = chart_lines.stacked(page.user, page.vc, page.obj, key, charts.period_of(wish.period))
    groups = ((group, [one for one in found if one.key in chart_lines.STACKABLE])
              for group, found in charts.choices("vm").items())  # fmt: skip
    return {
        "chosen": [key], "others": [], "lines": lines, "several": False,
        "choices": [(charts.GROUPS[group], found) for group, found in groups if found],
        "labels": json.dumps(chart_lines.labels(lines)),
    }  # fmt: skip


def _common(page: Any, kind: str) -> dict[str, Any]:
    period = charts.period_of(page.request.GET.get("period", ""))
    address = (page.vc.uuid, page.moref)
    return {
        "period": period.name,
        "periods": list(charts.PERIODS.items()),
        "data_url": reverse("inventory:performance-data", args=address),
        "export_url": reverse("inventory:performance-export", args=address),
        "labels": _labels(kind),
    }


def _labels(kind: str) -> str:
    """Label and unit of each counter as JSON for an attribute: htmx drops script elements from what it swaps in."""
    counters = [counter for found in charts.choices(kind).values() for counter in found]
    return json.dumps({str(one.key): {"label": str(one.label), "unit": one.unit} for one in counters})
