"""The fleet while it is being advanced: its state, the moment, and what everything that happens needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain import faults
from domain.resources import overhead_mib
from domain.traces import TraceSet
from hypervisors.port import FleetEvent, Happening, JobState
from hypervisors.simulated import layout as layouts
from hypervisors.simulated import noise
from hypervisors.simulated.columns import I32
from hypervisors.simulated.layout import Layout
from hypervisors.simulated.noise import Stream
from hypervisors.simulated.records import JobRecord
from hypervisors.simulated.state import FleetState
from hypervisors.simulated.storage import used_bytes
from hypervisors.simulated.tables import Phase, Power, rows_where
from hypervisors.simulated.tuning import Tuning


class Claims:
    """What the running jobs claim: VMs by the host that they will run on, bytes by datastore beside what is in use."""

    def __init__(self, used: layouts.Floats) -> None:
        self.used_bytes = used
        self.vms: dict[int, list[int]] = {}
        self.bytes: dict[str, float] = {}
        self.counted: set[str] = set()

    def add(self, job: JobRecord) -> None:
        """Count a job that has not been counted."""
        if job.state != JobState.RUNNING or not job.work.keys() & {"claim", "bytes"}:
            return
        self.counted.add(job.op_id)
        if "claim" in job.work:
            host, slot = job.work["claim"]
            self.vms.setdefault(host, []).append(slot)
        for store, size in job.work.get("bytes", {}).items():
            self.bytes[store] = self.bytes.get(store, 0.0) + size


class Fleet:
    """Working view of a state that its owner may change. `now_s` is the moment of the event being handled."""

    def __init__(self, state: FleetState, traces: Mapping[str, TraceSet], tuning: Tuning) -> None:
        self.state, self.traces, self.tuning = state, traces, tuning
        self.now_s = state.now_s
        self.events: list[FleetEvent] = []
        self._layout: Layout | None = None
        self._capacity: tuple[layouts.Floats, layouts.Floats] | None = None
        self._busy: dict[str, str] | None = None
        self._disk_rows: tuple[I32, NDArray[np.intp]] | None = None  # owners, ascending, and their rows
        self._claims: Claims | None = None
        self.queue_changed = False  # waiting jobs may fit now
        self.links_changed = False  # bandwidth has to be shared anew

    # --- what is derived ---
    def layout(self) -> Layout:
        if self._layout is None:
            self._layout = layouts.build(self.state)
        return self._layout

    def changed(self) -> None:
        """Something that the layout is made of has changed."""
        self._layout = self._claims = None

    def hosts_changed(self) -> None:
        self._layout = self._capacity = None

    def capacity(self, host: int) -> tuple[float, float]:
        """(MHz, MiB) that a host can give to VMs."""
        if self._capacity is None:
            self._capacity = layouts.host_capacity(self.state.hosts)
        return float(self._capacity[0][host]), float(self._capacity[1][host])

    # --- events ---
    def emit(self, kind: Happening, target: str, op_id: str = "", **data: Any) -> int:
        """Report a happening; it stays in the outbox until acknowledged."""
        self.state.seq += 1
        event = FleetEvent(self.state.seq, self.now_s, kind, target, op_id, data)
        self.events.append(event)
        self.state.outbox.append(event)
        return event.seq

    # --- chance ---
    def between(self, bounds: tuple[float, float], name: str, counter: int = 0) -> float:
        """A number in the range, decided by the lab's seed and a name."""
        return noise.between(bounds, noise.key_of(self.state.seed, name), Stream.DURATION, counter)

    # --- look-ups, each with its fault ---
    def vm(self, uuid: str) -> int:
        slot = self.state.vm_ids.find(uuid)
        if slot < 0:
            raise faults.NotFound(what=uuid)
        return slot

    def host(self, uuid: str) -> int:
        slot = self.state.host_ids.find(uuid)
        if slot < 0:
            raise faults.NotFound(what=uuid)
        return slot

    def vm_name(self, slot: int) -> str:
        return self.state.vm_ids.names[slot]

    def host_name(self, slot: int) -> str:
        return self.state.host_ids.names[slot]

    def vms_on(self, host: int, power: Power | None = Power.ON) -> list[int]:
        """Slots of the VMs registered on a host, of one power state or (None) of all."""
        vms = self.state.vms
        mask = (vms.exists == 1) & (vms.host == host)
        return rows_where(mask if power is None else mask & (vms.power == power))

    # --- what is reserved: counted afresh after everything but a start, so that nothing can leak ---
    def reserved(self, host: int) -> tuple[float, float]:
        """(MHz, MiB) reserved on a host: its running VMs, those being started there, those arriving, and the helpers of
        moves of high priority."""
        vms = self.state.vms
        slots = [*self.vms_on(host), *self.claims(host)]
        cpu = float(vms.cpu_reservation_mhz[slots].sum())
        cpu += self.helpers_mhz(host)
        return cpu, float(sum(self.memory_claim(slot) for slot in slots))

    def helpers_mhz(self, host: int) -> float:
        """Reserved for copies of high priority: as they share one link, what the fastest needs is enough for all."""
        return max((move.helper_mhz.get(str(host), 0.0) for move in self.state.moves.values()), default=0.0)

    def claims(self, host: int) -> list[int]:
        """VMs that a running job will start on or bring to a host."""
        return self._counted().vms.get(host, [])

    def _counted(self) -> Claims:
        if self._claims is None:
            self._claims = Claims(used_bytes(self.state))
            for job in self.state.jobs.values():
                self._claims.add(job)
        return self._claims

    def claimed(self, job: JobRecord) -> None:
        """A job has begun: what it claims counts for the next. Thousands that start at once are counted once."""
        if self.counts(job):  # while it began, so perhaps not all of it
            self._claims = None
        elif self._claims is not None:
            self._claims.add(job)

    def counts(self, job: JobRecord) -> bool:
        """True where what the job claims has been counted."""
        return self._claims is not None and job.op_id in self._claims.counted

    def claims_changed(self) -> None:
        """Claims or files may be others than before."""
        self._claims = None

    def memory_claim(self, slot: int) -> float:
        """Reservation and overhead of a VM, MiB."""
        vms = self.state.vms
        overhead = overhead_mib(int(vms.vcpus[slot]), int(vms.memory_mib[slot]))
        return float(vms.mem_reservation_mib[slot]) + overhead

    def free_bytes(self, store: int) -> float:
        """Free space of a datastore, less what running jobs have claimed there."""
        counted = self._counted()
        taken = counted.used_bytes[store] + counted.bytes.get(str(store), 0.0)
        return float(self.state.datastores.capacity_bytes[store] - taken)

    # --- who is busy ---
    def busy(self) -> dict[str, str]:
        """uuid of a VM or host -> op_id of the job that holds it."""
        if self._busy is None:
            self._busy = {j.target: j.op_id for j in self.state.jobs.values() if j.active}
        return self._busy

    def hold(self, job: JobRecord) -> None:
        self.busy()[job.target] = job.op_id

    def release(self, job: JobRecord) -> None:
        if self.busy().get(job.target) == job.op_id:
            del self.busy()[job.target]

    # --- checks that many operations share ---
    def need_host(self, host: int) -> None:
        """The host runs and can be spoken to."""
        hosts, name = self.state.hosts, self.host_name(host)
        if hosts.managed[host] == 0:
            raise faults.HostNotConnected(host=name)
        if hosts.responding[host] == 0 or hosts.hung[host] or hosts.isolated[host]:
            raise faults.InvalidHostConnectionState(host=name, state="notResponding")
        if hosts.phase[host] != Phase.ON:
            raise faults.InvalidHostState(host=name, state=Phase(int(hosts.phase[host])).name.lower())

    def need_room(self, host: int, slot: int) -> None:
        """Admission to a host: logical processors, reserved CPU, reserved memory with overhead."""
        vms, name = self.state.vms, self.host_name(host)
        if vms.vcpus[slot] > self.state.hosts.threads[host]:
            vcpus, logical = int(vms.vcpus[slot]), int(self.state.hosts.threads[host])
            raise faults.NotEnoughLogicalCpus(name=self.vm_name(slot), vcpus=vcpus, host=name, logical=logical)
        capacity, reserved = self.capacity(host), self.reserved(host)
        need = (float(vms.cpu_reservation_mhz[slot]), self.memory_claim(slot))
        left = (capacity[0] - reserved[0], capacity[1] - reserved[1])
        if need[0] > left[0] + 1e-6:
            raise faults.InsufficientHostCpuCapacityFault(host=name, unreserved=int(left[0]), requested=int(need[0]))
        if need[1] > left[1] + 1e-6:
            raise faults.InsufficientHostMemoryCapacityFault(host=name, unreserved=int(left[1]), requested=int(need[1]))

    def need_space(self, store: int, size_bytes: float) -> None:
        free = self.free_bytes(store)
        if size_bytes > free:
            name = self.state.datastore_ids.names[store]
            raise faults.NoDiskSpace(datastore=name, free=int(free), requested=int(size_bytes))

    def need_files(self, host: int, slot: int) -> None:
        """The host mounts every datastore of the VM, and each answers."""
        for store in self.stores_of(slot):
            name = self.state.datastore_ids.names[store]
            if not self.state.mounts[host, store]:
                raise faults.CannotAccessVmDisk(host=self.host_name(host), datastore=name, name=self.vm_name(slot))
            if not self.state.datastores.accessible[store]:
                raise faults.FileFault(name=self.vm_name(slot), reason=name)

    def disks_of(self, slot: int) -> list[int]:
        """Rows of a VM's disks, ascending."""
        if self._disk_rows is None:
            live = np.flatnonzero(self.state.disks.exists)
            order = live[np.argsort(self.state.disks.vm[live], kind="stable")]
            self._disk_rows = self.state.disks.vm[order], order
        owners, order = self._disk_rows
        first, last = np.searchsorted(owners, (slot, slot + 1))
        return [int(row) for row in order[first:last]]

    def disks_changed(self) -> None:
        """A disk came, went or changed its owner."""
        self._disk_rows = self._claims = None

    def stores_of(self, slot: int) -> list[int]:
        stores = {int(self.state.disks.datastore[row]) for row in self.disks_of(slot)}
        home = int(self.state.vms.home[slot])
        return sorted(stores | {home} - {-1})

    def bandwidth_mibps(self, store: int) -> float:
        return float(self.state.datastores.bandwidth_mbps[store]) * 1e6 / 8 / 2**20

    def set_power(self, slot: int, power: Power) -> None:
        """The bare change of power; memory of a VM that stops is given back."""
        vms = self.state.vms
        vms.power[slot] = power
        vms.paused[slot], vms.speed[slot] = 0, 1.0
        if power != Power.ON:
            vms.iops[slot] = vms.backlog_mhz_s[slot] = 0.0
        if power != Power.ON:
            vms.swap_bytes[slot] = 0.0
            vms.balloon_mib[slot] = vms.swapped_mib[slot] = vms.compressed_mib[slot] = 0.0
        if power == Power.OFF:
            vms.hog[slot] = 0
            vms.active_mib[slot] = vms.touched_mib[slot] = 0.0
        self.changed()

    def uuids(self, slots: list[int]) -> list[str]:
        return [self.state.vm_ids.uuids[s] for s in slots]


def swap_file_bytes(memory_mib: float, reservation_mib: float) -> float:
    """A VM's swap file holds what is not reserved."""
    return max(0.0, memory_mib - reservation_mib) * float(2**20)
