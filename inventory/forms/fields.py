"""Fields that know the units of the field: sizes, limits, names, objects of the inventory."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from domain.limits import DEFAULT_LIMITS
from domain.resources import UNLIMITED
from inventory.format import size as size_text

MIB, GIB, TIB = 1024**2, 1024**3, 1024**4
UNITS = {"MB": MIB, "GB": GIB, "TB": TIB}


def name_field(**more: Any) -> forms.CharField:
    """The name of an object: 1 to 80 characters, surrounding blanks do not count."""
    return forms.CharField(label=_("Name"), max_length=DEFAULT_LIMITS.name_length, **more)


class SizeWidget(forms.MultiWidget):
    """A number and its unit, side by side. The field's label is the number's; the unit says itself what it is."""

    use_fieldset = False

    def __init__(self, units: tuple[str, ...] = ("MB", "GB", "TB"), attrs: dict[str, Any] | None = None) -> None:
        self.units = units
        number = forms.NumberInput(attrs={"step": "any", "min": "0"})
        select = forms.Select(choices=[(u, u) for u in units], attrs={"aria-label": _("Unit")})
        super().__init__((number, select), attrs)

    def id_for_label(self, id_: str) -> str:
        return id_ and f"{id_}_0"

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        return format_html('<span class="size">{}</span>', super().render(name, value, attrs, renderer))

    def decompress(self, value: Any) -> list[Any]:
        """Bytes in the largest unit that shows them without a fraction."""
        if value in (None, ""):
            return [None, "GB" if "GB" in self.units else self.units[0]]
        for unit in reversed(self.units):
            if value % UNITS[unit] == 0 and value >= UNITS[unit]:
                return [value // UNITS[unit], unit]
        return [round(Decimal(value) / UNITS[self.units[0]], 2), self.units[0]]


class SizeField(forms.MultiValueField):
    """A size in bytes, from `least` to `most`; whole megabytes."""

    widget: Any = SizeWidget

    def __init__(self, *, most: int, least: int = MIB, units: tuple[str, ...] = ("MB", "GB", "TB"), **more: Any):
        self.least, self.most = least, most
        number = forms.DecimalField(max_digits=20, decimal_places=6)
        parts = (number, forms.ChoiceField(choices=[(u, u) for u in units]))
        super().__init__(parts, widget=SizeWidget(units), require_all_fields=True, **more)

    def compress(self, data_list: list[Any]) -> int | None:
        return int(data_list[0] * UNITS[data_list[1]]) // MIB * MIB if data_list else None

    def validate(self, value: int | None) -> None:
        super().validate(value)
        if value is None:
            return
        if value < self.least:
            raise forms.ValidationError(_("At least %(size)s.") % {"size": size_text(self.least)}, code="LimitExceeded")
        if value > self.most:
            raise forms.ValidationError(_("At most %(size)s.") % {"size": size_text(self.most)}, code="LimitExceeded")


class LimitField(forms.IntegerField):
    """A limit in `unit`; nothing typed means unlimited (-1)."""

    def __init__(self, *, unit: str, most: int = 2**31 - 1, **more: Any) -> None:
        self.unit = unit
        super().__init__(min_value=0, max_value=most, required=False, **more)
        self.widget.attrs["placeholder"] = _("Unlimited")

    def prepare_value(self, value: Any) -> Any:
        return "" if value == UNLIMITED else value

    def clean(self, value: Any) -> int:
        number = super().clean(value)
        return UNLIMITED if number is None else int(number)


class WithUnit(forms.IntegerField):
    """A whole number of `unit`, which is drawn behind it."""

    def __init__(self, *, unit: str | Promise, **more: Any) -> None:
        self.unit = unit
        super().__init__(**more)
