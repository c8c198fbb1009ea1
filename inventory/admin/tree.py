"""vCenters, datacenters and folders."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from inventory import audit
from inventory.admin.actions import calls, move
from inventory.admin.base import ObjectAdmin
from inventory.admin.links import client_link, joined, linked, rows_link
from inventory.models import (
    Cluster,
    Datacenter,
    Datastore,
    Event,
    Folder,
    Host,
    License,
    Network,
    Task,
    VCenter,
    VirtualMachine,
)
from inventory.services import clock, folders, naming


@admin.register(VCenter)
class VCenterAdmin(admin.ModelAdmin):
    """Name, owner, time zone and whether its clock runs; labs make vCenters and take them away."""

    list_display = ("name", linked("owner"), "active", "driver", "clock_speed", "created_at", client_link)
    list_select_related = ("owner",)
    list_filter = ("active", "driver")
    search_fields = ("name", "=uuid", "owner__username")
    fields: ClassVar[Any] = (
        "name",
        "owner",
        "timezone",
        "active",
        "driver",
        "seed",
        "clock_speed",
        "lab_epoch",
        "trace_sets",
        "options",
        "fault_rates",
        client_link,
        "holds",
    )
    readonly_fields: ClassVar[Any] = (
        "driver",
        "seed",
        "clock_speed",
        "lab_epoch",
        "trace_sets",
        "options",
        "fault_rates",
        client_link,
        "holds",
    )
    autocomplete_fields = ("owner",)
    actions = (calls(_("Pause the lab clock"), clock.pause), calls(_("Resume the lab clock"), clock.resume))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def save_model(self, request: HttpRequest, obj: VCenter, form: Any, change: bool) -> None:
        obj.save(update_fields=["name", "owner", "timezone", "active"])
        told = {field: str(form.cleaned_data[field]) for field in form.changed_data}
        audit.append(request.user, "VCenter.reconfigure", obj, told)

    @admin.display(description=_("holds"))
    def holds(self, row: VCenter) -> SafeString:
        tables = (
            (Datacenter, _("Datacenters")),
            (Cluster, _("Clusters")),
            (Host, _("Hosts")),
            (VirtualMachine, _("Virtual machines")),
            (Datastore, _("Datastores")),
            (Network, _("Networks")),
            (License, _("Licenses")),
            (Task, _("Tasks")),
            (Event, _("Events")),
        )
        return joined([rows_link(model, label, vcenter__id__exact=row.pk) for model, label in tables])


@admin.register(Datacenter)
class DatacenterAdmin(ObjectAdmin):
    list_display = ("name", "vcenter", linked("folder"), "overall_status", client_link)
    list_select_related = ("vcenter", "folder")
    related = (
        (Cluster, _("Clusters"), "datacenter"),
        (Datastore, _("Datastores"), "datacenter"),
        (Network, _("Networks"), "datacenter"),
        (Folder, _("Folders"), "datacenter"),
    )
    actions = (
        calls(_("Rename to …"), naming.rename, with_text=True),
        calls(_("Move to the folder …"), move, with_text=True),
        calls(_("Delete"), folders.destroy),
    )


@admin.register(Folder)
class FolderAdmin(ObjectAdmin):
    list_display = ("name", "folder_kind", "fixed", linked("parent"), linked("datacenter"), client_link)
    list_select_related = ("vcenter", "parent", "datacenter")
    list_filter = ("vcenter", "folder_kind", "fixed")
    related = (
        (Folder, _("Folders"), "parent"),
        (VirtualMachine, _("Virtual machines"), "folder"),
        (Cluster, _("Clusters"), "folder"),
        (Datastore, _("Datastores"), "folder"),
        (Network, _("Networks"), "folder"),
    )
    actions = (
        calls(_("Rename to …"), naming.rename, with_text=True),
        calls(_("Move to the folder …"), move, with_text=True),
        calls(_("Delete with what is in it"), folders.destroy),
    )
