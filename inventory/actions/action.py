"""What can be done to an object: one description serves menus, header icons, the palette, dialogs and bulk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from domain.faults import NoPermission
from domain.privileges import PRIVILEGES
from domain.states import TaskState
from inventory import rights, words
from inventory.models import Task, VCenter

Text = str | Promise


@dataclass
class Context:
    """One person in front of one object; what the rules ask for is fetched once, when first asked."""

    user: Any
    obj: Any
    busy: dict[str, str] | None = None  # moref -> description id; given where many objects are looked at

    @cached_property
    def privileges(self) -> frozenset[str]:
        return rights.privileges(self.user, self.obj)

    @cached_property
    def given(self) -> frozenset[str]:
        return rights.given(self.user, self.obj)

    @cached_property
    def running(self) -> str:
        """The description of the exclusive task that runs on the object, "" where there is none."""
        if self.busy is not None:
            return self.busy.get(self.obj.moref, "")
        return busy_objects(vcenter_of(self.obj).pk, [self.obj.moref]).get(self.obj.moref, "")


def vcenter_of(obj: Any) -> VCenter:
    """The vCenter of an object; its own where the object is the vCenter."""
    return obj if isinstance(obj, VCenter) else obj.vcenter


def busy_objects(vcenter_pk: int, morefs: list[str]) -> dict[str, str]:
    """Which of the objects have a live exclusive task, and which one."""
    live = Task.objects.filter(
        vcenter=vcenter_pk, entity__in=morefs, exclusive=True, state__in=(TaskState.QUEUED, TaskState.RUNNING)
    )
    return dict(live.order_by().values_list("entity", "description_id"))


Rule = Callable[[Any], str | None]


def always(obj: Any) -> str | None:
    """The rule of an action that applies in every state."""
    return None


@dataclass(frozen=True)
class Confirm:
    """What a person is asked before something that is hard to take back. `radius` lists what it will change."""

    question: Text
    verb: Text
    radius: Callable[[Any], list[str]] = field(default=lambda obj: [])
    danger: bool = True
    title: Text = ""


@dataclass(frozen=True)
class Action:
    """`run` names a service (`"vms.power_on"`), called as `run(user, obj)`; `dialog` names a dialog; `tab` a tab of the
    object; `page` an address of its vCenter (`"inventory:export"`), which gets the object as `?object=`.

    Exactly one of the four is set. `offered` decides whether the entry exists for this object at all (absent), `rule`
    whether it applies now (greyed, with the sentence it returns). `exclusive`: not while another task runs on it.
    `bulk`: a selection offers it too. `reads`: it changes nothing, so that what a class takes away does not count.
    `others`: privileges each of which is enough as well, as for a dialog whose rows ask for one of their own each.
    """

    key: str
    label: Text
    privilege: str = ""
    icon: str = ""
    run: str = ""
    dialog: str = ""
    tab: str = ""
    page: str = ""
    query: str = ""  # of the dialog's address
    rule: Rule = always
    offered: Callable[[Any], bool] = lambda obj: True
    confirm: Confirm | None = None
    exclusive: bool = False
    bulk: bool = False
    reads: bool = False
    others: tuple[str, ...] = ()
    shortcut: str = ""
    bulk_label: Text = ""
    bulk_url: str = ""  # name of the address (of a vCenter) that asks for a selection; else the bulk dialog does

    def allowed(self, privileges: frozenset[str]) -> bool:
        """Whether one of these is enough for it."""
        return not self.privilege or not privileges.isdisjoint((self.privilege, *self.others))

    def why_not(self, context: Context) -> str | None:
        """Why this cannot be done now, as a sentence; None where it can."""
        if self.privilege and not self.allowed(context.given if self.reads else context.privileges):
            refusal = rights.refusal(context.user, self.privilege, context.obj)
            if type(refusal) is not NoPermission:  # it says itself what to do
                return words.fault_sentence(refusal.to_dict())
            return _("You need the privilege “%(privilege)s” (%(id)s) on this object.") % {
                "privilege": _(PRIVILEGES[self.privilege].label),
                "id": self.privilege,
            }
        if reason := self.rule(context.obj):
            return reason
        if self.exclusive and context.running:
            return _("Another task is running on this object. Wait for it or cancel it.")
        return None


@dataclass(frozen=True)
class Submenu:
    key: str
    label: Text
    entries: tuple[Entry, ...]
    icon: str = ""


class Separator:
    """A line between two groups of a menu."""


SEPARATOR = Separator()
Entry = Action | Submenu | Separator
