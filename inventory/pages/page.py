"""The frame of an object's page: who it is, where it lies, its tabs and sections, what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from domain.morefs import Kind
from domain.states import HostConnection, ToolsStatus, VmConnection
from inventory import actions, metrics, rights, words
from inventory.metrics import Latest
from inventory.models import Cluster, Event, EventLink, Folder, Host, TriggeredAlarm, VCenter, VirtualMachine
from inventory.pages import registry
from inventory.pages.registry import Section, Text
from inventory.prepared import PreparedModels

MOST_ALARMS = 50
RECENT_EVENTS = 8


def _alarms_of(vcenter: int, moref: str) -> QuerySet[TriggeredAlarm]:
    rows = TriggeredAlarm.objects.filter(vcenter=vcenter, entity=moref).select_related("definition")
    return rows.order_by("-triggered_lab_s")[:MOST_ALARMS]


def _events_of(vcenter: int, moref: str) -> QuerySet[Event]:
    linked = EventLink.objects.filter(vcenter=vcenter, moref=moref).values("event_id")
    return Event.objects.filter(Q(entity=moref) | Q(pk__in=linked), vcenter=vcenter).order_by("-key")[:RECENT_EVENTS]


_alarms = PreparedModels(_alarms_of)
_events = PreparedModels(_events_of)


@dataclass(frozen=True)
class Link:
    """A tab or a section as a template draws it."""

    slug: str
    label: Text
    url: str


@dataclass(frozen=True)
class Group:
    label: Text
    sections: list[Link]


@dataclass(frozen=True)
class Banner:
    """Something that a person should know about the object before anything else."""

    tone: str
    icon: str
    text: str
    alarm: Any = None
    lines: tuple[str, ...] = ()


class ObjectPage:
    """Everything about a page but its content. Parts are worked out when a template asks for them."""

    def __init__(self, request: HttpRequest, vcenter: VCenter, obj: Any, tab: str = "", section: str = "") -> None:
        self.request, self.user = request, request.user
        self.vc, self.obj = vcenter, obj
        self.moref, self.name = obj.moref, obj.name
        self.kind = registry.kind_key(obj)
        slugs = registry.tabs_for(obj)
        if (tab and tab not in slugs) or not slugs:
            raise Http404
        self.tab = self._tab(tab or slugs[0])
        self.tabs = [self._tab(slug) for slug in slugs]
        self.sections = registry.sections_for(obj, self.tab.slug)
        self.section = self._chosen(section)

    def _tab(self, slug: str) -> Link:
        url = reverse("inventory:object-tab", args=(self.vc.uuid, self.moref, slug))
        return Link(slug, registry.TAB_LABELS[slug], url)

    def _chosen(self, slug: str) -> Section | None:
        if not slug:
            return self.sections[0] if self.sections else None
        found = next((one for one in self.sections if one.slug == slug), None)
        if found is None:
            raise Http404
        return found

    @property
    def groups(self) -> list[Group]:
        """The section list of the tab; a tab with one section has none."""
        groups: dict[str, list[Link]] = {}
        for one in self.sections:
            url = reverse("inventory:object-section", args=(self.vc.uuid, self.moref, self.tab.slug, one.slug))
            groups.setdefault(one.group, []).append(Link(one.slug, one.label, url))
        labelled = [Group(registry.GROUPS.get(key, ""), links) for key, links in groups.items()]
        return labelled if len(self.sections) > 1 else []

    @property
    def menu_url(self) -> str:
        return f"/vc/{self.vc.uuid}/{self.moref}/menu/"

    @property
    def quick(self) -> list[Any]:
        """The small action icons of the header."""
        return actions.quick(self.user, self.obj)

    @cached_property
    def privileges(self) -> frozenset[str]:
        return rights.privileges(self.user, self.obj)

    @cached_property
    def latest(self) -> Latest | None:
        """The newest figures of the vCenter, None while they are offline; asked for once."""
        return metrics.latest(self.vc)

    @cached_property
    def path(self) -> list[Any]:
        """The objects above this one, from the vCenter down; for the line above the name."""
        if isinstance(self.obj, VCenter):
            return []
        above = _above(self.obj)
        for one in above:
            one.vcenter = self.vc  # they are in the same one, and their links name it
        return [self.vc, *above]

    @cached_property
    def cards(self) -> dict[str, dict[str, Any]]:
        """Cards that other apps put into the Summary, by slug: their template and what it shows."""
        found = registry.cards_for(self.obj)
        return {card.slug: {"template": card.template, "card": card.content(self)} for card in found}

    @cached_property
    def alarms(self) -> list[Any]:
        found = _alarms.all(self.vc.pk, self.moref)
        for alarm in found:
            alarm.vcenter = self.vc
        return found

    @cached_property
    def banners(self) -> list[Banner]:
        """What is wrong with the object itself, then its alarms that nobody has acknowledged."""
        found = [*_troubles(self.obj), *(banner for tell in registry.BANNERS for banner in tell(self))]
        for alarm in self.alarms:
            if not alarm.acknowledged:
                word = words.of(words.Status, alarm.status)
                text = f"{_(alarm.definition.name)} ({word})"
                found.append(Banner(word.tone, word.icon, text, alarm))
        return found

    def recent_events(self) -> list[Any]:
        found = _events.all(self.vc.pk, self.moref)
        for event in found:
            event.vcenter = self.vc
        return found


def _above(obj: Any) -> list[Any]:
    """Ancestors by the relations that are at hand."""
    if isinstance(obj, VirtualMachine):
        compute = [] if obj.host.cluster.standalone else [obj.host.cluster]
        return [obj.host.cluster.datacenter, *compute, obj.host]
    if isinstance(obj, Host):
        return [obj.cluster.datacenter, *([] if obj.cluster.standalone else [obj.cluster])]
    if isinstance(obj, Folder):
        return _folders(obj.parent, obj.datacenter)
    if isinstance(obj, Cluster) or obj.kind in (Kind.DATASTORE, Kind.NETWORK):
        return _folders(obj.folder, obj.datacenter)
    if obj.kind == Kind.DATACENTER:
        return _folders(obj.folder, None)
    return [obj.cluster.datacenter, obj.cluster, *_pools(obj.parent)]


def _folders(folder: Folder | None, datacenter: Any) -> list[Any]:
    """The datacenter and the folders that people see: neither the root nor the four fixed ones."""
    chain: list[Any] = []
    while folder is not None and not folder.fixed:
        chain.insert(0, folder)
        folder = folder.parent
    return ([datacenter] if datacenter else []) + chain


def _pools(pool: Any) -> list[Any]:
    chain: list[Any] = []
    while pool is not None and not pool.is_root:
        chain.insert(0, pool)
        pool = pool.parent
    return chain


def _troubles(obj: Any) -> list[Banner]:
    if isinstance(obj, VirtualMachine):
        return _vm_troubles(obj)
    if isinstance(obj, Host) and obj.connection_state == HostConnection.NOT_RESPONDING:
        text = _("The host does not respond. What it runs is not known until it answers again.")
        return [Banner("error", "error-standard", text)]
    if getattr(obj, "accessible", True) is False:
        text = _("The datastore is not accessible. Virtual machines on it do not answer to power commands.")
        return [Banner("error", "error-standard", text)]
    return []


def _vm_troubles(vm: VirtualMachine) -> list[Banner]:
    found = []
    if vm.connection_state != VmConnection.CONNECTED:
        text = _("The virtual machine is %(state)s.") % {
            "state": str(words.of(VmConnection, vm.connection_state)).lower()
        }
        found.append(Banner("error", "error-standard", text))
    if vm.consolidation_needed:
        found.append(Banner("warn", "warning-standard", _("Virtual machine disks consolidation is needed.")))
    if vm.powered_on and vm.tools_status == ToolsStatus.NOT_INSTALLED:
        text = _("Guest tools are not installed: the guest cannot be shut down gracefully, and its address is unknown.")
        found.append(Banner("warn", "warning-standard", text))
    return found
