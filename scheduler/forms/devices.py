"""Steps about the devices of what moves: a network for every adapter, a datastore and a format for every disk."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from django import forms
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from domain.states import DiskProvisioning
from inventory import format as units
from inventory import words
from inventory.forms.offers import Offer, OfferField, OfferSelect, offer_of
from inventory.forms.steps import network_problem, offer_of_stores
from inventory.models import Datastore, Host, HostNetwork, Network, VirtualDisk, VirtualMachine, VirtualNic
from inventory.retell import retell
from inventory.selectors.visible import networks_visible
from scheduler.forms.steps import SAME_FORMAT, MovingStep, StoreStep, format_choices
from scheduler.services.devices import by_source

KEEP = "keep"
MOST_LACKING = 100  # networks that the destination does not have


def adapters(vms: list[VirtualMachine]) -> list[VirtualNic]:
    """The adapters of some VMs that are on a network."""
    rows = VirtualNic.objects.filter(vm__in=vms, network__isnull=False).select_related("network", "vm")
    return list(rows.order_by("network__name", "vm__name", "key"))


class Switched(MovingStep):
    """A step with a switch that shows its fields one by one."""

    @property
    def one_by_one(self) -> bool:
        return "advanced" in self.fields and bool(self["advanced"].value())


def switch(label: Any) -> forms.BooleanField:
    """A check box that shows other fields."""
    return forms.BooleanField(
        label=label, required=False, widget=forms.CheckboxInput(attrs={"data-refresh": True})
    )  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One line of a table of devices: what it is, what is said of it, and the controls."""

    label: str
    icon: str
    cells: tuple[str, ...]
    fields: tuple[Any, ...]


class Networks(Switched):
    """Which network of the destination stands for each network of the source.

    `cleaned_data["networks"]`: row number of a present network -> Network, for all adapters on it; with "Advanced" (one
    VM only) `cleaned_data["nics"]`: key of an adapter -> Network.
    """

    key = "networks"
    title = gettext_lazy("Select networks")
    lead = gettext_lazy("The network that each network adapter is connected to on the destination.")
    template = "scheduler/wizards/networks.html"

    def build(self) -> None:
        target = self.wizard.chosen.get("compute", {}).get("target") or self.vms[0].host
        self.target: Host = target
        self.nics: list[VirtualNic] = self.wizard.nics
        self.offer_of_networks, self.offered = self._offered(target)
        if len(self.vms) == 1 and len(self.nics) > 1:
            self.fields["advanced"] = switch(_("Advanced: choose for each network adapter"))
        self.sources = {n.network_id: n.network for n in self.nics if n.network is not None}
        if self.one_by_one:
            for nic in self.nics:
                self._choice(f"nic-{nic.key}", nic.network, retell(nic.label))
        else:
            for network in self.sources.values():
                self._choice(f"from-{network.moref}", network, network.name)

    def _offered(self, target: Host) -> tuple[Offer, dict[str, Network]]:
        """The networks of the destination's datacenter, and those of them that can be chosen: the host has it and the
        person may assign it; one that an adapter is on already needs no right."""
        user, here = self.wizard.user, {n.network_id for n in self.nics}
        rows = networks_visible(user, self.wizard.vcenter).filter(datacenter=target.cluster.datacenter_id)
        there = Q(pk__in=HostNetwork.objects.filter(host=target).values("network"))
        lacks = _("The host “%(host)s” does not have this network.") % {"host": target.name}
        why = {n: "" if n.pk in here else network_problem(user, n) for n in rows.filter(there).order_by("name")}
        why |= dict.fromkeys(rows.exclude(there).order_by("name")[:MOST_LACKING], lacks)
        found = sorted(why, key=lambda network: bool(why[network]))  # what can be chosen comes first
        return offer_of((n.moref, n.name, why[n]) for n in found), {n.moref: n for n in found if not why[n]}

    def _choice(self, name: str, present: Any, label: str) -> None:
        known = present is not None and present.moref in self.offered
        offer = self.offer_of_networks if known else self.offer_of_networks.after(("", _("Choose a network…")))
        widget = OfferSelect(attrs={"data-refresh": True, "aria-label": label})
        field = OfferField(offer=offer, label=label, widget=widget)
        missing = _("The host “%(host)s” does not have this network: choose another.") % {"host": self.target.name}
        field.error_messages |= {"required": missing, "invalid_choice": missing}
        self.offer(name, field, present.moref if known else "")

    @property
    def rows(self) -> list[Row]:
        if self.one_by_one:
            return [
                Row(
                    retell(n.label),
                    "network-settings",
                    (n.mac, n.network.name if n.network else ""),
                    (self[f"nic-{n.key}"],),
                )
                for n in self.nics
            ]
        count = Counter(n.network_id for n in self.nics)
        return [
            Row(network.name, "network-switch", (_adapters(count[pk]),), (self[f"from-{network.moref}"],))
            for pk, network in self.sources.items()
        ]

    @property
    def lacking(self) -> list[str]:
        """Sentences about networks for which nothing is chosen yet."""
        said = _("The host “%(host)s” does not have the network “%(network)s”. Choose one that stands for it.")
        gone = [r.fields[0].label for r in self.rows if r.fields[0].value() not in self.offered]
        return [said % {"host": self.target.name, "network": label} for label in gone]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        chosen = {name: self.offered[moref] for name, moref in data.items() if moref in self.offered}
        data["nics"] = {n.key: chosen[f"nic-{n.key}"] for n in self.nics if f"nic-{n.key}" in chosen}
        named = {f"from-{network.moref}": pk for pk, network in self.sources.items()}
        data["networks"] = {pk: chosen[name] for name, pk in named.items() if name in chosen}
        return data

    def summary(self) -> list[tuple[Any, Any]]:
        changed = [
            f"{row.label} → {self.offered[row.fields[0].value()].name}"
            for row in self.rows
            if not self._stays(row)
        ]  # fmt: skip
        return [(_("Networks"), ", ".join(changed) if changed else _("As they are"))]

    def _stays(self, row: Row) -> bool:
        wanted = self.offered[row.fields[0].value()].name
        return wanted == (row.cells[-1] if self.one_by_one else row.label)


