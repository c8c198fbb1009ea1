"""The port: what any fleet of hypervisor hosts can do for the inventory.

The inventory *starts* operations and later *polls*; no call waits for a host. `start` is idempotent by `op_id`: asked
again, the driver says what happened. Units: MHz, MiB, bytes, seconds of lab time. VMs, hosts, pools and datastores are
named by uuid.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from domain.specs import Inventory
from domain.states import VmPower

Float32Array = NDArray[np.float32]


class Op(StrEnum):
    """Operations that take time and end as a job; `args` are given behind each."""

    DEFINE_VM = "define_vm"  # spec: VmSpec, host; writes disks
    UNDEFINE_VM = "undefine_vm"  # delete_files: bool
    RECONFIGURE_VM = "reconfigure_vm"  # spec: VmSpec (the whole new one)
    POWER_ON = "power_on"  # host (may differ from the present one while off), boot_s optional
    POWER_OFF = "power_off"  # by_agent: bool, the host's own agent acts although no network reaches it
    RESET = "reset"
    SUSPEND = "suspend"
    RESUME = "resume"
    SHUTDOWN_GUEST = "shutdown_guest"  # by_agent: bool
    REBOOT_GUEST = "reboot_guest"
    SNAPSHOT_CREATE = "snapshot_create"  # snapshot: id, memory: bool, quiesce: bool
    SNAPSHOT_REVERT = "snapshot_revert"  # snapshot: id, spec: VmSpec as it was then (optional)
    SNAPSHOT_DELETE = "snapshot_delete"  # snapshot: id, children: bool
    CONSOLIDATE = "consolidate"  # all: bool, merge every snapshot
    CLONE_VM = "clone_vm"  # spec: VmSpec of the copy, host
    MIGRATE = "migrate"  # host?, pool?, disks: {key: datastore}?, priority, bitmap_resume: bool, spec: VmSpec after
    HOST_SHUTDOWN = "host_shutdown"  # force: bool, powers its VMs off
    HOST_REBOOT = "host_reboot"  # force: bool; done when the host has reported again
    HOST_POWER_ON = "host_power_on"
    ENTER_STANDBY = "enter_standby"
    EXIT_STANDBY = "exit_standby"


class Config(StrEnum):
    """Changes of the description of the fleet; they take effect at once and have no job."""

    HOST = "host"  # spec: HostSpec
    REMOVE_HOST = "remove_host"
    HOST_CONNECTION = "host_connection"  # connected: bool
    MAINTENANCE = "maintenance"  # on: bool
    POOL = "pool"  # spec: PoolSpec
    REMOVE_POOL = "remove_pool"
    DATASTORE = "datastore"  # spec: DatastoreSpec
    REMOVE_DATASTORE = "remove_datastore"
    NETWORK = "network"
    REMOVE_NETWORK = "remove_network"
    REGISTER_VM = "register_vm"  # spec, host, power; no time passes
    UNREGISTER_VM = "unregister_vm"  # forget the VM, keep its files
    RENAME_VM = "rename_vm"
    MOVE_VM = "move_vm"  # pool ("": it becomes a template), host (only while it does not run)
    CANCEL = "cancel"  # op_id, user; nothing happens to a job that is not cancelable
    INJECT = "inject"  # fault: see Injection, duration_s (0: until mended, absent: the fault's own range), nic
    RATES = "rates"  # rates: FaultRates


class Injection(StrEnum):
    """Faults that a teacher or a test can cause."""

    HOST_CRASH = "host_crash"
    HOST_OS_CRASH = "host_os_crash"  # type 2 only: the host OS fails and takes every VM along
    HOST_HANG = "host_hang"
    HOST_RECOVER = "host_recover"
    NIC_DOWN = "nic_down"  # nic: index
    NIC_UP = "nic_up"
    ISOLATE = "isolate"
    PARTITION = "partition"  # cut off together with others: it is not alone, but on the far side of the primary
    DATASTORE_SLOW = "datastore_slow"
    DATASTORE_LOST = "datastore_lost"
    DATASTORE_OK = "datastore_ok"
    GUEST_CRASH = "guest_crash"
    MEMORY_HOG = "memory_hog"  # a guest touches and dirties all its memory
    CPU_HOG = "cpu_hog"
    FAIL_NEXT_WAKE = "fail_next_wake"
    BMC_DEAD = "bmc_dead"
    BMC_OK = "bmc_ok"
    FAIL_NEXT_MIGRATION = "fail_next_migration"
    RUNAWAY_SNAPSHOT = "runaway_snapshot"


@dataclass(frozen=True, slots=True)
class Command:
    """One thing to do: an operation (`op_id` set) or a configuration change. `args` is plain JSON data.

    at_s: the lab time at which it was given. A fleet that lags behind gets there first; one past it acts at once.
    """

    kind: str  # a value of Op or Config
    target: str  # uuid
    args: Mapping[str, Any] = field(default_factory=dict)
    op_id: str = ""
    version: int = 0  # configuration version of the inventory after this change; 0 = not a configuration change
    at_s: float = 0.0


class JobState(StrEnum):
    QUEUED = "queued"  # waits for a free slot (cost units)
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Job:
    """Where an operation stands. `detail` of a migration: round, sent_mib, left_mib, total_mib, dirty_mibps, sigma,
    bandwidth_mibps, eta_s (lab time), predicted_downtime_s, downtime_s, rounds: [[t_s, x_mib], …]."""

    op_id: str
    kind: str
    target: str
    state: JobState
    phase: str = ""
    progress_pct: float = 0.0
    cancelable: bool = False
    fault: Mapping[str, Any] | None = None  # MethodFault.to_dict()
    detail: Mapping[str, Any] = field(default_factory=dict)


class Happening(StrEnum):
    """What a fleet reports; `data` behind each."""

    JOB_STARTED = "job_started"
    JOB_DONE = "job_done"  # result: what the driver did (host, files, downtime_s …)
    JOB_FAILED = "job_failed"  # fault
    VM_POWER = "vm_power"  # power: VmPower (off: tools and address are gone), cause: op|guest|crash|host, host
    VM_TOOLS = "vm_tools"  # tools: ToolsStatus, ip
    VM_GUEST_CRASHED = "vm_guest_crashed"
    VM_MOVED = "vm_moved"  # host: the owner after the switchover, disks: {key: datastore} of those that moved
    VM_SIZES = "vm_sizes"  # disks: {key: used_bytes}, snapshots: {id: bytes}, swap_bytes
    HOST_CONNECTION = "host_connection"  # connection: HostConnection, alive: its heartbeats on datastores go on
    HOST_POWER = "host_power"  # power: HostPower, standby: StandbyMode
    HOST_CRASHED = "host_crashed"  # cause
    HOST_NIC = "host_nic"  # nic, up
    # isolated: no packet gets through, the machine and its storage are fine; partition: it still sees some neighbours
    HOST_ISOLATED = "host_isolated"
    HOST_STANDBY_FAILED = "host_standby_failed"  # fault
    DATASTORE_STATE = "datastore_state"  # accessible, slow
    MIGRATION_PHASE = "migration_phase"  # op_id, phase


@dataclass(frozen=True, slots=True)
class FleetEvent:
    """One happening. `seq` grows by one per event of a fleet and never repeats while its state lives."""

    seq: int
    time_s: float
    kind: Happening
    target: str
    op_id: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sample:
    """One 20 s sample: float32[rows, slots] per kind, rows as in `domain.counters`; NaN where there is no entity."""

    time_s: float
    vm: Float32Array
    host: Float32Array
    datastore: Float32Array


@dataclass(frozen=True, slots=True)
class Poll:
    """What became of the fleet since the last poll."""

    now_s: float
    samples: Sequence[Sample]
    events: Sequence[FleetEvent]
    jobs: Sequence[Job]


@dataclass(frozen=True, slots=True)
class Capabilities:
    live_migration: bool = True
    storage_migration: bool = True
    snapshot_memory: bool = True
    cpu_limits: bool = True
    power_management: bool = True
    console: bool = False


class FleetLost(RuntimeError):
    """There is no state of this fleet that can be read: call `rebuild` with the inventory."""


class Driver(Protocol):
    """A fleet. Only the holder of the vCenter's lease calls `poll`, `rebuild` and `acknowledge`.

    A driver class is made as `cls(store, token=fencing_token)`; `token` 0 is enough to `start` commands.
    """

    @property
    def version(self) -> int:
        """Configuration version that was reached without a gap; -1 where there is no state yet."""

    @property
    def last_seq(self) -> int:
        """Number of the last event of the stored state; 0 where there is none."""

    @property
    def now_s(self) -> float:
        """Lab time of the stored state."""

    @property
    def has_pending(self) -> bool:
        """True where commands wait that the stored state has not taken yet."""

    def capabilities(self) -> Capabilities: ...

    def start(self, commands: Sequence[Command]) -> None:
        """Hand over commands durably and return at once; a command with a known `op_id` changes nothing."""

    def poll(self, until_s: float) -> Poll:
        """Advance to `until_s` (simulated) or look (real); events stay in the outbox until acknowledged."""

    def acknowledge(self, seq: int) -> None:
        """The inventory has durably recorded every event up to and including `seq`."""

    def rebuild(self, inventory: Inventory) -> None:
        """Adopt the inventory's description: keep the dynamics of what is known, start the rest afresh."""

    def job(self, op_id: str) -> Job | None: ...

    def whereabouts(self) -> Mapping[str, tuple[str, VmPower]]:
        """Host and power state of every VM, by uuid."""
