"""Dialogs with one or two fields: names, notes, reasons; and the question before what is hard to take back."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _

from domain.limits import DEFAULT_LIMITS
from inventory import actions, host_sequences
from inventory.actions import Action
from inventory.forms.base import DialogForm, VersionedForm
from inventory.forms.dialog import ComparedDialog, Dialog, VersionedDialog, dialog
from inventory.forms.fields import name_field
from inventory.services import hosts, naming, snapshots, vms


class NameForm(DialogForm):
    name = name_field()


class RenameForm(VersionedForm, NameForm):
    pass


@dialog("rename")
class Rename(ComparedDialog):
    verb = _("Rename")
    form_class = RenameForm
    size = "sm"

    def current(self) -> dict[str, Any]:
        return {"name": self.obj.name}

    def submit(self, form: Any) -> Any:
        return naming.rename(self.user, self.obj, form.cleaned_data["name"])


class NotesForm(VersionedForm):
    notes = forms.CharField(
        label=_("Notes"), required=False, strip=False, max_length=DEFAULT_LIMITS.notes_length,
        widget=forms.Textarea(attrs={"rows": 8}),
    )  # fmt: skip


@dialog("edit-notes")
class EditNotes(VersionedDialog):
    verb = _("Edit Notes")
    form_class = NotesForm

    def current(self) -> dict[str, Any]:
        return {"notes": self.obj.notes}

    def submit(self, form: Any) -> Any:
        data = form.cleaned_data
        return vms.set_notes(self.user, self.obj, data["notes"], expected_version=data["version"])


class SnapshotForm(DialogForm):
    name = name_field()
    description = forms.CharField(
        label=_("Description"), required=False, max_length=1024, widget=forms.Textarea(attrs={"rows": 4})
    )


class TakeSnapshotForm(SnapshotForm):
    memory = forms.BooleanField(
        label=_("Include the virtual machine's memory"), required=False,
        help_text=_("Reverting then brings back the running virtual machine."),
    )  # fmt: skip
    quiesce = forms.BooleanField(
        label=_("Quiesce the guest file system"), required=False,
        help_text=_("Needs running guest tools; not together with memory."),
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("memory"):
            data["quiesce"] = False
        return data


@dialog("take-snapshot")
class TakeSnapshot(Dialog):
    verb = _("Take Snapshot")
    submit_label = _("Create")
    form_class = TakeSnapshotForm

    def initial(self) -> dict[str, Any]:
        number = self.obj.snapshots.count() + 1
        return {"name": _("Snapshot %(number)s") % {"number": number}, "memory": self.obj.powered_on}

    def form(self, data: Any = None) -> Any:
        form = super().form(data)
        for name in ("memory", "quiesce"):
            form.fields[name].disabled = not self.obj.powered_on
        return form

    def submit(self, form: Any) -> Any:
        data = form.cleaned_data
        return snapshots.take(
            self.user, self.obj, data["name"], data["description"], memory=data["memory"], quiesce=data["quiesce"]
        )


# --- hosts: a reason for the log -------------------------------------------------------------------------------------
class ReasonForm(DialogForm):
    reason = forms.CharField(
        label=_("Reason"), max_length=255, widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("It is written to the log of the host."),
    )  # fmt: skip
    force = forms.BooleanField(
        label=_("Do it although the host is not in maintenance mode"), required=False,
        help_text=_("Virtual machines that run on it are stopped without being shut down."),
    )  # fmt: skip


class _HostPower(Dialog):
    form_class = ReasonForm
    template = "inventory/dialogs/host_power.html"
    danger = True
    service: ClassVar[Any]

    def form(self, data: Any = None) -> Any:
        form = super().form(data)
        if self.obj.in_maintenance:
            del form.fields["force"]
        elif host_sequences.stops_first(self.obj):
            form.fields["force"].help_text = _("Its virtual machines are stopped in order before it goes.")
        return form

    def context(self, form: Any) -> dict[str, Any]:
        return {"stops_first": host_sequences.stops_first(self.obj)}

    def submit(self, form: Any) -> Any:
        force = form.cleaned_data.get("force", False)
        return type(self).service(self.user, self.obj, form.cleaned_data["reason"], force=force)


@dialog("host-reboot")
class RebootHost(_HostPower):
    verb = _("Reboot")
    submit_label = _("Reboot")
    service = hosts.reboot


@dialog("host-shut-down")
class ShutDownHost(_HostPower):
    verb = _("Shut Down")
    submit_label = _("Shut Down")
    service = hosts.shut_down


# --- the question before an action -----------------------------------------------------------------------------------
class Question(Dialog):
    """Asks before an action of the registry, and lists what it will change."""

    template = "inventory/dialogs/confirm.html"
    size = "sm"
    action: Action

    @property
    def title(self) -> str:
        return f"{self.action.label} | {self.obj.name}"

    def context(self, form: Any) -> dict[str, Any]:
        confirm = self.action.confirm
        assert confirm is not None
        question = str(confirm.question) % {"name": self.obj.name}
        return {
            "question": question,
            "radius": confirm.radius(self.obj),
            "submit_label": confirm.verb,
            "danger": confirm.danger,
        }

    def submit(self, form: Any) -> Any:
        return actions.perform(self.action, self.user, self.obj)


def question(action: Action) -> type[Question]:
    """The dialog that asks before this action."""
    return type("Question", (Question,), {"action": action, "name": action.key, "verb": action.label})
