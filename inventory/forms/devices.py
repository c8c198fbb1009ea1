"""The devices of a VM's virtual hardware as forms: a disk, a network adapter, the CD/DVD drive."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from domain.limits import DEFAULT_LIMITS as LIMITS
from domain.states import DiskProvisioning
from inventory import words
from inventory.forms.base import DialogForm
from inventory.forms.fields import SizeField
from inventory.forms.offers import Offer, OfferField
from inventory.models import VirtualDisk, VirtualMachine, VirtualNic

Text = str | Promise
ADAPTERS = (("vmxnet3", "VMXNET 3"), ("e1000e", "E1000E"))
MODES: tuple[tuple[str, Text], ...] = (
    ("dependent", gettext_lazy("Dependent: part of snapshots")),
    ("independent", gettext_lazy("Independent: left out of snapshots")),
)
# What a CD/DVD drive stands for where it is no image on a datastore; `cd_path` then holds the key.
CLIENT, HOST = "[client]", "[host]"


class DiskForm(DialogForm):
    """One hard disk. `disk` is the existing one, None for a new one."""

    capacity = SizeField(label=gettext_lazy("Size"), most=LIMITS.disk_bytes)
    datastore = OfferField(label=gettext_lazy("Datastore"))
    provisioning = forms.ChoiceField(label=gettext_lazy("Type"), choices=words.choices(DiskProvisioning))
    mode = forms.ChoiceField(label=gettext_lazy("Disk mode"), choices=MODES)

    def __init__(self, disk: VirtualDisk | None, stores: Offer, *args: Any, **kwargs: Any) -> None:
        self.disk = disk
        super().__init__(*args, **kwargs)
        self.fields["datastore"].take(stores)  # type: ignore[attr-defined]
        if disk is not None:
            del self.fields["datastore"], self.fields["provisioning"], self.fields["mode"]
            if why := stores.why_not.get(disk.datastore.moref):
                self.fields["capacity"].disabled = True
                self.fields["capacity"].help_text = why

    def clean_capacity(self) -> int:
        capacity: int = self.cleaned_data["capacity"]
        if self.disk is not None and capacity < self.disk.capacity_bytes:
            raise forms.ValidationError(_("A disk can grow, but not shrink."), code="InvalidDeviceSpec")
        return capacity


class NicForm(DialogForm):
    """One network adapter."""

    network = OfferField(label=gettext_lazy("Network"))
    connected = forms.BooleanField(label=gettext_lazy("Connected"), required=False)
    start_connected = forms.BooleanField(label=gettext_lazy("Connect at power on"), required=False)
    adapter = forms.ChoiceField(label=gettext_lazy("Adapter type"), choices=ADAPTERS)

    def __init__(self, nic: VirtualNic | None, networks: Offer, *args: Any, **kwargs: Any) -> None:
        self.nic = nic
        super().__init__(*args, **kwargs)
        if nic is not None and nic.network is not None:
            networks = networks.keeping(nic.network.moref, nic.network.name)
        self.fields["network"].take(networks)  # type: ignore[attr-defined]
        self.fields["adapter"].disabled = nic is not None


def drive_of(vm: VirtualMachine) -> dict[str, str]:
    """What the form shows of a VM's CD/DVD drive."""
    if vm.cd_datastore is not None:
        return {"cd_datastore": vm.cd_datastore.moref, "cd_path": vm.cd_path}
    return {"cd_datastore": HOST if vm.cd_path.startswith(HOST) else "", "cd_path": ""}


def values_of(form: DialogForm) -> dict[str, Any]:
    """What a row says: as sent where it was sent, else as it began."""
    return form.cleaned_data if form.is_bound else dict(form.initial)
