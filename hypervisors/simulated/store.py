"""Where a fleet's state lives between two polls. The store for production is the inventory's; this one is in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class FleetStore(Protocol):
    """One fleet's blob and its queue of commands. Every call is atomic."""

    def load(self) -> bytes | None:
        """The last saved state, None if there is none (any more)."""
        ...

    def save(self, blob: bytes, token: int, consumed: int) -> bool:
        """Replace the state and remove the first `consumed` commands; False, changing nothing, if `token` is stale."""
        ...

    def push(self, commands: Sequence[bytes]) -> None:
        """Append commands durably."""
        ...

    def pending(self) -> list[bytes]:
        """Commands not consumed yet, oldest first; they stay."""
        ...


class MemoryStore:
    """A store inside this process: for tests, benchmarks and replays."""

    def __init__(self) -> None:
        self.blob: bytes | None = None
        self.token = 0
        self.queue: list[bytes] = []

    def load(self) -> bytes | None:
        return self.blob

    def save(self, blob: bytes, token: int, consumed: int) -> bool:
        if token < self.token:
            return False
        self.blob, self.token = blob, token
        del self.queue[:consumed]
        return True

    def push(self, commands: Sequence[bytes]) -> None:
        self.queue.extend(commands)

    def pending(self) -> list[bytes]:
        return list(self.queue)
