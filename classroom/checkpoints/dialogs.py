"""Dialogs about checkpoints; which one is named in the address: `?checkpoint=40`."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from classroom.checkpoints import going_back, keeping, services
from classroom.models.checkpoints import Checkpoint
from inventory import format as units
from inventory.forms import Dialog, dialog
from inventory.forms.base import DialogForm
from inventory.forms.fields import name_field
from inventory.models import VCenter


class NameForm(DialogForm):
    name = name_field()


@dialog("take-checkpoint")
class TakeCheckpoint(Dialog):
    verb = gettext_lazy("Take Checkpoint")
    submit_label = gettext_lazy("Take")
    form_class = NameForm
    size = "sm"

    def initial(self) -> dict[str, Any]:
        count = Checkpoint.objects.filter(vcenter=self.vcenter).count() + 1
        return {"name": _("Checkpoint %(number)s") % {"number": count}}

    def submit(self, form: Any) -> Any:
        return keeping.ask_to_take(self.vcenter, self.user, form.cleaned_data["name"])


class _OfOne(Dialog):
    """A dialog about the checkpoint in the address."""

    privilege = services.PRIVILEGE
    size = "sm"

    @property
    def checkpoint(self) -> Checkpoint:
        key = self.query.get("checkpoint", "")
        if not isinstance(self.obj, VCenter) or not key.isdecimal():
            raise Http404("checkpoint")
        found = Checkpoint.objects.filter(vcenter=self.vcenter, pk=key).select_related("vcenter").first()
        if found is None:
            raise Http404("checkpoint")
        return found

    @property
    def title(self) -> str:
        return f"{self.verb} | {self.checkpoint.name}"


class _Question(_OfOne):
    """Asks before something that cannot be taken back; `question` may name the lab and the checkpoint."""

    template = "inventory/dialogs/confirm.html"
    danger = True
    question: Any = ""

    def radius(self, checkpoint: Checkpoint) -> list[str]:
        """What will change, as sentences."""
        return []

    def context(self, form: Any) -> dict[str, Any]:
        found = self.checkpoint
        names = {"lab": self.vcenter.name, "name": found.name}
        return {"question": self.question % names, "radius": self.radius(found), "danger": True}


@dialog("rewind-to-checkpoint")
class Rewind(_Question):
    verb = gettext_lazy("Go Back to Checkpoint")
    submit_label = gettext_lazy("Go Back")
    question = gettext_lazy("Take “%(lab)s” back to “%(name)s”?")

    def radius(self, checkpoint: Checkpoint) -> list[str]:
        return lines(checkpoint)

    def submit(self, form: Any) -> Any:
        return going_back.ask(self.checkpoint, self.user)


@dialog("delete-checkpoint")
class Delete(_Question):
    verb = gettext_lazy("Delete Checkpoint")
    submit_label = gettext_lazy("Delete")
    question = gettext_lazy("Delete the checkpoint “%(name)s”? The lab stays as it is.")

    def submit(self, form: Any) -> Any:
        return services.delete(self.checkpoint, self.user)


@dialog("copy-checkpoint")
class Copy(_OfOne):
    """A new vCenter, of whoever asks; it is in the navigator once the task has ended."""

    verb = gettext_lazy("Copy to a New vCenter")
    submit_label = gettext_lazy("Copy")
    form_class = NameForm

    def initial(self) -> dict[str, Any]:
        return {"name": f"{self.vcenter.name} – {self.checkpoint.name}"[:80]}

    def submit(self, form: Any) -> Any:
        return keeping.ask_to_copy(self.checkpoint, self.user, form.cleaned_data["name"])


def lines(checkpoint: Checkpoint) -> list[str]:
    """What going back changes, as sentences."""
    there = services.radius(checkpoint)
    counted = [
        (there.vms_added, ngettext("%(n)s virtual machine that came since goes.",
                                   "%(n)s virtual machines that came since go.", there.vms_added)),
        (there.vms_gone, ngettext("%(n)s virtual machine that has gone comes back.",
                                  "%(n)s virtual machines that have gone come back.", there.vms_gone)),
        (there.hosts_added, ngettext("%(n)s host that came since goes.", "%(n)s hosts that came since go.",
                                     there.hosts_added)),
        (there.hosts_gone, ngettext("%(n)s host that has gone comes back.", "%(n)s hosts that have gone come back.",
                                    there.hosts_gone)),
        (there.live_tasks, ngettext("%(n)s task that is under way is cancelled.",
                                    "%(n)s tasks that are under way are cancelled.", there.live_tasks)),
        (there.events, ngettext("%(n)s event of since then is no longer shown.",
                                "%(n)s events of since then are no longer shown.", there.events)),
    ]  # fmt: skip
    first = _("%(time)s of lab time are taken back, with all figures.") % {"time": units.duration(abs(there.lab_s))}
    last = _("Permissions and the audit log stay as they are now.")
    return [first, *(text % {"n": number} for number, text in counted if number), last]
