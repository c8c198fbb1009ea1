"""What binds a machine to its host, as a part of the form of its hardware: processors, devices, SCSI buses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from domain import affinity
from domain.states import BusSharing, Passthrough
from inventory import words
from inventory.forms.base import DialogForm


class BoundForm(DialogForm):
    cpu_affinity = forms.CharField(
        label=gettext_lazy("Scheduling affinity"), required=False, max_length=affinity.TEXT_LENGTH,
        widget=forms.TextInput(attrs={"placeholder": "0,2-3"}),
        help_text=gettext_lazy(
            "Logical processors of its host; empty = any. A machine that is bound to some does not move while it runs."
        ),
    )  # fmt: skip
    passthrough = forms.ChoiceField(
        label=gettext_lazy("Passthrough device"), required=False, choices=words.choices(Passthrough),
        help_text=gettext_lazy(
            "A device of the host keeps the machine there while it runs. A PCI device needs all memory reserved."
        ),
    )  # fmt: skip
    bus_sharing = forms.ChoiceField(
        label=gettext_lazy("SCSI bus sharing"), choices=words.choices(BusSharing),
        help_text=gettext_lazy("With physical sharing the machine does not move while it runs."),
    )  # fmt: skip

    OTHER = ("passthrough", "bus_sharing")

    @property
    def other_fields(self) -> list[Any]:
        return [self[name] for name in self.OTHER]

    @property
    def other_now(self) -> str:
        """What is chosen of them, as a line."""
        chosen = ((one.label, dict(one.field.choices).get(one.value() or "")) for one in self.other_fields)
        return ", ".join(f"{label}: {said}" for label, said in chosen if said)

    @property
    def other_open(self) -> bool:
        return any(field.errors for field in self.other_fields)

    def check_bound(self, data: Mapping[str, Any], memory_mib: int) -> None:
        """The service's rules (`vm_checks.consistent`), beside the field that breaks them."""
        self._check_affinity(str(data.get("cpu_affinity") or ""), int(data.get("vcpus") or 1))
        reserved = int(data.get("memory_reservation_mib") or 0)
        if data.get("passthrough") == Passthrough.PCI and reserved < memory_mib:
            self.add_error("passthrough", _("A PCI device needs all memory of the virtual machine reserved."))

    def _check_affinity(self, text: str, vcpus: int) -> None:
        try:
            chosen = affinity.processors(text)
        except ValueError:
            self.add_error("cpu_affinity", _("Write numbers and ranges of logical processors, as 0,2-3."))
            return
        if chosen and len(chosen) < vcpus:
            self.add_error("cpu_affinity", _("It names fewer processors than the virtual machine has CPUs."))
