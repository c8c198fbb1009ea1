"""The wizard "Migrate VMs to Another Network": from which network, to which, and which adapters."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django import forms
from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from inventory import rights, selectors, words
from inventory.forms.dialog import dialog
from inventory.forms.pickers import Line, TableField
from inventory.forms.wizard import Review, Step, Text, Wizard
from inventory.models import Datacenter, HostNetwork, Network, VirtualMachine, VirtualNic
from inventory.outcomes import Outcome, Results
from inventory.retell import retell
from inventory.services import network_moves

UNPLUGGED = "none"  # adapters that are on no network
MOST_ADAPTERS = 500


class Networks(Step):
    key = "networks"
    title = gettext_lazy("Select source and destination networks")
    lead = gettext_lazy("The adapters that you choose next leave the source network for the destination network.")
    wizard: MigrateToNetwork

    def build(self) -> None:
        user, rows = self.wizard.user, list(self._networks())
        sources = [(n.moref, _with_count(n)) for n in rows]
        may = [(n.moref, n.name) for n in rows if rights.has(user, "Network.Assign", n)]
        self.rows = {n.moref: n for n in rows}
        self.fields["source"] = forms.ChoiceField(
            label=_("Source network"), choices=[*sources, (UNPLUGGED, _("No network"))]
        )
        self.fields["target"] = forms.ChoiceField(
            label=_("Destination network"), choices=[("", _("Choose a network…")), *may]
        )

    def _networks(self) -> Any:
        """The networks of the datacenter that this person sees, each with how many adapters hang on it."""
        seen = selectors.networks_visible(self.wizard.user, self.wizard.vcenter)
        rows = seen.filter(datacenter=self.wizard.datacenter)
        return rows.annotate(adapters=Count("nics", Q(nics__vm__in=self.wizard.machines()))).order_by("name")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("source") and data.get("source") == data.get("target"):
            self.add_error("target", _("The adapters are there already: choose another network."))
        data["from"], data["to"] = (self.rows.get(data.get(name, "")) for name in ("source", "target"))
        return data

    def summary(self) -> list[tuple[Any, Any]]:
        data = self.cleaned_data
        source = data["from"].name if data["from"] else _("No network")
        return [(_("Source network"), source), (_("Destination network"), data["to"].name)]


def _with_count(network: Any) -> str:
    said = ngettext("%(name)s (%(n)s network adapter)", "%(name)s (%(n)s network adapters)", network.adapters)
    return said % {"name": network.name, "n": network.adapters}


class Adapters(Step):
    key = "adapters"
    title = gettext_lazy("Select VMs to migrate")
    lead: Text = gettext_lazy("Every adapter on the source network. One that cannot be moved says why.")
    wizard: MigrateToNetwork

    def build(self) -> None:
        chosen = self.wizard.chosen["networks"]
        found = self._adapters(chosen["from"])
        if len(found) > MOST_ADAPTERS:
            told = _("The first %(most)s adapters on the source network. Start the wizard again for the others.")
            self.lead = told % {"most": MOST_ADAPTERS}
        self.nics = {f"{nic.vm.moref}:{nic.key}": nic for nic in found[:MOST_ADAPTERS]}
        there = set(HostNetwork.objects.filter(network=chosen["to"]).values_list("host_id", flat=True))
        lines = [self._line(value, nic, there) for value, nic in self.nics.items()]
        heads = (_("Virtual machine"), _("Network adapter"), _("MAC address"), _("Host"), _("State"))
        able = [line.value for line in lines if not line.why_not]
        self.fields["adapters"] = TableField(heads, lines, many=True, label=_("Network adapters"), initial=able)

    def _adapters(self, source: Network | None) -> list[VirtualNic]:
        """Those that can be shown, and one more where there are more."""
        rows = VirtualNic.objects.filter(vm__in=self.wizard.machines(), network=source).order_by("vm__name", "key")
        rows = rows.select_related("vm__host__cluster", "vm__vcenter", "vm__folder", "vm__pool")
        return list(rows[: MOST_ADAPTERS + 1])

    def _line(self, value: str, nic: VirtualNic, there: set[int]) -> Line:
        vm = nic.vm
        cells = (vm.name, retell(nic.label), nic.mac, vm.host.name, str(words.vm_state(vm)))
        return Line(value, cells, "vm", self._why_not(nic, there))

    def _why_not(self, nic: VirtualNic, there: set[int]) -> str:
        if nic.vm.host_id not in there:
            return _("Its host does not have the destination network.")
        if not rights.has(self.wizard.user, "VirtualMachine.Config.EditDevice", nic.vm):
            return _("You may not change the devices of this virtual machine.")
        return ""

    def clean_adapters(self) -> list[VirtualNic]:
        return [self.nics[value] for value in self.cleaned_data["adapters"]]

    def summary(self) -> list[tuple[Any, Any]]:
        nics = self.cleaned_data["adapters"]
        names = dict.fromkeys(nic.vm.name for nic in nics)
        return [(_("Network adapters"), len(nics)), (_("Virtual machines"), ", ".join(names))]


@dialog("migrate-to-network")
class MigrateToNetwork(Wizard):
    """Started on a network it takes that as the source; on a datacenter it asks for it."""

    verb = gettext_lazy("Migrate VMs to Another Network")

    @cached_property
    def datacenter(self) -> Datacenter:
        found: Datacenter = self.obj if isinstance(self.obj, Datacenter) else self.obj.datacenter
        return found

    def machines(self) -> QuerySet[VirtualMachine]:
        """The machines of the datacenter that this person sees; a template is plugged where it is deployed."""
        seen = selectors.vms_visible(self.user, self.vcenter).filter(host__cluster__datacenter=self.datacenter)
        return seen.filter(template=False, provisioning=False)

    def steps(self) -> list[type[Step]]:
        return [Networks, Adapters, Review]

    def initial_of(self, key: str) -> dict[str, Any]:
        return {"source": self.obj.moref} if key == "networks" and isinstance(self.obj, Network) else {}

    def complete(self) -> Results:
        adapters, target = self.chosen["adapters"]["adapters"], self.chosen["networks"]["to"]
        done = network_moves.plug(self.user, adapters, target)
        told = [Outcome(one.vm, one.task, words.fault_sentence(one.fault.to_dict()) if one.fault else "")
                for one in done]  # fmt: skip
        return Results(str(self.verb), told)
