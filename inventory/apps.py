"""Django's handle on the inventory app."""

from django.apps import AppConfig
from django.db.models.signals import post_delete, post_migrate


class InventoryConfig(AppConfig):
    """Names the app, keeps the system roles in the database, watches for what changes rights and for log-ins."""

    name = "inventory"

    def ready(self) -> None:
        """Connect what has to hear of changes; imported here because models exist only now."""
        from inventory import host_sequences, pump, rights, sequences, sessions, signing_in, system_roles, until
        from inventory.alarming import acting, evaluation
        from inventory.scheduling import builtin, entrance, timing
        from inventory.services import clock

        assert acting  # its Celery task registers itself
        assert entrance  # so does this one
        assert builtin  # and the verbs
        if evaluation.on_beat not in pump.LISTENERS:
            pump.LISTENERS += [evaluation.on_beat, clock.on_beat, sequences.on_beat]
            pump.RECORDERS.append(host_sequences.record)
            pump.WATCHERS.append(until.wants_beats)

        post_migrate.connect(system_roles.keep_system_roles, sender=self)
        post_delete.connect(timing.disarm, sender="inventory.ScheduledTask", dispatch_uid="scheduled-task-deleted")
        rights.watch_changes()
        sessions.watch()
        signing_in.watch()
