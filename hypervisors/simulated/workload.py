"""What guests want: archetypes with daily and weekly rhythm, noise, bursts; or recorded traces.

A VM's load is a function of the lab's seed, its uuid and lab time (draws are counter-based, see noise.py): another VM
coming or going changes nothing. Model of docs/strategies/physics.md section 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.specs import WorkloadSpec
from domain.traces import CpuArray, TraceSet
from hypervisors.simulated import noise
from hypervisors.simulated.noise import Stream
from hypervisors.simulated.tables import Hog, VmTable
from hypervisors.simulated.tuning import TICK_S

Floats = NDArray[np.float64]
Traces = Mapping[str, TraceSet]

DAY_S = 86_400.0
SATURDAY = 5
MEAN_PHASE_S = 8 * 3600.0
RHO = float(np.exp(-TICK_S / 300.0))  # noise forgets with a time constant of 5 min
MIN_LOAD = 0.005
_STEP = float(np.sqrt(1.0 - RHO * RHO))


@dataclass(frozen=True, slots=True)
class Archetype:
    """A kind of guest (modelling decisions; mean load and bursts after the published data-centre studies)."""

    key: str
    base: float  # mean load; 0 = drawn from Beta(2, 5) per VM
    amplitude: tuple[float, float]  # of the daily wave
    sigma: tuple[float, float]  # of the noise
    window_h: tuple[float, float]  # working hours: begin, length
    off: float  # factor outside the window
    weekend: float  # factor on Saturday and Sunday
    bursts_per_h: float
    burst_height: tuple[float, float]
    dirty_mibps: float  # at mean load
    wws_ratio: float  # writable working set, of the active memory
    iops: float  # per vCPU at full load
    net_kibps: float  # per vCPU at full load
    backlog: bool = False  # work that was not done waits instead of being dropped


ARCHETYPES = (
    Archetype("idle", 0.03, (0.0, 0.1), (0.005, 0.02), (0, 24), 1.0, 1.0, 0.2, (0.1, 0.3), 2, 0.10, 10, 50),
    Archetype("web", 0.0, (0.4, 0.6), (0.05, 0.10), (0, 24), 1.0, 0.8, 2.0, (0.2, 0.6), 30, 0.30, 20, 4000),
    Archetype("db", 0.0, (0.2, 0.4), (0.05, 0.12), (0, 24), 1.0, 0.9, 1.0, (0.2, 0.5), 150, 0.50, 300, 1500),
    Archetype("batch", 0.30, (0.0, 0.0), (0.05, 0.15), (22, 8), 0.05, 1.0, 1.0, (0.2, 0.8), 60, 0.40, 100, 500, True),
    Archetype("vdi", 0.35, (0.0, 0.2), (0.05, 0.15), (8, 10), 0.05, 0.2, 4.0, (0.2, 0.7), 25, 0.25, 25, 300),
    Archetype("ci", 0.06, (0.0, 0.2), (0.02, 0.06), (0, 24), 1.0, 0.5, 4.0, (0.4, 0.8), 80, 0.40, 120, 800, True),
)
OFFICE_H, NIGHT = (8.0, 18.0), 0.3
ARCHETYPE_INDEX = {a.key: i for i, a in enumerate(ARCHETYPES)}
BATCH = ARCHETYPE_INDEX["batch"]
BACKLOG = np.array([a.backlog for a in ARCHETYPES])
IOPS = np.array([a.iops for a in ARCHETYPES])
NET_KIBPS = np.array([a.net_kibps for a in ARCHETYPES])
DIRTY_MIBPS = np.array([a.dirty_mibps for a in ARCHETYPES])
WWS_RATIO = np.array([a.wws_ratio for a in ARCHETYPES])
_START_H = np.array([a.window_h[0] for a in ARCHETYPES], dtype=np.float64)
_LENGTH_H = np.array([a.window_h[1] for a in ARCHETYPES], dtype=np.float64)
_OFF = np.array([a.off for a in ARCHETYPES])
_WEEKEND = np.array([a.weekend for a in ARCHETYPES])
_ARRIVAL = np.array([-np.expm1(-a.bursts_per_h * TICK_S / 3600.0) for a in ARCHETYPES])
_BURST_LOW = np.array([a.burst_height[0] for a in ARCHETYPES])
_BURST_HIGH = np.array([a.burst_height[1] for a in ARCHETYPES])
BURST_MIN_S, BURST_MAX_S, PARETO = 30.0, 3600.0, 1.6


def assign(vms: VmTable, slot: int, spec: WorkloadSpec, trace: tuple[int, int]) -> None:
    """Give a VM its character; the draws depend on its key only. `trace` is (set, row), (-1, 0) for none."""
    index = ARCHETYPE_INDEX.get(spec.archetype, ARCHETYPE_INDEX["web"])
    kind, key = ARCHETYPES[index], int(vms.key[slot])
    vms.archetype[slot] = index
    vms.trace_set[slot], vms.trace_row[slot] = trace
    vms.scale[slot], vms.offset_s[slot], vms.recorded_active[slot] = spec.scale, spec.offset_s, 0.0
    # The second smallest of six uniforms is Beta(2, 5).
    beta = sorted(noise.uniform(key, Stream.BASE + i) for i in range(6))[1]
    vms.base[slot] = kind.base or beta
    vms.amplitude[slot] = noise.between(kind.amplitude, key, Stream.AMPLITUDE)
    vms.phase_s[slot] = MEAN_PHASE_S + 3600.0 * noise.between((-2.0, 2.0), key, Stream.PHASE)  # peak at 14:00 ± 2 h
    vms.sigma[slot] = noise.between(kind.sigma, key, Stream.SIGMA)


def trace_of(key: str, sets: list[str], traces: Traces) -> tuple[int, int]:
    """(index of the set, row) of a trace key `set/name`; (-1, 0) for "" and for what is not in the fleet's traces."""
    name, _, vm = key.partition("/")
    if not key or name not in traces or vm not in traces[name].names:
        return -1, 0
    if name not in sets:
        sets.append(name)
    return sets.index(name), traces[name].names.index(vm)


