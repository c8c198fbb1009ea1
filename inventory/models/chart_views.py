"""Charts that a person keeps under a name."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class ChartView(models.Model):
    """What a chart of one kind of object shows: counters, targets, period, style, and what it is compared with.

    `objects` are references in `vcenter`; a view that compares nothing serves every object of its kind, anywhere.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="chart_views")
    vcenter = models.ForeignKey(
        "inventory.VCenter", null=True, blank=True, on_delete=models.CASCADE, related_name="chart_views"
    )
    kind = models.CharField(max_length=12)  # "vm", "host", … as in inventory.charts
    name = models.CharField(_("name"), max_length=80)
    period = models.CharField(max_length=12)
    style = models.CharField(max_length=12)
    counters = models.CharField(max_length=80)
    # Names of instances as in inventory.chart_instances, "self" and "*"; "" = the object alone.
    targets = models.CharField(max_length=1400, blank=True, default="")
    objects_compared = models.CharField(max_length=240, blank=True, default="")

    class Meta:
        verbose_name = _("chart view")
        verbose_name_plural = _("chart views")
        ordering = ("name", "id")
        constraints = (models.UniqueConstraint(fields=("user", "kind", "name"), name="chart_view_name"),)

    def __str__(self) -> str:
        return self.name
