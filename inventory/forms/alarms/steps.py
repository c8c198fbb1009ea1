"""The steps around the rules: name and targets, reset, actions, review."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from domain import alarms as rules_of
from domain.events import EVENTS
from domain.faults import MethodFault
from domain.states import Status
from inventory import words
from inventory.alarming import acting, wording
from inventory.alarming.scope import kinds_below
from inventory.forms.fields import WithUnit, name_field
from inventory.forms.merging import OpenedOn
from inventory.forms.wizard import Review, Step
from inventory.models import AlarmDefinition

LEVELS = [(str(one), words.of(Status, one).label) for one in (Status.YELLOW, Status.RED, Status.GREEN)]


class AlarmStep(Step):
    """A step that knows that its wizard is about alarms."""

    wizard: Any


class NameAndTargets(AlarmStep, OpenedOn):
    key = "name"
    title = gettext_lazy("Name and Targets")
    lead = gettext_lazy("The alarm watches all objects of this type in and below the object that it is defined on.")

    name = name_field()
    description = forms.CharField(
        label=gettext_lazy("Description"), required=False, max_length=255, widget=forms.Textarea(attrs={"rows": 2})
    )
    target_kind = forms.ChoiceField(label=gettext_lazy("Target type"))
    about = forms.ChoiceField(
        label=gettext_lazy("Watch for"),
        choices=[
            ("conditions", gettext_lazy("Figures and states that last")),
            ("events", gettext_lazy("Events, the moment they happen")),
        ],
    )

    def build(self) -> None:
        field: Any = self.fields["target_kind"]
        known = self.wizard.definition
        kinds = (known.target_kind,) if known else kinds_below(self.wizard.obj)
        field.choices = [(str(kind), words.of(words.Kind, kind).label) for kind in kinds]

    def summary(self) -> list[tuple[Any, Any]]:
        data = self.cleaned_data
        target = words.of(words.Kind, data["target_kind"]).label
        return [(_("Name"), data["name"]), (_("Target type"), target), (_("Defined In"), self.wizard.home.name)]


class Reset(AlarmStep):
    key = "reset"
    title = gettext_lazy("Reset Rule")
    template = "inventory/alarms/reset.html"

    def build(self) -> None:
        first = self.wizard.chosen.get("name", {})
        self.events = first.get("about", self.wizard.about) == "events"
        if self.events:
            choices = [(name, wording.event_label(name)) for name in EVENTS]
            self.fields["clears"] = forms.MultipleChoiceField(
                label=_("Reset to green when one of these happens"), choices=choices, required=False,
                widget=forms.SelectMultiple(attrs={"size": 12}),
                help_text=_("Without one, the alarm stays until somebody resets it to green."),
            )  # fmt: skip

    def clean_clears(self) -> list[str]:
        clears: list[str] = self.cleaned_data["clears"]
        own = {one.get("event") for one in self.wizard.chosen.get("rules", {}).get("conditions", [])}
        if own & set(clears):
            raise forms.ValidationError(_("An event cannot clear the alarm that it triggers."), "InvalidArgument")
        return clears

    def summary(self) -> list[tuple[Any, Any]]:
        clears = self.cleaned_data.get("clears")
        said = ", ".join(wording.event_label(name) for name in clears) if clears else ""
        alone = _("By hand") if self.events else _("When the condition no longer holds")
        return [(_("Reset Rule"), said or alone)]


class Actions(AlarmStep):
    key = "actions"
    title = gettext_lazy("Actions")
    lead = gettext_lazy("What is done besides showing the alarm. Nothing has to be.")

    on = forms.MultipleChoiceField(
        label=gettext_lazy("When it becomes"), choices=LEVELS, required=False, initial=["red"],
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip
    email = forms.CharField(
        label=gettext_lazy("Send e-mail to"), required=False, max_length=1000,
        help_text=gettext_lazy("Addresses, separated by commas."),
    )  # fmt: skip
    webhook = forms.CharField(
        label=gettext_lazy("Call a web hook"), required=False, max_length=500,
        help_text=gettext_lazy("A JSON message is posted there. The host has to be on the list of the site."),
    )  # fmt: skip
    repeat = WithUnit(
        unit=gettext_lazy("min"), label=gettext_lazy("Repeat every"), min_value=0,
        max_value=rules_of.MOST_SECONDS // 60, initial=0,
        help_text=gettext_lazy("Until it is acknowledged or green; 0 = once."),
    )  # fmt: skip

    def build(self) -> None:
        self.kind = self.wizard.chosen.get("name", {}).get("target_kind") or self.wizard.target_kind
        verbs = acting.VERBS.get(self.kind)
        if verbs:
            choices = [("", _("Nothing")), *((key, _(label)) for key, (label, _privilege) in verbs.items())]
            help_text = _("It is done in your name, with the rights that you have then.")
            self.fields["verb"] = forms.ChoiceField(
                label=_("On the object itself"), choices=choices, required=False, help_text=help_text
            )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if self.errors:
            return data
        data["actions"] = self._actions(data)
        try:
            acting.validate(self.kind, data["actions"])
        except MethodFault as fault:
            self.add_fault(fault)
        return data

    def _actions(self, data: Mapping[str, Any]) -> list[dict[str, Any]]:
        common = {"on": data["on"], "repeat_s": data["repeat"] * 60}
        found: list[dict[str, Any]] = []
        if data["email"].strip():
            to = [one.strip() for one in data["email"].split(",") if one.strip()]
            found.append({"kind": acting.EMAIL, "to": to, **common})
        if data["webhook"].strip():
            found.append({"kind": acting.WEBHOOK, "url": data["webhook"].strip(), **common})
        if data.get("verb"):
            found.append({"kind": acting.VERB, "verb": data["verb"], **common})
        return found

    def summary(self) -> list[tuple[Any, Any]]:
        names = {acting.EMAIL: _("E-mail"), acting.WEBHOOK: _("Web hook"), acting.VERB: _("On the object itself")}
        said = ", ".join(names[one["kind"]] for one in self.cleaned_data["actions"])
        return [(_("Actions"), said or _("None"))]


class Ready(Review):
    title = gettext_lazy("Review")

    enabled = forms.BooleanField(label=gettext_lazy("Enable this alarm"), required=False, initial=True)
    template = "inventory/alarms/review.html"


# --- what a definition has now ---------------------------------------------------------------------------------------
def reset_initial(one: AlarmDefinition) -> dict[str, Any]:
    clears = {name for rule in one.rules for c in rule["conditions"] for name in c.get("clears", [])}
    return {"clears": [name for name in EVENTS if name in clears]}


def actions_initial(one: AlarmDefinition) -> dict[str, Any]:
    by_kind = {action["kind"]: action for action in one.actions}
    some: dict[str, Any] = next(iter(by_kind.values()), {"on": ["red"], "repeat_s": 0})
    return {
        "on": [level for level, _label in LEVELS if level in some["on"]],
        "repeat": some.get("repeat_s", 0) // 60,
        "email": ", ".join(by_kind.get(acting.EMAIL, {}).get("to", [])),
        "webhook": by_kind.get(acting.WEBHOOK, {}).get("url", ""),
        "verb": by_kind.get(acting.VERB, {}).get("verb", ""),
    }
