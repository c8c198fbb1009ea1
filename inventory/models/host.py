"""Hosts and what they mount."""

from __future__ import annotations

import uuid as uuids

from django.db import models
from django.utils.translation import gettext_lazy as _

from domain import hardware, licensing
from domain.morefs import Kind
from domain.states import HostConnection, HostKind, HostPower, IpFamily, StandbyMode
from inventory.models.base import ManagedObject, choices
from inventory.models.tree import Cluster


class Host(ManagedObject):
    """A hypervisor host: four independent state fields (connection, power, standby mode, maintenance)."""

    KIND = Kind.HOST

    uuid = models.UUIDField(default=uuids.uuid4, editable=False)
    cluster = models.ForeignKey(Cluster, on_delete=models.PROTECT, related_name="hosts")
    slot = models.PositiveIntegerField(editable=False)

    connection_state = models.CharField(
        _("connection"), max_length=16, choices=choices(HostConnection), default=HostConnection.CONNECTED
    )
    power_state = models.CharField(_("power"), max_length=12, choices=choices(HostPower), default=HostPower.ON)
    standby_mode = models.CharField(max_length=10, choices=choices(StandbyMode), default=StandbyMode.NONE)
    in_maintenance = models.BooleanField(_("maintenance mode"), default=False)
    entering_maintenance = models.BooleanField(default=False, editable=False)

    host_kind = models.CharField(
        _("hypervisor type"), max_length=10, choices=choices(HostKind), default=HostKind.BARE_METAL
    )
    model = models.CharField(_("model"), max_length=40, default="lab-1u")
    vendor = models.CharField(_("vendor"), max_length=40, default="Lab")
    cpu_model = models.CharField(_("processor type"), max_length=80, default="")
    cpu_generation = models.CharField(_("CPU generation"), max_length=24, default="intel-cascadelake")
    hypervisor_version = models.CharField(max_length=40, default="8.0.3")
    sockets = models.PositiveSmallIntegerField(default=1)
    cores = models.PositiveSmallIntegerField(default=16)
    threads = models.PositiveSmallIntegerField(_("logical processors"), default=32)
    core_mhz = models.PositiveIntegerField(default=2600)
    memory_mib = models.PositiveIntegerField(default=131_072)
    nic_mbps = models.JSONField(default=list)
    vmotion_enabled = models.BooleanField(default=True)
    vmotion_ip_family = models.CharField(
        _("IP family of vMotion"), max_length=4, choices=[(one.value, one.label) for one in IpFamily],
        default=IpFamily.IPV4,
    )  # fmt: skip
    license = models.ForeignKey(  # none: evaluation mode
        "inventory.License", null=True, blank=True, on_delete=models.PROTECT, related_name="hosts",
        verbose_name=_("license"),
    )  # fmt: skip
    boot_median_s = models.FloatField(default=300.0)
    boot_lab_s = models.FloatField(default=0.0)
    nics_down = models.JSONField(default=list, blank=True)

    # Power management (DPM): how the host is woken, and what became of the last attempt.
    dpm_behavior = models.CharField(max_length=12, default="default")  # default disabled manual automated
    bmc_address = models.CharField(_("BMC address"), max_length=64, blank=True, default="")
    bmc_user = models.CharField(_("BMC user"), max_length=64, blank=True, default="")
    bmc_mac = models.CharField(_("BMC MAC address"), max_length=17, blank=True, default="")
    wake_on_lan = models.BooleanField(default=True)
    last_exit_standby_lab_s = models.FloatField(null=True, blank=True)
    last_exit_standby_ok = models.BooleanField(null=True, blank=True)
    wake_estimate_s = models.FloatField(default=300.0)
    ha_state = models.CharField(max_length=40, blank=True, default="")
    autostart = models.JSONField(_("VM startup/shutdown"), default=dict, blank=True)  # see domain.autostart

    class Meta(ManagedObject.Meta):
        verbose_name = _("host")
        constraints = (
            models.UniqueConstraint(fields=("vcenter", "moref"), name="host_moref"),
            models.UniqueConstraint(fields=("vcenter", "uuid"), name="host_uuid"),
            models.UniqueConstraint(fields=("vcenter", "name"), name="host_name"),
        )
        indexes = (models.Index(fields=("vcenter", "name")),)

    @property
    def capacity_mhz(self) -> int:
        """CPU of the hardware; hyper-threads do not count."""
        return self.cores * self.core_mhz

    @property
    def hosted(self) -> bool:
        return self.host_kind == HostKind.HOSTED

    @property
    def ha_covers(self) -> bool:
        """vSphere HA looks after what runs here: on a bare-metal host of a cluster with HA."""
        return self.cluster.ha_on and not self.hosted

    @property
    def highest_hardware_version(self) -> int:
        """The newest virtual hardware that runs here; hosted hypervisors number their releases their own way."""
        return hardware.highest_hardware_version("" if self.hosted else self.hypervisor_version)

    @property
    def vmotion_nic(self) -> int:
        """Number of the adapter that vMotion uses: the second, or the only one; -1 where there is none."""
        return min(1, len(self.nic_mbps or ()) - 1)

    @property
    def at_rest(self) -> bool:
        """Off, in standby or maintenance mode, or on the way there: it runs nothing on purpose."""
        up = self.power_state == HostPower.ON and self.standby_mode == StandbyMode.NONE
        return not up or self.in_maintenance or self.entering_maintenance

    @property
    def edition(self) -> str:
        """Of its license (`domain.licensing.Edition`), "" in evaluation mode."""
        return self.license.edition if self.license is not None else licensing.EVALUATION

    @property
    def license_cores(self) -> int:
        """Cores that the host takes up of the license it has."""
        return licensing.cores_needed(self.sockets, self.cores)

    @property
    def usable(self) -> bool:
        """True where VMs may be started on it or moved to it."""
        return self.connection_state == HostConnection.CONNECTED and not self.at_rest


class DatastoreMount(models.Model):
    """A host mounts a datastore."""

    host = models.ForeignKey(Host, on_delete=models.CASCADE, related_name="mounts")
    datastore = models.ForeignKey("inventory.Datastore", on_delete=models.CASCADE, related_name="mounts")
    accessible = models.BooleanField(default=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("host", "datastore"), name="mount_once"),)

    def __str__(self) -> str:
        return f"{self.host_id}:{self.datastore_id}"


class HostNetwork(models.Model):
    """A host has a port group of this network."""

    host = models.ForeignKey(Host, on_delete=models.CASCADE, related_name="host_networks")
    network = models.ForeignKey("inventory.Network", on_delete=models.CASCADE, related_name="host_networks")

    class Meta:
        constraints = (models.UniqueConstraint(fields=("host", "network"), name="host_network_once"),)

    def __str__(self) -> str:
        return f"{self.host_id}:{self.network_id}"
