"""Lab > Inject fault: breaking a host, a virtual machine or a datastore to see what happens."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import Http404
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from hypervisors.port import Injection
from inventory.forms.base import DialogForm
from inventory.forms.dialog import Dialog, dialog
from scheduler.services import injection

# What a person will see happen.
HINTS: dict[Injection, Any] = {
    Injection.HOST_CRASH: _("Its virtual machines are gone with it. vSphere HA starts what it protects elsewhere."),
    Injection.HOST_OS_CRASH: _("The system below a hosted hypervisor fails and takes every virtual machine along."),
    Injection.HOST_HANG: _("The host does not respond; its virtual machines go on running."),
    Injection.ISOLATE: _("No packet gets through, but the datastores see the host. HA carries out its response."),
    Injection.PARTITION: _("Cut off together with others: HA sees it live on the datastores and lets everything run."),
    Injection.HOST_RECOVER: _("A hang or an isolation ends; a crashed host is switched on again."),
    Injection.NIC_DOWN: _("Half the bandwidth, or the connection where it is the last adapter."),
    Injection.NIC_UP: _("The adapter works again."),
    Injection.FAIL_NEXT_WAKE: _("The host will not wake from standby the next time DPM wants it."),
    Injection.BMC_DEAD: _("The host can be sent to standby no longer, and cannot be woken."),
    Injection.BMC_OK: _("The management controller answers again."),
    Injection.GUEST_CRASH: _("The virtual machine stays powered on and does nothing until it is reset."),
    Injection.MEMORY_HOG: _("Every page is written again and again: a hard case for vMotion."),
    Injection.CPU_HOG: _("All vCPUs are busy: DRS has something to balance."),
    Injection.RUNAWAY_SNAPSHOT: _("The newest snapshot fills the datastore."),
    Injection.FAIL_NEXT_MIGRATION: _("The next migration of this machine fails in mid-copy and is rolled back."),
    Injection.DATASTORE_SLOW: _("Every access takes many times as long."),
    Injection.DATASTORE_LOST: _("No host reaches the datastore."),
    Injection.DATASTORE_OK: _("The datastore is fast and accessible again."),
}  # fmt: skip
LONGEST_MIN = int(injection.LONGEST_S // 60)


class InjectForm(DialogForm):
    # Django takes fields out of the class body, so the base's attribute of this name stays what it is.
    fault = forms.ChoiceField(label=_("Fault"), widget=forms.RadioSelect)  # type: ignore[assignment]
    duration_min = forms.IntegerField(
        label=_("Ends after (minutes of lab time)"), required=False, min_value=0, max_value=LONGEST_MIN,
        help_text=_("0 = it lasts until somebody repairs it; empty = as long as such a fault usually lasts."),
    )  # fmt: skip
    nic = forms.TypedChoiceField(label=_("Network adapter"), coerce=int, required=False, empty_value="0")


@dialog("inject-fault")
class InjectFault(Dialog):
    verb = _("Inject Fault")
    submit_label = _("Inject")
    form_class = InjectForm
    template = "scheduler/dialogs/inject.html"
    size = "lg"
    danger = True
    privilege = "Lab.InjectFault"

    def form(self, data: Any = None) -> Any:
        fits = injection.fitting(self.obj)
        if not fits:
            raise Http404("nothing of this kind fails")
        form: Any = InjectForm(data, initial={"fault": fits[0].value})
        form.fields["fault"].choices = [(one.value, gettext(injection.LABELS[one])) for one in fits]
        adapters = len(getattr(self.obj, "nic_mbps", ()))
        if adapters:
            form.fields["nic"].choices = [(n, f"vmnic{n}") for n in range(adapters)]
        else:
            del form.fields["nic"]
        return form

    def context(self, form: Any) -> dict[str, Any]:
        hints = {one.value: HINTS[one] for one in injection.fitting(self.obj)}
        passing = " ".join(one.value for one in injection.fitting(self.obj) if one in injection.PASSING)
        return {"faults": [(choice, hints[str(choice.data["value"])]) for choice in form["fault"]], "passing": passing}

    def submit(self, form: Any) -> Any:
        values = form.cleaned_data
        minutes = values["duration_min"]
        return injection.inject(
            self.user, self.obj, values["fault"],
            duration_s=None if minutes is None else 60.0 * minutes, nic=int(values.get("nic") or 0),
        )  # fmt: skip
