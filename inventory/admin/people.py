"""Roles, permissions and preferences; the first two through their services."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from domain import faults
from domain.privileges import by_group
from inventory import selectors
from inventory.admin.base import ThroughServices
from inventory.admin.links import entity_link, linked, rows_link
from inventory.models import Permission, Preferences, Role
from inventory.services import permissions


def _choices() -> list[tuple[str, list[tuple[str, str]]]]:
    return [(gettext(group), [(p.id, gettext(p.label)) for p in entries]) for group, entries in by_group().items()]


class RoleForm(forms.ModelForm):
    """A role of one vCenter; the system's roles belong to all and are not edited."""

    privileges = forms.MultipleChoiceField(choices=_choices, required=False, widget=forms.SelectMultiple({"size": 24}))

    class Meta:
        model = Role
        fields = ("vcenter", "name", "description", "privileges")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "vcenter" in self.fields:
            self.fields["vcenter"].required = True


@admin.register(Role)
class RoleAdmin(ThroughServices):
    form = RoleForm
    list_display = ("name", "vcenter", "system", "number_of_privileges", "given")
    list_select_related = ("vcenter",)
    list_filter = ("system", "vcenter")
    search_fields = ("name", "description")

    def get_readonly_fields(self, request: HttpRequest, obj: Role | None = None) -> tuple[str, ...]:
        return ("vcenter",) if obj else ()

    def has_change_permission(self, request: HttpRequest, obj: Role | None = None) -> bool:
        return not (obj and obj.system) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Role | None = None) -> bool:
        return not (obj and obj.system) and super().has_delete_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: Role, form: Any, change: bool) -> None:
        values = {"privileges": obj.privileges, "description": obj.description}
        if change:
            permissions.edit_role(request.user, Role.objects.get(pk=obj.pk), name=obj.name, **values)
        elif obj.vcenter is not None:
            obj.pk = permissions.create_role(request.user, obj.vcenter, obj.name, **values).pk

    def delete_model(self, request: HttpRequest, obj: Role) -> None:
        permissions.delete_role(request.user, obj)

    @admin.display(description=_("privileges"))
    def number_of_privileges(self, row: Role) -> int:
        return len(row.known)

    @admin.display(description=_("given"))
    def given(self, row: Role) -> SafeString:
        return rows_link(Permission, _("Permissions"), role__id__exact=row.pk)


@admin.register(Permission)
class PermissionAdmin(ThroughServices):
    list_display = ("id", entity_link, linked("user"), linked("group"), linked("role"), "propagate", "vcenter")
    list_select_related = ("vcenter", "user", "group", "role")
    list_filter = ("vcenter", "role", "propagate")
    search_fields = ("=entity", "user__username", "group__name", "role__name")
    autocomplete_fields = ("user", "group")

    def get_readonly_fields(self, request: HttpRequest, obj: Permission | None = None) -> tuple[str, ...]:
        return ("vcenter", "entity", "user", "group") if obj else ()

    def save_model(self, request: HttpRequest, obj: Permission, form: Any, change: bool) -> None:
        principal = obj.group or obj.user
        if principal is None or (obj.group and obj.user):
            raise faults.InvalidArgument(property="user", reason=_("choose a user or a group"))
        entity = self._entity(obj)
        obj.pk = permissions.grant(request.user, entity, principal, obj.role, obj.propagate).pk

    def delete_model(self, request: HttpRequest, obj: Permission) -> None:
        permissions.revoke(request.user, self._entity(obj), obj)

    def _entity(self, obj: Permission) -> Any:
        entity = selectors.find(obj.vcenter, obj.entity)
        if entity is None:
            raise faults.ManagedObjectNotFound(moref=obj.entity)
        return entity


@admin.register(Preferences)
class PreferencesAdmin(admin.ModelAdmin):
    list_display = ("user", "theme", "language", "time_format")
    list_select_related = ("user",)
    list_filter = ("theme", "language")
    search_fields = ("user__username",)
    autocomplete_fields = ("user",)
