"""The worst alarm below each container of a tree: what its icon shows while the object itself lies out of sight.

Two queries where nothing is alarmed, else a constant number: the containers, and per kind of object the distinct places
of those that are yellow or red.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.db.models import Model, QuerySet

from domain.morefs import Kind
from domain.states import Status
from inventory import rights
from inventory.containers import CONTAINERS, Containers
from inventory.models import (
    Cluster,
    Datastore,
    Folder,
    Host,
    ResourcePool,
    TriggeredAlarm,
    VCenter,
    VirtualMachine,
)
from inventory.selectors.tree import HOSTS, TYPES_OF_VIEW, VMS
from inventory.selectors.visible import objects_visible

RANK = {str(Status.YELLOW): 1, str(Status.RED): 2}
_WATCHED: dict[str, type[Model]] = {
    Kind.VM: VirtualMachine,
    Kind.HOST: Host,
    Kind.CLUSTER: Cluster,
    Kind.POOL: ResourcePool,
    Kind.DATASTORE: Datastore,
}


def worst_below(user: rights.User, vc: VCenter, view: str) -> dict[str, str]:
    """Container -> "yellow" or "red": the worst of what lies below it in this view and this person may read."""
    known = rights.of(user, vc)
    if known.uniform is not None and not known.uniform:
        return {}
    alarmed = TriggeredAlarm.objects.filter(vcenter=vc, status__in=list(RANK)).order_by()
    kinds = set(alarmed.values_list("entity_kind", flat=True).distinct())
    shown = [model for kind, model in _WATCHED.items() if kind in kinds and model in TYPES_OF_VIEW[view]]
    if not shown:
        return {}
    # Hosts are most of the containers, and who may read everything needs none of them to tell what is above.
    containers = known.containers if known.uniform is None else Containers(vc, all_hosts=False)
    worst: dict[str, str] = {}
    for model in shown:
        rows = objects_visible(user, vc, model).filter(overall_status__in=list(RANK)).order_by()
        for place, status in _places(model, rows, view, containers):
            _climb(containers.chain(place), status, worst)
    return worst


def _places(model: type[Model], rows: QuerySet, view: str, containers: Containers) -> Iterator[tuple[str | None, str]]:
    """(what an alarmed object lies in, its status), each pair once."""
    if model is Host:
        pairs = rows.values_list("cluster", "overall_status").distinct()
        yield from ((containers.morefs[Cluster].get(pk), status) for pk, status in pairs)
        return
    if model in CONTAINERS:
        pairs = rows.values_list("moref", "overall_status")
        yield from ((containers.parents.get(moref), status) for moref, status in pairs)
        return
    home, column = (ResourcePool, "pool") if model is VirtualMachine and view == HOSTS else (Folder, "folder")
    places = rows.filter(**{f"{column}__isnull": False}).values_list(column, "overall_status").distinct()
    yield from ((containers.morefs[home].get(pk), status) for pk, status in places)
    if model is VirtualMachine and view == VMS:
        vapps = rows.filter(pool__is_vapp=True).values_list("pool__moref", "overall_status").distinct()
        yield from vapps


def _climb(chain: Iterable[str], status: str, worst: dict[str, str]) -> None:
    """Up to where something as bad is known already; what is above that knows it too."""
    for moref in chain:
        if RANK.get(worst.get(moref, ""), 0) >= RANK[status]:
            return
        worst[moref] = status
