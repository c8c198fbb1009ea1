"""What a host draws, and whether switching it off pays.

Power is interpolated between the eleven points of a SPECpower table.  Booting draws what half load draws.
"""

from __future__ import annotations

import numpy as np

from domain.snapshot import POWER_POINTS, Floats, HostTable, Ints

_BOOT_LOAD = 0.5


def power_w(hosts: HostTable, rows: Ints, load_ratio: Floats) -> Floats:
    """(n,) watts of hosts at a CPU load of 0..1."""
    at = np.clip(load_ratio, 0.0, 1.0) * (POWER_POINTS - 1)
    low = np.minimum(at.astype(np.int64), POWER_POINTS - 2)
    curve = hosts.power_w[rows]
    index = np.arange(len(rows))
    watts: Floats = curve[index, low] + (curve[index, low + 1] - curve[index, low]) * (at - low)
    return watts


def break_even_s(hosts: HostTable, host: int) -> float:
    """How long a host has to stay off to win back its shutdown and boot.

    ``(t_down + t_boot)·(P_boot - P_standby)/(P_idle - P_standby)``, transitions included.
    """
    boot_w = float(power_w(hosts, np.array([host]), np.array([_BOOT_LOAD]))[0])
    idle_w, standby_w = float(hosts.power_w[host, 0]), float(hosts.standby_w[host])
    if idle_w <= standby_w:
        return float("inf")
    transition_s = float(hosts.shutdown_s[host] + hosts.boot_s[host])
    return transition_s * (boot_w - standby_w) / (idle_w - standby_w)
