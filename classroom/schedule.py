"""Periodic work of this app; the intervals are then edited in the admin site."""

from datetime import timedelta

BEAT_SCHEDULE = {
    "classroom-tidy": {
        "task": "classroom.tasks.tidy", "schedule": timedelta(minutes=1), "options": {"expires": 60},
    },
}  # fmt: skip
