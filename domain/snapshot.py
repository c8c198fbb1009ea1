# ruff: noqa: RUF009 -- a column is an immutable field specification, made once per class
"""A cluster frozen at one moment, as arrays: everything a scheduling decision may look at.

The application fills it from the database and the live figures, the engine only reads it.  Structure of arrays: row i
of every column of ``HostTable`` is the same host.  All columns are read-only; a plan works on its own copies.

Units: CPU MHz, memory MiB, network MiB/s, power W, time s of lab time.  A limit of -1 means unlimited.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from enum import IntEnum, StrEnum
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Masks = NDArray[np.uint64]

POWER_POINTS = 11  # watts at 0, 10, … 100 % load, as SPECpower_ssj2008 reports them


class Automation(IntEnum):
    """Effective DRS level of one VM (the cluster's, unless overridden)."""

    DISABLED = 0
    MANUAL = 1
    PARTIALLY_AUTOMATED = 2
    FULLY_AUTOMATED = 3


class DpmBehavior(IntEnum):
    """Effective DPM level of one host (the cluster's, unless overridden)."""

    DISABLED = 0
    MANUAL = 1
    AUTOMATED = 2


class RestartPriority(IntEnum):
    """HA restart class of a VM; a higher class starts first."""

    DISABLED = 0
    LOWEST = 1
    LOW = 2
    MEDIUM = 3
    HIGH = 4
    HIGHEST = 5


class VMotionTrouble(IntEnum):
    """What is wrong with the vMotion network of a host."""

    NONE = 0
    NOT_CONFIGURED = 1
    LINK_DOWN = 2
    TOO_SLOW = 3  # less than 250 Mbit/s, the least that one migration needs


class RuleKind(StrEnum):
    """The three rule shapes that constrain placement."""

    AFFINITY = "affinity"
    ANTI_AFFINITY = "anti_affinity"
    VM_HOST = "vm_host"


@dataclass(frozen=True, slots=True)
class Rule:
    """One placement rule; members are row numbers of the snapshot.

    order: age, the smaller the older (an older rule wins a conflict).  hosts, affine, mandatory matter for VM_HOST
    only: affine = run on these hosts, not affine = keep off them; mandatory = must, else should.
    """

    key: int
    name: str
    kind: RuleKind
    vms: tuple[int, ...]
    hosts: tuple[int, ...] = ()
    affine: bool = True
    mandatory: bool = False
    enabled: bool = True
    order: int = 0


def _column(dtype: type[Any], default: float | bool = 0, width: int = 0) -> Any:
    return field(metadata={"dtype": dtype, "default": default, "width": width})


class _Table:
    """Build and copy a structure of arrays; missing columns take their defaults."""

    @classmethod
    def build(cls, moref: Sequence[str], name: Sequence[str] | None = None, **columns: Any) -> Self:
        """moref: the identities, one per row; columns: anything numpy can read, scalars are repeated.

        Raises ValueError for an unknown column or a wrong length.
        """
        known = {f.name: f for f in fields(cls) if "dtype" in f.metadata}  # type: ignore[arg-type]
        extra = {f.name for f in fields(cls)} - set(known)  # type: ignore[arg-type]
        unknown = set(columns) - set(known) - extra
        if unknown:
            raise ValueError(f"{cls.__name__} has no column {', '.join(sorted(unknown))}")
        made: dict[str, Any] = {k: v for k, v in columns.items() if k in extra}
        made["moref"] = tuple(moref)
        made["name"] = tuple(name if name is not None else moref)
        for key, spec in known.items():
            made[key] = _as_column(key, columns.get(key), len(made["moref"]), spec.metadata)
        return cls(**made)

    def rows(self, which: Ints) -> Self:
        """A table of these rows alone, for sums; what is kept by row number is left out."""
        known = [f.name for f in fields(self) if "dtype" in f.metadata]  # type: ignore[arg-type]
        made = {name: getattr(self, name)[which] for name in known}
        names = {name: [getattr(self, name)[i] for i in which] for name in ("moref", "name")}
        return self.build(names["moref"], names["name"], **made)

    def with_columns(self, **columns: Any) -> Self:
        """A copy in which the named columns are replaced."""
        known = {f.name: f for f in fields(self) if "dtype" in f.metadata}  # type: ignore[arg-type]
        count = len(self.moref)  # type: ignore[attr-defined]
        made = {k: _as_column(k, v, count, known[k].metadata) if k in known else v for k, v in columns.items()}
        return replace(self, **made)  # type: ignore[type-var]


def _as_column(key: str, value: Any, count: int, spec: Mapping[str, Any]) -> NDArray[Any]:
    """One read-only column of ``count`` rows, two-dimensional where the column is a matrix."""
    width = int(spec["width"])
    if value is None:
        shape: tuple[int, ...] = (count,) if not width else (count, max(width, 0))
        array = np.full(shape, spec["default"], dtype=spec["dtype"])
    else:
        array = np.array(value, dtype=spec["dtype"])
        if array.ndim == 0 or (width and array.ndim == 1):
            array = np.repeat(array[None], count, axis=0)
    if array.shape[0] != count or array.ndim != (2 if width else 1):
        raise ValueError(f"column {key} has shape {array.shape}, expected {count} rows")
    array.setflags(write=False)
    return array


_MATRIX = -1  # a matrix whose width the caller chooses (number of datastores, networks)


@dataclass(frozen=True, slots=True)
class HostTable(_Table):
    """The hosts of the cluster, (H,) unless noted.

    vmotion_ipv6: the vMotion adapter speaks IPv6, else IPv4.  vmotion_licensed: the host's edition has vMotion.

    cpu_capacity_mhz, mem_capacity_mib: what is available to VMs (system overhead already taken off).
    features: uint64 CPU feature bits after the EVC mask.  power_w: (H, 11).  datastores: (H, D) mounted and accessible.
    networks: (H, N).  boot_s, shutdown_s: learnt estimates.  up_s: seconds since boot or last exit from standby.
    """

    moref: tuple[str, ...]
    name: tuple[str, ...]
    cpu_capacity_mhz: Floats = _column(np.float64)
    mem_capacity_mib: Floats = _column(np.float64)
    cores: Ints = _column(np.int64, 1)
    logical_cpus: Ints = _column(np.int64, 4096)
    core_mhz: Floats = _column(np.float64, 2000.0)
    connected: Bools = _column(np.bool_, True)
    powered_on: Bools = _column(np.bool_, True)
    maintenance: Bools = _column(np.bool_, False)
    entering_maintenance: Bools = _column(np.bool_, False)
    standby: Bools = _column(np.bool_, False)
    entering_standby: Bools = _column(np.bool_, False)
    exiting_standby: Bools = _column(np.bool_, False)
    failover: Bools = _column(np.bool_, False)
    vmotion_trouble: Ints = _column(np.int64, int(VMotionTrouble.NONE))
    vmotion_ipv6: Bools = _column(np.bool_, False)
    vmotion_licensed: Bools = _column(np.bool_, True)
    nic_mibps: Floats = _column(np.float64, 1125.0)
    vmotion_mibps: Floats = _column(np.float64, 1125.0)
    hardware_version: Ints = _column(np.int64, 99)
    max_vms: Ints = _column(np.int64, 1024)
    features: Masks = _column(np.uint64, 0)
    datastores: Bools = _column(np.bool_, True, _MATRIX)
    networks: Bools = _column(np.bool_, True, _MATRIX)
    power_w: Floats = _column(np.float64, 0.0, POWER_POINTS)
    standby_w: Floats = _column(np.float64, 8.0)
    boot_s: Floats = _column(np.float64, 300.0)
    shutdown_s: Floats = _column(np.float64, 60.0)
    up_s: Floats = _column(np.float64, 1e9)
    standby_since_s: Floats = _column(np.float64, 0.0)
    wakeable: Bools = _column(np.bool_, True)
    wake_failed: Bools = _column(np.bool_, False)
    dpm_behavior: Ints = _column(np.int64, int(DpmBehavior.AUTOMATED))

    def __len__(self) -> int:
        return len(self.moref)

    @property
    def vmotion_ready(self) -> Bools:
        """Hosts that VMs may leave and enter while they run, as far as one end can tell (see `apart`)."""
        ready: Bools = (self.vmotion_trouble == VMotionTrouble.NONE) & self.vmotion_licensed
        return ready

    def apart(self, one: Ints | int, other: Ints | int) -> Bools:
        """Whether the vMotion adapters of two hosts (rows; arrays broadcast) are there, in different IP families."""
        there = self.vmotion_trouble != VMotionTrouble.NOT_CONFIGURED
        differ: Bools = (self.vmotion_ipv6[one] != self.vmotion_ipv6[other]) & there[one] & there[other]
        return differ

    @property
    def running(self) -> Bools:
        """Hosts that are on and answer, whatever else holds."""
        up: Bools = self.connected & self.powered_on & ~self.standby & ~self.exiting_standby
        return up

    @property
    def accepting(self) -> Bools:
        """Hosts that may receive VMs: running, not in or entering maintenance or standby, not kept for fail-over."""
        leaving = self.maintenance | self.entering_maintenance | self.entering_standby
        open_hosts: Bools = self.running & ~leaving & ~self.failover
        return open_hosts

    @property
    def evacuating(self) -> Bools:
        """Running hosts that must be emptied."""
        leaving: Bools = self.running & (self.maintenance | self.entering_maintenance | self.entering_standby)
        return leaving


@dataclass(frozen=True, slots=True)
class VmTable(_Table):
    """The VMs of the cluster, (V,) unless noted.

    host_ix: row of the host it runs on or is registered on, -1 = none.  pool_ix: row of its pool.
    cpu_demand_mhz: now; _300s/_2400s: means over DPM's windows, which are this long unless an advanced option changes
    them; _p05/_p95: percentiles of the last hour;
    cpu_forecast_mhz: expected by the time a host woken now would be up, 0 = no forecast.
    stable_s: how long demand is expected to keep.  features: required CPU feature bits.  datastores (V, D) and
    networks (V, N): what it needs.  moved_s: lab time of its last migration.  previous_host_ix: where it came from.
    immovable: row -> the fault that says why this VM cannot be moved live (passthrough device, running task …).
    failed_moves: (vm row, host row, lab time until which this target is not tried again).
    """

    moref: tuple[str, ...]
    name: tuple[str, ...]
    host_ix: Ints = _column(np.int64, -1)
    pool_ix: Ints = _column(np.int64, 0)
    powered_on: Bools = _column(np.bool_, True)
    vcpus: Ints = _column(np.int64, 1)
    cpu_max_mhz: Floats = _column(np.float64)
    mem_mib: Floats = _column(np.float64)
    overhead_mib: Floats = _column(np.float64)
    cpu_reservation_mhz: Floats = _column(np.float64)
    cpu_limit_mhz: Floats = _column(np.float64, -1.0)
    cpu_shares: Floats = _column(np.float64, 1000.0)
    mem_reservation_mib: Floats = _column(np.float64)
    mem_limit_mib: Floats = _column(np.float64, -1.0)
    mem_shares: Floats = _column(np.float64, 1000.0)
    cpu_demand_mhz: Floats = _column(np.float64)
    cpu_demand_300s_mhz: Floats = _column(np.float64)
    cpu_demand_2400s_mhz: Floats = _column(np.float64)
    cpu_forecast_mhz: Floats = _column(np.float64)
    cpu_p05_mhz: Floats = _column(np.float64)
    cpu_p95_mhz: Floats = _column(np.float64)
    stable_s: Floats = _column(np.float64, 600.0)
    active_mib: Floats = _column(np.float64)
    consumed_mib: Floats = _column(np.float64)
    swapped_mib: Floats = _column(np.float64)
    ballooned_mib: Floats = _column(np.float64)
    compressed_mib: Floats = _column(np.float64)
    dirty_mibps: Floats = _column(np.float64)
    net_mibps: Floats = _column(np.float64)
    automation: Ints = _column(np.int64, int(Automation.FULLY_AUTOMATED))
    hardware_version: Ints = _column(np.int64, 0)
    features: Masks = _column(np.uint64, 0)
    datastores: Bools = _column(np.bool_, False, _MATRIX)
    networks: Bools = _column(np.bool_, False, _MATRIX)
    protected: Bools = _column(np.bool_, True)
    restart_priority: Ints = _column(np.int64, int(RestartPriority.MEDIUM))
    moved_s: Floats = _column(np.float64, -1e18)
    previous_host_ix: Ints = _column(np.int64, -1)
    immovable: Mapping[int, Exception] = field(default_factory=dict)
    failed_moves: tuple[tuple[int, int, float], ...] = ()

    def __len__(self) -> int:
        return len(self.moref)


@dataclass(frozen=True, slots=True)
class PoolTable(_Table):
    """The resource pools, (P,); row order puts a parent before its children; the root has parent -1."""

    moref: tuple[str, ...]
    name: tuple[str, ...]
    parent: Ints = _column(np.int64, -1)
    cpu_reservation_mhz: Floats = _column(np.float64)
    cpu_limit_mhz: Floats = _column(np.float64, -1.0)
    cpu_shares: Floats = _column(np.float64, 4000.0)
    cpu_expandable: Bools = _column(np.bool_, True)
    mem_reservation_mib: Floats = _column(np.float64)
    mem_limit_mib: Floats = _column(np.float64, -1.0)
    mem_shares: Floats = _column(np.float64, 163840.0)
    mem_expandable: Bools = _column(np.bool_, True)
    scalable_shares: Bools = _column(np.bool_, False)

    def __len__(self) -> int:
        return len(self.moref)


@dataclass(frozen=True, slots=True)
class ClusterSnapshot:
    """Hosts, VMs, pools and rules of one cluster.  Pure data: building, comparing and storing it needs no database."""

    name: str
    hosts: HostTable
    vms: VmTable
    pools: PoolTable
    rules: tuple[Rule, ...] = ()

    def __post_init__(self) -> None:
        hosts, vms, pools = len(self.hosts), len(self.vms), len(self.pools)
        _check_index("host_ix", self.vms.host_ix, hosts, lowest=-1)
        _check_index("pool_ix", self.vms.pool_ix, pools, lowest=0)
        if (self.pools.parent >= np.arange(pools)).any():
            raise ValueError("a pool must stand after its parent")
        for rule in self.rules:
            _check_index(f"vms of rule {rule.name}", np.array(rule.vms, dtype=np.int64), vms, lowest=0)
            _check_index(f"hosts of rule {rule.name}", np.array(rule.hosts, dtype=np.int64), hosts, lowest=0)

    @property
    def placed(self) -> Bools:
        """VMs that are powered on and sit on a host: those that load the cluster."""
        on: Bools = self.vms.powered_on & (self.vms.host_ix >= 0)
        return on

    def with_hosts_of(self, host_ix: Ints) -> ClusterSnapshot:
        """The same cluster after its VMs went to other hosts."""
        return replace(self, vms=self.vms.with_columns(host_ix=host_ix))


def _check_index(what: str, index: Ints, count: int, lowest: int) -> None:
    if len(index) and (index.min() < lowest or index.max() >= count):
        raise ValueError(f"{what} points outside the snapshot")
