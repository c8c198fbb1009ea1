"""Hosts that take minutes to wake and to stop, and draw power while they do (domain.hardware has the figures)."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from domain.hardware import (
    BOOT_LOAD_RATIO,
    BOOT_MEDIAN_S,
    BOOT_RANGE_S,
    BOOT_SIGMA,
    POWERED_OFF_W,
    SHUTDOWN_RANGE_S,
)
from scheduler.engine.replay.fleet import Bools, Floats, HostFleet


class HostState(IntEnum):
    """Where a host is on its way."""

    OFF = 0
    BOOTING = 1
    ON = 2
    STOPPING = 3


class HostPower:
    """State [H], when the next change is due, and the power drawn. Durations come from a counter-based generator."""

    def __init__(self, fleet: HostFleet, on: Bools, seed: int) -> None:
        self.fleet = fleet
        self.state = np.where(on, HostState.ON, HostState.OFF)
        self.due_s = np.full(len(fleet), np.inf)
        self.wanted = np.zeros(len(fleet), dtype=bool)
        self.boots = 0
        self._random = np.random.Generator(np.random.Philox(key=seed))

    @property
    def on(self) -> Bools:
        """Hosts that can run VMs, [H]."""
        return np.asarray(self.state == HostState.ON)

    @property
    def drawing(self) -> Bools:
        """Hosts that draw more than their management controller does, [H]."""
        return np.asarray(self.state != HostState.OFF)

    def wake(self, host: int, now_s: float) -> None:
        """Boot ``host``, or as soon as it has stopped; nothing if it is on or booting."""
        if self.state[host] == HostState.OFF:
            seconds = BOOT_MEDIAN_S * float(np.exp(BOOT_SIGMA * self._random.standard_normal()))
            self.state[host], self.due_s[host] = HostState.BOOTING, now_s + float(np.clip(seconds, *BOOT_RANGE_S))
            self.boots += 1
        self.wanted[host] = self.state[host] == HostState.STOPPING

    def sleep(self, host: int, now_s: float) -> None:
        """Stop ``host``, which must be on."""
        self.state[host] = HostState.STOPPING
        self.due_s[host] = now_s + float(self._random.uniform(*SHUTDOWN_RANGE_S))

    def settle(self, now_s: float) -> None:
        """Finish the boots and stops that are due."""
        for host in np.flatnonzero(self.due_s <= now_s).tolist():
            self.due_s[host] = np.inf
            booted = self.state[host] == HostState.BOOTING
            self.state[host] = HostState.ON if booted else HostState.OFF
            if self.wanted[host]:
                self.wake(host, now_s)

    def power_w(self, load_ratio: Floats) -> Floats:
        """Power of each host [H]: by load when on, at a fixed load while booting, idle while stopping, 0 when off."""
        load = np.where(self.state == HostState.BOOTING, BOOT_LOAD_RATIO, np.where(self.on, load_ratio, 0.0))
        return np.where(self.drawing, self.fleet.power_w(load), 0.0)

    def standby_w(self) -> float:
        """Power of the management controllers of hosts that are off."""
        return POWERED_OFF_W * float(np.count_nonzero(~self.drawing))
