"""The fleet of a vCenter: its driver, and for the simulated one the place where its state lives.

Keys in Redis, per vCenter uuid: `fleet:{uuid}:state` the blob, `:commands` the list of commands not yet taken,
`:lease` who may advance it (a fencing token, expires by itself), `:fence` the counter the tokens come from, `:waiting`
that somebody wants the lease before the next beat. After a rewind state and commands have keys of their own,
`fleet:{uuid}:{timeline}:state`: whoever still lives in the abandoned timeline writes where nobody reads any more.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import redis
import structlog

from domain import faults
from hypervisors.port import Command, Driver
from hypervisors.registry import driver_class
from inventory import redis as bus
from inventory import traces
from inventory.models import VCenter
from inventory.prepared import Prepared

log = structlog.get_logger(__name__)
_present = Prepared(lambda pk, timeline: VCenter.objects.filter(pk=pk, timeline=timeline).order_by().values_list("pk"))
# A worker that dies with the lease blocks its vCenter for at most this long; a pump of 40,000 VMs takes far less.
LEASE_MS = 8_000
# Reading 40,000 VMs and building their fleet takes some ten seconds on a small machine.
REBUILD_LEASE_MS = 90_000
# Work on a whole lab with its fleet standing still (taking it away, a checkpoint) may take this long.
HELD_MS = 60_000
WAITS_MS = 1_000
ASKS_AGAIN_S = 0.05

_SAVE = """
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('set', KEYS[2], ARGV[2])
if tonumber(ARGV[3]) > 0 then redis.call('ltrim', KEYS[3], ARGV[3], -1) end
redis.call('del', KEYS[4])
redis.call('pexpire', KEYS[1], ARGV[4])
return 1
"""
_PROLONG = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) end return 0"
# Beats follow each other closely where the clock runs fast: whoever waits for the lease would hardly meet a gap. A
# waiter leaves a note, and only waiters get the lease while it stands; a waiter that dies holds nobody up for long.
_ACQUIRE = """
local waits = ARGV[2] == '1'
if not waits and redis.call('exists', KEYS[3]) == 1 then return false end
local token = redis.call('incr', KEYS[1])
if redis.call('set', KEYS[2], token, 'NX', 'PX', ARGV[1]) then
  if waits then redis.call('del', KEYS[3]) end
  return token
end
if waits then redis.call('set', KEYS[3], '1', 'PX', ARGV[3]) end
return false
"""
_RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"


@dataclass(frozen=True, slots=True)
class Mark:
    """Where the fleet stood after a beat; `waits` is true where commands have come since."""

    version: int
    seq: int
    now_s: float
    waits: bool


class RedisStore:
    """`hypervisors.simulated.store.FleetStore` on Redis."""

    def __init__(self, vcenter_uuid: str, timeline: int = 0) -> None:
        self._redis = bus.patient()
        self._blob: bytes | None = None
        stem = f"fleet:{vcenter_uuid}:{timeline}" if timeline else f"fleet:{vcenter_uuid}"
        self._state = f"{stem}:state"
        self._commands = f"{stem}:commands"
        self._lease = f"fleet:{vcenter_uuid}:lease"
        self._fence = f"fleet:{vcenter_uuid}:fence"
        self._waiting = f"fleet:{vcenter_uuid}:waiting"
        self._mark = f"{stem}:mark"

    def load(self) -> bytes | None:
        """The state; fetched once per store, since nobody else may change it while this holder has the lease."""
        if self._blob is None:
            blob = self._redis.get(self._state)
            self._blob = bytes(blob) if blob is not None else None  # type: ignore[arg-type]
        return self._blob

    def save(self, blob: bytes, token: int, consumed: int) -> bool:
        """Replace the state and drop the first `consumed` commands, both or neither; False if the lease has passed.

        The mark goes with the old state: a beat that dies before it sets another leaves events to be recorded.
        """
        keys = [self._lease, self._state, self._commands, self._mark]
        saved = bool(self._redis.eval(_SAVE, len(keys), *keys, token, blob, consumed, LEASE_MS))
        self._blob = blob if saved else None
        return saved

    def push(self, commands: Sequence[bytes]) -> None:
        if commands:
            self._redis.rpush(self._commands, *commands)

    def pending(self) -> list[bytes]:
        return list(self._redis.lrange(self._commands, 0, -1))  # type: ignore[arg-type]

    def acquire(self, *, waits: bool = False) -> int | None:
        """A fencing token, or None while somebody else holds the lease, or waits for it and the caller does not."""
        keys = [self._fence, self._lease, self._waiting]
        token: Any = self._redis.eval(_ACQUIRE, len(keys), *keys, LEASE_MS, int(waits), WAITS_MS)
        return None if token is None else int(token)

    def hold_longer(self, token: int, milliseconds: int) -> None:
        """Prolong the lease for work that is known to be long."""
        self._redis.eval(_PROLONG, 1, self._lease, token, milliseconds)

    def release(self, token: int) -> None:
        self._redis.eval(_RELEASE, 1, self._lease, token)

    def mark(self, version: int, seq: int, now_s: float) -> None:
        """Note where the state stands, so that an idle beat need not read it."""
        self._redis.set(self._mark, f"{version} {seq} {now_s}")

    def marked(self) -> Mark | None:
        """Where the last beat left off; None where there was none, or its state is gone."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.get(self._mark)
        pipe.exists(self._state)
        pipe.llen(self._commands)
        text, there, waiting = pipe.execute()
        if text is None or not there:
            return None
        version, seq, now_s = bytes(text).split()
        return Mark(int(version), int(seq), float(now_s), bool(waiting))

    def plant(self, blob: bytes | None, commands: Sequence[bytes]) -> None:
        """Begin a timeline that nobody advances yet; a `blob` of None is built from the inventory by the first beat."""
        pipe = self._redis.pipeline()
        pipe.delete(self._state, self._commands, self._mark)
        if blob is not None:
            pipe.set(self._state, blob)
        if commands:
            pipe.rpush(self._commands, *commands)
        pipe.execute()
        self._blob = None

    def abandon(self) -> None:
        """Forget state and commands of a timeline that is over; the lease goes on."""
        self._redis.delete(self._state, self._commands, self._mark)

    def drop(self) -> None:
        """Forget the fleet: its vCenter has been deleted."""
        self._redis.delete(self._state, self._commands, self._lease, self._mark, self._waiting)


