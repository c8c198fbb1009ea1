"""Datastores and networks."""

from __future__ import annotations

import uuid as uuids

from django.db import models
from django.utils.translation import gettext_lazy as _

from domain.morefs import Kind
from domain.states import DatastoreKind
from inventory.models.base import ManagedObject, choices
from inventory.models.tree import Datacenter, Folder


class Datastore(ManagedObject):
    """Capacity is fixed; `used_bytes` is what files take; `provisioned_bytes` what disks may grow to."""

    KIND = Kind.DATASTORE

    uuid = models.UUIDField(default=uuids.uuid4, editable=False)
    folder = models.ForeignKey(Folder, on_delete=models.PROTECT, related_name="datastores")
    datacenter = models.ForeignKey(Datacenter, on_delete=models.PROTECT, related_name="datastores")
    slot = models.PositiveIntegerField(editable=False)
    store_kind = models.CharField(_("type"), max_length=8, choices=choices(DatastoreKind), default=DatastoreKind.VMFS)
    capacity_bytes = models.BigIntegerField(_("capacity"), default=4 * 1024**4)
    used_bytes = models.BigIntegerField(_("used"), default=0, editable=False)
    provisioned_bytes = models.BigIntegerField(_("provisioned"), default=0, editable=False)
    local = models.BooleanField(_("local to one host"), default=False)
    ssd = models.BooleanField("SSD", default=True)
    iops_max = models.PositiveIntegerField(default=50_000)
    bandwidth_mbps = models.PositiveIntegerField(default=16_000)
    accessible = models.BooleanField(default=True, editable=False)
    slow = models.BooleanField(default=False, editable=False)
    maintenance_mode = models.CharField(max_length=24, default="normal")
    hosts = models.ManyToManyField("inventory.Host", through="inventory.DatastoreMount", related_name="datastores")

    class Meta(ManagedObject.Meta):
        verbose_name = _("datastore")
        constraints = (
            models.UniqueConstraint(fields=("vcenter", "moref"), name="datastore_moref"),
            models.UniqueConstraint(fields=("vcenter", "uuid"), name="datastore_uuid"),
            models.UniqueConstraint(fields=("datacenter", "name"), name="datastore_name"),
        )

    @property
    def free_bytes(self) -> int:
        return max(0, self.capacity_bytes - self.used_bytes)

    @property
    def uncommitted_bytes(self) -> int:
        """What thin disks may still claim."""
        return max(0, self.provisioned_bytes - self.used_bytes)


class Network(ManagedObject):
    """Standard port groups of one name on several hosts are one network."""

    KIND = Kind.NETWORK

    uuid = models.UUIDField(default=uuids.uuid4, editable=False)
    folder = models.ForeignKey(Folder, on_delete=models.PROTECT, related_name="networks")
    datacenter = models.ForeignKey(Datacenter, on_delete=models.PROTECT, related_name="networks")
    vlan = models.PositiveSmallIntegerField("VLAN", default=0)
    hosts = models.ManyToManyField("inventory.Host", through="inventory.HostNetwork", related_name="networks")

    class Meta(ManagedObject.Meta):
        verbose_name = _("network")
        constraints = (
            models.UniqueConstraint(fields=("vcenter", "moref"), name="network_moref"),
            models.UniqueConstraint(fields=("vcenter", "uuid"), name="network_uuid"),
            models.UniqueConstraint(fields=("datacenter", "name"), name="network_name"),
        )
