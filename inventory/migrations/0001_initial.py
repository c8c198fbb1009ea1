# The whole schema; later changes follow in files of their own.

import uuid

import django.db.models.deletion
import django.db.models.manager
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import domain.states


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Preferences",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("theme", models.CharField(default="light", max_length=8)),
                ("language", models.CharField(blank=True, default="", max_length=8)),
                ("time_format", models.CharField(default="24h", max_length=8)),
                ("layout", models.JSONField(blank=True, default=dict)),
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="preferences",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "preferences",
            },
        ),
        migrations.CreateModel(
            name="SavedSearch",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=80, verbose_name="name")),
                ("query", models.CharField(max_length=2000)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="saved_searches",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "saved search",
                "verbose_name_plural": "saved searches",
                "ordering": ("name", "id"),
                "constraints": [models.UniqueConstraint(fields=("user", "name"), name="saved_search_name")],
            },
        ),
        migrations.CreateModel(
            name="VCenter",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("name", models.CharField(max_length=80, verbose_name="name")),
                ("driver", models.CharField(default="simulated", max_length=20, verbose_name="driver")),
                ("seed", models.BigIntegerField(default=1, verbose_name="seed")),
                ("timezone", models.CharField(default="UTC", max_length=40, verbose_name="time zone")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "active",
                    models.BooleanField(
                        default=True, help_text="Only an active vCenter's clock runs.", verbose_name="active"
                    ),
                ),
                ("clock_lab_s", models.FloatField(default=0.0, editable=False)),
                ("clock_wall", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("clock_speed", models.FloatField(default=1.0, verbose_name="clock speed")),
                ("lab_epoch", models.DateTimeField(default=django.utils.timezone.now, verbose_name="lab time zero")),
                ("next_id", models.BigIntegerField(default=2, editable=False)),
                ("next_event_key", models.BigIntegerField(default=1, editable=False)),
                ("config_version", models.BigIntegerField(default=1, editable=False)),
                (
                    "fleet_seq",
                    models.BigIntegerField(
                        default=0, editable=False, help_text="Last fleet event that was recorded here."
                    ),
                ),
                (
                    "timeline",
                    models.PositiveIntegerField(
                        default=0,
                        editable=False,
                        help_text="Grows with every rewind; what belongs to an earlier one may not write.",
                    ),
                ),
                ("fault_rates", models.JSONField(blank=True, default=dict)),
                ("trace_sets", models.JSONField(blank=True, default=list, verbose_name="trace sets")),
                ("options", models.JSONField(blank=True, default=dict)),
                (
                    "owner",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="owned_vcenters",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "vCenter",
                "verbose_name_plural": "vCenters",
                "ordering": ("name", "id"),
            },
        ),
        migrations.CreateModel(
            name="AlarmDefinition",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("moref", models.CharField(max_length=24)),
                ("name", models.CharField(max_length=80, verbose_name="name")),
                ("system_name", models.CharField(blank=True, default="", editable=False, max_length=80)),
                ("description", models.CharField(blank=True, default="", max_length=255, verbose_name="description")),
                ("entity", models.CharField(max_length=24)),
                ("target_kind", models.CharField(max_length=32)),
                ("enabled", models.BooleanField(default=True)),
                ("rules", models.JSONField(default=list)),
                ("actions", models.JSONField(blank=True, default=list)),
                ("change_version", models.PositiveIntegerField(default=1, editable=False)),
                (
                    "vcenter",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="alarm_definitions",
                        to="inventory.vcenter",
                    ),
                ),
            ],
            options={
                "verbose_name": "alarm definition",
                "ordering": ("name",),
                "constraints": [
                    models.UniqueConstraint(fields=("vcenter", "moref"), name="alarm_moref"),
                    models.UniqueConstraint(fields=("vcenter", "name"), name="alarm_name"),
                ],
            },
        ),
        migrations.CreateModel(
            name="CustomAttribute",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=80, verbose_name="name")),
                ("kind", models.CharField(blank=True, default="", max_length=32, verbose_name="object type")),
                (
                    "vcenter",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="custom_attributes",
                        to="inventory.vcenter",
                    ),
                ),
            ],
            options={
                "verbose_name": "custom attribute",
                "ordering": ("name",),
                "constraints": [models.UniqueConstraint(fields=("vcenter", "name"), name="attribute_name")],
            },
        ),
        migrations.CreateModel(
            name="TagCategory",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=80, verbose_name="name")),
                ("description", models.CharField(blank=True, default="", max_length=255, verbose_name="description")),
                ("multiple", models.BooleanField(default=True, verbose_name="many tags per object")),
                ("kinds", models.JSONField(blank=True, default=list, verbose_name="object types")),
                (
                    "vcenter",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="tag_categories",
                        to="inventory.vcenter",
                    ),
                ),
            ],
            options={
                "verbose_name": "tag category",
                "verbose_name_plural": "tag categories",
                "ordering": ("name",),
                "constraints": [models.UniqueConstraint(fields=("vcenter", "name"), name="category_name")],
            },
        ),
        migrations.CreateModel(
            name="Task",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("moref", models.CharField(max_length=24)),
                ("description_id", models.CharField(max_length=64)),
                ("operation", models.CharField(max_length=40)),
                ("args", models.JSONField(blank=True, default=dict)),
                ("entity", models.CharField(max_length=24)),
                ("entity_kind", models.CharField(max_length=32)),
                ("entity_name", models.CharField(max_length=80)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("queued", "queued"),
                            ("running", "running"),
                            ("success", "success"),
                            ("error", "error"),
                        ],
                        default=domain.states.TaskState["QUEUED"],
                        max_length=8,
                    ),
                ),
                ("progress_pct", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("phase", models.CharField(blank=True, default="", max_length=40)),
                ("detail", models.JSONField(blank=True, default=dict)),
                ("result", models.JSONField(blank=True, default=dict)),
                ("fault", models.JSONField(blank=True, null=True)),
                ("cancelable", models.BooleanField(default=True)),
                ("cancel_requested", models.BooleanField(default=False)),
                ("cancelled", models.BooleanField(default=False)),
                ("exclusive", models.BooleanField(default=True)),
                ("initiator_name", models.CharField(blank=True, default="", max_length=150)),
                (
                    "reason",
                    models.CharField(
                        choices=[("User", "User"), ("Schedule", "Schedule"), ("Alarm", "Alarm"), ("System", "System")],
                        default=domain.states.TaskReason["USER"],
                        max_length=10,
                    ),
                ),
                ("chain_id", models.BigIntegerField(default=0)),
                ("priority", models.CharField(blank=True, default="", max_length=16)),
                ("queued_at", models.DateTimeField(auto_now_add=True)),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("completed_at", models.DateTimeField(blank=True, null=True)),
                ("queued_lab_s", models.FloatField(default=0.0)),
                ("started_lab_s", models.FloatField(blank=True, null=True)),
                ("completed_lab_s", models.FloatField(blank=True, null=True)),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                (
                    "initiator",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "parent",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="children",
                        to="inventory.task",
                    ),
                ),
                (
                    "vcenter",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="tasks", to="inventory.vcenter"
                    ),
                ),
            ],
            options={
                "verbose_name": "task",
                "ordering": ("-id",),
                "indexes": [
                    models.Index(fields=["vcenter", "state"], name="inventory_t_vcenter_b76832_idx"),
                    models.Index(fields=["vcenter", "entity", "-id"], name="inventory_t_vcenter_3b00c8_idx"),
                    models.Index(fields=["vcenter", "-id"], name="inventory_t_vcenter_8b1b2a_idx"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("vcenter", "moref"), name="task_moref"),
                    models.UniqueConstraint(
                        condition=models.Q(("exclusive", True), ("state__in", ("queued", "running"))),
                        fields=("vcenter", "entity"),
                        name="task_one_per_entity",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Role",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=80, verbose_name="name")),
                ("description", models.CharField(blank=True, default="", max_length=255, verbose_name="description")),
                ("privileges", models.JSONField(blank=True, default=list)),
                ("system", models.BooleanField(default=False, editable=False)),
                (
                    "vcenter",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="roles",
                        to="inventory.vcenter",
                    ),
                ),
            ],
            options={
                "verbose_name": "role",
                "ordering": ("id",),
                "constraints": [
                    models.UniqueConstraint(fields=("vcenter", "name"), name="role_name"),
                    models.UniqueConstraint(
                        condition=models.Q(("vcenter__isnull", True)), fields=("name",), name="role_name_global"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ChartView",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=12)),
                ("name", models.CharField(max_length=80, verbose_name="name")),
                ("period", models.CharField(max_length=12)),
                ("style", models.CharField(max_length=12)),
                ("counters", models.CharField(max_length=80)),
                ("objects_compared", models.CharField(blank=True, default="", max_length=240)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="chart_views",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "vcenter",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="chart_views",
                        to="inventory.vcenter",
                    ),
                ),
            ],
            options={
                "verbose_name": "chart view",
                "verbose_name_plural": "chart views",
                "ordering": ("name", "id"),
                "constraints": [models.UniqueConstraint(fields=("user", "kind", "name"), name="chart_view_name")],
            },
        ),
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("created_at", models.DateTimeField()),
                ("user_name", models.CharField(blank=True, default="", max_length=150)),
                ("action", models.CharField(max_length=80)),
                ("entity", models.CharField(blank=True, default="", max_length=24)),
                ("entity_name", models.CharField(blank=True, default="", max_length=80)),
                ("detail", models.JSONField(blank=True, default=dict)),
                ("previous", models.CharField(max_length=64, unique=True)),
                ("digest", models.CharField(max_length=64, unique=True)),
                (
                    "vcenter",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="inventory.vcenter",
                    ),
                ),
            ],
            options={
                "verbose_name": "audit entry",
                "verbose_name_plural": "audit entries",
                "ordering": ("-id",),
            },
        ),
        migrations.CreateModel(
            name="Tag",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=80, verbose_name="name")),
                ("description", models.CharField(blank=True, default="", max_length=255, verbose_name="description")),
                (
                    "category",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="tags", to="inventory.tagcategory"
                    ),
                ),
            ],
            options={
                "verbose_name": "tag",
                "ordering": ("name",),
                "constraints": [models.UniqueConstraint(fields=("category", "name"), name="tag_name")],
            },
        ),
        migrations.CreateModel(
            name="Event",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.BigIntegerField()),
                ("chain_id", models.BigIntegerField(default=0)),
                ("type", models.CharField(max_length=80)),
                (
                    "category",
                    models.CharField(
                        choices=[("info", "info"), ("warning", "warning"), ("error", "error"), ("user", "user")],
                        default=domain.states.EventCategory["INFO"],
                        max_length=8,
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("lab_s", models.FloatField()),
                ("user_name", models.CharField(blank=True, default="", max_length=150)),
                ("entity", models.CharField(blank=True, default="", max_length=24)),
                ("entity_name", models.CharField(blank=True, default="", max_length=80)),
                ("related", models.JSONField(blank=True, default=dict)),
                ("fields", models.JSONField(blank=True, default=dict)),
                (
                    "task",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="events",
                        to="inventory.task",
                    ),
                ),
                (
                    "vcenter",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="events", to="inventory.vcenter"
                    ),
                ),
            ],
            options={
                "verbose_name": "event",
                "ordering": ("-key",),
                "indexes": [models.Index(fields=["vcenter", "entity", "-key"], name="inventory_e_vcenter_3fd57a_idx")],
                "constraints": [models.UniqueConstraint(fields=("vcenter", "key"), name="event_key")],
            },
        ),
        migrations.CreateModel(
            name="TriggeredAlarm",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("entity", models.CharField(max_length=24)),
                ("entity_kind", models.CharField(max_length=32)),
                ("entity_name", models.CharField(max_length=80)),
                (
                    "status",
                    models.CharField(
                        choices=[("gray", "gray"), ("green", "green"), ("yellow", "yellow"), ("red", "red")],
                        max_length=8,
                    ),
                ),
                ("triggered_lab_s", models.FloatField()),
                ("acknowledged", models.BooleanField(default=False)),
                ("acknowledged_by", models.CharField(blank=True, default="", max_length=150)),
                ("acknowledged_lab_s", models.FloatField(blank=True, null=True)),
                (
                    "definition",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="triggered",
                        to="inventory.alarmdefinition",
                    ),
                ),
                (
                    "vcenter",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="triggered_alarms",
                        to="inventory.vcenter",
                    ),
                ),
            ],
            options={
                "verbose_name": "triggered alarm",
                "ordering": ("-triggered_lab_s",),
                "indexes": [models.Index(fields=["vcenter", "entity"], name="inventory_t_vcenter_eef0e4_idx")],
                "constraints": [models.UniqueConstraint(fields=("definition", "entity"), name="alarm_once")],
            },
        ),
        migrations.CreateModel(
            name="ScheduledTask",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("entity", models.CharField(max_length=24)),
                ("entity_kind", models.CharField(max_length=32)),
                ("entity_name", models.CharField(max_length=80)),
                ("name", models.CharField(max_length=80, verbose_name="name")),
                ("verb", models.CharField(max_length=40)),
                ("args", models.JSONField(blank=True, default=dict)),
                ("timing", models.JSONField(default=dict)),
                ("timezone", models.CharField(default="UTC", max_length=40)),
                ("enabled", models.BooleanField(default=True, verbose_name="enabled")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("last_run_at", models.DateTimeField(editable=False, null=True)),
                ("last_run_id", models.CharField(blank=True, default="", editable=False, max_length=64)),
                ("last_result", models.JSONField(default=dict, editable=False)),
                ("last_fault", models.JSONField(editable=False, null=True)),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="scheduled_tasks",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "last_task",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="inventory.task",
                    ),
                ),
                (
                    "vcenter",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="scheduled_tasks",
                        to="inventory.vcenter",
                    ),
                ),
            ],
            options={
                "verbose_name": "scheduled task",
                "verbose_name_plural": "scheduled tasks",
                "ordering": ("name", "id"),
                "indexes": [models.Index(fields=["vcenter", "entity"], name="inventory_s_vcenter_cb02d5_idx")],
                "constraints": [models.UniqueConstraint(fields=("vcenter", "name"), name="scheduled_task_name")],
            },
        ),
        migrations.CreateModel(
            name="Permission",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("entity", models.CharField(max_length=24)),
                ("propagate", models.BooleanField(default=True, verbose_name="propagate to children")),
                (
                    "group",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="vsphere_permissions",
                        to="auth.group",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="vsphere_permissions",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "role",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="permissions", to="inventory.role"
                    ),
                ),
                (
                    "vcenter",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="permissions", to="inventory.vcenter"
                    ),
                ),
            ],
            options={
                "verbose_name": "permission",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("user__isnull", False)),
                        fields=("vcenter", "entity", "user"),
                        name="permission_user",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("group__isnull", False)),
                        fields=("vcenter", "entity", "group"),
                        name="permission_group",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("group__isnull", True), ("user__isnull", False)),
                            models.Q(("group__isnull", False), ("user__isnull", True)),
                            _connector="OR",
                        ),
                        name="permission_one_principal",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="CustomValue",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("entity", models.CharField(max_length=24)),
                ("value", models.CharField(blank=True, default="", max_length=255)),
                (
                    "attribute",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="values",
                        to="inventory.customattribute",
                    ),
                ),
                (
                    "vcenter",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="inventory.vcenter"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["vcenter", "entity"], name="inventory_c_vcenter_3b1382_idx")],
                "constraints": [models.UniqueConstraint(fields=("attribute", "entity"), name="value_once")],
            },
        ),
        migrations.CreateModel(
            name="TagAssignment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("entity", models.CharField(max_length=24)),
                (
                    "tag",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="assignments", to="inventory.tag"
                    ),
                ),
                (
                    "vcenter",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="inventory.vcenter"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["vcenter", "entity"], name="inventory_t_vcenter_744f0c_idx")],
                "constraints": [models.UniqueConstraint(fields=("tag", "entity"), name="tag_once")],
            },
        ),
        migrations.CreateModel(
            name="EventLink",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("moref", models.CharField(max_length=24)),
                (
                    "event",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="links", to="inventory.event"
                    ),
                ),
                (
                    "vcenter",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="inventory.vcenter"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["vcenter", "moref", "-event"], name="inventory_e_vcenter_8b2267_idx")],
            },
        ),
        migrations.CreateModel(
            name="Datacenter",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("moref", models.CharField(max_length=24, verbose_name="reference")),
                ("name", models.CharField(max_length=80, verbose_name="name")),
                (
                    "overall_status",
                    models.CharField(
                        choices=[("gray", "gray"), ("green", "green"), ("yellow", "yellow"), ("red", "red")],
                        default=domain.states.Status["GREEN"],
                        editable=False,
                        max_length=8,
                        verbose_name="status",
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created")),
                ("change_version", models.PositiveIntegerField(default=1, editable=False)),
                (
                    "vcenter",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="inventory.vcenter",
                        verbose_name="vCenter",
                    ),
                ),
            ],
            options={
                "verbose_name": "datacenter",
                "ordering": ("name", "id"),
                "abstract": False,
                "constraints": [models.UniqueConstraint(fields=("vcenter", "moref"), name="datacenter_moref")],
            },
        ),
        migrations.CreateModel(
            name="Folder",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("moref", models.CharField(max_length=24, verbose_name="reference")),
                ("name", models.CharField(max_length=80, verbose_name="name")),
                (
                    "overall_status",
                    models.CharField(
                        choices=[("gray", "gray"), ("green", "green"), ("yellow", "yellow"), ("red", "red")],
                        default=domain.states.Status["GREEN"],
                        editable=False,
                        max_length=8,
                        verbose_name="status",
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created")),
                ("change_version", models.PositiveIntegerField(default=1, editable=False)),
                (
                    "folder_kind",
                    models.CharField(
                        choices=[
                            ("datacenter", "datacenter"),
                            ("vm", "vm"),
                            ("host", "host"),
                            ("datastore", "datastore"),
                            ("network", "network"),
                        ],
                        max_length=12,
                    ),
                ),
                ("fixed", models.BooleanField(default=False)),
                (
                    "datacenter",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="folders",
                        to="inventory.datacenter",
                    ),
                ),
                (
                    "parent",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="children",
                        to="inventory.folder",
                    ),
                ),
                (
                    "vcenter",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="inventory.vcenter",
                        verbose_name="vCenter",
                    ),
                ),
            ],
            options={
                "verbose_name": "folder",
                "ordering": ("name", "id"),
                "abstract": False,
                "constraints": [
                    models.UniqueConstraint(fields=("vcenter", "moref"), name="folder_moref"),
                    models.UniqueConstraint(
                        condition=models.Q(("fixed", False)), fields=("parent", "name"), name="folder_name"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("fixed", True)), fields=("datacenter", "folder_kind"), name="folder_fixed"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Cluster",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("moref", models.CharField(max_length=24, verbose_name="reference")),
                ("name", models.CharField(max_length=80, verbose_name="name")),
                (
                    "overall_status",
                    models.CharField(
                        choices=[("gray", "gray"), ("green", "green"), ("yellow", "yellow"), ("red", "red")],
                        default=domain.states.Status["GREEN"],
                        editable=False,
                        max_length=8,
                        verbose_name="status",
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created")),
                ("change_version", models.PositiveIntegerField(default=1, editable=False)),
                ("standalone", models.BooleanField(default=False)),
                ("slot", models.PositiveIntegerField(editable=False)),
                ("evc_mode", models.CharField(blank=True, default="", max_length=24, verbose_name="EVC mode")),
                ("drs_enabled", models.BooleanField(default=False, verbose_name="vSphere DRS")),
                (
                    "drs_automation",
                    models.CharField(
                        choices=[
                            ("manual", "manual"),
                            ("partiallyAutomated", "partiallyAutomated"),
                            ("fullyAutomated", "fullyAutomated"),
                            ("disabled", "disabled"),
                        ],
                        default=domain.states.DrsBehavior["FULL"],
                        max_length=20,
                        verbose_name="automation level",
                    ),
                ),
                ("drs_threshold", models.PositiveSmallIntegerField(default=3, verbose_name="migration threshold")),
                ("drs_vm_overrides", models.BooleanField(default=True, verbose_name="virtual machine automation")),
                ("drs_options", models.JSONField(blank=True, default=dict, verbose_name="advanced options")),
                ("scalable_shares", models.BooleanField(default=False, verbose_name="scalable shares")),
                ("dpm_enabled", models.BooleanField(default=False, verbose_name="DPM")),
                (
                    "dpm_automation",
                    models.CharField(default="manual", max_length=20, verbose_name="DPM automation level"),
                ),
                ("dpm_threshold", models.PositiveSmallIntegerField(default=3, verbose_name="DPM threshold")),
                ("ha_enabled", models.BooleanField(default=False, verbose_name="vSphere HA")),
                ("ha_options", models.JSONField(blank=True, default=dict)),
                (
                    "datacenter",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="clusters", to="inventory.datacenter"
                    ),
                ),
                (
                    "folder",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="clusters", to="inventory.folder"
                    ),
                ),
                (
                    "vcenter",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="inventory.vcenter",
                        verbose_name="vCenter",
                    ),
                ),
            ],
            options={
                "verbose_name": "cluster",
                "ordering": ("name", "id"),
                "abstract": False,
                "constraints": [
                    models.UniqueConstraint(fields=("vcenter", "moref"), name="cluster_moref"),
                    models.UniqueConstraint(fields=("folder", "name"), name="cluster_name"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Host",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("moref", models.CharField(max_length=24, verbose_name="reference")),
                ("name", models.CharField(max_length=80, verbose_name="name")),
                (
                    "overall_status",
                    models.CharField(
                        choices=[("gray", "gray"), ("green", "green"), ("yellow", "yellow"), ("red", "red")],
                        default=domain.states.Status["GREEN"],
                        editable=False,
                        max_length=8,
                        verbose_name="status",
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created")),
                ("change_version", models.PositiveIntegerField(default=1, editable=False)),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False)),
                ("slot", models.PositiveIntegerField(editable=False)),
                (
                    "connection_state",
                    models.CharField(
                        choices=[
                            ("connected", "connected"),
                            ("notResponding", "notResponding"),
                            ("disconnected", "disconnected"),
                        ],
                        default=domain.states.HostConnection["CONNECTED"],
                        max_length=16,
                        verbose_name="connection",
                    ),
                ),
                (
                    "power_state",
                    models.CharField(
                        choices=[
                            ("poweredOn", "poweredOn"),
                            ("poweredOff", "poweredOff"),
                            ("standBy", "standBy"),
                            ("unknown", "unknown"),
                        ],
                        default=domain.states.HostPower["ON"],
                        max_length=12,
                        verbose_name="power",
                    ),
                ),
                (
                    "standby_mode",
                    models.CharField(
                        choices=[("none", "none"), ("entering", "entering"), ("in", "in"), ("exiting", "exiting")],
                        default=domain.states.StandbyMode["NONE"],
                        max_length=10,
                    ),
                ),
                ("in_maintenance", models.BooleanField(default=False, verbose_name="maintenance mode")),
                ("entering_maintenance", models.BooleanField(default=False, editable=False)),
                (
                    "host_kind",
                    models.CharField(
                        choices=[("bareMetal", "bareMetal"), ("hosted", "hosted")],
                        default=domain.states.HostKind["BARE_METAL"],
                        max_length=10,
                        verbose_name="hypervisor type",
                    ),
                ),
                ("model", models.CharField(default="lab-1u", max_length=40, verbose_name="model")),
                ("vendor", models.CharField(default="Lab", max_length=40, verbose_name="vendor")),
                ("cpu_model", models.CharField(default="", max_length=80, verbose_name="processor type")),
                (
                    "cpu_generation",
                    models.CharField(default="intel-cascadelake", max_length=24, verbose_name="CPU generation"),
                ),
                ("hypervisor_version", models.CharField(default="8.0.3", max_length=40)),
                ("sockets", models.PositiveSmallIntegerField(default=1)),
                ("cores", models.PositiveSmallIntegerField(default=16)),
                ("threads", models.PositiveSmallIntegerField(default=32, verbose_name="logical processors")),
                ("core_mhz", models.PositiveIntegerField(default=2600)),
                ("memory_mib", models.PositiveIntegerField(default=131072)),
                ("nic_mbps", models.JSONField(default=list)),
                ("vmotion_enabled", models.BooleanField(default=True)),
                ("boot_median_s", models.FloatField(default=300.0)),
                ("boot_lab_s", models.FloatField(default=0.0)),
                ("nics_down", models.JSONField(blank=True, default=list)),
                ("dpm_behavior", models.CharField(default="default", max_length=12)),
                ("bmc_address", models.CharField(blank=True, default="", max_length=64, verbose_name="BMC address")),
                ("bmc_user", models.CharField(blank=True, default="", max_length=64, verbose_name="BMC user")),
                ("bmc_mac", models.CharField(blank=True, default="", max_length=17, verbose_name="BMC MAC address")),
                ("wake_on_lan", models.BooleanField(default=True)),
                ("last_exit_standby_lab_s", models.FloatField(blank=True, null=True)),
                ("last_exit_standby_ok", models.BooleanField(blank=True, null=True)),
                ("wake_estimate_s", models.FloatField(default=300.0)),
                ("ha_state", models.CharField(blank=True, default="", max_length=40)),
                (
                    "cluster",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="hosts", to="inventory.cluster"
                    ),
                ),
                (
                    "vcenter",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="inventory.vcenter",
                        verbose_name="vCenter",
                    ),
                ),
            ],
            options={
                "verbose_name": "host",
                "ordering": ("name", "id"),
                "abstract": False,
                "indexes": [models.Index(fields=["vcenter", "name"], name="inventory_h_vcenter_942ad0_idx")],
                "constraints": [
                    models.UniqueConstraint(fields=("vcenter", "moref"), name="host_moref"),
                    models.UniqueConstraint(fields=("vcenter", "uuid"), name="host_uuid"),
                    models.UniqueConstraint(fields=("vcenter", "name"), name="host_name"),
                ],
            },
        ),
        migrations.CreateModel(
            name="ResourcePool",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("moref", models.CharField(max_length=24, verbose_name="reference")),
                ("name", models.CharField(max_length=80, verbose_name="name")),
                (
                    "overall_status",
                    models.CharField(
                        choices=[("gray", "gray"), ("green", "green"), ("yellow", "yellow"), ("red", "red")],
                        default=domain.states.Status["GREEN"],
                        editable=False,
                        max_length=8,
                        verbose_name="status",
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created")),
                ("change_version", models.PositiveIntegerField(default=1, editable=False)),
                ("cpu_reservation_mhz", models.PositiveIntegerField(default=0, verbose_name="CPU reservation (MHz)")),
                ("cpu_limit_mhz", models.IntegerField(default=-1, verbose_name="CPU limit (MHz)")),
                ("cpu_shares_level", models.CharField(default="normal", max_length=8, verbose_name="CPU shares")),
                ("cpu_shares", models.PositiveIntegerField(default=1000, verbose_name="CPU shares value")),
                (
                    "memory_reservation_mib",
                    models.PositiveIntegerField(default=0, verbose_name="memory reservation (MB)"),
                ),
                ("memory_limit_mib", models.IntegerField(default=-1, verbose_name="memory limit (MB)")),
                ("memory_shares_level", models.CharField(default="normal", max_length=8, verbose_name="memory shares")),
                ("memory_shares", models.PositiveIntegerField(default=10240, verbose_name="memory shares value")),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False)),
                ("slot", models.PositiveIntegerField(editable=False)),
                ("cpu_expandable", models.BooleanField(default=True, verbose_name="CPU reservation expandable")),
                ("memory_expandable", models.BooleanField(default=True, verbose_name="memory reservation expandable")),
                ("scalable_shares", models.BooleanField(default=False, verbose_name="scalable shares")),
                ("is_vapp", models.BooleanField(default=False)),
                ("vapp_options", models.JSONField(blank=True, default=dict)),
                (
                    "cluster",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="pools", to="inventory.cluster"
                    ),
                ),
                (
                    "parent",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="children",
                        to="inventory.resourcepool",
                    ),
                ),
                (
                    "vcenter",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="inventory.vcenter",
                        verbose_name="vCenter",
                    ),
                ),
            ],
            options={
                "verbose_name": "resource pool",
                "ordering": ("name", "id"),
                "abstract": False,
                "constraints": [
                    models.UniqueConstraint(fields=("vcenter", "moref"), name="pool_moref"),
                    models.UniqueConstraint(fields=("parent", "name"), name="pool_name"),
                    models.UniqueConstraint(
                        condition=models.Q(("parent__isnull", True)), fields=("cluster",), name="pool_one_root"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Datastore",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("moref", models.CharField(max_length=24, verbose_name="reference")),
                ("name", models.CharField(max_length=80, verbose_name="name")),
                (
                    "overall_status",
                    models.CharField(
                        choices=[("gray", "gray"), ("green", "green"), ("yellow", "yellow"), ("red", "red")],
                        default=domain.states.Status["GREEN"],
                        editable=False,
                        max_length=8,
                        verbose_name="status",
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created")),
                ("change_version", models.PositiveIntegerField(default=1, editable=False)),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False)),
                ("slot", models.PositiveIntegerField(editable=False)),
                (
                    "store_kind",
                    models.CharField(
                        choices=[("VMFS", "VMFS"), ("NFS", "NFS"), ("NFS41", "NFS41"), ("vsan", "vsan")],
                        default=domain.states.DatastoreKind["VMFS"],
                        max_length=8,
                        verbose_name="type",
                    ),
                ),
                ("capacity_bytes", models.BigIntegerField(default=4398046511104, verbose_name="capacity")),
                ("used_bytes", models.BigIntegerField(default=0, editable=False, verbose_name="used")),
                ("provisioned_bytes", models.BigIntegerField(default=0, editable=False, verbose_name="provisioned")),
                ("local", models.BooleanField(default=False, verbose_name="local to one host")),
                ("ssd", models.BooleanField(default=True, verbose_name="SSD")),
                ("iops_max", models.PositiveIntegerField(default=50000)),
                ("bandwidth_mbps", models.PositiveIntegerField(default=16000)),
                ("accessible", models.BooleanField(default=True, editable=False)),
                ("slow", models.BooleanField(default=False, editable=False)),
                ("maintenance_mode", models.CharField(default="normal", max_length=24)),
                (
                    "datacenter",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="datastores",
                        to="inventory.datacenter",
                    ),
                ),
                (
                    "folder",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="datastores", to="inventory.folder"
                    ),
                ),
                (
                    "vcenter",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="inventory.vcenter",
                        verbose_name="vCenter",
                    ),
                ),
            ],
            options={
                "verbose_name": "datastore",
                "ordering": ("name", "id"),
                "abstract": False,
                "constraints": [
                    models.UniqueConstraint(fields=("vcenter", "moref"), name="datastore_moref"),
                    models.UniqueConstraint(fields=("vcenter", "uuid"), name="datastore_uuid"),
                    models.UniqueConstraint(fields=("datacenter", "name"), name="datastore_name"),
                ],
            },
        ),
        migrations.CreateModel(
            name="DatastoreMount",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("accessible", models.BooleanField(default=True)),
                (
                    "datastore",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="mounts", to="inventory.datastore"
                    ),
                ),
                (
                    "host",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="mounts", to="inventory.host"
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("host", "datastore"), name="mount_once")],
            },
        ),
        migrations.CreateModel(
            name="HostNetwork",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "host",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="host_networks", to="inventory.host"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Network",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("moref", models.CharField(max_length=24, verbose_name="reference")),
                ("name", models.CharField(max_length=80, verbose_name="name")),
                (
                    "overall_status",
                    models.CharField(
                        choices=[("gray", "gray"), ("green", "green"), ("yellow", "yellow"), ("red", "red")],
                        default=domain.states.Status["GREEN"],
                        editable=False,
                        max_length=8,
                        verbose_name="status",
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created")),
                ("change_version", models.PositiveIntegerField(default=1, editable=False)),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False)),
                ("vlan", models.PositiveSmallIntegerField(default=0, verbose_name="VLAN")),
                (
                    "datacenter",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="networks", to="inventory.datacenter"
                    ),
                ),
                (
                    "folder",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="networks", to="inventory.folder"
                    ),
                ),
                (
                    "hosts",
                    models.ManyToManyField(
                        related_name="networks", through="inventory.HostNetwork", to="inventory.host"
                    ),
                ),
                (
                    "vcenter",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="inventory.vcenter",
                        verbose_name="vCenter",
                    ),
                ),
            ],
            options={
                "verbose_name": "network",
                "ordering": ("name", "id"),
                "abstract": False,
                "constraints": [
                    models.UniqueConstraint(fields=("vcenter", "moref"), name="network_moref"),
                    models.UniqueConstraint(fields=("vcenter", "uuid"), name="network_uuid"),
                    models.UniqueConstraint(fields=("datacenter", "name"), name="network_name"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Snapshot",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("moref", models.CharField(max_length=24)),
                ("name", models.CharField(max_length=80, verbose_name="name")),
                ("description", models.TextField(blank=True, default="", verbose_name="description")),
                ("created_lab_s", models.FloatField(default=0.0)),
                ("power_state", models.CharField(default=domain.states.VmPower["OFF"], max_length=12)),
                ("with_memory", models.BooleanField(default=False)),
                ("quiesced", models.BooleanField(default=False)),
                ("size_bytes", models.BigIntegerField(default=0)),
                ("config", models.JSONField(default=dict)),
                ("ready", models.BooleanField(default=False)),
                (
                    "parent",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="children",
                        to="inventory.snapshot",
                    ),
                ),
            ],
            options={
                "verbose_name": "snapshot",
                "ordering": ("created_lab_s", "id"),
            },
        ),
        migrations.CreateModel(
            name="VirtualMachine",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("moref", models.CharField(max_length=24, verbose_name="reference")),
                ("name", models.CharField(max_length=80, verbose_name="name")),
                (
                    "overall_status",
                    models.CharField(
                        choices=[("gray", "gray"), ("green", "green"), ("yellow", "yellow"), ("red", "red")],
                        default=domain.states.Status["GREEN"],
                        editable=False,
                        max_length=8,
                        verbose_name="status",
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created")),
                ("change_version", models.PositiveIntegerField(default=1, editable=False)),
                ("cpu_reservation_mhz", models.PositiveIntegerField(default=0, verbose_name="CPU reservation (MHz)")),
                ("cpu_limit_mhz", models.IntegerField(default=-1, verbose_name="CPU limit (MHz)")),
                ("cpu_shares_level", models.CharField(default="normal", max_length=8, verbose_name="CPU shares")),
                ("cpu_shares", models.PositiveIntegerField(default=1000, verbose_name="CPU shares value")),
                (
                    "memory_reservation_mib",
                    models.PositiveIntegerField(default=0, verbose_name="memory reservation (MB)"),
                ),
                ("memory_limit_mib", models.IntegerField(default=-1, verbose_name="memory limit (MB)")),
                ("memory_shares_level", models.CharField(default="normal", max_length=8, verbose_name="memory shares")),
                ("memory_shares", models.PositiveIntegerField(default=10240, verbose_name="memory shares value")),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False)),
                ("slot", models.PositiveIntegerField(editable=False)),
                (
                    "power_state",
                    models.CharField(
                        choices=[("poweredOff", "poweredOff"), ("poweredOn", "poweredOn"), ("suspended", "suspended")],
                        default=domain.states.VmPower["OFF"],
                        max_length=12,
                        verbose_name="power",
                    ),
                ),
                (
                    "connection_state",
                    models.CharField(
                        choices=[
                            ("connected", "connected"),
                            ("disconnected", "disconnected"),
                            ("orphaned", "orphaned"),
                            ("inaccessible", "inaccessible"),
                            ("invalid", "invalid"),
                        ],
                        default=domain.states.VmConnection["CONNECTED"],
                        max_length=14,
                    ),
                ),
                (
                    "tools_status",
                    models.CharField(
                        choices=[
                            ("toolsNotInstalled", "toolsNotInstalled"),
                            ("toolsNotRunning", "toolsNotRunning"),
                            ("toolsOk", "toolsOk"),
                        ],
                        default=domain.states.ToolsStatus["NOT_RUNNING"],
                        max_length=20,
                    ),
                ),
                ("ip_address", models.CharField(blank=True, default="", max_length=45, verbose_name="IP address")),
                ("boot_lab_s", models.FloatField(default=0.0, editable=False)),
                ("provisioning", models.BooleanField(default=False, editable=False)),
                ("template", models.BooleanField(default=False, verbose_name="template")),
                ("deleted_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("purge_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("vcpus", models.PositiveIntegerField(default=1, verbose_name="CPUs")),
                ("cores_per_socket", models.PositiveIntegerField(default=1, verbose_name="cores per socket")),
                ("memory_mib", models.PositiveIntegerField(default=1024, verbose_name="memory (MB)")),
                ("boot_memory_mib", models.PositiveIntegerField(default=0, editable=False)),
                ("cpu_hot_add", models.BooleanField(default=False, verbose_name="CPU hot add")),
                ("cpu_hot_remove", models.BooleanField(default=False, verbose_name="CPU hot remove")),
                ("memory_hot_add", models.BooleanField(default=False, verbose_name="memory hot add")),
                ("guest_id", models.CharField(default="otherGuest64", max_length=40, verbose_name="guest OS")),
                ("hardware_version", models.PositiveSmallIntegerField(default=20, verbose_name="hardware version")),
                ("firmware", models.CharField(default="efi", max_length=8, verbose_name="firmware")),
                ("boot_delay_ms", models.PositiveIntegerField(default=0, verbose_name="boot delay (ms)")),
                (
                    "enter_bios_setup",
                    models.BooleanField(default=False, verbose_name="enter firmware setup at next boot"),
                ),
                ("notes", models.TextField(blank=True, default="", verbose_name="notes")),
                ("tools_installed", models.BooleanField(default=True, verbose_name="guest tools installed")),
                ("cd_path", models.CharField(blank=True, default="", max_length=255, verbose_name="CD image")),
                ("cd_connected", models.BooleanField(default=False)),
                ("archetype", models.CharField(default="web", max_length=8, verbose_name="workload")),
                ("trace", models.CharField(blank=True, default="", max_length=120, verbose_name="trace")),
                ("trace_scale", models.FloatField(default=1.0)),
                ("trace_offset_s", models.FloatField(default=0.0)),
                ("features_mask", models.BigIntegerField(default=0, editable=False)),
                ("swap_bytes", models.BigIntegerField(default=0, editable=False)),
                ("consolidation_needed", models.BooleanField(default=False)),
                ("drs_override", models.CharField(blank=True, default="", max_length=20)),
                ("ha_restart_priority", models.CharField(blank=True, default="", max_length=10)),
                ("ha_protected", models.BooleanField(default=False)),
                (
                    "cd_datastore",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="inventory.datastore",
                    ),
                ),
                (
                    "current_snapshot",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="inventory.snapshot",
                    ),
                ),
                (
                    "folder",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="vms", to="inventory.folder"
                    ),
                ),
                (
                    "host",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="vms", to="inventory.host"
                    ),
                ),
                (
                    "pool",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="vms",
                        to="inventory.resourcepool",
                    ),
                ),
                (
                    "vcenter",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="inventory.vcenter",
                        verbose_name="vCenter",
                    ),
                ),
            ],
            options={
                "verbose_name": "virtual machine",
                "ordering": ("name", "id"),
                "abstract": False,
                "base_manager_name": "everything",
                "indexes": [
                    models.Index(fields=["vcenter", "name"], name="inventory_v_vcenter_7aff0e_idx"),
                    models.Index(fields=["host", "power_state"], name="inventory_v_host_id_c780fa_idx"),
                    models.Index(fields=["vcenter", "overall_status"], name="vm_by_status"),
                    models.Index(
                        condition=models.Q(("deleted_at__isnull", True)),
                        fields=["host", "vcenter"],
                        name="vm_listed_by_host",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("vcenter", "moref"), name="vm_moref"),
                    models.UniqueConstraint(fields=("vcenter", "uuid"), name="vm_uuid"),
                    models.UniqueConstraint(
                        condition=models.Q(("deleted_at__isnull", True)),
                        fields=("folder", "name"),
                        name="vm_name_in_folder",
                    ),
                    models.UniqueConstraint(fields=("vcenter", "slot"), name="vm_slot"),
                ],
            },
            managers=[
                ("objects", django.db.models.manager.Manager()),
                ("everything", django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name="VirtualDisk",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.PositiveIntegerField(default=2000)),
                ("label", models.CharField(default="Hard disk 1", max_length=40)),
                ("capacity_bytes", models.BigIntegerField(default=17179869184, verbose_name="capacity")),
                ("used_bytes", models.BigIntegerField(default=0, editable=False, verbose_name="used")),
                (
                    "provisioning",
                    models.CharField(
                        choices=[
                            ("thin", "thin"),
                            ("thickLazyZeroed", "thickLazyZeroed"),
                            ("thickEagerZeroed", "thickEagerZeroed"),
                        ],
                        default=domain.states.DiskProvisioning["THIN"],
                        max_length=20,
                    ),
                ),
                ("independent", models.BooleanField(default=False)),
                (
                    "datastore",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="disks", to="inventory.datastore"
                    ),
                ),
                (
                    "vm",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="disks", to="inventory.virtualmachine"
                    ),
                ),
            ],
            options={
                "verbose_name": "virtual disk",
                "ordering": ("key",),
                "indexes": [models.Index(fields=["vm", "capacity_bytes", "used_bytes"], name="disk_space")],
                "constraints": [models.UniqueConstraint(fields=("vm", "key"), name="disk_key")],
            },
        ),
        migrations.CreateModel(
            name="VirtualNic",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.PositiveIntegerField(default=4000)),
                ("label", models.CharField(default="Network adapter 1", max_length=40)),
                ("adapter", models.CharField(default="vmxnet3", max_length=12)),
                ("mac", models.CharField(max_length=17, verbose_name="MAC address")),
                ("connected", models.BooleanField(default=True)),
                ("start_connected", models.BooleanField(default=True)),
                (
                    "network",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="nics",
                        to="inventory.network",
                    ),
                ),
                (
                    "vm",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="nics", to="inventory.virtualmachine"
                    ),
                ),
            ],
            options={
                "verbose_name": "network adapter",
                "ordering": ("key",),
                "constraints": [models.UniqueConstraint(fields=("vm", "key"), name="nic_key")],
            },
        ),
        migrations.AddField(
            model_name="Datacenter",
            name="folder",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="datacenters", to="inventory.folder"
            ),
        ),
        migrations.AddField(
            model_name="Datastore",
            name="hosts",
            field=models.ManyToManyField(
                related_name="datastores", through="inventory.DatastoreMount", to="inventory.host"
            ),
        ),
        migrations.AddField(
            model_name="HostNetwork",
            name="network",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="host_networks", to="inventory.network"
            ),
        ),
        migrations.AddField(
            model_name="Snapshot",
            name="vm",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="snapshots", to="inventory.virtualmachine"
            ),
        ),
        migrations.AddConstraint(
            model_name="Datacenter",
            constraint=models.UniqueConstraint(fields=("folder", "name"), name="datacenter_name"),
        ),
        migrations.AddConstraint(
            model_name="HostNetwork",
            constraint=models.UniqueConstraint(fields=("host", "network"), name="host_network_once"),
        ),
        migrations.AddConstraint(
            model_name="Snapshot",
            constraint=models.UniqueConstraint(fields=("vm", "moref"), name="snapshot_moref"),
        ),
    ]
