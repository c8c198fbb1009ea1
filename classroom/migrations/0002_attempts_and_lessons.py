from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("classroom", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="batch",
            name="attempts",
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="labtemplate",
            name="lessons",
            field=models.JSONField(blank=True, default=list, verbose_name="exercises"),
        ),
    ]
