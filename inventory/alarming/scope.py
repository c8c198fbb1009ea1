"""Which objects a definition watches: those of its kind in or below the object that it is defined on."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from django.db.models import Model
from numpy.typing import NDArray

from domain.morefs import Kind
from inventory.containers import Containers
from inventory.models import (
    Cluster,
    Datastore,
    Folder,
    Host,
    ManagedObject,
    ResourcePool,
    VCenter,
    VirtualMachine,
)

WATCHED: dict[str, type[ManagedObject]] = {
    Kind.VM: VirtualMachine,
    Kind.HOST: Host,
    Kind.CLUSTER: Cluster,
    Kind.POOL: ResourcePool,
    Kind.DATASTORE: Datastore,
}
# What a leaf lies in: its columns, and what they point at. A VM also counts as inside the host that runs it.
_INSIDE: dict[str, tuple[tuple[str, type[Model]], ...]] = {
    Kind.VM: (("folder_id", Folder), ("pool_id", ResourcePool), ("host_id", Host)),
    Kind.DATASTORE: (("folder_id", Folder),),
}


class Scope:
    """Who lies below whom in one vCenter, read when first asked: five queries, and one per kind that is asked for."""

    def __init__(self, vcenter: VCenter) -> None:
        self.vcenter = vcenter
        self._rows: dict[str, list[tuple[Any, ...]]] = {}

    @cached_property
    def containers(self) -> Containers:
        return Containers(self.vcenter)

    def _below(self, moref: str) -> set[str]:
        """The container `moref` and all containers below it; an object that is no container is alone."""
        if moref not in self.containers:
            return {moref}
        return {one for one in self.containers.parents if moref in self.containers.chain(one)}

    def _table(self, kind: str) -> list[tuple[Any, ...]]:
        if kind not in self._rows:
            columns = [column for column, _model in _INSIDE.get(kind, ())]
            rows = WATCHED[kind]._default_manager.filter(vcenter=self.vcenter)
            self._rows[kind] = list(rows.order_by().values_list("slot", "moref", *columns))
        return self._rows[kind]

    def mask(self, kind: str, entity: str, slots: int) -> NDArray[np.bool_] | None:
        """bool[slots]: the objects of `kind` that a definition on `entity` watches; None = all of them."""
        if entity == self.vcenter.moref:
            return None
        inside = np.zeros(slots, bool)
        chosen = [row[0] for row in self._chosen(kind, entity) if row[0] < slots]
        inside[chosen] = True
        return inside

    def _chosen(self, kind: str, entity: str) -> list[tuple[Any, ...]]:
        below = self._below(entity)
        owners = [
            {pk for pk, moref in self.containers.morefs[model].items() if moref in below}
            for _column, model in _INSIDE.get(kind, ())
        ]
        return [
            row
            for row in self._table(kind)
            if row[1] in below or any(pk in pks for pk, pks in zip(row[2:], owners, strict=True))
        ]

    def chosen(self, kind: str, entity: str) -> set[str]:
        """References of the objects of `kind` in and below `entity`."""
        return {row[1] for row in self._chosen(kind, entity)}

    def covers(self, kind: str, entity: str, moref: str) -> bool:
        """True where a definition for `kind` on `entity` watches the object `moref`."""
        if entity == self.vcenter.moref:
            return True
        return moref in self.chosen(kind, entity)


# --- for pages -------------------------------------------------------------------------------------------------------
_COMPUTE = (Kind.CLUSTER, Kind.HOST, Kind.POOL, Kind.VM)
_BELOW: dict[str, tuple[Kind, ...]] = {
    Kind.CLUSTER: _COMPUTE,
    Kind.COMPUTE: _COMPUTE,
    Kind.HOST: (Kind.HOST, Kind.VM),
    Kind.POOL: (Kind.POOL, Kind.VM),
    Kind.VAPP: (Kind.POOL, Kind.VM),
    Kind.VM: (Kind.VM,),
    Kind.DATASTORE: (Kind.DATASTORE,),
    Kind.NETWORK: (),
}
_IN_FOLDER = {"host": _COMPUTE, "vm": (Kind.VM,), "datastore": (Kind.DATASTORE,), "network": ()}


def kinds_below(obj: Any) -> tuple[Kind, ...]:
    """The kinds of objects that a definition on `obj` may watch."""
    if isinstance(obj, Folder):
        return _IN_FOLDER.get(obj.folder_kind, (*_COMPUTE, Kind.DATASTORE))
    return _BELOW.get(obj.kind, (*_COMPUTE, Kind.DATASTORE))


def ancestors(vcenter: VCenter, obj: Any) -> list[str]:
    """References of what `obj` lies in, itself included: where the definitions that watch it may hang."""
    containers = Containers(vcenter)
    starts = [obj.moref] if obj.moref in containers else [obj.moref, *containers.anchors(obj)]
    if isinstance(obj, VirtualMachine):
        starts.append(obj.host.moref)
    found = [one for start in starts for one in (containers.chain(start) if start in containers else [start])]
    return list(dict.fromkeys(found))
