"""A copy for the projector stays one when its origin goes; a card knows the work that drew it."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Exists, OuterRef, Q


def mark_copies(apps, schema_editor):
    """Copies; those too that have lost their origin: labs without a template, of somebody who attends no course of it."""
    lab, membership = apps.get_model("classroom", "Lab"), apps.get_model("classroom", "Membership")
    attends = membership.objects.filter(course=OuterRef("course"), user=OuterRef("student"))
    orphans = Q(template=None) & ~Exists(attends)
    lab.objects.filter(Q(copied_from__isnull=False) | orphans).update(is_copy=True)


class Migration(migrations.Migration):
    dependencies = [("classroom", "0002_attempts_and_lessons")]

    operations = [
        migrations.AddField(
            model_name="lab",
            name="is_copy",
            field=models.BooleanField(default=False, editable=False, verbose_name="copy for the projector"),
        ),
        migrations.AddField(
            model_name="card",
            name="batch",
            field=models.ForeignKey(
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="cards",
                to="classroom.batch",
            ),
        ),
        migrations.RunPython(mark_copies, migrations.RunPython.noop),
        migrations.RemoveConstraint(model_name="lab", name="lab_once_per_template"),
        migrations.AddConstraint(
            model_name="lab",
            constraint=models.UniqueConstraint(
                condition=Q(("is_copy", False)),
                fields=("course", "template", "student"),
                name="lab_once_per_template",
            ),
        ),
    ]
