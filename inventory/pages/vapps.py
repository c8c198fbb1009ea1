"""What the pages of a vApp have besides those of a pool: its state, its start order, its product."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from domain.morefs import Kind
from domain.vapps import Entity, Item, Run, StartAction, StopAction, VAppState, waits_s
from inventory import format as units
from inventory import vapps, words
from inventory.pages.configure import edit
from inventory.pages.registry import CONFIGURE, section


@dataclass(frozen=True)
class OrderLine:
    """One member: how it starts and stops, its state, and what the running start or stop does with it now."""

    entity: Entity
    member: Any
    state: words.Word
    now: words.Word | None
    opens: bool  # the first line of its group

    @property
    def start(self) -> words.Word:
        return words.of(StartAction, self.entity.start_action)

    @property
    def stop(self) -> words.Word:
        return words.of(StopAction, self.entity.stop_action)


def lines(content: vapps.Content) -> Iterator[OrderLine]:
    """The members in the order of their start."""
    run = Run.from_plain(content.task.detail) if content.task and content.task.detail.get("groups") else None
    group = 0
    for one in content.entities:
        member = content.members[one.moref]
        yield OrderLine(one, member, _state(content, one.moref), _now(run, one), one.group != group)
        group = one.group


def _state(content: vapps.Content, moref: str) -> words.Word:
    member = content.members[moref]
    if isinstance(member, vapps.ResourcePool):
        return words.of(VAppState, vapps.state_of(content.seen[moref].powers))
    return words.vm_state(member)


def _now(run: Run | None, one: Entity) -> words.Word | None:
    if run is None:
        return None
    item: Item | None = run.items.get(one.moref)
    if item is None:
        return words.Word(_("Waits for its turn"), "hourglass")
    if item.done_s is None:
        return words.Word(_("In progress"), "refresh", "info")
    if not item.act:
        return words.Word(_("Nothing to do"), "minus-circle")
    return words.Word(_("Done"), "check-circle", "ok")


def progress(content: vapps.Content) -> dict[str, Any] | None:
    """What a running start or stop is doing, as a sentence; None where none runs."""
    task = content.task
    if task is None or not task.detail.get("groups"):
        return None
    run = Run.from_plain(task.detail)
    at = min(run.at + 1, len(run.groups))
    sentence = _("%(task)s: step %(at)s of %(all)s.") % {
        "task": words.task_label(task), "at": at, "all": len(run.groups)
    }  # fmt: skip
    left_s = waits_s(run, content.vapp.vcenter.lab_seconds())
    if left_s > 0:
        sentence += " " + _("The next group follows in at most %(time)s.") % {"time": units.duration(left_s)}
    return {"task": task, "sentence": sentence, "pct": task.progress_pct or 0}


def summary_of(page: Any) -> dict[str, Any]:
    """For the Summary: the state, how many run, the members and the product."""
    content = vapps.content_of(page.obj)
    return {
        "state": words.of(VAppState, content.state),
        "lines": list(lines(content)),
        "progress": progress(content),
        "product": (page.obj.vapp_options or {}).get("product") or {},
        "edit": edit(page, "vapp-order"),
        "edit_product": edit(page, "vapp-product"),
    }


def _is_vapp(obj: Any) -> bool:
    return bool(obj.is_vapp)


@section(
    CONFIGURE, "start-order", gettext_lazy("Start Order"), [Kind.POOL], group="settings", applies=_is_vapp,
    template="inventory/configure/start-order.html",
)  # fmt: skip
def start_order(page: Any) -> dict[str, Any]:
    content = vapps.content_of(page.obj)
    return {"lines": list(lines(content)), "progress": progress(content), "edit": edit(page, "vapp-order")}


@section(
    CONFIGURE, "product", gettext_lazy("Product"), [Kind.POOL], group="settings", applies=_is_vapp,
    template="inventory/configure/product.html",
)  # fmt: skip
def product(page: Any) -> dict[str, Any]:
    options = page.obj.vapp_options or {}
    return {"product": options.get("product") or {}, "edit": edit(page, "vapp-product")}
