"""What is done by the clock on the wall: scheduled tasks of objects."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class ScheduledTask(models.Model):
    """`verb` (of `inventory.scheduling`) with `args` for one object, at the times of `timing`, in the owner's name.

    `timing` is `{"kind": "once" | "hourly" | "daily" | "weekly" | "monthly", "at": …}` as in `scheduling.timing`; its
    times are wall-clock times in `timezone`, whatever the lab clock does. `last_run_id` names the delivery that ran
    last, so that one delivered twice runs once. Celery's beat knows it by its number (`scheduling.timing.entry_of`).
    """

    vcenter = models.ForeignKey("inventory.VCenter", on_delete=models.CASCADE, related_name="scheduled_tasks")
    entity = models.CharField(max_length=24)
    entity_kind = models.CharField(max_length=32)
    entity_name = models.CharField(max_length=80)
    name = models.CharField(_("name"), max_length=80)
    description = models.CharField(_("description"), max_length=255, blank=True, default="")
    verb = models.CharField(max_length=40)
    args = models.JSONField(default=dict, blank=True)
    timing = models.JSONField(default=dict)
    timezone = models.CharField(max_length=40, default="UTC")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="scheduled_tasks")
    enabled = models.BooleanField(_("enabled"), default=True)
    change_version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    last_run_at = models.DateTimeField(null=True, editable=False)
    last_run_id = models.CharField(max_length=64, blank=True, default="", editable=False)
    last_task = models.ForeignKey(
        "inventory.Task", null=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )
    last_result = models.JSONField(default=dict, editable=False)  # {"started": n, "refused": m}
    last_fault = models.JSONField(null=True, editable=False)

    class Meta:
        verbose_name = _("scheduled task")
        verbose_name_plural = _("scheduled tasks")
        ordering = ("name", "id")
        constraints = (models.UniqueConstraint(fields=("vcenter", "name"), name="scheduled_task_name"),)
        indexes = (models.Index(fields=("vcenter", "entity")),)

    def __str__(self) -> str:
        return self.name
