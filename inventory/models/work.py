"""What was asked and what happened: tasks and events. They point at objects by reference and keep the name."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from domain.states import EventCategory, TaskReason, TaskState
from inventory.inverses import NO_WAY_BACK, UNDO, UNDO_FOR
from inventory.models.base import choices


class Task(models.Model):
    """A piece of work: queued -> running -> success | error.

    `operation` names the entry of `inventory.operations` that carries it out with `args`. An `exclusive` task locks its
    entity: the database lets at most one live exclusive task exist per entity. `lease_until` (wall time): how long the
    present owner may be silent before the reconciler looks after the task. Times ending in `_lab_s` are lab seconds.
    """

    vcenter = models.ForeignKey("inventory.VCenter", on_delete=models.CASCADE, related_name="tasks")
    moref = models.CharField(max_length=24)
    description_id = models.CharField(max_length=64)  # "VirtualMachine.powerOn"
    operation = models.CharField(max_length=40)
    args = models.JSONField(default=dict, blank=True)
    entity = models.CharField(max_length=24)
    entity_kind = models.CharField(max_length=32)
    entity_name = models.CharField(max_length=80)
    state = models.CharField(max_length=8, choices=choices(TaskState), default=TaskState.QUEUED)
    progress_pct = models.PositiveSmallIntegerField(null=True, blank=True)
    phase = models.CharField(max_length=40, blank=True, default="")
    detail = models.JSONField(default=dict, blank=True)
    result = models.JSONField(default=dict, blank=True)
    fault = models.JSONField(null=True, blank=True)
    cancelable = models.BooleanField(default=True)
    cancel_requested = models.BooleanField(default=False)
    cancelled = models.BooleanField(default=False)
    exclusive = models.BooleanField(default=True)
    initiator = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    initiator_name = models.CharField(max_length=150, blank=True, default="")
    reason = models.CharField(max_length=10, choices=choices(TaskReason), default=TaskReason.USER)
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="children")
    chain_id = models.BigIntegerField(default=0)
    priority = models.CharField(max_length=16, blank=True, default="")
    queued_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    queued_lab_s = models.FloatField(default=0.0)
    started_lab_s = models.FloatField(null=True, blank=True)
    completed_lab_s = models.FloatField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)

    class Meta:
        verbose_name = _("task")
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(fields=("vcenter", "moref"), name="task_moref"),
            models.UniqueConstraint(
                fields=("vcenter", "entity"),
                condition=Q(state__in=("queued", "running"), exclusive=True),
                name="task_one_per_entity",
            ),
        )
        indexes = (
            models.Index(fields=("vcenter", "state")),
            models.Index(fields=("vcenter", "entity", "-id")),
            models.Index(fields=("vcenter", "-id")),
        )

    def __str__(self) -> str:
        return f"{self.description_id} {self.entity_name}"

    @property
    def undoable(self) -> bool:
        """Noted how to take it back, done, not taken back yet, and not too long ago; by somebody, or by DRS. What the
        system did on its own, such as the start of an exercise, stays."""
        fresh = self.completed_at is not None and now() - self.completed_at < UNDO_FOR
        noted = self.state == TaskState.SUCCESS and "kind" in self.args.get(UNDO, {})
        return noted and fresh and bool(self.initiator_name) and "undone_by" not in self.result

    @property
    def no_way_back(self) -> str:
        """Why what was done cannot be undone, where somebody would look for a way."""
        never = self.args.get(UNDO, {}).get("never", "") if self.state == TaskState.SUCCESS else ""
        return str(NO_WAY_BACK.get(never, ""))

    @property
    def live(self) -> bool:
        return self.state in (TaskState.QUEUED, TaskState.RUNNING)


class Event(models.Model):
    """One entry of the log of a vCenter. `type` is vSphere's name, e.g. VmPoweredOnEvent."""

    vcenter = models.ForeignKey("inventory.VCenter", on_delete=models.CASCADE, related_name="events")
    key = models.BigIntegerField()
    chain_id = models.BigIntegerField(default=0)
    type = models.CharField(max_length=80)
    category = models.CharField(max_length=8, choices=choices(EventCategory), default=EventCategory.INFO)
    created_at = models.DateTimeField(auto_now_add=True)
    lab_s = models.FloatField()
    user_name = models.CharField(max_length=150, blank=True, default="")
    entity = models.CharField(max_length=24, blank=True, default="")
    entity_name = models.CharField(max_length=80, blank=True, default="")
    related = models.JSONField(default=dict, blank=True)  # {"host": ["host-12", "esx-01"], "cluster": […], …}
    fields = models.JSONField(default=dict, blank=True)  # of the message template of `domain.events`
    task = models.ForeignKey(Task, null=True, blank=True, on_delete=models.SET_NULL, related_name="events")

    class Meta:
        verbose_name = _("event")
        ordering = ("-key",)
        constraints = (models.UniqueConstraint(fields=("vcenter", "key"), name="event_key"),)
        indexes = (models.Index(fields=("vcenter", "entity", "-key")),)

    def __str__(self) -> str:
        return f"{self.type} {self.entity_name}"


class EventLink(models.Model):
    """An event also concerns other objects (host, cluster, datacenter …); their Events pages list it too."""

    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="links")
    vcenter = models.ForeignKey("inventory.VCenter", on_delete=models.CASCADE, related_name="+")
    moref = models.CharField(max_length=24)

    class Meta:
        indexes = (models.Index(fields=("vcenter", "moref", "-event")),)

    def __str__(self) -> str:
        return f"{self.moref}:{self.event_id}"


class AuditEntry(models.Model):
    """Who asked for what, in a chain: `digest` = SHA-256 of the previous digest and this entry's canonical text."""

    vcenter = models.ForeignKey("inventory.VCenter", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField()
    user_name = models.CharField(max_length=150, blank=True, default="")
    action = models.CharField(max_length=80)
    entity = models.CharField(max_length=24, blank=True, default="")
    entity_name = models.CharField(max_length=80, blank=True, default="")
    detail = models.JSONField(default=dict, blank=True)
    previous = models.CharField(max_length=64, unique=True)  # unique: a chain cannot fork
    digest = models.CharField(max_length=64, unique=True)

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.user_name} {self.action} {self.entity_name}"
