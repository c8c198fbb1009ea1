"""Host > Configure > VMkernel adapters: the adapter that vMotion uses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import Http404
from django.utils.translation import gettext_lazy as _

from domain.states import IpFamily
from inventory.forms.base import VersionedForm
from inventory.forms.dialog import ComparedDialog, dialog
from inventory.models import Host
from inventory.services import hosts


class VMotionForm(VersionedForm):
    vmotion_enabled = forms.BooleanField(
        label=_("Enable vMotion"), required=False,
        help_text=_("Without it no virtual machine that runs can leave this host, or come to it."),
    )  # fmt: skip
    vmotion_ip_family = forms.ChoiceField(
        label=_("IP address family"), choices=[(one.value, one.label) for one in IpFamily],
        help_text=_("Source and destination of a migration have to have the same one."),
    )  # fmt: skip


@dialog("vmotion-adapter")
@dataclass
class VMotionAdapter(ComparedDialog):
    verb = _("Edit vMotion Adapter")
    form_class = VMotionForm
    privilege = "Host.Config.Network"

    def __post_init__(self) -> None:
        if not isinstance(self.obj, Host):
            raise Http404("host")

    def current(self) -> dict[str, Any]:
        return {name: getattr(self.obj, name) for name in hosts.VMOTION}

    def submit(self, form: Any) -> Any:
        return hosts.set_vmotion(self.user, self.obj, **{name: form.cleaned_data[name] for name in hosts.VMOTION})