def store_of(vcenter: VCenter) -> RedisStore:
    """Where the fleet of the vCenter's present timeline lives."""
    return RedisStore(str(vcenter.uuid), vcenter.timeline)


def driver_for(vcenter: VCenter, token: int = 0) -> Driver:
    """The driver of a vCenter; `token` is needed to poll, not to start commands."""
    return driver_class(vcenter.driver)(store_of(vcenter), token=token, traces=traces.sets_of(vcenter))


def send(vcenter: VCenter, commands: Sequence[Command], lab_s: float = 0.0) -> bool:
    """Hand commands to the fleet that were given at `lab_s` (0: it acts wherever it is).

    False (and a log entry) where that was not possible now: the pump will notice by the configuration version or the
    tasks' leases, and repeat them.
    """
    try:
        driver_for(vcenter).start([replace(command, at_s=lab_s) for command in commands])
    except redis.RedisError as error:
        log.warning("fleet.unreachable", vcenter=str(vcenter.uuid), commands=len(commands), error=str(error))
        return False
    return True


def present(vcenter: VCenter) -> bool:
    """False where the lab was rewound since `vcenter` was read, or is gone."""
    return _present.any(vcenter.pk, vcenter.timeline)


@contextmanager
def held(vcenter: VCenter, patience_s: float) -> Iterator[None]:
    """Hold the lease, so that no beat runs: the one in hand is waited for, none begins before. `vcenter` is read anew.

    Raises:
        ResourceInUse: the fleet stayed busy for `patience_s` seconds.
        ManagedObjectNotFound: the vCenter has been deleted meanwhile.
    """
    deadline = time.monotonic() + patience_s
    while True:
        try:
            vcenter.refresh_from_db()
        except VCenter.DoesNotExist as gone:
            raise faults.ManagedObjectNotFound(moref=vcenter.name) from gone
        with leased(vcenter, waits=True) as token:
            if token is not None:
                store_of(vcenter).hold_longer(token, HELD_MS)
                yield
                return
        if time.monotonic() > deadline:
            raise faults.ResourceInUse(name=vcenter.name, users="its simulation")
        time.sleep(ASKS_AGAIN_S)


@contextmanager
def leased(vcenter: VCenter, *, waits: bool = False) -> Iterator[int | None]:
    """Hold the vCenter's lease for the time of a pump; yields the token, or None where it is held elsewhere.

    None as well where the lab was rewound since `vcenter` was read: its clock and numbers are of another timeline.
    """
    store = store_of(vcenter)
    token = store.acquire(waits=waits)
    try:
        yield token if token is not None and present(vcenter) else None
    finally:
        if token is not None:
            store.release(token)
