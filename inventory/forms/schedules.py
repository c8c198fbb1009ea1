"""New and Edit Scheduled Task: what, with which arguments, and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from domain.faults import ConcurrentAccess
from inventory.forms.base import VersionedForm, say_limits
from inventory.forms.dialog import Dialog, VersionedDialog, dialog
from inventory.forms.fields import name_field
from inventory.scheduling import timing as times
from inventory.scheduling.verbs import Verb, named, verbs_for
from inventory.services import schedules

TIMED = "recurrence=once daily weekly monthly"
REQUIRED: Any = gettext_lazy("This field is required.")


class ScheduleForm(VersionedForm):
    """`arguments` maps each verb to its fields, which are drawn only while that verb is chosen."""

    name = name_field()
    description = forms.CharField(
        label=gettext_lazy("Description"), required=False, max_length=255, widget=forms.Textarea(attrs={"rows": 2})
    )
    verb = forms.ChoiceField(label=gettext_lazy("Task"))
    recurrence = forms.ChoiceField(label=gettext_lazy("Run"), choices=list(times.KINDS.items()))
    date = forms.DateField(
        label=gettext_lazy("Date"), required=False, widget=forms.DateInput({"type": "date"}, "%Y-%m-%d")
    )
    days = forms.TypedMultipleChoiceField(
        label=gettext_lazy("Days of the week"), coerce=int, required=False, choices=list(enumerate(times.WEEKDAYS)),
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip
    day = forms.IntegerField(
        label=gettext_lazy("Day of the month"), min_value=1, max_value=31, required=False,
        help_text=gettext_lazy("A month without that day is left out."),
    )  # fmt: skip
    at = forms.TimeField(label=gettext_lazy("At"), required=False, widget=forms.TimeInput({"type": "time"}, "%H:%M"))
    minute = forms.IntegerField(label=gettext_lazy("At minute"), min_value=0, max_value=59, required=False)

    WHEN = {
        "date": "recurrence=once", "days": "recurrence=weekly", "day": "recurrence=monthly", "at": TIMED,
        "minute": "recurrence=hourly",
    }  # fmt: skip
    NEEDED = {
        times.ONCE: ("date", "at"), times.HOURLY: ("minute",), times.DAILY: ("at",), times.WEEKLY: ("days", "at"),
        times.MONTHLY: ("day", "at"),
    }  # fmt: skip

    def __init__(self, *args: Any, user: Any, obj: Any, verbs: Sequence[Verb] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.verbs = {verb.key: verb for verb in (verbs_for(user, obj) if verbs is None else verbs)}
        self.fields["verb"].choices = [(v.key, v.label) for v in self.verbs.values()]  # type: ignore[attr-defined]
        self.arguments: dict[str, dict[str, str]] = {}
        self._needed: set[str] = set()
        for verb in self.verbs.values():
            self._add_arguments(verb, user, obj)
        for name, when in self.WHEN.items():
            self.fields[name].when = when  # type: ignore[attr-defined]
        self.order_fields(
            ["name", "description", "verb", *(n for some in self.arguments.values() for n in some.values())]
        )

    def _add_arguments(self, verb: Any, user: Any, obj: Any) -> None:
        names = self.arguments.setdefault(verb.key, {})
        for name, field in verb.fields(user, obj).items():
            names[name] = f"{verb.key}-{name}"
            if field.required:
                self._needed.add(names[name])
            field.required, field.when = False, f"verb={verb.key}"
            say_limits(field)
            self.fields[names[name]] = field

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        needed = [*self.NEEDED.get(data.get("recurrence", ""), ())]
        needed += [name for name in self.arguments.get(data.get("verb", ""), {}).values() if name in self._needed]
        for name in needed:
            if data.get(name) in (None, "", []) and name not in self.errors:
                self.add_error(name, forms.ValidationError(REQUIRED, code="required"))
        # As a timing has them, and as they travel in `base`.
        data["date"] = f"{data['date']:%Y-%m-%d}" if data.get("date") else ""
        data["at"] = f"{data['at']:%H:%M}" if data.get("at") else ""
        return data

    @property
    def args(self) -> dict[str, Any]:
        """The arguments of the chosen verb."""
        return {name: self.cleaned_data[key] for name, key in self.arguments[self.cleaned_data["verb"]].items()}

    @property
    def timing(self) -> dict[str, Any]:
        data, kind = self.cleaned_data, self.cleaned_data["recurrence"]
        if kind == times.ONCE:
            return {"kind": kind, "at": f"{data['date']}T{data['at']}"}
        if kind == times.HOURLY:
            return {"kind": kind, "minute": data["minute"]}
        more = {times.WEEKLY: {"days": data["days"]}, times.MONTHLY: {"day": data["day"]}}
        return {"kind": kind, "at": data["at"], **more.get(kind, {})}


@dialog("schedule-task")
class ScheduleTask(Dialog):
    verb = gettext_lazy("New Scheduled Task")
    submit_label = gettext_lazy("Create")

    def initial(self) -> dict[str, Any]:
        soon = datetime.now(ZoneInfo(self.vcenter.timezone)) + timedelta(hours=1)
        return {
            "recurrence": times.DAILY, "date": soon.date(), "at": soon.replace(minute=0).time(), "minute": 0,
            "day": 1, "days": [soon.weekday()], "name": self._free_name(),
        }  # fmt: skip

    def _free_name(self) -> str:
        base = _("Task for %(name)s") % {"name": self.obj.name[:50]}
        taken = set(self.vcenter.scheduled_tasks.filter(name__startswith=base).values_list("name", flat=True))
        return next(n for i in range(len(taken) + 1) if (n := f"{base} ({i + 1})" if i else base) not in taken)

    def form(self, data: Any = None) -> Any:
        form = ScheduleForm(data, initial=self.initial(), user=self.user, obj=self.obj)
        return _say_zone(form, self.vcenter.timezone)

    def submit(self, form: Any) -> Any:
        data = form.cleaned_data
        schedules.create(
            self.user, self.obj, name=data["name"], verb=data["verb"], args=form.args, timing=form.timing,
            description=data["description"],
        )  # fmt: skip


def _say_zone(form: ScheduleForm, zone: str) -> ScheduleForm:
    help_text = _(
        "Wall-clock time in the time zone of the vCenter, %(zone)s (now %(now)s). The lab clock does not matter: "
        "a lab that is paused or sped up runs the task at the same time."
    )
    local = datetime.now(ZoneInfo(zone))
    form.fields["recurrence"].help_text = help_text % {"zone": zone, "now": f"{local:%Y-%m-%d %H:%M}"}
    return form


class EditForm(ScheduleForm):
    """The same for a task that stands: its verb stays, and it can be switched off."""

    enabled = forms.BooleanField(label=gettext_lazy("Enabled"), required=False)

    def __init__(self, *args: Any, planned: Verb, user: Any, obj: Any, **kwargs: Any) -> None:
        super().__init__(*args, user=user, obj=obj, verbs=[planned], **kwargs)
        self.fields["verb"].disabled = True
        self.fields["enabled"].help_text = _(
            "Whoever changes what is done, or when, owns the task from then on: it runs with that person's rights."
        )


@dialog("edit-schedule")
@dataclass
class EditSchedule(VersionedDialog):
    """Everything of a scheduled task but its verb; `?task=` names it."""

    verb = gettext_lazy("Edit Scheduled Task")
    submit_label = gettext_lazy("Save")
    privilege = "ScheduledTask.Edit"

    def __post_init__(self) -> None:
        self.row = schedules.row_of(self.obj, self.query.get("task", ""))
        self.planned = named(self.obj, self.row.verb)

    @property
    def title(self) -> str:
        return f"{self.verb} | {self.row.name}"

    def current(self) -> dict[str, Any]:
        row, when = self.row, self.row.timing
        day, _t, at = when.get("at", "").rpartition("T")
        args = {f"{row.verb}-{name}": value for name, value in row.args.items()}
        return {
            "name": row.name, "description": row.description, "enabled": row.enabled, "recurrence": when["kind"],
            "date": day, "at": at, "days": when.get("days", []), "day": when.get("day"), "minute": when.get("minute"),
            **args,
        }  # fmt: skip

    def initial(self) -> dict[str, Any]:
        values = self.current()
        return {**values, "verb": self.row.verb, "version": self.row.change_version, "base": values}

    def form(self, data: Any = None) -> Any:
        form = EditForm(data, initial=self.initial(), planned=self.planned, user=self.user, obj=self.obj)
        return _say_zone(form, self.row.timezone)

    def submit(self, form: Any) -> Any:
        data = form.cleaned_data
        schedules.edit(
            self.user, self.row, name=data["name"], description=data["description"], args=form.args,
            timing=form.timing, enabled=data["enabled"], expected_version=data["version"],
        )  # fmt: skip

    def merge(self, form: Any, fault: ConcurrentAccess) -> None:
        self.row.refresh_from_db()
        form.merge(self.current(), self.row.change_version, fault)


@dialog("delete-schedule")
class DeleteSchedule(Dialog):
    """Asks before a scheduled task is taken away; `?task=` names it."""

    verb = gettext_lazy("Delete Scheduled Task")
    submit_label = gettext_lazy("Delete")
    privilege = "ScheduledTask.Delete"
    template = "inventory/dialogs/confirm.html"
    size = "sm"
    danger = True

    def context(self, form: Any) -> dict[str, Any]:
        question = _("Delete the scheduled task “%(name)s”?") % {"name": self.row.name}
        return {"question": question, "radius": [_("What it has started goes on; its tasks stay in the lists.")]}

    @property
    def row(self) -> Any:
        return schedules.row_of(self.obj, self.query.get("task", ""))

    def submit(self, form: Any) -> Any:
        schedules.remove(self.user, self.row)
