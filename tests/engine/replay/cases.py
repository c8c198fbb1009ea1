"""Small days, small fleets and a policy that watches another one: what the replay's tests share."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st
from numpy.typing import NDArray

from domain.testbed import HostModel, Testbed, VmType
from domain.traces import TraceSet
from scheduler.engine.replay.fleet import Ints
from scheduler.engine.replay.policy import Decision, Placement, Policy, PolicyTraits, View

ROOT = Path(__file__).resolve().parents[3]
DATA = Path(os.environ.get("BENCHMARK_DATA", ROOT.parent / "shared" / "data"))
needs_data = pytest.mark.skipif(not (DATA / "hosts.json").is_file(), reason="recorded days are not on this machine")

G4 = HostModel("G4", 2, 1860, 4096, (86, 89.4, 92.6, 96, 99.5, 102, 106, 108, 112, 114, 117), 6)
G5 = HostModel("G5", 2, 2660, 4096, (93.7, 97, 101, 105, 110, 116, 121, 125, 129, 133, 135), 6)
# Draws most of what load adds in the first tenth, like current servers: load is cheaper together than apart.
BENT = HostModel("bent", 8, 2500, 16_384, (52, 129, 147, 170, 195, 224, 255, 292, 344, 408, 457), 4, 10_000)
TESTBED = Testbed((G4, G5), (VmType(2500, 870), VmType(2000, 1740), VmType(1000, 1740), VmType(500, 613)))


def traces(cpu_pct: NDArray[np.integer] | list[list[int]]) -> TraceSet:
    """A day of these percentages, [VM x sample]."""
    samples = np.asarray(cpu_pct, dtype=np.uint8)
    return TraceSet(tuple(f"vm{i}" for i in range(len(samples))), 300.0, samples, source="day")


def noisy_day(seed: int, vms: int = 16, samples: int = 24) -> TraceSet:
    """VMs around levels of their own, some idle for good from some sample on."""
    random = np.random.default_rng(seed)
    level = random.uniform(0, 60, (vms, 1))
    cpu = np.clip(level + random.normal(0, 15, (vms, samples)), 0, 100)
    idle_from = random.integers(0, 3 * samples, (vms, 1))
    return traces(np.where(np.arange(samples) >= idle_from, 0, cpu).astype(np.uint8))


def write_testbed(path: Path) -> Path:
    """The small testbed as a file."""
    hosts = {
        model.name: {
            "cores": model.cores,
            "mips_per_core": model.mips_per_core,
            "ram_mib": model.ram_mib,
            "W": list(model.watts),
            "n_in_benchmark": model.count,
        }
        for model in TESTBED.hosts
    }
    vms = {"mips": [t.mips for t in TESTBED.vm_types], "ram_mib": [t.ram_mib for t in TESTBED.vm_types]}
    path.write_text(json.dumps({"hosts": hosts, "vms": vms}))
    return path


days = st.integers(0, 10_000).map(noisy_day)


@dataclass
class Watched:
    """Lets a policy decide, and keeps what it saw and said."""

    policy: Policy
    views: list[View] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    placement: Ints | None = None

    @property
    def traits(self) -> PolicyTraits:
        """The watched policy's."""
        return self.policy.traits

    def place(self, start: Placement) -> Ints:
        """The watched policy's."""
        self.placement = self.policy.place(start)
        return self.placement

    def decide(self, view: View) -> Decision:
        """The watched policy's."""
        decision = self.policy.decide(view)
        self.views.append(view)
        self.decisions.append(decision)
        return decision
