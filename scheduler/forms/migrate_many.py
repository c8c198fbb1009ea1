"""The wizard "N Virtual Machines - Migrate": one host for all, a host for each, or other storage."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from domain.states import VmPower
from inventory.forms.wizard import Step
from inventory.models import Host, VirtualMachine, VirtualNic
from scheduler import foresight
from scheduler.forms.devices import Networks, adapters, networks_of
from scheduler.forms.steps import HostStep, Priority, Radius, StoreStep, ToHost
from scheduler.services.migration import Outcome, Target, relocate_each

EACH, HOST, STORAGE = "each", "host", "storage"
WAYS = (
    (EACH, gettext_lazy("Let placement choose a host for each")),
    (HOST, gettext_lazy("Move all to one host")),
    (STORAGE, gettext_lazy("Keep the hosts, move all disks to one datastore")),
)


class Destination(Step):
    key = "type"
    title = gettext_lazy("Select a migration type")
    lead = gettext_lazy("Virtual machines that run move without being switched off.")
    template = "inventory/wizards/choices.html"

    type = forms.ChoiceField(label="", choices=WAYS, widget=forms.RadioSelect, initial=EACH)

    def summary(self) -> list[tuple[Any, Any]]:
        return [(_("Migration type"), dict(WAYS)[self.cleaned_data["type"]])]


class OneHost(HostStep):
    lead = gettext_lazy("Every host was checked for all of them together. One that cannot take them says why.")


class OneStore(StoreStep):
    lead = gettext_lazy("All disks of all of them move to this datastore.")

    def hosts(self) -> list[Host]:
        return list(Host.objects.filter(pk__in={vm.host_id for vm in self.vms}))


class MigrateMany(ToHost):
    """`take` says which virtual machines; `complete` answers with what became of each."""

    name = "migrate-many"
    verb = gettext_lazy("Migrate")
    dropped_as = HOST
    moves_storage = False  # together with the host: a host and other disks are chosen one machine at a time

    @property
    def running(self) -> bool:
        return any(vm.power_state == VmPower.ON for vm in self.vms)

    def take(self, vms: Sequence[VirtualMachine]) -> None:
        pks = [vm.pk for vm in vms if not vm.template]
        rows = VirtualMachine.objects.filter(pk__in=pks).select_related("host__cluster", "pool", "vcenter")
        self.vms = list(rows.order_by("name"))

    @property
    def title(self) -> str:
        count = len(self.vms)
        return ngettext("%(n)s Virtual Machine - Migrate", "%(n)s Virtual Machines - Migrate", count) % {"n": count}

    @property
    def way(self) -> str:
        return str(self.chosen.get("type", {}).get("type", EACH))

    @cached_property
    def nics(self) -> list[VirtualNic]:
        return adapters(self.vms)

    def steps(self) -> list[type[Step]]:
        chosen: list[type[Step]] = [Destination]
        if self.way == HOST:
            chosen += [OneHost, Networks] if self.nics else [OneHost]
        if self.way == STORAGE:
            chosen.append(OneStore)
        if self.running:
            chosen.append(Priority)
        return [*chosen, Radius]

    @cached_property
    def effect(self) -> foresight.Foresight | None:
        """What the choices so far would do; None where only disks move."""
        if self.way == STORAGE:
            return None
        if self.way == HOST:
            return foresight.to_host(self.vms, self.chosen["compute"]["target"])
        return foresight.to_best_hosts(self.vms)

    def complete(self) -> list[Outcome]:
        effect, said = self.effect, self.chosen.get("networks", {})
        if effect is None:
            storage = self.chosen["storage"]
            wanted = [(vm, Target(datastore=storage["store"], format=storage["format"])) for vm in self.vms]
        else:
            wanted = [(vm, Target(host=host, networks=networks_of(vm, said))) for vm, host in effect.moves]
        done = relocate_each(self.user, wanted, **self.urgency)
        return done + [Outcome(vm, fault=fault) for vm, fault in (effect.stuck if effect else [])]
