"""Alarm definitions and the alarms they have triggered."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from domain.states import Status
from inventory.models.base import choices


class AlarmDefinition(models.Model):
    """Defined on an entity, watches all descendants of type `target_kind`. `rules` as in `domain.alarms`."""

    vcenter = models.ForeignKey("inventory.VCenter", on_delete=models.CASCADE, related_name="alarm_definitions")
    moref = models.CharField(max_length=24)
    name = models.CharField(_("name"), max_length=80)
    system_name = models.CharField(max_length=80, blank=True, default="", editable=False)
    description = models.CharField(_("description"), max_length=255, blank=True, default="")
    entity = models.CharField(max_length=24)
    target_kind = models.CharField(max_length=32)
    enabled = models.BooleanField(default=True)
    rules = models.JSONField(default=list)
    actions = models.JSONField(default=list, blank=True)
    change_version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        verbose_name = _("alarm definition")
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(fields=("vcenter", "moref"), name="alarm_moref"),
            models.UniqueConstraint(fields=("vcenter", "name"), name="alarm_name"),
        )

    def __str__(self) -> str:
        return self.name


class TriggeredAlarm(models.Model):
    """An alarm that is not green on an entity now."""

    definition = models.ForeignKey(AlarmDefinition, on_delete=models.CASCADE, related_name="triggered")
    vcenter = models.ForeignKey("inventory.VCenter", on_delete=models.CASCADE, related_name="triggered_alarms")
    entity = models.CharField(max_length=24)
    entity_kind = models.CharField(max_length=32)
    entity_name = models.CharField(max_length=80)
    status = models.CharField(max_length=8, choices=choices(Status))
    triggered_lab_s = models.FloatField()
    acknowledged = models.BooleanField(default=False)
    acknowledged_by = models.CharField(max_length=150, blank=True, default="")
    acknowledged_lab_s = models.FloatField(null=True, blank=True)

    class Meta:
        verbose_name = _("triggered alarm")
        ordering = ("-triggered_lab_s",)
        constraints = (models.UniqueConstraint(fields=("definition", "entity"), name="alarm_once"),)
        indexes = (models.Index(fields=("vcenter", "entity")),)

    def __str__(self) -> str:
        return f"{self.definition}: {self.entity_name}"
