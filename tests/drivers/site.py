"""A cluster that runs by itself: the simulated fleet, a DRS cycle every few minutes, and what it decides is done.

No web server, no database: what `scheduler.selectors.cluster` reads from rows is made here from the inventory and the
samples, so that a lab day passes in seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from domain import resources
from domain.counters import VM_ROWS, row
from domain.hardware import SERVER_MODELS
from domain.snapshot import ClusterSnapshot, Floats, HostTable, PoolTable, VmTable
from domain.specs import Inventory
from domain.states import VmPower
from domain.traces import TraceSet
from hypervisors.port import JobState, Op
from scheduler.engine.drs import plan_cycle
from scheduler.engine.options import DrsOptions
from scheduler.engine.results import CyclePlan, Move, PowerAction
from tests.drivers.rig import Rig

HOUR_S = 3600.0
SAMPLES_KEPT = 180  # an hour of them
MIB = 1024.0
ENDED = (JobState.DONE, JobState.FAILED)


@dataclass(slots=True)
class Hour:
    """What was seen at the cycles of one hour."""

    hosts_on: list[int] = field(default_factory=list)
    score: list[float] = field(default_factory=list)
    demand_mhz: list[float] = field(default_factory=list)
    held_mib: list[float] = field(default_factory=list)
    moves: int = 0
    woken: int = 0
    asleep: int = 0


@dataclass(slots=True)
class Waiting:
    """A decision that waits for those before it."""

    op: Op
    target: str
    args: dict[str, str]
    after: tuple[str, ...]


class Site:
    """`run` lets lab time pass; `hours` has one row per hour, `switched` how often each host changed its power."""

    def __init__(
        self, inventory: Inventory, options: DrsOptions, cycle_s: float = 300.0,
        traces: Mapping[str, TraceSet] | None = None,
    ) -> None:  # fmt: skip
        self.rig = Rig(inventory, traces=traces)
        self.options, self.cycle_s = options, cycle_s
        self.hosts = [placed.spec for placed in inventory.hosts]
        self.specs = [placed.spec for placed in inventory.vms]
        self.running = np.array([placed.power == VmPower.ON for placed in inventory.vms])
        self.host_row = {spec.uuid: i for i, spec in enumerate(self.hosts)}
        self.pools = {spec.uuid: i for i, spec in enumerate(inventory.pools)}
        self.inventory = inventory
        self.standby = np.zeros(len(self.hosts), bool)
        self.leaving: dict[int, str] = {}  # host row -> operation that sends it to sleep
        self.arriving: dict[int, str] = {}
        self.woken_s = np.full(len(self.hosts), -1e9)
        self.slept_s = np.zeros(len(self.hosts))
        self.moving: dict[int, str] = {}
        self.moved_s = np.full(len(self.specs), -1e18)
        self.previous = np.full(len(self.specs), -1)
        self.hours: dict[int, Hour] = {}
        self.switched = np.zeros(len(self.hosts), int)
        self.plans: list[CyclePlan] = []
        self._rows = {spec.uuid: i for i, spec in enumerate(self.specs)}
        self._waiting: dict[str, Waiting] = {}
        self._op_of: dict[str, str] = {}  # key of a decision -> operation

    def run(self, seconds: float) -> None:
        """Let time pass, cycle by cycle; what is under way is looked at every minute."""
        end_s = self.rig.now_s + seconds
        while self.rig.now_s < end_s:
            self._cycle()
            cycle_ends_s = min(end_s, self.rig.now_s + self.cycle_s)
            while self.rig.now_s < cycle_ends_s:
                under_way = self._waiting or self.moving or self.leaving or self.arriving
                self.rig.run(min(60.0 if under_way else self.cycle_s, cycle_ends_s - self.rig.now_s))
                self._note_ends()
                self._go_on()
            del self.rig.samples[:-SAMPLES_KEPT]
            self.rig.events.clear()

    # --- one cycle ---
    def _cycle(self) -> None:
        if not self.rig.samples:
            return
        snapshot = self.snapshot()
        plan = plan_cycle(snapshot, self.options, self.rig.now_s)
        self.plans.append(plan)
        hour = self._hour()
        hour.hosts_on.append(int((~self.standby).sum()))
        hour.score.append(plan.score)
        hour.demand_mhz.append(float(snapshot.vms.cpu_demand_mhz.sum()))
        hour.held_mib.append(float(snapshot.vms.consumed_mib.sum()))
        self._waiting, self._op_of = {}, {}
        for decision in (*plan.moves, *plan.power_actions):
            assert decision.automatic, decision
            self._waiting[decision.key] = _what(decision)
        self._go_on()

    def _hour(self) -> Hour:
        return self.hours.setdefault(int(self.rig.now_s // HOUR_S), Hour())

    def _go_on(self) -> None:
        """Start what waits for nothing (any more)."""
        for key, waiting in list(self._waiting.items()):
            if all(self._succeeded(before) for before in waiting.after):
                del self._waiting[key]
                self._op_of[key] = self._start(waiting)

    def _succeeded(self, key: str) -> bool:
        op_id = self._op_of.get(key)
        return op_id in self.rig.jobs and self.rig.jobs[op_id].state == JobState.DONE

    def _start(self, waiting: Waiting) -> str:
        op_id = self.rig.do(waiting.op, waiting.target, **waiting.args)
        hour = self._hour()
        if waiting.op == Op.MIGRATE:
            self.moving[self._rows[waiting.target]] = op_id
            hour.moves += 1
            return op_id
        host = self.host_row[waiting.target]
        self.switched[host] += 1
        if waiting.op == Op.ENTER_STANDBY:
            self.leaving[host] = op_id
            hour.asleep += 1
        else:
            self.arriving[host] = op_id
            hour.woken += 1
        return op_id

    def _note_ends(self) -> None:
        for vm, op_id in list(self.moving.items()):
            if self._ended(op_id):
                del self.moving[vm]
                self.moved_s[vm] = self.rig.now_s
        for host, op_id in list(self.leaving.items()):
            if self._ended(op_id):
                del self.leaving[host]
                self.standby[host] = self.rig.jobs[op_id].state == JobState.DONE
                self.slept_s[host] = self.rig.now_s
        for host, op_id in list(self.arriving.items()):
            if self._ended(op_id):
                del self.arriving[host]
                self.standby[host] = self.rig.jobs[op_id].state != JobState.DONE
                self.woken_s[host] = self.rig.now_s

    def _ended(self, op_id: str) -> bool:
        return op_id in self.rig.jobs and self.rig.jobs[op_id].state in ENDED

    # --- what the engine sees ---
    def snapshot(self) -> ClusterSnapshot:
        pools = list(self.inventory.pools)
        return ClusterSnapshot(
            name="site",
            hosts=self._hosts(),
            vms=self._vms(),
            pools=PoolTable.build(
                [p.uuid for p in pools],
                parent=[self.pools.get(p.parent, -1) for p in pools],
                cpu_shares=[p.cpu.shares for p in pools],
                mem_shares=[p.memory.shares for p in pools],
                cpu_limit_mhz=[p.cpu.limit for p in pools],
                cpu_expandable=True,
                mem_expandable=True,
            ),
            rules=(),
        )

    def _hosts(self) -> HostTable:
        hosts, everyone = self.hosts, range(len(self.hosts))
        return HostTable.build(
            [h.uuid for h in hosts],
            [h.name for h in hosts],
            cpu_capacity_mhz=[resources.host_cpu_for_vms_mhz(h.cores, h.core_mhz, False) for h in hosts],
            mem_capacity_mib=[resources.host_memory_for_vms_mib(h.memory_mib, False) for h in hosts],
            cores=[h.cores for h in hosts],
            logical_cpus=[h.threads for h in hosts],
            core_mhz=[h.core_mhz for h in hosts],
            standby=[bool(self.standby[i]) and i not in self.arriving for i in everyone],
            entering_standby=[i in self.leaving for i in everyone],
            exiting_standby=[i in self.arriving for i in everyone],
            power_w=[SERVER_MODELS[h.model].watts for h in hosts],
            up_s=np.maximum(self.rig.now_s - self.woken_s, 0.0),
            standby_since_s=self.slept_s,
        )

    def _vms(self) -> VmTable:
        specs, state = self.specs, self.rig.state
        now = self.rig.samples[-1].vm[:, [spec.slot for spec in specs]]
        host_ix = np.array([int(state.vms.host[state.vm_ids.find(spec.uuid)]) for spec in specs])
        core_mhz = np.array([h.core_mhz for h in self.hosts])
        return VmTable.build(
            [spec.uuid for spec in specs],
            [spec.name for spec in specs],
            host_ix=host_ix,
            pool_ix=[self.pools[spec.pool] for spec in specs],
            powered_on=self.running,
            vcpus=[spec.vcpus for spec in specs],
            cpu_max_mhz=[spec.vcpus * core_mhz[h] for spec, h in zip(specs, host_ix, strict=True)],
            mem_mib=[spec.memory_mib for spec in specs],
            overhead_mib=[resources.overhead_mib(spec.vcpus, spec.memory_mib) for spec in specs],
            cpu_shares=[spec.cpu.shares for spec in specs],
            mem_shares=[spec.memory.shares for spec in specs],
            active_mib=_figure(now, 33) / MIB,
            consumed_mib=_figure(now, 98) / MIB,
            swapped_mib=_figure(now, 70) / MIB,
            ballooned_mib=_figure(now, 90) / MIB,
            compressed_mib=_figure(now, 105) / MIB,
            net_mibps=_figure(now, 143) / MIB,
            moved_s=self.moved_s,
            immovable={vm: RuntimeError("it is being moved") for vm in self.moving},
            **self._windows(),
        )

    def _windows(self) -> dict[str, Floats]:
        """The columns that `scheduler.selectors.demand` makes of the recorded figures."""
        slots = [spec.slot for spec in self.specs]
        line = VM_ROWS.index(398)
        demand = np.nan_to_num(np.stack([s.vm[line, slots] for s in self.rig.samples]).astype(np.float64))
        changed = np.abs(np.diff(demand, axis=0)) > 0.25 * np.maximum(demand[:-1], 1.0)
        return {
            "cpu_demand_mhz": demand[-1],
            "cpu_demand_300s_mhz": demand[-15:].mean(axis=0),
            "cpu_demand_2400s_mhz": demand[-120:].mean(axis=0),
            "cpu_p05_mhz": np.quantile(demand, 0.05, axis=0),
            "cpu_p95_mhz": np.quantile(demand, 0.95, axis=0),
            "stable_s": np.clip(20.0 * len(demand) / (changed.sum(axis=0) + 1), 60.0, 3600.0),
        }


def _figure(sample: np.ndarray[Any, np.dtype[np.float32]], key: int) -> Floats:
    return np.nan_to_num(sample[row("vm", key)].astype(np.float64))


def _what(decision: Move | PowerAction) -> Waiting:
    if isinstance(decision, Move):
        return Waiting(Op.MIGRATE, decision.vm, {"host": decision.destination}, decision.prerequisites)
    op = Op.EXIT_STANDBY if decision.operation == "powerOn" else Op.ENTER_STANDBY
    return Waiting(op, decision.host, {}, decision.prerequisites)
