"""Roles and permissions, as vSphere has them."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from domain.privileges import known


class Role(models.Model):
    """A named set of privileges (`domain.privileges`). `system` roles are fixed; `vcenter` null = everywhere."""

    vcenter = models.ForeignKey(
        "inventory.VCenter", null=True, blank=True, on_delete=models.CASCADE, related_name="roles"
    )
    name = models.CharField(_("name"), max_length=80)
    description = models.CharField(_("description"), max_length=255, blank=True, default="")
    privileges = models.JSONField(default=list, blank=True)
    system = models.BooleanField(default=False, editable=False)

    class Meta:
        verbose_name = _("role")
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(fields=("vcenter", "name"), name="role_name"),
            models.UniqueConstraint(fields=("name",), condition=Q(vcenter__isnull=True), name="role_name_global"),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def known(self) -> list[str]:
        """Its privileges without those that there are no longer."""
        return sorted(known(self.privileges))


class Permission(models.Model):
    """A user or a group has a role on an object, and below it where `propagate` is set. The nearest one wins."""

    vcenter = models.ForeignKey("inventory.VCenter", on_delete=models.CASCADE, related_name="permissions")
    entity = models.CharField(max_length=24)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="vsphere_permissions"
    )
    group = models.ForeignKey(
        Group, null=True, blank=True, on_delete=models.CASCADE, related_name="vsphere_permissions"
    )
    role = models.ForeignKey(Role, on_delete=models.PROTECT, related_name="permissions")
    propagate = models.BooleanField(_("propagate to children"), default=True)

    class Meta:
        verbose_name = _("permission")
        constraints = (
            models.UniqueConstraint(
                fields=("vcenter", "entity", "user"), condition=Q(user__isnull=False), name="permission_user"
            ),
            models.UniqueConstraint(
                fields=("vcenter", "entity", "group"), condition=Q(group__isnull=False), name="permission_group"
            ),
            models.CheckConstraint(
                condition=Q(user__isnull=False, group__isnull=True) | Q(user__isnull=True, group__isnull=False),
                name="permission_one_principal",
            ),
        )

    def __str__(self) -> str:
        return f"{self.user or self.group}: {self.role} @ {self.entity}"
