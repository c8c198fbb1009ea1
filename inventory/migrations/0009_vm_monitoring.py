from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("inventory", "0008_start_order")]

    operations = [
        migrations.AddField(
            "virtualmachine", "ha_isolation_response", models.CharField(blank=True, default="", max_length=10)
        ),
        migrations.AddField(
            "virtualmachine", "ha_vm_monitoring", models.CharField(blank=True, default="", max_length=24)
        ),
        migrations.AddField("virtualmachine", "ha_failure_interval_s", models.IntegerField(default=-1)),
        migrations.AddField("virtualmachine", "ha_min_uptime_s", models.IntegerField(default=-1)),
        migrations.AddField("virtualmachine", "ha_max_resets", models.IntegerField(default=-1)),
        migrations.AddField("virtualmachine", "ha_reset_window_s", models.IntegerField(default=-1)),
    ]
