"""Steps that both Migrate wizards have: the host with its verdicts, the datastore, the priority, the review."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from domain.states import DiskProvisioning, MigrationPriority
from inventory import words
from inventory.forms.pickers import Line, TableField
from inventory.forms.steps import store_lines
from inventory.forms.wizard import Review, Step, Wizard
from inventory.models import Datastore, Host, VirtualMachine
from scheduler import foresight
from scheduler.forms.destinations import Candidates, heads, sentence, stores_of

PRIORITIES = (
    (MigrationPriority.HIGH.value, gettext_lazy("Schedule vMotion with high priority (recommended)")),
    (MigrationPriority.DEFAULT.value, gettext_lazy("Schedule regular vMotion")),
)
SAME_FORMAT = (("", gettext_lazy("Same format as source")),)


def format_choices() -> list[tuple[str, Any]]:
    return [*SAME_FORMAT, *words.choices(DiskProvisioning)]


class MovingStep(Step):
    """A step of a wizard that moves `vms`."""

    wizard: Any

    @property
    def vms(self) -> Sequence[VirtualMachine]:
        found: Sequence[VirtualMachine] = self.wizard.vms
        return found

    def offer(self, name: str, field: forms.Field, value: str) -> None:
        """A field that begins with `value`, also where nobody could send it yet: a switch has just shown it, or a drop
        in the tree has filled the wizard in."""
        self.fields[name] = field
        field.initial = value
        key = self.add_prefix(name)
        if self.is_bound and key not in self.data:
            sent: Any = self.data
            filled = sent.copy()
            filled[key] = value
            self.data = filled


class HostStep(MovingStep):
    """Every host with its load and its verdict: what cannot be chosen says why."""

    key = "compute"
    title = gettext_lazy("Select a compute resource")
    template = "scheduler/wizards/hosts.html"

    def build(self) -> None:
        wizard = self.wizard
        self.candidates = Candidates(wizard.user, wizard.vcenter, self.vms, storage_moves=wizard.moves_storage)
        self.fields["host"] = TableField(heads(), self.lines(), label=_("Host"))

    def lines(self) -> list[Line]:
        return self.candidates.lines()

    def target(self, wanted: str) -> Host:
        """The host that a line of the table stands for."""
        return self.candidates.host(wanted)

    @property
    def warnings(self) -> list[str]:
        return self.candidates.warnings(self["host"].value())

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("host"):
            data["target"] = self.target(data["host"])
        return data

    def summary(self) -> list[tuple[Any, Any]]:
        return [(_("Host"), self.cleaned_data["target"].name)]


class StoreStep(MovingStep):
    """The datastores that all hosts concerned reach, and the format that disks get there."""

    key = "storage"
    title = gettext_lazy("Select storage")

    def hosts(self) -> list[Host]:
        """Those that have to reach the datastore."""
        raise NotImplementedError

    def build(self) -> None:
        self.stores: list[Datastore] = stores_of(self.wizard.user, self.wizard.vcenter, self.hosts())
        self.ask()

    def ask(self) -> None:
        """One datastore and one format for all disks."""
        self.offer("format", forms.ChoiceField(
            label=_("Virtual disk format"), choices=format_choices(), required=False
        ), "")  # fmt: skip
        self.fields["datastore"] = TableField(
            store_heads(), store_lines(self.wizard.user, self.stores), label=_("Datastore")
        )

    def store(self, moref: str) -> Datastore:
        return next(d for d in self.stores if d.moref == moref)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("datastore"):
            data["store"] = self.store(data["datastore"])
        return data

    def summary(self) -> list[tuple[Any, Any]]:
        wanted = self.cleaned_data["format"]
        said = words.of(DiskProvisioning, wanted).label if wanted else SAME_FORMAT[0][1]
        return [(_("Datastore"), self.cleaned_data["store"].name), (_("Virtual disk format"), said)]


def store_heads() -> tuple[str, ...]:
    return (_("Name"), _("Type"), _("Capacity"), _("Free"), _("Hosts"))


class Priority(Step):
    key = "priority"
    title = gettext_lazy("Select vMotion priority")
    lead = gettext_lazy(
        "High priority goes first and reserves CPU for the copy on both hosts; it is not started where they have not"
        " that much unreserved. A regular vMotion lives on the CPU that is idle there, and may take longer."
    )
    template = "scheduler/wizards/priority.html"

    priority = forms.ChoiceField(
        label="", choices=PRIORITIES, widget=forms.RadioSelect, initial=MigrationPriority.HIGH.value
    )
    bitmap_resume = forms.BooleanField(
        label=gettext_lazy("Resume early with a memory bitmap (for teaching)"),
        help_text=gettext_lazy(
            "The guest resumes on the destination as soon as the list of changed pages has arrived; the pages follow."
        ),
        required=False,
    )

    def summary(self) -> list[tuple[Any, Any]]:
        return [(_("Priority"), dict(PRIORITIES)[self.cleaned_data["priority"]])]


class Radius(Review):
    """What will move, how full the hosts become, which rules would be broken: before anything is done.

    Its wizard has an `effect`: a Foresight, or None where only disks move.
    """

    template = "scheduler/wizards/radius.html"

    wizard: Any

    @property
    def effect(self) -> foresight.Foresight | None:
        found: foresight.Foresight | None = self.wizard.effect
        return found

    @property
    def stuck(self) -> list[tuple[Any, str]]:
        found = self.effect
        return [(vm, sentence(fault)) for vm, fault in found.stuck] if found else []


class ToHost(Wizard):
    """A wizard that a drop on a host (`?host=`) opens at its review, or at the first step that has to be answered."""

    dropped_as: ClassVar[str]  # the migration type that a drop means

    @property
    def running(self) -> bool:
        """True where the wizard asks for a priority."""
        raise NotImplementedError

    @property
    def urgency(self) -> dict[str, Any]:
        """What the step about the priority says, as options of the service."""
        said = self.chosen.get("priority", {})
        return {
            "priority": said.get("priority", MigrationPriority.DEFAULT.value),
            "bitmap_resume": bool(said.get("bitmap_resume")),
        }

    def advance(self, data: QueryDict | None) -> tuple[bool, Any]:
        host = self.query.get("host", "")
        if data is not None or not host:
            return super().advance(data)
        filled = QueryDict(mutable=True)
        filled.update({"type-type": self.dropped_as, "compute-host": host, "seen": "type compute networks"})
        filled.update({"priority-priority": MigrationPriority.HIGH.value} if self.running else {})
        filled.update({"at": self._last_asked(filled), "go": "next"})
        answer = super().advance(filled)
        self.faulty = False  # nobody has sent anything yet
        return answer

    def _last_asked(self, data: QueryDict) -> str:
        """The step before the review, with the choices of `data`."""
        self._walk(data, "")
        keys = self._keys()
        return keys[-2]
