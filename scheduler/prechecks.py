"""Can these VMs move there? Every check of every candidate host at once, each finding a typed fault.

`errors` forbid the move, `warnings` do not. Cost: a fixed number of queries, O(VMs x hosts) array work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from domain import faults
from domain.limits import DEFAULT_LIMITS
from domain.states import VmPower
from inventory import admission
from inventory.models import Cluster, Datastore, Host, Network, Task, VirtualMachine
from inventory.operations import base as operations
from scheduler import failover_admission
from scheduler.engine.compat import Against, fault_of, prechecks, vmotion_faults
from scheduler.engine.rules import RuleBook
from scheduler.selectors.cluster import Frame, comparison
from scheduler.selectors.pinned import pinned, torn

SUMMED_UP = Against.CPU_ROOM | Against.MEM_ROOM | Against.VCPU_ROOM | Against.VM_COUNT  # over all VMs together
CHECKED_ONE_BY_ONE = [code for code in Against if code and not code & (SUMMED_UP | Against.VMOTION)]


@dataclass(slots=True)
class Verdict:
    """What speaks against a host as the destination of some VMs."""

    host: Host
    errors: list[faults.MethodFault] = field(default_factory=list)
    warnings: list[faults.MethodFault] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.errors

    @property
    def has_networks(self) -> bool:
        """The host has every network of the VMs, whether or not others may be chosen."""
        return not any(isinstance(f, faults.CannotAccessNetwork) for f in (*self.errors, *self.warnings))


def verdicts(
    vms: Sequence[VirtualMachine],
    hosts: Sequence[Host],
    *,
    storage_moves: bool = False,
    networks_mapped: bool = False,
) -> list[Verdict]:
    """One verdict per host, in the order of `hosts`, over all of `vms` together. Hosts may be of several clusters.

    storage_moves: disks go along, so that the host need not reach those they are on.  networks_mapped: somebody chooses
    networks that the host has, so that one which it lacks is a warning.
    """
    by_cluster: dict[int, list[Host]] = {}
    for host in hosts:
        by_cluster.setdefault(host.cluster_id, []).append(host)
    found: dict[int, Verdict] = {}
    for group in by_cluster.values():
        found |= {v.host.pk: v for v in _in_cluster(group[0].cluster, list(vms), group, storage_moves)}
    if networks_mapped:
        for verdict in found.values():
            _let_networks(verdict)
    return [found[h.pk] for h in hosts]


def _let_networks(verdict: Verdict) -> None:
    missing = [f for f in verdict.errors if isinstance(f, faults.CannotAccessNetwork)]
    verdict.errors = [f for f in verdict.errors if f not in missing]
    verdict.warnings += missing


def _in_cluster(cluster: Cluster, vms: list[VirtualMachine], hosts: list[Host], storage: bool) -> list[Verdict]:
    frame = comparison(cluster, vms, hosts)
    codes = _codes(frame, storage)
    free = admission.room(hosts)
    stores, nets = _names(cluster)
    anywhere, full = _own_troubles(frame), _no_failover_capacity(frame)
    result = []
    for column, host in enumerate(hosts):
        verdict = Verdict(host, list(full))
        for row, vm in enumerate(vms):
            _against(verdict, frame, row, column, int(codes[row, column]), (stores, nets))
            verdict.errors += anywhere[vm.pk]
        _room(verdict, vms, host, free[host.pk])
        _dedupe(verdict)
        result.append(verdict)
    return result


def _codes(frame: Frame, storage: bool) -> np.ndarray:
    """Reasons per VM and host. A VM that does not run needs no vMotion network; one that is off (not one that is
    suspended, whose guest goes on with the CPU it knows) no matching CPU either."""
    snapshot = frame.snapshot
    codes = prechecks(snapshot, must_ok=RuleBook(snapshot).must_ok)
    off = np.array([vm.power_state == VmPower.OFF for vm in frame.vms], np.bool_)
    codes[~snapshot.vms.powered_on] &= np.uint32(~int(Against.VMOTION) & 0xFFFFFFFF)
    codes[off] &= np.uint32(~int(Against.CPU_FEATURES) & 0xFFFFFFFF)
    if storage:
        codes &= np.uint32(~int(Against.DATASTORE) & 0xFFFFFFFF)
    return codes


def _no_failover_capacity(frame: Frame) -> list[faults.MethodFault]:
    """The admission control of the cluster's HA, for those that run and come from another one."""
    coming = [vm.power_state == VmPower.ON and vm.host.cluster_id != frame.cluster.pk for vm in frame.vms]
    if not any(coming):
        return []
    found = failover_admission.refusal(frame.cluster, frame.snapshot.vms.rows(np.flatnonzero(coming)))
    return [found] if found else []


