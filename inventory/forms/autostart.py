"""Edit VM Startup and Shutdown of a host: its own settings, then a line per machine."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from django import forms
from django.http import Http404
from django.utils.translation import gettext_lazy as _

from domain.autostart import (
    HOSTS_OWN,
    MANUAL,
    MOST_ORDER,
    STOP_ACTIONS,
    Defaults,
    Machine,
    Startup,
    defaults_of,
    machines_of,
)
from domain.vapps import LONGEST_DELAY_S, StopAction
from inventory import selectors, words
from inventory.forms.base import VersionedForm, say_limits
from inventory.forms.dialog import VersionedDialog, dialog
from inventory.forms.fields import WithUnit
from inventory.models import Host, VirtualMachine
from inventory.services import autostart

MOST_LINES = 200
COLUMNS = ("startup", "order", "start_delay_s", "wait_for_tools", "stop_action", "stop_delay_s")
HEADS = {
    "startup": _("Startup"),
    "order": _("Order"),
    "start_delay_s": _("Startup delay"),
    "wait_for_tools": _("Continue when guest tools are ready"),
    "stop_action": _("Shutdown action"),
    "stop_delay_s": _("Shutdown delay"),
}
AS_HOST = ("", _("As the host"))
YES_NO = ((True, _("Yes")), (False, _("No")))
STOPS = tuple((str(one), words.of(StopAction, one).label) for one in STOP_ACTIONS)
OWN = tuple(asdict(Defaults()))


def _seconds(label: Any, **more: Any) -> WithUnit:
    return WithUnit(label=label, unit=_("s"), min_value=0, max_value=LONGEST_DELAY_S, **more)


def _field(column: str, name: str) -> forms.Field:
    label = f"{name}: {HEADS[column]}"
    match column:
        case "startup":
            return forms.ChoiceField(label=label, choices=words.choices(Startup))
        case "order":
            return forms.IntegerField(label=label, min_value=1, max_value=MOST_ORDER)
        case "stop_action":
            return forms.ChoiceField(label=label, choices=[AS_HOST, *STOPS], required=False)
        case "wait_for_tools":
            yes_no = [AS_HOST, *YES_NO]
            return forms.TypedChoiceField(
                label=label, choices=yes_no, required=False, empty_value=None, coerce=lambda value: value == "True"
            )
    return _seconds(label, required=False)


@dataclass(frozen=True)
class Line:
    """One machine with its fields, in the order of the heads."""

    member: VirtualMachine
    fields: list[Any]


class StartupForm(VersionedForm):
    """The host's settings, and six fields per machine, named after its reference."""

    enabled = forms.BooleanField(
        label=_("Automatically start and stop the virtual machines with the system"), required=False
    )
    start_delay_s = _seconds(_("Default startup delay"))
    wait_for_tools = forms.BooleanField(label=_("Continue as soon as guest tools are ready"), required=False)
    stop_action = forms.ChoiceField(label=_("Default shutdown action"), choices=STOPS)
    stop_delay_s = _seconds(_("Default shutdown delay"))

    def __init__(self, *args: Any, machines: list[VirtualMachine], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.machines = machines
        for vm in machines:
            for column in COLUMNS:
                field = _field(column, vm.name)
                field.widget.attrs["aria-label"] = field.label
                say_limits(field)
                self.fields[f"{vm.moref}-{column}"] = field

    @property
    def own_fields(self) -> list[Any]:
        return [self[name] for name in OWN]

    @property
    def rows(self) -> list[Line]:
        return [Line(vm, [self[f"{vm.moref}-{column}"] for column in COLUMNS]) for vm in self.machines]

    def defaults(self) -> Defaults:
        return Defaults(**{name: self.cleaned_data[name] for name in OWN})

    def own(self) -> dict[str, Machine]:
        return {vm.moref: self._machine(vm.moref) for vm in self.machines}

    def _machine(self, moref: str) -> Machine:
        typed = {column: self.cleaned_data[f"{moref}-{column}"] for column in COLUMNS}
        delays = {name: HOSTS_OWN if typed[name] is None else typed[name] for name in ("start_delay_s", "stop_delay_s")}
        return Machine(**{**typed, **delays})


@dialog("vm-startup")
@dataclass
class EditStartup(VersionedDialog):
    verb = _("Edit VM Startup and Shutdown")
    template = "inventory/dialogs/vm_startup.html"
    size = "xl"
    privilege = autostart.PRIVILEGE

    def __post_init__(self) -> None:
        if not isinstance(self.obj, Host):
            raise Http404("host")

    @cached_property
    def machines(self) -> list[VirtualMachine]:
        """Those that the person sees, the automatic ones first; of very many only so many."""
        known = machines_of(self.obj.autostart)
        rows = selectors.vms_visible(self.user, self.vcenter).filter(host=self.obj, template=False, provisioning=False)
        found = sorted(rows.select_related("vcenter").order_by("name"), key=lambda vm: place(known.get(vm.moref)))
        return found[:MOST_LINES]

    def current(self) -> dict[str, Any]:
        known = machines_of(self.obj.autostart)
        lines = {vm.moref: asdict(known.get(vm.moref, MANUAL)) for vm in self.machines}
        own = {
            f"{moref}-{name}": None if value == HOSTS_OWN else value
            for moref, values in lines.items()
            for name, value in values.items()
        }
        return {**asdict(defaults_of(self.obj.autostart)), **own}

    def form(self, data: Any = None) -> Any:
        return StartupForm(data, initial=self.initial(), machines=self.machines)

    def context(self, form: Any) -> dict[str, Any]:
        return {"heads": [HEADS[column] for column in COLUMNS], "most": MOST_LINES}

    def submit(self, form: Any) -> Any:
        return autostart.configure(
            self.user, self.obj, defaults=form.defaults(), machines=form.own(),
            expected_version=form.cleaned_data["version"],
        )  # fmt: skip


_PLACES = {Startup.ORDERED: 0, Startup.ANY_ORDER: 1, Startup.MANUAL: 2}


def place(own: Machine | None) -> tuple[int, int]:
    """Where a machine stands in a list: in order, then any order, then manual."""
    one = own or MANUAL
    return _PLACES[Startup(one.startup)], one.order if one.startup == Startup.ORDERED else 0
