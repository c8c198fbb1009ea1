"""Migrations that wait their turn and share the wire: the physical side of a move."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from scheduler.engine.replay.fleet import Bools, Floats, HostFleet, Ints
from scheduler.engine.replay.policy import Move

MIB_PER_S_PER_MBPS = 62.5 / 1000  # half of the port, as in the literature's setting
SLOW_PORT_SLOTS, FAST_PORT_SLOTS = (
    4,
    8,
)  # concurrent migrations of a host (domain.limits has vSphere's: 4 at 1 GbE, 8 at 10)
FAST_PORT_MBPS = 10_000


@dataclass
class Transfer:
    """A migration under way."""

    move: Move
    source: int
    remaining_mib: float


@dataclass
class TransferQueue:
    """First come, first served, except for moves that must wait for a slot, a boot or RAM; those are passed by."""

    fleet: HostFleet
    ram_mib: Floats
    waiting: list[tuple[Move, int]] = field(default_factory=list)
    active: list[Transfer] = field(default_factory=list)

    def __post_init__(self) -> None:
        fast = self.fleet.nic_mbps >= FAST_PORT_MBPS
        self.slots = np.where(fast, FAST_PORT_SLOTS, SLOW_PORT_SLOTS)
        self.streams = np.zeros(len(self.fleet), dtype=np.int64)

    def start(self, ready: Bools, free_mib: Floats) -> list[Transfer]:
        """Start what can start now; takes its RAM from ``free_mib`` in place."""
        started, still = [], []
        for move, source in self.waiting:
            slots = self.slots - self.streams
            room = free_mib[move.host] >= self.ram_mib[move.vm]
            if ready[move.host] and room and slots[source] > 0 and slots[move.host] > 0:
                started.append(Transfer(move, source, float(self.ram_mib[move.vm])))
                self.streams[[source, move.host]] += 1
                free_mib[move.host] -= self.ram_mib[move.vm]
            else:
                still.append((move, source))
        self.waiting = still
        self.active += started
        return started

    def rates(self) -> list[float]:
        """MiB/s of each active transfer: an even share of the busier of its two ports."""
        port = self.fleet.nic_mbps * MIB_PER_S_PER_MBPS / np.maximum(self.streams, 1)
        return [float(min(port[t.source], port[t.move.host])) for t in self.active]

    def next_end_s(self) -> float:
        """Seconds until the first transfer ends if nothing else happens."""
        ends = (t.remaining_mib / rate for t, rate in zip(self.active, self.rates(), strict=True))
        return min(ends, default=np.inf)

    def advance(self, seconds: float) -> list[Transfer]:
        """Let time pass; the transfers that ended, in order of start."""
        for transfer, rate in zip(self.active, self.rates(), strict=True):
            transfer.remaining_mib -= rate * seconds
        done = [t for t in self.active if t.remaining_mib < 1e-6]
        self.active = [t for t in self.active if t.remaining_mib >= 1e-6]
        for transfer in done:
            self.streams[[transfer.source, transfer.move.host]] -= 1
        return done

    def cancel_blocked(self, ready: Bools, free_mib: Floats) -> None:
        """Forget waiting moves for which an awake destination has no RAM: the policy will look again."""
        self.waiting = [
            (move, source)
            for move, source in self.waiting
            if not ready[move.host] or free_mib[move.host] >= self.ram_mib[move.vm]
        ]

    def promised_mib(self) -> Floats:
        """RAM that waiting moves will want, [H]."""
        hosts = np.array([move.host for move, _ in self.waiting], dtype=np.int64)
        ram = np.array([self.ram_mib[move.vm] for move, _ in self.waiting])
        return np.bincount(hosts, ram, len(self.fleet)).astype(np.float64)

    def vms(self) -> Ints:
        """VMs waiting or under way."""
        return np.array([m.vm for m, _ in self.waiting] + [t.move.vm for t in self.active], dtype=np.int64)

    def busy_hosts(self) -> Bools:
        """Hosts at either end of a waiting or active move, [H]."""
        busy = self.streams > 0
        for move, source in self.waiting:
            busy[[move.host, source]] = True
        return np.asarray(busy)
