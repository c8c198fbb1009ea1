"""The 20-second sample: counters in the order of `domain.counters`, a column per slot, NaN where none is measured."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from domain import fairness
from domain.counters import DATASTORE_ROWS, HOST_ROWS, VM_ROWS, WRITE_LATENCY_RATIO
from hypervisors.port import Sample
from hypervisors.simulated import power, storage
from hypervisors.simulated.layout import Layout
from hypervisors.simulated.memory import MemoryTick
from hypervisors.simulated.physics import CpuTick
from hypervisors.simulated.state import FleetState
from hypervisors.simulated.storage import IoTick
from hypervisors.simulated.tables import Hog, Tools
from hypervisors.simulated.tuning import TICK_S, Physics

Floats = NDArray[np.float64]
KIB = 1024.0
PERCENT = 10_000.0  # counters carry 1/100 %
SPACE = (281, 282, 283)  # used, provisioned, capacity


def take(
    state: FleetState, layout: Layout, cpu: CpuTick, mem: MemoryTick, io: IoTick, used: Floats, now_s: float,
    physics: Physics,
) -> Sample:  # fmt: skip
    """The sample of the tick that ends at `now_s`; also books the energy of the tick."""
    watts, energy = power.run_power(state, cpu.utilisation, now_s)
    hosts = state.hosts
    seen = (hosts.responding == 1) & (hosts.managed == 1)
    vm = _vm_rows(state, layout, cpu, mem, io, watts, now_s)
    vm[:, layout.on[~seen[layout.host]]] = np.nan
    host = _host_rows(state, layout, cpu, mem, io, now_s)
    host[:, ~(seen & layout.running)] = np.nan
    present = hosts.exists == 1
    host[_ROW[157]] = np.where(present, watts, np.nan)
    host[_ROW[159]] = np.where(present, energy, np.nan)
    return Sample(now_s, vm, host, _datastore_rows(state, io, used, physics))


_ROW = {key: i for i, key in enumerate(HOST_ROWS)}


def _vm_rows(
    state: FleetState, layout: Layout, cpu: CpuTick, mem: MemoryTick, io: IoTick, watts: Floats, now_s: float
) -> NDArray[np.float32]:
    uptime = now_s - state.vms.boot_s[layout.on]
    drawn = power.vm_watts(layout, watts, state.hosts.w0.astype(np.float64), cpu.used)
    values = {
        2: PERCENT * cpu.used / np.maximum(layout.max_mhz, 1.0),
        6: cpu.used, 12: cpu.ready_ms, 398: cpu.demand, 397: cpu.entitled, 399: cpu.costop_ms, 400: cpu.limited_ms,
        24: PERCENT * mem.active / np.maximum(layout.memory, 1.0),
        33: KIB * mem.active, 98: KIB * mem.consumed, 29: KIB * mem.touched, 90: KIB * mem.balloon,
        70: KIB * mem.swapped, 105: KIB * mem.compressed, 422: PERCENT * (1.0 - mem.progress),
        143: io.net_kibps, 125: io.disk_kibps, 133: io.latency_ms, 155: uptime, 156: heartbeats(state, layout),
        157: drawn,
    }  # fmt: skip
    rows = np.full((len(VM_ROWS), state.vms.size), np.nan, dtype=np.float32)
    for row, key in enumerate(VM_ROWS):
        if key not in SPACE:
            rows[row, layout.on] = values[key]
    there = np.flatnonzero(state.vms.exists)  # files lie there whether the machine runs or not
    for key, size in zip(SPACE, storage.vm_bytes(state), strict=True):
        rows[VM_ROWS.index(key), there] = size[there] / KIB
    return rows


def heartbeats(state: FleetState, layout: Layout) -> Floats:
    """Guest tools beat once a second while the guest runs: none from one that has crashed, boots or stands still."""
    vms, on = state.vms, layout.on
    alive = (vms.tools[on] == Tools.RUNNING) & (vms.hog[on] & Hog.HALTED == 0) & (vms.paused[on] == 0)
    beats: Floats = np.where(alive, TICK_S, 0.0)
    return beats


def _host_rows(
    state: FleetState, layout: Layout, cpu: CpuTick, mem: MemoryTick, io: IoTick, now_s: float
) -> NDArray[np.float32]:
    hosts = state.hosts

    def total(values: Floats) -> Floats:
        return sum_by_host(layout, values)

    def fair(parts: Floats) -> Floats:
        return fairness.index(parts, layout.host, hosts.size)

    hardware = np.maximum(hosts.memory_mib.astype(np.float64), 1.0)
    consumed = mem.host_used + hardware - layout.mem_mib
    values = {
        2: PERCENT * cpu.utilisation, 6: cpu.host_used, 12: total(cpu.ready_ms), 395: layout.cpu_mhz,
        24: PERCENT * consumed / hardware, 33: KIB * total(mem.active), 98: KIB * consumed,
        29: KIB * total(mem.touched), 90: KIB * total(mem.balloon), 49: KIB * total(mem.swapped),
        105: KIB * total(mem.compressed), 68: hosts.mem_state, 143: io.host_net_kibps, 125: io.host_disk_kibps,
        133: _worst(layout, io, hosts.size), 155: now_s - hosts.boot_s, 157: hosts.watts_now, 159: hosts.energy_j,
        215: fair(fairness.delivered_part(cpu.used, cpu.demand)),
        216: fair(fairness.held_part(mem.touched, mem.balloon, mem.swapped, mem.compressed)),
    }  # fmt: skip
    return np.stack([np.asarray(values[key], dtype=np.float32) for key in HOST_ROWS])


def sum_by_host(layout: Layout, values: Floats) -> Floats:
    return np.bincount(layout.host, values, len(layout.running)).astype(np.float64)


def _worst(layout: Layout, io: IoTick, hosts: int) -> Floats:
    worst = np.zeros(hosts)
    np.maximum.at(worst, layout.host, io.latency_ms)
    return worst


def _datastore_rows(state: FleetState, io: IoTick, used: Floats, physics: Physics) -> NDArray[np.float32]:
    stores = state.datastores
    write = physics.write_ratio
    values = {
        281: used / KIB, 282: storage.provisioned_bytes(state, used) / KIB, 283: stores.capacity_bytes / KIB,
        178: io.store_iops * (1.0 - write), 179: io.store_iops * write, 182: io.store_latency_ms,
        183: io.store_latency_ms * WRITE_LATENCY_RATIO, 125: io.store_iops * physics.io_kib,
    }  # fmt: skip
    rows = np.stack([np.asarray(values[key], dtype=np.float32) for key in DATASTORE_ROWS])
    rows[:, stores.exists == 0] = np.nan
    return rows
