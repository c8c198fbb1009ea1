"""Tags, custom attributes and permissions of an object."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django import forms
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from domain.privileges import READ_ONLY
from inventory.forms.base import DialogForm, VersionedForm
from inventory.forms.dialog import ComparedDialog, Dialog, dialog
from inventory.forms.pickers import Line, TableField
from inventory.models import CustomAttribute, CustomValue, Role, Tag, TagAssignment
from inventory.services import permissions, tags

MOST_TAGS = 500


def kind_of(obj: Any) -> str:
    return str(getattr(obj, "kind", getattr(obj, "KIND", "")))


def assigned(obj: Any, vcenter: Any) -> Any:
    return TagAssignment.objects.filter(vcenter=vcenter, entity=obj.moref).values("tag")


class TagForm(DialogForm):
    """A table of tags."""


class _Tags(Dialog):
    form_class = TagForm

    def rows(self) -> Any:
        raise NotImplementedError

    def form(self, data: Any = None) -> Any:
        form = TagForm(data)
        found = self.rows().select_related("category").order_by("category__name", "name")[:MOST_TAGS]
        lines = [Line(str(t.pk), (t.name, t.category.name, t.description), "tag") for t in found]
        heads = (_("Tag"), _("Category"), _("Description"))
        form.fields["tags"] = TableField(heads, lines, many=True, label=_("Tags"))
        return form

    def chosen(self, form: Any) -> list[Tag]:
        return list(Tag.objects.filter(pk__in=form.cleaned_data["tags"]).select_related("category"))


@dialog("assign-tag")
class AssignTag(_Tags):
    verb = gettext_lazy("Assign Tag")
    submit_label = gettext_lazy("Assign")

    def rows(self) -> Any:
        free = Tag.objects.filter(category__vcenter=self.vcenter).exclude(pk__in=assigned(self.obj, self.vcenter))
        kind = kind_of(self.obj)
        fits = [t.pk for t in free.select_related("category") if not t.category.kinds or kind in t.category.kinds]
        return Tag.objects.filter(pk__in=fits)

    def submit(self, form: Any) -> Any:
        done = [tags.assign(self.user, self.obj, tag) for tag in self.chosen(form)]
        return next((task for task in reversed(done) if task), None)


@dialog("remove-tag")
class RemoveTag(_Tags):
    verb = gettext_lazy("Remove Tag")
    submit_label = gettext_lazy("Remove")

    def rows(self) -> Any:
        return Tag.objects.filter(pk__in=assigned(self.obj, self.vcenter))

    def submit(self, form: Any) -> Any:
        done = [tags.unassign(self.user, self.obj, tag) for tag in self.chosen(form)]
        return next((task for task in reversed(done) if task), None)


class AttributesForm(VersionedForm):
    """One field per custom attribute of the object's kind."""


@dialog("custom-attributes")
class CustomAttributes(ComparedDialog):
    verb = gettext_lazy("Edit Custom Attributes")
    form_class = AttributesForm
    template = "inventory/dialogs/attributes.html"

    @cached_property
    def attributes(self) -> list[CustomAttribute]:
        mine = Q(kind="") | Q(kind=kind_of(self.obj))
        return list(CustomAttribute.objects.filter(mine, vcenter=self.vcenter))

    def values(self) -> dict[int, str]:
        rows = CustomValue.objects.filter(vcenter=self.vcenter, entity=self.obj.moref)
        return dict(rows.values_list("attribute_id", "value"))

    def current(self) -> dict[str, Any]:
        now = self.values()
        return {f"value-{attribute.pk}": now.get(attribute.pk, "") for attribute in self.attributes}

    def form(self, data: Any = None) -> Any:
        form = AttributesForm(data, initial=self.initial())
        for attribute in self.attributes:
            form.fields[f"value-{attribute.pk}"] = forms.CharField(label=attribute.name, required=False, max_length=255)
        return form

    def submit(self, form: Any) -> Any:
        now = self.values()
        for attribute in self.attributes:
            value = form.cleaned_data.get(f"value-{attribute.pk}", "")
            if value != now.get(attribute.pk, ""):
                tags.set_value(self.user, self.obj, attribute, value)


class PermissionForm(DialogForm):
    principal = forms.CharField(
        label=gettext_lazy("User or group"), max_length=150,
        help_text=gettext_lazy("The exact name of a user, or of a group."),
    )  # fmt: skip
    role = forms.ChoiceField(label=gettext_lazy("Role"))
    propagate = forms.BooleanField(label=gettext_lazy("Propagate to children"), required=False, initial=True)

    found: Any = None

    def clean_principal(self) -> str:
        name: str = self.cleaned_data["principal"].strip()
        user = get_user_model().objects.filter(username=name).first()
        self.found = user or Group.objects.filter(name=name).first()
        if self.found is None:
            raise forms.ValidationError(_("There is no user and no group of this name."), "NotFound")
        return name


@dialog("add-permission")
class AddPermission(Dialog):
    verb = gettext_lazy("Add Permission")
    form_class = PermissionForm

    def form(self, data: Any = None) -> Any:
        form = PermissionForm(data)
        roles = Role.objects.filter(Q(vcenter=None) | Q(vcenter=self.vcenter))
        choices = [(str(r.pk), _(r.name) if r.system else r.name) for r in roles]
        form.fields["role"].choices = choices  # type: ignore[attr-defined]
        form.initial["role"] = next((str(r.pk) for r in roles if r.system and r.name == READ_ONLY), "")
        return form

    def submit(self, form: Any) -> Any:
        role = Role.objects.get(pk=form.cleaned_data["role"])
        return permissions.give(self.user, self.obj, form.found, role, form.cleaned_data["propagate"])[1]
