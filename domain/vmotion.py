"""What the two ends of a vMotion say about each other, in the same words for the planner and for hypervisors."""

from __future__ import annotations

from domain.faults import VMotionInterfaceIssue
from domain.states import IpFamily


def families_differ(source: str, destination: str, source_ipv6: bool) -> VMotionInterfaceIssue:
    """The fault of two hosts, by name, whose vMotion adapters speak different IP families."""
    families = (IpFamily.IPV6.label, IpFamily.IPV4.label)
    there, here = families if source_ipv6 else families[::-1]
    return VMotionInterfaceIssue(source=source, source_family=there, host=destination, family=here, atSourceHost=False)
