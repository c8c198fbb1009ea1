# The whole schema; later changes follow in files of their own.

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("inventory", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="BmcSecret",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("sealed", models.TextField()),
                (
                    "host",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="bmc_secret", to="inventory.host"
                    ),
                ),
            ],
            options={
                "verbose_name": "BMC password",
            },
        ),
        migrations.CreateModel(
            name="ClusterSchedule",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("last_cycle_lab_s", models.FloatField(default=-1000000000.0)),
                ("requested", models.CharField(blank=True, default="", max_length=40)),
                ("running_until", models.DateTimeField(blank=True, null=True)),
                ("energy_j", models.FloatField(default=0.0)),
                ("twin_energy_j", models.FloatField(default=0.0)),
                ("host_off_s", models.FloatField(default=0.0)),
                ("metered_lab_s", models.FloatField(blank=True, null=True)),
                ("migrations", models.PositiveIntegerField(default=0)),
                (
                    "cluster",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="schedule", to="inventory.cluster"
                    ),
                ),
            ],
            options={
                "verbose_name": "cluster schedule",
            },
        ),
        migrations.CreateModel(
            name="Decision",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("lab_s", models.FloatField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("trigger", models.CharField(default="cycle", max_length=40)),
                ("seconds", models.FloatField(default=0.0)),
                ("score", models.FloatField(default=100.0)),
                ("score_after", models.FloatField(default=100.0)),
                ("bound", models.FloatField(default=100.0)),
                ("moves", models.PositiveIntegerField(default=0)),
                ("power_actions", models.PositiveIntegerField(default=0)),
                ("faults", models.PositiveIntegerField(default=0)),
                ("findings", models.PositiveIntegerField(default=0)),
                ("buckets", models.JSONField(default=list)),
                ("note", models.TextField(blank=True, default="")),
                ("inputs", models.BinaryField(default=bytes)),
                ("plan", models.BinaryField(default=bytes)),
                (
                    "cluster",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="decisions", to="inventory.cluster"
                    ),
                ),
            ],
            options={
                "verbose_name": "DRS decision",
                "ordering": ("-id",),
                "indexes": [models.Index(fields=["cluster", "-lab_s"], name="scheduler_d_cluster_04580e_idx")],
            },
        ),
        migrations.CreateModel(
            name="DrsGroup",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=80, verbose_name="name")),
                ("kind", models.CharField(choices=[("vm", "vm"), ("host", "host")], max_length=4)),
                ("members", models.JSONField(default=list)),
                (
                    "cluster",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="drs_groups", to="inventory.cluster"
                    ),
                ),
            ],
            options={
                "verbose_name": "VM/Host group",
                "ordering": ("name",),
                "constraints": [models.UniqueConstraint(fields=("cluster", "name"), name="drs_group_name")],
            },
        ),
        migrations.CreateModel(
            name="HaIsolation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("since_lab_s", models.FloatField()),
                ("due_lab_s", models.FloatField()),
                ("responded", models.BooleanField(default=False)),
                ("partition", models.BooleanField(default=False)),
                ("ended_lab_s", models.FloatField(blank=True, null=True)),
                (
                    "host",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="ha_isolations", to="inventory.host"
                    ),
                ),
            ],
            options={
                "verbose_name": "HA isolation",
                "ordering": ("-id",),
                "indexes": [models.Index(fields=["host", "ended_lab_s"], name="scheduler_h_host_id_c6a979_idx")],
            },
        ),
        migrations.CreateModel(
            name="HaRestart",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("vm", models.CharField(max_length=24)),
                ("vm_name", models.CharField(max_length=80)),
                ("host", models.CharField(max_length=24)),
                ("host_name", models.CharField(max_length=80)),
                ("failed_lab_s", models.FloatField()),
                ("declared_lab_s", models.FloatField()),
                ("due_lab_s", models.FloatField()),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("priority", models.PositiveSmallIntegerField(default=3)),
                ("state", models.CharField(default="waiting", max_length=10)),
                ("destination_name", models.CharField(blank=True, default="", max_length=80)),
                ("ended_lab_s", models.FloatField(blank=True, null=True)),
                ("stop_by_lab_s", models.FloatField(blank=True, null=True)),
                ("fault", models.JSONField(blank=True, null=True)),
                (
                    "cluster",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="ha_restarts", to="inventory.cluster"
                    ),
                ),
                (
                    "task",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="inventory.task",
                    ),
                ),
            ],
            options={
                "verbose_name": "HA restart",
                "ordering": ("-id",),
                "indexes": [models.Index(fields=["cluster", "state"], name="scheduler_h_cluster_0bb9ec_idx")],
            },
        ),
        migrations.CreateModel(
            name="Migration",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("vm", models.CharField(max_length=24)),
                ("vm_name", models.CharField(max_length=80)),
                ("kind", models.CharField(max_length=12)),
                ("cause", models.CharField(default="user", max_length=40)),
                ("source", models.CharField(max_length=24)),
                ("source_name", models.CharField(max_length=80)),
                ("destination", models.CharField(max_length=24)),
                ("destination_name", models.CharField(max_length=80)),
                ("started_lab_s", models.FloatField()),
                ("ended_lab_s", models.FloatField(blank=True, null=True)),
                ("ok", models.BooleanField(blank=True, null=True)),
                ("predicted_downtime_s", models.FloatField(blank=True, null=True)),
                ("downtime_s", models.FloatField(blank=True, null=True)),
                ("sent_mib", models.FloatField(blank=True, null=True)),
                ("rounds", models.JSONField(blank=True, default=list)),
                ("fault", models.JSONField(blank=True, null=True)),
                (
                    "task",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="migration",
                        to="inventory.task",
                    ),
                ),
                (
                    "vcenter",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="migrations", to="inventory.vcenter"
                    ),
                ),
            ],
            options={
                "verbose_name": "migration",
                "ordering": ("-id",),
                "indexes": [
                    models.Index(fields=["vcenter", "vm", "-id"], name="scheduler_m_vcenter_2b3f16_idx"),
                    models.Index(fields=["vcenter", "-ended_lab_s"], name="scheduler_m_vcenter_07be0b_idx"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Replay",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("created_lab_s", models.FloatField()),
                ("created_by", models.CharField(blank=True, default="", max_length=150)),
                ("origin", models.CharField(max_length=8)),
                ("source", models.CharField(max_length=120)),
                ("site", models.CharField(max_length=10)),
                ("semantics", models.CharField(max_length=10)),
                ("policies", models.JSONField(default=list)),
                ("vms", models.PositiveIntegerField()),
                ("hosts", models.PositiveIntegerField()),
                ("samples", models.PositiveIntegerField()),
                ("step_s", models.FloatField()),
                ("machines", models.JSONField(default=list)),
                ("trace", models.BinaryField(default=bytes)),
                ("results", models.BinaryField(default=bytes)),
                ("bound_kwh", models.FloatField(blank=True, null=True)),
                ("done", models.BooleanField(default=False)),
                ("fault", models.JSONField(blank=True, null=True)),
                ("running_until", models.DateTimeField(blank=True, null=True)),
                (
                    "cluster",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="replays", to="inventory.cluster"
                    ),
                ),
                (
                    "task",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="replay",
                        to="inventory.task",
                    ),
                ),
            ],
            options={
                "verbose_name": "replay",
                "ordering": ("-id",),
                "indexes": [models.Index(fields=["cluster", "-id"], name="scheduler_r_cluster_c6a46c_idx")],
            },
        ),
        migrations.CreateModel(
            name="DrsFault",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("lab_s", models.FloatField()),
                ("vm", models.CharField(max_length=24)),
                ("vm_name", models.CharField(max_length=80)),
                ("problem", models.CharField(max_length=120)),
                ("fault", models.JSONField()),
                ("hosts", models.JSONField(default=dict)),
                (
                    "cluster",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="drs_faults", to="inventory.cluster"
                    ),
                ),
                (
                    "decision",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="scheduler.decision",
                    ),
                ),
            ],
            options={
                "verbose_name": "DRS fault",
                "ordering": ("-id",),
            },
        ),
        migrations.CreateModel(
            name="DrsRule",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=80, verbose_name="name")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("affinity", "Keep Virtual Machines Together"),
                            ("anti_affinity", "Separate Virtual Machines"),
                            ("vm_host", "Virtual Machines to Hosts"),
                            ("dependency", "Virtual Machines to Virtual Machines"),
                        ],
                        max_length=14,
                        verbose_name="type",
                    ),
                ),
                ("enabled", models.BooleanField(default=True, verbose_name="enabled")),
                ("members", models.JSONField(blank=True, default=list)),
                ("affine", models.BooleanField(default=True)),
                ("mandatory", models.BooleanField(default=False)),
                ("created_by", models.CharField(blank=True, default="", max_length=150)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("change_version", models.PositiveIntegerField(default=1, editable=False)),
                (
                    "cluster",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="drs_rules", to="inventory.cluster"
                    ),
                ),
                (
                    "host_group",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="scheduler.drsgroup",
                    ),
                ),
                (
                    "other_vm_group",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="scheduler.drsgroup",
                    ),
                ),
                (
                    "vm_group",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="scheduler.drsgroup",
                    ),
                ),
            ],
            options={
                "verbose_name": "VM/Host rule",
                "ordering": ("id",),
                "constraints": [models.UniqueConstraint(fields=("cluster", "name"), name="drs_rule_name")],
            },
        ),
        migrations.CreateModel(
            name="Recommendation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=40)),
                ("kind", models.CharField(max_length=8)),
                ("priority", models.PositiveSmallIntegerField()),
                ("reason", models.CharField(max_length=40)),
                ("text", models.TextField(default="")),
                ("fields", models.JSONField(default=dict)),
                ("before", models.JSONField(default=dict)),
                ("after", models.JSONField(default=dict)),
                ("vm", models.CharField(blank=True, default="", max_length=24)),
                ("vm_name", models.CharField(blank=True, default="", max_length=80)),
                ("source", models.CharField(blank=True, default="", max_length=24)),
                ("source_name", models.CharField(blank=True, default="", max_length=80)),
                ("destination", models.CharField(blank=True, default="", max_length=24)),
                ("destination_name", models.CharField(blank=True, default="", max_length=80)),
                ("prerequisites", models.JSONField(default=list)),
                ("group", models.CharField(blank=True, default="", max_length=40)),
                ("automatic", models.BooleanField(default=False)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "pending"),
                            ("applied", "applied"),
                            ("failed", "failed"),
                            ("gone", "gone"),
                        ],
                        default="pending",
                        max_length=8,
                    ),
                ),
                ("created_lab_s", models.FloatField()),
                ("ended_lab_s", models.FloatField(blank=True, null=True)),
                ("applied_by", models.CharField(blank=True, default="", max_length=150)),
                (
                    "cluster",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="recommendations",
                        to="inventory.cluster",
                    ),
                ),
                (
                    "decision",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="recommendations",
                        to="scheduler.decision",
                    ),
                ),
                (
                    "task",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="inventory.task",
                    ),
                ),
            ],
            options={
                "verbose_name": "recommendation",
                "ordering": ("priority", "id"),
                "indexes": [models.Index(fields=["cluster", "state", "-id"], name="scheduler_r_cluster_c84e2f_idx")],
            },
        ),
    ]
