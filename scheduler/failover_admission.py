"""vSphere HA's admission control: a VM that would use up the capacity kept for a failure does not start.

It looks at reservations, not at use, and only when a person or a schedule starts a VM or brings a running one from
another cluster; HA's own restarts are exempt.
"""

from __future__ import annotations

from typing import Any

from domain import faults
from domain.snapshot import VmTable
from inventory.journal import changing
from inventory.models import Cluster, Host, VirtualMachine
from scheduler import settings_of
from scheduler.engine.ha import failover
from scheduler.engine.options import HaOptions
from scheduler.selectors.cluster import frame_of, snapshot_of


def admit(user: Any, vm: VirtualMachine, host: Host | None) -> None:
    """Raise where starting `vm` (on `host`, if one was asked for) is forbidden: InsufficientFailoverResourcesFault with
    its event, or DisallowedOperationOnFailoverHost on a host that is kept free."""
    cluster = (host or vm.host).cluster
    if not cluster.ha_on:
        return
    options = settings_of.options_of(cluster).ha
    if options.admission == "disabled":
        return
    if options.admission == "failover_hosts":
        chosen = host or (None if cluster.drs_enabled else vm.host)
        if chosen is not None and chosen.moref in ((cluster.ha_options or {}).get("failover_hosts") or ()):
            raise faults.DisallowedOperationOnFailoverHost(host=chosen.name)
        return
    _keep_capacity(user, vm, cluster, options)


def _keep_capacity(user: Any, vm: VirtualMachine, cluster: Cluster, options: HaOptions) -> None:
    frame = frame_of(cluster)
    if vm.moref not in frame.snapshot.vms.moref:
        return
    running = frame.snapshot.placed.copy()
    running[frame.vm_row(vm.moref)] = True
    if failover(frame.snapshot, options, frame.snapshot.hosts.accepting, running).ok:
        return
    with changing(vm.vcenter, user) as change:
        change.event("InsufficientFailoverResourcesEvent", cluster, vm)
    raise faults.InsufficientFailoverResourcesFault(cluster=cluster.name)


def refusal(cluster: Cluster, coming: VmTable) -> faults.MethodFault | None:
    """What forbids running VMs to come from another cluster: they would use up what this one keeps for a failure."""
    options = settings_of.options_of(cluster).ha
    if not cluster.ha_on or not len(coming):
        return None
    snapshot = snapshot_of(cluster, cluster.vcenter.lab_seconds())
    if failover(snapshot, options, snapshot.hosts.accepting, coming=coming).ok:
        return None
    return faults.InsufficientFailoverResourcesFault(cluster=cluster.name)
