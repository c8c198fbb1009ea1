"""How many of some VMs can each have a host of its own: the largest matching between VMs and the hosts they may use."""

from __future__ import annotations

from domain.snapshot import Bools


def most_apart(allowed: Bools) -> int:
    """allowed: (n, H).  Augmenting paths; n is the size of one separation rule, so it is quick."""
    taken: dict[int, int] = {}  # host -> VM row

    def place(vm: int, seen: set[int]) -> bool:
        for host in map(int, allowed[vm].nonzero()[0]):
            if host not in seen:
                seen.add(host)
                if host not in taken or place(taken[host], seen):
                    taken[host] = vm
                    return True
        return False

    return sum(place(vm, set()) for vm in range(len(allowed)))
