"""Alarm definitions and triggered alarms on the pages of objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from inventory import history, rights
from inventory.alarming import wording
from inventory.alarming.scope import Scope, ancestors, kinds_below
from inventory.models import AlarmDefinition
from inventory.pages.monitor import EVERYTHING
from inventory.pages.registry import CONFIGURE, MONITOR, VCENTER, section
from inventory.selectors.getters import find

MOST, MOST_READ = 200, 2_000
WHICH = (("all", _("All")), ("new", _("New")), ("acknowledged", _("Acknowledged")))


@dataclass(frozen=True)
class Line:
    """A definition as the list shows it; `home` is the object that it is defined on, None where that is this one."""

    one: AlarmDefinition
    sentences: list[str]
    home: Any
    editable: bool
    deletable: bool


@section(CONFIGURE, "alarm-definitions", _("Alarm Definitions"), EVERYTHING, group="more")
def alarm_definitions(page: Any) -> dict[str, Any]:
    """Definitions that watch this object or what lies below it: its own, and those of everything above it."""
    above = ancestors(page.vc, page.obj) if page.kind != VCENTER else [page.moref]
    rows = AlarmDefinition.objects.filter(vcenter=page.vc, entity__in=above, target_kind__in=kinds_below(page.obj))
    homes = {moref: find(page.vc, moref) for moref in set(rows.order_by().values_list("entity", flat=True))}
    lines = [_line(page, one, homes.get(one.entity)) for one in rows.order_by("target_kind", "name")]
    return {"lines": lines, "may_create": "Alarm.Create" in page.privileges and bool(kinds_below(page.obj))}


def _line(page: Any, one: AlarmDefinition, home: Any) -> Line:
    here = one.entity == page.moref
    said = wording.sentences(one.target_kind, one.rules)
    editable, deletable = here and "Alarm.Edit" in page.privileges, here and "Alarm.Delete" in page.privileges
    seen = home is not None and rights.has(page.user, "System.Read", home)
    return Line(one, said, None if here else home if seen else page.vc, editable, deletable)


@section(MONITOR, "issues", _("All Issues"), EVERYTHING, group="issues")
def issues(page: Any) -> dict[str, Any]:
    """Troubles of the object itself, and the alarms that it or something below it has triggered."""
    return {"alarms": _triggered(page, "all"), "troubles": [one for one in page.banners if one.alarm is None]}


@section(MONITOR, "triggered", _("Triggered Alarms"), EVERYTHING, group="issues")
def triggered(page: Any) -> dict[str, Any]:
    """The same alarms, with a filter: all, new, acknowledged."""
    which = page.request.GET.get("which", "all")
    return {"alarms": _triggered(page, which), "which": which, "choices": WHICH}


def _triggered(page: Any, which: str) -> list[Any]:
    rows = history.triggered_alarms(page.user, [page.vc], MOST_READ, which)
    if page.kind == VCENTER:
        return rows[:MOST]
    scope = Scope(page.vc)
    inside = {str(kind): scope.chosen(kind, page.moref) for kind in kinds_below(page.obj)} if rows else {}
    return [row for row in rows if row.entity in inside.get(row.entity_kind, set())][:MOST]
