from django.db import migrations, models

PASSTHROUGH = [(value, value) for value in ("", "usb", "pci")]
SHARING = [(value, value) for value in ("noSharing", "virtualSharing", "physicalSharing")]


class Migration(migrations.Migration):
    dependencies = [("inventory", "0005_cluster_operations")]

    operations = [
        migrations.AddField(
            "virtualmachine",
            "cpu_affinity",
            models.CharField(blank=True, default="", max_length=120, verbose_name="scheduling affinity"),
        ),
        migrations.AddField(
            "virtualmachine",
            "passthrough",
            models.CharField(
                blank=True, choices=PASSTHROUGH, default="", max_length=4, verbose_name="passthrough device"
            ),
        ),
        migrations.AddField(
            "virtualmachine",
            "bus_sharing",
            models.CharField(choices=SHARING, default="noSharing", max_length=16, verbose_name="SCSI bus sharing"),
        ),
    ]
