"""Server models: cores, memory, NICs, CPU generation and power by load (SPECpower_ssj2008 tables)."""

from __future__ import annotations

import re
from dataclasses import dataclass

STANDBY_W = 8.0  # BMC only
POWERED_OFF_W = 5.0
BOOT_MEDIAN_S = 300.0
BOOT_SIGMA = 0.25
BOOT_RANGE_S = (150.0, 900.0)
BOOT_LOAD_RATIO = 0.5  # power drawn while booting, as a point of the load curve
SHUTDOWN_RANGE_S = (60.0, 90.0)
VMOTION_LEAST_MBPS = 250.0  # of bandwidth for each migration
# The newest virtual hardware that a release of the hypervisor runs, newest release first.
HARDWARE_VERSIONS = (((8, 0, 2), 21), ((8, 0, 0), 20), ((7, 0, 2), 19), ((7, 0, 1), 18), ((7, 0, 0), 17),
                     ((6, 7, 2), 15), ((6, 7, 0), 14), ((6, 5, 0), 13))  # fmt: skip
OLDEST_HARDWARE_VERSION = 11


def highest_hardware_version(release: str) -> int:
    """Of a hypervisor's release as "8.0.3"; what cannot be read (the import of a stranger) is taken for the newest."""
    numbers = re.findall(r"\d+", release)[:3]
    if not numbers:
        return HARDWARE_VERSIONS[0][1]
    version = tuple(int(n) for n in [*numbers, "0", "0"][:3])
    return next((highest for since, highest in HARDWARE_VERSIONS if version >= since), OLDEST_HARDWARE_VERSION)


@dataclass(frozen=True, slots=True)
class CpuGeneration:
    """A CPU family and the feature bits that an EVC baseline is made of (higher rank has all bits of the lower)."""

    key: str
    label: str
    vendor: str
    rank: int

    @property
    def features(self) -> int:
        """Feature mask: one bit per generation, cumulative; vendors do not share bits."""
        return ((1 << (self.rank + 1)) - 1) << (0 if self.vendor == "intel" else 32)


CPU_GENERATIONS = {
    g.key: g
    for g in (
        CpuGeneration("intel-merom", "Intel® “Merom” Generation", "intel", 0),
        CpuGeneration("intel-westmere", "Intel® “Westmere” Generation", "intel", 1),
        CpuGeneration("intel-broadwell", "Intel® “Broadwell” Generation", "intel", 2),
        CpuGeneration("intel-skylake", "Intel® “Skylake” Generation", "intel", 3),
        CpuGeneration("intel-cascadelake", "Intel® “Cascade Lake” Generation", "intel", 4),
        CpuGeneration("intel-icelake", "Intel® “Ice Lake” Generation", "intel", 5),
        CpuGeneration("amd-zen", "AMD “Zen” Generation", "amd", 0),
        CpuGeneration("amd-zen2", "AMD “Zen 2” Generation", "amd", 1),
        CpuGeneration("amd-zen3", "AMD “Zen 3” Generation", "amd", 2),
    )
}


@dataclass(frozen=True, slots=True)
class ServerModel:
    """One product: `watts` at 0, 10, … 100 % load; `nic_mbps` per physical NIC (vmnic0 VM traffic, vmnic1 vMotion)."""

    key: str
    vendor: str
    model: str
    cpu_model: str
    generation: str
    sockets: int
    cores: int
    threads: int
    core_mhz: int
    memory_mib: int
    nic_mbps: tuple[int, ...]
    watts: tuple[float, ...]


SERVER_MODELS = {
    m.key: m
    for m in (
        ServerModel(
            "hp-ml110-g4", "HP", "ProLiant ML110 G4", "Intel Xeon 3040", "intel-merom", 1, 2, 2, 1860, 4096,
            (1000, 1000), (86, 89.4, 92.6, 96, 99.5, 102, 106, 108, 112, 114, 117),
        ),
        ServerModel(
            "hp-ml110-g5", "HP", "ProLiant ML110 G5", "Intel Xeon 3075", "intel-merom", 1, 2, 2, 2660, 4096,
            (1000, 1000), (93.7, 97, 101, 105, 110, 116, 121, 125, 129, 133, 135),
        ),
        ServerModel(
            "ibm-x3550-m3", "IBM", "System x3550 M3", "Intel Xeon X5675", "intel-westmere", 2, 12, 24, 3067, 16_384,
            (1000, 1000), (58.4, 98, 109, 118, 128, 140, 153, 170, 189, 205, 222),
        ),
        ServerModel(
            "dell-r640", "Dell", "PowerEdge R640", "Intel Xeon Gold 6148", "intel-skylake", 2, 40, 80, 2400, 196_608,
            (10_000, 10_000), (55, 125, 151, 176, 202, 232, 261, 301, 357, 421, 469),
        ),
        ServerModel(
            "dell-r740", "Dell", "PowerEdge R740", "Intel Xeon Gold 6148", "intel-skylake", 2, 40, 80, 2400, 393_216,
            (10_000, 10_000), (52.3, 129, 147, 170, 195, 224, 255, 292, 344, 408, 457),
        ),
        # The lab's own small server: 16 cores on the R640's curve, scaled by its share of cores (a modelling decision).
        ServerModel(
            "lab-1u", "Lab", "1U 16-core", "Intel Xeon Silver 4216", "intel-cascadelake", 1, 16, 32, 2600, 131_072,
            (10_000, 10_000), (48, 78, 90, 101, 112, 125, 138, 155, 179, 206, 226),
        ),
        # A desktop with a hosted hypervisor (type 2); curve of a small tower, a modelling decision.
        ServerModel(
            "desktop-8c", "Lab", "Desktop 8-core", "Intel Core i7", "intel-cascadelake", 1, 8, 16, 3200, 65_536,
            (1000, 1000), (32, 45, 55, 64, 73, 82, 91, 100, 109, 118, 127),
        ),
    )
}  # fmt: skip
DEFAULT_MODEL = "lab-1u"
