"""Configure > Licensing: the licenses of a vCenter with what is used of them, and the one that a host has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from domain.morefs import Kind
from inventory import selectors
from inventory.actions import Action, Context, Item
from inventory.actions.menus import item
from inventory.models import Host, License
from inventory.pages.configure import edit
from inventory.pages.registry import CONFIGURE, VCENTER, section
from inventory.services.licenses import PRIVILEGE, used_cores

HOSTS_SHOWN = 6


@dataclass(frozen=True)
class Hosts:
    """The first hosts by name, as far as the person sees them, and how many there are besides."""

    shown: list[Host]
    more: int


@dataclass(frozen=True)
class Licensed:
    """One license as the list shows it: cores in use, the share of them in percent, its hosts and its buttons."""

    one: License
    used: int
    pct: int
    hosts: Hosts
    edit: Item
    remove: Item


@section(
    CONFIGURE, "licensing", _("Licensing"), [VCENTER], group="settings", template="inventory/configure/licenses.html"
)
def licenses(page: Any) -> dict[str, Any]:
    """Every license of the vCenter, and the hosts in evaluation mode."""
    context = Context(page.user, page.obj, busy={})
    used, hosts = used_cores(page.vc), _hosts(page)

    def some(key: int | None) -> Hosts:
        return Hosts(hosts.get(key, [])[:HOSTS_SHOWN], max(0, len(hosts.get(key, [])) - HOSTS_SHOWN))

    def button(name: str, label: Any, query: str = "") -> Item:
        return item(Action(name, label, PRIVILEGE, dialog=name, query=query), context)

    rows = [
        Licensed(
            one, used.get(one.pk, 0), round(100 * used.get(one.pk, 0) / max(one.cores, 1)), some(one.pk),
            button("edit-license", _("Edit"), f"license={one.pk}"),
            button("remove-license", _("Remove"), f"license={one.pk}"),
        )
        for one in License.objects.filter(vcenter=page.vc)
    ]  # fmt: skip
    return {"add": button("add-license", _("Add…")), "rows": rows, "evaluation": some(None)}


def _hosts(page: Any) -> dict[int | None, list[Host]]:
    """The hosts that the person sees, by the license they have."""
    found: dict[int | None, list[Host]] = {}
    for host in selectors.hosts_visible(page.user, page.vc).select_related("vcenter").order_by("name"):
        found.setdefault(host.license_id, []).append(host)
    return found


@section(
    CONFIGURE, "licensing", _("Licensing"), [Kind.HOST], group="system", template="inventory/configure/license.html"
)
def of_host(page: Any) -> dict[str, Any]:
    """The license that the host has, what it takes up of it, and what it allows."""
    return {"host": page.obj, "license": page.obj.license, "assign": edit(page, "assign-license")}
