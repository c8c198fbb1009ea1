"""The root of one environment, with its counters and its clock."""

from __future__ import annotations

import uuid as uuids
from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _


class VCenter(models.Model):
    """One environment: an inventory tree, a fleet, a lab clock. Every other object belongs to exactly one.

    The clock: `lab seconds = clock_lab_s + clock_speed * (wall - clock_wall)`; speed 0 is a pause. Lab second 0 is
    `lab_epoch`, so that charts and events show dates.
    """

    KIND = "VCenter"

    uuid = models.UUIDField(default=uuids.uuid4, unique=True, editable=False)
    name = models.CharField(_("name"), max_length=80)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="owned_vcenters"
    )
    driver = models.CharField(_("driver"), max_length=20, default="simulated")
    seed = models.BigIntegerField(_("seed"), default=1)
    timezone = models.CharField(_("time zone"), max_length=40, default="UTC")
    created_at = models.DateTimeField(auto_now_add=True)
    active = models.BooleanField(_("active"), default=True, help_text=_("Only an active vCenter's clock runs."))

    clock_lab_s = models.FloatField(default=0.0, editable=False)
    clock_wall = models.DateTimeField(default=now, editable=False)
    clock_speed = models.FloatField(_("clock speed"), default=1.0)
    lab_epoch = models.DateTimeField(_("lab time zero"), default=now)

    # Counters: each is taken by a conditional UPDATE inside the transaction that uses it.
    next_id = models.BigIntegerField(default=2, editable=False)
    next_event_key = models.BigIntegerField(default=1, editable=False)
    config_version = models.BigIntegerField(default=1, editable=False)
    fleet_seq = models.BigIntegerField(default=0, editable=False, help_text="Last fleet event that was recorded here.")
    timeline = models.PositiveIntegerField(
        default=0, editable=False, help_text="Grows with every rewind; what belongs to an earlier one may not write."
    )
    fault_rates = models.JSONField(default=dict, blank=True)
    trace_sets = models.JSONField(_("trace sets"), default=list, blank=True)  # names, see `inventory.traces`
    options = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name = _("vCenter")
        verbose_name_plural = _("vCenters")
        ordering = ("name", "id")

    def __str__(self) -> str:
        return self.name

    @property
    def moref(self) -> str:
        """The root folder stands for the vCenter in the tree."""
        return "group-d1"

    @property
    def kind(self) -> str:
        return self.KIND

    @property
    def shown_name(self) -> str:
        return self.name

    @property
    def vcenter(self) -> VCenter:
        """So that code which meets any object finds its vCenter under one name."""
        return self

    def lab_seconds(self, wall: datetime | None = None) -> float:
        """Lab time now, in seconds since `lab_epoch`."""
        elapsed = ((wall or now()) - self.clock_wall).total_seconds()
        lab_s = self.clock_lab_s + self.clock_speed * max(0.0, elapsed)
        run = self.options.get("run_until")  # see `inventory.until`: a run never passes its end
        return min(lab_s, max(self.clock_lab_s, float(run["until_s"]))) if run else lab_s

    def lab_datetime(self, lab_s: float | None = None) -> datetime:
        """Lab time as a date (aware, UTC)."""
        return self.lab_epoch + timedelta(seconds=self.lab_seconds() if lab_s is None else lab_s)
