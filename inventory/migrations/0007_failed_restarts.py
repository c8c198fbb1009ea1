from django.db import migrations

OLD, NEW = "VmDasResetFailedEvent", "VmFailoverFailed"


def renamed(apps, old, new):
    """A failed restart has vSphere's own event: what was recorded, and what alarms wait for, bear its name."""
    apps.get_model("inventory", "Event").objects.filter(type=old).update(type=new)
    for one in apps.get_model("inventory", "AlarmDefinition").objects.all().iterator():
        rules = _replaced(one.rules, old, new)
        if rules != one.rules:
            one.rules = rules
            one.save(update_fields=["rules"])


def _replaced(value, old, new):
    if isinstance(value, dict):
        return {key: _replaced(one, old, new) for key, one in value.items()}
    if isinstance(value, list):
        return [_replaced(one, old, new) for one in value]
    return new if value == old else value


class Migration(migrations.Migration):
    dependencies = [("inventory", "0006_bound_to_the_host")]

    operations = [
        migrations.RunPython(
            lambda apps, _schema: renamed(apps, OLD, NEW), lambda apps, _schema: renamed(apps, NEW, OLD)
        )
    ]
