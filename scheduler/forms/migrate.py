"""The Migrate wizard: what moves, where to, on which storage and networks, how urgently."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from domain.states import VmPower
from inventory.forms.dialog import dialog
from inventory.forms.pickers import Line
from inventory.forms.wizard import Step
from inventory.models import Host, VirtualMachine, VirtualNic
from scheduler import foresight, placing
from scheduler.forms.devices import Disks, Networks, adapters, networks_of
from scheduler.forms.steps import HostStep, Priority, Radius, ToHost
from scheduler.services.migration import Target, relocate

COMPUTE, STORAGE, BOTH = "compute", "storage", "both"
TYPES = (
    (COMPUTE, gettext_lazy("Change compute resource only")),
    (STORAGE, gettext_lazy("Change storage only")),
    (BOTH, gettext_lazy("Change both compute resource and storage")),
)
BEST = "best"


class MigrationType(Step):
    key = "type"
    title = gettext_lazy("Select a migration type")
    lead = gettext_lazy("A running virtual machine moves without being switched off.")
    template = "inventory/wizards/choices.html"

    type = forms.ChoiceField(label="", choices=TYPES, widget=forms.RadioSelect, initial=COMPUTE)

    def summary(self) -> list[tuple[Any, Any]]:
        return [(_("Migration type"), dict(TYPES)[self.cleaned_data["type"]])]


class ComputeResource(HostStep):
    lead = gettext_lazy("Every host was checked. One that cannot take the virtual machine says why.")

    def lines(self) -> list[Line]:
        return [*self._placement_line(), *super().lines()]

    def _placement_line(self) -> list[Line]:
        cluster = self.wizard.obj.host.cluster
        if self.wizard.moves_storage or not any(h.cluster_id == cluster.pk for h in self.candidates.able):
            return []
        return [Line(BEST, (_("Let placement choose"), cluster.name, "", "", "", ""), "cluster")]

    def target(self, wanted: str) -> Host:
        return best_target(self.wizard.obj, self.candidates.able) if wanted == BEST else super().target(wanted)


def best_target(vm: Any, hosts: list[Host]) -> Host:
    """The host on which the engine predicts the best score for this VM among those that passed every check."""
    ranked = placing.ranked_hosts(vm, hosts)
    return ranked[0] if ranked else hosts[0]


@dialog("migrate")
class Migrate(ToHost):
    verb = gettext_lazy("Migrate")
    dropped_as = COMPUTE

    @property
    def running(self) -> bool:
        return bool(self.obj.power_state == VmPower.ON)

    @property
    def vms(self) -> list[VirtualMachine]:
        return [self.obj]

    @cached_property
    def nics(self) -> list[VirtualNic]:
        return adapters(self.vms)

    @property
    def kind(self) -> str:
        return str(self.chosen.get("type", {}).get("type", COMPUTE))

    @property
    def moves_storage(self) -> bool:
        return self.kind in (STORAGE, BOTH)

    @property
    def only_storage(self) -> bool:
        return self.kind == STORAGE

    def steps(self) -> list[type[Step]]:
        chosen: list[type[Step]] = [MigrationType]
        if self.kind in (COMPUTE, BOTH):
            chosen.append(ComputeResource)
        if self.moves_storage:
            chosen.append(Disks)
        if self.kind in (COMPUTE, BOTH) and self.nics:
            chosen.append(Networks)
        if self.running:
            chosen.append(Priority)
        return [*chosen, Radius]

    def summary(self) -> list[tuple[Any, Any]]:
        return [(_("Virtual machine"), self.obj.name), (_("Present host"), self.obj.host.name), *super().summary()]

    @cached_property
    def effect(self) -> foresight.Foresight | None:
        target = self.chosen.get("compute", {}).get("target")
        return foresight.to_host([self.obj], target) if target else None

    def complete(self) -> Any:
        storage = self.chosen.get("storage", {})
        target = Target(
            host=self.chosen.get("compute", {}).get("target"),
            datastore=storage.get("store"),
            format=storage.get("format", "") if storage.get("store") else "",
            disks=storage.get("disks"),
            formats=storage.get("formats"),
            networks=networks_of(self.obj, self.chosen.get("networks", {})),
        )
        return relocate(self.user, self.obj, target, **self.urgency)
