"""Courses: who teaches, who learns, what a lab is made from, and whose lab it is."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

# Neither 0 and O nor 1, I and L: a code is read from a projector and typed.
CODE_LETTERS, CODE_LENGTH = "ABCDEFGHJKMNPQRSTUVWXYZ23456789", 8
HOSTS_MAX, VMS_MAX, LABS_MAX = 64, 2000, 400


def new_code() -> str:
    """A code to join a course with; 31^8 of them, so that none is found by trying."""
    return "".join(secrets.choice(CODE_LETTERS) for _place in range(CODE_LENGTH))


def _between(low: int, high: int) -> list[Any]:
    return [MinValueValidator(low), MaxValueValidator(high)]


class Course(models.Model):
    """A class: its teachers, its students, its labs and how large they may get."""

    FREEZE, DELETE = "freeze", "delete"
    EXPIRY = ((FREEZE, _("Freeze the lab")), (DELETE, _("Delete the lab")))

    name = models.CharField(_("name"), max_length=80)
    description = models.CharField(_("description"), max_length=400, blank=True, default="")
    code = models.CharField(_("join code"), max_length=12, unique=True, default=new_code)
    joinable = models.BooleanField(_("open to whoever has the join code"), default=True)
    teacher = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="courses_taught", verbose_name=_("teacher")
    )
    co_teachers: models.ManyToManyField[Any, Any] = models.ManyToManyField(
        settings.AUTH_USER_MODEL, blank=True, related_name="courses_co_taught", verbose_name=_("co-teachers")
    )
    student_clock = models.BooleanField(_("students may change the clock"), default=False)
    max_labs = models.PositiveIntegerField(_("labs at most"), default=60, validators=_between(1, LABS_MAX))
    max_hosts = models.PositiveIntegerField(_("hosts per lab at most"), default=16, validators=_between(1, HOSTS_MAX))
    max_vms = models.PositiveIntegerField(_("VMs per lab at most"), default=200, validators=_between(0, VMS_MAX))
    lab_days = models.PositiveIntegerField(
        _("days until a lab expires"), null=True, blank=True, validators=_between(1, 400)
    )
    on_expiry = models.CharField(_("then"), max_length=8, choices=EXPIRY, default=FREEZE)
    created = models.DateTimeField(_("created"), auto_now_add=True)
    archived = models.BooleanField(_("archived"), default=False)

    class Meta:
        verbose_name = _("course")
        verbose_name_plural = _("courses")
        ordering = ("archived", "name", "id")

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A student of a course; `group` is a label for sorting, such as "Monday" or "3-B"."""

    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    group = models.CharField(_("group"), max_length=40, blank=True, default="")
    joined = models.DateTimeField(_("joined"), auto_now_add=True)

    class Meta:
        verbose_name = _("member")
        verbose_name_plural = _("members")
        ordering = ("group", "user__last_name", "user__username")
        constraints = (models.UniqueConstraint(fields=("course", "user"), name="membership_once"),)

    def __str__(self) -> str:
        return f"{self.user} @ {self.course}"


