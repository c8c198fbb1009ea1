"""Figures of clusters that no host measures: fairness, failures that are tolerated, and what was done to machines."""

from __future__ import annotations

import numpy as np
import pytest

from domain import fairness
from domain.counters import CLUSTER_ROWS
from domain.states import VmPower
from inventory import metrics
from inventory.metrics.failover import tolerated
from inventory.models import Cluster, VirtualMachine
from inventory.services import vms
from scheduler.services import migration
from tests import builders, pumping


def test_fairness_is_100_where_all_get_the_same_part_and_100_over_n_where_one_gets_all() -> None:
    used, demand = np.array([50.0, 500.0, 900.0, 0.0, 0.0]), np.array([100.0, 1000.0, 900.0, 900.0, 900.0])
    parts = fairness.delivered_part(used, demand)
    owner = np.array([0, 0, 1, 1, 1])
    assert fairness.index(parts, owner, 3) == pytest.approx([100, 100 / 3, 100])


def test_memory_that_is_reclaimed_from_one_alone_is_unfair() -> None:
    held = fairness.held_part(np.array([100.0, 100.0]), np.array([0.0, 40.0]), np.array([0.0, 40.0]), np.zeros(2))
    assert held == pytest.approx([1.0, 0.2])
    assert fairness.index(held, np.zeros(2, int), 1)[0] < 80


@pytest.mark.parametrize(
    ("hosts", "reserved", "failures"),
    [
        ([10, 10, 10, 10], 15, 2),
        ([10, 10, 10, 10], 0, 3),  # one has to be left
        ([20, 5, 5], 8, 1),  # the biggest fails first
        ([10, 10], 25, 0),
        ([], 0, 0),
    ],
)
def test_the_biggest_hosts_are_assumed_to_fail(hosts: list[int], reserved: int, failures: int) -> None:
    capacity = np.array([[mhz, 1000] for mhz in hosts], float).reshape(-1, 2)
    assert tolerated(capacity, np.array([reserved, 10.0])) == failures


@pytest.fixture
def lab():
    made = builders.small_lab(hosts=2, vms=2)
    Cluster.objects.filter(pk=made.cluster.pk).update(ha_enabled=True)
    pumping.hold_clock(made.vcenter)
    pumping.beat(made.vcenter)
    return made


def figures(lab) -> dict[int, float]:
    pumping.advance(lab.vcenter, 40)
    newest = metrics.latest(lab.vcenter)
    assert newest is not None
    slot = Cluster.objects.get(pk=lab.cluster.pk).slot
    return {key: float(newest.cluster[row, slot]) for row, key in enumerate(CLUSTER_ROWS)}


@pytest.mark.django_db(transaction=True)
def test_operations_of_machines_are_counted_for_their_cluster(lab) -> None:
    before = figures(lab)
    vm = lab.vms[1]
    pumping.succeeded(lab.vcenter, vms.power_on(None, vm))
    vm.refresh_from_db()
    target = next(host for host in lab.hosts if host.pk != vm.host_id)
    pumping.succeeded(lab.vcenter, migration.relocate(None, vm, migration.Target(host=target)))
    after = figures(lab)
    assert after[256] == before[256] + 1
    assert (after[257], after[273], after[274]) == (before[257], before[273] + 1, before[274])
    pumping.succeeded(lab.vcenter, vms.power_off(None, VirtualMachine.objects.get(pk=vm.pk)))
    assert figures(lab)[257] == before[257] + 1


@pytest.mark.django_db(transaction=True)
def test_effective_failover_falls_when_reservations_need_every_host(lab) -> None:
    assert figures(lab)[280] == 1
    everything = lab.host.memory_mib
    VirtualMachine.objects.filter(pk=lab.vms[0].pk).update(memory_mib=everything, memory_reservation_mib=everything)
    vm = VirtualMachine.objects.get(pk=lab.vms[0].pk)
    assert vm.power_state == VmPower.ON
    metrics.membership(lab.vcenter)
    pumping.succeeded(lab.vcenter, vms.power_on(None, lab.vms[1]))  # what is kept of the membership is read again
    assert figures(lab)[280] == 0
    assert 0 < figures(lab)[215] <= 100


@pytest.mark.django_db(transaction=True)
def test_without_ha_no_failure_is_spoken_of(lab) -> None:
    Cluster.objects.update(ha_enabled=False)
    pumping.succeeded(lab.vcenter, vms.power_on(None, lab.vms[1]))
    assert np.isnan(figures(lab)[280])


@pytest.mark.django_db(transaction=True)
def test_a_resumed_guest_has_booted_when_it_booted(lab) -> None:
    vm = lab.vms[1]
    pumping.succeeded(lab.vcenter, vms.power_on(None, vm))
    booted = VirtualMachine.objects.get(pk=vm.pk).boot_lab_s
    assert booted > 0
    pumping.advance(lab.vcenter, 100)
    pumping.succeeded(lab.vcenter, vms.suspend(None, VirtualMachine.objects.get(pk=vm.pk)))
    pumping.succeeded(lab.vcenter, vms.resume(None, VirtualMachine.objects.get(pk=vm.pk)))
    assert VirtualMachine.objects.get(pk=vm.pk).boot_lab_s == booted
    pumping.advance(lab.vcenter, 40)
    newest = metrics.latest(lab.vcenter)
    assert newest is not None
    assert newest.value("vm", vm.slot, 155) == pytest.approx(newest.time_s - booted, abs=1)
    pumping.succeeded(lab.vcenter, vms.reset(None, VirtualMachine.objects.get(pk=vm.pk)))
    assert VirtualMachine.objects.get(pk=vm.pk).boot_lab_s > booted
