"""Hosts, clusters and resource pools."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from inventory.admin.actions import calls, move
from inventory.admin.base import ObjectAdmin, ReadOnlyAdmin, ThroughServices
from inventory.admin.links import client_link, linked, rows_link
from inventory.models import Cluster, DatastoreMount, Host, HostNetwork, License, ResourcePool, VirtualMachine
from inventory.services import clusters, hosts, licenses, naming, pools


@admin.register(Host)
class HostAdmin(ObjectAdmin):
    list_display = (
        "name",
        "connection_state",
        "power_state",
        "in_maintenance",
        linked("cluster"),
        "host_kind",
        "model",
        linked("license"),
        "overall_status",
        client_link,
    )
    list_select_related = ("vcenter", "cluster", "license")
    list_filter = (
        "vcenter",
        "connection_state",
        "power_state",
        "standby_mode",
        "in_maintenance",
        "host_kind",
        "model",
        "vmotion_enabled",
        "vmotion_ip_family",
        "overall_status",
    )
    search_fields = ("name", "=moref", "=uuid", "cluster__name")
    related = (
        (VirtualMachine, _("Virtual machines"), "host"),
        (DatastoreMount, _("Datastores"), "host"),
        (HostNetwork, _("Networks"), "host"),
    )
    actions = (
        calls(_("Connect"), hosts.connect),
        calls(_("Disconnect"), hosts.disconnect),
        calls(_("Power on"), hosts.power_on),
        calls(_("Reboot, because …"), hosts.reboot, with_text=True),
        calls(_("Shut down, because …"), hosts.shut_down, with_text=True),
        calls(_("Remove from inventory"), hosts.remove, name="remove"),
    )


@admin.register(License)
class LicenseAdmin(ThroughServices):
    list_display = ("name", "edition", "cores", "taken", "vcenter")
    list_select_related = ("vcenter",)
    list_filter = ("vcenter", "edition")
    search_fields = ("name",)

    def get_readonly_fields(self, request: HttpRequest, obj: License | None = None) -> tuple[str, ...]:
        return ("vcenter", "taken") if obj else ("taken",)

    def save_model(self, request: HttpRequest, obj: License, form: Any, change: bool) -> None:
        values: dict[str, Any] = {"name": obj.name, "edition": obj.edition, "cores": obj.cores}
        if change:
            licenses.edit(request.user, License.objects.get(pk=obj.pk), **values)
        else:
            licenses.add(request.user, obj.vcenter, **values)
            obj.pk = License.objects.get(vcenter=obj.vcenter, name=obj.name.strip()).pk

    def delete_model(self, request: HttpRequest, obj: License) -> None:
        licenses.remove(request.user, obj)

    @admin.display(description=_("hosts"))
    def taken(self, row: License) -> SafeString:
        return rows_link(Host, _("Hosts"), license__id__exact=row.pk)


@admin.register(Cluster)
class ClusterAdmin(ObjectAdmin):
    list_display = (
        "name",
        "standalone",
        linked("datacenter"),
        "drs_enabled",
        "drs_automation",
        "dpm_enabled",
        "ha_enabled",
        "overall_status",
        client_link,
    )
    list_select_related = ("vcenter", "datacenter")
    list_filter = (
        "vcenter",
        "standalone",
        "drs_enabled",
        "drs_automation",
        "dpm_enabled",
        "ha_enabled",
        "overall_status",
    )
    search_fields = ("name", "=moref", "datacenter__name")
    related = (
        (Host, _("Hosts"), "cluster"),
        (ResourcePool, _("Resource pools"), "cluster"),
    )
    actions = (
        calls(_("Rename to …"), naming.rename, with_text=True),
        calls(_("Move to the folder …"), move, with_text=True),
        calls(_("Delete"), clusters.destroy),
    )


@admin.register(ResourcePool)
class ResourcePoolAdmin(ObjectAdmin):
    list_display = (
        "name",
        linked("parent"),
        linked("cluster"),
        "cpu_reservation_mhz",
        "cpu_limit_mhz",
        "memory_reservation_mib",
        "memory_limit_mib",
        "overall_status",
        client_link,
    )
    list_select_related = ("vcenter", "parent", "cluster")
    list_filter = ("vcenter", "is_vapp", "cpu_expandable", "memory_expandable", "overall_status")
    search_fields = ("name", "=moref", "cluster__name")
    related = (
        (ResourcePool, _("Resource pools"), "parent"),
        (VirtualMachine, _("Virtual machines"), "pool"),
    )
    actions = (
        calls(_("Rename to …"), naming.rename, with_text=True),
        calls(_("Move to the pool …"), move, with_text=True),
        calls(_("Delete"), pools.destroy),
    )


@admin.register(DatastoreMount)
class DatastoreMountAdmin(ReadOnlyAdmin):
    list_display = ("id", linked("host"), linked("datastore"), "accessible")
    list_select_related = ("host", "datastore")
    list_filter = ("host__vcenter", "accessible")
    search_fields = ("host__name", "datastore__name")


@admin.register(HostNetwork)
class HostNetworkAdmin(ReadOnlyAdmin):
    list_display = ("id", linked("host"), linked("network"))
    list_select_related = ("host", "network")
    list_filter = ("host__vcenter",)
    search_fields = ("host__name", "network__name")
