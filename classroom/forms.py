"""Forms of the classroom's dialogs; limits of the rows are said beside the fields."""

from __future__ import annotations

from typing import Any

from django import forms
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from classroom.exercises.lessons import lessons
from classroom.models import Course, LabTemplate
from classroom.models.courses import HOSTS_MAX, LABS_MAX, VMS_MAX
from classroom.services import sources
from domain.faults import MethodFault
from domain.hardware import SERVER_MODELS
from inventory.forms.base import DialogForm
from inventory.forms.fields import WithUnit, name_field
from inventory.services.clock import SPEEDS


class CourseForm(DialogForm):
    """Name, quotas, time limit, and what students may do."""

    name = name_field()
    description = forms.CharField(label=_("Description"), max_length=400, required=False)
    joinable = forms.BooleanField(label=_("Open to whoever has the join code"), required=False, initial=True)
    student_clock = forms.BooleanField(label=_("Students may change the clock of their lab"), required=False)
    max_labs = forms.IntegerField(label=_("Labs at most"), min_value=1, max_value=LABS_MAX, initial=60)
    max_hosts = forms.IntegerField(label=_("Hosts per lab at most"), min_value=1, max_value=HOSTS_MAX, initial=16)
    max_vms = forms.IntegerField(label=_("VMs per lab at most"), min_value=0, max_value=VMS_MAX, initial=200)
    lab_days = WithUnit(
        label=_("A lab expires after"), unit=_("days"), min_value=1, max_value=400, required=False,
        help_text=_("Empty: never. Students are told a day before."),
    )  # fmt: skip
    on_expiry = forms.ChoiceField(label=_("Then"), choices=Course.EXPIRY)


def _lessons() -> forms.MultipleChoiceField:
    """Which exercises the labs of a template offer."""
    return forms.MultipleChoiceField(
        label=_("Exercises"), required=False, choices=lambda: [(one.slug, one.title) for one in lessons().values()],
        widget=forms.SelectMultiple(attrs={"size": 5}),
        help_text=_("They are opened when labs are made. None: whatever is open for the course."),
    )  # fmt: skip


