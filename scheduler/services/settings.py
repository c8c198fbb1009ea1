"""Changing a cluster's DRS, DPM and HA settings: what the engine could not work with is refused before it is stored."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from domain import faults
from inventory.inverses import values
from inventory.models import Cluster, Task
from inventory.services import clusters, vm_checks
from inventory.services.base import check
from inventory.services.undo import INVERSES, Inverse
from scheduler import settings_of
from scheduler.models import ClusterSchedule

PRIVILEGE = "Host.Inventory.EditCluster"


def reconfigure(user: Any, cluster: Cluster, changes: Mapping[str, Any], expected_version: int | None = None) -> Task:
    """Change settings and ask for a cycle with them. Raises InvalidArgument for what no cluster can work with."""
    check(user, PRIVILEGE, cluster)
    clusters.validate(changes)
    settings_of.options_of(_with(cluster, changes))
    task = clusters.reconfigure(user, cluster, changes, expected_version)
    ClusterSchedule.objects.filter(cluster=cluster).update(requested="settings changed")
    return task


INVERSES["cluster"] = Inverse(values, reconfigure)  # an undo asks for a cycle too


def _with(cluster: Cluster, changes: Mapping[str, Any]) -> Cluster:
    """The cluster as it would be; the one at hand stays as it is."""
    would_be = copy.copy(cluster)
    for name, value in changes.items():
        setattr(would_be, name, value)
    _check_failover_hosts(would_be)
    _check_start_order(would_be)
    return would_be


def _check_start_order(cluster: Cluster) -> None:
    options = cluster.ha_options or {}
    own = {f"ha_{name}": options[name] for name in ("ready_condition", "ready_delay_s") if name in options}
    vm_checks.start_order(own)


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
