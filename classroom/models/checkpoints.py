"""Checkpoints of labs: the row that names the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Checkpoint(models.Model):
    """A moment of a lab to which it can be taken back. `path` is below DATA_DIR/checkpoints, `size` in bytes."""

    vcenter = models.ForeignKey("inventory.VCenter", on_delete=models.CASCADE, related_name="checkpoints")
    name = models.CharField(_("name"), max_length=80)
    lab_s = models.FloatField(_("lab time"))
    lab_time = models.DateTimeField(_("lab time"))
    path = models.CharField(max_length=120, editable=False)
    size = models.BigIntegerField(_("size"))
    sha256 = models.CharField(max_length=64, editable=False)
    hosts = models.PositiveIntegerField(_("hosts"), default=0)
    vms = models.PositiveIntegerField(_("virtual machines"), default=0)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("by"),
    )
    by_name = models.CharField(max_length=150, blank=True, default="")
    created = models.DateTimeField(_("created"), auto_now_add=True)

    task: Any = None  # of the one that has just been taken

    class Meta:
        verbose_name = _("checkpoint")
        verbose_name_plural = _("checkpoints")
        ordering = ("lab_s", "id")
        constraints = (models.UniqueConstraint(fields=("vcenter", "name"), name="checkpoint_name"),)

    def __str__(self) -> str:
        return self.name

    @property
    def file(self) -> Path:
        return folder() / self.path


def folder() -> Path:
    return Path(settings.DATA_DIR) / "checkpoints"
