"""Dialogs about one snapshot; which one is named in the address: `?snapshot=snapshot-40`."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from django.utils.translation import gettext_lazy as _

from inventory.forms.base import VersionedForm
from inventory.forms.dialog import ComparedDialog, dialog
from inventory.forms.simple import SnapshotForm
from inventory.models import Snapshot, VirtualMachine
from inventory.services import snapshots


class EditSnapshotForm(VersionedForm, SnapshotForm):
    pass


@dialog("edit-snapshot")
class EditSnapshot(ComparedDialog):
    verb = _("Edit Snapshot")
    form_class = EditSnapshotForm
    privilege = "VirtualMachine.State.RenameSnapshot"

    @property
    def snapshot(self) -> Snapshot:
        if not isinstance(self.obj, VirtualMachine):
            raise Http404("snapshot")
        found = self.obj.snapshots.filter(moref=self.query.get("snapshot", "")).first()
        if found is None:
            raise Http404("snapshot")
        return found

    @property
    def subject(self) -> str:
        return self.snapshot.name

    def current(self) -> dict[str, Any]:
        return {"name": self.snapshot.name, "description": self.snapshot.description}

    def submit(self, form: Any) -> Any:
        data = form.cleaned_data
        return snapshots.rename(self.user, self.obj, self.snapshot, data["name"], data["description"])
