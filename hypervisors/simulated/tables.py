"""The columns of a fleet: hosts, virtual machines, disks, pools, datastores. Units are in the names."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from hypervisors.simulated.columns import F32, F64, I8, I32, U64, Table

WATT_POINTS = 11  # watts at 0, 10, … 100 % load


class Cut(IntEnum):
    """How a host whose links are up is cut off from the network."""

    NONE = 0
    ISOLATED = 1  # nothing answers
    PARTITION = 2  # some hosts answer, but not the primary


class Phase(IntEnum):
    """What a host machine is doing; `VMs run` only in ON."""

    ON = 0
    OFF = 1
    STANDBY = 2
    BOOTING = 3  # from off, a reboot or a crash
    SHUTTING = 4  # to off
    ENTERING = 5  # to standby
    EXITING = 6  # from standby
    CRASHED = 7


class Power(IntEnum):
    OFF = 0
    ON = 1
    SUSPENDED = 2


class Tools(IntEnum):
    NOT_INSTALLED = 0
    NOT_RUNNING = 1
    RUNNING = 2


class Hog(IntEnum):
    """Bits of `VmTable.hog`."""

    CPU = 1
    MEMORY = 2
    SNAPSHOT = 4
    HALTED = 8  # no guest OS runs: it has crashed, or the machine waits in its firmware setup


class HostTable(Table):
    exists: I8
    phase: I8
    managed: I8  # 0: a user disconnected it
    responding: I8
    maintenance: I8
    hosted: I8  # type 2: an OS lies below the hypervisor
    hung: I8
    isolated: I8  # a Cut: no network although the links are up
    bmc_dead: I8
    fail_wake: I8
    vmotion: I8
    vmotion_ipv6: I8  # else its vMotion adapter speaks IPv4
    vmotion_licensed: I8
    mem_state: I8  # 0 high or clear, 1 soft, 2 hard, 3 low
    reboots: I8  # what follows SHUTTING: 1 boots again
    nic_count: I8
    nics_up: I32  # bit per NIC
    cores: I32
    threads: I32
    memory_mib: I32
    boots: I32  # counts boots, so that each draws its own time
    features: U64
    key: U64
    boot_s: F64
    segment_s: F64  # energy is settled up to here
    energy_j: F64  # settled since the last sample
    core_mhz: F32
    vm_nic_mbps: F32
    vmotion_nic_mbps: F32
    boot_median_s: F32
    idle_mhz: F32  # what VMs and copies of high priority left in the last tick
    watts_now: F32
    w0: F32
    w1: F32
    w2: F32
    w3: F32
    w4: F32
    w5: F32
    w6: F32
    w7: F32
    w8: F32
    w9: F32
    w10: F32

    def watts(self) -> F32:
        """float32[11, hosts]: the power curves."""
        first = self.COLUMNS["F32"].index("w0")
        curves: F32 = self._matrices["F32"][first : first + WATT_POINTS]
        return curves

    def nic_up(self, host: int, nic: int) -> bool:
        return bool((int(self.nics_up[host]) >> nic) & 1)


class VmTable(Table):
    exists: I8
    power: I8
    tools: I8
    tools_told: I8  # the inventory knows that they run
    template: I8
    paused: I8  # stopped inside a move that a suspend has met
    hog: I8
    archetype: I8
    host: I32
    pool: I32
    vcpus: I32
    memory_mib: I32
    trace_set: I32  # -1: no trace
    trace_row: I32
    home: I32  # datastore of the VM's folder: swap file, memory image, snapshots
    link: I32  # key of the first adapter that is connected to a network; 0: none, the guest is cut off
    boot_link: I32  # the same as it will be after the next power-on
    key: U64
    features: U64  # CPU features that the guest has seen since power-on
    boot_s: F64
    burst_end_s: F64
    swap_bytes: F64
    image_bytes: F64  # memory image of a suspended VM
    delta_bytes: F64  # written since the current snapshot
    cpu_reservation_mhz: F32
    cpu_limit_mhz: F32  # inf: unlimited
    cpu_shares: F32
    mem_reservation_mib: F32
    mem_limit_mib: F32
    mem_shares: F32
    scale: F32
    offset_s: F32
    base: F32
    amplitude: F32
    phase_s: F32
    sigma: F32
    noise: F32
    burst: F32
    load: F32  # u of the last tick
    smooth: F32
    recorded_active: F32  # working set of its memory that a trace tells, 0..1; 0: none told
    backlog_mhz_s: F32
    active_mib: F32
    touched_mib: F32
    balloon_mib: F32
    swapped_mib: F32
    compressed_mib: F32
    speed: F32  # 1, or less while a move slows the guest
    iops: F32
    boot_delay_s: F32
    reported_bytes: F32  # size of the files when they were told last


class DiskTable(Table):
    exists: I8
    thick: I8
    independent: I8
    vm: I32
    key: I32
    datastore: I32
    capacity_bytes: F64
    used_bytes: F64


class PoolTable(Table):
    exists: I8
    scalable: I8
    parent: I32  # -1: a root
    cpu_reservation: F32
    cpu_limit: F32
    cpu_shares: F32
    mem_reservation: F32
    mem_limit: F32
    mem_shares: F32


class DatastoreTable(Table):
    exists: I8
    accessible: I8
    slow: I8
    ssd: I8
    capacity_bytes: F64
    other_bytes: F64  # files of VMs that are no longer registered
    iops_max: F32
    bandwidth_mbps: F32
    iops: F32
    latency_ms: F32


def rows_where(mask: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> list[int]:
    """Indices of the true entries, as Python integers."""
    return [int(i) for i in np.flatnonzero(mask)]
