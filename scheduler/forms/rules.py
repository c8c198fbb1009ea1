"""VM/Host groups and rules: a rule's conflicts are shown while it is typed, and once more before it is stored."""

from __future__ import annotations

import copy
from typing import Any

from django import forms
from django.http import Http404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from domain.faults import MethodFault
from inventory import selectors, words
from inventory.forms.base import VersionedForm
from inventory.forms.dialog import ComparedDialog, dialog
from inventory.forms.fields import name_field
from inventory.forms.pickers import Line, TableField
from scheduler.engine.rules import Conflict
from scheduler.forms.base import ClusterDialog
from scheduler.models import DrsGroup, DrsRule
from scheduler.services import rules

MOST_LINES = 2_000
LINKS = ("vm_group", "host_group", "other_vm_group")
POLICIES = (
    ("must", gettext_lazy("Must run on hosts in group"), True, True),
    ("should", gettext_lazy("Should run on hosts in group"), True, False),
    ("must-not", gettext_lazy("Must not run on hosts in group"), False, True),
    ("should-not", gettext_lazy("Should not run on hosts in group"), False, False),
)


def policy_of(rule: DrsRule) -> str:
    return next(key for key, _l, affine, must in POLICIES if (affine, must) == (rule.affine, rule.mandatory))


def vm_lines(user: Any, cluster: Any, chosen: Any = ()) -> list[Line]:
    """The VMs of a cluster to choose from; those that are chosen are there however many there are."""
    rows = selectors.vms_visible(user, cluster.vcenter).filter(host__cluster=cluster, template=False)
    some = list(rows.select_related("host").order_by("name")[:MOST_LINES])
    if len(some) == MOST_LINES:
        some += list(rows.filter(moref__in=list(chosen)).exclude(pk__in=[vm.pk for vm in some]).select_related("host"))
    return [Line(vm.moref, (vm.name, vm.host.name, str(words.state(vm) or "")), "vm") for vm in some]


def host_lines(cluster: Any) -> list[Line]:
    hosts = cluster.hosts.order_by("name")
    return [Line(h.moref, (h.name, cluster.name, str(words.host_state(h))), "host") for h in hosts]


def own(model: Any, cluster: Any, pk: str) -> Any:
    """A row of the cluster by the number in an address; None where none is named."""
    if not pk:
        return None
    found = model.objects.filter(cluster=cluster, pk=pk).first() if pk.isdecimal() else None
    if found is None:
        raise Http404(model.__name__)
    return found


# --- groups ----------------------------------------------------------------------------------------------------------
class GroupForm(VersionedForm):
    name = name_field()

    def clean_members(self) -> list[str]:
        return sorted(self.cleaned_data["members"])


@dialog("drs-group")
class Group(ClusterDialog, ComparedDialog):
    """A new group of the type that the address says, or an existing one."""

    form_class = GroupForm
    template = "scheduler/drs/dialogs/rule.html"
    size = "lg"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.typed: Any = {}
        self.group: DrsGroup | None = own(DrsGroup, self.obj, self.query.get("group", ""))
        kind = self.group.kind if self.group else self.query.get("kind", "vm")
        self.kind = kind if kind in ("vm", "host") else "vm"

    @property
    def verb(self) -> str:  # type: ignore[override]
        if self.group:
            return _("Edit VM/Host Group")
        return _("Create VM Group") if self.kind == "vm" else _("Create Host Group")

    @property
    def subject(self) -> str:
        return str(self.group.name if self.group else self.obj.name)

    def current(self) -> dict[str, Any]:
        return {"name": self.group.name, "members": sorted(self.group.members)} if self.group else {}

    def form(self, data: Any = None) -> Any:
        self.typed = data or {}
        form = super().form(data)
        chosen = self.group.members if self.group else ()
        lines = vm_lines(self.user, self.obj, chosen) if self.kind == "vm" else host_lines(self.obj)
        heads = (_("Name"), _("Host") if self.kind == "vm" else _("Cluster"), _("State"))
        form.fields["members"] = TableField(heads, lines, many=True, required=False, label=_("Members"))
        return form

    def conflicts(self, form: Any) -> list[Conflict]:
        """What the members as ticked would bring to the rules that name the group."""
        return rules.group_conflicts(self.obj, self.group, form["members"].value() or ()) if self.group else []

    def context(self, form: Any) -> dict[str, Any]:
        found = [said(conflict) for conflict in self.conflicts(form)]
        return {"conflicts": found, "seen": _signature(found)}

    def submit(self, form: Any) -> Any:
        values = form.cleaned_data
        _tell_first(self.conflicts(form), self.typed)
        rules.save_group(self.user, self.obj, values["name"], self.kind, values["members"], self.group)