class TemplateForm(DialogForm):
    """A template from numbers."""

    name = name_field()
    description = forms.CharField(label=_("Description"), max_length=400, required=False)
    hosts = forms.IntegerField(label=_("Hosts"), min_value=1, max_value=HOSTS_MAX, initial=4)
    vms = forms.IntegerField(label=_("Virtual machines"), min_value=0, max_value=VMS_MAX, initial=40)
    model = forms.ChoiceField(label=_("Server model"), initial=sources.PLAN["models"][0])
    skew = forms.BooleanField(
        label=_("Begin unbalanced"),
        required=False,
        help_text=_("The first hosts get far more machines than the others."),
    )
    drs = forms.BooleanField(label=_("vSphere DRS and HA are on"), required=False, initial=True)
    hosted = forms.BooleanField(
        label=_("With a desktop that runs a hosted hypervisor"), required=False, initial=True,
        help_text=_("Type 2, beside the cluster: to compare."),
    )  # fmt: skip
    speed = forms.TypedChoiceField(
        label=_("Clock speed"), coerce=float, initial=10, choices=[(0, _("Paused")), *((s, f"×{s}") for s in SPEEDS)]
    )
    traces = forms.ChoiceField(label=_("Workload"), required=False)
    failures = forms.TypedChoiceField(
        label=_("Failures by chance"), coerce=float, required=False,
        choices=[
            (0, _("Never")), (1, _("As often as in the field")), (10, _("Ten times as often")),
            (100, _("A hundred times as often")),
        ],
        help_text=_("Hosts, adapters, guests and datastores fail by themselves; the same seed, the same failures."),
    )  # fmt: skip
    seed = forms.IntegerField(
        label=_("Seed"), min_value=1, max_value=2**31, initial=1,
        help_text=_("The same seed gives the same machines and the same days."),
    )  # fmt: skip
    same_seed = forms.BooleanField(label=_("The same load for everybody"), required=False, initial=True)
    lessons = _lessons()

    def __init__(self, *args: Any, course: Course, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: Any = self.fields
        fields["model"].choices = [(key, f"{model.vendor} {model.model}") for key, model in SERVER_MODELS.items()]
        fields["traces"].choices = [("", _("Made up from the seed")), *((s, s) for s in sources.trace_sets())]
        for name, most in (("hosts", course.max_hosts), ("vms", course.max_vms)):
            fields[name].help_text = _("At most %(limit)s.") % {"limit": most}

    @classmethod
    def values_of(cls, template: LabTemplate) -> dict[str, Any]:
        """What the form shows of a template."""
        plan = {**sources.PLAN, **template.plan}
        own = {
            name: getattr(template, name) for name in ("name", "description", "traces", "seed", "same_seed", "lessons")
        }
        own["speed"] = f"{template.speed:g}"  # as the choice is written
        own["failures"] = f"{sources.times_of(template.faults):g}"
        return {**own, "hosts": plan["hosts"], "vms": plan["vms"], "drs": plan["drs"], "skew": plan["skew"] > 0,
                "hosted": plan["hosted"] > 0, "model": plan["models"][0]}  # fmt: skip

    def template_values(self) -> dict[str, Any]:
        """The form as the fields of a template."""
        data = self.cleaned_data
        plan = {"hosts": data["hosts"], "vms": data["vms"], "drs": data["drs"], "skew": 1.0 if data["skew"] else 0.0,
                "hosted": int(data["hosted"]), "models": [data["model"]]}  # fmt: skip
        names = ("name", "description", "speed", "traces", "seed", "same_seed", "lessons")
        rates = sources.failure_rates(data["failures"] or 0.0)
        return {"plan": plan, "source": LabTemplate.PLAN, "faults": rates, **{name: data[name] for name in names}}


class DescribeForm(DialogForm):
    """What of a captured template can be changed."""

    name = name_field()
    description = forms.CharField(label=_("Description"), max_length=400, required=False)
    speed = forms.TypedChoiceField(
        label=_("Clock speed"), coerce=float, initial=10, choices=[(0, _("Paused")), *((s, f"×{s}") for s in SPEEDS)]
    )
    lessons = _lessons()

    @classmethod
    def values_of(cls, template: LabTemplate) -> dict[str, Any]:
        own = {name: getattr(template, name) for name in ("name", "description", "lessons")}
        return {**own, "speed": f"{template.speed:g}"}

    def template_values(self) -> dict[str, Any]:
        return dict(self.cleaned_data)


class CaptureForm(DescribeForm):
    """A template from a lab or vCenter that runs now."""

    vcenter = forms.ChoiceField(label=_("Running lab"))

    def __init__(self, *args: Any, vcenters: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: Any = self.fields
        fields["vcenter"].choices = [(str(vc.uuid), vc.name) for vc in vcenters]


class FileText(forms.Textarea):
    """A text area that also takes the text of a chosen file (classroom.js): what was chosen can be read and mended."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        given = self.build_attrs(self.attrs, attrs)
        context = {"name": name, "value": value or "", "id": given.pop("id", name), "limit": sources.FILE_MAX,
                   "attrs": given}  # fmt: skip
        return render_to_string("classroom/dialogs/file_text.html", context)


class FileForm(DescribeForm):
    """A template from an inventory file."""

    inventory = forms.CharField(
        label=_("Inventory (YAML)"), max_length=sources.FILE_MAX, strip=False,
        widget=FileText(attrs={"rows": 14, "spellcheck": "false", "class": "mono"}),
        help_text=_("As “Export inventory (YAML)” of a vCenter writes it: choose the file, or paste its text."),
    )  # fmt: skip

    def add_fault(self, fault: MethodFault) -> None:
        """Every problem of the file beside it, not only the first."""
        super().add_fault(fault)
        for one in fault.fields.get("others", ()):
            self.add_error("inventory", one)


class PersonForm(DialogForm):
    """Somebody with an account."""

    username = forms.CharField(label=_("User name"), max_length=150)


class MessageForm(DialogForm):
    """A message to students, shown on top of every page of their lab."""

    text = forms.CharField(
        label=_("Message"), max_length=400, required=False, widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Empty: the message that is shown now goes away."),
    )  # fmt: skip


class MakeForm(DialogForm):
    """Which template the labs are made from."""

    template = forms.ModelChoiceField(label=_("Template"), queryset=LabTemplate.objects.none(), empty_label=None)

    def __init__(self, *args: Any, course: Course, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: Any = self.fields
        fields["template"].queryset = course.templates.all()


class ExtendForm(DialogForm):
    days = WithUnit(label=_("From now"), unit=_("days"), min_value=1, max_value=400, initial=14)


class SpeedForm(DialogForm):
    speed = forms.TypedChoiceField(label=_("Clock speed"), coerce=float, choices=[(s, f"×{s}") for s in SPEEDS])


class RosterForm(forms.Form):
    """The class list."""

    list = forms.FileField(label=_("Class list (CSV)"), widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}))
