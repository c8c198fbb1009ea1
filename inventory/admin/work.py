"""Tasks, events and the audit log: what was asked and what happened is never edited."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from inventory.admin.actions import calls
from inventory.admin.base import ReadOnlyAdmin
from inventory.admin.links import linked
from inventory.models import AuditEntry, Event, EventLink, Task
from inventory.services import tasks
from inventory.words import event_sentence


@admin.register(Task)
class TaskAdmin(ReadOnlyAdmin):
    list_display = (
        "moref",
        "description_id",
        "entity_name",
        "state",
        "progress_pct",
        "initiator_name",
        "queued_at",
        "completed_at",
        "vcenter",
    )
    list_select_related = ("vcenter",)
    list_filter = ("vcenter", "state", "reason", "description_id", "queued_at")
    search_fields = ("entity_name", "=entity", "=moref", "initiator_name", "description_id")
    actions = (calls(_("Cancel"), tasks.cancel),)


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    list_display = ("key", "type", "category", "sentence", "entity_name", "user_name", "created_at", "vcenter")
    list_select_related = ("vcenter",)
    list_filter = ("vcenter", "category", "created_at")
    search_fields = ("entity_name", "=entity", "=type", "user_name")

    @admin.display(description=_("what happened"))
    def sentence(self, row: Event) -> Any:
        return event_sentence(row)


@admin.register(EventLink)
class EventLinkAdmin(ReadOnlyAdmin):
    list_display = ("moref", linked("event"), "vcenter")
    list_select_related = ("event", "vcenter")
    list_filter = ("vcenter",)
    search_fields = ("=moref",)


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ("id", "created_at", "user_name", "action", "entity", "entity_name", "detail", "vcenter")
    list_select_related = ("vcenter",)
    list_filter = ("vcenter", "created_at")
    search_fields = ("user_name", "action", "=entity", "entity_name", "=digest")
