"""What a set of moves would do, told before anybody commits: where each VM goes, which hosts become how full, which
rules would be broken. Nothing is changed. Cost: one snapshot per cluster that takes part."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from domain import faults
from domain.snapshot import Automation, Floats
from domain.states import VmPower
from inventory.models import Cluster, Host, VirtualMachine
from scheduler import settings_of
from scheduler.engine.compat import Against
from scheduler.engine.repair import choose_host
from scheduler.engine.state import Plan
from scheduler.selectors.cluster import Frame, frame_of

OFF = np.uint32(~int(Against.VMOTION | Against.CPU_FEATURES) & 0xFFFFFFFF)
SUSPENDED = np.uint32(~int(Against.VMOTION) & 0xFFFFFFFF)  # its guest goes on with the CPU it knows


@dataclass(frozen=True, slots=True)
class Load:
    """A host's planned demand over its capacity, in percent, and its running VMs; now and afterwards."""

    host: Host
    vms: int
    vms_after: int
    cpu_pct: float
    cpu_pct_after: float
    memory_pct: float
    memory_pct_after: float


@dataclass(slots=True)
class Foresight:
    """moves: (VM, its destination).  stuck: (VM, why it stays).  broken: rules that the moves would newly break."""

    moves: list[tuple[VirtualMachine, Host]] = field(default_factory=list)
    stuck: list[tuple[VirtualMachine, faults.MethodFault]] = field(default_factory=list)
    loads: list[Load] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)


class Side:
    """One cluster on which moves have an effect."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        options = settings_of.options_of(frame.cluster, enabled=True, automation=Automation.FULLY_AUTOMATED)
        self.plan = Plan(self.frame.snapshot, options, self.frame.now_s)
        self.load: Floats = self.plan.load.copy()
        self.count = self._running()
        self.rows = {vm.pk: row for row, vm in enumerate(self.frame.vms)}
        self.columns = {host.pk: column for column, host in enumerate(self.frame.hosts)}
        self.before = (self.load.copy(), self.count.copy(), self._broken())
        self.touched: set[int] = set()

    def _running(self) -> Floats:
        hosts = self.plan.host_ix[self.plan.on]
        return np.bincount(hosts, minlength=len(self.frame.hosts)).astype(np.float64)

    def _broken(self) -> set[str]:
        return {v.rule.name for v in self.plan.rules.violations(self.plan.host_ix, self.plan.on)}

    def add(self, host_pk: int, burden: Floats, sign: int) -> None:
        column = self.columns[host_pk]
        self.touched.add(column)
        self.load[column] += sign * burden
        self.count[column] += sign

    def newly_broken(self) -> set[str]:
        return self._broken() - self.before[2]

    def loads(self) -> Iterable[Load]:
        table = self.frame.snapshot.hosts
        old, counted, _rules = self.before
        for column in sorted(self.touched):
            cpu, memory = max(table.cpu_capacity_mhz[column], 1e-9), max(table.mem_capacity_mib[column], 1e-9)
            yield Load(
                self.frame.hosts[column], int(counted[column]), int(self.count[column]),
                float(100 * old[column, 0] / cpu), float(100 * self.load[column, 0] / cpu),
                float(100 * old[column, 1] / memory), float(100 * self.load[column, 1] / memory),
            )  # fmt: skip


class Outlook:
    """The clusters that take part, each looked at once."""

    def __init__(self) -> None:
        self.sides: dict[int, Side] = {}

    def side(self, cluster: Cluster, frame: Frame | None = None) -> Side:
        if cluster.pk not in self.sides:
            self.sides[cluster.pk] = Side(frame or frame_of(cluster))
        return self.sides[cluster.pk]

    def move(self, vm: VirtualMachine, host: Host) -> None:
        """Take the VM off its host and put it on `host`; one that does not run weighs nothing."""
        source, target = self.side(vm.host.cluster), self.side(host.cluster)
        row = source.rows.get(vm.pk)
        if row is None or not source.plan.on[row]:
            return
        burden = source.plan.burden[row].copy()
        source.add(vm.host_id, burden, -1)
        target.add(host.pk, burden, 1)
        if source is target:
            source.plan.move(row, source.columns[host.pk])

    def result(self, moves: Sequence[tuple[VirtualMachine, Host]], stuck: list[Stuck] | None = None) -> Foresight:
        sides = list(self.sides.values())
        broken = sorted({name for side in sides for name in side.newly_broken()})
        loads = [load for side in sides for load in side.loads()]
        loads.sort(key=lambda load: (load.vms_after <= load.vms, load.host.name))
        return Foresight(list(moves), stuck or [], loads, broken)


Stuck = tuple[VirtualMachine, faults.MethodFault]


def to_host(vms: Sequence[VirtualMachine], host: Host) -> Foresight:
    """All of `vms` to one host."""
    look, moves = Outlook(), [(vm, host) for vm in vms if vm.host_id != host.pk]
    for vm, target in moves:
        look.move(vm, target)
    return look.result(moves)


def to_best_hosts(vms: Sequence[VirtualMachine]) -> Foresight:
    """Each VM to the host of its own cluster that suits it best, reckoning with those that were placed before it; the
    heaviest first, so that the last ones still find room."""
    look = Outlook()
    moves: list[tuple[VirtualMachine, Host]] = []
    stuck: list[Stuck] = []
    for vm in sorted(vms, key=lambda v: (v.power_state != VmPower.ON, -v.memory_mib, v.name)):
        found = _best(look.side(vm.host.cluster), vm)
        if isinstance(found, Host):
            look.move(vm, found)
            moves.append((vm, found))
        else:
            stuck.append((vm, found))
    return look.result(moves, stuck)


def _best(side: Side, vm: VirtualMachine) -> Host | faults.MethodFault:
    row = side.rows.get(vm.pk)
    if row is None:
        return faults.NoCompatibleHost(name=vm.name, reason="it is no machine that placement looks after")
    asked = SUSPENDED if vm.power_state == VmPower.SUSPENDED else OFF
    column = choose_host(side.plan, row) if side.plan.on[row] else _emptiest(side, row, asked)
    if column is not None:
        return side.frame.hosts[column]
    reasons = list(dict.fromkeys(side.plan.faults(row).values()))  # what its own host lacks, every host says
    return reasons[0] if len(reasons) == 1 else faults.NoCompatibleHost(
        name=vm.name, reason=" ".join(fault.sentence for fault in reasons[:3]) or "there is no other host"
    )  # fmt: skip


def _emptiest(side: Side, row: int, asked: np.uint32) -> int | None:
    """For a VM that does not run: the host that reaches its files, with the least memory in demand."""
    codes = side.plan.codes[row] & asked
    free = np.flatnonzero((codes == 0) & side.plan.accepting)
    free = free[free != side.plan.host_ix[row]]
    if not len(free):
        return None
    fullness = side.load[free, 1] / np.maximum(side.frame.snapshot.hosts.mem_capacity_mib[free], 1.0)
    return int(free[int(np.argmin(fullness))])
