"""The large chart of a page: what its address asks for, the views to choose from, what it can be compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from domain.counters import keys_of
from inventory import chart_lines, charts, selectors
from inventory.chart_instances import Instance
from inventory.charts import Text
from inventory.models import ChartView, VCenter

STYLES: dict[str, Text] = {"line": _("Lines"), "area": _("Areas"), "stacked": _("Stacked")}
PER_VM = "vms"
STACKED_PER_VM = _("Stacked per VM")
SUGGESTED = 8
# What an address calls the targets of a chart besides the names of instances: the object itself, and all instances.
OWN, ALL = "self", "*"
TARGETS_MAX = 1_000
# The views that are there from the start, per kind of entity: those of its panels that several counters make.
BUILT_IN: dict[str, tuple[tuple[Text, tuple[int, ...]], ...]] = {
    kind: tuple((title, keys) for title, keys in panels if len(keys) > 1) for kind, panels in charts.PANELS.items()
}


@dataclass(frozen=True)
class Wish:
    """What an address asks a chart to show; nothing in it has been checked."""

    period: str = ""
    style: str = ""
    counters: str = ""
    objects: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()

    @classmethod
    def of(cls, given: Any) -> Wish:
        """From a QueryDict; counters and targets as one field "2,6" each, or as the boxes of a form."""
        counters = given.get("counters") or ",".join(given.getlist("counter"))
        targets = given.get("targets") or ",".join(given.getlist("target"))
        return cls(
            given.get("period", ""), given.get("style", ""), counters,
            _names(given.get("objects", ""))[: chart_lines.COLOURS], _names(targets)[:TARGETS_MAX],
        )  # fmt: skip

    @classmethod
    def of_view(cls, view: ChartView) -> Wish:
        return cls(view.period, view.style, view.counters, _names(view.objects_compared), _names(view.targets))

    def query(self) -> str:
        """As the part of an address behind the question mark."""
        fields = {"period": self.period, "style": self.style, "counters": self.counters}
        fields |= {"objects": ",".join(self.objects), "targets": ",".join(self.targets)}
        return urlencode({name: value for name, value in fields.items() if value}, safe=",*")


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in text.split(",") if name))


def chosen_targets(wish: Wish, instances: Sequence[Instance]) -> tuple[list[Instance], bool]:
    """The instances that a chart shows, and whether it shows the object itself: that is what is shown by default."""
    chosen = list(instances) if ALL in wish.targets else [one for one in instances if one.name in wish.targets]
    return chosen, OWN in wish.targets or not chosen


def target_names(chosen: Sequence[Instance], own: bool, instances: Sequence[Instance]) -> tuple[str, ...]:
    """What the address says of them; nothing of the object alone."""
    if not chosen:
        return ()
    names = [ALL] if len(chosen) == len(instances) else [one.name for one in chosen]
    return (*([OWN] if own else []), *names)


def address(vcenter: VCenter, obj: Any, wish: Wish) -> str:
    """Where an object's chart shows this."""
    return (
        f"{reverse('inventory:object-section', args=(vcenter.uuid, obj.moref, 'monitor', 'advanced'))}?{wish.query()}"
    )


def stacks(obj: Any) -> bool:
    """Whether the object has machines whose figures can be stacked."""
    return isinstance(obj, chart_lines.STACKED_KINDS)


def style_of(obj: Any, name: str) -> str:
    if name == PER_VM:
        return name if stacks(obj) else "stacked"
    return name if name in STYLES else "line"


def styles(obj: Any) -> list[tuple[str, Text]]:
    return [*STYLES.items(), *([(PER_VM, STACKED_PER_VM)] if stacks(obj) else [])]


def stacked_key(counters: str) -> int:
    """The counter that is stacked per machine: the first asked for that adds up."""
    wanted = [int(word) for word in counters.split(",") if word.isdecimal() and len(word) < 6]
    return next((key for key in wanted if key in chart_lines.STACKABLE), chart_lines.STACKABLE[0])


# --- what to compare with --------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Choice:
    obj: Any
    url: str


def comparable(user: Any, vcenter: VCenter, obj: Any, text: str, wish: Wish) -> list[Choice]:
    """Objects with figures whose name holds `text`, those of the same kind first; each with the chart's new address."""
    taken = {obj.moref, *wish.objects}
    models = sorted(charts.CHARTED, key=lambda model: (not isinstance(obj, model), charts.CHARTED[model]))
    found: list[Any] = []
    for model in models:
        if len(found) < SUGGESTED and (text or isinstance(obj, model)):
            rows = selectors.objects_visible(user, vcenter, model).filter(_comparable(model), name__icontains=text)
            found += rows.exclude(moref__in=taken).select_related("vcenter").order_by("name")[: SUGGESTED - len(found)]
    return [Choice(one, address(vcenter, obj, with_object(wish, one.moref))) for one in found]


def _comparable(model: Any) -> Q:
    """Without templates, root pools and the compute resources of standalone hosts: nobody knows them by name."""
    return {
        "vm": Q(template=False), "pool": Q(parent__isnull=False), "cluster": Q(standalone=False)
    }.get(charts.CHARTED[model], Q())  # fmt: skip


def with_object(wish: Wish, moref: str) -> Wish:
    """One more object; a stack of machines is left, it has no room for another."""
    style = "line" if wish.style == PER_VM else wish.style
    return replace(wish, style=style, objects=(*wish.objects, moref))


def without_object(wish: Wish, moref: str) -> Wish:
    return replace(wish, objects=tuple(one for one in wish.objects if one != moref))


# --- views -----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class View:
    """An entry of the list of views; `pk` where the person made it."""

    name: Text
    url: str
    current: bool
    pk: int | None = None


def views(user: Any, vcenter: VCenter, obj: Any, wish: Wish) -> list[View]:
    """The views of an object: those built in, then the person's own."""
    kind = charts.kind_of(obj) or "vm"
    built_in = ((name, replace(wish, counters=",".join(map(str, keys)), style=_plain(wish)), None)
                for name, keys in BUILT_IN[kind])  # fmt: skip
    own = ((view.name, Wish.of_view(view), view.pk) for view in kept(user, vcenter, kind))
    return [View(name, address(vcenter, obj, one), one == wish, pk) for name, one, pk in (*built_in, *own)]


def _plain(wish: Wish) -> str:
    return "line" if wish.style == PER_VM else wish.style


def kept(user: Any, vcenter: VCenter, kind: str) -> Sequence[ChartView]:
    """A person's own views that fit here."""
    rows = ChartView.objects.filter(Q(vcenter=None) | Q(vcenter=vcenter), user=user, kind=kind)
    return list(rows.order_by("name"))


def known_counters(kind: str, counters: str) -> Mapping[int, None]:
    """Counters of a kind of entity, or of machines, in the order they were asked for."""
    wanted = (int(word) for word in counters.split(",") if word.isdecimal() and len(word) < 6)
    return dict.fromkeys(key for key in wanted if key in keys_of(kind) or key in keys_of("vm"))
