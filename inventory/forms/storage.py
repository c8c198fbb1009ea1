"""New datastores and port groups, with the hosts that get them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from domain.limits import DEFAULT_LIMITS as LIMITS
from domain.morefs import FolderKind
from domain.states import DatastoreKind
from inventory import selectors, words
from inventory.forms.base import DialogForm
from inventory.forms.dialog import Dialog, dialog
from inventory.forms.fields import GIB, TIB, SizeField, name_field
from inventory.forms.pickers import Line, TableField, folder_of
from inventory.models import Cluster, Datacenter, Datastore, Folder, Host, Network
from inventory.services import datastores, networks

LOCAL_KINDS = (DatastoreKind.VMFS, DatastoreKind.NFS, DatastoreKind.NFS41)


def datacenter_of(obj: Any) -> Datacenter:
    """The datacenter in which something that is started on `obj` comes to be."""
    if isinstance(obj, Datacenter):
        return obj
    if isinstance(obj, Folder | Cluster):
        return obj.datacenter  # type: ignore[return-value]
    return obj.cluster.datacenter


def cluster_text(host: Host) -> str:
    return _("Standalone") if host.cluster.standalone else host.cluster.name


class _WithHosts(Dialog):
    """A dialog that asks for the hosts of the datacenter that get what is made."""

    size = "md"
    kind: FolderKind

    @property
    def folder(self) -> Folder:
        if isinstance(self.obj, Folder) and self.obj.folder_kind == self.kind:
            return self.obj
        return folder_of(datacenter_of(self.obj), self.kind)

    def form(self, data: Any = None) -> Any:
        form = super().form(data)
        form.folder = self.folder
        rows = selectors.hosts_visible(self.user, self.vcenter).filter(cluster__datacenter=datacenter_of(self.obj))
        found = list(rows.select_related("cluster").order_by("cluster__name", "name"))
        lines = [Line(h.moref, (h.name, cluster_text(h)), "host") for h in found]
        form.host_rows = {h.moref: h for h in found}
        field = TableField((_("Host"), _("Cluster")), lines, many=True, label=_("Hosts"), initial=self.first(found))
        form.fields["hosts"] = field
        return form

    def first(self, found: list[Host]) -> list[str]:
        """Started on a host: that host. On a cluster: its hosts. Else all."""
        if isinstance(self.obj, Host):
            return [self.obj.moref]
        if isinstance(self.obj, Cluster):
            return [h.moref for h in found if h.cluster_id == self.obj.pk]
        return [h.moref for h in found]


class DatastoreForm(DialogForm):
    folder: Folder

    name = name_field()
    kind = forms.ChoiceField(
        label=gettext_lazy("Type"), choices=[(k.value, words.of(DatastoreKind, k).label) for k in LOCAL_KINDS]
    )
    capacity = SizeField(
        label=gettext_lazy("Capacity"), least=GIB, most=LIMITS.datastore_bytes, units=("GB", "TB"), initial=4 * TIB
    )
    ssd = forms.BooleanField(label=gettext_lazy("Solid-state drives"), required=False, initial=True)

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"].strip()
        if Datastore.objects.filter(datacenter=self.folder.datacenter, name=name).exists():
            raise forms.ValidationError(_("A datastore of this name is already in the datacenter."), "DuplicateName")
        return name


@dialog("new-datastore")
class NewDatastore(_WithHosts):
    verb = gettext_lazy("New Datastore")
    form_class = DatastoreForm
    kind = FolderKind.DATASTORE

    def submit(self, form: Any) -> Any:
        data = form.cleaned_data
        chosen = [form.host_rows[m] for m in data["hosts"]]
        return datastores.create(
            self.user, self.folder, data["name"], data["kind"], data["capacity"], chosen, ssd=data["ssd"],
            local=len(chosen) == 1,
        )  # fmt: skip


class NetworkForm(DialogForm):
    folder: Folder

    name = name_field()
    vlan = forms.IntegerField(
        label=gettext_lazy("VLAN ID"), min_value=0, max_value=4095, initial=0,
        help_text=gettext_lazy("0 = none, 4095 = all"),
    )  # fmt: skip

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"].strip()
        if Network.objects.filter(datacenter=self.folder.datacenter, name=name).exists():
            raise forms.ValidationError(_("A network of this name is already in the datacenter."), "DuplicateName")
        return name


@dialog("new-network")
class NewNetwork(_WithHosts):
    verb = gettext_lazy("New Port Group")
    form_class = NetworkForm
    kind = FolderKind.NETWORK

    def submit(self, form: Any) -> Any:
        data = form.cleaned_data
        chosen = [form.host_rows[m] for m in data["hosts"]]
        return networks.create(self.user, self.folder, data["name"], data["vlan"], chosen)
