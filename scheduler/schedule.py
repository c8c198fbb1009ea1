"""Periodic work of this app; the intervals are then edited in the admin site."""

from datetime import timedelta

BEAT_SCHEDULE = {
    "wake-replays": {
        "task": "scheduler.tasks.wake_replays",
        "schedule": timedelta(seconds=15),
        "options": {"expires": 10},
    },
}
