from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("inventory", "0007_failed_restarts")]

    operations = [
        migrations.AddField(
            "virtualmachine", "ha_ready_condition", models.CharField(blank=True, default="", max_length=20)
        ),
        migrations.AddField("virtualmachine", "ha_ready_delay_s", models.IntegerField(default=-1)),
    ]
