"""The Celery app: `celery -A vsphere_web worker -Q pump`.

Tasks are found in each app's `tasks` module. An app that wants something done regularly says so in
`<app>/schedule.py`: BEAT_SCHEDULE, in Celery's own format. The intervals are then edited in the admin site.
"""

import os
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from celery import Celery
from celery.signals import worker_process_init

from vsphere_web import heap

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vsphere_web.settings")

SCHEDULING_APPS = ("inventory", "scheduler", "classroom")


def beat_schedule() -> dict[str, dict[str, Any]]:
    """Return the periodic work of all apps, by entry name."""
    modules = [import_module(f"{app}.schedule") for app in SCHEDULING_APPS if find_spec(f"{app}.schedule")]
    return {name: entry for module in modules for name, entry in module.BEAT_SCHEDULE.items()}


app = Celery("vsphere_web")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.beat_schedule = beat_schedule()
app.autodiscover_tasks()


@worker_process_init.connect
def settled(**_signal: Any) -> None:
    """A worker's process has imported everything before it takes its first job."""
    heap.settle()
