"""Alarm definitions and triggered alarms."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from inventory.admin.base import ReadOnlyAdmin
from inventory.admin.links import entity_link, joined, linked, rows_link
from inventory.models import AlarmDefinition, TriggeredAlarm


@admin.register(AlarmDefinition)
class AlarmDefinitionAdmin(ReadOnlyAdmin):
    list_display = ("name", "target_kind", entity_link, "enabled", "vcenter")
    list_select_related = ("vcenter",)
    list_filter = ("vcenter", "enabled", "target_kind")
    search_fields = ("name", "=moref", "=entity", "description")
    readonly_fields = ("triggered_now",)

    @admin.display(description=_("triggered"))
    def triggered_now(self, row: AlarmDefinition) -> str:
        return joined([rows_link(TriggeredAlarm, _("Triggered alarms"), definition__id__exact=row.pk)])


@admin.register(TriggeredAlarm)
class TriggeredAlarmAdmin(ReadOnlyAdmin):
    list_display = ("entity_name", "status", linked("definition"), "acknowledged", "acknowledged_by", "vcenter")
    list_select_related = ("vcenter", "definition")
    list_filter = ("vcenter", "status", "acknowledged", "entity_kind")
    search_fields = ("entity_name", "=entity", "definition__name")
