"""Slots for new objects: the smallest free one, with the figures of its former owner out of sight."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from inventory import ids, metrics
from inventory.models import Cluster, Datastore, Host, ResourcePool, VCenter, VirtualMachine

KIND: dict[type, str] = {
    VirtualMachine: "vm",
    Host: "host",
    Datastore: "datastore",
    ResourcePool: "pool",
    Cluster: "cluster",
}


def take(vcenter: VCenter, model: Any) -> int:
    """A slot for a new object; what was recorded under it so far is never shown as the new owner's."""
    slot = ids.free_slot(vcenter, model)
    transaction.on_commit(lambda: metrics.clear(vcenter, KIND[model], slot))
    return slot
