"""Dialogs about where things are: move to a folder or pool, new folder, new datacenter."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from django.utils.translation import gettext_lazy as _

from domain.morefs import FolderKind
from domain.privileges import ASSIGN_VM
from inventory.forms.base import DialogForm
from inventory.forms.dialog import Dialog, dialog
from inventory.forms.fields import name_field
from inventory.forms.pickers import Place, TreeField, folder_of
from inventory.forms.simple import NameForm
from inventory.models import Cluster, Datacenter, Datastore, Folder, Network, ResourcePool, VirtualMachine
from inventory.services import folders, pools, vms

FOLDER_PICKS = {
    VirtualMachine: "vm-folder", Cluster: "host-folder", Datastore: "datastore-folder", Network: "network-folder",
    Datacenter: "datacenter-folder", ResourcePool: "vm-folder",
}  # fmt: skip
PICK_OF_KIND = {
    FolderKind.VM: "vm-folder", FolderKind.HOST: "host-folder", FolderKind.DATASTORE: "datastore-folder",
    FolderKind.NETWORK: "network-folder", FolderKind.DATACENTER: "datacenter-folder",
}  # fmt: skip


class PlaceForm(DialogForm):
    """One tree to choose from."""


class _Tree(Dialog):
    """A dialog whose only question is a place in a tree."""

    form_class = PlaceForm
    field = "folder"
    label: Any = _("Destination")

    def pick(self) -> str:
        raise NotImplementedError

    def asks(self) -> str:
        """The privilege that the service asks for on what is chosen."""
        raise NotImplementedError

    def form(self, data: Any = None) -> Any:
        form = PlaceForm(data, initial=self.initial())
        field = TreeField(self.pick(), self.user, self.vcenter, asks=(self.asks(),), label=self.label)
        form.fields[self.field] = field
        return form


@dialog("move-to-folder")
class MoveToFolder(_Tree):
    verb = _("Move To")

    def pick(self) -> str:
        if isinstance(self.obj, Folder):
            return PICK_OF_KIND[FolderKind(self.obj.folder_kind)]
        return FOLDER_PICKS[type(self.obj)]

    def asks(self) -> str:
        return folders.moving(self.obj)

    def initial(self) -> dict[str, Any]:
        above: Any = self.obj.parent if isinstance(self.obj, Folder) else self.obj.folder
        if above is None:  # a vApp whose folder has gone
            return {"folder": self.obj.cluster.datacenter.moref}
        return {"folder": above.datacenter.moref if above.fixed and above.datacenter else above.moref}

    def submit(self, form: Any) -> Any:
        return folders.move(self.user, self.obj, form.cleaned_data["folder"])


@dialog("move-to-pool")
class MoveToPool(_Tree):
    verb = _("Move to Resource Pool")
    field, label = "pool", _("Resource pool of the same cluster")

    def pick(self) -> str:
        return "pool"

    def asks(self) -> str:
        return ASSIGN_VM

    def initial(self) -> dict[str, Any]:
        return {"pool": self.obj.pool.moref if self.obj.pool else ""}

    def submit(self, form: Any) -> Any:
        place: Place = form.cleaned_data["pool"]
        return vms.move_to_pool(self.user, self.obj, place.pool)


@dialog("move-pool")
class MovePool(MoveToPool):
    verb = _("Move To")

    def asks(self) -> str:
        return pools.receiving(self.obj)

    def initial(self) -> dict[str, Any]:
        return {"pool": self.obj.parent.moref}

    def submit(self, form: Any) -> Any:
        return pools.move(self.user, self.obj, form.cleaned_data["pool"].pool)


@dialog("to-vm")
class ToVm(_Tree):
    verb = _("Convert to Virtual Machine")
    submit_label = _("Convert")
    field, label = "place", _("Compute resource")

    def pick(self) -> str:
        return "compute"

    def asks(self) -> str:
        return ASSIGN_VM

    def initial(self) -> dict[str, Any]:
        return {"place": self.obj.host.moref}

    def submit(self, form: Any) -> Any:
        place: Place = form.cleaned_data["place"]
        return vms.mark_as_vm(self.user, self.obj, place.pool, place.host)


# --- new containers --------------------------------------------------------------------------------------------------
@dialog("new-folder")
class NewFolder(Dialog):
    verb = _("New Folder")
    form_class = NameForm
    size = "sm"

    def parent(self) -> Folder:
        """The folder itself; of a datacenter the fixed folder that the menu entry names."""
        if isinstance(self.obj, Datacenter):
            kind = self.query.get("kind", "")
            if kind not in {k.value for k in FolderKind if k != FolderKind.DATACENTER}:
                raise Http404("kind")
            return folder_of(self.obj, FolderKind(kind))
        return folder_of(self.obj, FolderKind.DATACENTER)

    def submit(self, form: Any) -> Any:
        return folders.create(self.user, self.parent(), form.cleaned_data["name"])


class DatacenterForm(DialogForm):
    name = name_field(help_text=_("It gets a folder each for hosts, virtual machines, datastores and networks."))


@dialog("new-datacenter")
class NewDatacenter(Dialog):
    verb = _("New Datacenter")
    form_class = DatacenterForm
    size = "sm"

    def submit(self, form: Any) -> Any:
        folder = folder_of(self.obj, FolderKind.DATACENTER)
        return folders.create_datacenter(self.user, folder, form.cleaned_data["name"])
