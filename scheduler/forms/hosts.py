"""Entering maintenance mode, with the plan before the start."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from inventory.forms.base import DialogForm
from inventory.forms.dialog import Dialog, dialog
from scheduler import remedies
from scheduler.services import maintenance


class MaintenanceForm(DialogForm):
    evacuate_powered_off = forms.BooleanField(
        label=_("Move powered-off and suspended virtual machines to other hosts in the cluster"), required=False,
        widget=forms.CheckboxInput(attrs={"data-refresh": True}),
    )  # fmt: skip
    timeout_min = forms.IntegerField(
        label=_("Give up after (minutes of lab time, 0 = never)"), min_value=0, max_value=10_080, initial=0
    )


@dialog("enter-maintenance")
class EnterMaintenance(Dialog):
    """Where every virtual machine would go, how loaded the targets become, and what cannot move and why."""

    verb = _("Enter maintenance mode")
    submit_label = _("Enter Maintenance Mode")
    form_class = MaintenanceForm
    template = "scheduler/dialogs/maintenance.html"
    size = "lg"

    def context(self, form: Any) -> dict[str, Any]:
        plan = maintenance.preview(self.obj)
        stuck = [remedies.stuck_line(vm.moref, vm.name, fault.to_dict()) for vm, fault in plan.stuck]
        loads = [load for load in plan.loads if load["host"].pk != self.obj.pk]
        cold = maintenance.cold_plan(self.obj) if form["evacuate_powered_off"].value() else maintenance.ColdPlan()
        stuck += [remedies.stuck_line(vm.moref, vm.name, fault.to_dict()) for vm, fault in cold.stuck]
        by_itself = maintenance.moves_by_itself(self.obj)
        return {"plan": plan, "cold": cold.moves, "stuck": stuck, "loads": loads, "by_itself": by_itself}

    def submit(self, form: Any) -> Any:
        values = form.cleaned_data
        return maintenance.enter(
            self.user,
            self.obj,
            timeout_s=60.0 * values["timeout_min"],
            evacuate_powered_off=values["evacuate_powered_off"],
        )
