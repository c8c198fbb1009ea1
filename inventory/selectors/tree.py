"""The four inventory trees, one level at a time: a few queries per node, however much lies below it.

The fixed folders of a datacenter are not shown: what lies in them hangs on the datacenter. A standalone host stands for
its compute resource, and what lies in a root pool hangs on the cluster or the host. A node that cannot be read, but has
something readable below it, is shown as a way to it: `readable` is false and it has no page.

A vApp hangs where pools hang, and among virtual machines and templates: there in its folder, or in the vApp around it,
and the VMs that lie in it hang on it instead of on their folders.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from django.db.models import Exists, Model, OuterRef, Q, QuerySet
from django.http import Http404

from domain.morefs import FolderKind
from domain.privileges import READ
from inventory import rights
from inventory.containers import CONTAINERS
from inventory.models import (
    Cluster,
    Datacenter,
    Datastore,
    Folder,
    Host,
    Network,
    ResourcePool,
    VCenter,
    VirtualMachine,
)
from inventory.selectors.getters import find
from inventory.selectors.visible import reads_everything, visible_q
from inventory.selectors.ways import ways_to

HOSTS, VMS, STORAGE, NETWORKING = "hosts", "vms", "storage", "networking"
VIEWS = (HOSTS, VMS, STORAGE, NETWORKING)
FOLDER_OF_VIEW = {
    HOSTS: FolderKind.HOST,
    VMS: FolderKind.VM,
    STORAGE: FolderKind.DATASTORE,
    NETWORKING: FolderKind.NETWORK,
}
TYPES_OF_VIEW: dict[str, tuple[type[Model], ...]] = {
    HOSTS: (Cluster, Host, ResourcePool, VirtualMachine),
    VMS: (ResourcePool, VirtualMachine),
    STORAGE: (Datastore,),
    NETWORKING: (Network,),
}
PAGE = 200
MORE = "More"


@dataclass(frozen=True, slots=True)
class TreeNode:
    """One line of the tree. `kind` is vSphere's type ("VCenter" for the root), or `MORE`: `offset` asks for the rest.

    State fields are empty where the kind has no such state. `status` is green, yellow, red or gray.
    """

    moref: str
    kind: str
    name: str
    has_children: bool = False
    status: str = "green"
    readable: bool = True
    template: bool = False
    power: str = ""
    connection: str = ""
    standby: str = ""
    maintenance: bool = False
    hosted: bool = False
    accessible: bool = True
    vapp: bool = False
    offset: int = 0


def children(user: rights.User, vc: VCenter, view: str, moref: str | None, offset: int = 0) -> list[TreeNode]:
    """What hangs on a node, at most `PAGE` lines from `offset` on, then a line of kind `MORE`; None asks for the root.

    Raises Http404 where there is no such node for this person.
    """
    level = _Level(user, vc, _checked(view))
    if moref is None:
        return [level.root()]
    parent = find(vc, moref)
    if parent is None or not level.shows(parent):
        raise Http404("node")
    return level.page(parent, offset)


def path_to(user: rights.User, vc: VCenter, view: str, moref: str) -> list[str]:
    """References from the root to the object, both included; empty where the view does not show it."""
    obj = find(vc, moref)
    level = _Level(user, vc, _checked(view))
    path: list[str] = []
    while obj is not None:
        if not level.has_place_for(obj):
            return []
        path.append(obj.moref)
        obj = level.above(obj)
    return path[::-1]


def _checked(view: str) -> str:
    if view not in VIEWS:
        raise Http404("view")
    return view


Source = tuple[type[Model], Q]


def hanging(view: str, on: type[Model], column: Callable[[str], Any]) -> list[Source]:
    """What hangs on a node of type `on`, in tree order; `column` gives the node's values, or references to them."""
    kind, pk = FOLDER_OF_VIEW[view], column("pk")
    if on is Folder:
        leaves = [*_vapps(view, Q(folder=pk)), *_leaves(view, {"folder": pk})]
        return [(Folder, Q(parent=pk)), (Datacenter, Q(folder=pk)), *leaves]
    if on is Datacenter:
        fixed = {"folder__datacenter": pk, "folder__fixed": True, "folder__folder_kind": kind}
        below = Q(parent__datacenter=pk, parent__fixed=True, parent__folder_kind=kind)
        homeless = Q(folder__isnull=True, cluster__datacenter=pk)
        return [(Folder, below), *_vapps(view, Q(**fixed) | homeless), *_leaves(view, fixed)]
    if on is Cluster:
        return [(Host, Q(cluster=pk)), *_in_root_pool(pk)]
    if on is Host:
        return _in_root_pool(column("cluster_id"), cluster__standalone=True)
    if on is ResourcePool:
        inside = Q(parent=pk, is_vapp=True) if view == VMS else Q(parent=pk)
        return [(ResourcePool, inside), (VirtualMachine, Q(pool=pk))]
    return []


