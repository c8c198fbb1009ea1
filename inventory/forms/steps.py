"""Steps that several wizards have: name and folder, compute resource with its compatibility panel, storage."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import Count, Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from domain.morefs import FolderKind
from domain.privileges import ASSIGN_VM
from domain.states import DiskProvisioning
from inventory import format as units
from inventory import rights, words
from inventory.forms.fields import name_field
from inventory.forms.offers import Offer, offer_of
from inventory.forms.pickers import Line, Place, TableField, TreeField
from inventory.forms.wizard import Step
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
from inventory.selectors.visible import datastores_visible, networks_visible
from inventory.services import provisioning

MOST_STORES = 300
# What comes out of a wizard (`Wizard.kind`) that makes a machine or a template.
NEW, DEPLOY, CLONE = "new", "deploy", "clone"
TO_TEMPLATE, TO_VM, COPY_TEMPLATE = "to-template", "to-vm", "copy-template"
INTO_TEMPLATE = (TO_TEMPLATE, COPY_TEMPLATE)


def start_places(obj: Any) -> dict[str, dict[str, Any]]:
    """What a wizard that was started on `obj` has filled in already, by step."""
    if isinstance(obj, Cluster | Host | ResourcePool):
        datacenter = obj.datacenter if isinstance(obj, Cluster) else obj.cluster.datacenter
        return {"compute": {"place": obj.moref}, "name": {"folder": datacenter.moref}}
    if isinstance(obj, Folder) and obj.folder_kind == FolderKind.VM:
        return {"name": {"folder": obj.moref}}
    if isinstance(obj, Datacenter):
        return {"name": {"folder": obj.moref}}
    if isinstance(obj, VirtualMachine):
        home = obj.folder.datacenter if obj.folder.fixed else obj.folder
        places = {"name": {"folder": home.moref if home else ""}}
        return places | {"compute": {"place": (obj.pool or obj.host).moref}}
    return {}


def copied_by(wizard: Any) -> VirtualMachine | None:
    """The machine or template that a wizard copies: the one that was chosen, or that it was started on."""
    chosen: VirtualMachine | None = wizard.chosen.get("source", {}).get("vm")
    if chosen is not None or wizard.kind == NEW:
        return chosen
    return wizard.obj if isinstance(wizard.obj, VirtualMachine) else None


class NameAndFolder(Step):
    key = "name"
    title = gettext_lazy("Select a name and folder")
    lead = gettext_lazy("The name has to be unique in its folder.")

    name = name_field()

    def build(self) -> None:
        self.source = copied_by(self.wizard)
        self.fields["folder"] = TreeField(
            "vm-folder", self.wizard.user, self.wizard.vcenter, asks=self._asks(), label=_("Location")
        )

    def _asks(self) -> tuple[str, ...]:
        if self.source is None:
            return (provisioning.CREATE,)
        return provisioning.arriving([self.source], as_template=self.wizard.kind in INTO_TEMPLATE)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        name, folder = data.get("name"), data.get("folder")
        if name and folder and VirtualMachine.objects.filter(folder=folder, name=name).exists():
            fault = forms.ValidationError(_("This name is already used in the folder."), "DuplicateName")
            self.add_error("name", fault)
        if self.source and (problem := copy_problem(self.wizard.user, self.source)):
            self.add_error(None, forms.ValidationError(problem, code="NoPermission"))
        return data

    def summary(self) -> list[tuple[Any, Any]]:
        folder = self.cleaned_data["folder"]
        where = folder.datacenter.name if folder.fixed else folder.name
        return [(_("Name"), self.cleaned_data["name"]), (_("Location"), where)]


class Compute(Step):
    key = "compute"
    title = gettext_lazy("Select a compute resource")
    lead = gettext_lazy("A cluster, a host or a resource pool: where the virtual machine is to run.")
    template = "inventory/wizards/compute.html"

    def build(self) -> None:
        self.fields["place"] = TreeField(
            "compute", self.wizard.user, self.wizard.vcenter, asks=(ASSIGN_VM,), label=_("Compute resource")
        )

    @property
    def verdict(self) -> tuple[str, str] | None:
        """The compatibility panel: (tone, sentence) for what is chosen now; None while nothing is."""
        value = self["place"].value()
        if not value:
            return None
        try:
            place = self.fields["place"].clean(value)
        except forms.ValidationError as error:
            return "error", " ".join(error.messages)
        problem = place_problem(place)
        return ("error", problem) if problem else ("ok", _("Compatibility checks succeeded."))

    def clean_place(self) -> Place:
        place: Place = self.cleaned_data["place"]
        if problem := place_problem(place):
            raise forms.ValidationError(problem, code="NoCompatibleHost")
        return place

    def summary(self) -> list[tuple[Any, Any]]:
        return [(words.kind(self.cleaned_data["place"].chosen).label, self.cleaned_data["place"].chosen.name)]


def place_problem(place: Place) -> str:
    """Why nothing can be run there now, "" where it can."""
    if place.host is not None:
        state = words.host_state(place.host)
        return "" if place.host.usable else _("The host is not available: %(state)s.") % {"state": state}
    hosts = list(Host.objects.filter(cluster=place.cluster))
    if not hosts:
        return _("The cluster has no host.")
    return "" if any(h.usable for h in hosts) else _("No host of the cluster can run virtual machines now.")


def stores_of(user: Any, vcenter: VCenter, place: Place | None) -> list[Datastore]:
    """Datastores that the hosts of a place mount: those that most hosts share first, then by free space."""
    rows = datastores_visible(user, vcenter)
    if place is not None:
        on = Q(mounts__host=place.host) if place.host else Q(mounts__host__cluster=place.cluster)
        rows = rows.filter(on)
    found = rows.annotate(host_count=Count("mounts", distinct=True)).order_by("name")[:MOST_STORES]
    return sorted(found, key=lambda d: (-getattr(d, "host_count", 0), -d.free_bytes))


def offer_of_stores(user: Any, stores: list[Datastore]) -> Offer:
    """Datastores for new files: one that is greyed may still be read from."""
    said = _("%(name)s (%(free)s free)")
    named = [(d, said % {"name": d.name, "free": units.size(d.free_bytes)}) for d in stores]
    return offer_of((d.moref, text, store_problem(user, d)) for d, text in named)


def offer_of_networks(user: Any, vcenter: VCenter, place: Place | None) -> Offer:
    """Networks that the hosts of a place have."""
    rows = networks_visible(user, vcenter)
    if place is not None:
        on = {"host_networks__host": place.host} if place.host else {"host_networks__host__cluster": place.cluster}
        rows = rows.filter(**on)
    return offer_of((n.moref, n.name, network_problem(user, n)) for n in rows.distinct().order_by("name"))


def network_problem(user: Any, network: Network) -> str:
    return "" if rights.has(user, "Network.Assign", network) else _("You may not assign this network.")


def copy_problem(user: Any, source: VirtualMachine) -> str:
    """Why nobody with these rights gets a copy of `source` anywhere: its adapters come with it."""
    for nic in source.nics.select_related("network"):
        if nic.network is not None and not rights.has(user, "Network.Assign", nic.network):
            return _("You may not assign its network “%(network)s”.") % {"network": nic.network.name}
    return ""


def store_lines(user: Any, stores: list[Datastore]) -> list[Line]:
    lines = []
    for store in stores:
        cells = (
            store.name,
            str(words.of(words.DatastoreKind, store.store_kind)),
            units.size(store.capacity_bytes),
            units.size(store.free_bytes),
            str(getattr(store, "host_count", "")),
        )
        lines.append(Line(store.moref, cells, "storage", store_problem(user, store)))
    return lines


def store_problem(user: Any, store: Datastore) -> str:
    if not store.accessible:
        return _("The datastore is not accessible.")
    if not rights.has(user, "Datastore.AllocateSpace", store):
        return _("You may not allocate space on this datastore.")
    return ""


class Storage(Step):
    key = "storage"
    title = gettext_lazy("Select storage")
    lead = gettext_lazy("Where the configuration and the disks are kept.")

    provisioning = forms.ChoiceField(
        label=gettext_lazy("Virtual disk format"), choices=words.choices(DiskProvisioning), initial="thin"
    )
    power_on = forms.BooleanField(label=gettext_lazy("Power on after creation"), required=False)

    def build(self) -> None:
        place = self.wizard.chosen.get("compute", {}).get("place")
        self.stores = stores_of(self.wizard.user, self.wizard.vcenter, place)
        lines = store_lines(self.wizard.user, self.stores)
        heads = (_("Name"), _("Type"), _("Capacity"), _("Free"), _("Hosts"))
        best = next((line.value for line in lines if not line.why_not), "")
        self.fields["datastore"] = TableField(heads, lines, label=_("Datastore"), initial=best)
        if self.wizard.kind == NEW:
            del self.fields["power_on"]
        else:
            del self.fields["provisioning"]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        data |= {"offered": offer_of_stores(self.wizard.user, self.stores), "stores": self.stores}
        if data.get("datastore"):
            data["datastore"] = next(d for d in self.stores if d.moref == data["datastore"])
        return data

    def summary(self) -> list[tuple[Any, Any]]:
        data = self.cleaned_data
        lines: list[tuple[Any, Any]] = [(_("Datastore"), data["datastore"].name)]
        if "provisioning" in data:
            lines.append((_("Virtual disk format"), words.of(DiskProvisioning, data["provisioning"])))
        return lines
