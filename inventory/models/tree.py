"""The containers: folders, datacenters, clusters, resource pools."""

from __future__ import annotations

import uuid as uuids

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from domain.morefs import ROOT_FOLDER, FolderKind, Kind
from domain.privileges import ASSIGN_VM, into
from domain.states import DrsBehavior
from inventory.models.base import Allocated, ManagedObject, choices


class Folder(ManagedObject):
    """A folder of one kind. A datacenter's four fixed folders have `fixed=True` and cannot be renamed or deleted."""

    KIND = Kind.FOLDER

    folder_kind = models.CharField(max_length=12, choices=choices(FolderKind))
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="children")
    datacenter = models.ForeignKey(
        "inventory.Datacenter", null=True, blank=True, on_delete=models.PROTECT, related_name="folders"
    )
    fixed = models.BooleanField(default=False)

    class Meta(ManagedObject.Meta):
        verbose_name = _("folder")
        constraints = (
            models.UniqueConstraint(fields=("vcenter", "moref"), name="folder_moref"),
            models.UniqueConstraint(fields=("parent", "name"), condition=Q(fixed=False), name="folder_name"),
            models.UniqueConstraint(fields=("datacenter", "folder_kind"), condition=Q(fixed=True), name="folder_fixed"),
        )

    @property
    def shown_name(self) -> str:
        """The root folder stands for its vCenter, which is what people see."""
        return self.vcenter.name if self.moref == ROOT_FOLDER else self.name


class Datacenter(ManagedObject):
    KIND = Kind.DATACENTER

    folder = models.ForeignKey(Folder, on_delete=models.PROTECT, related_name="datacenters")

    class Meta(ManagedObject.Meta):
        verbose_name = _("datacenter")
        constraints = (
            models.UniqueConstraint(fields=("vcenter", "moref"), name="datacenter_moref"),
            models.UniqueConstraint(fields=("folder", "name"), name="datacenter_name"),
        )


class Cluster(ManagedObject):
    """A cluster, or (`standalone`) the compute resource of exactly one host, which the tree shows as the host."""

    folder = models.ForeignKey(Folder, on_delete=models.PROTECT, related_name="clusters")
    datacenter = models.ForeignKey(Datacenter, on_delete=models.PROTECT, related_name="clusters")
    standalone = models.BooleanField(default=False)
    slot = models.PositiveIntegerField(editable=False)
    evc_mode = models.CharField(_("EVC mode"), max_length=24, blank=True, default="")

    drs_enabled = models.BooleanField(_("vSphere DRS"), default=False)
    drs_automation = models.CharField(
        _("automation level"), max_length=20, choices=choices(DrsBehavior), default=DrsBehavior.FULL
    )
    drs_threshold = models.PositiveSmallIntegerField(_("migration threshold"), default=3)
    drs_vm_overrides = models.BooleanField(_("virtual machine automation"), default=True)
    drs_options = models.JSONField(_("advanced options"), default=dict, blank=True)
    scalable_shares = models.BooleanField(_("scalable shares"), default=False)
    dpm_enabled = models.BooleanField("DPM", default=False)
    dpm_automation = models.CharField(_("DPM automation level"), max_length=20, default="manual")
    dpm_threshold = models.PositiveSmallIntegerField(_("DPM threshold"), default=3)
    ha_enabled = models.BooleanField("vSphere HA", default=False)
    ha_options = models.JSONField(default=dict, blank=True)

    # What was done to its machines since it was made, whoever asked: the counters of the group "vmop".
    power_ons = models.PositiveBigIntegerField(default=0, editable=False)
    power_offs = models.PositiveBigIntegerField(default=0, editable=False)
    vmotions = models.PositiveBigIntegerField(default=0, editable=False)
    storage_vmotions = models.PositiveBigIntegerField(default=0, editable=False)

    class Meta(ManagedObject.Meta):
        verbose_name = _("cluster")
        constraints = (
            models.UniqueConstraint(fields=("vcenter", "moref"), name="cluster_moref"),
            models.UniqueConstraint(fields=("folder", "name"), name="cluster_name"),
        )

    @property
    def kind(self) -> Kind:
        return Kind.COMPUTE if self.standalone else Kind.CLUSTER

    @property
    def ha_on(self) -> bool:
        """vSphere HA works here: a single host has nowhere to restart anything."""
        return self.ha_enabled and not self.standalone


class ResourcePool(ManagedObject, Allocated):
    """A pool of a cluster; the root pool ("Resources", `parent` null) is not edited or deleted.

    With `is_vapp` it is a vApp: a pool that can be started and stopped as a whole. `vapp_options` is then
    `{"entities": {moref: settings of domain.vapps.Entity}, "product": {name, vendor, version, …, notes}}`; `folder` is
    its place among VMs and templates (null: the datacenter), unless its parent is a vApp, whose place it shares.
    """

    KIND = Kind.POOL

    uuid = models.UUIDField(default=uuids.uuid4, editable=False)
    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="pools")
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="children")
    slot = models.PositiveIntegerField(editable=False)
    cpu_expandable = models.BooleanField(_("CPU reservation expandable"), default=True)
    memory_expandable = models.BooleanField(_("memory reservation expandable"), default=True)
    scalable_shares = models.BooleanField(_("scalable shares"), default=False)
    is_vapp = models.BooleanField(default=False)
    vapp_options = models.JSONField(default=dict, blank=True)
    folder = models.ForeignKey(Folder, null=True, blank=True, on_delete=models.SET_NULL, related_name="vapps")

    class Meta(ManagedObject.Meta):
        verbose_name = _("resource pool")
        constraints = (
            models.UniqueConstraint(fields=("vcenter", "moref"), name="pool_moref"),
            models.UniqueConstraint(fields=("parent", "name"), name="pool_name"),
            models.UniqueConstraint(fields=("cluster",), condition=Q(parent__isnull=True), name="pool_one_root"),
        )

    @property
    def is_root(self) -> bool:
        return self.parent_id is None

    @property
    def kind(self) -> Kind:
        return Kind.VAPP if self.is_vapp else Kind.POOL

    @property
    def assigning(self) -> str:
        """The privilege that it takes to put a virtual machine into it."""
        return into(ASSIGN_VM, vapp=self.is_vapp)
