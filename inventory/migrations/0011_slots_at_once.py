from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("inventory", "0010_counted")]

    operations = [
        migrations.RemoveIndex("virtualmachine", "vm_counted"),
        migrations.AddIndex(
            "virtualmachine",
            models.Index(
                fields=["vcenter", "deleted_at", "template", "power_state", "host", "slot"], name="vm_counted"
            ),
        ),
    ]
