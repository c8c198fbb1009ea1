"""Monitor > Performance: small charts of everything, and one large chart of what is chosen."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from domain.counters import COUNTERS, SUMMED
from domain.morefs import Kind
from inventory import chart_instances, chart_lines, chart_sums, charting, charts
from inventory.chart_instances import Instance
from inventory.models import Datacenter
from inventory.pages.registry import MONITOR, section

CHARTED = (Kind.DATACENTER, Kind.CLUSTER, Kind.HOST, Kind.POOL, Kind.VM, Kind.DATASTORE)


@section(MONITOR, "performance", _("Overview"), CHARTED, group="performance")
def overview(page: Any) -> dict[str, Any]:
    """Small multiples over one period, with one cursor for all."""
    kind = charts.kind_of(page.obj) or "vm"
    panels = [
        {
            "title": title, "counters": ",".join(map(str, keys)), "unit": COUNTERS[keys[0]].unit,
            "now": None if kind in SUMMED else keys[0],
        }
        for title, keys in charts.PANELS[kind]
    ]  # fmt: skip
    return {"panels": panels, **_common(page, kind)}


@section(MONITOR, "advanced", _("Advanced"), CHARTED, group="performance", template="inventory/monitor/advanced.html")
def advanced(page: Any) -> dict[str, Any]:
    """One chart; what it shows is in the address, so that it can be kept, sent and gone back to."""
    obj, wish = page.obj, charting.Wish.of(page.request.GET)
    style = charting.style_of(obj, wish.style)
    chart = _per_machine(page, wish) if style == charting.PER_VM else _compared(page, wish)
    wish = replace(wish, style=style, counters=",".join(map(str, chart["chosen"])), targets=chart["target_names"])
    common = _common(page, charts.kind_of(obj) or "vm")
    return {
        **common,
        **chart,
        "counters": wish.counters,
        "objects": ",".join(wish.objects),
        "target_names": ",".join(wish.targets),
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
    instances = chart_instances.of(page.user, page.vc, page.obj)
    targets, own = charting.chosen_targets(wish, instances)
    lines = chart_lines.compared(page.obj, others, chosen, targets, own) or chart_lines.compared(page.obj, [], chosen)
    groups = charts.choices(kind)
    return {
        "chosen": chosen, "others": others, "lines": lines[: chart_lines.LINES_MAX], "several": True,
        "cut": len(lines) > chart_lines.LINES_MAX,
        "choices": [(charts.GROUPS[group], found) for group, found in groups.items()],
        "labels": json.dumps(chart_lines.every_label(page.obj, others, instances)),
        "own": own or any(not line.owner and not line.instance for line in lines),
        "targets": [Target(one, one in targets, not set(chosen).isdisjoint(one.keys)) for one in instances],
        "every_target": bool(targets) and len(targets) == len(instances),
        "target_names": charting.target_names(targets, own, instances),
    }  # fmt: skip


@dataclass(frozen=True)
class Target:
    """A box of the list of targets: an instance, whether it is chosen, whether a chosen counter has figures of it."""

    instance: Instance
    chosen: bool
    fits: bool

    @property
    def keys(self) -> str:
        return " ".join(map(str, self.instance.keys))


def _per_machine(page: Any, wish: charting.Wish) -> dict[str, Any]:
    """One counter of all machines below the object, one on the other."""
    key = charting.stacked_key(wish.counters)
    lines = chart_lines.stacked(page.user, page.vc, page.obj, key, charts.period_of(wish.period))
    groups = ((group, [one for one in found if one.key in chart_lines.STACKABLE])
              for group, found in charts.choices("vm").items())  # fmt: skip
    return {
        "chosen": [key], "others": [], "lines": lines, "several": False, "target_names": wish.targets,
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
        "sum": chart_sums.parts(page.user, page.vc, page.obj) if isinstance(page.obj, Datacenter) else None,
    }


def _labels(kind: str) -> str:
    """Label and unit of each counter as JSON for an attribute: htmx drops script elements from what it swaps in."""
    counters = [counter for found in charts.choices(kind).values() for counter in found]
    return json.dumps({str(one.key): {"label": str(one.label), "unit": one.unit} for one in counters})
