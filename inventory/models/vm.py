"""Virtual machines, their devices and snapshots."""

from __future__ import annotations

import uuid as uuids
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from domain.morefs import Kind
from domain.states import BusSharing, DiskProvisioning, Passthrough, ToolsStatus, VmConnection, VmPower
from inventory.models.base import Allocated, ManagedObject, choices
from inventory.models.host import Host
from inventory.models.storage import Datastore, Network
from inventory.models.tree import Folder, ResourcePool


class LiveVms(models.Manager["VirtualMachine"]):
    """VMs that are in the inventory: not in the recycle bin."""

    def get_queryset(self) -> models.QuerySet[VirtualMachine]:
        return super().get_queryset().filter(deleted_at__isnull=True)


class VirtualMachine(ManagedObject, Allocated):
    """A VM sits in three trees: a folder, a resource pool, a host. A template (`template`) has no pool.

    `provisioning` is true from the request to create it until its files exist. `deleted_at` set = out of the inventory:
    in the recycle bin, where its files wait until `purge_at`, or (`purge_at` null) removed from the inventory with its
    files kept for good. Either way it holds its slot until its files are gone.
    """

    KIND = Kind.VM

    uuid = models.UUIDField(default=uuids.uuid4, editable=False)
    folder = models.ForeignKey(Folder, on_delete=models.PROTECT, related_name="vms")
    pool = models.ForeignKey(ResourcePool, null=True, blank=True, on_delete=models.PROTECT, related_name="vms")
    host = models.ForeignKey(Host, on_delete=models.PROTECT, related_name="vms")
    slot = models.PositiveIntegerField(editable=False)

    power_state = models.CharField(_("power"), max_length=12, choices=choices(VmPower), default=VmPower.OFF)
    connection_state = models.CharField(max_length=14, choices=choices(VmConnection), default=VmConnection.CONNECTED)
    tools_status = models.CharField(max_length=20, choices=choices(ToolsStatus), default=ToolsStatus.NOT_RUNNING)
    ip_address = models.CharField(_("IP address"), max_length=45, blank=True, default="")
    boot_lab_s = models.FloatField(default=0.0, editable=False)
    provisioning = models.BooleanField(default=False, editable=False)
    template = models.BooleanField(_("template"), default=False)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)
    purge_at = models.DateTimeField(null=True, blank=True, editable=False)

    vcpus = models.PositiveIntegerField(_("CPUs"), default=1)
    cores_per_socket = models.PositiveIntegerField(_("cores per socket"), default=1)
    memory_mib = models.PositiveIntegerField(_("memory (MB)"), default=1024)
    boot_memory_mib = models.PositiveIntegerField(default=0, editable=False)
    cpu_hot_add = models.BooleanField(_("CPU hot add"), default=False)
    cpu_hot_remove = models.BooleanField(_("CPU hot remove"), default=False)
    memory_hot_add = models.BooleanField(_("memory hot add"), default=False)
    guest_id = models.CharField(_("guest OS"), max_length=40, default="otherGuest64")
    hardware_version = models.PositiveSmallIntegerField(_("hardware version"), default=20)
    firmware = models.CharField(_("firmware"), max_length=8, default="efi")
    boot_delay_ms = models.PositiveIntegerField(_("boot delay (ms)"), default=0)
    enter_bios_setup = models.BooleanField(_("enter firmware setup at next boot"), default=False)
    notes = models.TextField(_("notes"), blank=True, default="")
    tools_installed = models.BooleanField(_("guest tools installed"), default=True)
    cd_datastore = models.ForeignKey(Datastore, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    cd_path = models.CharField(_("CD image"), max_length=255, blank=True, default="")
    cd_connected = models.BooleanField(default=False)
    archetype = models.CharField(_("workload"), max_length=8, default="web")
    trace = models.CharField(_("trace"), max_length=120, blank=True, default="")
    trace_scale = models.FloatField(default=1.0)
    trace_offset_s = models.FloatField(default=0.0)
    features_mask = models.BigIntegerField(default=0, editable=False)  # CPU features captured at power-on
    swap_bytes = models.BigIntegerField(default=0, editable=False)
    current_snapshot = models.ForeignKey(
        "inventory.Snapshot", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    consolidation_needed = models.BooleanField(default=False)
    cpu_affinity = models.CharField(_("scheduling affinity"), max_length=120, blank=True, default="")
    passthrough = models.CharField(
        _("passthrough device"), max_length=4, choices=choices(Passthrough), blank=True, default=Passthrough.NONE
    )
    bus_sharing = models.CharField(
        _("SCSI bus sharing"), max_length=16, choices=choices(BusSharing), default=BusSharing.NONE
    )
    drs_override = models.CharField(max_length=20, blank=True, default="")  # DrsBehavior, "" = the cluster's
    ha_restart_priority = models.CharField(max_length=10, blank=True, default="")
    ha_ready_condition = models.CharField(max_length=20, blank=True, default="")  # ReadyCondition, "" = the cluster's
    ha_ready_delay_s = models.IntegerField(default=-1)  # -1 = the cluster's
    ha_isolation_response = models.CharField(max_length=10, blank=True, default="")  # IsolationResponse, "" as above
    # VM monitoring: "" and -1 = the cluster's; a reset window of 0 has no end.
    ha_vm_monitoring = models.CharField(max_length=24, blank=True, default="")  # VmMonitoring
    ha_failure_interval_s = models.IntegerField(default=-1)
    ha_min_uptime_s = models.IntegerField(default=-1)
    ha_max_resets = models.IntegerField(default=-1)
    ha_reset_window_s = models.IntegerField(default=-1)

    objects = LiveVms()
    everything = models.Manager()

    class Meta(ManagedObject.Meta):
        verbose_name = _("virtual machine")
        base_manager_name = "everything"
        constraints = (
            models.UniqueConstraint(fields=("vcenter", "moref"), name="vm_moref"),
            models.UniqueConstraint(fields=("vcenter", "uuid"), name="vm_uuid"),
            models.UniqueConstraint(
                fields=("folder", "name"), condition=Q(deleted_at__isnull=True), name="vm_name_in_folder"
            ),
            models.UniqueConstraint(fields=("vcenter", "slot"), name="vm_slot"),
        )
        indexes = (
            models.Index(fields=("vcenter", "name")),
            models.Index(fields=("host", "power_state")),
            # The tree asks for the few that are not green.
            models.Index(fields=("vcenter", "overall_status"), name="vm_by_status"),
            # Counts and lists of a host or cluster never look at the rows themselves.
            models.Index(fields=("host", "vcenter"), condition=Q(deleted_at__isnull=True), name="vm_listed_by_host"),
            models.Index(
                fields=("vcenter", "deleted_at", "template", "power_state", "host", "slot"), name="vm_counted"
            ),
        )

    @property
    def powered_on(self) -> bool:
        return self.power_state == VmPower.ON

    @property
    def ha_restarts(self) -> bool:
        """vSphere HA would start it elsewhere if its host failed while it runs."""
        return self.host.ha_covers and self.ha_restart_priority != "disabled"

    @property
    def ha_protected(self) -> bool:
        return self.powered_on and self.ha_restarts


class VirtualDisk(models.Model):
    vm = models.ForeignKey(VirtualMachine, on_delete=models.CASCADE, related_name="disks")
    key = models.PositiveIntegerField(default=2000)
    label = models.CharField(max_length=40, default="Hard disk 1")
    datastore = models.ForeignKey(Datastore, on_delete=models.PROTECT, related_name="disks")
    capacity_bytes = models.BigIntegerField(_("capacity"), default=16 * 1024**3)
    used_bytes = models.BigIntegerField(_("used"), default=0, editable=False)
    provisioning = models.CharField(max_length=20, choices=choices(DiskProvisioning), default=DiskProvisioning.THIN)
    independent = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("virtual disk")
        ordering = ("key",)
        constraints = (models.UniqueConstraint(fields=("vm", "key"), name="disk_key"),)
        # Sums over the disks of every VM are read from here alone: a grid sorts 40,000 of them.
        indexes = (models.Index(fields=("vm", "capacity_bytes", "used_bytes"), name="disk_space"),)

    def __str__(self) -> str:
        return self.label


class VirtualNic(models.Model):
    vm = models.ForeignKey(VirtualMachine, on_delete=models.CASCADE, related_name="nics")
    key = models.PositiveIntegerField(default=4000)
    label = models.CharField(max_length=40, default="Network adapter 1")
    network = models.ForeignKey(Network, null=True, blank=True, on_delete=models.SET_NULL, related_name="nics")
    adapter = models.CharField(max_length=12, default="vmxnet3")
    mac = models.CharField(_("MAC address"), max_length=17)
    connected = models.BooleanField(default=True)
    start_connected = models.BooleanField(default=True)

    class Meta:
        verbose_name = _("network adapter")
        ordering = ("key",)
        constraints = (models.UniqueConstraint(fields=("vm", "key"), name="nic_key"),)

    def __str__(self) -> str:
        return self.label


class Snapshot(models.Model):
    """A node of a VM's snapshot tree; `config` is what `services` need to go back: hardware and power state then."""

    KIND = Kind.SNAPSHOT

    vm = models.ForeignKey(VirtualMachine, on_delete=models.CASCADE, related_name="snapshots")
    moref = models.CharField(max_length=24)
    name = models.CharField(_("name"), max_length=80)
    description = models.TextField(_("description"), blank=True, default="")
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="children")
    created_lab_s = models.FloatField(default=0.0)
    power_state = models.CharField(max_length=12, default=VmPower.OFF)
    with_memory = models.BooleanField(default=False)
    quiesced = models.BooleanField(default=False)
    size_bytes = models.BigIntegerField(default=0)
    config: Any = models.JSONField(default=dict)
    ready = models.BooleanField(default=False)  # false until the driver has taken it

    class Meta:
        verbose_name = _("snapshot")
        ordering = ("created_lab_s", "id")
        constraints = (models.UniqueConstraint(fields=("vm", "moref"), name="snapshot_moref"),)

    def __str__(self) -> str:
        return self.name

    @property
    def memory_bytes(self) -> int:
        """The memory image, which never grows; the rest of `size_bytes` is the delta disk."""
        return min(int(self.config.get("memory_bytes", 0)), self.size_bytes)

    @property
    def delta_bytes(self) -> int:
        """What has been written since the snapshot."""
        return self.size_bytes - self.memory_bytes
