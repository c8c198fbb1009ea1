"""Recorded days that were replayed through policies: what was asked, and the figures of each policy."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from inventory.models import Cluster, Task


class Replay(models.Model):
    """One recorded day and the policies it is tried on, side by side.

    `trace` is the day itself (a small .npz), kept only while the replay runs; `results` the figures and curves of the
    policies that are through, as compressed JSON. `running_until` (wall time) is the lease of the worker.
    """

    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="replays")
    task = models.OneToOneField(Task, null=True, on_delete=models.SET_NULL, related_name="replay")
    created_at = models.DateTimeField(auto_now_add=True)
    created_lab_s = models.FloatField()
    created_by = models.CharField(max_length=150, blank=True, default="")
    origin = models.CharField(max_length=8)  # recorded upload
    source = models.CharField(max_length=120)
    site = models.CharField(max_length=10)  # cluster published
    semantics = models.CharField(max_length=10)
    policies = models.JSONField(default=list)
    vms = models.PositiveIntegerField()
    hosts = models.PositiveIntegerField()
    samples = models.PositiveIntegerField()
    step_s = models.FloatField()
    machines = models.JSONField(default=list)  # models of the cluster's own hosts
    trace = models.BinaryField(default=bytes)
    results = models.BinaryField(default=bytes)
    bound_kwh = models.FloatField(null=True, blank=True)
    done = models.BooleanField(default=False)
    fault = models.JSONField(null=True, blank=True)
    running_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("replay")
        ordering = ("-id",)
        indexes = (models.Index(fields=("cluster", "-id")),)

    def __str__(self) -> str:
        return f"{self.cluster} {self.source}"
