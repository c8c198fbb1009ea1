"""The dialogs of alarm definitions: define, change, delete."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.http import Http404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from domain import alarms as rules_of
from domain.alarms import EVENT
from inventory.alarming.scope import kinds_below
from inventory.forms.alarms.rules import Rules, rules_initial
from inventory.forms.alarms.steps import Actions, NameAndTargets, Ready, Reset, actions_initial, reset_initial
from inventory.forms.dialog import Dialog, dialog
from inventory.forms.merging import MergedWizard, Values
from inventory.forms.wizard import Step, Wizard
from inventory.models import AlarmDefinition
from inventory.services import alarms as services


class _AlarmWizard(Wizard):
    definition: AlarmDefinition | None = None
    submit_label = gettext_lazy("Finish")

    def steps(self) -> list[type[Step]]:
        return [NameAndTargets, Rules, Reset, Actions, Ready]

    @property
    def home(self) -> Any:
        return self.obj

    @property
    def target_kind(self) -> str:
        return self.definition.target_kind if self.definition else str(kinds_below(self.obj)[0])

    @property
    def about(self) -> str:
        known = self.definition
        return "events" if known and rules_of.watches_events(known.rules) else "conditions"

    def values(self) -> dict[str, Any]:
        """What the services want."""
        name, rules = self.chosen["name"], self.chosen["rules"]["rules"]
        clears = self.chosen["reset"].get("clears", [])
        for condition in (one for rule in rules for one in rule["conditions"] if one["type"] == EVENT):
            condition["clears"] = list(clears)
        return {
            "name": name["name"], "description": name["description"], "rules": rules,
            "actions": self.chosen["actions"]["actions"], "enabled": self.chosen["ready"]["enabled"],
        }  # fmt: skip


@dialog("new-alarm")
class NewAlarm(_AlarmWizard):
    verb = gettext_lazy("New Alarm Definition")

    def complete(self) -> Any:
        kind = self.chosen["name"]["target_kind"]
        return services.define(self.user, self.obj, target_kind=kind, **self.values())


def known_definition(shown: Dialog) -> AlarmDefinition:
    """The definition that the address of a dialog names; 404 unless it is defined on the dialog's object."""
    number = shown.query.get("alarm", "")
    rows = AlarmDefinition.objects.filter(vcenter=shown.vcenter, entity=shown.obj.moref).select_related("vcenter")
    found = rows.filter(pk=number).first() if number.isdecimal() else None
    if found is None:
        raise Http404("alarm")
    return found


@dialog("edit-alarm")
class EditAlarm(_AlarmWizard, MergedWizard):
    verb = gettext_lazy("Edit Alarm Definition")
    privilege = "Alarm.Edit"

    @cached_property
    def definition(self) -> AlarmDefinition:  # type: ignore[override]
        return known_definition(self)

    def current(self) -> tuple[int, Values]:
        one = self.definition
        one.refresh_from_db()
        name = {"name": one.name, "description": one.description, "target_kind": one.target_kind, "about": self.about}
        return one.change_version, {
            "name": name, "rules": rules_initial(one.target_kind, one.rules), "reset": reset_initial(one),
            "actions": actions_initial(one), "ready": {"enabled": one.enabled},
        }  # fmt: skip

    @cached_property
    def _initial(self) -> Values:
        carried = self.opened()
        steps: Values = carried["base"]
        return {**steps, "name": {**steps["name"], **carried}}

    def initial_of(self, key: str) -> dict[str, Any]:
        return self._initial.get(key, {})

    def complete(self) -> Any:
        version = self.chosen["name"]["version"] or 0
        return services.redefine(self.user, self.definition, self.values(), version)


@dialog("delete-alarm")
class DeleteAlarm(Dialog):
    verb = gettext_lazy("Delete Alarm Definition")
    privilege = "Alarm.Delete"
    template = "inventory/dialogs/confirm.html"
    size = "sm"
    danger = True
    submit_label = gettext_lazy("Delete")

    @cached_property
    def definition(self) -> AlarmDefinition:
        return known_definition(self)

    def context(self, form: Any) -> dict[str, Any]:
        number = self.definition.triggered.count()
        question = _("Delete the alarm definition “%(name)s”?") % {"name": _(self.definition.name)}
        lost = _("Alarms that it has triggered now and that disappear: %(number)s") % {"number": number}
        return {"question": question, "radius": [lost] if number else [], "submit_label": self.submit_label}

    def submit(self, form: Any) -> Any:
        return services.remove(self.user, self.definition)
