"""Periodic work of this app; the intervals are then edited in the admin site."""

from datetime import timedelta

BEAT_SCHEDULE = {
    "pump-all": {"task": "inventory.tasks.pump_all", "schedule": timedelta(seconds=1), "options": {"expires": 3}},
    "tidy": {"task": "inventory.tasks.tidy", "schedule": timedelta(minutes=1), "options": {"expires": 60}},
}
