"""A line of the tree as a template draws it: icon, badge, words and address of a node."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from domain.morefs import Kind
from inventory import words
from inventory.models import VCenter
from inventory.selectors.tree import MORE, TreeNode
from inventory.templatetags.shell import icon


@lru_cache(maxsize=64)
def _address(vcenter: UUID) -> str:
    """Of a vCenter; every object lies under it."""
    return reverse("inventory:vcenter", args=(vcenter,))


@lru_cache(maxsize=256)
def _state(
    kind: str, connection: str, power: str, standby: str, maintenance: bool, template: bool, accessible: bool
) -> words.Word | None:
    """The word of a combination of states; a level has hundreds of lines and a handful of combinations."""
    fields: dict[str, Any] = {
        "connection_state": connection,
        "power_state": power,
        "standby_mode": standby,
        "in_maintenance": maintenance,
        "entering_maintenance": False,
        "provisioning": False,
        "template": template,
        "accessible": accessible,
        "slow": False,
    }
    return words.state(SimpleNamespace(KIND=kind, **fields))


@lru_cache(maxsize=256)
def _glyph(picture: str, tone: str, status: str, badge: str, alarm: str) -> SafeString:
    return format_html(
        '<span class="glyph" data-tone="{}" data-status="{}" aria-hidden="true">{}{}{}</span>',
        tone, status, icon(picture), icon(badge, "badge") if badge else "", icon(alarm, "overlay") if alarm else "",
    )  # fmt: skip


@dataclass
class Line:
    """`children` is None where they were not asked for."""

    vcenter: VCenter
    node: TreeNode
    children: list[Line] | None = None

    @property
    def more(self) -> bool:
        return self.node.kind == MORE

    @cached_property
    def id(self) -> str:
        return f"{self.vcenter.uuid}:{self.node.moref}"

    @cached_property
    def url(self) -> str:
        return f"{_address(self.vcenter.uuid)}{self.node.moref}/" if self.node.readable else ""

    @property
    def menu_url(self) -> str:
        return f"{self.url}menu/" if self.url else ""

    @cached_property
    def word(self) -> words.Word:
        if self.node.kind == VCenter.KIND:
            return words.VCENTER
        if self.node.template:
            return words.TEMPLATE
        return words.of(Kind, Kind.VAPP if self.node.vapp else self.node.kind)

    @property
    def icon(self) -> str:
        return words.HOSTED.icon if self.node.hosted else self.word.icon

    @cached_property
    def state(self) -> words.Word | None:
        """The state, where it is worth a badge or a word."""
        node = self.node
        return _state(
            node.kind, node.connection, node.power, node.standby, node.maintenance, node.template, node.accessible
        )

    @property
    def suffix(self) -> str:
        """What the name alone does not say: "(Maintenance mode)", as a person finds it in a list of hosts."""
        state = self.state
        quiet = self.node.kind == Kind.VM and self.node.connection == "connected"
        return str(state.label) if state and state.badge and not quiet else ""

    @property
    def spoken(self) -> str:
        parts = [self.node.name, str(self.word.label)]
        if self.state:
            parts.append(str(self.state.label))
        if self.node.status in ("yellow", "red"):
            parts.append(str(words.of(words.Status, self.node.status).label))
        return ", ".join(parts)

    @property
    def alarm(self) -> str:
        return {"yellow": "warning-standard-solid", "red": "error-standard-solid"}.get(self.node.status, "")

    @property
    def glyph(self) -> SafeString:
        """The icon of the kind with the badge of its state and the overlay of its alarms; `spoken` says the same."""
        tone, badge = (self.state.tone, self.state.badge) if self.state else ("quiet", "")
        return _glyph(self.icon, tone, self.node.status, badge, self.alarm)
