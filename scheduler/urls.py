"""Addresses of the scheduler's pages; each module of views adds its own. Importing the modules registers sections."""

from django.urls import path

import inventory.urls  # noqa: F401  registers the converter of references
from scheduler.views import (  # noqa: F401  the modules of pages declare their sections
    decisions,
    drs_card,
    drs_configure,
    drs_utilization,
    drs_verbs,
    failover,
    ha_health,
    motion,
    motion_banners,
    power,
    replays,
)

app_name = "scheduler"
urlpatterns = [
    path("vc/<uuid:vc>/<moref:moref>/drs/run/", drs_verbs.run, name="drs-run"),
    path("vc/<uuid:vc>/<moref:moref>/drs/apply/", drs_verbs.apply, name="drs-apply"),
    path("vc/<uuid:vc>/<moref:moref>/drs/replay/", replays.start, name="drs-replay"),
    path("vc/<uuid:vc>/<moref:moref>/drs/replay/<int:replay>/curves/", replays.curves, name="drs-curves"),
    path("vc/<uuid:vc>/migrate/", motion.migrate_many, name="migrate-many"),
    path("vc/<uuid:vc>/<moref:moref>/migration/", motion.panel, name="motion"),
    path("vc/<uuid:vc>/<moref:moref>/what-if/", failover.what_if, name="what-if-host-fails"),
]
