"""Scheduled tasks and saved searches: to look at, and to switch off or take away through services."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from inventory.admin.actions import calls
from inventory.admin.base import ReadOnlyAdmin
from inventory.admin.links import entity_link
from inventory.models import SavedSearch, ScheduledTask
from inventory.services import schedules


@admin.register(ScheduledTask)
class ScheduledTaskAdmin(ReadOnlyAdmin):
    list_display = ("name", entity_link, "verb", "owner", "enabled", "last_run_at", "vcenter")
    list_select_related = ("vcenter", "owner")
    list_filter = ("vcenter", "enabled", "verb")
    search_fields = ("name", "=entity", "entity_name", "owner__username")
    actions = (calls(_("Disable"), schedules.disable), calls(_("Delete"), schedules.remove))


@admin.register(SavedSearch)
class SavedSearchAdmin(ReadOnlyAdmin):
    list_display = ("name", "user", "query", "created_at")
    list_select_related = ("user",)
    list_filter = ("created_at",)
    search_fields = ("name", "user__username")
