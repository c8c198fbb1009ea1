"""What a course practises: opened lessons, attempts with their steps, and sabotage cards."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Assignment(models.Model):
    """A lesson that a teacher has opened for a course. `lesson` is a folder's name in `classroom/lessons`."""

    course = models.ForeignKey("classroom.Course", on_delete=models.CASCADE, related_name="assignments")
    lesson = models.CharField(_("lesson"), max_length=40)
    order = models.PositiveSmallIntegerField(_("order"), default=0)
    opened_at = models.DateTimeField(_("opened"), auto_now_add=True)

    class Meta:
        verbose_name = _("assignment")
        ordering = ("order", "id")
        constraints = (models.UniqueConstraint(fields=("course", "lesson"), name="assignment_once"),)

    def __str__(self) -> str:
        return self.lesson


class Attempt(models.Model):
    """A student's go at a lesson. At most one per lab is open; times ending in `_lab_s` are lab seconds."""

    OPEN, FINISHED, GIVEN_UP = "open", "finished", "given up"

    lab = models.ForeignKey("classroom.Lab", on_delete=models.CASCADE, related_name="attempts")
    lesson = models.CharField(_("lesson"), max_length=40)
    number = models.PositiveSmallIntegerField(default=1)
    state = models.CharField(max_length=8, default=OPEN)
    started_at = models.DateTimeField(_("started"), auto_now_add=True)
    started_lab_s = models.FloatField()
    checked_lab_s = models.FloatField(null=True, blank=True)
    baseline = models.JSONField(default=dict, blank=True)  # meters at the start: {cluster: [drawn J, twin J]}
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    finished_lab_s = models.FloatField(null=True, blank=True)
    points = models.PositiveSmallIntegerField(_("points"), default=0)

    class Meta:
        verbose_name = _("attempt")
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(fields=("lab",), condition=Q(state="open"), name="attempt_one_open"),
            models.UniqueConstraint(fields=("lab", "lesson", "number"), name="attempt_number"),
        )

    def __str__(self) -> str:
        return f"{self.lesson} #{self.number}"


class StepResult(models.Model):
    """Where a step of an attempt stands. `memory` is what held conditions remember, `seen` what was found last."""

    OPEN, DONE = "open", "done"

    attempt = models.ForeignKey(Attempt, on_delete=models.CASCADE, related_name="results")
    step = models.CharField(max_length=40)
    state = models.CharField(max_length=8, default=OPEN)
    at = models.DateTimeField(null=True, blank=True)
    done_lab_s = models.FloatField(null=True, blank=True)
    points = models.PositiveSmallIntegerField(default=0)
    hints = models.PositiveSmallIntegerField(default=0)
    memory = models.JSONField(default=dict, blank=True)
    seen = models.JSONField(default=list, blank=True)

    class Meta:
        verbose_name = _("result of a step")
        ordering = ("id",)
        constraints = (models.UniqueConstraint(fields=("attempt", "step"), name="step_once"),)

    def __str__(self) -> str:
        return f"{self.step}: {self.state}"


class Card(models.Model):
    """A trouble that a teacher has put into a lab. Students see its effects, never the card itself.

    `due_lab_s` null = at once. `broken_lab_s` is when the trouble was first seen in the lab's state: only then can it
    be mended. `fault` says why it could not be played.
    """

    lab = models.ForeignKey("classroom.Lab", on_delete=models.CASCADE, related_name="cards")
    # The work on the class that drew it: done twice, it is there once.
    batch = models.ForeignKey(
        "classroom.Batch", null=True, editable=False, on_delete=models.SET_NULL, related_name="cards"
    )
    kind = models.CharField(_("card"), max_length=40)
    arguments = models.JSONField(default=dict, blank=True)
    due_lab_s = models.FloatField(null=True, blank=True)
    drawn_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    drawn_at = models.DateTimeField(auto_now_add=True)
    played_at = models.DateTimeField(null=True, blank=True)
    played_lab_s = models.FloatField(null=True, blank=True)
    broken_lab_s = models.FloatField(null=True, blank=True)
    mended_at = models.DateTimeField(null=True, blank=True)
    mended_lab_s = models.FloatField(null=True, blank=True)
    checked_lab_s = models.FloatField(null=True, blank=True)
    fault = models.JSONField(null=True, blank=True)

    class Meta:
        verbose_name = _("sabotage card")
        ordering = ("-id",)
        indexes = (models.Index(fields=("lab", "mended_at")),)

    def __str__(self) -> str:
        return f"{self.kind} @ {self.lab_id}"

    @property
    def is_open(self) -> bool:
        return self.mended_at is None and self.fault is None
