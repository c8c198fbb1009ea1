"""What the pages of a cluster's DRS share: edit buttons with their reason, the last decision, blobs read once."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from domain.morefs import Kind
from inventory.actions import Action, Context
from inventory.actions.menus import Item
from inventory.actions.menus import item as drawn
from scheduler import recording
from scheduler.models import Decision
from scheduler.services.settings import PRIVILEGE

CLUSTER = (Kind.CLUSTER,)
Text = str | Promise
EDIT: Text = gettext_lazy("Edit")
LIGHT = ("inputs", "plan")  # the blobs of a decision, megabytes in a big cluster


class Buttons:
    """Buttons of one page for one person: greyed with the reason where a right is missing."""

    def __init__(self, page: Any, obj: Any = None) -> None:
        self.page = page
        self.context = Context(page.user, obj or page.obj)

    def dialog(self, name: str, label: Text = EDIT, *, query: str = "", privilege: str = PRIVILEGE) -> Item:
        return drawn(Action(name, label, privilege, dialog=name, query=query), self.context)

    def post(self, verb: str, label: Text, privilege: str = PRIVILEGE, why: str = "") -> Item:
        """A button that posts to one of the addresses below `/drs/`; `why` greys it for another reason."""
        item = drawn(Action(verb, label, privilege, dialog=verb), self.context)
        item.url = reverse(f"scheduler:drs-{verb}", args=(self.page.vc.uuid, self.page.moref))
        item.method, item.why = "post", item.why or why
        return item


def decisions(cluster: Any) -> Any:
    """Decisions without their blobs, newest first."""
    return Decision.objects.filter(cluster=cluster).defer(*LIGHT).order_by("-id")


def plan_of(decision: Decision | None) -> dict[str, Any]:
    """What the engine said in a cycle, {} where there was none yet."""
    return recording.unpack(bytes(decision.plan)) if decision is not None and decision.plan else {}


def newest(cluster: Any) -> Decision | None:
    """The last decision with its plan, without its inputs."""
    return Decision.objects.filter(cluster=cluster).defer("inputs").order_by("-id").first()
