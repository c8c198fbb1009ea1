"""Choosing an object of the inventory in a form: a tree that opens lazily, or a table.

A tree asks for the privileges that it takes on what is chosen: a place that lacks one is greyed and says which.
"""

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
from domain.privileges import into
from inventory import rights, selectors, words
from inventory.models import Cluster, Datacenter, Folder, Host, ResourcePool, VCenter
from inventory.selectors.tree import HOSTS, MORE, NETWORKING, STORAGE, VMS, TreeNode

ROOT_KIND = "VCenter"
CONTAINERS = frozenset({ROOT_KIND, Kind.FOLDER, Kind.DATACENTER})
COMPUTE = frozenset({Kind.CLUSTER, Kind.HOST, Kind.POOL, Kind.VAPP})


@dataclass(frozen=True)
class Pick:
    """What may be chosen: in which tree, which kinds are shown, and which of them are an answer.

    `folders`: where a datacenter stands for its fixed folder, the kind of that.
    """

    view: str
    shown: frozenset[str]
    answers: frozenset[str]
    resolve: Callable[[Any, VCenter, str], Any]
    folders: FolderKind | None = None


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


def _folders(view: str, kind: FolderKind) -> Pick:
    return Pick(view, CONTAINERS, frozenset({Kind.FOLDER, Kind.DATACENTER}), _folder_in(kind), kind)


PICKS = {
    "vm-folder": _folders(VMS, FolderKind.VM),
    "host-folder": _folders(HOSTS, FolderKind.HOST),
    "datastore-folder": _folders(STORAGE, FolderKind.DATASTORE),
    "network-folder": _folders(NETWORKING, FolderKind.NETWORK),
    "datacenter-folder": Pick(
        VMS, frozenset({ROOT_KIND, Kind.FOLDER}), frozenset({ROOT_KIND, Kind.FOLDER}),
        _folder_in(FolderKind.DATACENTER),
    ),
    "compute": Pick(HOSTS, CONTAINERS | COMPUTE, COMPUTE, _place),
    "pool": Pick(HOSTS, CONTAINERS | COMPUTE, COMPUTE, _place),
}  # fmt: skip


# --- the rights that a place lacks -----------------------------------------------------------------------------------
def why_not(user: Any, vc: VCenter, pick: Pick, nodes: Sequence[Any], asks: Sequence[str]) -> dict[str, str]:
    """The sentence about the first privilege that is missing, by reference of those of `nodes` that lack one.

    A node has `moref`, `kind` and `name`. At most one query beyond those for the person's rights.
    """
    known = rights.of(user, vc)
    nodes = [node for node in nodes if node.kind in pick.answers]
    if not asks or not nodes:
        return {}
    stands = _what_they_stand_for(known, vc, pick, nodes)
    found = {}
    for node in nodes:
        held = known.on_container(stands[node.moref])
        wanted = (into(privilege, vapp=node.kind == Kind.VAPP) for privilege in asks)
        if missing := next((privilege for privilege in wanted if privilege not in held), ""):
            found[node.moref] = words.fault_sentence(known.refusal(missing, node.name).to_dict())
    return found


def _what_they_stand_for(known: rights.Rights, vc: VCenter, pick: Pick, nodes: Sequence[Any]) -> dict[str, str]:
    """The container that takes what is put there: of a datacenter a folder, of a cluster or a host the root pool."""
    stands = {node.moref: node.moref for node in nodes}
    if known.uniform is not None:  # the same everywhere
        return stands
    for node in nodes:
        if node.kind in (Kind.CLUSTER, Kind.HOST):
            stands[node.moref] = known.containers.root_pool(node.moref)
    datacenters = [node.moref for node in nodes if node.kind == Kind.DATACENTER]
    if datacenters:
        fixed = Folder.objects.filter(
            vcenter=vc, datacenter__moref__in=datacenters, folder_kind=pick.folders or "", fixed=True
        )
        stands |= dict(fixed.values_list("datacenter__moref", "moref"))
    return stands


# --- the tree --------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Tree:
    """One tree of one form, as its lines carry it on to those below: what is asked, of whom, by which field."""

    user: Any
    vc: VCenter
    what: str
    field: str
    asks: tuple[str, ...] = ()

    @property
    def pick(self) -> Pick:
        return PICKS[self.what]

    def below(self, moref: str) -> str:
        """The address of the lines below a node."""
        query = {"node": moref, "field": self.field} | ({"asks": ",".join(self.asks)} if self.asks else {})
        return (
            f"{reverse('inventory:pick', kwargs={'vc': self.vc.uuid, 'what': self.what})}?{urlencode(query, safe=',')}"
        )


