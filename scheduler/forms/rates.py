"""Lab > Failure Rates: how often things fail by themselves."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from inventory.forms.base import DialogForm
from inventory.forms.dialog import Dialog, dialog
from scheduler.services import failure_rates
from scheduler.services.failure_rates import RATES


class RatesForm(DialogForm):
    """A field per rate."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for rate in RATES:
            self.fields[rate.name] = _field(rate)


def _field(rate: failure_rates.Rate) -> forms.Field:
    field = forms.FloatField(
        label=rate.label, min_value=0, max_value=rate.most,
        help_text=_("In the field about %(usual)s.") % {"usual": f"{rate.usual:g}"},
    )  # fmt: skip
    field.unit = rate.unit  # type: ignore[attr-defined]  # drawn behind the control
    return field


@dialog("failure-rates")
class FailureRates(Dialog):
    verb = gettext_lazy("Failure Rates")
    form_class = RatesForm
    privilege = "Lab.InjectFault"

    def initial(self) -> dict[str, Any]:
        return failure_rates.present(self.vcenter)

    def submit(self, form: Any) -> Any:
        return failure_rates.set_rates(self.user, self.vcenter, form.cleaned_data)
