"""Dialogs about one snapshot; which one is named in the address: `?snapshot=snapshot-40`."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from django.utils.translation import gettext_lazy as _

from inventory.forms.dialog import Dialog, dialog
from inventory.forms.simple import SnapshotForm
from inventory.models import Snapshot, VirtualMachine
from inventory.services import snapshots


@dialog("edit-snapshot")
class EditSnapshot(Dialog):
    verb = _("Edit Snapshot")
    form_class = SnapshotForm
    privilege = "VirtualMachine.State.RenameSnapshot"

    @property
    def snapshot(self) -> Snapshot:
        if not isinstance(self.obj, VirtualMachine):
            raise Http404("snapshot")
        found = self.obj.snapshots.filter(moref=self.query.get("snapshot", "")).first()
        if found is None:
            raise Http404("snapshot")
        return found

    def initial(self) -> dict[str, Any]:
        return {"name": self.snapshot.name, "description": self.snapshot.description}

    def submit(self, form: Any) -> Any:
        data = form.cleaned_data
        return snapshots.rename(self.user, self.obj, self.snapshot, data["name"], data["description"])
