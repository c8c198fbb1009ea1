"""What a page says on top about moves and failures: a host on its way to maintenance mode, an isolated one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext_lazy, ngettext

from domain.states import VmPower
from inventory.models import Host, Task, VirtualMachine
from inventory.pages.page import Banner
from inventory.pages.registry import BANNERS
from scheduler import remedies
from scheduler.failover import HOST_DOWN, ISOLATED, PARTITIONED, UNREACHABLE
from scheduler.progress import LIVE

MOST_LINES = 8
# What HA says of a host: tone, icon, sentence.
DECLARED: dict[str, tuple[str, str, Any]] = {
    ISOLATED: (
        "error", "disconnect",
        gettext_lazy("vSphere HA: no packet reaches this host. Its agent has carried out the isolation response."),
    ),
    PARTITIONED: (
        "warn", "disconnect",
        gettext_lazy(
            "vSphere HA: this host is in another network partition than the primary host. Its virtual machines run on."
        ),
    ),
    UNREACHABLE: (
        "warn", "unknown-status",
        gettext_lazy(
            "vSphere HA: the agent of this host does not answer, but its heartbeats on the datastores go on. "
            "Its virtual machines run on and are not restarted elsewhere."
        ),
    ),
    HOST_DOWN: (
        "error", "error-standard",
        gettext_lazy("vSphere HA has declared this host failed and restarts what it protected."),
    ),
}  # fmt: skip


def of_host(page: Any) -> Iterator[Banner]:
    """How far the host is on its way to maintenance mode, what is stuck and what to do about it; HA's verdict."""
    if not isinstance(page.obj, Host):
        return
    if page.obj.entering_maintenance:
        yield _entering(page)
    if page.obj.ha_state in DECLARED:
        tone, icon, text = DECLARED[page.obj.ha_state]
        yield Banner(tone, icon, str(text))


def _entering(page: Any) -> Banner:
    task = Task.objects.filter(
        vcenter=page.vc, entity=page.moref, operation="host.enter_maintenance", state__in=LIVE
    ).first()
    running = VirtualMachine.objects.filter(host=page.obj, power_state=VmPower.ON)
    left = running.count()
    text = ngettext(
        "The host is entering maintenance mode: it waits for %(n)s virtual machine that still runs on it.",
        "The host is entering maintenance mode: it waits for %(n)s virtual machines that still run on it.",
        left,
    ) % {"n": left}
    stuck = (task.detail if task else {}).get("stuck") or {}
    here = set(running.filter(moref__in=stuck).values_list("moref", flat=True))
    lines = [remedies.stuck_line(moref, *told) for moref, told in stuck.items() if moref in here][:MOST_LINES]
    said = tuple(f"{one['name']}: {one['why']} {one['next']}" for one in lines)
    return Banner("warn" if said else "info", "wrench", text, lines=said)


if of_host not in BANNERS:
    BANNERS.append(of_host)
