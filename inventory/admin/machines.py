"""Virtual machines, their devices and snapshots."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from inventory.admin.actions import calls, mark_as_vm, move
from inventory.admin.base import ObjectAdmin, ReadOnlyAdmin
from inventory.admin.links import client_link, linked
from inventory.models import Snapshot, VirtualDisk, VirtualMachine, VirtualNic
from inventory.services import naming, snapshots, vms


class InRecycleBin(admin.SimpleListFilter):
    """Without a choice the list shows what is in the inventory."""

    title = _("recycle bin")
    parameter_name = "deleted"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("In the recycle bin")), ("all", _("Everything"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[VirtualMachine]) -> QuerySet[VirtualMachine]:
        if self.value() == "all":
            return queryset
        return queryset.filter(deleted_at__isnull=self.value() != "yes")


@admin.register(VirtualMachine)
class VirtualMachineAdmin(ObjectAdmin):
    list_display = (
        "name",
        "power_state",
        "template",
        linked("host"),
        linked("pool"),
        linked("folder"),
        "vcpus",
        "memory_mib",
        "overall_status",
        client_link,
    )
    list_select_related = ("vcenter", "host", "pool", "folder")
    list_filter = ("vcenter", "power_state", "template", "overall_status", "guest_id", InRecycleBin)
    search_fields = ("name", "=moref", "=ip_address", "=uuid")
    related = (
        (VirtualDisk, _("Disks"), "vm"),
        (VirtualNic, _("Network adapters"), "vm"),
        (Snapshot, _("Snapshots"), "vm"),
    )
    actions = (
        calls(_("Power on"), vms.power_on),
        calls(_("Power off"), vms.power_off),
        calls(_("Suspend"), vms.suspend),
        calls(_("Reset"), vms.reset),
        calls(_("Shut down guest OS"), vms.shutdown_guest),
        calls(_("Restart guest OS"), vms.reboot_guest),
        calls(_("Rename to …"), naming.rename, with_text=True),
        calls(_("Move to the folder or pool …"), move, with_text=True),
        calls(_("Convert to template"), vms.mark_as_template),
        calls(_("Convert to virtual machine in the pool …"), mark_as_vm, with_text=True),
        calls(_("Remove from inventory"), vms.unregister),
        calls(_("Delete from disk (to the recycle bin)"), vms.delete_from_disk),
        calls(_("Restore from the recycle bin"), vms.restore),
        calls(_("Delete files of what is in the recycle bin now"), vms.purge),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[VirtualMachine]:
        return VirtualMachine.everything.all()


@admin.register(VirtualDisk)
class VirtualDiskAdmin(ReadOnlyAdmin):
    list_display = ("label", linked("vm"), linked("datastore"), "capacity_bytes", "used_bytes", "provisioning")
    list_select_related = ("vm", "datastore")
    list_filter = ("vm__vcenter", "provisioning", "independent")
    search_fields = ("vm__name", "=vm__moref", "datastore__name")


@admin.register(VirtualNic)
class VirtualNicAdmin(ReadOnlyAdmin):
    list_display = ("label", linked("vm"), linked("network"), "mac", "adapter", "connected")
    list_select_related = ("vm", "network")
    list_filter = ("vm__vcenter", "adapter", "connected")
    search_fields = ("vm__name", "=vm__moref", "mac", "network__name")


def _revert(user: Any, snapshot: Snapshot) -> Any:
    return snapshots.revert(user, snapshot.vm, snapshot)


def _remove(user: Any, snapshot: Snapshot) -> Any:
    return snapshots.remove(user, snapshot.vm, snapshot)


@admin.register(Snapshot)
class SnapshotAdmin(ReadOnlyAdmin):
    list_display = ("name", linked("vm"), linked("parent"), "power_state", "with_memory", "size_bytes", "ready")
    list_select_related = ("vm", "parent")
    list_filter = ("vm__vcenter", "with_memory", "ready")
    search_fields = ("name", "=moref", "vm__name", "=vm__moref")
    actions = (calls(_("Revert"), _revert, name="revert"), calls(_("Delete"), _remove, name="remove"))
