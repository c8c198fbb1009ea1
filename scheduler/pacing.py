"""How often DRS looks at a cluster, and whom it has asked to: the workers' time is shared among all that run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from django.db.models import Count

from inventory.models import Host, VCenter
from inventory.prepared import Prepared
from scheduler.services.cycles import INTERVAL_S

# Wall seconds between two cycles for each eight hosts of all clusters that DRS looks after. A cycle of 8 hosts and 80
# VMs uses a fifth of it, one of 32 hosts and 500 VMs a quarter: all together take a fifth to a quarter of a core.
SHARE_S = 0.1
SHARE_HOSTS = 8
KNOWN_S = 10.0  # hosts and clocks do not come and go faster than it would be worth a query per beat
ASKED_S = 10.0  # a worker that has not come to it by then will not: its message has expired

_sizes = Prepared(
    lambda: Host.objects.filter(
        vcenter__active=True, vcenter__clock_speed__gt=0, cluster__drs_enabled=True, cluster__standalone=False
    ).order_by().values_list("cluster").annotate(hosts=Count("pk"))
)  # fmt: skip


class Pace:
    """The interval of cycles. Counts the hosts of all labs at most once in KNOWN_S; `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: tuple[float, float] | None = None

    def interval_s(self, vcenter: VCenter) -> float:
        """Lab seconds between two cycles: a minute, or more where fast clocks of many or large labs would ask for more
        cycles than the workers' share of the machine carries. What a person asks for and what is urgent never waits.
        """
        if vcenter.clock_speed <= 0:
            return INTERVAL_S
        return max(INTERVAL_S, vcenter.clock_speed * self._round_s())

    def _round_s(self) -> float:
        """Wall seconds in which each cluster of the machine gets one cycle. O(hosts of all labs)."""
        moment = self._clock()
        if self._known is None or moment - self._known[0] >= KNOWN_S:
            self._known = moment, round_s(hosts for _cluster, hosts in _sizes.rows())
        return self._known[1]


def round_s(hosts: Iterable[int]) -> float:
    """The same from the number of hosts of each cluster."""
    return SHARE_S * sum(max(1.0, count / SHARE_HOSTS) for count in hosts)


class Asked:
    """Which clusters this process has asked a worker for: it need not be asked again before it has come to it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._asked: dict[int, tuple[float | None, float]] = {}

    def anew(self, cluster_id: int, last_s: float | None) -> bool:
        """True where a worker is to be asked now; `last_s`: lab time of the last cycle, None before the first.

        A cycle that has been run since makes the next one due anew, however soon.
        """
        moment = self._clock()
        known = self._asked.get(cluster_id)
        if known is not None and known[0] == last_s and moment - known[1] < ASKED_S:
            return False
        self._asked[cluster_id] = last_s, moment
        return True
