"""What single VMs and hosts have of their own: automation level, restart priority, power management."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from django import forms
from django.http import Http404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from domain.states import DrsBehavior, VmMonitoring
from inventory import selectors, words
from inventory.forms.base import VersionedForm
from inventory.forms.dialog import ComparedDialog, dialog
from inventory.forms.fields import WithUnit
from inventory.forms.pickers import TableField
from inventory.hardware import AS_THE_CLUSTER, OVERRIDES
from inventory.models import Host
from inventory.services.vm_checks import HA_NUMBERS
from scheduler.forms.base import ClusterDialog
from scheduler.forms.rules import vm_lines
from scheduler.monitoring import NUMBERS
from scheduler.readiness import LONGEST_DELAY_S
from scheduler.services import bmc, rules
from scheduler.words import DPM_BEHAVIORS, ISOLATION_RESPONSES, READY_CONDITIONS, RESTART_PRIORITIES, VM_MONITORING

AS_CLUSTER = ("", gettext_lazy("As the cluster"))
SECONDS_HELP = gettext_lazy("Lab time; empty: as the cluster.")
MONITORED = tuple(f"ha_{name}" for name in NUMBERS)


def _seconds(label: Any, name: str, help_text: Any = SECONDS_HELP) -> WithUnit:
    return WithUnit(
        label=label, unit="s", required=False, min_value=0, max_value=HA_NUMBERS[name], help_text=help_text
    )  # fmt: skip


class OverrideForm(VersionedForm):
    drs_override = forms.ChoiceField(
        label=gettext_lazy("DRS automation level"), required=False,
        choices=[AS_CLUSTER, *((level.value, words.of(DrsBehavior, level).label) for level in DrsBehavior)],
        help_text=gettext_lazy(
            "Disabled: it is never moved, not even when its host enters maintenance mode, which then waits for it."
        ),
    )  # fmt: skip
    ha_restart_priority = forms.ChoiceField(
        label=gettext_lazy("VM restart priority"), required=False, choices=[AS_CLUSTER, *RESTART_PRIORITIES.items()]
    )
    ha_ready_condition = forms.ChoiceField(
        label=gettext_lazy("Start next priority VMs when"), required=False,
        choices=[AS_CLUSTER, *READY_CONDITIONS.items()],
    )  # fmt: skip
    ha_ready_delay_s = WithUnit(
        label=gettext_lazy("Additional delay"), unit="s", required=False, min_value=0, max_value=LONGEST_DELAY_S,
        help_text=gettext_lazy("Lab time after that; empty: as the cluster."),
    )  # fmt: skip

    ha_isolation_response = forms.ChoiceField(
        label=gettext_lazy("Response for host isolation"), required=False,
        choices=[AS_CLUSTER, *ISOLATION_RESPONSES.items()],
    )  # fmt: skip
    ha_vm_monitoring = forms.ChoiceField(
        label=gettext_lazy("VM Monitoring"), required=False, choices=[AS_CLUSTER, *VM_MONITORING.items()]
    )
    ha_failure_interval_s = _seconds(gettext_lazy("Failure interval"), "ha_failure_interval_s")
    ha_min_uptime_s = _seconds(gettext_lazy("Minimum uptime"), "ha_min_uptime_s")
    ha_max_resets = forms.IntegerField(
        label=gettext_lazy("Maximum per-VM resets"), required=False, min_value=0, max_value=HA_NUMBERS["ha_max_resets"],
        help_text=gettext_lazy("Empty: as the cluster."),
    )  # fmt: skip
    ha_reset_window_s = _seconds(
        gettext_lazy("Reset window"), "ha_reset_window_s", gettext_lazy("0 = no end; empty: as the cluster.")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in MONITORED:
            self.fields[name].when = f"ha_vm_monitoring= {VmMonitoring.ONLY}"  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """-1 stands for the cluster's."""
        data = super().clean() or self.cleaned_data
        return data | {name: -1 if data.get(name) is None else data[name] for name in HA_NUMBERS}


