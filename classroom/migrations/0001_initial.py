# The whole schema; later changes follow in files of their own.

import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import classroom.models.courses


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("inventory", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Course",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=80, verbose_name="name")),
                ("description", models.CharField(blank=True, default="", max_length=400, verbose_name="description")),
                (
                    "code",
                    models.CharField(
                        default=classroom.models.courses.new_code, max_length=12, unique=True, verbose_name="join code"
                    ),
                ),
                ("joinable", models.BooleanField(default=True, verbose_name="open to whoever has the join code")),
                ("student_clock", models.BooleanField(default=False, verbose_name="students may change the clock")),
                (
                    "max_labs",
                    models.PositiveIntegerField(
                        default=60,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(400),
                        ],
                        verbose_name="labs at most",
                    ),
                ),
                (
                    "max_hosts",
                    models.PositiveIntegerField(
                        default=16,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(64),
                        ],
                        verbose_name="hosts per lab at most",
                    ),
                ),
                (
                    "max_vms",
                    models.PositiveIntegerField(
                        default=200,
                        validators=[
                            django.core.validators.MinValueValidator(0),
                            django.core.validators.MaxValueValidator(2000),
                        ],
                        verbose_name="VMs per lab at most",
                    ),
                ),
                (
                    "lab_days",
                    models.PositiveIntegerField(
                        blank=True,
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(400),
                        ],
                        verbose_name="days until a lab expires",
                    ),
                ),
                (
                    "on_expiry",
                    models.CharField(
                        choices=[("freeze", "Freeze the lab"), ("delete", "Delete the lab")],
                        default="freeze",
                        max_length=8,
                        verbose_name="then",
                    ),
                ),
                ("created", models.DateTimeField(auto_now_add=True, verbose_name="created")),
                ("archived", models.BooleanField(default=False, verbose_name="archived")),
                (
                    "co_teachers",
                    models.ManyToManyField(
                        blank=True,
                        related_name="courses_co_taught",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="co-teachers",
                    ),
                ),
                (
                    "teacher",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="courses_taught",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="teacher",
                    ),
                ),
            ],
            options={
                "verbose_name": "course",
                "verbose_name_plural": "courses",
                "ordering": ("archived", "name", "id"),
            },
        ),
        migrations.CreateModel(
            name="FirstPassword",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("hash", models.CharField(max_length=256)),
                ("created", models.DateTimeField(auto_now_add=True)),
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="first_password",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "first password",
            },
        ),
        migrations.CreateModel(
            name="Checkpoint",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=80, verbose_name="name")),
                ("lab_s", models.FloatField(verbose_name="lab time")),
                ("lab_time", models.DateTimeField(verbose_name="lab time")),
                ("path", models.CharField(editable=False, max_length=120)),
                ("size", models.BigIntegerField(verbose_name="size")),
                ("sha256", models.CharField(editable=False, max_length=64)),
                ("hosts", models.PositiveIntegerField(default=0, verbose_name="hosts")),
                ("vms", models.PositiveIntegerField(default=0, verbose_name="virtual machines")),
                ("by_name", models.CharField(blank=True, default="", max_length=150)),
                ("created", models.DateTimeField(auto_now_add=True, verbose_name="created")),
                (
                    "by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="by",
                    ),
                ),
                (
                    "vcenter",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="checkpoints", to="inventory.vcenter"
                    ),
                ),
            ],
            options={
                "verbose_name": "checkpoint",
                "verbose_name_plural": "checkpoints",
                "ordering": ("lab_s", "id"),
                "constraints": [models.UniqueConstraint(fields=("vcenter", "name"), name="checkpoint_name")],
            },
        ),
        migrations.CreateModel(
            name="Assignment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("lesson", models.CharField(max_length=40, verbose_name="lesson")),
                ("order", models.PositiveSmallIntegerField(default=0, verbose_name="order")),
                ("opened_at", models.DateTimeField(auto_now_add=True, verbose_name="opened")),
                (
                    "course",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="assignments", to="classroom.course"
                    ),
                ),
            ],
            options={
                "verbose_name": "assignment",
                "ordering": ("order", "id"),
                "constraints": [models.UniqueConstraint(fields=("course", "lesson"), name="assignment_once")],
            },
        ),
        migrations.CreateModel(
            name="LabTemplate",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=80, verbose_name="name")),
                ("description", models.CharField(blank=True, default="", max_length=400, verbose_name="description")),
                (
                    "source",
                    models.CharField(
                        choices=[
                            ("plan", "Made from numbers"),
                            ("yaml", "Inventory file"),
                            ("capture", "Captured from a lab"),
                        ],
                        default="plan",
                        max_length=8,
                        verbose_name="source",
                    ),
                ),
                ("plan", models.JSONField(blank=True, default=dict, verbose_name="plan")),
                ("inventory", models.TextField(blank=True, default="", verbose_name="inventory")),
                (
                    "capture",
                    models.CharField(
                        blank=True, default="", editable=False, max_length=200, verbose_name="captured lab"
                    ),
                ),
                ("seed", models.BigIntegerField(default=1, verbose_name="seed")),
                ("same_seed", models.BooleanField(default=True, verbose_name="the same load for everybody")),
                ("speed", models.FloatField(default=10.0, verbose_name="clock speed")),
                ("traces", models.CharField(blank=True, default="", max_length=120, verbose_name="workload")),
                ("faults", models.JSONField(blank=True, default=dict, verbose_name="failure rates")),
                ("created", models.DateTimeField(auto_now_add=True, verbose_name="created")),
                (
                    "course",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="templates", to="classroom.course"
                    ),
                ),
            ],
            options={
                "verbose_name": "lab template",
                "verbose_name_plural": "lab templates",
                "ordering": ("name", "id"),
                "constraints": [models.UniqueConstraint(fields=("course", "name"), name="template_name")],
            },
        ),
        migrations.CreateModel(
            name="Membership",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("group", models.CharField(blank=True, default="", max_length=40, verbose_name="group")),
                ("joined", models.DateTimeField(auto_now_add=True, verbose_name="joined")),
                (
                    "course",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="memberships", to="classroom.course"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="memberships",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "member",
                "verbose_name_plural": "members",
                "ordering": ("group", "user__last_name", "user__username"),
                "constraints": [models.UniqueConstraint(fields=("course", "user"), name="membership_once")],
            },
        ),
        migrations.CreateModel(
            name="Batch",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("verb", models.CharField(max_length=16)),
                ("args", models.JSONField(blank=True, default=dict)),
                ("state", models.CharField(default="queued", max_length=8)),
                ("total", models.PositiveIntegerField(default=0)),
                ("done", models.PositiveIntegerField(default=0)),
                ("errors", models.JSONField(blank=True, default=list)),
                ("queued_at", models.DateTimeField(auto_now_add=True)),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "course",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="batches", to="classroom.course"
                    ),
                ),
            ],
            options={
                "verbose_name": "class-wide work",
                "ordering": ("-id",),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ("queued", "running"))),
                        fields=("course",),
                        name="batch_one_at_a_time",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Lab",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("created", models.DateTimeField(auto_now_add=True, verbose_name="created")),
                ("expires", models.DateTimeField(blank=True, null=True, verbose_name="expires")),
                ("warned_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("frozen", models.BooleanField(default=False, verbose_name="frozen")),
                (
                    "resume_speed",
                    models.FloatField(
                        blank=True, help_text="The clock's speed before the class was paused.", null=True
                    ),
                ),
                ("watched_at", models.DateTimeField(blank=True, null=True)),
                ("last_seen", models.DateTimeField(blank=True, null=True, verbose_name="last seen")),
                ("message", models.CharField(blank=True, default="", max_length=400, verbose_name="message")),
                ("message_by", models.CharField(blank=True, default="", max_length=150)),
                ("message_at", models.DateTimeField(blank=True, null=True)),
                (
                    "copied_from",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="copies",
                        to="classroom.lab",
                    ),
                ),
                (
                    "course",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="labs", to="classroom.course"
                    ),
                ),
                (
                    "driver",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="labs_driven",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "student",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="labs", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "vcenter",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="lab", to="inventory.vcenter"
                    ),
                ),
                (
                    "watcher",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="labs_watched",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "template",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="labs",
                        to="classroom.labtemplate",
                    ),
                ),
            ],
            options={
                "verbose_name": "lab",
                "verbose_name_plural": "labs",
                "ordering": ("student__last_name", "student__username", "id"),
                "indexes": [models.Index(fields=["expires"], name="classroom_l_expires_447c48_idx")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("copied_from", None)),
                        fields=("course", "template", "student"),
                        name="lab_once_per_template",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Attempt",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("lesson", models.CharField(max_length=40, verbose_name="lesson")),
                ("number", models.PositiveSmallIntegerField(default=1)),
                ("state", models.CharField(default="open", max_length=8)),
                ("started_at", models.DateTimeField(auto_now_add=True, verbose_name="started")),
                ("started_lab_s", models.FloatField()),
                ("checked_lab_s", models.FloatField(blank=True, null=True)),
                ("baseline", models.JSONField(blank=True, default=dict)),
                ("finished_at", models.DateTimeField(blank=True, null=True, verbose_name="finished")),
                ("finished_lab_s", models.FloatField(blank=True, null=True)),
                ("points", models.PositiveSmallIntegerField(default=0, verbose_name="points")),
                (
                    "lab",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="attempts", to="classroom.lab"
                    ),
                ),
            ],
            options={
                "verbose_name": "attempt",
                "ordering": ("id",),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "open")), fields=("lab",), name="attempt_one_open"
                    ),
                    models.UniqueConstraint(fields=("lab", "lesson", "number"), name="attempt_number"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Card",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=40, verbose_name="card")),
                ("arguments", models.JSONField(blank=True, default=dict)),
                ("due_lab_s", models.FloatField(blank=True, null=True)),
                ("drawn_at", models.DateTimeField(auto_now_add=True)),
                ("played_at", models.DateTimeField(blank=True, null=True)),
                ("played_lab_s", models.FloatField(blank=True, null=True)),
                ("broken_lab_s", models.FloatField(blank=True, null=True)),
                ("mended_at", models.DateTimeField(blank=True, null=True)),
                ("mended_lab_s", models.FloatField(blank=True, null=True)),
                ("checked_lab_s", models.FloatField(blank=True, null=True)),
                ("fault", models.JSONField(blank=True, null=True)),
                (
                    "drawn_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "lab",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="cards", to="classroom.lab"
                    ),
                ),
            ],
            options={
                "verbose_name": "sabotage card",
                "ordering": ("-id",),
                "indexes": [models.Index(fields=["lab", "mended_at"], name="classroom_c_lab_id_6f4a33_idx")],
            },
        ),
        migrations.CreateModel(
            name="StepResult",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("step", models.CharField(max_length=40)),
                ("state", models.CharField(default="open", max_length=8)),
                ("at", models.DateTimeField(blank=True, null=True)),
                ("done_lab_s", models.FloatField(blank=True, null=True)),
                ("points", models.PositiveSmallIntegerField(default=0)),
                ("hints", models.PositiveSmallIntegerField(default=0)),
                ("memory", models.JSONField(blank=True, default=dict)),
                ("seen", models.JSONField(blank=True, default=list)),
                (
                    "attempt",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="results", to="classroom.attempt"
                    ),
                ),
            ],
            options={
                "verbose_name": "result of a step",
                "ordering": ("id",),
                "constraints": [models.UniqueConstraint(fields=("attempt", "step"), name="step_once")],
            },
        ),
    ]
