"""The grid of advanced options: pairs of a name and a value, any number of them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _

from domain.faults import MethodFault
from inventory import words
from scheduler.engine.options import ADVANCED_OPTIONS, DrsOptions, with_advanced

Pairs = list[tuple[str, str]]
MOST = 50


class AdvancedWidget(forms.Widget):
    """Sends `advanced_name` and `advanced_value`, one of each per row."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        if name in data:  # put there by a merge
            return data[name]
        if not hasattr(data, "getlist"):
            return []
        return list(zip(data.getlist(f"{name}_name"), data.getlist(f"{name}_value"), strict=False))[:MOST]


class AdvancedField(forms.Field):
    """A mapping of names that the engine knows to values that it can work with."""

    widget = AdvancedWidget
    known = tuple(sorted(ADVANCED_OPTIONS))

    def prepare_value(self, value: Any) -> Pairs:
        """Rows for the grid."""
        pairs = value.items() if isinstance(value, dict) else (value or ())
        return [(str(name), str(text)) for name, text in pairs]

    def clean(self, value: Any) -> dict[str, str]:
        pairs = [(name.strip(), text.strip()) for name, text in self.prepare_value(value) if name.strip()]
        names = [name for name, _text in pairs]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice:
            raise forms.ValidationError(_("“%(name)s” is there twice.") % {"name": twice}, code="InvalidArgument")
        try:
            with_advanced(DrsOptions(), dict(pairs))
        except MethodFault as fault:
            raise forms.ValidationError(words.fault_sentence(fault.to_dict()), code=fault.name) from None
        return dict(pairs)
