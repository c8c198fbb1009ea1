"""A wizard that changes what stands already: a stale finish is merged, step by step, as any other dialog is."""

from __future__ import annotations

from typing import Any

from django.http import QueryDict

from domain.faults import ConcurrentAccess
from inventory.forms.base import VersionedForm
from inventory.forms.wizard import Step, Wizard

Values = dict[str, dict[str, Any]]


class OpenedOn(Step, VersionedForm):
    """The first step of such a wizard: it carries the version and the values that the wizard was opened on."""


class MergedWizard(Wizard):
    """Its first step is an `OpenedOn`, whose initial values are `opened`'s."""

    def current(self) -> tuple[int, Values]:
        """The version that is saved now, and its values by step and field, read anew."""
        raise NotImplementedError

    def opened(self) -> dict[str, Any]:
        """What the first step carries."""
        version, values = self.current()
        return {"version": version, "base": values}

    def _merge(self, fault: ConcurrentAccess, data: QueryDict) -> None:
        """Merge every step, and show the last one with what differs; a step that no longer fits is shown instead."""
        merged, steps = data.copy(), dict(self._forms)
        first: Any = next(iter(steps.values()))
        base, (version, now) = first.cleaned_data.get("base") or {}, self.current()
        for key, form in steps.items():
            form.data = merged
            form.compare(base.get(key) or {}, now.get(key, {}))
        first.opened_on(now, version)
        self._forms.clear()
        shown = self._walk(merged) or list(self._valid_forms())[-1]
        shown.differences = [one for form in steps.values() for one in form.differences]
        shown.add_fault(fault)
        self._complain(shown, merged)
