"""Configure > Scheduled Tasks: what is planned for an object, when, for whom, and how it went last time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from domain.morefs import Kind
from inventory import words
from inventory.models import ScheduledTask
from inventory.pages.registry import CONFIGURE, VCENTER, section
from inventory.scheduling import VERBS
from inventory.scheduling import timing as times
from inventory.scheduling.verbs import of_kind

WITH_SCHEDULES = (
    VCENTER,
    Kind.FOLDER,
    Kind.DATACENTER,
    Kind.CLUSTER,
    Kind.HOST,
    Kind.POOL,
    Kind.VM,
    Kind.DATASTORE,
    Kind.NETWORK,
)
MOST = 200


@dataclass(frozen=True)
class Planned:
    """One scheduled task as the list shows it."""

    row: ScheduledTask
    what: str
    when: str
    next_run: datetime | None
    fault: str


def _has_verbs(obj: Any) -> bool:
    return bool(of_kind(obj))


@section(CONFIGURE, "scheduled-tasks", _("Scheduled Tasks"), WITH_SCHEDULES, group="more", applies=_has_verbs)
def scheduled_tasks(page: Any) -> dict[str, Any]:
    """The scheduled tasks of the object; a vCenter's are those of the vCenter itself."""
    rows = ScheduledTask.objects.filter(vcenter=page.vc, entity=page.moref)
    lines = [_planned(row) for row in rows.select_related("owner", "last_task__vcenter").order_by("name")[:MOST]]
    may = {verb.lower(): f"ScheduledTask.{verb}" in page.privileges for verb in ("Create", "Edit", "Run", "Delete")}
    return {"lines": lines, "may": may, "zone": page.vc.timezone}


def _planned(row: ScheduledTask) -> Planned:
    verb = VERBS.get(row.verb)
    due = times.next_run(row.timing, row.timezone, now()) if row.enabled else None
    what = str(verb.label) if verb else row.verb
    return Planned(row, what, times.sentence(row.timing), due, words.fault_sentence(row.last_fault))
