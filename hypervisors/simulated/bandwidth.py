"""Max-min fair sharing of links by flows that each cross several (progressive filling, Bertsekas & Gallager 1992)."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence


def fair_rates(flows: Sequence[Sequence[str]], capacity: Mapping[str, float]) -> list[float]:
    """The rate of every flow: no flow can get more without taking from one that has no more than it.

    flows: the links that each flow crosses, at least one, all in `capacity`. O((flows · links) log) time.
    """
    crossing: dict[str, list[int]] = {}
    for number, links in enumerate(flows):
        for link in links:
            crossing.setdefault(link, []).append(number)
    left = {link: max(0.0, capacity[link]) for link in crossing}
    count = {link: len(members) for link, members in crossing.items()}
    rates = [-1.0] * len(flows)
    heap = [(left[link] / count[link], link) for link in crossing]
    heapq.heapify(heap)
    while heap:
        share, link = heapq.heappop(heap)
        if count[link] == 0 or share != left[link] / count[link]:
            continue  # the link's share has risen since: its newer entry follows
        for flow in crossing[link]:
            if rates[flow] < 0:
                rates[flow] = share
                _give(flows[flow], share, left, count, heap)
    return rates


def _give(
    links: Sequence[str], share: float, left: dict[str, float], count: dict[str, int], heap: list[tuple[float, str]]
) -> None:
    """A flow has its rate: what is left of its links goes to the others."""
    for link in links:
        left[link] = max(0.0, left[link] - share)
        count[link] -= 1
        if count[link]:
            heapq.heappush(heap, (left[link] / count[link], link))
