"""What is in a vApp, how it is arranged, and in which state it is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property

from domain.states import TaskState, ToolsStatus, VmPower
from domain.vapps import Entity, Seen, VAppState, arranged, state_of
from inventory.models import ResourcePool, Task, VirtualMachine
from inventory.operations.vapps import KEYS

Member = VirtualMachine | ResourcePool
LIVE = (TaskState.QUEUED, TaskState.RUNNING)


class Content:
    """The members of a vApp: its VMs, those in plain pools inside it, and its child vApps, which are one member each.

    Two queries, whatever lies in it; the pools of the cluster are few.
    """

    def __init__(self, vapp: ResourcePool) -> None:
        self.vapp = vapp

    @cached_property
    def _children(self) -> dict[int | None, list[ResourcePool]]:
        found: dict[int | None, list[ResourcePool]] = defaultdict(list)
        for pool in ResourcePool.objects.filter(cluster=self.vapp.cluster_id).order_by("pk"):
            found[pool.parent_id].append(pool)
        return found

    def _plain(self, top: int) -> tuple[list[int], list[ResourcePool]]:
        """The pool `top` with the plain pools below it, and the vApps that hang on them."""
        pools, vapps, waiting = [], list[ResourcePool](), [top]
        while waiting:
            pools.append(waiting.pop())
            for child in self._children[pools[-1]]:
                if child.is_vapp:
                    vapps.append(child)
                else:
                    waiting.append(child.pk)
        return pools, vapps

    def below(self, top: int) -> list[int]:
        """Primary keys of a pool and everything below it, vApps included."""
        found, waiting = [], [top]
        while waiting:
            found.append(waiting.pop())
            waiting += [child.pk for child in self._children[found[-1]]]
        return found

    @cached_property
    def machines(self) -> list[VirtualMachine]:
        """All VMs in the vApp and below it."""
        rows = VirtualMachine.objects.filter(pool__in=self.below(self.vapp.pk), template=False)
        return list(rows.select_related("vcenter", "host__cluster", "folder", "pool__parent").order_by("pk"))

    @cached_property
    def members(self) -> dict[str, Member]:
        """By reference, in the order of their creation."""
        pools, vapps = self._plain(self.vapp.pk)
        for child in vapps:
            child.cluster, child.vcenter = self.vapp.cluster, self.vapp.vcenter
        mine: list[Member] = [vm for vm in self.machines if vm.pool_id in pools]
        return {one.moref: one for one in [*mine, *vapps]}

    @property
    def child_vapps(self) -> list[ResourcePool]:
        return [one for one in self.members.values() if isinstance(one, ResourcePool)]

    @cached_property
    def entities(self) -> list[Entity]:
        """How the members start and stop, in that order."""
        return arranged(list(self.members), (self.vapp.vapp_options or {}).get("entities") or {})

    @cached_property
    def seen(self) -> dict[str, Seen]:
        """What each member is now."""
        return {moref: self._seen(one) for moref, one in self.members.items()}

    def _seen(self, member: Member) -> Seen:
        inside = [member] if isinstance(member, VirtualMachine) else self._inside(member)
        running = [vm for vm in inside if vm.power_state == VmPower.ON]
        tools = bool(running) and all(vm.tools_status == ToolsStatus.OK for vm in running)
        return Seen(frozenset(str(vm.power_state) for vm in inside), tools)

    def _inside(self, child: ResourcePool) -> list[VirtualMachine]:
        pools = set(self.below(child.pk))
        return [vm for vm in self.machines if vm.pool_id in pools]

    @cached_property
    def task(self) -> Task | None:
        """The start or stop that runs on it."""
        return running(self.vapp)

    @property
    def state(self) -> VAppState:
        verb = str(self.task.detail.get("verb", "")) if self.task else ""
        return state_of((vm.power_state for vm in self.machines), verb)


def content_of(vapp: ResourcePool) -> Content:
    """What is in this instance of a vApp, looked up once: menus and pages ask for it in several places."""
    known: Content | None = getattr(vapp, "_content", None)
    if known is None:
        known = Content(vapp)
        vapp._content = known  # type: ignore[attr-defined]
    return known


def running(vapp: ResourcePool) -> Task | None:
    """The start or stop that runs on a vApp."""
    rows = Task.objects.filter(vcenter=vapp.vcenter_id, entity=vapp.moref, state__in=LIVE, operation__in=KEYS)
    return rows.select_related("vcenter").first()


def around(pool: ResourcePool | None) -> Iterable[ResourcePool]:
    """The vApps that a pool lies in, itself included, nearest first."""
    while pool is not None:
        if pool.is_vapp:
            yield pool
        pool = pool.parent if pool.parent_id else None
