"""Licenses of a vCenter; hosts are assigned to them."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from domain import licensing
from inventory.models.vcenter import VCenter


class License(models.Model):
    """So many CPU cores of one edition. What hosts take up of it is counted, not stored."""

    vcenter = models.ForeignKey(VCenter, on_delete=models.CASCADE, related_name="licenses")
    name = models.CharField(_("name"), max_length=80)
    edition = models.CharField(
        _("edition"), max_length=20, choices=[(one.value, name) for one, name in licensing.PRODUCTS.items()],
        default=licensing.Edition.STANDARD,
    )  # fmt: skip
    cores = models.PositiveIntegerField(_("CPU cores"), default=32)

    class Meta:
        verbose_name = _("license")
        verbose_name_plural = _("licenses")
        ordering = ("name", "id")
        constraints = (models.UniqueConstraint(fields=("vcenter", "name"), name="license_name"),)

    def __str__(self) -> str:
        return self.name

    @property
    def product(self) -> str:
        return licensing.PRODUCTS[licensing.Edition(self.edition)]

    @property
    def includes_vmotion(self) -> bool:
        return licensing.allows_vmotion(self.edition)
