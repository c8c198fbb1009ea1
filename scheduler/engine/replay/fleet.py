"""The hosts and the work of a replay, as arrays: what every simulation, policy and bound reads.

Units: MIPS (one MHz of the lab is one MIPS), MiB, W, s. ``H`` hosts, ``n`` VMs, ``T`` samples.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from domain.testbed import HostModel, VmType
from domain.traces import TraceSet

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class HostFleet:
    """H hosts, [H]: ``core_mips``, ``mips`` (all cores), ``ram_mib``, ``nic_mbps``; ``watts`` [H, 11] by load tenth."""

    names: tuple[str, ...]
    core_mips: Floats
    mips: Floats
    ram_mib: Floats
    watts: Floats
    nic_mbps: Floats

    @classmethod
    def of(cls, models: Sequence[HostModel]) -> HostFleet:
        """A fleet of these hosts, in this order."""
        return cls(
            tuple(model.name for model in models),
            np.array([model.mips_per_core for model in models], dtype=np.float64),
            np.array([model.mips for model in models], dtype=np.float64),
            np.array([model.ram_mib for model in models], dtype=np.float64),
            np.array([model.watts for model in models], dtype=np.float64),
            np.array([model.nic_mbps for model in models], dtype=np.float64),
        )

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def kind(self) -> Ints:
        """Number of each host's model, [H]: equal hosts have equal numbers."""
        table = np.column_stack((self.core_mips, self.mips, self.ram_mib, self.nic_mbps, self.watts))
        return np.unique(table, axis=0, return_inverse=True)[1].reshape(-1)

    def power_w(self, load_ratio: Floats, hosts: Ints | None = None) -> Floats:
        """Power of ``hosts`` (all by default) at ``load_ratio`` (0..1, same shape), linear between the curve's points.

        The order of operations is the literature's: its policies break ties by the last bit of a power.
        """
        load = np.minimum(load_ratio, 1.0)
        below = np.minimum((load * 10).astype(np.int64), 9)
        rows = np.arange(len(self)) if hosts is None else hosts
        low = self.watts[rows, below]
        per_point = (self.watts[rows, below + 1] - low) / 10
        return np.asarray(low + per_point * (load - below / 10) * 100)


@dataclass(frozen=True)
class Workload:
    """n VMs over T samples: ``mips`` (all cores), ``cores``, ``ram_mib`` [n]; ``cpu_pct`` [n, T] percent of it."""

    day: str
    names: tuple[str, ...]
    mips: Floats
    cores: Floats
    ram_mib: Floats
    cpu_pct: NDArray[np.float32] | NDArray[np.uint8]
    step_s: float

    @classmethod
    def typed(cls, traces: TraceSet, types: Sequence[VmType]) -> Workload:
        """The published setting: VM i is of type ``i // ceil(n / types)``, VMs in the file's (sorted) order."""
        per_type = math.ceil(traces.vm_count / len(types))
        chosen = [types[i // per_type] for i in range(traces.vm_count)]
        mips = np.array([vm_type.mips for vm_type in chosen], dtype=np.float64)
        ram_mib = np.array([vm_type.ram_mib for vm_type in chosen], dtype=np.float64)
        return cls(traces.source, traces.names, mips, np.ones(len(mips)), ram_mib, traces.cpu_pct, traces.step_s)

    @classmethod
    def recorded(cls, traces: TraceSet, vm_types: Sequence[VmType]) -> Workload:
        """VMs of the recorded size where the trace has one, of the benchmark's types where it has none."""
        if traces.cap_mhz is None or traces.mem_cap_mib is None or traces.cores is None:
            return cls.typed(traces, vm_types)
        mips, ram_mib = traces.cap_mhz.astype(np.float64), traces.mem_cap_mib.astype(np.float64)
        cores = np.maximum(traces.cores, 1).astype(np.float64)
        return cls(traces.source, traces.names, mips, cores, ram_mib, traces.cpu_pct, traces.step_s)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def steps(self) -> int:
        """Number of samples, T."""
        return int(self.cpu_pct.shape[1])

    def ratio(self, step: int) -> Floats:
        """CPU used at sample ``step``, 0..1 of what each VM was given, [n]."""
        return self.cpu_pct[:, step] / np.float64(100)