@dialog("vm-override")
class Override(ClusterDialog, ComparedDialog):
    """Overrides of the chosen virtual machines; with ?vm= of that one."""

    verb = gettext_lazy("VM Overrides")
    form_class: ClassVar[type[forms.Form]] = OverrideForm
    template = "scheduler/drs/dialogs/refreshing.html"
    size = "lg"

    def __post_init__(self) -> None:
        super().__post_init__()
        rows = selectors.vms_visible(self.user, self.vcenter).filter(host__cluster=self.obj, template=False)
        self.vms = rows.select_related("host__cluster", "vcenter")
        wanted = self.query.get("vm", "")
        self.vm = self.vms.filter(moref=wanted).first() if wanted else None
        if wanted and self.vm is None:
            raise Http404("vm")

    @property
    def title(self) -> str:
        return f"{self.verb} | {self.vm.name if self.vm else self.obj.name}"

    @property
    def subject(self) -> str:
        return str(self.vm.name if self.vm else self.obj.name)

    def current(self) -> dict[str, Any]:
        if self.vm is None:
            return {}
        own = {name: getattr(self.vm, name) for name in OVERRIDES}
        return own | {name: None if own[name] < 0 else own[name] for name in HA_NUMBERS}

    def form(self, data: Any = None) -> Any:
        form = super().form(data)
        if self.vm is None:
            heads = (_("Name"), _("Host"), _("State"))
            form.fields["vms"] = TableField(
                heads, vm_lines(self.user, self.obj), many=True, label=_("Virtual machines")
            )
        return form

    def submit(self, form: Any) -> Any:
        values = form.cleaned_data
        chosen = [self.vm] if self.vm else list(self.vms.filter(moref__in=values.pop("vms")))
        return rules.set_override(self.user, chosen, **{name: values[name] for name in OVERRIDES})


@dialog("vm-override-delete")
class DeleteOverride(Override):
    verb = gettext_lazy("Delete Override")
    submit_label = gettext_lazy("Delete")
    form_class = VersionedForm
    template = "inventory/dialogs/confirm.html"
    size = "sm"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.vm is None:
            raise Http404("vm")

    def current(self) -> dict[str, Any]:
        return {}

    def context(self, form: Any) -> dict[str, Any]:
        name = self.vm.name if self.vm else ""
        return {"question": _("“%(name)s” follows the cluster again?") % {"name": name}, "radius": []}

    def submit(self, form: Any) -> Any:
        return rules.set_override(self.user, [self.vm] if self.vm else [], **AS_THE_CLUSTER)


class HostPowerForm(VersionedForm):
    dpm_behavior = forms.ChoiceField(label=gettext_lazy("Power management"), choices=list(DPM_BEHAVIORS.items()))
    bmc_address = forms.CharField(
        label=gettext_lazy("BMC address"), required=False, max_length=64,
        help_text=gettext_lazy("IPMI or iLO. Without it the host is woken by Wake-on-LAN."),
    )  # fmt: skip
    bmc_user = forms.CharField(label=gettext_lazy("BMC user"), required=False, max_length=64)
    bmc_password = forms.CharField(
        label=gettext_lazy("BMC password"), required=False, max_length=128, strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=gettext_lazy("It is kept encrypted and never shown again; empty = leave the one that is kept."),
    )  # fmt: skip
    forget_password = forms.BooleanField(label=gettext_lazy("Forget the BMC password that is kept"), required=False)
    bmc_mac = forms.CharField(
        label=gettext_lazy("BMC MAC address"), required=False, max_length=17,
        widget=forms.TextInput(attrs={"placeholder": "00:11:22:33:44:55"}),
    )  # fmt: skip
    wake_on_lan = forms.BooleanField(label=gettext_lazy("The network adapter supports Wake-on-LAN"), required=False)


@dialog("host-power-management")
@dataclass
class HostPower(ComparedDialog):
    verb = gettext_lazy("Edit Power Management")
    form_class = HostPowerForm
    privilege = "Host.Config.Power"

    def __post_init__(self) -> None:
        if not isinstance(self.obj, Host):
            raise Http404("host")

    def current(self) -> dict[str, Any]:
        return {name: getattr(self.obj, name) for name in HostPowerForm.base_fields if hasattr(self.obj, name)}

    def submit(self, form: Any) -> Any:
        values = {name: value for name, value in form.cleaned_data.items() if name not in ("version", "base")}
        password, forget = values.pop("bmc_password"), values.pop("forget_password")
        return bmc.configure(self.user, self.obj, password, forget, **values)
