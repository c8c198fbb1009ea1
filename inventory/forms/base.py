"""What every form of a dialog has: faults beside their fields, and a merge where two people edited the same object."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from domain.faults import MethodFault
from inventory import words
from inventory.format import size as size_text
from inventory.forms.fields import SizeField

Text = str | Promise

# Where the fault of a service belongs on a form; property faults name their field themselves.
FAULT_FIELDS = {"DuplicateName": "name", "InvalidName": "name", "InvalidFolder": "folder"}


@dataclass(frozen=True)
class Difference:
    """One field that somebody else changed meanwhile."""

    field: str
    label: Text
    yours: str
    theirs: str
    raw: str  # their value as the field takes it, "" where it has several parts
    taken: bool = False  # only they changed it, so theirs is in the form already


class DialogForm(forms.Form):
    """`fault` is the typed refusal of a service; `differences` is set after a ConcurrentAccess."""

    error_css_class = "has-error"
    required_css_class = ""
    fault: MethodFault | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        self.differences: list[Difference] = []
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            say_limits(field)

    def add_fault(self, fault: MethodFault) -> None:
        """Say a fault on top of the form, and at its field where it has one."""
        self.fault = fault
        sentence = words.fault_sentence(fault.to_dict())
        field = FAULT_FIELDS.get(fault.name) or str(fault.fields.get("property", ""))
        self.add_error(field if field in self.fields else None, forms.ValidationError(sentence, code=fault.name))

    @property
    def sentences(self) -> list[str]:
        """What the red bar says: every error that is not beside its own field, and how many fields to look at."""
        said = [str(e) for e in self.non_field_errors()]
        beside = [name for name in self.errors if name != NON_FIELD_ERRORS]
        if self.fault is not None and not said:
            said = [words.fault_sentence(self.fault.to_dict())]
        elif beside and not said:
            said = [_("Some values are not valid. They are marked below.")]
        return said

    def compare(self, base: dict[str, Any], current: dict[str, Any]) -> None:
        """Three-way merge of checked fields with what is saved now; `base`: what was saved when the form was opened.

        What only they changed is taken over, what both changed is noted in `differences`, what only this person changed
        stays as typed. `data` has to be one's own copy.
        """
        for name, theirs in current.items():
            yours = self.cleaned_data.get(name, theirs)
            if name not in self.fields or yours == theirs or theirs == base.get(name):
                continue
            self.differences.append(self._difference(name, yours, theirs, taken=yours == base.get(name)))
            if yours == base.get(name):
                self._put(name, theirs)

    def _put(self, name: str, value: Any) -> None:
        """Replace what was typed, in the form that the field's widget sends."""
        data: Any = self.data
        key, widget = self.add_prefix(name), self.fields[name].widget
        if isinstance(widget, forms.MultiWidget):
            for index, part in enumerate(widget.decompress(value) or ()):
                data[f"{key}_{index}"] = str(part)
        elif isinstance(widget, forms.CheckboxInput):
            data.pop(key, None)
            if value:
                data[key] = "on"
        elif isinstance(value, list):
            data.setlist(key, [str(one) for one in value])
        else:
            data[key] = "" if value is None else self.fields[name].prepare_value(value)

    def _difference(self, name: str, yours: Any, theirs: Any, taken: bool) -> Difference:
        field = self.fields[name]
        in_parts = isinstance(field.widget, forms.MultiWidget | forms.SelectMultiple) or isinstance(theirs, list)
        raw = "" if in_parts else str(field.prepare_value(theirs))
        label = field.label or name
        said = self._text_of(name, yours), self._text_of(name, theirs)
        return Difference(self.add_prefix(name), label, *said, raw, taken)

    def _text_of(self, name: str, value: Any) -> str:
        field = self.fields[name]
        if isinstance(field, forms.ChoiceField):
            labels = dict(_flat(field.choices))
            return ", ".join(str(labels.get(one, one)) for one in (value if isinstance(value, list) else [value]))
        if isinstance(value, list) and hasattr(field, "lines"):
            names = {line.value: line.cells[0] for line in field.lines}
            return ", ".join(str(names.get(one, one)) for one in value)
        if isinstance(value, bool):
            return _("Yes") if value else _("No")
        if isinstance(field, SizeField):
            return size_text(value)
        return str(field.prepare_value(value))


def say_limits(field: forms.Field) -> None:
    """Limits in the words of the faults, with the fault's name as their code."""
    for validator in field.validators:
        if isinstance(validator, MaxValueValidator):
            validator.message, validator.code = _lazy("At most %(limit_value)s."), "LimitExceeded"
        elif isinstance(validator, MinValueValidator):
            validator.message, validator.code = _lazy("At least %(limit_value)s."), "InvalidArgument"


class VersionedForm(DialogForm):
    """A form that knows which version of the object it was opened on, and what its values were then (`base`)."""

    version = forms.IntegerField(widget=forms.HiddenInput, required=False)
    base = forms.JSONField(widget=forms.HiddenInput, required=False)

    def outdated(self, current: dict[str, Any]) -> bool:
        """Whether somebody saved other values since the form was opened; for what has no version to compare."""
        base = self.cleaned_data.get("base")
        return base is not None and base != json.loads(json.dumps(current))

    def merge(self, current: dict[str, Any], version: int | None, fault: MethodFault) -> None:
        """Merge with what somebody else saved meanwhile; sending the form again saves the result."""
        base = self.cleaned_data.get("base") or {}
        self.data: Any = self.data.copy()
        self.compare(base, current)
        self.opened_on(current, version)
        self.add_fault(fault)

    def opened_on(self, current: dict[str, Any], version: int | None) -> None:
        """From now on the form counts as opened on these values."""
        self._put("version", version)
        self._put("base", current)


def _flat(choices: Any) -> Iterator[tuple[Any, Any]]:
    """(value, label) of choices that may be in groups."""
    for value, label in choices:
        if isinstance(label, list | tuple):
            yield from label
        else:
            yield value, label
