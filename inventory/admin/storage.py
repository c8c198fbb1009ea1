"""Datastores and networks."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from inventory.admin.actions import calls, move
from inventory.admin.base import ObjectAdmin
from inventory.admin.links import client_link, linked
from inventory.models import Datastore, DatastoreMount, HostNetwork, Network, VirtualDisk, VirtualNic
from inventory.services import datastores, naming, networks


@admin.register(Datastore)
class DatastoreAdmin(ObjectAdmin):
    list_display = (
        "name",
        "store_kind",
        "local",
        linked("datacenter"),
        "capacity_bytes",
        "used_bytes",
        "provisioned_bytes",
        "accessible",
        "overall_status",
        client_link,
    )
    list_select_related = ("vcenter", "datacenter")
    list_filter = ("vcenter", "store_kind", "local", "ssd", "accessible", "overall_status")
    search_fields = ("name", "=moref", "=uuid", "datacenter__name")
    related = ((DatastoreMount, _("Hosts"), "datastore"), (VirtualDisk, _("Disks"), "datastore"))
    actions = (
        calls(_("Rename to …"), naming.rename, with_text=True),
        calls(_("Move to the folder …"), move, with_text=True),
        calls(_("Delete"), datastores.destroy),
    )


@admin.register(Network)
class NetworkAdmin(ObjectAdmin):
    list_display = ("name", "vlan", linked("datacenter"), "overall_status", client_link)
    list_select_related = ("vcenter", "datacenter")
    list_filter = ("vcenter", "overall_status")
    search_fields = ("name", "=moref", "datacenter__name")
    related = ((HostNetwork, _("Hosts"), "network"), (VirtualNic, _("Network adapters"), "network"))
    actions = (
        calls(_("Rename to …"), naming.rename, with_text=True),
        calls(_("Move to the folder …"), move, with_text=True),
        calls(_("Delete"), networks.destroy),
    )
