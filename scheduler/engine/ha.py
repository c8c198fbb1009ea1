"""How much capacity HA wants to be free, and whether it is.

Counts reservations, not use, as vSphere's admission control does.  A host in standby counts for nothing here; DPM asks
before it makes one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from domain.snapshot import Bools, ClusterSnapshot, Floats, VmTable
from scheduler.engine.options import HaOptions


@dataclass(frozen=True, slots=True)
class Failover:
    """Whether the cluster keeps its fail-over capacity, with the free and wanted shares of CPU and memory."""

    ok: bool
    cpu_free_ratio: float
    mem_free_ratio: float
    cpu_wanted_ratio: float
    mem_wanted_ratio: float


def failover(
    snapshot: ClusterSnapshot,
    options: HaOptions,
    hosts: Bools,
    running: Bools | None = None,
    coming: VmTable | None = None,
) -> Failover:
    """Judge fail-over capacity on the given hosts (H,).  running: (V,) VMs counted, the powered-on ones if omitted;
    coming: VMs of another cluster, counted too."""
    on = snapshot.placed if running is None else running
    if not options.enabled or options.admission == "disabled":
        return Failover(True, 1.0, 1.0, 0.0, 0.0)
    cpu_need, mem_need = _reserved(snapshot.vms, options)
    counted = [(cpu_need[on], mem_need[on]), *([_reserved(coming, options)] if coming is not None else [])]
    cpu, memory = (np.concatenate(parts) for parts in zip(*counted, strict=True))
    if options.admission == "slots":
        return _slots(snapshot, options, hosts, cpu, memory)
    cpu_capacity = float(snapshot.hosts.cpu_capacity_mhz[hosts].sum())
    mem_capacity = float(snapshot.hosts.mem_capacity_mib[hosts].sum())
    cpu_free = 1 - float(cpu.sum()) / max(cpu_capacity, 1e-9)
    mem_free = 1 - float(memory.sum()) / max(mem_capacity, 1e-9)
    cpu_wanted, mem_wanted = _wanted(options, int(hosts.sum()))
    ok = cpu_free >= cpu_wanted - 1e-9 and mem_free >= mem_wanted - 1e-9
    return Failover(ok and _enough_hosts(options, hosts), cpu_free, mem_free, cpu_wanted, mem_wanted)


def _enough_hosts(options: HaOptions, hosts: Bools) -> bool:
    """With failures to tolerate f at least f + 1 hosts stay on."""
    return int(hosts.sum()) >= options.failures + 1


def _reserved(vms: VmTable, options: HaOptions) -> tuple[Floats, Floats]:
    cpu: Floats = np.where(vms.cpu_reservation_mhz > 0, vms.cpu_reservation_mhz, options.min_cpu_mhz)
    memory: Floats = vms.mem_reservation_mib + vms.overhead_mib
    return cpu, memory


def _wanted(options: HaOptions, hosts: int) -> tuple[float, float]:
    """Shares to keep free; dedicated fail-over hosts are outside the capacity already."""
    if options.admission == "failover_hosts":
        return 0.0, 0.0
    automatic = min(1.0, options.failures / max(hosts, 1))
    cpu = automatic if options.cpu_ratio is None else options.cpu_ratio
    return cpu, automatic if options.mem_ratio is None else options.mem_ratio


def _slots(snapshot: ClusterSnapshot, options: HaOptions, hosts: Bools, cpu: Floats, memory: Floats) -> Failover:
    """Slot policy: the biggest reservations make the slot; the biggest hosts are assumed to fail."""
    if not len(cpu):
        return Failover(_enough_hosts(options, hosts), 1.0, 1.0, 0.0, 0.0)
    cpu_slot, mem_slot = float(cpu.max()), max(float(memory.max()), 1.0)
    table = snapshot.hosts
    per_host = np.minimum(table.cpu_capacity_mhz // cpu_slot, table.mem_capacity_mib // mem_slot)[hosts]
    left = np.sort(per_host)[: max(len(per_host) - options.failures, 0)].sum()
    used, total = float(len(cpu)), max(float(per_host.sum()), 1.0)
    free, wanted = 1 - used / total, 1 - float(left) / total
    return Failover(used <= left and _enough_hosts(options, hosts), free, free, wanted, wanted)
