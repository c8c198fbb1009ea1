"""How cards are played: plain commands to the fleet and plain changes of rows, with no task and no name on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from classroom.exercises.acts import GIB, Stage
from classroom.exercises.preparing import register
from domain import faults
from domain.hardware import CPU_GENERATIONS
from domain.resources import host_memory_for_vms_mib
from domain.specs import to_plain
from domain.states import VmPower
from hypervisors.port import Command, Config, Injection
from inventory import specs
from inventory.journal import Change, changing
from inventory.models import Cluster, Datastore, Host, VirtualMachine
from inventory.services import pools, snapshots
from scheduler.models import DrsRule
from scheduler.services import rules

REPAIR_OF_BMC = "Repair of the management controller (BMC)"  # the label of the injection that mends it
FULL_RATIO = 0.985
RUNAWAY_S = 4 * 3600.0
POOL, FORGOTTEN, NIGHTLY = "Reporting", "backup-2019", "nightly"


class Table:
    """Where a card is played: the lab's objects, in the name of the system."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.vcenter = stage, stage.vcenter

    def send(self, obj: Any, fault: Injection, **args: Any) -> None:
        """The fault as a command; 0 seconds: it does not mend itself."""
        with changing(self.vcenter) as change:
            values = {"fault": fault.value, "duration_s": 0.0, **args}
            change.command(Command(kind=Config.INJECT, target=str(obj.uuid), args=values))


Play = Callable[[Table, Any], dict[str, Any]]


def fault(what: Injection, **args: Any) -> Play:
    def play(table: Table, obj: Any) -> dict[str, Any]:
        table.send(obj, what, **args)
        return {}

    return play


def crash(table: Table, host: Host) -> dict[str, Any]:
    running = VirtualMachine.objects.filter(host=host, power_state=VmPower.ON)
    names = list(running.order_by("name").values_list("name", flat=True))
    if not names:
        raise faults.InvalidState(name=host.name, reason="nothing runs on it: nobody would notice")
    table.send(host, Injection.HOST_CRASH)
    return {"vms": names}


def memory_hog(table: Table, vm: VirtualMachine) -> dict[str, Any]:
    _running(vm)
    table.send(vm, Injection.MEMORY_HOG)
    return {"memory_mib": vm.memory_mib}


def snapshot(table: Table, vm: VirtualMachine) -> dict[str, Any]:
    """The snapshot is an ordinary one, as a forgotten backup job would have left it."""
    _running(vm)
    snapshots.take(None, vm, NIGHTLY)
    table.send(vm, Injection.RUNAWAY_SNAPSHOT, duration_s=RUNAWAY_S)
    return {}


def _running(vm: VirtualMachine) -> None:
    if vm.power_state != VmPower.ON:
        raise faults.InvalidPowerState(name=vm.name, existingState=vm.power_state, requestedState=VmPower.ON)


def lower_evc(table: Table, cluster: Cluster) -> dict[str, Any]:
    """One generation below the oldest host, without the check that a person's change goes through."""
    own = [CPU_GENERATIONS[g] for g in cluster.hosts.values_list("cpu_generation", flat=True) if g in CPU_GENERATIONS]
    oldest = min(own, key=lambda g: g.rank, default=None)
    lower = [g for g in CPU_GENERATIONS.values() if oldest and g.vendor == oldest.vendor and g.rank < oldest.rank]
    if not lower:
        raise faults.InvalidState(name=cluster.name, reason="there is no older EVC mode")
    mode = max(lower, key=lambda g: g.rank).key
    if mode == cluster.evc_mode:
        raise faults.InvalidState(name=cluster.name, reason="it has this EVC mode already")
    before = cluster.evc_mode
    with changing(table.vcenter) as change:
        cluster.evc_mode = mode
        cluster.change_version += 1
        cluster.save(update_fields=["evc_mode", "change_version"])
        _tell_hosts(change, cluster)
        change.changed(cluster)
    return {"set": mode, "before": before}


def _tell_hosts(change: Change, cluster: Cluster) -> None:
    for host in cluster.hosts.select_related("cluster"):
        change.configure(Config.HOST, host.uuid, spec=to_plain(specs.host_spec(host)))


def fill(table: Table, store: Datastore) -> dict[str, Any]:
    """A powered-off VM whose disk takes what is free."""
    host = Host.objects.filter(mounts__datastore=store).select_related("cluster").order_by("slot").first()
    if host is None:
        raise faults.InvalidState(name=store.name, reason="no host has mounted it")
    size = max(GIB, int(store.free_bytes - (1 - FULL_RATIO) * store.capacity_bytes))
    name = _free_name(table, FORGOTTEN)
    wanted = {"name": name, "host": host.name, "power": "off", "archetype": "idle"}
    with changing(table.vcenter) as change:
        register(change, table.stage, wanted, store, size, size)
    return {"vm": name}


def _free_name(table: Table, stem: str) -> str:
    taken = set(VirtualMachine.everything.filter(vcenter=table.vcenter).values_list("name", flat=True))
    return next(n for n in (stem, *(f"{stem}-{i}" for i in range(2, 1000))) if n not in taken)


def contradict(table: Table, cluster: Cluster) -> dict[str, Any]:
    """Against a rule that keeps VMs apart, one that keeps them together; where there is none, both."""
    apart = DrsRule.objects.filter(cluster=cluster, kind="anti_affinity", enabled=True).order_by("id").first()
    if apart is None:
        rows = VirtualMachine.objects.filter(host__cluster=cluster, power_state=VmPower.ON, template=False)
        members = list(rows.order_by("id").values_list("moref", flat=True)[:2])
        apart = rules.save_rule(
            None, cluster, {"name": _rule_name(cluster, "replicas"), "kind": "anti_affinity", "members": members}
        )
    values = {"name": _rule_name(cluster, "same-rack"), "kind": "affinity", "members": apart.members[:2]}
    made = rules.save_rule(None, cluster, values)
    return {"rules": [apart.name, made.name]}


def _rule_name(cluster: Cluster, stem: str) -> str:
    taken = set(DrsRule.objects.filter(cluster=cluster).values_list("name", flat=True))
    return next(n for n in (stem, *(f"{stem}-{i}" for i in range(2, 1000))) if n not in taken)


def reserve(table: Table, cluster: Cluster) -> dict[str, Any]:
    """As much memory as admission control lets a new pool reserve, nearly."""
    root = table.stage.pool(None)
    taken = set(root.children.values_list("name", flat=True))
    name = next(n for n in (POOL, *(f"{POOL}-{i}" for i in range(2, 1000))) if n not in taken)
    usable = [h for h in cluster.hosts.select_related("cluster") if h.usable]
    total_mib = sum(host_memory_for_vms_mib(h.memory_mib, h.hosted) for h in usable)
    for percent in range(97, 40, -4):
        wanted = int(total_mib * percent / 100)
        try:
            pools.create(None, root, name, memory_reservation_mib=wanted, memory_expandable=False)
        except faults.MethodFault:
            continue
        return {"pool": name, "reserved_mib": wanted}
    raise faults.InvalidState(name=cluster.name, reason="its memory is reserved already")
