"""Resource pools: their share of CPU and memory, when they are made and when they are changed."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from domain.resources import POOL_CPU_SHARES, POOL_MEMORY_SHARES
from domain.states import SharesLevel
from inventory import words
from inventory.forms.base import VersionedForm
from inventory.forms.dialog import VersionedDialog, dialog
from inventory.forms.fields import LimitField, WithUnit, name_field
from inventory.forms.pickers import place_of
from inventory.models import ResourcePool
from inventory.services import pools

MOST = 2**31 - 1
FIELDS = (
    "cpu_shares_level", "cpu_shares", "cpu_reservation_mhz", "cpu_expandable", "cpu_limit_mhz",
    "memory_shares_level", "memory_shares", "memory_reservation_mib", "memory_expandable", "memory_limit_mib",
    "scalable_shares",
)  # fmt: skip


class PoolForm(VersionedForm):
    """CPU and memory block of a pool, as vSphere lays them out."""

    name = name_field()
    cpu_shares_level = forms.ChoiceField(label=gettext_lazy("Shares"), choices=words.choices(SharesLevel))
    cpu_shares = forms.IntegerField(label=gettext_lazy("Shares value"), min_value=1, max_value=1_000_000)
    cpu_reservation_mhz = WithUnit(label=gettext_lazy("Reservation"), unit="MHz", min_value=0, max_value=MOST)
    cpu_expandable = forms.BooleanField(label=gettext_lazy("Expandable reservation"), required=False)
    cpu_limit_mhz = LimitField(label=gettext_lazy("Limit"), unit="MHz")
    memory_shares_level = forms.ChoiceField(label=gettext_lazy("Shares"), choices=words.choices(SharesLevel))
    memory_shares = forms.IntegerField(label=gettext_lazy("Shares value"), min_value=1, max_value=MOST)
    memory_reservation_mib = WithUnit(label=gettext_lazy("Reservation"), unit="MB", min_value=0, max_value=MOST)
    memory_expandable = forms.BooleanField(label=gettext_lazy("Expandable reservation"), required=False)
    memory_limit_mib = LimitField(label=gettext_lazy("Limit"), unit="MB")
    scalable_shares = forms.BooleanField(
        label=gettext_lazy("Scalable shares"), required=False,
        help_text=gettext_lazy("The shares of child pools grow with the number of virtual machines in them."),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for resource in ("cpu", "memory"):
            self.fields[f"{resource}_shares"].when = f"{resource}_shares_level=custom"  # type: ignore[attr-defined]

    @property
    def blocks(self) -> list[tuple[str, str, list[Any]]]:
        """(label, icon, fields) of the two resources."""
        cpu = [self[n] for n in FIELDS if n.startswith("cpu_")]
        memory = [self[n] for n in FIELDS if n.startswith("memory_")]
        return [("CPU", "cpu", cpu), (_("Memory"), "memory", memory)]

    @property
    def first_fields(self) -> list[Any]:
        return [self["name"]] if "name" in self.fields else []

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        for resource, unit in (("cpu", "mhz"), ("memory", "mib")):
            limit = data.get(f"{resource}_limit_{unit}", -1)
            if limit != -1 and data.get(f"{resource}_reservation_{unit}", 0) > limit:
                self.add_error(f"{resource}_limit_{unit}", _("It is below the reservation."))
        tables = (("cpu", POOL_CPU_SHARES), ("memory", POOL_MEMORY_SHARES))
        for resource, table in tables:
            level = data.get(f"{resource}_shares_level")
            if level in table:
                data[f"{resource}_shares"] = table[SharesLevel(level)]
        return data

    def allocation(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in FIELDS}


@dialog("new-pool")
class NewPool(VersionedDialog):
    verb = gettext_lazy("New Resource Pool")
    template = "inventory/dialogs/pool.html"
    form_class = PoolForm

    def initial(self) -> dict[str, Any]:
        return {
            "cpu_shares_level": "normal", "cpu_shares": 4000, "cpu_reservation_mhz": 0, "cpu_expandable": True,
            "cpu_limit_mhz": -1, "memory_shares_level": "normal", "memory_shares": 163_840,
            "memory_reservation_mib": 0, "memory_expandable": True, "memory_limit_mib": -1,
        }  # fmt: skip

    def submit(self, form: Any) -> Any:
        parent: ResourcePool = place_of(self.obj).pool
        return pools.create(self.user, parent, form.cleaned_data["name"], **form.allocation())


@dialog("edit-pool")
class EditPool(VersionedDialog):
    verb = gettext_lazy("Edit Resource Settings")
    template = "inventory/dialogs/pool.html"
    form_class = PoolForm

    def current(self) -> dict[str, Any]:
        return {name: getattr(self.obj, name) for name in FIELDS}

    def form(self, data: Any = None) -> Any:
        form = super().form(data)
        del form.fields["name"]
        return form

    def submit(self, form: Any) -> Any:
        changes = {k: v for k, v in form.allocation().items() if v != getattr(self.obj, k)}
        if not changes:
            return None
        return pools.reconfigure(self.user, self.obj, changes, expected_version=form.cleaned_data["version"])