def _rhythm(vms: VmTable, now_s: float) -> Floats:
    """Daily wave, working hours and weekend, as a factor of the base load."""
    kind = vms.archetype
    # An early bird's hours begin an hour before the others': `phase_s` is 8 h ± 2 h.
    hour = (now_s - (vms.phase_s.astype(np.float64) - MEAN_PHASE_S) / 2.0) / 3600.0
    gate = np.where((hour - _START_H[kind]) % 24.0 < _LENGTH_H[kind], 1.0, _OFF[kind])
    if weekday_of(now_s) >= SATURDAY:
        gate *= _WEEKEND[kind]
    angle = (np.float32(now_s % DAY_S) - vms.phase_s) * np.float32(2 * np.pi / DAY_S)
    wave: Floats = (vms.amplitude * np.sin(angle) + 1.0) * gate
    return wave


def working_hours(phase_s: NDArray[np.float32], archetype: NDArray[np.int8], now_s: float) -> Floats:
    """What an office day makes of recorded load, 0.3 to 1 per VM: people come at 8:00 and go at 18:00, both within two
    hours and an hour earlier or later from VM to VM. Weekends are like nights. Batch VMs work while nobody is there."""
    early_s = (phase_s.astype(np.float64) - MEAN_PHASE_S) / 2.0
    hour = (now_s - early_s) / 3600.0 % 24.0
    there = np.clip(np.minimum(hour - (OFFICE_H[0] - 1.0), OFFICE_H[1] + 1.0 - hour) / 2.0, 0.0, 1.0)
    if weekday_of(now_s) >= SATURDAY:
        there = np.zeros_like(there)
    factor: Floats = NIGHT + (1.0 - NIGHT) * np.where(archetype == BATCH, 1.0 - there, there)
    return factor


