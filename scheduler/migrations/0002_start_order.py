from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("scheduler", "0001_initial")]

    operations = [
        migrations.AddField("harestart", "ready_condition", models.CharField(default="none", max_length=20)),
        migrations.AddField("harestart", "ready_delay_s", models.PositiveIntegerField(default=0)),
        migrations.AddField("harestart", "started_lab_s", models.FloatField(blank=True, null=True)),
        migrations.AddField("harestart", "ready_lab_s", models.FloatField(blank=True, null=True)),
    ]
