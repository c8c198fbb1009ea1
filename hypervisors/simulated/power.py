"""Electrical power: published curves over load, fixed draws of sleeping machines, energy as an exact integral."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from domain.hardware import BOOT_LOAD_RATIO, BOOT_RANGE_S, BOOT_SIGMA, POWERED_OFF_W, STANDBY_W
from hypervisors.simulated import noise
from hypervisors.simulated.layout import Layout
from hypervisors.simulated.noise import Stream
from hypervisors.simulated.state import FleetState
from hypervisors.simulated.tables import WATT_POINTS, HostTable, Phase
from hypervisors.simulated.tuning import TICK_S

Floats = NDArray[np.float64]

_SLEEPING_W = {Phase.OFF: POWERED_OFF_W, Phase.STANDBY: STANDBY_W}


def curve_watts(hosts: HostTable, load: Floats) -> Floats:
    """(H,) watts at a load of 0..1: linear between the eleven points of SPECpower_ssj2008."""
    curve = hosts.watts()
    at = np.clip(load, 0.0, 1.0) * (WATT_POINTS - 1)
    low = np.minimum(at.astype(np.int64), WATT_POINTS - 2)
    each = np.arange(hosts.size)
    first, second = curve[low, each].astype(np.float64), curve[low + 1, each]
    watts: Floats = first + (second - first) * (at - low)
    return watts


def watts(hosts: HostTable, load: Floats) -> Floats:
    """(H,) what every host draws: running by load, booting and stopping as at half load, sleeping a fixed draw."""
    running = hosts.phase == Phase.ON
    drawn = curve_watts(hosts, np.where(running, load, BOOT_LOAD_RATIO))
    for phase, fixed in _SLEEPING_W.items():
        drawn = np.where(hosts.phase == phase, fixed, drawn)
    # A crashed machine stands at its purple screen and draws what it draws idle.
    drawn = np.where(hosts.phase == Phase.CRASHED, hosts.w0, drawn)
    return np.asarray(drawn * (hosts.exists == 1), dtype=np.float64)


def settle(state: FleetState, host: int, now_s: float) -> None:
    """Book a host's energy up to now at its present draw; called before its phase changes."""
    hosts = state.hosts
    hosts.energy_j[host] += hosts.watts_now[host] * max(0.0, now_s - hosts.segment_s[host])
    hosts.segment_s[host] = now_s


def change_phase(state: FleetState, host: int, phase: Phase, now_s: float) -> None:
    """A new phase, with the draw that it begins with."""
    settle(state, host, now_s)
    state.hosts.phase[host] = phase
    state.hosts.watts_now[host] = watts(state.hosts, np.zeros(state.hosts.size))[host]


def run_power(state: FleetState, load: Floats, now_s: float) -> tuple[Floats, Floats]:
    """(mean watts, joules) of every host over the tick that ends now; `load` counts since its last change."""
    hosts = state.hosts
    now = watts(hosts, load)
    energy = hosts.energy_j + now * np.maximum(0.0, now_s - hosts.segment_s)
    hosts.energy_j[:] = 0.0
    hosts.segment_s[:] = now_s
    hosts.watts_now[:] = now
    return energy / TICK_S, energy


def vm_watts(layout: Layout, host_watts: Floats, idle_watts: Floats, used: Floats) -> Floats:
    """A VM's part: of the power above idle by its CPU, of the idle power by head."""
    hosts = len(host_watts)
    busy = np.maximum(np.bincount(layout.host, used, hosts), 1e-9)
    count = np.maximum(np.bincount(layout.host, minlength=hosts), 1)
    above = np.maximum(0.0, host_watts - idle_watts) / busy
    share: Floats = above[layout.host] * used + (np.minimum(host_watts, idle_watts) / count)[layout.host]
    return share


def boot_time_s(hosts: HostTable, host: int) -> float:
    """This boot's time: lognormal around the model's median; each boot of a host draws its own."""
    key, count = int(hosts.key[host]), int(hosts.boots[host])
    unit = sum(noise.uniform(key, Stream.BOOT, 4 * count + i) for i in range(4))
    normal = (unit - 2.0) * float(np.sqrt(3.0))
    low, high = BOOT_RANGE_S
    median = float(hosts.boot_median_s[host])
    stretch = median / 300.0
    return min(max(median * float(np.exp(BOOT_SIGMA * normal)), low * stretch), high * stretch)
