from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("inventory", "0009_vm_monitoring")]

    operations = [
        migrations.AddIndex(
            "virtualmachine",
            models.Index(fields=["vcenter", "deleted_at", "template", "power_state", "host"], name="vm_counted"),
        ),
    ]
