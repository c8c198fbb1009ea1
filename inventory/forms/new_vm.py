"""The wizard "New Virtual Machine": eight steps, and five other ways to come to a virtual machine or a template."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from domain.guests import DEFAULT_GUEST, FAMILIES, GUESTS, LINUX
from inventory import format as units
from inventory import selectors
from inventory.forms.dialog import dialog
from inventory.forms.hardware import DEFAULTS, HardwareForm
from inventory.forms.offers import lacking
from inventory.forms.pickers import Line, TableField, place_of
from inventory.forms.steps import (
    CLONE,
    COPY_TEMPLATE,
    DEPLOY,
    INTO_TEMPLATE,
    NEW,
    TO_TEMPLATE,
    TO_VM,
    Compute,
    NameAndFolder,
    Storage,
    copy_problem,
    offer_of_networks,
    start_places,
)
from inventory.forms.wizard import Review, Step, Wizard
from inventory.models import VirtualMachine
from inventory.services import provisioning, vms

TYPES = (
    (NEW, gettext_lazy("Create a new virtual machine")),
    (DEPLOY, gettext_lazy("Deploy from template")),
    (CLONE, gettext_lazy("Clone an existing virtual machine")),
    (TO_TEMPLATE, gettext_lazy("Clone virtual machine to template")),
    (TO_VM, gettext_lazy("Convert template to virtual machine")),
    (COPY_TEMPLATE, gettext_lazy("Clone template to template")),
)
FROM_TEMPLATE = (DEPLOY, TO_VM, COPY_TEMPLATE)
HARDWARE_VERSIONS = (
    (21, gettext_lazy("ESXi 8.0 U2 and later (version 21)")),
    (20, gettext_lazy("ESXi 8.0 and later (version 20)")),
    (19, gettext_lazy("ESXi 7.0 U2 and later (version 19)")),
    (17, gettext_lazy("ESXi 7.0 and later (version 17)")),
)
MOST_SOURCES = 300


class CreationType(Step):
    key = "type"
    title = gettext_lazy("Select a creation type")
    lead = gettext_lazy("How would you like to create the virtual machine?")
    template = "inventory/wizards/choices.html"

    type = forms.ChoiceField(label="", choices=TYPES, widget=forms.RadioSelect, initial=NEW)


class Source(Step):
    key = "source"
    title = gettext_lazy("Select a source")

    def build(self) -> None:
        template = self.wizard.kind in FROM_TEMPLATE
        rows = selectors.vms_visible(self.wizard.user, self.wizard.vcenter).filter(template=template)
        found = rows.select_related("host", "folder").order_by("name")[:MOST_SOURCES]
        lines = [Line(v.moref, (v.name, v.folder.name, units.mib(v.memory_mib)), "vm", self._why_not(v)) for v in found]
        heads = (_("Name"), _("Folder"), _("Memory"))
        self.fields["vm"] = TableField(heads, lines, label=_("Template") if template else _("Virtual machine"))

    def _why_not(self, vm: VirtualMachine) -> str:
        user, kind = self.wizard.user, self.wizard.kind
        if kind == TO_VM:
            return lacking(user, vm, "VirtualMachine.Provisioning.MarkAsVM")
        needed = provisioning.copying(vm, as_template=kind in INTO_TEMPLATE)
        return lacking(user, vm, needed) or copy_problem(user, vm)

    def clean_vm(self) -> VirtualMachine:
        return selectors.vm_for(self.wizard.user, self.wizard.vcenter, self.cleaned_data["vm"])

    def summary(self) -> list[tuple[Any, Any]]:
        return [(_("Source"), self.cleaned_data["vm"].name)]


class Compatibility(Step):
    key = "compatibility"
    title = gettext_lazy("Select compatibility")
    lead = gettext_lazy("The oldest hypervisor that this virtual machine has to run on.")

    hardware_version = forms.TypedChoiceField(
        label=gettext_lazy("Compatible with"), choices=HARDWARE_VERSIONS, coerce=int, initial=20
    )

    def summary(self) -> list[tuple[Any, Any]]:
        return [(_("Compatibility"), dict(HARDWARE_VERSIONS)[self.cleaned_data["hardware_version"]])]


class GuestSystem(Step):
    key = "guest"
    title = gettext_lazy("Select a guest OS")
    lead = gettext_lazy("The guest decides the first offer of memory, disk and firmware.")

    family = forms.ChoiceField(
        label=gettext_lazy("Guest OS family"), choices=list(FAMILIES.items()), initial=LINUX,
        widget=forms.Select(attrs={"data-refresh": True}),
    )  # fmt: skip
    guest_id = forms.ChoiceField(label=gettext_lazy("Guest OS version"), initial=DEFAULT_GUEST)

    def build(self) -> None:
        family = self.data.get(self.add_prefix("family"), LINUX) if self.is_bound else LINUX
        offered = [(g.id, g.label) for g in GUESTS.values() if g.family == family]
        self.fields["guest_id"].choices = offered  # type: ignore[attr-defined]

    def summary(self) -> list[tuple[Any, Any]]:
        return [(_("Guest OS"), GUESTS[self.cleaned_data["guest_id"]].label)]


class CustomizeHardware(HardwareForm, Step):
    key = "hardware"
    title = gettext_lazy("Customize hardware")
    template = "inventory/wizards/hardware.html"

    power_on = forms.BooleanField(label=gettext_lazy("Power on after creation"), required=False)

    def build(self) -> None:
        guest = GUESTS[self.wizard.chosen.get("guest", {}).get("guest_id", DEFAULT_GUEST)]
        offer = {"memory": guest.memory_mib * 1024**2, "disk_bytes": guest.disk_gib * 1024**3}
        self.initial = {**DEFAULTS, **offer, "firmware": guest.firmware, **self.initial}
        place = self.wizard.chosen["compute"]["place"]
        store = self.wizard.chosen["storage"]
        self.initial |= {"datastore": store["datastore"].moref, "provisioning": store["provisioning"]}
        networks = offer_of_networks(self.wizard.user, self.wizard.vcenter, place)
        self.no_new_disk = lacking(self.wizard.user, self.wizard.chosen["name"]["folder"], provisioning.NEW_DISK)
        disks, nics = "" if self.no_new_disk else "new1", "new1" if networks.first else ""
        self.prepare(store["offered"], networks, {"disks": disks, "nics": nics})

    def summary(self) -> list[tuple[Any, Any]]:
        data = self.cleaned_data
        stores = {s.moref: s.name for s in self.wizard.chosen["storage"]["stores"]}
        networks = dict(self.networks.choices)
        lines: list[tuple[Any, Any]] = [(_("CPUs"), data["vcpus"]), (_("Memory"), units.size(data["memory"]))]
        for number, disk in enumerate(self.new_disks(), 1):
            where = stores.get(disk["datastore"], "")
            lines.append((_("Hard disk %(n)s") % {"n": number}, f"{units.size(disk['capacity_bytes'])}, {where}"))
        for number, nic in enumerate(self.new_nics(), 1):
            lines.append((_("Network adapter %(n)s") % {"n": number}, networks.get(nic["network"], "")))
        lines.append((_("Power on after creation"), _("Yes") if data["power_on"] else _("No")))
        return lines


@dialog("new-vm")
class NewVm(Wizard):
    verb = gettext_lazy("New Virtual Machine")

    @property
    def title(self) -> str:
        return str(self.verb)

    @property
    def kind(self) -> str:
        return str(self.chosen.get("type", {}).get("type", NEW))

    def steps(self) -> list[type[Step]]:
        if "type" not in self.chosen and getattr(self, "data", None):
            self.chosen["type"] = {"type": self.data.get("type-type", NEW)}
        ways: dict[str, list[type[Step]]] = {
            NEW: [NameAndFolder, Compute, Storage, Compatibility, GuestSystem, CustomizeHardware],
            DEPLOY: [Source, NameAndFolder, Compute, Storage],
            CLONE: [Source, NameAndFolder, Compute, Storage],
            TO_TEMPLATE: [Source, NameAndFolder, Storage],
            TO_VM: [Source, Compute],
            COPY_TEMPLATE: [Source, NameAndFolder, Storage],
        }
        return [CreationType, *ways.get(self.kind, ways[NEW]), Review]

    def initial_of(self, key: str) -> dict[str, Any]:
        return start_places(self.obj).get(key, {})

    def complete(self) -> Any:
        if self.kind == NEW:
            return self._create()
        source = self.chosen["source"]["vm"]
        if self.kind == TO_VM:
            place = self.chosen["compute"]["place"]
            return vms.mark_as_vm(self.user, source, place.pool, place.host)
        return clone_with(self.user, source, self.chosen, as_template=self.kind in INTO_TEMPLATE)

    def _create(self) -> Any:
        hardware: CustomizeHardware = self._forms["hardware"]
        place, named = self.chosen["compute"]["place"], self.chosen["name"]
        fields = hardware.plain() | {
            "guest_id": self.chosen["guest"]["guest_id"],
            "hardware_version": self.chosen["compatibility"]["hardware_version"],
            "cd_datastore": hardware.cd_store(),
        }
        return provisioning.create(
            self.user, folder=named["folder"], pool=place.pool, host=place.host, name=named["name"],
            datastore=self.chosen["storage"]["datastore"], disks=hardware.new_disks(), nics=hardware.new_nics(),
            power_on=hardware.cleaned_data["power_on"], **fields,
        )  # fmt: skip


def clone_with(user: Any, source: VirtualMachine, chosen: dict[str, Any], *, as_template: bool) -> Any:
    """A copy of `source` where the steps say."""
    place = chosen.get("compute", {}).get("place") or place_of(source.pool or source.host)
    return provisioning.clone(
        user, source, name=chosen["name"]["name"], folder=chosen["name"]["folder"], pool=place.pool, host=place.host,
        datastore=chosen["storage"]["datastore"], power_on=chosen["storage"].get("power_on", False),
        as_template=as_template,
    )  # fmt: skip