def weekday_of(now_s: float) -> int:
    """0 = Monday. Lab time counts from a Thursday, as the Unix epoch does."""
    return int(now_s // DAY_S + 3) % 7


def _bursts(vms: VmTable, tick: int, now_s: float, rhythm: Floats) -> None:
    """Start new bursts (Poisson arrivals as dense as the hour is busy, Pareto durations) and end old ones."""
    vms.burst[vms.burst_end_s <= now_s] = 0.0
    slots = np.flatnonzero(noise.uniforms(vms.key, Stream.BURST, tick) < _ARRIVAL[vms.archetype] * rhythm)
    if not len(slots):
        return
    key, kind = vms.key[slots], vms.archetype[slots]
    height = noise.uniforms(key, Stream.BURST_SHAPE, 2 * tick)
    tail = 1.0 - noise.uniforms(key, Stream.BURST_SHAPE, 2 * tick + 1)
    vms.burst[slots] = _BURST_LOW[kind] + (_BURST_HIGH[kind] - _BURST_LOW[kind]) * height
    vms.burst_end_s[slots] = now_s + np.minimum(BURST_MAX_S, BURST_MIN_S * tail ** (-1.0 / PARETO))


def _replay(vms: VmTable, slots: NDArray[np.intp], name: str, now_s: float, traces: Traces) -> Floats | None:
    """Load ratio of the VMs that replay traces of one set: linear between samples, repeating; and their working set.

    Of an office day the recorded samples are multiplied by the working hours of each VM.
    """
    trace = traces.get(name)
    if trace is None:
        return None
    row = np.minimum(vms.trace_row[slots], trace.vm_count - 1)
    at = (now_s + vms.offset_s[slots].astype(np.float64)) / trace.step_s % trace.sample_count
    if trace.mem_pct is not None:
        vms.recorded_active[slots] = np.clip(_between_samples(trace.mem_pct, row, at) / 100.0, 0.02, 1.0)
    load: Floats = _between_samples(trace.cpu_pct, row, at) * (vms.scale[slots] / 100.0)
    return load * working_hours(vms.phase_s[slots], vms.archetype[slots], now_s) if trace.office else load


def _between_samples(values: CpuArray, row: NDArray[np.int32], at: Floats) -> Floats:
    """Values of some rows at fractional sample numbers."""
    first = at.astype(np.int64) % values.shape[1]
    early = values[row, first].astype(np.float64)
    late = values[row, (first + 1) % values.shape[1]].astype(np.float64)
    result: Floats = early + (late - early) * (at - np.floor(at))
    return result


def step(vms: VmTable, tick: int, now_s: float, traces: Traces, sets: list[str]) -> None:
    """Advance noise and bursts of every VM, on or off, by one tick and set `load`, what it wants of its vCPUs."""
    vms.noise[:] = RHO * vms.noise + (_STEP * vms.sigma) * noise.normals(vms.key, Stream.NOISE, tick)
    rhythm = _rhythm(vms, now_s)
    _bursts(vms, tick, now_s, rhythm)
    load = (vms.base * rhythm + vms.noise * np.minimum(rhythm, 1.0) + vms.burst) * vms.scale
    if sets:
        for number, name in enumerate(sets):
            slots = np.flatnonzero(vms.trace_set == number)
            replayed = _replay(vms, slots, name, now_s, traces) if len(slots) else None
            if replayed is not None:
                load[slots] = replayed
    if vms.hog.any():
        load[(vms.hog & (Hog.CPU | Hog.MEMORY)) != 0] = 1.0
        load[(vms.hog & Hog.HALTED) != 0] = 0.0
    vms.load[:] = np.clip(load, MIN_LOAD, 1.0)
    vms.smooth += np.float32(0.1) * (vms.load - vms.smooth)
