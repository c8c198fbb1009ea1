"""What a host's management controller asks for; kept apart from the host, so that no export or page carries it."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from inventory.models import Host


class BmcSecret(models.Model):
    """The password of a host's BMC, encrypted (`scheduler.services.bmc`); nobody is ever shown it."""

    host = models.OneToOneField(Host, on_delete=models.CASCADE, related_name="bmc_secret")
    sealed = models.TextField()

    class Meta:
        verbose_name = _("BMC password")

    def __str__(self) -> str:
        return str(self.host)