# --- rules -----------------------------------------------------------------------------------------------------------
class RuleForm(VersionedForm):
    name = name_field()
    enabled = forms.BooleanField(label=gettext_lazy("Enable rule"), required=False, initial=True)
    kind = forms.ChoiceField(label=gettext_lazy("Type"), choices=DrsRule.KINDS)
    policy = forms.ChoiceField(
        label=gettext_lazy("These virtual machines"), choices=[(key, label) for key, label, *_rest in POLICIES]
    )

    def clean_members(self) -> list[str]:
        return sorted(self.cleaned_data["members"])

    def __init__(self, *args: Any, dialog: Rule, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        groups = list(DrsGroup.objects.filter(cluster=dialog.obj))
        vm_groups = [("", _("Choose a group")), *((g.pk, g.name) for g in groups if g.kind == "vm")]
        host_groups = [("", _("Choose a group")), *((g.pk, g.name) for g in groups if g.kind == "host")]
        for name, label, choices, kinds in (
            ("vm_group", _("VM group"), vm_groups, "vm_host dependency"),
            ("host_group", _("Host group"), host_groups, "vm_host"),
            ("other_vm_group", _("Start after the virtual machines of"), vm_groups, "dependency"),
        ):
            self.fields[name] = forms.ChoiceField(label=label, choices=choices, required=False)
            self.fields[name].when = f"kind={kinds}"  # type: ignore[attr-defined]
        lines = vm_lines(dialog.user, dialog.obj, dialog.rule.members if dialog.rule else ())
        heads = (_("Name"), _("Host"), _("State"))
        self.fields["members"] = TableField(heads, lines, many=True, required=False, label=_("Members"))
        self.fields["members"].when = "kind=affinity anti_affinity"  # type: ignore[attr-defined]
        self.fields["policy"].when = "kind=vm_host"  # type: ignore[attr-defined]
        self.order_fields(("name", "enabled", "kind", "vm_group", "policy", "host_group", "other_vm_group", "members"))
        for name in ("enabled", "kind", "vm_group", "policy", "host_group", "other_vm_group"):
            self.fields[name].widget.attrs["data-refresh"] = True


def said(conflict: Conflict) -> tuple[str, str]:
    """A conflict's sentence and the smallest change that would help."""
    return words.fault_sentence(conflict.fault.to_dict()), _(conflict.fix)


@dialog("drs-rule")
class Rule(ClusterDialog, ComparedDialog):
    """A new rule, or an existing one."""

    template = "scheduler/drs/dialogs/rule.html"
    size = "lg"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.rule: DrsRule | None = own(DrsRule, self.obj, self.query.get("rule", ""))
        self.typed: Any = {}

    @property
    def verb(self) -> str:  # type: ignore[override]
        return _("Edit VM/Host Rule") if self.rule else _("Create VM/Host Rule")

    @property
    def subject(self) -> str:
        return str(self.rule.name if self.rule else self.obj.name)

    def current(self) -> dict[str, Any]:
        rule = self.rule
        if rule is None:
            return {}
        groups = {name: str(getattr(rule, f"{name}_id") or "") for name in LINKS}
        return {
            "name": rule.name, "enabled": rule.enabled, "kind": rule.kind, "members": sorted(rule.members),
            "policy": policy_of(rule), **groups,
        }  # fmt: skip

    def form(self, data: Any = None) -> RuleForm:
        self.typed = data or {}
        return RuleForm(data, initial=self.initial(), dialog=self)

    def values(self, form: RuleForm) -> dict[str, Any]:
        """What the service takes, from whatever is typed so far."""
        given = {name: form[name].value() for name in form.fields if name not in ("version", "base")}
        chosen = next((p for p in POLICIES if p[0] == given.pop("policy", "")), POLICIES[0])
        for name in LINKS:
            given[name] = int(given[name]) if str(given[name] or "").isdecimal() else None
        return {**given, "affine": chosen[2], "mandatory": chosen[3]}

    def conflicts(self, form: RuleForm) -> list[Conflict]:
        """What stands against the rule as typed; [] while it is no whole rule yet."""
        values = self.values(form)
        try:
            draft = rules.draft(self.obj, {**values, "name": values["name"] or "?"}, copy.copy(self.rule))
        except MethodFault:
            return []
        return rules.conflicts(self.obj, draft)

    def context(self, form: Any) -> dict[str, Any]:
        found = [said(conflict) for conflict in self.conflicts(form)]
        return {"conflicts": found, "seen": _signature(found)}

    def submit(self, form: Any) -> Any:
        _tell_first(self.conflicts(form), self.typed)
        # What was read for this request is what the form was opened on; between the two nobody gets in.
        expected = self.rule.change_version if self.rule else None
        rules.save_rule(self.user, self.obj, self.values(form), self.rule, expected)


def _tell_first(found: list[Conflict], typed: Any) -> None:
    """Raise the first conflict unless the person has seen them: sent once more it is saved all the same."""
    if found and typed.get("seen") != _signature([said(conflict) for conflict in found]):
        raise found[0].fault


def _signature(found: list[tuple[str, str]]) -> str:
    return " ".join(sentence for sentence, _fix in found)


# --- deleting --------------------------------------------------------------------------------------------------------
class _Delete(ClusterDialog):
    template = "inventory/dialogs/confirm.html"
    verb = gettext_lazy("Delete")
    submit_label = gettext_lazy("Delete")
    danger = True
    size = "sm"
    model: Any = None
    parameter = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.row = own(self.model, self.obj, self.query.get(self.parameter, ""))
        if self.row is None:
            raise Http404(self.parameter)


@dialog("drs-group-delete")
class DeleteGroup(_Delete):
    model, parameter = DrsGroup, "group"

    def context(self, form: Any) -> dict[str, Any]:
        return {"question": _("Delete the group “%(name)s”?") % {"name": self.row.name}, "radius": []}

    def submit(self, form: Any) -> Any:
        rules.delete_group(self.user, self.row)


@dialog("drs-rule-delete")
class DeleteRule(_Delete):
    model, parameter = DrsRule, "rule"

    def context(self, form: Any) -> dict[str, Any]:
        after = [_("DRS may move these virtual machines as if the rule had never been.")]
        return {"question": _("Delete the rule “%(name)s”?") % {"name": self.row.name}, "radius": after}

    def submit(self, form: Any) -> Any:
        rules.delete_rule(self.user, self.row)
