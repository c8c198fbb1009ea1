"""Host > Configure > VM Startup/Shutdown: whether the host does it, and each machine with what holds for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from domain.autostart import MANUAL, Machine, Startup, defaults_of, entities, machines_of
from domain.morefs import Kind
from domain.vapps import Entity, Run, StopAction
from inventory import autostart, selectors, words
from inventory.actions import Action, Context
from inventory.actions.menus import item
from inventory.forms.autostart import MOST_LINES, place
from inventory.models import Host, Task, VirtualMachine
from inventory.operations.autostart import KEYS
from inventory.pages.registry import CONFIGURE, section
from inventory.services.autostart import PRIVILEGE
from inventory.vapps import LIVE


def _without_ha(host: Host) -> Any:
    return _("vSphere HA is on in the cluster: it restarts virtual machines itself.") if host.cluster.ha_on else None


EDIT = Action("vm-startup", _("Edit"), PRIVILEGE, "pencil", dialog="vm-startup", rule=_without_ha)


@dataclass(frozen=True)
class Line:
    """One machine: what it has of its own, and what holds for it."""

    vm: VirtualMachine
    own: Machine
    holds: Entity

    @property
    def startup(self) -> words.Word:
        return words.of(Startup, self.own.startup)

    @property
    def order(self) -> int | None:
        return self.own.order if self.own.startup == Startup.ORDERED else None

    @property
    def stop(self) -> words.Word:
        return words.of(StopAction, self.holds.stop_action)


def _lines(page: Any) -> list[Line]:
    stored = page.obj.autostart
    own = machines_of(stored)
    rows = selectors.vms_visible(page.user, page.vc).filter(host=page.obj, template=False, provisioning=False)
    vms = {vm.moref: vm for vm in rows.select_related("vcenter").order_by("name")}
    holds = entities(stored, vms, starting=False)
    found = [Line(vms[one.moref], own.get(one.moref, MANUAL), one) for one in holds]
    return sorted(found, key=lambda line: (place(line.own), line.vm.name))


def _running(host: Host) -> dict[str, Any] | None:
    """The start or stop that goes on now, with how many of how many it has taken."""
    rows = Task.objects.filter(vcenter=host.vcenter_id, entity=host.moref, operation__in=KEYS, state__in=LIVE)
    task = rows.order_by("-id").first()
    if task is None or not task.detail.get("groups"):
        return None
    run = Run.from_plain(task.detail)
    done = sum(one.done_s is not None for one in run.items.values())
    return {"task": task, "done": done, "total": run.total, "pct": task.progress_pct or 0}


@section(CONFIGURE, "vm-startup", _("VM Startup/Shutdown"), [Kind.HOST], group="machines",
         template="inventory/configure/vm_startup.html")  # fmt: skip
def vm_startup(page: Any) -> dict[str, Any]:
    host, lines = page.obj, _lines(page)
    defaults = defaults_of(host.autostart)
    return {
        "edit": item(EDIT, Context(page.user, host)),
        "on": autostart.on(host),
        "ha": host.cluster.ha_on,
        "defaults": defaults,
        "stop": words.of(StopAction, defaults.stop_action),
        "lines": lines[:MOST_LINES],
        "count": len(lines),
        "running": _running(host),
    }
