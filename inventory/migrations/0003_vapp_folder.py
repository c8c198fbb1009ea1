import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("inventory", "0002_schedules_edited")]

    operations = [
        migrations.AddField(
            model_name="resourcepool",
            name="folder",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="vapps",
                to="inventory.folder",
            ),
        ),
    ]
