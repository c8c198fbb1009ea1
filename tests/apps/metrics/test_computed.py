"""Counters that are worked out of stored ones: the identities of the field hold, at every interval."""

from __future__ import annotations

import numpy as np
import pytest

from domain.counters import COMPUTED, INTERVALS, REALTIME, ROWS, row
from domain.resources import overhead_mib
from hypervisors.port import Sample
from inventory import charts, metrics
from inventory.metrics import computed
from tests import builders


def test_every_counter_stands_on_stored_ones() -> None:
    for kind, made in COMPUTED.items():
        assert not made.keys() & set(ROWS[kind])
        assert {source for given in made.values() for source in given} <= set(ROWS[kind])


def known(**by_key: list[float]) -> computed.Known:
    stored = {int(key[1:]): np.array(values, np.float64) for key, values in by_key.items()}
    return computed.Known(stored, 20.0, processors=2, memory_mib=4096)


def test_run_ready_costop_and_wait_fill_the_time() -> None:
    found = computed.values("vm", [14, 11, 404], known(k2=[2500, np.nan], k12=[1000, np.nan], k399=[50, np.nan]))
    assert found[14][0] == pytest.approx(10_000)  # a quarter of 2 x 20 s
    assert found[14][0] + 1000 + 50 + found[11][0] == pytest.approx(40_000)
    assert found[404][0] == pytest.approx(250)  # 2.5 %, in 1/100 %
    assert np.isnan(found[11][1])


def test_a_processor_that_waits_for_its_disks_is_not_idle() -> None:
    quiet = {"k2": [2500], "k12": [1000], "k399": [50], "k133": [2.0]}
    still = computed.values("vm", [11, 13], known(**quiet, k125=[0]))
    assert still[13][0] == still[11][0]
    busy = computed.values("vm", [11, 13], known(**quiet, k125=[1600]))  # 100 I/Os of 16 KiB a second, 2 ms each
    assert busy[11][0] == still[11][0]
    assert busy[13][0] == pytest.approx(busy[11][0] - 100 * 20 * 2)
    drowned = computed.values("vm", [13], known(**quiet, k125=[1_600_000]))
    assert drowned[13][0] == 0
    host = computed.values("host", [13], known(k2=[2500]))
    assert host[13][0] == pytest.approx(30_000)


def test_a_machines_own_operations_and_energy() -> None:
    found = computed.values("vm", [178, 179, 182, 183, 159], known(k125=[1600], k133=[5.0], k157=[12.0]))
    assert found[178][0] + found[179][0] == pytest.approx(100)
    assert found[182][0] == 5
    assert found[183][0] > found[182][0]
    assert found[159][0] == 240  # J in 20 s


def test_swapping_is_the_change_of_what_is_swapped() -> None:
    found = computed.values("vm", [85, 86], known(k70=[0, 4000, 1000, 1000]))
    assert found[86][1:].tolist() == [200, 0, 0]
    assert found[85][1:].tolist() == [0, 150, 0]
    assert np.isnan(found[85][0])


def test_memory_is_accounted_for() -> None:
    found = computed.values("vm", [37, 102], known(k29=[1000], k98=[600], k90=[200], k70=[100], k105=[40]))
    assert found[37].tolist() == [80]
    assert found[102][0] == pytest.approx(1024 * overhead_mib(2, 4096))


@pytest.mark.django_db
def test_a_chart_shows_them_for_vms_and_hosts_and_rolled_up() -> None:
    lab = builders.small_lab()
    members = metrics.membership(lab.vcenter)
    samples = []
    for n in range(1, 31):
        arrays = {kind: np.full((len(keys), 6), 100.0 * n, np.float32) for kind, keys in ROWS.items()}
        arrays["vm"][row("vm", 6)] = 0.01 * n * lab.vm.vcpus * lab.host.core_mhz
        samples.append(Sample(20.0 * n, arrays["vm"], arrays["host"], arrays["datastore"]))
    metrics.record_all(lab.vcenter, samples, members)
    for obj, processors in ((lab.vm, lab.vm.vcpus), (lab.host, lab.host.cores)):
        found = charts.series(lab.vcenter, obj, [6, 14, 148, 149, 143, 130, 131, 125], REALTIME)
        assert found.values[14][0] == pytest.approx(0.01 * 20_000 * processors)
        assert found.values[148] + found.values[149] == pytest.approx(found.values[143])
        assert found.values[130] + found.values[131] == pytest.approx(found.values[125])
    day = charts.series(lab.vcenter, lab.vm, [2, 14], INTERVALS[1])
    assert day.values[14] == pytest.approx(day.values[2] / 10_000 * 300_000 * lab.vm.vcpus)
    late = charts.series(lab.vcenter, lab.vm, [86, 70], REALTIME, since_s=560.0)
    assert late.times_s.tolist() == [580.0, 600.0]
    assert late.values[86] == pytest.approx([5.0, 5.0])


@pytest.mark.django_db
def test_a_processor_that_was_added_changes_nothing_about_the_past() -> None:
    lab = builders.small_lab()
    had, members = lab.vm.vcpus, metrics.membership(lab.vcenter)
    samples = []
    for n in (1, 2, 3, 4):
        arrays = {kind: np.full((len(keys), 6), 10.0, np.float32) for kind, keys in ROWS.items()}
        arrays["vm"][row("vm", 2)] = 5000
        arrays["vm"][row("vm", 6)] = 0.5 * lab.host.core_mhz * (had if n < 3 else 2 * had)
        samples.append(Sample(20.0 * n, arrays["vm"], arrays["host"], arrays["datastore"]))
    metrics.record_all(lab.vcenter, samples, members)
    lab.vm.vcpus = 2 * had
    found = charts.series(lab.vcenter, lab.vm, [14, 102], REALTIME)
    assert found.values[14] == pytest.approx([10_000 * had] * 2 + [20_000 * had] * 2)
    assert found.values[102][0] < found.values[102][3]
    late = charts.series(lab.vcenter, lab.vm, [14], REALTIME, since_s=20.0)
    assert late.values[14] == pytest.approx(found.values[14][1:])
