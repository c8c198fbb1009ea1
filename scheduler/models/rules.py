"""Groups, rules and what a cluster's scheduler remembers between cycles."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from inventory.models import Cluster


class DrsGroup(models.Model):
    """A VM group or a host group of a cluster; `members` are references."""

    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="drs_groups")
    name = models.CharField(_("name"), max_length=80)
    kind = models.CharField(max_length=4, choices=[("vm", "vm"), ("host", "host")])
    members = models.JSONField(default=list)

    class Meta:
        verbose_name = _("VM/Host group")
        ordering = ("name",)
        constraints = (models.UniqueConstraint(fields=("cluster", "name"), name="drs_group_name"),)

    def __str__(self) -> str:
        return self.name


class DrsRule(models.Model):
    """A rule of a cluster: keep together, separate, VMs to hosts, or start order. The older of two wins a conflict."""

    KINDS = (
        ("affinity", _("Keep Virtual Machines Together")),
        ("anti_affinity", _("Separate Virtual Machines")),
        ("vm_host", _("Virtual Machines to Hosts")),
        ("dependency", _("Virtual Machines to Virtual Machines")),
    )

    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="drs_rules")
    name = models.CharField(_("name"), max_length=80)
    kind = models.CharField(_("type"), max_length=14, choices=KINDS)
    enabled = models.BooleanField(_("enabled"), default=True)
    members = models.JSONField(default=list, blank=True)  # references of VMs, for the VM-VM kinds
    vm_group = models.ForeignKey(DrsGroup, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    host_group = models.ForeignKey(DrsGroup, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    other_vm_group = models.ForeignKey(DrsGroup, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    affine = models.BooleanField(default=True)  # run on these hosts; False: keep off them
    mandatory = models.BooleanField(default=False)  # must; False: should
    created_by = models.CharField(max_length=150, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    change_version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        verbose_name = _("VM/Host rule")
        ordering = ("id",)
        constraints = (models.UniqueConstraint(fields=("cluster", "name"), name="drs_rule_name"),)

    def __str__(self) -> str:
        return self.name


class ClusterSchedule(models.Model):
    """When a cluster's cycle ran last and whether one runs now (`running_until`, wall time, is its lease)."""

    cluster = models.OneToOneField(Cluster, on_delete=models.CASCADE, related_name="schedule")
    last_cycle_lab_s = models.FloatField(default=-1e9)
    requested = models.CharField(max_length=40, blank=True, default="")  # why a cycle is wanted before its time
    running_until = models.DateTimeField(null=True, blank=True)
    energy_j = models.FloatField(default=0.0)  # drawn since the start
    twin_energy_j = models.FloatField(default=0.0)  # what the same work would have drawn with every host on
    host_off_s = models.FloatField(default=0.0)
    metered_lab_s = models.FloatField(null=True, blank=True)
    migrations = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("cluster schedule")

    def __str__(self) -> str:
        return str(self.cluster)
