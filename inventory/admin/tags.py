"""Tags and custom attributes; edited through their services."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from inventory.admin.base import ReadOnlyAdmin, ThroughServices
from inventory.admin.links import entity_link, linked
from inventory.models import CustomAttribute, CustomValue, Tag, TagAssignment, TagCategory
from inventory.services import tags


@admin.register(TagCategory)
class TagCategoryAdmin(ThroughServices):
    list_display = ("name", "multiple", "kinds", "vcenter")
    list_select_related = ("vcenter",)
    list_filter = ("vcenter", "multiple")
    search_fields = ("name", "description")

    def get_readonly_fields(self, request: HttpRequest, obj: TagCategory | None = None) -> tuple[str, ...]:
        return ("vcenter",) if obj else ()

    def save_model(self, request: HttpRequest, obj: TagCategory, form: Any, change: bool) -> None:
        values = {"description": obj.description, "multiple": obj.multiple, "kinds": obj.kinds}
        if change:
            stored = TagCategory.objects.get(pk=obj.pk)
            tags.edit_category(request.user, stored, name=obj.name, **values)
        else:
            obj.pk = tags.create_category(request.user, obj.vcenter, obj.name, **values).pk

    def delete_model(self, request: HttpRequest, obj: TagCategory) -> None:
        tags.delete_category(request.user, obj)


@admin.register(Tag)
class TagAdmin(ThroughServices):
    list_display = ("name", linked("category"), "description")
    list_select_related = ("category",)
    list_filter = ("category__vcenter", "category")
    search_fields = ("name", "category__name", "description")

    def get_readonly_fields(self, request: HttpRequest, obj: Tag | None = None) -> tuple[str, ...]:
        return ("category",) if obj else ()

    def save_model(self, request: HttpRequest, obj: Tag, form: Any, change: bool) -> None:
        if change:
            stored = Tag.objects.get(pk=obj.pk)
            tags.edit_tag(request.user, stored, name=obj.name, description=obj.description)
        else:
            obj.pk = tags.create_tag(request.user, obj.category, obj.name, obj.description).pk

    def delete_model(self, request: HttpRequest, obj: Tag) -> None:
        tags.delete_tag(request.user, obj)


@admin.register(CustomAttribute)
class CustomAttributeAdmin(ThroughServices):
    list_display = ("name", "kind", "vcenter")
    list_select_related = ("vcenter",)
    list_filter = ("vcenter", "kind")
    search_fields = ("name",)

    def get_readonly_fields(self, request: HttpRequest, obj: CustomAttribute | None = None) -> tuple[str, ...]:
        return ("vcenter", "kind") if obj else ()

    def save_model(self, request: HttpRequest, obj: CustomAttribute, form: Any, change: bool) -> None:
        if change:
            tags.rename_attribute(request.user, CustomAttribute.objects.get(pk=obj.pk), obj.name)
        else:
            obj.pk = tags.create_attribute(request.user, obj.vcenter, obj.name, obj.kind).pk

    def delete_model(self, request: HttpRequest, obj: CustomAttribute) -> None:
        tags.delete_attribute(request.user, obj)


@admin.register(TagAssignment)
class TagAssignmentAdmin(ReadOnlyAdmin):
    list_display = ("id", linked("tag"), entity_link, "vcenter")
    list_select_related = ("tag", "vcenter")
    list_filter = ("vcenter", "tag__category")
    search_fields = ("tag__name", "=entity")


@admin.register(CustomValue)
class CustomValueAdmin(ReadOnlyAdmin):
    list_display = ("value", linked("attribute"), entity_link, "vcenter")
    list_select_related = ("attribute", "vcenter")
    list_filter = ("vcenter", "attribute")
    search_fields = ("value", "attribute__name", "=entity")
