"""A host joins a cluster: one that stands alone with everything that runs on it, one of another cluster at rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.db.models import Q

from domain import faults
from domain.hardware import CPU_GENERATIONS
from domain.limits import DEFAULT_LIMITS as LIMITS
from domain.specs import to_plain
from domain.states import HostConnection, StandbyMode, TaskState, VmPower
from hypervisors.port import Config
from inventory import specs
from inventory.hardware import AS_THE_CLUSTER
from inventory.journal import Change, changing
from inventory.models import Cluster, Host, ResourcePool, Task, VirtualMachine
from inventory.services.base import check, instant
from inventory.services.clusters import drop_pools

# What is told of a host that leaves a cluster, with the machines that it takes along.
LEAVING: list[Callable[[Change, Host, Sequence[VirtualMachine], Cluster], None]] = []
LIVE = (TaskState.QUEUED, TaskState.RUNNING)


def move_into(user: Any, host: Host, cluster: Cluster) -> Task:
    """Move a host into a cluster of its datacenter; what runs on one that stood alone goes on running.

    Its machines come into the cluster's root pool; resource pools and vApps of one that stood alone come below it.

    Raises:
        NoPermission, and whatever `refuse` raises.
    """
    check(user, "Host.Inventory.AddHostToCluster", cluster)
    check(user, "Host.Inventory.MoveHost", host)
    refuse(host, cluster)
    with changing(cluster.vcenter, user) as change:
        left = host.cluster
        if left.standalone:
            _bring_pools(change, left, cluster)
        else:
            _bring_machines(change, host, left, cluster)
        host.cluster = cluster
        host.save(update_fields=["cluster"])
        change.configure(Config.HOST, host.uuid, spec=to_plain(specs.host_spec(host)))
        if left.standalone:
            drop_pools(change, left)
            change.fact("tree.changed", left.folder.moref)
            left.delete()
        else:
            change.fact("tree.changed", left.moref)
            change.changed(left)
        change.event("HostAddedEvent", host, cluster)
        change.fact("tree.changed", cluster.moref)
        change.changed(host, cluster)
        return instant(change, "ClusterComputeResource.moveInto", host)


def refuse(host: Host, cluster: Cluster) -> None:
    """Raise what keeps `host` from joining `cluster` as things are.

    Raises:
        InvalidState: it is there already, works in another cluster, belongs to another datacenter, is asleep or not
            connected.
        TaskInProgress: something is being done to it or to a machine on it, or a machine is moving there.
        TooManyHosts, LimitExceeded, DuplicateName (of a resource pool), EVCAdmissionFailed.
    """
    if host.cluster_id == cluster.pk:
        raise faults.InvalidState(name=host.name, reason="it is in this cluster already")
    if host.cluster.datacenter_id != cluster.datacenter_id:
        raise faults.InvalidState(name=host.name, reason="it belongs to another datacenter")
    if host.connection_state != HostConnection.CONNECTED or host.standby_mode != StandbyMode.NONE:
        raise faults.InvalidState(name=host.name, reason="it has to be connected and awake")
    if cluster.hosts.count() >= LIMITS.hosts_per_cluster:
        raise faults.TooManyHosts(cluster=cluster.name, limit=LIMITS.hosts_per_cluster)
    _refuse_busy(host)
    if host.cluster.standalone:
        _refuse_pools(host.cluster, cluster)
    else:
        _refuse_working(host)
    _refuse_features(host, cluster)


def _refuse_busy(host: Host) -> None:
    on_it = VirtualMachine.objects.filter(host=host).values("moref")
    pools = ResourcePool.objects.filter(cluster=host.cluster_id, cluster__standalone=True).values("moref")
    concerned = Q(entity=host.moref) | Q(entity__in=on_it) | Q(entity__in=pools) | Q(args__host=host.moref)
    live = Task.objects.filter(concerned, vcenter=host.vcenter_id, exclusive=True, state__in=LIVE).first()
    if live is not None:
        raise faults.TaskInProgress(name=live.entity_name, task=live.description_id)


def _refuse_working(host: Host) -> None:
    """A cluster lets a host go that is in maintenance mode, or that no machine is on."""
    here = VirtualMachine.objects.filter(host=host)
    if here.filter(power_state=VmPower.ON).exists() or (not host.in_maintenance and here.exists()):
        raise faults.InvalidState(
            name=host.name, reason="its cluster uses it. Put it into maintenance mode, or migrate its machines away."
        )


def _refuse_pools(alone: Cluster, cluster: Cluster) -> None:
    own = ResourcePool.objects.filter(cluster=alone, parent__isnull=False)
    if own.count() + cluster.pools.count() > LIMITS.pools_per_cluster:
        raise faults.LimitExceeded(property="resource pools of a cluster", limit=LIMITS.pools_per_cluster)
    top = ResourcePool.objects.filter(cluster=cluster, parent__parent__isnull=True, parent__isnull=False)
    same = own.filter(parent__parent__isnull=True, name__in=top.values("name")).first()
    if same is not None:
        raise faults.DuplicateName(name=same.name)


def _refuse_features(host: Host, cluster: Cluster) -> None:
    """Neither the host nor a machine that runs on it may have less, or more, than the cluster's EVC mode."""
    mode = CPU_GENERATIONS.get(cluster.evc_mode)
    if mode is None:
        return
    own = CPU_GENERATIONS.get(host.cpu_generation)
    running = VirtualMachine.objects.filter(host=host, power_state=VmPower.ON).values_list("features_mask", flat=True)
    if own is None or mode.features & ~own.features or any(mask & ~mode.features for mask in running):
        raise faults.EVCAdmissionFailed(host=host.name, cluster=cluster.name, mode=mode.label)


def _bring_pools(change: Change, alone: Cluster, cluster: Cluster) -> None:
    """Hang what lies in the standalone host's root pool into the cluster's."""
    root = cluster.pools.get(parent__isnull=True)
    old = alone.pools.get(parent__isnull=True)
    ResourcePool.objects.filter(cluster=alone, parent__isnull=False).update(cluster=cluster)
    for pool in ResourcePool.objects.filter(parent=old).order_by("id"):
        pool.parent = root
        pool.save(update_fields=["parent"])
        change.configure(Config.POOL, pool.uuid, spec=to_plain(specs.pool_spec(pool)))
    for vm in VirtualMachine.everything.filter(pool=old).order_by("id"):
        vm.pool = root
        vm.save(update_fields=["pool"])
        change.configure(Config.MOVE_VM, vm.uuid, pool=str(root.uuid))
        change.changed(vm)


def _bring_machines(change: Change, host: Host, left: Cluster, cluster: Cluster) -> None:
    """Machines at rest, those in the recycle bin among them, follow their host; what was the old cluster's stays."""
    root = cluster.pools.get(parent__isnull=True)
    rows = list(VirtualMachine.everything.filter(host=host).select_related("pool", "folder").order_by("id"))
    for leave in LEAVING:
        leave(change, host, rows, left)
    for vm in rows:
        for name, default in AS_THE_CLUSTER.items():
            setattr(vm, name, default)
        if vm.pool is not None:
            change.fact("tree.changed", vm.pool.moref)
            vm.pool = root
            change.configure(Config.MOVE_VM, vm.uuid, pool=str(root.uuid))
        vm.save(update_fields=["pool", *AS_THE_CLUSTER])
        change.changed(vm)