def _adapters(count: int) -> str:
    return ngettext("%(n)s network adapter", "%(n)s network adapters", count) % {"n": count}


def networks_of(vm: VirtualMachine, said: dict[str, Any]) -> dict[int, Network]:
    """What the step says for the adapters of one VM; `said` is its cleaned data, or empty where it was not shown."""
    nics: dict[int, Network] = said.get("nics") or {}
    return nics or by_source(vm, said.get("networks") or {})


class Disks(Switched, StoreStep):
    """One datastore for all disks; or, "configure per disk", one for each, with its format."""

    lead = gettext_lazy("Where the disks of the virtual machine are kept afterwards.")
    template = "scheduler/wizards/disks.html"

    def hosts(self) -> list[Host]:
        return [self.wizard.chosen.get("compute", {}).get("target") or self.vms[0].host]

    def ask(self) -> None:
        self.disks = list(self.vms[0].disks.select_related("datastore"))
        self.fields["advanced"] = switch(_("Configure per disk"))
        if self.one_by_one:
            self._per_disk()
        else:
            super().ask()

    def _per_disk(self) -> None:
        for name in ("datastore", "format"):  # what was chosen for all is kept, for when the switch is turned back
            self.fields[name] = forms.CharField(widget=forms.HiddenInput, required=False)
        chosen, wanted = self["datastore"].value(), self["format"].value() or ""
        offered = offer_of_stores(self.wizard.user, [d for d in self.stores if d.accessible])
        for disk in self.disks:
            keeps = [(KEEP, _("Stays on %(datastore)s") % {"datastore": disk.datastore.name})]
            others = [(moref, text) for moref, text in offered.choices if moref != disk.datastore.moref]
            offer = Offer((keeps if disk.datastore in self.stores else []) + others, offered.why_not)
            known = [value for value, _text in offer.choices if value not in offer.why_not]
            first = chosen if chosen in known else offer.first
            label = retell(disk.label)
            attrs = {"data-refresh": True, "aria-label": f"{label}: {_('Datastore')}"}
            field = OfferField(offer=offer, label=label, widget=OfferSelect(attrs=attrs))
            field.error_messages["invalid_choice"] = _("This cannot be chosen (any more).")
            self.offer(f"store-{disk.key}", field, first)
            self._format(disk, wanted)

    def _format(self, disk: VirtualDisk, wanted: str) -> None:
        stays = self[f"store-{disk.key}"].value() == KEEP
        label = f"{retell(disk.label)}: {_('Virtual disk format')}"
        attrs = {"aria-label": label}
        field = forms.ChoiceField(
            label=label, choices=SAME_FORMAT if stays else format_choices(), required=False,
            widget=forms.Select(attrs=attrs),
        )  # fmt: skip
        field.disabled = stays
        self.offer(f"format-{disk.key}", field, "" if stays else wanted)

    @property
    def rows(self) -> list[Row]:
        return [
            Row(
                retell(disk.label), "hard-disk",
                (units.size(disk.capacity_bytes), str(words.of(DiskProvisioning, disk.provisioning))),
                (self[f"store-{disk.key}"], self[f"format-{disk.key}"]),
            )
            for disk in self.disks
        ]  # fmt: skip

    def clean(self) -> dict[str, Any]:
        if not self.one_by_one:
            return super().clean()
        data = self.cleaned_data
        stores = {d.key: data.get(f"store-{d.key}", KEEP) for d in self.disks}
        data["disks"] = {key: self.store(moref) for key, moref in stores.items() if moref != KEEP}
        data["formats"] = {key: data[f"format-{key}"] for key in data["disks"] if data.get(f"format-{key}")}
        if not data["disks"] and self.wizard.only_storage and not self.errors:
            self.add_error(None, forms.ValidationError(_("Every disk stays where it is: choose another datastore.")))
        return data

    def summary(self) -> list[tuple[Any, Any]]:
        if not self.one_by_one:
            return super().summary()
        return [(retell(disk.label), self._said(disk)) for disk in self.disks]

    def _said(self, disk: VirtualDisk) -> str:
        store: Datastore | None = self.cleaned_data["disks"].get(disk.key)
        if store is None:
            return _("Stays on %(datastore)s") % {"datastore": disk.datastore.name}
        wanted = self.cleaned_data["formats"].get(disk.key, disk.provisioning)
        return f"{store.name}, {words.of(DiskProvisioning, wanted)}"
