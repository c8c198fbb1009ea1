"""Clone a virtual machine, clone it to a template, deploy one from a template: the same steps, another end."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from inventory.forms.dialog import dialog
from inventory.forms.new_vm import clone_with
from inventory.forms.steps import CLONE, DEPLOY, TO_TEMPLATE, Compute, NameAndFolder, Storage, start_places
from inventory.forms.wizard import Review, Step, Wizard


class _Copy(Wizard):
    what = CLONE
    as_template = False

    @property
    def kind(self) -> str:
        return self.what

    def steps(self) -> list[type[Step]]:
        return [NameAndFolder, Compute, Storage, Review]

    def initial_of(self, key: str) -> dict[str, Any]:
        return start_places(self.obj).get(key, {})

    def complete(self) -> Any:
        return clone_with(self.user, self.obj, self.chosen, as_template=self.as_template)


@dialog("clone")
class Clone(_Copy):
    verb = _("Clone Existing Virtual Machine")


@dialog("deploy")
class Deploy(_Copy):
    verb = _("Deploy from Template")
    what = DEPLOY


@dialog("clone-template")
class CloneToTemplate(_Copy):
    verb = _("Clone to Template")
    what = TO_TEMPLATE
    as_template = True

    def steps(self) -> list[type[Step]]:
        return [NameAndFolder, Storage, Review]
