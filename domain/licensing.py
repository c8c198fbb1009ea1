"""Licenses of hosts: editions, what an edition lets a host do, and how many CPU cores a host takes up.

A host without a license is in evaluation mode, in which nothing is held back. Editions differ here in vMotion alone:
what else they differ in is not part of this product, so it is neither listed nor enforced. Source of the counting:
VMware, "Counting Cores for VMware Cloud Foundation and vSphere Foundation" (KB 313548): a CPU counts as 16 cores at
least.
"""

from __future__ import annotations

from enum import StrEnum

CORES_PER_CPU_LEAST = 16
EVALUATION = ""  # the edition of a host that has no license


class Edition(StrEnum):
    """Editions of vSphere, from the smallest to the largest."""

    ESSENTIALS = "essentials"
    ESSENTIALS_PLUS = "essentialsPlus"
    STANDARD = "standard"
    ENTERPRISE_PLUS = "enterprisePlus"


# Names of products: they are the same in every language.
PRODUCTS = {
    Edition.ESSENTIALS: "vSphere Essentials",
    Edition.ESSENTIALS_PLUS: "vSphere Essentials Plus",
    Edition.STANDARD: "vSphere Standard",
    Edition.ENTERPRISE_PLUS: "vSphere Enterprise Plus",
}
WITHOUT_VMOTION = frozenset({Edition.ESSENTIALS})


def allows_vmotion(edition: str) -> bool:
    """Whether a host of this edition may send and receive machines that run; "" is evaluation mode, which may."""
    return edition not in WITHOUT_VMOTION


def cores_needed(sockets: int, cores: int) -> int:
    """Cores of a license that a host with `sockets` CPUs and `cores` cores altogether takes up."""
    cpus = max(1, sockets)
    return cpus * max(CORES_PER_CPU_LEAST, -(-cores // cpus))
