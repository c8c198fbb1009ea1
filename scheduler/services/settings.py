"""Changing a cluster's DRS, DPM and HA settings: what the engine could not work with is refused before it is stored."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from domain import faults
from domain.states import VmMonitoring
from inventory.inverses import values
from inventory.journal import changing
from inventory.models import Cluster, Task
from inventory.services import clusters, vm_checks
from inventory.services.base import check, number
from inventory.services.undo import INVERSES, Inverse
from scheduler import isolation, monitoring, settings_of
from scheduler.models import ClusterSchedule

PRIVILEGE = "Host.Inventory.EditCluster"


def reconfigure(user: Any, cluster: Cluster, changes: Mapping[str, Any], expected_version: int | None = None) -> Task:
    """Change settings and ask for a cycle with them. Raises InvalidArgument for what no cluster can work with."""
    check(user, PRIVILEGE, cluster)
    clusters.validate(changes)
    settings_of.options_of(_with(cluster, changes))
    before = monitoring.state_of(Cluster.objects.get(pk=cluster.pk))
    with transaction.atomic():
        task = clusters.reconfigure(user, cluster, changes, expected_version)
        _tell_monitoring(user, cluster, before)
    ClusterSchedule.objects.filter(cluster=cluster).update(requested="settings changed")
    return task


def _tell_monitoring(user: Any, cluster: Cluster, before: str) -> None:
    stored = Cluster.objects.select_related("vcenter").get(pk=cluster.pk)
    after = monitoring.state_of(stored)
    if after != before:
        with changing(stored.vcenter, user) as change:
            if after == VmMonitoring.ONLY:
                change.event("VmHealthMonitoringStateChangedEvent", stored, state="switched on")
            else:
                change.event("VmHealthMonitoringStateChangedEvent", stored, state="switched off")


INVERSES["cluster"] = Inverse(values, reconfigure)  # an undo asks for a cycle too


def _with(cluster: Cluster, changes: Mapping[str, Any]) -> Cluster:
    """The cluster as it would be; the one at hand stays as it is."""
    would_be = copy.copy(cluster)
    for name, value in changes.items():
        setattr(would_be, name, value)
    _check_failover_hosts(would_be)
    _check_ha(would_be)
    return would_be


def _check_ha(cluster: Cluster) -> None:
    """What machines may have of their own is judged like theirs; here nothing stands for anybody else's."""
    options = cluster.ha_options or {}
    own = {name: options[name.removeprefix("ha_")] for name in (*vm_checks.HA_CHOICES, *vm_checks.HA_NUMBERS)
           if name.removeprefix("ha_") in options}  # fmt: skip
    vm_checks.ha_overrides(own)
    for name, value in own.items():
        if value in ("", -1):
            raise faults.InvalidArgument(property=name, reason="a cluster needs a value of its own")
    number(options, "io_interval_s", 0, monitoring.LONGEST_IO_INTERVAL_S)
    number(options, "isolation_shutdown_s", 0, isolation.LONGEST_SHUTDOWN_S)


def _check_failover_hosts(cluster: Cluster) -> None:
    """Dedicated failover hosts are hosts of the cluster, and not all of them."""
    options = cluster.ha_options or {}
    if options.get("admission") != "failover_hosts":
        return
    wanted, known = set(options.get("failover_hosts") or ()), set(cluster.hosts.values_list("moref", flat=True))
    if not wanted:
        raise faults.InvalidArgument(property="failover_hosts", reason="choose at least one host")
    if wanted - known:
        raise faults.InvalidArgument(property="failover_hosts", reason=f"{min(wanted - known)} is not in the cluster")
    if wanted == known:
        raise faults.InvalidArgument(property="failover_hosts", reason="leave a host that runs virtual machines")
