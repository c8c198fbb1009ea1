"""Licenses: add, edit and remove those of a vCenter, and give one to a host."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any, ClassVar

from django import forms
from django.http import Http404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from domain.licensing import CORES_PER_CPU_LEAST, PRODUCTS, Edition
from inventory import words
from inventory.forms.base import VersionedForm
from inventory.forms.dialog import ComparedDialog, Dialog, dialog
from inventory.forms.fields import WithUnit, name_field
from inventory.forms.pickers import Line, TableField
from inventory.models import Host, License, VCenter
from inventory.services import licenses

# What keys are written with: no letter that is taken for a digit.
LETTERS = "0123456789ABCDEFGHJKLMNPQRTUVWXYZ"
EVALUATION = "evaluation"


def new_key() -> str:
    """A name that looks like a license key: five groups of five."""
    return "-".join("".join(secrets.choice(LETTERS) for _number in range(5)) for _group in range(5))


class LicenseForm(VersionedForm):
    name = name_field(help_text=gettext_lazy("A name, or the key as it was bought."))
    edition = forms.ChoiceField(
        label=gettext_lazy("Product"), choices=[(one.value, name) for one, name in PRODUCTS.items()],
        help_text=gettext_lazy("vSphere Essentials does not include vMotion; the others do."),
    )  # fmt: skip
    cores = WithUnit(
        label=gettext_lazy("Capacity"), unit=gettext_lazy("CPU cores"), min_value=1, max_value=licenses.CORES_MOST
    )

    @property
    def values(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in ("name", "edition", "cores")}


class _OfVCenter(Dialog):
    """A dialog of the whole vCenter."""

    form_class: ClassVar[type[forms.Form]] = LicenseForm
    privilege = licenses.PRIVILEGE

    def __post_init__(self) -> None:
        if not isinstance(self.obj, VCenter):
            raise Http404("vcenter")


class _OfLicense(_OfVCenter):
    """A dialog of one license: the one that the address names by its number."""

    def __post_init__(self) -> None:
        super().__post_init__()
        number = self.query.get("license", "")
        found = License.objects.filter(vcenter=self.vcenter, pk=number).first() if number.isdecimal() else None
        if found is None:
            raise Http404("license")
        self.license = found

    @property
    def title(self) -> str:
        return f"{self.verb} | {self.license.name}"


@dialog("add-license")
@dataclass
class AddLicense(_OfVCenter):
    verb = gettext_lazy("Add License")
    submit_label = gettext_lazy("Add")

    def initial(self) -> dict[str, Any]:
        return {"name": new_key(), "edition": Edition.STANDARD.value, "cores": 2 * CORES_PER_CPU_LEAST}

    def submit(self, form: Any) -> Any:
        return licenses.add(self.user, self.vcenter, **form.values)


@dialog("edit-license")
@dataclass
class EditLicense(_OfLicense, ComparedDialog):
    verb = gettext_lazy("Edit License")

    @property
    def subject(self) -> str:
        return str(self.license.name)

    def current(self) -> dict[str, Any]:
        return {name: getattr(self.license, name) for name in ("name", "edition", "cores")}

    def submit(self, form: Any) -> Any:
        return licenses.edit(self.user, self.license, **form.values)


@dialog("remove-license")
@dataclass
class RemoveLicense(_OfLicense):
    verb = gettext_lazy("Remove License")
    submit_label = gettext_lazy("Remove")
    form_class = VersionedForm
    template = "inventory/dialogs/confirm.html"
    danger = True
    size = "sm"

    def context(self, form: Any) -> dict[str, Any]:
        question = _("Remove the license “%(name)s”?") % {"name": self.license.name}
        names = licenses.named(self.user, self.license)
        first = _("Assign its hosts another license first: %(names)s") % {"names": names}
        return {"question": question, "radius": [first] if names else []}

    def submit(self, form: Any) -> Any:
        return licenses.remove(self.user, self.license)


# --- hosts -----------------------------------------------------------------------------------------------------------
@dialog("assign-license")
@dataclass
class AssignLicense(ComparedDialog):
    """Evaluation mode, or one of the vCenter's licenses; one that has too few cores left says so."""

    verb = gettext_lazy("Assign License")
    form_class = VersionedForm
    size = "lg"

    def __post_init__(self) -> None:
        if not isinstance(self.obj, Host):
            raise Http404("host")

    def current(self) -> dict[str, Any]:
        return {"license": str(self.obj.license_id or EVALUATION)}

    def form(self, data: Any = None) -> Any:
        form = super().form(data)
        heads = (_("License"), _("Product"), "vMotion", _("Cores left"))
        needs = _("The host takes up %(cores)s CPU cores: a CPU counts as %(least)s at least.")
        form.fields["license"] = TableField(
            heads, self._lines(), label=_("License"),
            help_text=needs % {"cores": self.obj.license_cores, "least": CORES_PER_CPU_LEAST},
        )  # fmt: skip
        return form

    def _lines(self) -> list[Line]:
        used = licenses.used_cores(self.vcenter, but=self.obj)
        rows = [Line(EVALUATION, (_("Evaluation mode"), "—", _("Yes"), "—"), "key")]
        for one in License.objects.filter(vcenter=self.vcenter):
            fault = licenses.not_enough(one, self.obj, used.get(one.pk, 0))
            left = _("%(free)s of %(capacity)s") % {"free": one.cores - used.get(one.pk, 0), "capacity": one.cores}
            cells = (one.name, one.product, _("Yes") if one.includes_vmotion else _("No"), left)
            rows.append(Line(str(one.pk), cells, "key", words.fault_sentence(fault.to_dict()) if fault else ""))
        return rows

    def submit(self, form: Any) -> Any:
        chosen = form.cleaned_data["license"]
        license = None if chosen == EVALUATION else License.objects.filter(vcenter=self.vcenter, pk=chosen).first()
        if license is None and chosen != EVALUATION:
            raise Http404("license")
        return licenses.assign(self.user, self.obj, license)