def _names(cluster: Cluster) -> tuple[list[str], list[str]]:
    """Names of the datastores and networks in the columns' order."""
    place = {"vcenter": cluster.vcenter_id}
    stores = Datastore.objects.filter(**place).order_by("id").values_list("name", flat=True)
    return list(stores), list(Network.objects.filter(**place).order_by("id").values_list("name", flat=True))


def _against(
    verdict: Verdict, frame: Frame, row: int, column: int, code: int, names: tuple[list[str], list[str]]
) -> None:
    vm = frame.vms[row]
    for single in CHECKED_ONE_BY_ONE:
        if code & single:
            fault = fault_of(frame.snapshot, row, column, int(single))
            verdict.errors.append(_named(fault, frame, row, column, names))
    if code & Against.VMOTION:
        verdict.errors += vmotion_faults(frame.snapshot.hosts, column, int(frame.snapshot.vms.host_ix[row]))
    if vm.host_id == verdict.host.pk:
        verdict.warnings.append(faults.MigrationFault(name=vm.name, reason="it is on this host already"))


def _named(
    fault: faults.MethodFault, frame: Frame, row: int, column: int, names: tuple[list[str], list[str]]
) -> faults.MethodFault:
    """Column numbers become names; a must rule gets its own."""
    stores, nets = names
    if isinstance(fault, faults.CannotAccessVmDisk):
        fault.fields["datastore"] = stores[int(fault.fields["datastore"])]
    if isinstance(fault, faults.CannotAccessNetwork):
        fault.fields["network"] = nets[int(fault.fields["network"])]
    if isinstance(fault, faults.VmHostAffinityRuleViolation):
        fault.fields["rule"] = _must_rule(frame, row, column)
    return fault


def _must_rule(frame: Frame, row: int, column: int) -> str:
    """The name of the must rule that forbids VM `row` on host `column`."""
    for rule in frame.snapshot.rules:
        wants = rule.enabled and rule.mandatory and row in rule.vms
        if wants and (column in rule.hosts) != rule.affine:
            return rule.name
    return ""


def _own_troubles(frame: Frame) -> dict[int, list[faults.MethodFault]]:
    """What keeps each VM (by its row number) from moving anywhere; a fixed number of queries."""
    without_state = torn(frame.vms)
    found: dict[int, list[faults.MethodFault]] = {}
    for row, vm in enumerate(frame.vms):
        held = frame.snapshot.vms.immovable.get(row)
        mine = [held] if isinstance(held, faults.MethodFault) else []
        found[vm.pk] = mine + pinned(vm, vm.pk in without_state)
    return found


def _room(verdict: Verdict, vms: Sequence[VirtualMachine], host: Host, free: admission.Room) -> None:
    """Reservations and numbers of all VMs that would come, together."""
    coming = [v for v in vms if v.host_id != host.pk and v.power_state == VmPower.ON]
    if not coming:
        return
    needs = [admission.Need.of(v) for v in coming]
    cpu, memory = sum(n.cpu_mhz for n in needs), sum(n.memory_mib for n in needs)
    if cpu > free.cpu_mhz + 1e-6:
        unreserved = round(max(0.0, free.cpu_mhz))
        fault = faults.InsufficientHostCpuCapacityFault(host=host.name, unreserved=unreserved, requested=round(cpu))
        verdict.errors.append(fault)
    if memory > free.memory_mib + 1e-6:
        unreserved = round(max(0.0, free.memory_mib))
        verdict.errors.append(
            faults.InsufficientHostMemoryCapacityFault(host=host.name, unreserved=unreserved, requested=round(memory))
        )
    count, vcpus = free.vms + len(coming), free.vcpus + sum(v.vcpus for v in coming)
    if count > DEFAULT_LIMITS.vms_per_host or vcpus > DEFAULT_LIMITS.vcpus_per_host:
        reason = f"{count} VMs, {vcpus} vCPUs"
        verdict.errors.append(faults.InsufficientHostCapacityFault(host=host.name, reason=reason))


def _dedupe(verdict: Verdict) -> None:
    verdict.errors = list(dict.fromkeys(verdict.errors))
    verdict.warnings = list(dict.fromkeys(verdict.warnings))


def busy(vm: VirtualMachine) -> None:
    """Raise TaskInProgress where another task holds the VM."""
    operations.refuse_busy(Task(vcenter=vm.vcenter, entity=vm.moref, entity_name=vm.name, exclusive=True))
