"""Large blobs of newest figures that this process has read already: of an unchanged one only its head is asked for."""

from __future__ import annotations

from collections import OrderedDict

import redis

from inventory.metrics.latest import HEAD_BYTES

LARGE_BYTES = 256 * 1024  # what is smaller costs less to fetch than to ask about
MOST = 4  # vCenters; 4 MiB each at 40,000 VMs


class Kept:
    """The last few large blobs, by key. A head holds both clocks of a recording: two samples never have the same."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._blobs: OrderedDict[str, bytes] = OrderedDict()

    def get(self, client: redis.Redis, key: str) -> bytes | None:
        """What lies under `key` now, None where nothing does.

        Raises:
            redis.RedisError: Redis does not answer.
        """
        known = self._blobs.get(key)
        if known is not None and client.getrange(key, 0, HEAD_BYTES - 1) == known[:HEAD_BYTES]:
            return known
        blob: bytes | None = client.get(key)  # type: ignore[assignment]
        self._keep(key, blob)
        return blob

    def _keep(self, key: str, blob: bytes | None) -> None:
        self._blobs.pop(key, None)
        if blob is not None and len(blob) >= LARGE_BYTES:
            self._blobs[key] = blob
        while len(self._blobs) > self._most:
            self._blobs.popitem(last=False)
