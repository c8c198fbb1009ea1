"""What vSphere HA still has to restart or reset, and which hosts it lost sight of."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from domain.states import ReadyCondition
from inventory.models import Cluster, Host, Task


class HaRestart(models.Model):
    """A protected VM that its host's failure stopped. `due_lab_s` is when it is tried next.

    `stop_by_lab_s`: when the isolation response loses its patience with a guest that shuts down, and powers it off.
    """

    STOPPING = "stopping"  # the isolation response stops it first
    WAITING, STARTING, RESTARTED, FAILED, GONE = "waiting", "starting", "restarted", "failed", "gone"

    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="ha_restarts")
    vm = models.CharField(max_length=24)
    vm_name = models.CharField(max_length=80)
    host = models.CharField(max_length=24)
    host_name = models.CharField(max_length=80)
    failed_lab_s = models.FloatField()
    declared_lab_s = models.FloatField()
    due_lab_s = models.FloatField()
    attempts = models.PositiveSmallIntegerField(default=0)
    priority = models.PositiveSmallIntegerField(default=3)
    state = models.CharField(max_length=10, default=WAITING)
    destination_name = models.CharField(max_length=80, blank=True, default="")
    ended_lab_s = models.FloatField(null=True, blank=True)
    stop_by_lab_s = models.FloatField(null=True, blank=True)
    fault = models.JSONField(null=True, blank=True)
    # When those of a lower priority may follow (`scheduler.readiness`).
    ready_condition = models.CharField(max_length=20, default=ReadyCondition.NONE)
    ready_delay_s = models.PositiveIntegerField(default=0)
    started_lab_s = models.FloatField(null=True, blank=True)
    ready_lab_s = models.FloatField(null=True, blank=True)
    task = models.ForeignKey(Task, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        verbose_name = _("HA restart")
        ordering = ("-id",)
        indexes = (models.Index(fields=("cluster", "state")),)

    def __str__(self) -> str:
        return f"{self.vm_name}: {self.state}"


class HaIsolation(models.Model):
    """A host of a cluster with HA that no packet reaches although it lives. `due_lab_s`: when that is declared.

    Then the agent of an isolated host responds; one in a `partition` is not alone, and lets everything run.
    """

    host = models.ForeignKey(Host, on_delete=models.CASCADE, related_name="ha_isolations")
    since_lab_s = models.FloatField()
    due_lab_s = models.FloatField()
    responded = models.BooleanField(default=False)
    partition = models.BooleanField(default=False)
    ended_lab_s = models.FloatField(null=True, blank=True)

    class Meta:
        verbose_name = _("HA isolation")
        ordering = ("-id",)
        indexes = (models.Index(fields=("host", "ended_lab_s")),)

    def __str__(self) -> str:
        return f"{self.host} {self.since_lab_s:.0f} s"


class HaReset(models.Model):
    """A guest that has stopped beating while VM monitoring looks after it. `due_lab_s` is when that is judged next.

    `reset_lab_s`: when HA reset the machine, None where it has not. `fault`: why it has not been reset so far.
    """

    WAITING, RESETTING, RESET, FAILED, GONE = "waiting", "resetting", "reset", "failed", "gone"

    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="ha_resets")
    vm = models.CharField(max_length=24)
    vm_name = models.CharField(max_length=80)
    host_name = models.CharField(max_length=80)
    failed_lab_s = models.FloatField()
    due_lab_s = models.FloatField()
    reset_lab_s = models.FloatField(null=True, blank=True)
    ended_lab_s = models.FloatField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    state = models.CharField(max_length=10, default=WAITING)
    fault = models.JSONField(null=True, blank=True)
    task = models.ForeignKey(Task, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        verbose_name = _("HA reset")
        ordering = ("-id",)
        constraints = (models.UniqueConstraint(fields=("cluster", "vm", "failed_lab_s"), name="ha_reset_once"),)
        indexes = (models.Index(fields=("cluster", "state")),)

    def __str__(self) -> str:
        return f"{self.vm_name}: {self.state}"
