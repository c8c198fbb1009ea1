"""Django's handle on the classroom app."""

from django.apps import AppConfig
from django.db.models.signals import post_delete, post_migrate


class ClassroomConfig(AppConfig):
    """Names the app; tells the inventory what a class changes: an owner's rights, what home shows, a lab's size."""

    name = "classroom"

    def ready(self) -> None:
        """Connect; imported here because models exist only now."""
        from classroom import curbs, people, quotas, selectors
        from classroom.checkpoints import pages
        from classroom.checkpoints import services as checkpoints
        from classroom.exercises import watching
        from inventory import pump, rights
        from inventory import quotas as sizes
        from inventory.selectors import getters

        if curbs.of_labs not in rights.CURBS:
            rights.CURBS.append(curbs.of_labs)
            getters.ELSEWHERE.append(selectors.labs_of_others)
            sizes.QUOTAS.append(quotas.of_lab)
        if watching.on_beat not in pump.LISTENERS:
            pump.LISTENERS.append(watching.on_beat)
            pump.WATCHERS.append(watching.card_waits)
        post_migrate.connect(people.keep_teachers, sender=self)
        people.watch()
        pages.register()
        post_delete.connect(checkpoints.forget_file, sender="classroom.Checkpoint", dispatch_uid="checkpoint-file")
