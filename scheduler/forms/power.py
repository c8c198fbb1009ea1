"""What a kilowatt hour costs, in money and in carbon dioxide: for the power report of a cluster."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from inventory.forms.base import VersionedForm
from inventory.forms.dialog import ComparedDialog, dialog
from inventory.models import Cluster
from scheduler.forms.base import ClusterDialog
from scheduler.services import settings

# To start with: a guess of a European tariff, and the world's mean grid (Ember, Global Electricity Review 2024).
DEFAULTS = {"price": 0.2, "currency": "EUR", "co2_kg": 0.48}


def prices_of(cluster: Cluster) -> dict[str, Any]:
    return DEFAULTS | dict((cluster.drs_options or {}).get("prices") or {})


class PriceForm(VersionedForm):
    price = forms.FloatField(label=gettext_lazy("Price per kWh"), min_value=0, max_value=1e6)
    currency = forms.RegexField(r"^[A-Z]{3}$", label=gettext_lazy("Currency (three letters)"), max_length=3)
    co2_kg = forms.FloatField(label=gettext_lazy("CO₂ per kWh (kg)"), min_value=0, max_value=100)


@dialog("power-price")
class PowerPrice(ClusterDialog, ComparedDialog):
    verb = gettext_lazy("Price of Power")
    form_class = PriceForm
    size = "sm"

    def current(self) -> dict[str, Any]:
        return prices_of(self.obj)

    def submit(self, form: Any) -> Any:
        options = {**(self.obj.drs_options or {}), "prices": {name: form.cleaned_data[name] for name in DEFAULTS}}
        return settings.reconfigure(self.user, self.obj, {"drs_options": options}, self.obj.change_version)
