"""Admission control against the inventory: may this VM start, this pool guarantee more, this VM move into that pool?

CPU in MHz, memory in MiB. A VM needs its CPU reservation, and its memory reservation plus the hypervisor's overhead.
Every check costs a fixed number of queries; a cluster's pool trees are read whole (at most some 1,600 rows).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, F, FloatField, Sum
from django.db.models.functions import Cast

from domain import faults, resources
from domain.limits import DEFAULT_LIMITS
from domain.resources import PoolNode, PoolTree
from domain.states import HostConnection, HostPower, StandbyMode, VmPower
from inventory.models import Cluster, Host, ResourcePool, VirtualMachine

# The overhead of `resources.overhead_mib`, as SQL over the rows of powered-on VMs.
_MEMORY_NEED = Cast(F("memory_reservation_mib"), FloatField()) + 14.355 + 3.991 * F("vcpus") + 0.00742 * F("memory_mib")


@dataclass(frozen=True, slots=True)
class Need:
    """What a VM has to be guaranteed."""

    cpu_mhz: float
    memory_mib: float

    @classmethod
    def of(cls, vm: VirtualMachine) -> Need:
        overhead = resources.overhead_mib(vm.vcpus, vm.memory_mib)
        return cls(vm.cpu_reservation_mhz, vm.memory_reservation_mib + overhead)


def asks_more(planned: VirtualMachine, vm: VirtualMachine) -> bool:
    """True where the changed VM has to be given more than it has: what it keeps or gives back needs no admission,
    even on a host that has promised too much already."""
    need, has = Need.of(planned), Need.of(vm)
    return need.cpu_mhz > has.cpu_mhz or need.memory_mib > has.memory_mib or planned.vcpus > vm.vcpus


@dataclass(frozen=True, slots=True)
class Room:
    """What a host has not guaranteed to anybody yet."""

    cpu_mhz: float
    memory_mib: float
    vms: int
    vcpus: int


def effective(host: Host) -> bool:
    """True where the host's capacity counts for its cluster."""
    return (
        host.connection_state == HostConnection.CONNECTED
        and host.power_state == HostPower.ON
        and host.standby_mode == StandbyMode.NONE
        and not host.in_maintenance
    )


def capacity(hosts: Iterable[Host]) -> Need:
    """CPU and memory that the hosts can give to VMs together."""
    hosts = list(hosts)
    return Need(
        sum(resources.host_cpu_for_vms_mhz(h.cores, h.core_mhz, h.hosted) for h in hosts),
        sum(resources.host_memory_for_vms_mib(h.memory_mib, h.hosted) for h in hosts),
    )


def room(hosts: Iterable[Host], *, without: VirtualMachine | None = None) -> dict[int, Room]:
    """Unreserved capacity per host id, in one query."""
    hosts = list(hosts)
    running = VirtualMachine.objects.filter(host__in=hosts, power_state=VmPower.ON)
    if without is not None:
        running = running.exclude(pk=without.pk)
    taken = {
        r["host_id"]: r
        for r in running.values("host_id").annotate(
            cpu=Sum("cpu_reservation_mhz"), memory=Sum(_MEMORY_NEED), n=Count("id"), vcpu=Sum("vcpus")
        )
    }
    return {h.pk: _room(h, taken.get(h.pk)) for h in hosts}


def _room(host: Host, taken: Any) -> Room:
    has = capacity([host])
    if taken is None:
        return Room(has.cpu_mhz, has.memory_mib, 0, 0)
    return Room(has.cpu_mhz - taken["cpu"], has.memory_mib - taken["memory"], int(taken["n"]), int(taken["vcpu"]))


def host_faults(vm: VirtualMachine, host: Host, free: Room) -> list[faults.MethodFault]:
    """Everything that keeps `vm` from running on `host`, for want of capacity or of age."""
    need, found = Need.of(vm), list[faults.MethodFault]()
    if vm.hardware_version > host.highest_hardware_version:
        found.append(faults.VirtualHardwareVersionNotSupported(name=vm.name, host=host.name))
    if vm.vcpus > host.threads:
        found.append(faults.NotEnoughLogicalCpus(name=vm.name, vcpus=vm.vcpus, host=host.name, logical=host.threads))
    if need.cpu_mhz > free.cpu_mhz + 1e-6:
        found.append(
            faults.InsufficientHostCpuCapacityFault(
                host=host.name, unreserved=round(max(0, free.cpu_mhz)), requested=round(need.cpu_mhz)
            )
        )
    if need.memory_mib > free.memory_mib + 1e-6:
        found.append(
            faults.InsufficientHostMemoryCapacityFault(
                host=host.name, unreserved=round(max(0, free.memory_mib)), requested=round(need.memory_mib)
            )
        )
    if free.vms >= DEFAULT_LIMITS.vms_per_host or free.vcpus + vm.vcpus > DEFAULT_LIMITS.vcpus_per_host:
        reason = f"{free.vms} VMs, {free.vcpus} vCPUs"
        found.append(faults.InsufficientHostCapacityFault(host=host.name, reason=reason))
    return found


