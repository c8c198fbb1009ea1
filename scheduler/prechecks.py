"""Can these VMs move there? Every check of every candidate host at once, each finding a typed fault.

`errors` forbid the move, `warnings` do not. Cost: a fixed number of queries, O(VMs x hosts) array work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from domain import faults
from domain.states import VmPower
from inventory import admission
from inventory.models import Cluster, Datastore, Host, Network, Task, VirtualMachine
from inventory.operations import base as operations
from scheduler.engine.compat import Against, fault_of, prechecks
from scheduler.engine.rules import RuleBook
from scheduler.selectors.cluster import Frame, comparison

CHECKED_ONE_BY_ONE = [code for code in Against if code not in (Against.NONE, Against.CPU_ROOM, Against.MEM_ROOM)]


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
    result = []
    for column, host in enumerate(hosts):
        verdict = Verdict(host)
        for row, vm in enumerate(vms):
            _against(verdict, frame, row, column, int(codes[row, column]), (stores, nets))
            _own_troubles(verdict, vm)
        _room(verdict, vms, host, free[host.pk])
        _dedupe(verdict)
        result.append(verdict)
    return result


def _codes(frame: Frame, storage: bool) -> np.ndarray:
    """Reasons per VM and host. A VM that is off needs no vMotion network and no matching CPU."""
    snapshot = frame.snapshot
    codes = prechecks(snapshot, must_ok=RuleBook(snapshot).must_ok)
    off = ~snapshot.vms.powered_on
    codes[off] &= np.uint32(~int(Against.VMOTION | Against.CPU_FEATURES) & 0xFFFFFFFF)
    if storage:
        codes &= np.uint32(~int(Against.DATASTORE) & 0xFFFFFFFF)
    return codes


def _names(cluster: Cluster) -> tuple[list[str], list[str]]:
    """Names of the datastores and networks in the columns' order."""
    place = {"vcenter": cluster.vcenter_id}
    stores = Datastore.objects.filter(**place).order_by("id").values_list("name", flat=True)
    return list(stores), list(Network.objects.filter(**place).order_by("id").values_list("name", flat=True))


def _against(
    verdict: Verdict, frame: Frame, row: int, column: int, code: int, names: tuple[list[str], list[str]]
) -> None:
    for single in CHECKED_ONE_BY_ONE:
        if code & single:
            fault = fault_of(frame.snapshot, row, column, int(single))
            verdict.errors.append(_named(fault, frame, row, column, names))
    vm = frame.vms[row]
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


def _own_troubles(verdict: Verdict, vm: VirtualMachine) -> None:
    """What keeps a VM from moving anywhere."""
    if vm.power_state == VmPower.ON and vm.cd_connected and vm.cd_path.startswith("[client]"):
        verdict.errors.append(faults.RemoteDeviceNotSupported(name=vm.name, device=vm.cd_path))
    if vm.power_state == VmPower.ON and vm.cd_connected and vm.cd_path.startswith("[host]"):
        verdict.errors.append(faults.CannotAccessLocalSource(name=vm.name, device=vm.cd_path))
    if vm.connection_state != "connected":
        verdict.errors.append(faults.InvalidHostConnectionState(host=vm.host.name, state=vm.host.connection_state))
    if vm.power_state == VmPower.ON and vm.disks.filter(independent=True).exists() and vm.snapshots.exists():
        verdict.errors.append(faults.IndependentDiskVMotionNotSupported(name=vm.name))


def _room(verdict: Verdict, vms: Sequence[VirtualMachine], host: Host, free: admission.Room) -> None:
    """Reservations of all VMs that would come, together."""
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


def _dedupe(verdict: Verdict) -> None:
    verdict.errors = list(dict.fromkeys(verdict.errors))
    verdict.warnings = list(dict.fromkeys(verdict.warnings))


def busy(vm: VirtualMachine) -> None:
    """Raise TaskInProgress where another task holds the VM."""
    operations.refuse_busy(Task(vcenter=vm.vcenter, entity=vm.moref, entity_name=vm.name, exclusive=True))
