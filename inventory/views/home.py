"""Home: what there is, how full it is and what needs attention, per vCenter; and the recycle bin."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.db.models import Count, Q, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST, require_safe

from domain import faults
from domain.states import HostConnection, HostPower, Status, VmPower
from inventory import metrics, selectors
from inventory.forms.offers import lacking
from inventory.models import TriggeredAlarm, VCenter, VirtualMachine
from inventory.pages.capacity import capacity_of
from inventory.pages.figures import Meter
from inventory.services import exchange
from inventory.services import vms as vm_services
from inventory.views.answers import fault_answer

WORST = 8
POWER_STATES = (VmPower.ON, VmPower.OFF, VmPower.SUSPENDED)


@dataclass
class Environment:
    """One vCenter as the home page shows it to one person."""

    user: Any
    vcenter: VCenter

    @cached_property
    def hosts(self) -> Any:
        return selectors.hosts_visible(self.user, self.vcenter)

    @cached_property
    def meters(self) -> list[Meter]:
        datastores = selectors.datastores_visible(self.user, self.vcenter)
        return capacity_of(self.hosts, datastores, metrics.latest(self.vcenter))

    @cached_property
    def vm_counts(self) -> dict[str, int]:
        """Machines by power state, and templates; one pass over the table."""
        rows = selectors.vms_visible(self.user, self.vcenter).order_by().values_list("template", "power_state")
        found = {(template, state): number for template, state, number in rows.annotate(number=Count("pk"))}
        on, off, suspended = (found.get((False, state), 0) for state in POWER_STATES)
        templates = sum(number for (template, _state), number in found.items() if template)
        return {"total": on + off + suspended, "on": on, "off": off, "suspended": suspended, "templates": templates}

    @cached_property
    def host_counts(self) -> dict[str, int]:
        connected = Q(connection_state=HostConnection.CONNECTED)
        running = connected & Q(power_state=HostPower.ON)
        counted: dict[str, int] = self.hosts.order_by().aggregate(
            total=Count("pk"),
            connected=Count("pk", filter=running & Q(in_maintenance=False)),
            maintenance=Count("pk", filter=running & Q(in_maintenance=True)),
            asleep=Count("pk", filter=Q(power_state__in=(HostPower.STANDBY, HostPower.OFF))),
            lost=Count("pk", filter=~connected & ~Q(power_state__in=(HostPower.STANDBY, HostPower.OFF))),
        )
        return counted

    @property
    def worst(self) -> list[dict[str, Any]]:
        """Objects with most alerts."""
        seen = TriggeredAlarm.objects.filter(selectors.entities_visible(self.user, self.vcenter), vcenter=self.vcenter)
        rows = seen.order_by().values("entity", "entity_kind", "entity_name")
        counted = rows.annotate(
            alerts=Count("pk", filter=Q(status=Status.RED)), warnings=Count("pk", filter=Q(status=Status.YELLOW))
        )
        found: list[Any] = list(counted.order_by("-alerts", "-warnings", "entity_name")[:WORST])
        return found


@login_required
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Every vCenter that the person can see."""
    found = [Environment(request.user, vc) for vc in selectors.vcenters_at_home(request.user)]
    may_import = exchange.may_import(request.user)
    return render(request, "inventory/home.html", {"environments": found, "may_import": may_import})


@dataclass(frozen=True)
class Deleted:
    """A line of the recycle bin, with why it cannot be restored or purged by this person; "" where it can."""

    vm: VirtualMachine
    no_restore: str
    no_purge: str


def _refusals(user: Any, vm: VirtualMachine) -> tuple[str, str]:
    said = (lacking(user, place, privilege) for privilege, place in vm_services.returning(vm))
    return next((why for why in said if why), ""), lacking(user, vm, "VirtualMachine.Inventory.Delete")


@login_required
@require_safe
def recycle_bin(request: HttpRequest) -> HttpResponse:
    """Deleted virtual machines whose files still exist."""
    groups = []
    for vcenter in selectors.vcenters_at_home(request.user):
        rows = selectors.deleted_vms_visible(request.user, vcenter).select_related("vcenter", "folder", "host", "pool")
        vms = list(rows.annotate(bytes=Sum("disks__used_bytes")).order_by("-deleted_at")[:500])
        if vms:
            groups.append((vcenter, [Deleted(vm, *_refusals(request.user, vm)) for vm in vms]))
    return render(request, "inventory/recycle_bin.html", {"groups": groups})


@login_required
@require_POST
def recycle_verb(request: HttpRequest, vc: UUID, moref: str, verb: str) -> HttpResponse:
    """Restore a deleted virtual machine, or delete its files now; the answer is empty, for its line goes."""
    verbs = {"restore": vm_services.restore, "purge": vm_services.purge}
    if verb not in verbs:
        raise Http404
    vm = selectors.deleted_vm_for(request.user, selectors.vcenter_for(request.user, vc), moref)
    try:
        verbs[verb](request.user, vm)
    except faults.MethodFault as fault:
        return fault_answer(request, fault)
    return HttpResponse("")