@dataclass(slots=True)
class Guarantees:
    """The two pool trees of a cluster. Keys are pool ids as text; `without` is left out of what is reserved."""

    cpu: PoolTree
    memory: PoolTree
    names: dict[str, str]

    @classmethod
    def of(cls, cluster: Cluster, *, without: VirtualMachine | None = None) -> Guarantees:
        pools = list(ResourcePool.objects.filter(cluster=cluster))
        has = capacity(h for h in Host.objects.filter(cluster=cluster) if effective(h))
        running = VirtualMachine.objects.filter(pool__in=pools, power_state=VmPower.ON)
        if without is not None:
            running = running.exclude(pk=without.pk)
        rows = running.values("pool_id").annotate(cpu=Sum("cpu_reservation_mhz"), memory=Sum(_MEMORY_NEED))
        taken = {r["pool_id"]: r for r in rows}
        cpu, memory = {}, {}
        for pool in pools:
            used = taken.get(pool.pk, {"cpu": 0, "memory": 0})
            cpu[str(pool.pk)] = _node(pool, "cpu", has.cpu_mhz, used["cpu"])
            memory[str(pool.pk)] = _node(pool, "memory", has.memory_mib, used["memory"])
        return cls(PoolTree(cpu), PoolTree(memory), {str(p.pk): p.name for p in pools})

    def check(self, pool_id: int, need: Need) -> None:
        """Raise the pool's fault where it cannot guarantee `need` on top of what it does."""
        key = str(pool_id)
        if not self.cpu.admits(key, need.cpu_mhz):
            free = round(self.cpu.available(key))
            raise faults.InsufficientCpuResourcesFault(
                pool=self.names[key], unreserved=free, requested=round(need.cpu_mhz)
            )
        if not self.memory.admits(key, need.memory_mib):
            free = round(self.memory.available(key))
            raise faults.InsufficientMemoryResourcesFault(
                pool=self.names[key], unreserved=free, requested=round(need.memory_mib)
            )


def _node(pool: ResourcePool, resource: str, root_capacity: float, used: float) -> PoolNode:
    unit = "mhz" if resource == "cpu" else "mib"
    if pool.is_root:
        return PoolNode(str(pool.pk), None, root_capacity, expandable=False, vm_reserved=used)
    return PoolNode(
        key=str(pool.pk),
        parent=str(pool.parent_id),
        reservation=getattr(pool, f"{resource}_reservation_{unit}"),
        limit=getattr(pool, f"{resource}_limit_{unit}"),
        expandable=getattr(pool, f"{resource}_expandable"),
        vm_reserved=used,
    )


def check_power_on(vm: VirtualMachine, host: Host) -> None:
    """Raise the first fault that forbids `vm` to start on `host`: the pool's guarantee, then the host's room."""
    if vm.pool_id is None or vm.pool is None:
        raise faults.InvalidState(name=vm.name, reason="a template cannot be powered on")
    Guarantees.of(vm.pool.cluster, without=vm).check(vm.pool_id, Need.of(vm))
    found = host_faults(vm, host, room([host], without=vm)[host.pk])
    if found:
        raise found[0]


def check_pool(pool: ResourcePool, parent: ResourcePool) -> None:
    """Raise where `parent` cannot guarantee what `pool` (perhaps unsaved, perhaps changed) wants to reserve, or where a
    pool that may not expand would hold more than it guarantees."""
    trees = Guarantees.of(parent.cluster)
    key = str(pool.pk or "new")
    trees.names[key] = pool.name
    for tree, resource in ((trees.cpu, "cpu"), (trees.memory, "memory")):
        _check_pool(tree, trees.names, pool, parent, resource, key)


def _check_pool(
    tree: PoolTree, names: dict[str, str], pool: ResourcePool, parent: ResourcePool, resource: str, key: str
) -> None:
    """Compare with the tree in which the pool guarantees nothing: what it then takes must fit."""
    nodes = dict(tree.nodes)
    old = nodes.pop(key, None)
    wanted = _node(pool, resource, 0.0, old.vm_reserved if old else 0.0)
    wanted.key, wanted.parent = key, str(parent.pk)
    used_inside = tree.used(key) if old else 0.0
    orphans = [n.key for n in nodes.values() if n.parent == key]
    rest = PoolTree({k: n for k, n in nodes.items() if not _below(nodes, k, orphans)})
    takes = max(wanted.reservation, used_inside)
    fault = faults.InsufficientCpuResourcesFault if resource == "cpu" else faults.InsufficientMemoryResourcesFault
    if takes > rest.available(str(parent.pk)) + 1e-6:
        free = round(rest.available(str(parent.pk)))
        raise fault(pool=names[str(parent.pk)], unreserved=free, requested=round(takes))
    if not wanted.expandable and used_inside > wanted.reservation + 1e-6:
        raise fault(pool=pool.name, unreserved=round(wanted.reservation), requested=round(used_inside))


def _below(nodes: dict[str, PoolNode], key: str, roots: list[str]) -> bool:
    """True for pools in the subtree of one of `roots`."""
    seen: str | None = key
    while seen is not None and seen in nodes:
        if seen in roots:
            return True
        seen = nodes[seen].parent
    return False
