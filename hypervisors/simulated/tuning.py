"""Every duration and constant of the simulated fleet in one table; a deployment may pass another one.

Sources: (K) common knowledge of the field, (M) our modelling decision, otherwise named. Ranges are drawn uniformly and
deterministically from the operation's id.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from domain.counters import IO_KIB, WRITE_RATIO

TICK_S = 20.0  # the field's real-time sample interval
MAX_TICKS_PER_ADVANCE = 180  # one hour of lab time; a longer sleep is caught up by further calls
MAX_SAMPLE_BYTES = 96 * 2**20  # an advance ends early rather than hold more samples than this
KEPT_JOBS = 512  # ended jobs remembered for `job(op_id)`; those not yet acknowledged are always kept

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Durations:
    """Seconds of lab time (M)."""

    define_vm: Range = (1.5, 2.5)
    undefine_vm: Range = (0.8, 1.5)
    reconfigure_vm: Range = (0.6, 1.2)
    power_on: Range = (1.5, 2.5)
    power_off: Range = (0.8, 1.5)
    reset: Range = (0.8, 1.5)
    resume: Range = (2.0, 4.0)
    suspend: Range = (1.0, 2.0)  # plus writing the memory image
    guest_shutdown: Range = (10.0, 30.0)
    guest_boot: Range = (25.0, 35.0)  # from power-on to running guest tools
    snapshot: Range = (1.0, 2.0)  # plus writing or merging bytes
    clone: Range = (2.0, 4.0)  # plus copying the disks
    cold_move: Range = (1.0, 2.0)
    validate: Range = (0.2, 1.0)
    prepare: Range = (1.0, 2.0)
    trace_install: Range = (0.05, 0.5)
    commit: Range = (0.2, 0.5)
    host_shutdown: Range = (60.0, 90.0)
    host_crash_reboot: Range = (480.0, 900.0)  # a crashed host restarts by itself after 8-15 min
    host_hang: Range = (120.0, 600.0)
    datastore_trouble: Range = (600.0, 600.0)
    nic_flap: Range = (20.0, 120.0)
    heartbeat: float = 10.0  # a host reports every 10 s (K)
    not_responding: float = 60.0  # and is "not responding" 60 s after the last report (K)
    exit_standby_timeout: float = 600.0
    link_loss: float = 20.0  # a copy survives a lost link this long


@dataclass(frozen=True, slots=True)
class Physics:
    """Constants of the physical model; docs/strategies/physics.md explains each."""

    system_cpu_ratio: float = 0.01  # of the hardware, used by the hypervisor itself (M)
    host_os_cpu_ratio: float = 0.05  # and by the OS below a hosted one (M)
    costop_ratio: float = 0.1
    cpu_utilisation_cap: float = 0.98
    backlog_cap_s: float = 3600.0  # batch work waits at most this many seconds of full speed
    boot_touch_ratio: float = 0.4  # of its memory a guest touches at boot
    touch_time_s: float = 900.0
    shared_ratio: float = 0.03  # zero pages and intra-VM sharing
    active_up: float = 0.5  # EWMA per 20 s
    active_down: float = 0.1
    balloon_mibps: float = 50.0
    balloon_max_ratio: float = 0.65  # Mem.CtlMaxPercent (K)
    compress_max_ratio: float = 0.10
    compress_saving: float = 0.5  # 2:1
    swap_mibps: float = 200.0  # per host, its share of the datastore
    free_target_ratio: float = 0.80  # of minFree; reclaim aims here, just above where "soft" is left
    swap_stall_factor: float = 20.0
    io_kib: float = IO_KIB
    write_ratio: float = WRITE_RATIO
    new_block_ratio: float = 0.01  # of written bytes, first writes that grow a thin disk
    delta_ratio: float = 0.2  # of written bytes, first writes since the snapshot
    runaway_delta_mibps: float = 200.0
    latency_ssd_ms: float = 0.5
    latency_hdd_ms: float = 5.0
    slow_factor: float = 20.0
    lost_latency_ms: float = 30_000.0  # a guest's I/O times out
    mirror_latency: float = 1.5  # of a guest whose disks are being moved: each write waits for both places (M: 1.2-2)
    lost_demand_ratio: float = 0.05  # a guest without its disks mostly waits
    sizes_report_ticks: int = 180


@dataclass(frozen=True, slots=True)
class MoveModel:
    """Live migration: Clark 2005, Nelson 2005 and the stun-during-page-send of vSphere 5."""

    efficiency: float = 0.9  # of the NIC's nominal rate (M)
    stream_gbps: float = 15.0  # one stream fills about 15 Gb/s
    streams: int = 8
    switch_s: float = 0.5  # stop when the rest takes no longer
    fix_s: float = 0.2  # device state, file locks, resume
    no_progress_ratio: float = 0.9
    slow_to: float = 0.5  # SDPS: dirty rate is slowed to this part of the bandwidth
    max_rounds: int = 29
    precopy_slowdown: float = 0.02
    min_core: float = 0.3  # of a core on each side
    core_per_gbps: float = 0.1
    after_copy_speed: float = 0.5  # of the guest while its marked pages follow (bitmap_resume)
    exponential: bool = True  # dirty(t) = W(1-exp(-Dt/W)); False: min(W, Dt)
    cold_copy_mibps: float = 150.0
    storage_switch_s: float = 1.0


@dataclass(frozen=True, slots=True)
class CostUnits:
    """What each resource admits at once (vSphere "Limits on Simultaneous Migrations")."""

    host: int = 8
    nic_slow: int = 4  # 1 GbE
    nic_fast: int = 8  # 10 GbE and more
    datastore: int = 128
    vmotion_host: int = 1
    storage_host: int = 4
    vmotion_nic: int = 1
    vmotion_datastore: int = 1
    storage_datastore: int = 16
    provisioning_host: int = 1
    provisioning_datastore: int = 16


@dataclass(frozen=True, slots=True)
class Tuning:
    durations: Durations = field(default_factory=Durations)
    physics: Physics = field(default_factory=Physics)
    move: MoveModel = field(default_factory=MoveModel)
    costs: CostUnits = field(default_factory=CostUnits)


DEFAULT_TUNING = Tuning()
