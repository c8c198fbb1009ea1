"""Choosing an object of the inventory in a form: a tree that opens lazily, or a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.http import Http404
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from domain.faults import MethodFault
from domain.morefs import FolderKind, Kind
from inventory import selectors, words
from inventory.models import Cluster, Datacenter, Folder, Host, ResourcePool, VCenter
from inventory.selectors.tree import HOSTS, MORE, NETWORKING, STORAGE, VMS, TreeNode

ROOT_KIND = "VCenter"
CONTAINERS = frozenset({ROOT_KIND, Kind.FOLDER, Kind.DATACENTER})
COMPUTE = frozenset({Kind.CLUSTER, Kind.HOST, Kind.POOL, Kind.VAPP})


@dataclass(frozen=True)
class Pick:
    """What may be chosen: in which tree, which kinds are shown, and which of them are an answer."""

    view: str
    shown: frozenset[str]
    answers: frozenset[str]
    resolve: Callable[[Any, VCenter, str], Any]


# --- from a reference to what a service takes ------------------------------------------------------------------------
def _folder_in(kind: FolderKind) -> Callable[[Any, VCenter, str], Folder]:
    def resolve(user: Any, vc: VCenter, moref: str) -> Folder:
        obj = selectors.object_for(user, vc, moref)
        return folder_of(obj, kind)

    return resolve


def folder_of(obj: Any, kind: FolderKind) -> Folder:
    """The folder of this kind that an object stands for: a datacenter for its fixed one, the vCenter for its root."""
    if isinstance(obj, Datacenter):
        return Folder.objects.get(datacenter=obj, folder_kind=kind, fixed=True)
    if isinstance(obj, VCenter):
        return Folder.objects.get(vcenter=obj, moref=obj.moref)
    if isinstance(obj, Folder):
        return obj
    raise Http404("folder")


@dataclass(frozen=True)
class Place:
    """Where a VM is to run: a pool, and the host where one was chosen."""

    chosen: Any
    pool: ResourcePool
    host: Host | None
    cluster: Cluster


def place_of(obj: Any) -> Place:
    """A cluster or a host stands for its root pool."""
    if isinstance(obj, ResourcePool):
        alone = obj.cluster.hosts.first() if obj.cluster.standalone else None
        return Place(obj, obj, alone, obj.cluster)
    cluster = obj if isinstance(obj, Cluster) else obj.cluster
    pool = ResourcePool.objects.select_related("cluster").get(cluster=cluster, parent__isnull=True)
    return Place(obj, pool, obj if isinstance(obj, Host) else None, cluster)


def _place(user: Any, vc: VCenter, moref: str) -> Place:
    return place_of(selectors.object_for(user, vc, moref))


def _object(user: Any, vc: VCenter, moref: str) -> Any:
    return selectors.object_for(user, vc, moref)


PICKS = {
    "vm-folder": Pick(VMS, CONTAINERS, frozenset({Kind.FOLDER, Kind.DATACENTER}), _folder_in(FolderKind.VM)),
    "host-folder": Pick(HOSTS, CONTAINERS, frozenset({Kind.FOLDER, Kind.DATACENTER}), _folder_in(FolderKind.HOST)),
    "datastore-folder": Pick(
        STORAGE, CONTAINERS, frozenset({Kind.FOLDER, Kind.DATACENTER}), _folder_in(FolderKind.DATASTORE)
    ),
    "network-folder": Pick(
        NETWORKING, CONTAINERS, frozenset({Kind.FOLDER, Kind.DATACENTER}), _folder_in(FolderKind.NETWORK)
    ),
    "datacenter-folder": Pick(
        VMS, frozenset({ROOT_KIND, Kind.FOLDER}), frozenset({ROOT_KIND, Kind.FOLDER}),
        _folder_in(FolderKind.DATACENTER),
    ),
    "compute": Pick(HOSTS, CONTAINERS | COMPUTE, COMPUTE, _place),
    "pool": Pick(HOSTS, CONTAINERS | COMPUTE, COMPUTE, _place),
}  # fmt: skip


# --- the tree --------------------------------------------------------------------------------------------------------
@dataclass
class Branch:
    node: TreeNode
    label: str
    icon: str
    answer: bool
    url: str
    opens: bool = False
    children: list[Branch] = field(default_factory=list)


def branches(
    user: Any, vc: VCenter, what: str, moref: str | None, field_name: str, path: Sequence[str] = ()
) -> list[Branch]:
    """The lines below a node; those on `path` are open and have their children."""
    pick = PICKS[what]
    nodes = [n for n in selectors.tree.children(user, vc, pick.view, moref) if n.kind in pick.shown]
    return [_branch(user, vc, what, node, field_name, path) for node in nodes if node.kind != MORE]


def _branch(user: Any, vc: VCenter, what: str, node: TreeNode, field_name: str, path: Sequence[str]) -> Branch:
    pick = PICKS[what]
    query = urlencode({"node": node.moref, "field": field_name})
    url = f"{reverse('inventory:pick', kwargs={'vc': vc.uuid, 'what': what})}?{query}" if node.has_children else ""
    word = words.VCENTER if node.kind == ROOT_KIND else words.of(Kind, node.kind)
    branch = Branch(node, _label(pick, node), word.icon, node.kind in pick.answers and node.readable, url)
    if url and (node.moref in path or node.kind == ROOT_KIND):
        branch.opens = True
        branch.children = branches(user, vc, what, node.moref, field_name, path)
    return branch


def _label(pick: Pick, node: TreeNode) -> str:
    if node.kind == Kind.HOST and (node.maintenance or node.connection not in ("", "connected")):
        state = words.MAINTENANCE if node.maintenance else words.of(words.HostConnection, node.connection)
        return f"{node.name} ({state})"
    return node.name


class TreePicker(forms.Widget):
    """Radio buttons on a tree. `what` names an entry of `PICKS`."""

    input_type = "tree"
    use_fieldset = True

    def __init__(self, what: str, user: Any, vcenter: VCenter) -> None:
        super().__init__()
        self.what, self.user, self.vcenter = what, user, vcenter

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        pick = PICKS[self.what]
        path = selectors.tree.path_to(self.user, self.vcenter, pick.view, value) if value else []
        path = path[:-1] or [n.moref for n in self._only_children()]  # what is chosen is not itself open
        lines = branches(self.user, self.vcenter, self.what, None, name, path)
        context = {"branches": lines, "field": name, "value": value or "", "id": (attrs or {}).get("id", name)}
        return render_to_string("inventory/wizards/tree.html", context)

    def _only_children(self) -> list[TreeNode]:
        """Open a datacenter that is alone: there is nothing else to look at."""
        view = PICKS[self.what].view
        first = selectors.tree.children(self.user, self.vcenter, view, self.vcenter.moref)
        return first if len(first) == 1 else []


class TreeField(forms.CharField):
    """A chosen object, resolved to what the service takes; one that is out of sight is an error, not a 404."""

    def __init__(self, what: str, user: Any, vcenter: VCenter, **more: Any) -> None:
        self.what, self.user, self.vcenter = what, user, vcenter
        super().__init__(widget=TreePicker(what, user, vcenter), **more)
        self.error_messages["required"] = _("Choose one.")

    def clean(self, value: Any) -> Any:
        moref = super().clean(value)
        if not moref:
            return None
        try:
            return PICKS[self.what].resolve(self.user, self.vcenter, moref)
        except (Http404, MethodFault):
            raise forms.ValidationError(_("This object does not exist (any more)."), code="NotFound") from None


# --- tables ----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Line:
    """One row of a table to choose from."""

    value: str
    cells: tuple[str, ...]
    icon: str
    why_not: str = ""


class TableField(forms.CharField):
    """One of the rows of a table; `many` = several, as a list."""

    def __init__(self, heads: Sequence[Any], lines: Sequence[Line], *, many: bool = False, **more: Any) -> None:
        self.lines, self.many = lines, many
        super().__init__(widget=TablePicker(heads, lines, many), **more)
        self.error_messages["required"] = _("Choose one.")

    def clean(self, value: Any) -> Any:
        known = {line.value for line in self.lines if not line.why_not}
        wanted = [v for v in (value or []) if v] if self.many else [value] if value else []
        if not wanted and self.required:
            raise forms.ValidationError(self.error_messages["required"], code="required")
        if set(wanted) - known:
            raise forms.ValidationError(_("This cannot be chosen (any more)."), code="NotFound")
        return wanted if self.many else (wanted[0] if wanted else "")


class TablePicker(forms.Widget):
    input_type = "table"
    use_fieldset = True

    def __init__(self, heads: Sequence[Any], lines: Sequence[Line], many: bool) -> None:
        super().__init__()
        self.heads, self.lines, self.many = heads, lines, many

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        return data.getlist(name) if self.many and hasattr(data, "getlist") else data.get(name)

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        chosen = set(value) if isinstance(value, list | tuple | set) else {value}
        context = {
            "heads": self.heads, "lines": self.lines, "field": name, "chosen": chosen,
            "many": self.many, "id": (attrs or {}).get("id", name),
        }  # fmt: skip
        return render_to_string("inventory/wizards/table.html", context)