@dataclass
class Branch:
    """A line; `why_not` says why it cannot be chosen though it is an answer."""

    node: TreeNode
    label: str
    icon: str
    answer: bool
    url: str
    why_not: str = ""
    opens: bool = False
    children: list[Branch] = field(default_factory=list)


def branches(tree: Tree, moref: str | None, path: Sequence[str] = ()) -> list[Branch]:
    """The lines below a node; those on `path` are open and have their children."""
    shown = selectors.tree.children(tree.user, tree.vc, tree.pick.view, moref)
    nodes = [node for node in shown if node.kind in tree.pick.shown and node.kind != MORE]
    lacking = why_not(tree.user, tree.vc, tree.pick, [node for node in nodes if node.readable], tree.asks)
    return [_branch(tree, node, lacking.get(node.moref, ""), path) for node in nodes]


def _branch(tree: Tree, node: TreeNode, why: str, path: Sequence[str]) -> Branch:
    url = tree.below(node.moref) if node.has_children else ""
    word = words.VCENTER if node.kind == ROOT_KIND else words.of(Kind, node.kind)
    answer = node.kind in tree.pick.answers and node.readable
    branch = Branch(node, _label(tree.pick, node), word.icon, answer, url, why)
    if url and (node.moref in path or node.kind == ROOT_KIND):
        branch.opens = True
        branch.children = branches(tree, node.moref, path)
    return branch


def _label(pick: Pick, node: TreeNode) -> str:
    if node.kind == Kind.HOST and (node.maintenance or node.connection not in ("", "connected")):
        state = words.MAINTENANCE if node.maintenance else words.of(words.HostConnection, node.connection)
        return f"{node.name} ({state})"
    return node.name


class TreePicker(forms.Widget):
    """Radio buttons on a tree. `what` names an entry of `PICKS`; `asks`: the privileges that a place has to give."""

    input_type = "tree"
    use_fieldset = True

    def __init__(self, what: str, user: Any, vcenter: VCenter, asks: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.what, self.user, self.vcenter, self.asks = what, user, vcenter, asks

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        tree = Tree(self.user, self.vcenter, self.what, name, self.asks)
        path = selectors.tree.path_to(self.user, self.vcenter, tree.pick.view, value) if value else []
        path = path[:-1] or [n.moref for n in self._only_children()]  # what is chosen is not itself open
        lines = branches(tree, None, path)
        context = {"branches": lines, "field": name, "value": value or "", "id": (attrs or {}).get("id", name)}
        return render_to_string("inventory/wizards/tree.html", context)

    def _only_children(self) -> list[TreeNode]:
        """Open a datacenter that is alone: there is nothing else to look at."""
        view = PICKS[self.what].view
        first = selectors.tree.children(self.user, self.vcenter, view, self.vcenter.moref)
        return first if len(first) == 1 else []


class TreeField(forms.CharField):
    """A chosen object, resolved to what the service takes; one that is out of sight is an error, not a 404, and so is
    one that does not give the privileges in `asks`."""

    def __init__(self, what: str, user: Any, vcenter: VCenter, *, asks: Sequence[str] = (), **more: Any) -> None:
        self.what, self.user, self.vcenter, self.asks = what, user, vcenter, tuple(asks)
        super().__init__(widget=TreePicker(what, user, vcenter, self.asks), **more)
        self.error_messages["required"] = _("Choose one.")

    def clean(self, value: Any) -> Any:
        moref = super().clean(value)
        if not moref:
            return None
        try:
            found = PICKS[self.what].resolve(self.user, self.vcenter, moref)
        except (Http404, MethodFault):
            raise forms.ValidationError(_("This object does not exist (any more)."), code="NotFound") from None
        if self.asks and (why := self._why_not(moref)):
            raise forms.ValidationError(why, code="NoPermission")
        return found

    def _why_not(self, moref: str) -> str:
        chosen = [selectors.object_for(self.user, self.vcenter, moref)]
        return why_not(self.user, self.vcenter, PICKS[self.what], chosen, self.asks).get(moref, "")


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
