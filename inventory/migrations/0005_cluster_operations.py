from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("inventory", "0004_ha_protected_is_computed")]

    operations = [
        migrations.AddField("cluster", name, models.PositiveBigIntegerField(default=0, editable=False))
        for name in ("power_ons", "power_offs", "vmotions", "storage_vmotions")
    ]
