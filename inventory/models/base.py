"""What every managed object has: its vCenter, its reference, its name."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from domain.morefs import Kind
from domain.states import Status


def choices(enum: type) -> list[tuple[str, str]]:
    """Choices of a StrEnum; the words on a page come from `inventory.words`, where each value has label and colour."""
    return [(member.value, member.value) for member in enum]  # type: ignore[attr-defined]


class ManagedObject(models.Model):
    """Abstract. `moref` is unique in the vCenter and never reused; `(vcenter, moref)` is how history points here."""

    KIND: ClassVar[Kind]

    vcenter = models.ForeignKey("inventory.VCenter", on_delete=models.CASCADE, related_name="+", verbose_name="vCenter")
    moref = models.CharField(_("reference"), max_length=24)
    name = models.CharField(_("name"), max_length=80)
    overall_status = models.CharField(
        _("status"), max_length=8, choices=choices(Status), default=Status.GREEN, editable=False
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    change_version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        abstract = True
        ordering = ("name", "id")

    def __str__(self) -> str:
        return self.name

    @property
    def kind(self) -> Kind:
        return self.KIND

    @property
    def shown_name(self) -> str:
        """The name under which tasks and events tell of it."""
        return self.name


class Allocated(models.Model):
    """Abstract. Reservation, limit and shares of CPU (MHz) and memory (MiB); a limit of -1 is unlimited."""

    cpu_reservation_mhz = models.PositiveIntegerField(_("CPU reservation (MHz)"), default=0)
    cpu_limit_mhz = models.IntegerField(_("CPU limit (MHz)"), default=-1)
    cpu_shares_level = models.CharField(_("CPU shares"), max_length=8, default="normal")
    cpu_shares = models.PositiveIntegerField(_("CPU shares value"), default=1000)
    memory_reservation_mib = models.PositiveIntegerField(_("memory reservation (MB)"), default=0)
    memory_limit_mib = models.IntegerField(_("memory limit (MB)"), default=-1)
    memory_shares_level = models.CharField(_("memory shares"), max_length=8, default="normal")
    memory_shares = models.PositiveIntegerField(_("memory shares value"), default=10_240)

    class Meta:
        abstract = True
