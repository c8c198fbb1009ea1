"""What a dialog is: a question about one object, a form, and the service that is asked when the form is sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

from django import forms
from django.forms.utils import ErrorDict
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from domain.faults import ConcurrentAccess, MethodFault
from inventory.forms.base import DialogForm
from inventory.models import VCenter

Text = str | Promise


@dataclass
class Dialog:
    """Base of all dialogs. `query` is the address's, for dialogs that come in several forms.

    `privilege` guards a dialog that no menu entry opens; the others are guarded by their action.
    """

    user: Any
    vcenter: VCenter
    obj: Any
    query: QueryDict = field(default_factory=QueryDict)

    name: ClassVar[str] = ""
    verb: ClassVar[Text] = ""
    submit_label: ClassVar[Text] = _("OK")
    form_class: ClassVar[type[forms.Form]] = DialogForm
    template: ClassVar[str] = "inventory/dialogs/form.html"
    size: ClassVar[str] = "md"
    danger: ClassVar[bool] = False
    privilege: ClassVar[str] = ""

    @property
    def title(self) -> str:
        """The window's title, "Verb | object name"."""
        return f"{self.verb} | {self.obj.name}"

    def initial(self) -> dict[str, Any]:
        return {}

    def form(self, data: QueryDict | None = None) -> Any:
        return self.form_class(data, initial=self.initial())

    def redrawn(self, go: str, data: QueryDict) -> Any:
        """The form as it was typed, after a button inside it: nothing is checked, nothing is sent."""
        form = self.form(data)
        if go != "refresh" and hasattr(form, "handle"):
            form = self.form(form.handle(go, data.copy()))
        form._errors = ErrorDict()
        for row in (*getattr(form, "disk_forms", ()), *getattr(form, "nic_forms", ())):
            row._errors = ErrorDict()
        return form

    def submit(self, form: Any) -> Any:
        """Ask the service; return its task. Raises MethodFault."""
        raise NotImplementedError

    def context(self, form: Any) -> dict[str, Any]:
        return {}

    def try_to(self, form: Any) -> tuple[bool, Any]:
        """Validate and submit: (True, task), or (False, None) with the reasons on the form."""
        if not form.is_valid():
            return False, None
        try:
            return True, self.submit(form)
        except ConcurrentAccess as fault:
            self.merge(form, fault)
        except MethodFault as fault:
            form.add_fault(fault)
        return False, None

    def merge(self, form: Any, fault: ConcurrentAccess) -> None:
        """Somebody else saved the object since the form was opened."""
        form.add_fault(fault)


class VersionedDialog(Dialog):
    """A dialog whose form is merged with what somebody else saved meanwhile. `current` = the values now, by field."""

    def current(self) -> dict[str, Any]:
        raise NotImplementedError

    def initial(self) -> dict[str, Any]:
        now = self.current()
        return {**now, "version": self.obj.change_version, "base": now}

    def merge(self, form: Any, fault: ConcurrentAccess) -> None:
        self.obj.refresh_from_db()
        form.merge(self.current(), self.obj.change_version, fault)


class ComparedDialog(VersionedDialog):
    """The same for what has no version of its own: what the form was opened on is compared with what is there now."""

    def initial(self) -> dict[str, Any]:
        now = self.current()
        return {**now, "base": now}

    def try_to(self, form: Any) -> tuple[bool, Any]:
        if form.is_valid() and form.outdated(self.current()):
            self.merge(form, ConcurrentAccess(name=self.subject))
            return False, None
        return super().try_to(form)

    def merge(self, form: Any, fault: ConcurrentAccess) -> None:
        form.merge(self.current(), None, fault)

    @property
    def subject(self) -> str:
        """The name of what two people have changed."""
        return str(self.obj.name)


D = TypeVar("D", bound=type[Dialog])
DIALOGS: dict[str, type[Dialog]] = {}


def dialog(name: str) -> Callable[[D], D]:
    """Register a dialog under the name that its address has."""

    def register(cls: D) -> D:
        cls.name = name
        DIALOGS[name] = cls
        return cls

    return register
