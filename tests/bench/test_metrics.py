"""Speed of the metric files at the largest fleet: prints figures, asserts what is read, never how fast."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from domain.counters import REALTIME, ROWS, VM_ROWS
from hypervisors.port import Sample
from inventory.metrics import store
from inventory.metrics.derived import NOBODY, Membership, with_derived

pytestmark = pytest.mark.bench
VMS, HOSTS, POOLS, CLUSTERS = 40_000, 2_500, 200, 64
SAMPLES = 16  # the fifteenth closes a five-minute point


def fleet() -> Membership:
    dice = np.random.default_rng(1)
    capacity = np.full(HOSTS, 100_000, np.float32)
    return Membership(
        vm_pool=dice.integers(0, POOLS, VMS).astype(np.int32),
        pool_parent=np.where(np.arange(POOLS) < CLUSTERS, NOBODY, np.arange(POOLS) % CLUSTERS).astype(np.int32),
        pool_cluster=(np.arange(POOLS) % CLUSTERS).astype(np.int32),
        host_cluster=dice.integers(0, CLUSTERS, HOSTS).astype(np.int32),
        host_cpu_mhz=capacity,
        host_memory_mib=capacity,
        host_effective_mhz=capacity,
        host_effective_mib=capacity,
    )


def took_ms(work: Callable[[], object]) -> float:
    begin_s = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - begin_s)


def test_forty_thousand_machines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    members, dice = fleet(), np.random.default_rng(2)
    shapes = {"vm": VMS, "host": HOSTS, "datastore": 100}
    figures = {kind: dice.random((len(ROWS[kind]), slots), dtype=np.float32) for kind, slots in shapes.items()}
    figures["vm"][:, ::5] = np.nan  # every fifth is off

    def record(number: int) -> None:
        sample = Sample(20.0 * number, figures["vm"], figures["host"], figures["datastore"])
        with store.Writer(tmp_path) as writer:
            writer.record(sample.time_s, with_derived(sample, members))

    recorded_ms = [took_ms(lambda n=n: record(n)) for n in range(1, SAMPLES + 1)]
    slots = dice.integers(0, VMS, 20).tolist()
    keys = list(VM_ROWS[:6])
    queries_ms = [took_ms(lambda s=s: store.read(tmp_path, "vm", s, keys, REALTIME)) for s in slots]
    for slot in slots:
        read = store.read(tmp_path, "vm", slot, keys, REALTIME)
        expected = np.broadcast_to(figures["vm"][:6, slot, None], (6, SAMPLES))
        np.testing.assert_array_equal(np.array([read.values[key] for key in keys]), expected)
    plain_ms, closing_ms, query_ms = np.median(recorded_ms), recorded_ms[14], np.median(queries_ms)
    with capsys.disabled():
        print(f"\n{VMS} VMs: a sample {plain_ms:.1f} ms, with a roll-up {closing_ms:.1f} ms; ", end="")
        print(f"chart of {len(keys)} counters p50 {query_ms:.1f} ms, max {max(queries_ms):.1f} ms")
