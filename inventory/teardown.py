"""Taking a whole vCenter away, or everything in it: thousands of rows in a few statements.

Rows protect each other (a host its cluster, a VM its folder), so that nothing is deleted by accident; here all of them
go at once. The database checks its references when the transaction ends, and the tables are found from the models:
whatever an app of the datacenter adds later goes as well.
"""

from __future__ import annotations

from collections import deque
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any

from django.apps import apps
from django.db import transaction
from django.db.models import ForeignKey, Model

from domain.morefs import ROOT_FOLDER, FolderKind
from inventory import audit, fleet, metrics
from inventory.models import AuditEntry, Folder, VCenter

APPS = ("inventory", "scheduler")
KEPT: tuple[type[Model], ...] = (AuditEntry,)  # what was asked for stays on record, and says of which vCenter
LEASE_PATIENCE_S = 60.0  # a beat of a big fleet on a busy machine; who gave up too early left a lab behind


@lru_cache(maxsize=1)
def _tables() -> tuple[tuple[type[Model], str], ...]:
    """(model, its way to the vCenter), the longest ways first: a row goes before what leads to it."""
    models = [model for app in APPS for model in apps.get_app_config(app).get_models(include_auto_created=True)]
    ways: dict[type[Model], str] = {}
    for nullable in (False, True):  # a way that may be empty (the network of an adapter) does not reach every row
        queue: deque[tuple[type[Model], str]] = deque([(VCenter, ""), *ways.items()])
        while queue:
            target, way = queue.popleft()
            for model, field in _keys_to(target, models):
                if field.null <= nullable and model not in ways and model not in (*KEPT, VCenter):
                    ways[model] = f"{field.name}__{way}" if way else field.name
                    queue.append((model, ways[model]))
    return tuple(sorted(ways.items(), key=lambda item: -item[1].count("__")))


def _keys_to(target: type[Model], models: list[type[Model]]) -> list[tuple[type[Model], Any]]:
    fields = [(model, field) for model in models for field in model._meta.concrete_fields]
    return [(m, f) for m, f in fields if isinstance(f, ForeignKey) and f.related_model is target]


def held(vcenter: VCenter) -> AbstractContextManager[None]:
    """Hold the lease of the fleet until after the commit, so that no beat writes into what is being taken away.

    Raises:
        ResourceInUse: the fleet stayed busy for `LEASE_PATIENCE_S` seconds.
    """
    return fleet.held(vcenter, LEASE_PATIENCE_S)


def _clear(vcenter: VCenter) -> None:
    for model, way in _tables():
        rows: Any = model._base_manager.filter(**{way: vcenter.pk})
        rows._raw_delete(rows.db)


def _forget(vcenter: VCenter) -> None:
    fleet.store_of(vcenter).drop()
    metrics.drop(vcenter)


def empty(vcenter: VCenter) -> None:
    """Leave a vCenter as new: its root folder, its counters at their start, no history, no fleet, no figures.

    Call it inside `held` and in the transaction that fills the vCenter again.
    """
    with transaction.atomic():
        _clear(vcenter)
        start = {"next_id": 2, "next_event_key": 1, "config_version": 1, "fleet_seq": 0}
        VCenter.objects.filter(pk=vcenter.pk).update(**start)
        for field, value in start.items():
            setattr(vcenter, field, value)
        Folder.objects.create(
            vcenter=vcenter, moref=ROOT_FOLDER, name="Datacenters", folder_kind=FolderKind.DATACENTER, fixed=True
        )
        transaction.on_commit(lambda: _forget(vcenter))


def delete(user: Any, vcenter: VCenter) -> None:
    """Delete a vCenter with everything in it. What is asked for stays in the audit log.

    Raises:
        ResourceInUse: its fleet stayed busy for `LEASE_PATIENCE_S` seconds.
        ManagedObjectNotFound: it has been deleted meanwhile.
    """
    with held(vcenter), transaction.atomic():
        gone = VCenter.objects.get(pk=vcenter.pk)
        VCenter.objects.filter(pk=vcenter.pk).update(active=False)
        _clear(vcenter)
        vcenter.delete()
        audit.append(user, "VCenter.destroy", detail={"name": gone.name, "vcenter": str(gone.uuid)})
        transaction.on_commit(lambda: _forget(gone))
