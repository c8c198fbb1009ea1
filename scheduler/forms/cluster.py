"""Edit Cluster Settings: vSphere DRS with its four tabs, vSphere Availability, VMware EVC, the price of power."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from domain.hardware import CPU_GENERATIONS
from domain.states import DrsBehavior, ReadyCondition
from inventory import words
from inventory.forms.base import VersionedForm
from inventory.forms.dialog import ComparedDialog, VersionedDialog, dialog
from inventory.forms.fields import WithUnit
from inventory.forms.pickers import Line, TableField
from inventory.models import Cluster
from inventory.services import clusters
from inventory.services.vm_checks import HA_NUMBERS
from scheduler import monitoring
from scheduler.forms.advanced import AdvancedField
from scheduler.forms.base import ClusterDialog, TabbedForm
from scheduler.isolation import LONGEST_SHUTDOWN_S, NONE, SHUTDOWN, SHUTDOWN_TIMEOUT_S
from scheduler.monitoring import LONGEST_IO_INTERVAL_S, NUMBERS
from scheduler.monitoring import SENSITIVITIES as NUMBERS_OF
from scheduler.readiness import LONGEST_DELAY_S
from scheduler.services import settings
from scheduler.settings_of import DPM_OWN, OWN
from scheduler.words import (
    AUTOMATION_HELP,
    DPM_AUTOMATION_HELP,
    DPM_STOPS,
    DRS_STOPS,
    ENGINES,
    ISOLATION_RESPONSES,
    MEMORY_METRICS,
    READY_CONDITIONS,
    SENSITIVITIES,
    VM_MONITORING,
)

HOSTS: Any = gettext_lazy("hosts")
LEVELS = (DrsBehavior.MANUAL, DrsBehavior.PARTIAL, DrsBehavior.FULL)
STOPS = "scheduler/drs/fields/stops.html"
CHOICES = "scheduler/drs/fields/choices.html"


def stops_field(label: Any, texts: dict[int, Any]) -> forms.TypedChoiceField:
    """A slider of five stops, each with its sentence."""
    return forms.TypedChoiceField(label=label, coerce=int, choices=list(texts.items()), widget=forms.RadioSelect)


class DrsForm(TabbedForm):
    """Everything about DRS and DPM of one cluster."""

    drs_enabled = forms.BooleanField(label="vSphere DRS", required=False)
    drs_automation = forms.ChoiceField(
        label=gettext_lazy("Automation level"), widget=forms.RadioSelect,
        choices=[(level.value, words.of(DrsBehavior, level).label) for level in LEVELS],
    )  # fmt: skip
    drs_threshold = stops_field(gettext_lazy("Migration threshold"), DRS_STOPS)
    drs_vm_overrides = forms.BooleanField(
        label=gettext_lazy("Virtual machine automation"), required=False,
        help_text=gettext_lazy("Single virtual machines may have an automation level of their own."),
    )  # fmt: skip
    engine = forms.ChoiceField(label=gettext_lazy("Objective"), choices=list(ENGINES.items()))
    even_distribution = forms.BooleanField(
        label=gettext_lazy("VM distribution: spread the number of virtual machines evenly over the hosts"),
        help_text=gettext_lazy("For availability. What the virtual machines need goes first."), required=False,
    )  # fmt: skip
    memory_metric = forms.ChoiceField(
        label=gettext_lazy("Memory metric for load balancing"), choices=list(MEMORY_METRICS.items())
    )
    max_vcpus_per_core = forms.FloatField(
        label=gettext_lazy("CPU over-commitment"), min_value=0, max_value=32,
        help_text=gettext_lazy("Virtual CPUs per physical core of a host at most; 0 = no limit."),
    )  # fmt: skip
    scalable_shares = forms.BooleanField(
        label=gettext_lazy("Scalable shares for the resource pools of the cluster"), required=False,
        help_text=gettext_lazy("The shares of a pool grow with the number of virtual machines in it."),
    )  # fmt: skip
    dpm_enabled = forms.BooleanField(
        label=gettext_lazy("Enable DPM: power hosts off while the others can carry the load"), required=False
    )
    dpm_automation = forms.ChoiceField(
        label=gettext_lazy("Automation level"), widget=forms.RadioSelect,
        choices=(("manual", gettext_lazy("Manual")), ("automated", gettext_lazy("Automatic"))),
    )  # fmt: skip
    dpm_threshold = stops_field(gettext_lazy("DPM threshold"), DPM_STOPS)
    min_hosts_on = WithUnit(label=gettext_lazy("Keep powered on at least"), unit=HOSTS, min_value=0, max_value=96)
    spare_hosts = WithUnit(label=gettext_lazy("Keep empty as spare"), unit=HOSTS, min_value=0, max_value=95)
    trigger = forms.ChoiceField(
        label=gettext_lazy("Look at powering off when"),
        choices=(
            ("any", gettext_lazy("any host is below the target utilization")),
            ("all", gettext_lazy("all hosts are below the target utilization")),
        ),
        help_text=gettext_lazy(
            "Target: 63 % ± 18. A host below 45 % over 40 minutes may be emptied; one above 81 % over 5 minutes has "
            "another woken. Advanced options change all of these figures."
        ),
    )
    predictive = forms.BooleanField(
        label=gettext_lazy("Predictive DRS: wake hosts ahead of a forecast need"), required=False,
        help_text=gettext_lazy(
            "The forecast combines the time of day with the last hour. It needs power management, which wakes hosts."
        ),
    )  # fmt: skip
    advanced = AdvancedField(label=gettext_lazy("Advanced options"), required=False)

    TABS = (
        ("automation", gettext_lazy("Automation"),
         ("drs_automation", "drs_threshold", "predictive", "drs_vm_overrides")),
        ("additional", gettext_lazy("Additional Options"),
         ("engine", "even_distribution", "memory_metric", "max_vcpus_per_core", "scalable_shares")),
        ("power", gettext_lazy("Power Management"),
         ("dpm_enabled", "dpm_automation", "dpm_threshold", "min_hosts_on", "spare_hosts", "trigger")),
        ("advanced", gettext_lazy("Advanced Options"), ("advanced",)),
    )  # fmt: skip
    DRAWN = {
        "drs_automation": CHOICES,
        "dpm_automation": CHOICES,
        "drs_threshold": STOPS,
        "dpm_threshold": STOPS,
        "advanced": "scheduler/drs/fields/advanced.html",
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["drs_automation"].helps = AUTOMATION_HELP  # type: ignore[attr-defined]
        self.fields["dpm_automation"].helps = DPM_AUTOMATION_HELP  # type: ignore[attr-defined]

    def handle(self, go: str, data: Any) -> Any:
        """A click on ADD or DELETE of the grid of advanced options."""
        names, values = data.getlist("advanced_name"), data.getlist("advanced_value")
        if go == "add-advanced":
            names, values = [*names, ""], [*values, ""]
        elif go.startswith("remove-advanced-"):
            at = int(go.rpartition("-")[2]) if go.rpartition("-")[2].isdecimal() else -1
            names, values = ([v for i, v in enumerate(some) if i != at] for some in (names, values))
        data.setlist("advanced_name", names)
        data.setlist("advanced_value", values)
        return data


COLUMNS = (
    "drs_enabled", "drs_automation", "drs_threshold", "drs_vm_overrides", "scalable_shares", "dpm_enabled",
    "dpm_automation", "dpm_threshold",
)  # fmt: skip
DEFAULTS: dict[str, Any] = {
    "engine": "score", "memory_metric": "active", "even_distribution": False, "max_vcpus_per_core": 0.0,
    "min_hosts_on": 1, "spare_hosts": 0, "trigger": "any", "predictive": False,
}  # fmt: skip


def drs_values(cluster: Cluster) -> dict[str, Any]:
    """The settings as they are, by field of the form."""
    stored = cluster.drs_options or {}
    return {
        **{name: getattr(cluster, name) for name in COLUMNS},
        **{name: stored.get(name, default) for name, default in DEFAULTS.items()},
        "advanced": {str(k): str(v) for k, v in (stored.get("advanced") or {}).items()},
    }


@dialog("drs-settings")
class DrsSettings(ClusterDialog, VersionedDialog):
    verb = gettext_lazy("Edit Cluster Settings")
    form_class = DrsForm
    template = "scheduler/drs/dialogs/drs_settings.html"
    size = "lg"

    def current(self) -> dict[str, Any]:
        return drs_values(self.obj)

    def submit(self, form: Any) -> Any:
        values = form.cleaned_data
        options = dict(self.obj.drs_options or {})
        options |= {name: values[name] for name in (*OWN, *DPM_OWN) if name in values}
        options["advanced"] = values["advanced"]
        changes = {name: values[name] for name in COLUMNS} | {"drs_options": options}
        return settings.reconfigure(self.user, self.obj, changes, values["version"])


# --- vSphere Availability --------------------------------------------------------------------------------------------
class HaForm(TabbedForm):
    ha_enabled = forms.BooleanField(label="vSphere HA", required=False)
    failures = WithUnit(
        label=gettext_lazy("Host failures the cluster tolerates"), unit=HOSTS, min_value=0, max_value=31
    )
    isolation_response = forms.ChoiceField(
        label=gettext_lazy("Response for host isolation"), choices=list(ISOLATION_RESPONSES.items())
    )
    isolation_shutdown_s = WithUnit(
        label=gettext_lazy("Power off after"), unit="s", min_value=0, max_value=LONGEST_SHUTDOWN_S,
        help_text=gettext_lazy("Lab time that a guest has to shut down before it is powered off."),
    )  # fmt: skip
    ready_condition = forms.ChoiceField(
        label=gettext_lazy("Start next priority VMs when"), choices=list(READY_CONDITIONS.items()),
        help_text=gettext_lazy(
            "Machines of a lower restart priority wait for it, for 10 minutes at most. Single machines may differ."
        ),
    )  # fmt: skip
    ready_delay_s = WithUnit(
        label=gettext_lazy("Additional delay"), unit="s", min_value=0, max_value=LONGEST_DELAY_S,
    )  # fmt: skip
    vm_monitoring = forms.ChoiceField(
        label=gettext_lazy("VM Monitoring"), choices=list(VM_MONITORING.items()),
        help_text=gettext_lazy("Machines whose guest tools stop beating are reset, where they are."),
    )  # fmt: skip
    sensitivity = forms.ChoiceField(
        label=gettext_lazy("Monitoring sensitivity"), choices=list(SENSITIVITIES.items()), required=False
    )
    failure_interval_s = WithUnit(
        label=gettext_lazy("Failure interval"), unit="s", min_value=0, max_value=HA_NUMBERS["ha_failure_interval_s"],
        help_text=gettext_lazy("Lab time without a heartbeat after which a guest has failed."),
    )  # fmt: skip
    min_uptime_s = WithUnit(
        label=gettext_lazy("Minimum uptime"), unit="s", min_value=0, max_value=HA_NUMBERS["ha_min_uptime_s"],
        help_text=gettext_lazy("Lab time after a start in which nothing is reset."),
    )  # fmt: skip
    max_resets = forms.IntegerField(
        label=gettext_lazy("Maximum per-VM resets"), min_value=0, max_value=HA_NUMBERS["ha_max_resets"]
    )
    reset_window_s = WithUnit(
        label=gettext_lazy("Reset window"), unit="s", min_value=0, max_value=HA_NUMBERS["ha_reset_window_s"],
        help_text=gettext_lazy("Lab time in which resets are counted; 0 = all that ever were."),
    )  # fmt: skip
    io_interval_s = WithUnit(
        label=gettext_lazy("I/O interval"), unit="s", min_value=0, max_value=LONGEST_IO_INTERVAL_S,
        help_text=gettext_lazy("Disks and network must have been idle for so long too; 0 = heartbeats alone count."),
    )  # fmt: skip
    admission = forms.ChoiceField(
        label=gettext_lazy("Define failover capacity by"),
        widget=forms.RadioSelect,
        choices=(
            ("percentage", gettext_lazy("Cluster resource percentage")),
            ("slots", gettext_lazy("Slot policy")),
            ("failover_hosts", gettext_lazy("Dedicated failover hosts")),
            ("disabled", gettext_lazy("Disabled")),
        ),
    )
    cpu_pct = forms.FloatField(
        label=gettext_lazy("Reserved CPU capacity (%)"), required=False, min_value=0, max_value=100,
        help_text=gettext_lazy("Empty: what the host failures to tolerate need."),
    )  # fmt: skip
    mem_pct = forms.FloatField(
        label=gettext_lazy("Reserved memory capacity (%)"), required=False, min_value=0, max_value=100,
        help_text=gettext_lazy("Empty: what the host failures to tolerate need."),
    )  # fmt: skip

    DRAWN = {"admission": CHOICES}
    TABS = (
        ("responses", gettext_lazy("Failures and responses"),
         ("failures", "ready_condition", "ready_delay_s", "isolation_response", "isolation_shutdown_s")),
        ("monitoring", gettext_lazy("VM Monitoring"), ("vm_monitoring", "sensitivity", *NUMBERS, "io_interval_s")),
        ("admission", gettext_lazy("Admission Control"), ("admission", "cpu_pct", "mem_pct", "failover_hosts")),
    )  # fmt: skip

    def __init__(self, *args: Any, cluster: Cluster, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        lines = [Line(h.moref, (h.name, str(words.host_state(h))), "host") for h in cluster.hosts.order_by("name")]
        heads = (_("Host"), _("State"))
        field = TableField(heads, lines, many=True, required=False, label=_("Dedicated failover hosts"))
        self.fields["failover_hosts"] = field
        self.fields["admission"].helps = {  # type: ignore[attr-defined]
            "percentage": _("A part of the CPU and memory of the cluster stays free."),
            "slots": _("As many slots of the largest reservations stay free as the failed hosts had."),
            "failover_hosts": _("These hosts run nothing until another one fails."),
            "disabled": _("Virtual machines are powered on even where a failure could not be survived."),
        }
        self.fields["isolation_shutdown_s"].when = f"isolation_response={SHUTDOWN}"  # type: ignore[attr-defined]
        for name in NUMBERS:
            self.fields[name].when = "sensitivity=custom"  # type: ignore[attr-defined]
        for name in ("cpu_pct", "mem_pct"):
            self.fields[name].when = "admission=percentage"  # type: ignore[attr-defined]
        field.when = "admission=failover_hosts"  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        data |= dict(zip(NUMBERS, NUMBERS_OF.get(data.get("sensitivity", ""), ()), strict=False))
        return data


def ha_values(cluster: Cluster) -> dict[str, Any]:
    stored, monitored = cluster.ha_options or {}, monitoring.settings_of(cluster)
    return {
        **monitored,
        "sensitivity": monitoring.sensitivity(monitored),
        "ha_enabled": cluster.ha_enabled,
        "failures": stored.get("failures", 1),
        "isolation_response": stored.get("isolation_response", NONE),
        "isolation_shutdown_s": int(stored.get("isolation_shutdown_s", SHUTDOWN_TIMEOUT_S)),
        "ready_condition": stored.get("ready_condition", ReadyCondition.NONE.value),
        "ready_delay_s": int(stored.get("ready_delay_s", 0)),
        "admission": stored.get("admission", "percentage"),
        "cpu_pct": _percent(stored.get("cpu_ratio")),
        "mem_pct": _percent(stored.get("mem_ratio")),
        "failover_hosts": list(stored.get("failover_hosts") or ()),
    }


def _percent(ratio: float | None) -> float | None:
    return None if ratio is None else round(ratio * 100, 2)


def _ratio(percent: float | None) -> float | None:
    return None if percent is None else percent / 100


@dialog("ha-settings")
class HaSettings(ClusterDialog, VersionedDialog):
    verb = gettext_lazy("Edit Cluster Settings")
    form_class = HaForm
    template = "scheduler/drs/dialogs/ha_settings.html"
    size = "lg"

    def form(self, data: Any = None) -> HaForm:
        return HaForm(data, initial=self.initial(), cluster=self.obj)

    def current(self) -> dict[str, Any]:
        return ha_values(self.obj)

    def submit(self, form: Any) -> Any:
        values = form.cleaned_data
        plain = (
            "failures", "admission", "isolation_response", "isolation_shutdown_s", "ready_condition", "ready_delay_s",
            "vm_monitoring", *NUMBERS, "io_interval_s",
        )  # fmt: skip
        options = {**(self.obj.ha_options or {}), **{name: values[name] for name in plain}}
        options |= {"cpu_ratio": _ratio(values["cpu_pct"]), "mem_ratio": _ratio(values["mem_pct"])}
        options["failover_hosts"] = values["failover_hosts"] if values["admission"] == "failover_hosts" else []
        changes = {"ha_enabled": values["ha_enabled"], "ha_options": options}
        return settings.reconfigure(self.user, self.obj, changes, values["version"])


# --- EVC -------------------------------------------------------------------------------------------------------------
class EvcForm(VersionedForm):
    evc_mode = forms.ChoiceField(label=gettext_lazy("EVC mode"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["evc_mode"]
        vendors: dict[str, list[tuple[str, str]]] = {}
        for key, generation in CPU_GENERATIONS.items():
            vendors.setdefault(key.partition("-")[0], []).append((key, str(generation.label)))
        names = {"intel": _("Enable EVC for Intel hosts"), "amd": _("Enable EVC for AMD hosts")}
        groups = [(names.get(vendor, vendor), modes) for vendor, modes in vendors.items()]
        field.choices = [("", _("Disable EVC")), *groups]  # type: ignore[attr-defined]
        field.widget.attrs["data-refresh"] = True


@dialog("evc-mode")
class EvcMode(ClusterDialog, ComparedDialog):
    """The mode, and what stands against it on each host."""

    verb = gettext_lazy("Change EVC Mode")
    form_class = EvcForm
    template = "scheduler/drs/dialogs/evc.html"
    size = "lg"

    def current(self) -> dict[str, Any]:
        return {"evc_mode": self.obj.evc_mode}

    def context(self, form: Any) -> dict[str, Any]:
        mode = CPU_GENERATIONS.get(form["evc_mode"].value() or "")
        hosts = self.obj.hosts.order_by("name")
        return {"hosts": [(host, *_fits(host, mode)) for host in hosts], "mode": mode}

    def submit(self, form: Any) -> Any:
        return clusters.reconfigure(self.user, self.obj, {"evc_mode": form.cleaned_data["evc_mode"]})


def _fits(host: Any, mode: Any) -> tuple[Any, bool]:
    """The generation of a host, and whether it has every feature of the mode."""
    own = CPU_GENERATIONS.get(host.cpu_generation)
    return own, mode is None or (own is not None and not mode.features & ~own.features)
