"""How many hosts and VMs a vCenter may have: the product's limits, and what lies above may set lower ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from domain.limits import DEFAULT_LIMITS as LIMITS
from inventory.models import VCenter


@dataclass(frozen=True, slots=True)
class Quota:
    """At most so many of each, powered off ones and those in the recycle bin too."""

    hosts: int = LIMITS.hosts_per_vcenter
    vms: int = LIMITS.registered_vms


# What sets a lower quota for a vCenter; None where it says nothing. Asked when a host or a VM is to come.
QUOTAS: list[Callable[[VCenter], Quota | None]] = []


def of(vcenter: VCenter) -> Quota:
    """The quota of a vCenter."""
    told = [Quota(), *(quota for ask in QUOTAS if (quota := ask(vcenter)) is not None)]
    return Quota(min(one.hosts for one in told), min(one.vms for one in told))
