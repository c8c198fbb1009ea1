"""A fleet on a bench: a small inventory, a driver, lab time that the test moves, and everything that was reported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from domain.counters import ROWS
from domain.resources import Allocation
from domain.specs import (
    DatastoreSpec,
    DiskSpec,
    HostSpec,
    Inventory,
    NicSpec,
    PlacedHost,
    PlacedVm,
    PoolSpec,
    VmSpec,
    WorkloadSpec,
    to_plain,
)
from domain.states import HostKind, VmPower
from domain.traces import TraceSet
from hypervisors.port import Command, Config, FleetEvent, Happening, Job, JobState, Op, Sample
from hypervisors.simulated.driver import SimulatedDriver
from hypervisors.simulated.fleet import Fleet
from hypervisors.simulated.state import FleetState
from hypervisors.simulated.store import MemoryStore
from hypervisors.simulated.tuning import DEFAULT_TUNING, Tuning

GIB = 2**30
ARCHETYPES = ("web", "db", "idle", "batch", "vdi", "ci")
START_S = 1_000.0


def host_id(n: int) -> str:
    return f"host-uuid-{n:04d}"


def vm_id(n: int) -> str:
    return f"vm-uuid-{n:05d}"


def store_id(n: int) -> str:
    return f"store-uuid-{n:03d}"


def nic_spec(key: int = 4000, **changes: Any) -> NicSpec:
    return replace(
        NicSpec(key, f"Network adapter {key - 3999}", "net-uuid", f"00:50:56:80:{key % 256:02x}:01"), **changes
    )


def vm_spec(n: int, **changes: Any) -> VmSpec:
    spec = VmSpec(
        vm_id(n), f"vm{n}", n, "pool-a", vcpus=1 + n % 4, memory_mib=4096,
        disks=(DiskSpec(2000, "Hard disk 1", 40 * GIB, store_id(0), used_bytes=GIB),), nics=(nic_spec(),),
        workload=WorkloadSpec(ARCHETYPES[n % len(ARCHETYPES)]),
    )  # fmt: skip
    return replace(spec, **changes)


def lab(
    hosts: int = 3, vms: int = 9, stores: int = 2, off: int = 2, seed: int = 7, host: Mapping[str, Any] | None = None,
    vm: Callable[[int], Mapping[str, Any]] = lambda n: {},
) -> Inventory:  # fmt: skip
    """`vms` machines dealt out over the hosts, the last `off` of them off; every host mounts every datastore."""
    datastores = tuple(DatastoreSpec(store_id(n), f"store{n}", n) for n in range(stores))
    mounted = tuple(d.uuid for d in datastores)
    placed_hosts = tuple(
        PlacedHost(HostSpec(**{"uuid": host_id(n), "name": f"esx{n}", "slot": n, "root_pool": "root",
                               "datastores": mounted, **(host or {})}))
        for n in range(hosts)
    )  # fmt: skip
    placed_vms = tuple(
        PlacedVm(vm_spec(n, **vm(n)), host_id(n % hosts), VmPower.ON if n < vms - off else VmPower.OFF)
        for n in range(vms)
    )
    pools = (
        PoolSpec("root", "Resources", ""),
        PoolSpec("pool-a", "a", "root"),
        PoolSpec("pool-b", "b", "root", cpu=Allocation(limit=20_000, shares=8000)),
    )
    return Inventory(seed, 1, START_S, hosts=placed_hosts, vms=placed_vms, pools=pools, datastores=datastores)


class Rig:
    """A driver on a memory store. `run` advances lab time in steps and keeps every event, sample and job seen."""

    def __init__(
        self, inventory: Inventory, tuning: Tuning = DEFAULT_TUNING, traces: Mapping[str, TraceSet] | None = None
    ) -> None:
        self.store = MemoryStore()
        self.driver = SimulatedDriver(self.store, token=1, tuning=tuning, traces=traces)
        self.driver.rebuild(inventory)
        self.inventory, self.now_s, self.tuning = inventory, inventory.now_s, tuning
        self.events: list[FleetEvent] = []
        self.samples: list[Sample] = []
        self.jobs: dict[str, Job] = {}
        self.progress: dict[str, list[float]] = {}
        self._ops = 0
        self._acknowledge()

    # --- asking ---
    def do(self, op: Op, target: str, **args: Any) -> str:
        """Start an operation; returns its op_id."""
        self._ops += 1
        op_id = f"op-{self._ops}"
        self.driver.start([Command(op, target, args, op_id)])
        return op_id

    def configure(self, config: Config, target: str, **args: Any) -> None:
        self.driver.start([Command(config, target, args)])

    def inject(self, fault: str, target: str, **args: Any) -> None:
        self.configure(Config.INJECT, target, fault=str(fault), **args)

    def define(self, n: int, host: int = 0, **changes: Any) -> str:
        return self.do(Op.DEFINE_VM, vm_id(n), spec=to_plain(vm_spec(n, **changes)), host=host_id(host))

    # --- time ---
    def run(self, seconds: float, step_s: float = 1800.0) -> None:
        end_s = self.now_s + seconds
        while True:
            self.now_s = min(end_s, self.now_s + step_s)
            self._poll()
            if self.now_s >= end_s:
                return

    def run_until(self, op_id: str, limit_s: float = 3600.0, step_s: float = 0.5) -> Job:
        """Advance until a job has ended."""
        end_s = self.now_s + limit_s
        while op_id not in self.jobs or self.jobs[op_id].state in (JobState.QUEUED, JobState.RUNNING):
            assert self.now_s < end_s, self.jobs.get(op_id)
            self.run(step_s)
        return self.jobs[op_id]

    def run_until_phase(self, op_id: str, phase: str, limit_s: float = 600.0, step_s: float = 0.05) -> Job:
        end_s = self.now_s + limit_s
        while op_id not in self.jobs or self.jobs[op_id].phase != phase:
            assert self.now_s < end_s, (phase, self.jobs.get(op_id))
            self.run(step_s)
        return self.jobs[op_id]

    def _poll(self) -> None:
        poll = self.driver.poll(self.now_s)
        self.now_s = poll.now_s
        self.samples.extend(poll.samples)
        for job in poll.jobs:
            self.jobs[job.op_id] = job
            self.progress.setdefault(job.op_id, []).append(job.progress_pct)
        self.events.extend(poll.events)
        self._acknowledge()

    def _acknowledge(self) -> None:
        self.driver.acknowledge(self.driver.last_seq)

    # --- looking ---
    @property
    def state(self) -> FleetState:
        assert self.store.blob is not None
        return FleetState.from_bytes(self.store.blob)

    @property
    def fleet(self) -> Fleet:
        return Fleet(self.state, {}, self.tuning)

    def host_of(self, vm: str) -> str:
        state = self.state
        return state.host_ids.uuids[int(state.vms.host[state.vm_ids.find(vm)])]

    def power_of(self, vm: str) -> str:
        """The power that the events have told last, or the inventory's."""
        told = [e.data["power"] for e in self.events if e.kind == Happening.VM_POWER and e.target == vm]
        placed = {v.spec.uuid: v.power.value for v in self.inventory.vms}
        return str(told[-1]) if told else placed.get(vm, VmPower.OFF.value)

    def kinds(self, *wanted: Happening, target: str = "") -> list[FleetEvent]:
        return [e for e in self.events if (not wanted or e.kind in wanted) and (not target or e.target == target)]

    def fault(self, op_id: str) -> str:
        fault = self.jobs[op_id].fault
        return str(fault["fault"]) if fault else ""

    def figure(self, kind: str, key: int, slot: int) -> float:
        """A counter of the last sample."""
        return float(getattr(self.samples[-1], kind)[ROWS[kind].index(key), slot])


def rows(sample: Sample, kind: str) -> dict[int, np.ndarray[Any, np.dtype[np.float32]]]:
    """Counter key -> one value per slot."""
    return dict(zip(ROWS[kind], getattr(sample, kind), strict=True))


HOSTED = HostKind.HOSTED
