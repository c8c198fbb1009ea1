"""A wizard: steps one after the other, each checked by the server before the next. Its state lies in the form itself:

what other steps hold travels along in hidden inputs, so that a session may end, a worker may restart and a person may
go back and forth without anything typed being lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

from django.forms.utils import ErrorDict
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from domain.faults import ConcurrentAccess, MethodFault
from inventory.forms.base import FAULT_FIELDS, DialogForm
from inventory.forms.dialog import Dialog

Text = str | Promise
OWN = ("csrfmiddlewaretoken", "at", "go", "seen")


class Step(DialogForm):
    """One page. Its fields are prefixed with its key; `self.wizard.chosen` holds what earlier steps chose."""

    key: ClassVar[str] = ""
    title: ClassVar[Text] = ""
    lead: Text = ""
    template: ClassVar[str] = "inventory/wizards/step.html"

    def __init__(self, wizard: Wizard, data: QueryDict | None = None) -> None:
        self.wizard = wizard
        super().__init__(data, prefix=self.key, initial=wizard.initial_of(self.key))
        self.build()

    def build(self) -> None:
        """Add the fields that depend on what was chosen before."""

    def handle(self, go: str, data: QueryDict) -> QueryDict:
        """What a button inside the step does to the data: add a device, remove one."""
        return data

    def summary(self) -> list[tuple[Text, Any]]:
        """Lines of "Ready to complete"."""
        return []

    def quiet(self) -> None:
        """Draw what was typed without its errors: the person has not asked for a check."""
        for form in (self, *getattr(self, "disk_forms", ()), *getattr(self, "nic_forms", ())):
            form._errors = ErrorDict()


@dataclass(frozen=True)
class Mark:
    """A line of the list of steps."""

    key: str
    title: Text
    number: int
    state: str  # done, active, todo


@dataclass
class Wizard(Dialog):
    chosen: dict[str, Any] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    shown_form: Any = None
    faulty: bool = False

    template: ClassVar[str] = "inventory/wizards/wizard.html"
    submit_label: ClassVar[Text] = _("Finish")
    size: ClassVar[str] = "xl"

    def steps(self) -> list[type[Step]]:
        """The steps, as far as the choices made so far decide them."""
        raise NotImplementedError

    def initial_of(self, key: str) -> dict[str, Any]:
        return {}

    def complete(self) -> Any:
        """Everything is valid: ask the service with `self.chosen`. Raises MethodFault."""
        raise NotImplementedError

    def summary(self) -> list[tuple[Text, Any]]:
        """What "Ready to complete" shows: the lines of each step."""
        return [line for form in self._valid_forms() for line in form.summary()]

    # --- the walk ----------------------------------------------------------------------------------------------------
    def advance(self, data: QueryDict | None) -> tuple[bool, Any]:
        """Do what the button asks: (True, task) when the work was handed over, else a step is shown."""
        if data is None:
            self._show(self.steps()[0].key, QueryDict())
            return False, None
        self.data = data
        self.seen = data.get("seen", "").split()
        at, go = data.get("at", ""), data.get("go", "next")
        if go == "finish":
            return self._finish(data)
        if go == "next":
            self._next(at, data)
        elif go == "back" or go.startswith("step:"):
            self._jump(at, go, data)
        else:
            self._inside(at, go, data)
        return False, None

    def _walk(self, data: QueryDict, until: str = "", through: str = "") -> Any:
        """Validate the steps before `until`, or those up to `through` ("" = all); the first faulty form, or None.

        Which steps there are is asked anew after each: what is chosen in one decides on those that follow.
        """
        done: list[str] = []
        while True:
            rest = [s for s in self.steps() if s.key not in done]
            if not rest or rest[0].key == until:
                return None
            form = rest[0](self, data)
            if not form.is_valid():
                return form
            self.chosen[rest[0].key] = form.cleaned_data
            self._forms[rest[0].key] = form
            done.append(rest[0].key)
            if rest[0].key == through:
                return None

    @property
    def _forms(self) -> dict[str, Any]:
        return self.__dict__.setdefault("_kept_forms", {})

    def _valid_forms(self) -> Iterator[Any]:
        return iter(self._forms.values())

    def _keys(self) -> list[str]:
        return [s.key for s in self.steps()]

    def _next(self, at: str, data: QueryDict) -> None:
        bad = self._walk(data, through=at)
        if bad is not None:
            return self._complain(bad, data)
        self._mark(at)
        self._show(self._after(at) or self._keys()[-1], data)

    def _after(self, key: str) -> str:
        keys = self._keys()
        index = keys.index(key) + 1 if key in keys else 0
        return keys[index] if index < len(keys) else ""

    def _jump(self, at: str, go: str, data: QueryDict) -> None:
        """Back is always allowed; forward only as far as everything before is valid."""
        bad = self._walk(data, at)
        keys = self._keys()
        here = keys.index(at) if at in keys else 0
        to = max(0, here - 1) if go == "back" else self._index(keys, go.removeprefix("step:"))
        self._mark(at)
        if to > here and bad is None:
            bad = self._walk(data, keys[to])
        if bad is not None and keys.index(bad.key) < to:
            return self._complain(bad, data)
        self._show(keys[to], data)

    @staticmethod
    def _index(keys: list[str], key: str) -> int:
        return keys.index(key) if key in keys else 0

    def _inside(self, at: str, go: str, data: QueryDict) -> None:
        self._walk(data, at)
        step = next((s for s in self.steps() if s.key == at), self.steps()[0])
        if go != "refresh":
            data = step(self, data).handle(go, data.copy())
        self._show(step.key, data, bound=True)

    def _finish(self, data: QueryDict) -> tuple[bool, Any]:
        bad = self._walk(data, "")
        if bad is not None:
            self._complain(bad, data)
            return False, None
        try:
            return True, self.complete()
        except ConcurrentAccess as fault:
            self._merge(fault, data)
        except MethodFault as fault:
            self._refuse(fault, data)
        return False, None

    def _merge(self, fault: ConcurrentAccess, data: QueryDict) -> None:
        """Somebody else saved since the wizard was opened."""
        self._refuse(fault, data)

    def _refuse(self, fault: MethodFault, data: QueryDict) -> None:
        form = self._to_blame(fault, data)
        form.add_fault(fault)
        self._complain(form, data)

    def _to_blame(self, fault: MethodFault, data: QueryDict) -> Any:
        """The step that has the field which the fault is about, else the last."""
        wanted = FAULT_FIELDS.get(fault.name) or str(fault.fields.get("property", ""))
        forms = list(self._valid_forms())
        return next((f for f in forms if wanted in f.fields), forms[-1])

    # --- drawing -----------------------------------------------------------------------------------------------------
    def _mark(self, key: str) -> None:
        if key and key not in self.seen:
            self.seen.append(key)

    def _show(self, key: str, data: QueryDict, bound: bool = False) -> None:
        step = next(s for s in self.steps() if s.key == key)
        known = bound or key in self.seen or any(k.startswith(f"{key}-") for k in data)
        self.shown_form = step(self, data if known else None)
        if known:
            self.shown_form.quiet()
        self.data = data

    def _complain(self, form: Any, data: QueryDict) -> None:
        self.faulty, self.shown_form, self.data = True, form, data

    @property
    def fault_name(self) -> str:
        fault = getattr(self.shown_form, "fault", None)
        return fault.name if fault is not None else ""

    @property
    def carried(self) -> list[tuple[str, str]]:
        """What the other steps hold."""
        own = f"{self.shown_form.key}-"
        data: Any = getattr(self, "data", None) or QueryDict()
        return [(k, v) for k, values in data.lists() if not k.startswith(own) and k not in OWN for v in values]

    @property
    def marks(self) -> list[Mark]:
        active = self.shown_form.key

        def state(key: str) -> str:
            return "active" if key == active else "done" if key in self.seen else "todo"

        return [Mark(s.key, s.title, i, state(s.key)) for i, s in enumerate(self.steps(), 1)]

    @property
    def kind(self) -> str:
        """What comes out: wizards that make different things say which."""
        return "new"

    @property
    def first_step(self) -> bool:
        return bool(self.shown_form.key == self._keys()[0])

    @property
    def last_step(self) -> bool:
        return bool(self.shown_form.key == self._keys()[-1])


class Review(Step):
    """The last step: what will be done."""

    key = "ready"
    title = _("Ready to complete")
    lead = _("Check what you chose. A click on a step on the left takes you back to it.")
    template = "inventory/wizards/review.html"
