"""The scheduler's tables in the admin site: to look at. Rules and groups change through the client's services."""

from typing import Any, ClassVar

from django.contrib import admin

from inventory.admin.base import ReadOnlyAdmin
from scheduler.models import (
    BmcSecret,
    ClusterSchedule,
    Decision,
    DrsFault,
    DrsGroup,
    DrsRule,
    HaIsolation,
    HaReset,
    HaRestart,
    Migration,
    Recommendation,
    Replay,
)


class Kept(ReadOnlyAdmin):
    """A record of a cluster."""

    list_select_related: ClassVar[Any] = ("cluster",)
    list_filter: ClassVar[Any] = ("cluster",)


@admin.register(Decision)
class DecisionAdmin(Kept):
    list_display = ("id", "cluster", "lab_s", "trigger", "score", "score_after", "bound", "moves", "faults", "seconds")
    list_filter = ("cluster", "trigger")
    exclude = ("inputs", "plan")


@admin.register(Replay)
class ReplayAdmin(Kept):
    list_display = ("id", "cluster", "source", "semantics", "site", "vms", "hosts", "created_by", "done")
    list_filter = ("cluster", "semantics", "done")
    exclude = ("trace", "results")


@admin.register(Recommendation)
class RecommendationAdmin(Kept):
    list_display = ("id", "cluster", "kind", "priority", "reason", "vm_name", "source_name", "state", "automatic")
    list_filter = ("cluster", "state", "kind", "priority")
    search_fields = ("vm_name", "source_name", "destination_name")


@admin.register(DrsFault)
class DrsFaultAdmin(Kept):
    list_display = ("id", "cluster", "lab_s", "vm_name", "problem")
    search_fields = ("vm_name", "problem")


@admin.register(Migration)
class MigrationAdmin(ReadOnlyAdmin):
    list_display = ("id", "vm_name", "kind", "cause", "source_name", "destination_name", "ok", "downtime_s", "sent_mib")
    list_filter = ("vcenter", "kind", "cause", "ok")
    search_fields = ("vm_name", "=vm")


@admin.register(HaRestart)
class HaRestartAdmin(Kept):
    list_display = ("id", "cluster", "vm_name", "host_name", "destination_name", "state", "attempts", "failed_lab_s")
    list_filter = ("cluster", "state")
    search_fields = ("vm_name", "host_name")


@admin.register(HaReset)
class HaResetAdmin(ReadOnlyAdmin):
    list_display = ("id", "cluster", "vm_name", "host_name", "state", "attempts", "failed_lab_s", "reset_lab_s")
    list_filter = ("cluster", "state")
    search_fields = ("vm_name", "host_name")


@admin.register(HaIsolation)
class HaIsolationAdmin(ReadOnlyAdmin):
    list_select_related = ("host",)
    list_display = ("id", "host", "since_lab_s", "due_lab_s", "responded", "ended_lab_s")
    list_filter = ("responded", "host__cluster")
    search_fields = ("host__name",)


@admin.register(DrsGroup)
class DrsGroupAdmin(Kept):
    list_display = ("name", "cluster", "kind")
    list_filter = ("cluster", "kind")
    search_fields = ("name",)


@admin.register(DrsRule)
class DrsRuleAdmin(Kept):
    list_display = ("name", "cluster", "kind", "enabled", "mandatory", "created_by")
    list_filter = ("cluster", "kind", "enabled", "mandatory")
    search_fields = ("name",)


@admin.register(ClusterSchedule)
class ClusterScheduleAdmin(Kept):
    list_display = ("cluster", "last_cycle_lab_s", "requested", "energy_j", "twin_energy_j", "migrations")


@admin.register(BmcSecret)
class BmcSecretAdmin(ReadOnlyAdmin):
    list_select_related = ("host",)
    list_display = ("host",)
    exclude = ("sealed",)
