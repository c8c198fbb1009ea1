"""Quickstart of a cluster: three cards with what is done, what is not, and the button that does it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Count
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from domain.hardware import CPU_GENERATIONS
from domain.licensing import allows_vmotion
from domain.morefs import Kind
from domain.states import HostConnection
from inventory import selectors
from inventory.models import Datastore, Host, Network
from inventory.pages.configure import edit
from inventory.pages.registry import CONFIGURE, section


@dataclass(frozen=True)
class Check:
    """One line of a card's list: a sentence, and whether it is so."""

    text: str
    fine: bool


@section(
    CONFIGURE, "quickstart", gettext_lazy("Quickstart"), [Kind.CLUSTER], group="configuration",
    applies=lambda cluster: not cluster.standalone,
)  # fmt: skip
def quickstart(page: Any) -> dict[str, Any]:
    """The cards of a cluster that is being set up."""
    rows = selectors.hosts_visible(page.user, page.vc).filter(cluster=page.obj)
    hosts = list(rows.select_related("license").order_by("name"))
    return {
        "cluster": page.obj, "hosts": hosts, "added": _added(hosts), "configured": _configured(page, hosts),
        "add_host": edit(page, "add-host"), "add_store": edit(page, "new-datastore"),
    }  # fmt: skip


def _added(hosts: list[Host]) -> list[Check]:
    if not hosts:
        return [Check(_("The cluster has no hosts yet."), False)]
    away = [host for host in hosts if host.connection_state != HostConnection.CONNECTED]
    resting = [host for host in hosts if host.in_maintenance]
    vendors = {CPU_GENERATIONS[h.cpu_generation].vendor for h in hosts if h.cpu_generation in CPU_GENERATIONS}
    return [
        Check(_("At least two hosts, so that virtual machines have somewhere to go"), len(hosts) > 1),
        Check(_("All hosts are connected") + _named(away), not away),
        Check(_("No host is in maintenance mode") + _named(resting), not resting),
        Check(_("All processors are of one vendor"), len(vendors) < 2),
    ]


def _configured(page: Any, hosts: list[Host]) -> list[Check]:
    if not hosts:
        return []
    still = [host for host in hosts if not host.vmotion_enabled]
    small = [host for host in hosts if not allows_vmotion(host.edition)]
    return [
        Check(_("A datastore that all hosts reach"), _everywhere(Datastore, hosts)),
        Check(_("A network that all hosts have"), _everywhere(Network, hosts)),
        Check(_("vMotion is on at every host") + _named(still), not still),
        Check(_("The license of every host includes vMotion") + _named(small), not small),
        Check(_("The vMotion adapters are of one IP address family"), len({h.vmotion_ip_family for h in hosts}) < 2),
    ]


def _everywhere(model: Any, hosts: list[Host]) -> bool:
    """Whether one of them is at every host."""
    reached = model.objects.filter(hosts__in=hosts).annotate(number=Count("hosts", distinct=True))
    return bool(reached.filter(number=len(hosts)).exists())


def _named(hosts: Iterable[Host]) -> str:
    names = [host.name for host in hosts]
    return f" ({', '.join(names[:3])}{', …' if len(names) > 3 else ''})" if names else ""
