"""Edit Settings: the hardware and options of an existing VM. Only what was changed is sent to the service."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from inventory.forms.base import VersionedForm
from inventory.forms.devices import drive_of, values_of
from inventory.forms.dialog import VersionedDialog, dialog
from inventory.forms.fields import MIB
from inventory.forms.hardware import PLAIN, HardwareForm, guest_choices
from inventory.forms.offers import Offer, lacking
from inventory.forms.pickers import place_of
from inventory.forms.steps import offer_of_networks, offer_of_stores, stores_of
from inventory.models import VirtualMachine
from inventory.services import vm_checks as checks
from inventory.services import vms

EDITED = ("network", "connected", "start_connected")  # of an adapter that is there
MODEL_NAMES = {"memory": "memory_mib"}  # fields of the form that the model calls otherwise
DISK = checks.DISK_PRIVILEGES
Lacks = Callable[
    ..., str
]  # the sentence about the first of some privileges that the person lacks on the machine, or ""


class SettingsForm(HardwareForm, VersionedForm):
    guest_id = forms.ChoiceField(label=gettext_lazy("Guest OS"))
    tab = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(
        self, vm: VirtualMachine, stores: Offer, networks: Offer, lacks: Lacks, *args: Any, **kwargs: Any
    ) -> None:
        self.vm, self.lacks = vm, lacks
        super().__init__(*args, **kwargs)
        self.fields["guest_id"].choices = with_present(guest_choices(), vm.guest_id)  # type: ignore[attr-defined]
        rows = {kind: " ".join(str(d.key) for d in self._devices(kind)) for kind in ("disks", "nics")}
        self.no_new_disk, self.no_new_nic = self.why_not("disks", "add"), self.why_not("nics", "add")
        self.prepare(stores, networks, rows)
        if vm.power_state != "poweredOff":
            self.fields["guest_id"].disabled = True
        self._forbid()

    def _forbid(self) -> None:
        """Grey what the person has no right to change, and say which right it takes."""
        for name, field in self.fields.items():
            if not field.widget.is_hidden:
                self._ask(field, *checks.privileges_for({MODEL_NAMES.get(name, name): None}))
        for disk in self.disk_forms:
            self._ask(disk.fields["capacity"], DISK["add" if disk.disk is None else "grow"])
        for nic in self.nic_forms:
            if nic.nic is not None:
                self._ask(nic.fields["network"], checks.EDIT_DEVICE)
                for name in sorted(checks.CONNECTION):
                    self._ask(nic.fields[name], checks.CONNECT_DEVICE)

    def _ask(self, field: forms.Field, *privileges: str) -> None:
        why = self.lacks(*privileges)
        if why and not field.disabled:
            field.disabled, field.help_text = True, why

    def why_not(self, kind: str, verb: str) -> str:
        return self.lacks(DISK[verb] if kind == "disks" else checks.ADD_REMOVE_DEVICE)

    def changes(self) -> dict[str, Any]:
        """What differs from the VM as it is, in the form that `services.vms.reconfigure` takes."""
        assert self.vm is not None
        wanted = self.plain()
        found = {k: v for k, v in wanted.items() if v != getattr(self.vm, k)}
        if _lines(wanted["notes"]) == _lines(self.vm.notes):  # browsers end lines in their own way
            found.pop("notes", None)
        if self.cd_store() != (self.vm.cd_datastore.moref if self.vm.cd_datastore else ""):
            found["cd_datastore"] = self.cd_store()
        devices = {"disks": self._disk_changes(), "nics": self._nic_changes()}
        return self._without_derived(found) | {k: v for k, v in devices.items() if v}

    def _without_derived(self, found: dict[str, Any]) -> dict[str, Any]:
        """The value of shares follows the level, except where the level is Custom."""
        for resource in ("cpu", "memory"):
            if self.cleaned_data[f"{resource}_shares_level"] != "custom":
                found.pop(f"{resource}_shares", None)
        return found

    def _disk_changes(self) -> dict[str, Any]:
        kept = [f for f in self.disk_forms if f.disk is not None]
        grow = {f.disk.key: values_of(f)["capacity"] for f in kept if f.disk}
        grow = {key: size for key, size in grow.items() if size > self._device("disks", str(key)).capacity_bytes}
        return _found(add=self.new_disks(), grow=grow, remove=self._gone("disks", kept))

    def _nic_changes(self) -> dict[str, Any]:
        kept = [f for f in self.nic_forms if f.nic is not None]
        edit: dict[int, dict[str, Any]] = {}
        for form in kept:
            values = values_of(form)
            changed = {k: values[k] for k in EDITED if values[k] != form.initial[k]}
            if changed and form.nic:
                edit[form.nic.key] = changed
        return _found(add=self.new_nics(), edit=edit, remove=self._gone("nics", kept))

    def _gone(self, kind: str, kept: list[Any]) -> list[int]:
        here = {(f.disk if kind == "disks" else f.nic).key for f in kept}
        return [d.key for d in self._devices(kind) if d.key not in here]


def _lines(text: str) -> list[str]:
    return text.strip().splitlines()


def _found(**parts: Any) -> dict[str, Any]:
    return {name: part for name, part in parts.items() if part}


def with_present(groups: list[Any], guest_id: str) -> list[Any]:
    """The choices, with a guest that the table does not know but the VM has."""
    known = {value for _label, entries in groups for value, _text in entries}
    return groups if guest_id in known else [(guest_id, guest_id), *groups]


@dialog("edit-settings")
class EditSettings(VersionedDialog):
    verb = gettext_lazy("Edit Settings")
    template = "inventory/dialogs/edit_settings.html"
    size = "lg"

    def current(self) -> dict[str, Any]:
        vm = self.obj
        fields = {name: getattr(vm, name) for name in PLAIN}
        return (
            fields
            | {
                "memory": vm.memory_mib * MIB,
            }
            | drive_of(vm)
        )

    def form(self, data: Any = None) -> Any:
        place = place_of(self.obj.host)
        stores = offer_of_stores(self.user, stores_of(self.user, self.vcenter, place))
        networks = offer_of_networks(self.user, self.vcenter, place)
        lacks = partial(lacking, self.user, self.obj)
        return SettingsForm(self.obj, stores, networks, lacks, data, initial=self.initial())

    def submit(self, form: Any) -> Any:
        changes = form.changes()
        if not changes:
            return None
        return vms.reconfigure(self.user, self.obj, changes, expected_version=form.cleaned_data["version"])
