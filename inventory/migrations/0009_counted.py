from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("inventory", "0008_start_order")]

    operations = [
        migrations.AddIndex(
            "virtualmachine",
            models.Index(fields=["vcenter", "deleted_at", "template", "power_state", "host"], name="vm_counted"),
        ),
    ]
