"""CPU, memory and storage of a set of hosts and datastores as three meters."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet, Sum
from django.utils.translation import gettext_lazy as _

from inventory import format as forms
from inventory.metrics import Latest
from inventory.models import Datastore, Host
from inventory.pages.figures import CPU_USAGE_MHZ, KIB, MEMORY_CONSUMED_KB, Meter, total


def capacity_of(hosts: QuerySet[Host], datastores: QuerySet[Datastore], latest: Latest | None) -> list[Meter]:
    """Three meters; CPU and memory in use are the newest sample's, and unknown where there is none."""
    rows = list(hosts.order_by().values_list("slot", "cores", "core_mhz", "memory_mib"))
    slots = [slot for slot, *_rest in rows]
    mhz = float(sum(cores * speed for _slot, cores, speed, _memory in rows))
    kib = float(sum(memory for *_rest, memory in rows)) * KIB
    return [
        Meter(_("CPU"), total(latest, "host", slots, CPU_USAGE_MHZ), mhz, forms.mhz),
        Meter(_("Memory"), total(latest, "host", slots, MEMORY_CONSUMED_KB), kib, forms.kib),
        storage_meter(datastores),
    ]


def storage_meter(datastores: QuerySet[Datastore]) -> Meter:
    """Space on datastores, from the database."""
    space: dict[str, Any] = datastores.order_by().aggregate(used=Sum("used_bytes"), all=Sum("capacity_bytes"))
    return Meter(_("Storage"), float(space["used"] or 0), float(space["all"] or 0), forms.size)
