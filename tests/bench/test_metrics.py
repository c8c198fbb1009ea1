"""Speed of the metric files at the largest fleet: prints figures, asserts what is read, never how fast."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from domain import instances
from domain.counters import REALTIME, ROWS, VM_ROWS
from hypervisors.port import Sample
from inventory import chart_sums
from inventory.metrics import rings, store
from inventory.metrics.derived import NOBODY, Membership, with_derived

pytestmark = pytest.mark.bench
VMS, HOSTS, POOLS, CLUSTERS = 40_000, 2_500, 200, 64
PROCESSORS = 64
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
    parts_ms = [took_ms(lambda s=s: all_processors(tmp_path, s)) for s in slots]
    used = store.read(tmp_path, "vm", slots[0], [6], REALTIME).values[6]
    np.testing.assert_allclose(np.nansum(all_processors(tmp_path, slots[0]), axis=0), np.nan_to_num(used), rtol=1e-5)
    sums_ms = [took_ms(lambda: datacenter(tmp_path)) for _ in range(5)]
    assert datacenter(tmp_path).shape == (8, SAMPLES)
    with capsys.disabled():
        print(f"\n{VMS} VMs: a sample {plain_ms:.1f} ms, with a roll-up {closing_ms:.1f} ms; ", end="")
        print(f"chart of {len(keys)} counters p50 {query_ms:.1f} ms, max {max(queries_ms):.1f} ms; ", end="")
        print(f"of the {PROCESSORS} processors of a VM p50 {np.median(parts_ms):.1f} ms; ", end="")
        print(f"8 counters of a datacenter of {CLUSTERS} clusters p50 {np.median(sums_ms):.1f} ms")


def all_processors(folder: Path, slot: int) -> np.ndarray:
    """MHz of every processor of a large machine, as its chart works them out."""
    stored = store.read(folder, "vm", slot, (2, 6, 12, 398, 399, 400, 125, 133), REALTIME).values
    figures = {key: values.astype(np.float64) for key, values in stored.items()}
    size = instances.size_then(figures[2], figures[6], PROCESSORS, 2600.0, lambda: [2600.0])
    size = instances.Size(np.full_like(size.count, PROCESSORS), size.core_mhz * size.count / PROCESSORS)
    work = instances.Work(20.0, *(figures[key] for key in (6, 398, 12, 399, 400, 125)))
    return instances.virtual_processors("machine", size, work)[6]


def datacenter(folder: Path) -> np.ndarray:
    """Eight sums over all clusters, as a datacenter's chart works them out."""
    path, shape = store.ring_path(folder, "cluster", REALTIME), rings.shape_of("cluster", REALTIME)
    rows = [rings.read_points(path, shape, row, CLUSTERS)[1] for row in range(8)]
    return np.array([chart_sums.total(figures, lasting=True) for figures in rows])
