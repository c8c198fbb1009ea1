"""Wizards for clusters and hosts."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db import transaction
from django.db.models import Count, Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from domain.faults import MethodFault
from domain.hardware import DEFAULT_MODEL, SERVER_MODELS
from domain.limits import DEFAULT_LIMITS
from domain.morefs import FolderKind
from domain.states import DrsBehavior, HostKind
from inventory import format as units
from inventory import rights, selectors, words
from inventory.forms.dialog import dialog
from inventory.forms.fields import name_field
from inventory.forms.pickers import Line, TableField, TreeField, folder_of
from inventory.forms.wizard import Review, Step, Wizard
from inventory.models import Cluster, Datacenter, Folder, Host
from inventory.services import clusters, host_moves, hosts

MOST_HOSTS, MOST_EXISTING = 32, 100
NEW, EXISTING = "new", "existing"
AUTOMATION = (DrsBehavior.MANUAL, DrsBehavior.PARTIAL, DrsBehavior.FULL)


def yes_no(value: bool) -> str:
    return _("Yes") if value else _("No")


def _location(wizard: Wizard, asks: str) -> TreeField:
    """The folder for a new cluster or host."""
    return TreeField("host-folder", wizard.user, wizard.vcenter, asks=(asks,), label=_("Location"))


# --- new cluster -----------------------------------------------------------------------------------------------------
class Basics(Step):
    key = "basics"
    title = gettext_lazy("Basics")
    lead = gettext_lazy("Name the cluster and switch its services on; each can be changed later.")

    name = name_field()
    drs_enabled = forms.BooleanField(
        label=gettext_lazy("vSphere DRS"), required=False,
        help_text=gettext_lazy("Balances virtual machines over hosts."),
        widget=forms.CheckboxInput(attrs={"data-refresh": True}),
    )  # fmt: skip
    ha_enabled = forms.BooleanField(
        label=gettext_lazy("vSphere HA"), required=False,
        help_text=gettext_lazy("Restarts virtual machines of a failed host on others."),
    )  # fmt: skip

    def build(self) -> None:
        if not isinstance(self.wizard.obj, Folder | Datacenter):
            return
        self.fields["folder"] = _location(self.wizard, clusters.CREATE)
        self.order_fields(("name", "folder"))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        folder = data.get("folder")
        if folder and Cluster.objects.filter(folder=folder, name=data.get("name", "")).exists():
            fault = forms.ValidationError(_("This name is already used in the folder."), "DuplicateName")
            self.add_error("name", fault)
        return data

    def summary(self) -> list[tuple[Any, Any]]:
        data = self.cleaned_data
        return [
            (_("Name"), data["name"]),
            ("vSphere DRS", yes_no(data["drs_enabled"])),
            ("vSphere HA", yes_no(data["ha_enabled"])),
        ]


class DrsSettings(Step):
    key = "drs"
    title = "vSphere DRS"

    drs_automation = forms.ChoiceField(
        label=gettext_lazy("Automation level"), initial=DrsBehavior.FULL, widget=forms.RadioSelect,
        choices=[(level.value, words.of(DrsBehavior, level).label) for level in AUTOMATION],
    )  # fmt: skip
    drs_threshold = forms.TypedChoiceField(
        label=gettext_lazy("Migration threshold"), coerce=int, initial=3,
        choices=(
            (1, gettext_lazy("1: conservative, only what must be")),
            (2, gettext_lazy("2: significant improvements")),
            (3, gettext_lazy("3: good improvements")),
            (4, gettext_lazy("4: moderate improvements")),
            (5, gettext_lazy("5: aggressive, slight improvements too")),
        ),
    )  # fmt: skip

    def summary(self) -> list[tuple[Any, Any]]:
        data = self.cleaned_data
        return [
            (_("Automation level"), words.of(DrsBehavior, data["drs_automation"])),
            (_("Migration threshold"), data["drs_threshold"]),
        ]


@dialog("new-cluster")
class NewCluster(Wizard):
    verb = gettext_lazy("New Cluster")
    size = "lg"

    def steps(self) -> list[type[Step]]:
        with_drs = self.chosen.get("basics", {}).get("drs_enabled", self._asks_for_drs())
        return [Basics, DrsSettings, Review] if with_drs else [Basics, Review]

    def _asks_for_drs(self) -> bool:
        data = getattr(self, "data", None)
        return True if not data else bool(data.get("basics-drs_enabled"))

    def initial_of(self, key: str) -> dict[str, Any]:
        return {"folder": self.obj.moref, "drs_enabled": True} if key == "basics" else {}

    def complete(self) -> Any:
        basics = dict(self.chosen["basics"])
        folder = basics.pop("folder", None) or folder_of(self.obj, FolderKind.HOST)
        settings = {**basics, **self.chosen.get("drs", {})}
        return clusters.create(self.user, folder, settings.pop("name"), **settings)


# --- add host --------------------------------------------------------------------------------------------------------
class HostName(Step):
    key = "name"
    title = gettext_lazy("Name and location")
    lead = gettext_lazy("The host name or IP address under which the hypervisor answers.")

    name = name_field(help_text=gettext_lazy("For example esx-07.lab.local"))

    def build(self) -> None:
        self.fields["name"].label = _("Host name or IP address")
        if isinstance(self.wizard.obj, Cluster):
            self._for_cluster()
            return
        self.fields["folder"] = _location(self.wizard, hosts.ADD_ALONE)

    def _for_cluster(self) -> None:
        """New hosts, or those that are in the inventory already."""
        sources = ((NEW, _("New hosts")), (EXISTING, _("Existing hosts")))
        radio = forms.RadioSelect(attrs={"data-refresh": True})
        self.fields["source"] = forms.ChoiceField(label=_("Add"), choices=sources, initial=NEW, widget=radio)
        if self["source"].value() == EXISTING:
            del self.fields["name"]
            self.fields["existing"] = self._elsewhere()
            return
        self.fields["name"] = forms.CharField(
            label=_("Host names or IP addresses"), max_length=MOST_HOSTS * 82, widget=forms.Textarea({"rows": 4}),
            help_text=_("One per line. All of them are of the type and the model that you choose next."),
        )  # fmt: skip
        self.order_fields(("source", "name"))

    def _elsewhere(self) -> TableField:
        """Hosts of the datacenter that stand alone, then those of its other clusters."""
        cluster, user = self.wizard.obj, self.wizard.user
        rows = selectors.hosts_visible(user, self.wizard.vcenter).filter(cluster__datacenter=cluster.datacenter)
        counted = rows.exclude(cluster=cluster).annotate(machines=Count("vms", Q(vms__deleted_at__isnull=True)))
        ordered = counted.order_by("-cluster__standalone", "-in_maintenance", "machines", "name")
        found = list(ordered.select_related("cluster", "vcenter")[:MOST_EXISTING])
        self.hosts = {host.moref: host for host in found}
        heads = (_("Host"), _("Cluster"), _("Model"), _("State"), _("Virtual machines"))
        lines = [
            Line(h.moref, (h.name, "" if h.cluster.standalone else h.cluster.name, f"{h.vendor} {h.model}",
                           str(words.host_state(h)), str(h.machines)), "host", _cannot_join(user, h, cluster))
            for h in found
        ]  # fmt: skip
        return TableField(heads, lines, many=True, label=_("Hosts"), help_text=_(
            "Their machines come along into the root resource pool of the cluster; what runs goes on running. A "
            "cluster lets a host go that is in maintenance mode or empty."
        ))  # fmt: skip

    def clean_existing(self) -> list[Host]:
        return [self.hosts[moref] for moref in self.cleaned_data["existing"]]

    def clean_name(self) -> str:
        """The names, one per line; more than one for a cluster."""
        names = [name for line in self.cleaned_data["name"].splitlines() if (name := line.strip())]
        if len(names) > MOST_HOSTS:
            raise forms.ValidationError(_("At most %(limit_value)s."), "LimitExceeded", {"limit_value": MOST_HOSTS})
        for name in names:
            if len(name) > DEFAULT_LIMITS.name_length:
                raise forms.ValidationError(_("“%(name)s” is too long."), "InvalidName", {"name": name[:40]})
            if names.count(name) > 1:
                raise forms.ValidationError(_("“%(name)s” is there twice."), "DuplicateName", {"name": name})
        if taken := Host.objects.filter(vcenter=self.wizard.vcenter, name__in=names).first():
            message = _("A host of this name is already in the inventory.")
            message += f" ({taken.name})" if len(names) > 1 else ""
            raise forms.ValidationError(message, "DuplicateName")
        return "\n".join(names)

    def summary(self) -> list[tuple[Any, Any]]:
        place = self.wizard.obj if isinstance(self.wizard.obj, Cluster) else self.cleaned_data["folder"]
        where = place.datacenter.name if getattr(place, "fixed", False) else place.name
        moved = self.cleaned_data.get("existing")
        names = [host.name for host in moved] if moved else self.cleaned_data["name"].splitlines()
        return [(_("Host") if len(names) == 1 else _("Hosts"), ", ".join(names)), (_("Location"), where)]


def _cannot_join(user: Any, host: Host, cluster: Cluster) -> str:
    """Why a host cannot be moved into the cluster now, "" where it can."""
    if not rights.has(user, "Host.Inventory.MoveHost", host):
        return _("You may not move this host.")
    try:
        host_moves.refuse(host, cluster)
    except MethodFault as fault:
        return words.fault_sentence(fault.to_dict())
    return ""


class HypervisorType(Step):
    key = "kind"
    title = gettext_lazy("Hypervisor type")
    template = "inventory/wizards/host_kind.html"

    kind = forms.ChoiceField(
        label="", choices=words.choices(HostKind), widget=forms.RadioSelect, initial=HostKind.BARE_METAL
    )

    @property
    def kinds(self) -> list[tuple[str, words.Word, bool]]:
        chosen = self["kind"].value()
        return [(k.value, words.of(HostKind, k), k.value == chosen) for k in HostKind]

    def summary(self) -> list[tuple[Any, Any]]:
        return [(_("Hypervisor type"), words.of(HostKind, self.cleaned_data["kind"]))]


class Model(Step):
    key = "model"
    title = gettext_lazy("Server model")
    lead = gettext_lazy("Cores, memory, network and power curve come with the model.")

    def build(self) -> None:
        heads = (_("Model"), _("Processor"), _("Cores"), _("CPU"), _("Memory"), _("Idle"), _("Full load"))
        lines = [
            Line(
                m.key,
                (
                    f"{m.vendor} {m.model}", m.cpu_model, str(m.cores), units.mhz(m.cores * m.core_mhz),
                    units.mib(m.memory_mib), units.watts(m.watts[0]), units.watts(m.watts[-1]),
                ),
                "rack-server",
            )
            for m in SERVER_MODELS.values()
        ]  # fmt: skip
        hosted = self.wizard.chosen.get("kind", {}).get("kind") == HostKind.HOSTED
        first = "desktop-8c" if hosted and "desktop-8c" in SERVER_MODELS else DEFAULT_MODEL
        self.fields["model"] = TableField(heads, lines, label=_("Model"), initial=first)

    def summary(self) -> list[tuple[Any, Any]]:
        model = SERVER_MODELS[self.cleaned_data["model"]]
        return [
            (_("Model"), f"{model.vendor} {model.model}"),
            (_("CPU"), f"{model.cores} × {units.mhz(model.core_mhz)}"),
            (_("Memory"), units.mib(model.memory_mib)),
        ]


@dialog("add-host")
class AddHost(Wizard):
    """One host for a folder or datacenter, one or several for a cluster: new ones, or some from elsewhere."""

    size = "lg"

    @property
    def verb(self) -> str:  # type: ignore[override]
        return _("Add Hosts") if isinstance(self.obj, Cluster) else _("Add Host")

    def steps(self) -> list[type[Step]]:
        return [HostName, Review] if self._existing else [HostName, HypervisorType, Model, Review]

    @property
    def _existing(self) -> bool:
        """Hosts that are in the inventory bring their type and model along."""
        data = getattr(self, "data", None) or {}
        said = self.chosen["name"].get("source") if "name" in self.chosen else data.get("name-source")
        return isinstance(self.obj, Cluster) and said == EXISTING

    def initial_of(self, key: str) -> dict[str, Any]:
        return {"folder": self.obj.moref} if key == "name" else {}

    def complete(self) -> Any:
        named = self.chosen["name"]
        if self._existing:
            with transaction.atomic():
                moved = [host_moves.move_into(self.user, host, self.obj) for host in named["existing"]]
            return moved[0]
        place: dict[str, Any] = {"cluster": self.obj} if isinstance(self.obj, Cluster) else {"folder": named["folder"]}
        model, kind = self.chosen["model"]["model"], self.chosen["kind"]["kind"]
        with transaction.atomic():  # where one is refused, none comes
            names = named["name"].splitlines()
            tasks = [hosts.add(self.user, name=one, model=model, kind=kind, **place) for one in names]
        return tasks[0]
