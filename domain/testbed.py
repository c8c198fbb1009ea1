"""The benchmark's machines: host models with their power curves, and the types of VM that replay a trace.

The file is JSON: ``{"hosts": {name: {cores, mips_per_core, ram_mib, W: [11 watts], n_in_benchmark}}, "vms": {mips:
[..], ram_mib: [..]}}``. Watts are SPECpower_ssj2008's at 0, 10, ... 100 % load. A file may come from anyone: all is
checked.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from domain.hardware import SERVER_MODELS, ServerModel

MAX_FILE_BYTES = 2**20
CURVE_POINTS = 11


class TestbedError(ValueError):
    """A testbed file cannot be used. ``template`` and ``fields`` let a page translate it; ``str()`` is English."""

    __test__ = False  # not a test class, whatever its name begins with

    def __init__(self, template: str, **fields: object) -> None:
        super().__init__(template % fields)
        self.template = template
        self.fields = fields


@dataclass(frozen=True, slots=True)
class HostModel:
    """A host as the replay needs it. ``watts`` at 0, 10, ... 100 % CPU load, linear between; ``ram_mib`` for VMs;
    ``nic_mbps`` of the port that migrations use; ``count`` of them in the benchmark."""

    name: str
    cores: int
    mips_per_core: float
    ram_mib: float
    watts: tuple[float, ...]
    count: int = 0
    nic_mbps: float = 1000.0

    @property
    def mips(self) -> float:
        """Capacity of all cores together."""
        return self.cores * self.mips_per_core


@dataclass(frozen=True, slots=True)
class VmType:
    """A one-core VM of the benchmark."""

    mips: float
    ram_mib: float


@dataclass(frozen=True, slots=True)
class Testbed:
    """Host models in the file's order and VM types in the benchmark's order."""

    __test__ = False  # not a test class, whatever its name begins with

    hosts: tuple[HostModel, ...]
    vm_types: tuple[VmType, ...]

    def benchmark_hosts(self) -> tuple[HostModel, ...]:
        """The published setting's hosts: models with a count take turns (even index the first, odd the second)."""
        models = [model for model in self.hosts if model.count]
        return tuple(models[i % len(models)] for i in range(sum(model.count for model in models)))


def host_model(server: ServerModel, count: int = 0) -> HostModel:
    """A product of the hardware catalogue as a replay's host; one MHz is one MIPS."""
    return HostModel(
        server.model, server.cores, server.core_mhz, server.memory_mib, server.watts, count, server.nic_mbps[-1]
    )


def load_testbed(path: str | Path) -> Testbed:
    """Read a testbed file. Raises TestbedError naming the entry at fault."""
    file = Path(path)
    if not file.is_file() or file.stat().st_size > MAX_FILE_BYTES:
        raise TestbedError("%(source)s: no such file, or larger than 1 MiB", source=file.name)
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError, OSError) as error:
        raise TestbedError("%(source)s: not JSON (%(reason)s)", source=file.name, reason=error) from error
    reader = _Reader(file.name)
    hosts = reader.mapping(content, "hosts")
    vms = reader.mapping(content, "vms")
    testbed = Testbed(tuple(reader.host(name, hosts) for name in hosts), reader.vm_types(vms))
    if not testbed.benchmark_hosts():
        raise TestbedError("%(source)s: no host model has n_in_benchmark above zero", source=file.name)
    return testbed


@dataclass(frozen=True, slots=True)
class _Reader:
    source: str

    def error(self, entry: str, reason: str) -> TestbedError:
        return TestbedError("%(source)s: %(entry)s %(reason)s", source=self.source, entry=entry, reason=reason)

    def mapping(self, parent: object, key: str) -> Mapping[str, Any]:
        value = parent.get(key) if isinstance(parent, Mapping) else None
        if not isinstance(value, Mapping) or not value:
            raise self.error(key, "must be an object with entries")
        return value

    def number(self, parent: Mapping[str, Any], key: str, entry: str) -> float:
        return self.positive(parent.get(key), f"{entry}.{key}")

    def positive(self, value: object, entry: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1e9:
            raise self.error(entry, "must be a number above zero")
        return float(value)

    def numbers(self, parent: Mapping[str, Any], key: str, entry: str) -> tuple[float, ...]:
        value = parent.get(key)
        if not isinstance(value, Sequence) or isinstance(value, str) or not value:
            raise self.error(f"{entry}.{key}", "must be a list of numbers")
        return tuple(self.positive(item, f"{entry}.{key}") for item in value)

    def host(self, name: str, hosts: Mapping[str, Any]) -> HostModel:
        body = self.mapping(hosts, name)
        watts = self.numbers(body, "W", name)
        if len(watts) != CURVE_POINTS or any(a > b for a, b in itertools.pairwise(watts)):
            raise self.error(f"{name}.W", "must be 11 watts that never fall")
        count = body.get("n_in_benchmark", 0)
        if not isinstance(count, int) or not 0 <= count <= 100_000:
            raise self.error(f"{name}.n_in_benchmark", "must be a count")
        cores = math.floor(self.number(body, "cores", name))
        mips, ram_mib = self.number(body, "mips_per_core", name), self.number(body, "ram_mib", name)
        return HostModel(name, cores, mips, ram_mib, watts, count)

    def vm_types(self, vms: Mapping[str, Any]) -> tuple[VmType, ...]:
        mips, ram_mib = self.numbers(vms, "mips", "vms"), self.numbers(vms, "ram_mib", "vms")
        if len(mips) != len(ram_mib):
            raise self.error("vms", "needs as many ram_mib as mips")
        return tuple(VmType(*pair) for pair in zip(mips, ram_mib, strict=True))


# Beloglazov & Buyya 2012, section 7: 800 hosts of two models in turn, four types of one-core VMs.
PUBLISHED = Testbed(
    tuple(host_model(SERVER_MODELS[key], 400) for key in ("hp-ml110-g4", "hp-ml110-g5")),
    tuple(VmType(mips, ram) for mips, ram in ((2500, 870), (2000, 1740), (1000, 1740), (500, 613))),
)