def _vapps(view: str, place: Q) -> list[Source]:
    """The vApps of a folder among virtual machines and templates; a child vApp hangs on the one around it."""
    return [(ResourcePool, Q(is_vapp=True, parent__is_vapp=False) & place)] if view == VMS else []


def _in_root_pool(cluster: Any, **also: Any) -> list[Source]:
    conditions = {"cluster": cluster, "parent__isnull": True, **also}
    pools = Q(**{f"parent__{key}": value for key, value in conditions.items()})
    vms = Q(**{f"pool__{key}": value for key, value in conditions.items()})
    return [(ResourcePool, pools), (VirtualMachine, vms)]


def _leaves(view: str, inside: dict[str, Any]) -> list[Source]:
    """What a folder of the view's own kind holds; `inside` are the conditions that name the folder."""
    if view == HOSTS:
        alone = {f"cluster__{key}": value for key, value in inside.items()}
        return [(Cluster, Q(standalone=False, **inside)), (Host, Q(cluster__standalone=True, **alone))]
    if view == VMS:
        outside = Q(pool__isnull=True) | Q(pool__is_vapp=False)
        return [(VirtualMachine, Q(**inside) & outside)]
    return [({STORAGE: Datastore, NETWORKING: Network}[view], Q(**inside))]


class _Level:
    """One person looking at one view of one vCenter."""

    def __init__(self, user: rights.User, vc: VCenter, view: str) -> None:
        self.user, self.vc, self.view = user, vc, view
        self.all = reads_everything(user, vc)

    @cached_property
    def ways(self) -> set[str]:
        return ways_to(self.user, self.vc, FOLDER_OF_VIEW[self.view])

    def root(self) -> TreeNode:
        if not self.all and self.vc.moref not in self.ways:
            raise Http404("node")
        return TreeNode(self.vc.moref, self.vc.KIND, self.vc.name, True, readable=self.readable(self.vc))

    def shows(self, obj: Any) -> bool:
        return self.all or obj.moref in self.ways

    def readable(self, obj: Any) -> bool:
        return self.all or READ in rights.privileges(self.user, obj)

    def rows(self, model: type[Model]) -> QuerySet[Any]:
        """The rows of a model that have a place in this person's tree.

        The vCenter is no condition here: what they hang on names it already, and a planner that is offered both looks
        through the whole vCenter.
        """
        rows = model._default_manager.all()
        if self.all:
            return rows
        if model not in CONTAINERS:
            return rows.filter(visible_q(self.user, self.vc, model))
        pks = rights.of(self.user, self.vc).containers.morefs[model].items()
        return rows.filter(pk__in=[pk for pk, moref in pks if moref in self.ways])

    def page(self, parent: Any, offset: int) -> list[TreeNode]:
        nodes: list[TreeNode] = []
        skip = max(0, offset)
        for model, condition in self.sources(parent):
            rows = self.rows(model).filter(condition)
            held = rows.count() if skip else 0
            if skip and skip >= held:
                skip -= held
                continue
            nodes += [self.node(row) for row in self.expandable(model, rows)[skip : skip + PAGE + 1 - len(nodes)]]
            skip = 0
            if len(nodes) > PAGE:
                return [*nodes[:PAGE], TreeNode(parent.moref, MORE, "", offset=max(0, offset) + PAGE)]
        return nodes

    def sources(self, parent: Any) -> list[Source]:
        if isinstance(parent, VCenter):
            parent = Folder.objects.get(vcenter=parent, moref=parent.moref)
        return hanging(self.view, type(parent), partial(getattr, parent))

    def expandable(self, model: type[Model], rows: QuerySet[Any]) -> QuerySet[Any]:
        """Add `expands`: something hangs on the row."""
        below = hanging(self.view, model, OuterRef)
        anything: Any = Q()
        for child, condition in below:
            anything |= Q(Exists(self.rows(child).filter(condition).order_by()))
        if model is Host:  # asked first, it spares the search below each host of a cluster
            anything = Q(cluster__standalone=True) & anything
        return rows.annotate(expands=anything) if below else rows

    def node(self, row: Any) -> TreeNode:
        common = {
            "moref": row.moref,
            "kind": str(row.kind),
            "name": row.name,
            "has_children": bool(getattr(row, "expands", False)),
            "status": row.overall_status,
            "readable": not isinstance(row, CONTAINERS) or self.readable(row),
        }
        return TreeNode(**common, **_state_of(row))

    def has_place_for(self, obj: Any) -> bool:
        """True where this view has a line for such an object, and this person sees it."""
        if not _has_line(self.view, obj):
            return False
        return self.shows(obj) if isinstance(obj, (VCenter, *CONTAINERS)) else self.readable(obj)

    def above(self, obj: Any) -> Any:
        """The object on whose line `obj` hangs; None above the root."""
        if isinstance(obj, VCenter):
            return None
        if isinstance(obj, Host):
            return self._in_folder(obj.cluster.folder) if obj.cluster.standalone else obj.cluster
        if isinstance(obj, ResourcePool):
            return self._pool(obj.parent) if self.view == HOSTS else self._of_vapp(obj)
        if isinstance(obj, VirtualMachine) and self.view == HOSTS:
            return self._pool(obj.pool)
        if isinstance(obj, VirtualMachine) and obj.pool is not None and obj.pool.is_vapp:
            return obj.pool
        return self._in_folder(obj.parent if isinstance(obj, Folder) else obj.folder)

    def _pool(self, pool: Any) -> Any:
        """A root pool has no line: what lies in it hangs on the cluster, or on the standalone host."""
        if pool.parent_id is not None:
            return pool
        cluster = pool.cluster
        return cluster.hosts.select_related("cluster").first() if cluster.standalone else cluster

    def _of_vapp(self, vapp: Any) -> Any:
        """What a vApp hangs on among virtual machines and templates."""
        if vapp.parent.is_vapp:
            return vapp.parent
        return self._in_folder(vapp.folder) if vapp.folder else vapp.cluster.datacenter

    def _in_folder(self, folder: Any) -> Any:
        """A fixed folder has no line: what lies in it hangs on the datacenter, and the root folder is the vCenter."""
        if folder.moref == self.vc.moref:
            return self.vc
        return folder.datacenter if folder.fixed else folder


def _has_line(view: str, obj: Any) -> bool:
    if isinstance(obj, VCenter | Datacenter):
        return True
    if isinstance(obj, Folder):
        return not obj.fixed and obj.folder_kind in (FolderKind.DATACENTER, FOLDER_OF_VIEW[view])
    if isinstance(obj, Cluster) and obj.standalone:
        return False
    if isinstance(obj, ResourcePool) and (obj.is_root or (view == VMS and not obj.is_vapp)):
        return False
    if isinstance(obj, VirtualMachine) and view == HOSTS and obj.pool_id is None:
        return False
    return isinstance(obj, TYPES_OF_VIEW[view])


def _state_of(row: Any) -> dict[str, Any]:
    """The fields of a `TreeNode` that depend on the type."""
    if isinstance(row, VirtualMachine):
        return {"power": row.power_state, "connection": row.connection_state, "template": row.template}
    if isinstance(row, Host):
        return {
            "power": row.power_state,
            "connection": row.connection_state,
            "standby": row.standby_mode,
            "maintenance": row.in_maintenance,
            "hosted": row.hosted,
        }
    if isinstance(row, Datastore):
        return {"accessible": row.accessible}
    return {"vapp": row.is_vapp} if isinstance(row, ResourcePool) else {}