class FirstPassword(models.Model):
    """An account that was made for a class, with the password that the teacher handed out last: while `hash` is still
    the account's, no page but the one that changes it is shown. "" while it is still to be set."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="first_password")
    hash = models.CharField(max_length=256)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("first password")

    def __str__(self) -> str:
        return str(self.user)


class LabTemplate(models.Model):
    """What the labs of a course are made from.

    `plan`: numbers for `inventory.seeding.Plan` (hosts, vms, …). `yaml`: an inventory as text. `capture`: a checkpoint
    of a running lab, kept as the file `capture` below `DATA_DIR/classroom`. `faults` are failure rates per host-hour.
    `lessons` are the slugs of the exercises that its labs offer; none = all that are open for the course.
    """

    PLAN, YAML, CAPTURE = "plan", "yaml", "capture"
    SOURCES = ((PLAN, _("Made from numbers")), (YAML, _("Inventory file")), (CAPTURE, _("Captured from a lab")))

    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="templates")
    name = models.CharField(_("name"), max_length=80)
    description = models.CharField(_("description"), max_length=400, blank=True, default="")
    source = models.CharField(_("source"), max_length=8, choices=SOURCES, default=PLAN)
    plan = models.JSONField(_("plan"), default=dict, blank=True)
    inventory = models.TextField(_("inventory"), blank=True, default="")
    capture = models.CharField(_("captured lab"), max_length=200, blank=True, default="", editable=False)
    seed = models.BigIntegerField(_("seed"), default=1)
    same_seed = models.BooleanField(_("the same load for everybody"), default=True)
    speed = models.FloatField(_("clock speed"), default=10.0)
    traces = models.CharField(_("workload"), max_length=120, blank=True, default="")
    faults = models.JSONField(_("failure rates"), default=dict, blank=True)
    lessons = models.JSONField(_("exercises"), default=list, blank=True)
    created = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("lab template")
        verbose_name_plural = _("lab templates")
        ordering = ("name", "id")
        constraints = (models.UniqueConstraint(fields=("course", "name"), name="template_name"),)

    def __str__(self) -> str:
        return self.name


class Lab(models.Model):
    """A vCenter of a course, with the student whose it is. A teacher's copy for the projector is one as well
    (`is_copy`), and stays one when the lab that it was made from has gone. While `driver` is set, that teacher works in
    it and the student may only look."""

    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="labs")
    template = models.ForeignKey(LabTemplate, null=True, blank=True, on_delete=models.SET_NULL, related_name="labs")
    student = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="labs")
    vcenter = models.OneToOneField("inventory.VCenter", on_delete=models.CASCADE, related_name="lab")
    copied_from = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="copies")
    is_copy = models.BooleanField(_("copy for the projector"), default=False, editable=False)
    created = models.DateTimeField(_("created"), auto_now_add=True)
    expires = models.DateTimeField(_("expires"), null=True, blank=True)
    warned_at = models.DateTimeField(null=True, blank=True, editable=False)
    frozen = models.BooleanField(_("frozen"), default=False)
    resume_speed = models.FloatField(null=True, blank=True, help_text="The clock's speed before the class was paused.")
    driver = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="labs_driven"
    )
    watcher = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="labs_watched"
    )
    watched_at = models.DateTimeField(null=True, blank=True)
    last_seen = models.DateTimeField(_("last seen"), null=True, blank=True)
    message = models.CharField(_("message"), max_length=400, blank=True, default="")
    message_by = models.CharField(max_length=150, blank=True, default="")
    message_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("lab")
        verbose_name_plural = _("labs")
        ordering = ("student__last_name", "student__username", "id")
        constraints = (
            models.UniqueConstraint(
                fields=("course", "template", "student"), condition=Q(is_copy=False), name="lab_once_per_template"
            ),
        )
        indexes = (models.Index(fields=("expires",)),)

    def __str__(self) -> str:
        return f"{self.student}: {self.vcenter_id}"

    def has_expired(self, moment: datetime | None = None) -> bool:
        """True once its time is over; a lab without an end never is."""
        return self.expires is not None and self.expires <= (moment or now())


class Batch(models.Model):
    """One verb done to many labs in the background: `done` of `total`, with what failed and why, lab by lab.

    Those of a course are done one after the other, by number. `args["items"]` are the labs or students, None until it
    is known whom one for all concerns.
    """

    QUEUED, RUNNING, FINISHED = "queued", "running", "finished"

    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="batches")
    verb = models.CharField(max_length=16)
    args = models.JSONField(default=dict, blank=True)
    state = models.CharField(max_length=8, default=QUEUED)
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    errors = models.JSONField(default=list, blank=True)  # [{"name": …, "fault": …}]
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    queued_at = models.DateTimeField(auto_now_add=True)
    attempts = models.PositiveSmallIntegerField(default=0)  # of workers at the lab that comes next
    lease_until = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    cancelled_by = models.CharField(max_length=150, blank=True, default="")  # it ends before the next lab
    behind = 0  # of one that was just asked for: how many come first

    class Meta:
        verbose_name = _("class-wide work")
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(fields=("course",), condition=Q(state="running"), name="batch_one_runs"),
        )

    def __str__(self) -> str:
        return f"{self.verb} {self.done}/{self.total}"
