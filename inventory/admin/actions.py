"""Admin actions that call services: each row for itself; what is refused is told with its reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from domain import faults
from inventory import selectors
from inventory.models import Folder, ResourcePool, VirtualMachine
from inventory.services import folders, pools, vms
from inventory.words import fault_sentence

Service = Callable[..., Any]
TOLD = 10


def calls(label: Any, service: Service, *, with_text: bool = False, name: str = "") -> Any:
    """An action that calls `service(user, row)`, or `service(user, row, text)` with the text typed next to it."""

    @admin.action(description=label, permissions=["operate"])
    def action(modeladmin: Any, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        extra = (request.POST.get("text", "").strip(),) if with_text else ()
        rows = list(queryset)
        refused = [told for row in rows if (told := _refusal(service, request.user, row, *extra))]
        _report(request, len(rows) - len(refused), refused)

    action.__name__ = name or service.__name__
    return action


def _refusal(service: Service, user: Any, row: Any, *extra: str) -> str:
    try:
        service(user, row, *extra)
    except faults.MethodFault as fault:
        return f"{row}: {fault_sentence(fault.to_dict())}"
    return ""


def _report(request: HttpRequest, done: int, refused: list[str]) -> None:
    if done:
        told = ngettext("%(n)s object: asked for.", "%(n)s objects: asked for.", done) % {"n": done}
        messages.success(request, told)
    for sentence in refused[:TOLD]:
        messages.error(request, sentence)
    if len(refused) > TOLD:
        messages.error(request, _("… and %(n)s more were refused.") % {"n": len(refused) - TOLD})


# --- services that need a place --------------------------------------------------------------------------------------
def destination(user: Any, row: Any, moref: str) -> Any:
    """The object named by reference, in the row's vCenter; NotFound where the person may not see it."""
    place = selectors.find(row.vcenter, moref) if moref else None
    if place is None or not selectors.readable(user, place):
        raise faults.NotFound(what=moref or _("The destination"))
    return place


def move(user: Any, row: Any, moref: str) -> Any:
    """Into the folder or the pool of that reference, whatever fits the row."""
    place = destination(user, row, moref)
    if isinstance(row, VirtualMachine) and isinstance(place, ResourcePool):
        return vms.move_to_pool(user, row, place)
    if isinstance(row, ResourcePool) and isinstance(place, ResourcePool):
        return pools.move(user, row, place)
    if place.moref == row.vcenter.moref:
        place = folders.root_folder(row.vcenter)
    if not isinstance(place, Folder) or isinstance(row, ResourcePool):
        raise faults.InvalidFolder(target=row.name)
    return vms.move_to_folder(user, row, place) if isinstance(row, VirtualMachine) else folders.move(user, row, place)


def mark_as_vm(user: Any, row: VirtualMachine, moref: str) -> Any:
    """A template becomes a VM in the pool of that reference."""
    place = destination(user, row, moref)
    if not isinstance(place, ResourcePool):
        raise faults.InvalidArgument(property="pool", reason=_("name a resource pool by its reference"))
    return vms.mark_as_vm(user, row, place)
