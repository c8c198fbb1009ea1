"""The decision recorder: what each cycle saw, what it proposed, and what came of it."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from inventory.models import Cluster, Task, VCenter


class Decision(models.Model):
    """One DRS/DPM cycle. `inputs` is the snapshot and options as compressed JSON, `plan` what the engine said."""

    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="decisions")
    lab_s = models.FloatField()
    created_at = models.DateTimeField(auto_now_add=True)
    trigger = models.CharField(max_length=40, default="cycle")
    seconds = models.FloatField(default=0.0)
    score = models.FloatField(default=100.0)
    score_after = models.FloatField(default=100.0)
    bound = models.FloatField(default=100.0)
    moves = models.PositiveIntegerField(default=0)
    power_actions = models.PositiveIntegerField(default=0)
    faults = models.PositiveIntegerField(default=0)
    findings = models.PositiveIntegerField(default=0)  # of the lint of rules and capacity
    buckets = models.JSONField(default=list)
    note = models.TextField(blank=True, default="")
    inputs = models.BinaryField(default=bytes)
    plan = models.BinaryField(default=bytes)

    class Meta:
        verbose_name = _("DRS decision")
        ordering = ("-id",)
        indexes = (models.Index(fields=("cluster", "-lab_s")),)

    def __str__(self) -> str:
        return f"{self.cluster} {self.lab_s:.0f} s"


class Recommendation(models.Model):
    """Something that waits for a person, or was carried out. `fields` fill the reason's sentence template."""

    PENDING, APPLIED, FAILED, GONE = "pending", "applied", "failed", "gone"
    STATES = tuple((s, s) for s in (PENDING, APPLIED, FAILED, GONE))

    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="recommendations")
    decision = models.ForeignKey(Decision, null=True, on_delete=models.SET_NULL, related_name="recommendations")
    key = models.CharField(max_length=40)  # of the plan: "m3"
    kind = models.CharField(max_length=8)  # migrate powerOn powerOff
    priority = models.PositiveSmallIntegerField()
    reason = models.CharField(max_length=40)
    text = models.TextField(default="")
    fields = models.JSONField(default=dict)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    vm = models.CharField(max_length=24, blank=True, default="")
    vm_name = models.CharField(max_length=80, blank=True, default="")
    source = models.CharField(max_length=24, blank=True, default="")
    source_name = models.CharField(max_length=80, blank=True, default="")
    destination = models.CharField(max_length=24, blank=True, default="")
    destination_name = models.CharField(max_length=80, blank=True, default="")
    prerequisites = models.JSONField(default=list)
    group = models.CharField(max_length=40, blank=True, default="")
    automatic = models.BooleanField(default=False)
    state = models.CharField(max_length=8, choices=STATES, default=PENDING)
    created_lab_s = models.FloatField()
    ended_lab_s = models.FloatField(null=True, blank=True)
    applied_by = models.CharField(max_length=150, blank=True, default="")  # also of one that was applied and waits
    task = models.ForeignKey(Task, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        verbose_name = _("recommendation")
        ordering = ("priority", "id")
        indexes = (models.Index(fields=("cluster", "state", "-id")),)

    def __str__(self) -> str:
        return f"{self.kind} {self.vm_name or self.source_name}"

    @property
    def about(self) -> str:
        """What is asked for; the next cycle says the same under another number."""
        return f"{self.kind}:{self.vm or self.source}:{self.destination}"


class DrsFault(models.Model):
    """Why something that DRS wanted for a VM was impossible; `hosts` maps each host to its fault."""

    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="drs_faults")
    decision = models.ForeignKey(Decision, null=True, on_delete=models.SET_NULL, related_name="+")
    lab_s = models.FloatField()
    vm = models.CharField(max_length=24)
    vm_name = models.CharField(max_length=80)
    problem = models.CharField(max_length=120)
    fault = models.JSONField()
    hosts = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("DRS fault")
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.vm_name}: {self.problem}"


class Migration(models.Model):
    """The history of one move: what was predicted, what was measured, round by round."""

    vcenter = models.ForeignKey(VCenter, on_delete=models.CASCADE, related_name="migrations")
    vm = models.CharField(max_length=24)
    vm_name = models.CharField(max_length=80)
    task = models.OneToOneField(Task, null=True, on_delete=models.SET_NULL, related_name="migration")
    kind = models.CharField(max_length=12)  # vmotion storage combined cold
    cause = models.CharField(max_length=40, default="user")
    source = models.CharField(max_length=24)
    source_name = models.CharField(max_length=80)
    destination = models.CharField(max_length=24)
    destination_name = models.CharField(max_length=80)
    started_lab_s = models.FloatField()
    ended_lab_s = models.FloatField(null=True, blank=True)
    ok = models.BooleanField(null=True, blank=True)
    predicted_downtime_s = models.FloatField(null=True, blank=True)
    downtime_s = models.FloatField(null=True, blank=True)
    sent_mib = models.FloatField(null=True, blank=True)
    rounds = models.JSONField(default=list, blank=True)
    fault = models.JSONField(null=True, blank=True)

    class Meta:
        verbose_name = _("migration")
        ordering = ("-id",)
        indexes = (
            models.Index(fields=("vcenter", "vm", "-id")),
            models.Index(fields=("vcenter", "-ended_lab_s")),
        )

    def __str__(self) -> str:
        return f"{self.vm_name}: {self.source_name} → {self.destination_name}"
