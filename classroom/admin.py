"""The classroom's tables in the admin site: to look at. Courses and labs change through their pages."""

from typing import Any, ClassVar

from django.contrib import admin

from classroom.models import (
    Assignment,
    Attempt,
    Batch,
    Card,
    Checkpoint,
    Course,
    FirstPassword,
    Lab,
    LabTemplate,
    Membership,
    StepResult,
)
from inventory.admin.base import ReadOnlyAdmin


class OfCourse(ReadOnlyAdmin):
    """Something of a course."""

    list_filter: ClassVar[Any] = ("course",)


@admin.register(Course)
class CourseAdmin(ReadOnlyAdmin):
    list_display = ("name", "teacher", "joinable", "student_clock", "max_labs", "lab_days", "created", "archived")
    list_select_related = ("teacher",)
    list_filter = ("archived",)
    search_fields = ("name", "teacher__username")


@admin.register(Membership)
class MembershipAdmin(OfCourse):
    list_display = ("user", "course", "group", "joined")
    list_select_related = ("user", "course")
    search_fields = ("user__username", "user__last_name", "group")


@admin.register(LabTemplate)
class LabTemplateAdmin(OfCourse):
    list_display = ("name", "course", "source", "speed", "seed", "created")
    list_select_related = ("course",)


@admin.register(Lab)
class LabAdmin(OfCourse):
    list_display = ("student", "course", "vcenter", "template", "driver", "frozen", "expires", "created")
    list_select_related = ("student", "course", "vcenter", "template", "driver")
    list_filter = ("course", "frozen")
    search_fields = ("student__username", "student__last_name", "=vcenter__uuid")


@admin.register(Batch)
class BatchAdmin(OfCourse):
    list_display = ("verb", "course", "state", "done", "total", "by", "queued_at", "ended_at")
    list_select_related = ("course", "by")
    list_filter = ("state", "verb", "course")


@admin.register(FirstPassword)
class FirstPasswordAdmin(ReadOnlyAdmin):
    """Accounts that were made for a class; the hash is nobody's business."""

    list_display = ("user", "created")
    list_select_related = ("user",)
    exclude = ("hash",)


@admin.register(Assignment)
class AssignmentAdmin(OfCourse):
    list_display = ("lesson", "course", "order", "opened_at")
    list_select_related = ("course",)


@admin.register(Attempt)
class AttemptAdmin(ReadOnlyAdmin):
    list_display = ("lab", "lesson", "number", "state", "points", "started_at", "finished_at")
    list_select_related = ("lab__student",)
    list_filter = ("state", "lesson")
    search_fields = ("lab__student__username",)


@admin.register(StepResult)
class StepResultAdmin(ReadOnlyAdmin):
    list_display = ("attempt", "step", "state", "points", "hints", "at")
    list_select_related = ("attempt",)
    list_filter = ("state",)


@admin.register(Card)
class CardAdmin(ReadOnlyAdmin):
    list_display = ("kind", "lab", "drawn_by", "drawn_at", "played_at", "mended_at")
    list_select_related = ("lab__student", "drawn_by")
    list_filter = ("kind",)


@admin.register(Checkpoint)
class CheckpointAdmin(ReadOnlyAdmin):
    list_display = ("name", "vcenter", "lab_time", "size", "hosts", "vms", "by_name", "created")
    list_select_related = ("vcenter",)
    list_filter = ("created",)
    search_fields = ("name", "=vcenter__uuid", "by_name")
