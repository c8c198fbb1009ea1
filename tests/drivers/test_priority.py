"""What the priority of a vMotion means: CPU that is reserved for the copy on both hosts, or what is idle there."""

from typing import Any

import pytest

from domain.resources import Allocation, host_cpu_for_vms_mhz
from domain.specs import WorkloadSpec
from domain.states import MigrationPriority
from hypervisors.port import JobState, Op
from tests.drivers.rig import Rig, host_id, lab, vm_id

HOST = {"cores": 4, "threads": 8, "core_mhz": 2000, "memory_mib": 65_536}
FOR_VMS = host_cpu_for_vms_mhz(4, 2000)
LINK, PART_OF_A_CORE = 1125.0, 375.0  # MiB/s: 10 Gb/s with efficiency 0.9; 0.3 core at 0.1 core per Gb/s
HIGH, REGULAR = MigrationPriority.HIGH.value, MigrationPriority.DEFAULT.value


def saturated(n: int) -> dict[str, Any]:
    return {"workload": WorkloadSpec("web", scale=20.0), "vcpus": 4, "memory_mib": 8192}


def copying(rig: Rig, priority: str, vm: int = 0) -> float:
    """The bandwidth of a copy that has begun."""
    op = rig.do(Op.MIGRATE, vm_id(vm), host=host_id(1), priority=priority)
    rig.run_until_phase(op, "pre-copy")
    return float(rig.jobs[op].detail["bandwidth_mibps"])


@pytest.mark.parametrize(("priority", "bandwidth"), [(HIGH, LINK), (REGULAR, PART_OF_A_CORE)])
def test_on_busy_hosts_a_regular_copy_has_part_of_a_core_and_one_of_high_priority_its_full_rate(
    priority: str, bandwidth: float
) -> None:
    rig = Rig(lab(hosts=2, vms=6, off=0, host=HOST, vm=saturated))
    rig.run(900)
    assert copying(rig, priority) == pytest.approx(bandwidth, abs=0.5)


def test_on_idle_hosts_both_are_as_fast_as_the_link() -> None:
    for priority in (HIGH, REGULAR):
        rig = Rig(lab(hosts=2, vms=6, off=0, vm=lambda n: {"workload": WorkloadSpec("idle"), "memory_mib": 8192}))
        rig.run(900)
        assert copying(rig, priority) == pytest.approx(LINK, abs=0.5)


def reserving(mhz: int) -> Any:
    """VM 0 reserves nothing; its neighbour 2 reserves so much."""
    return lambda n: {"cpu": Allocation(mhz if n == 2 else 0), "workload": WorkloadSpec("idle"), "vcpus": 4}


def test_high_priority_does_not_start_without_a_core_to_reserve_and_a_regular_move_does() -> None:
    rig = Rig(lab(hosts=2, vms=4, off=0, host=HOST, vm=reserving(int(FOR_VMS) - 1000)))
    rig.run(60)
    refused = rig.do(Op.MIGRATE, vm_id(0), host=host_id(1), priority=HIGH)
    assert rig.run_until(refused).state == JobState.FAILED
    assert rig.fault(refused) == "InsufficientHostCpuCapacityFault"
    assert rig.jobs[refused].fault["fields"]["requested"] == 2000
    assert rig.run_until(rig.do(Op.MIGRATE, vm_id(0), host=host_id(1), priority=REGULAR)).state == JobState.DONE


def test_copies_of_high_priority_share_one_reservation_that_ends_with_the_last() -> None:
    rig = Rig(lab(hosts=2, vms=8, off=0, host=HOST, vm=lambda n: {"workload": WorkloadSpec("idle"), "vcpus": 1}))
    rig.run(900)
    ops = [rig.do(Op.MIGRATE, vm_id(n), host=host_id(1), priority=HIGH) for n in (0, 2, 4)]
    for op in ops:
        rig.run_until_phase(op, "pre-copy")
    fleet = rig.fleet
    assert fleet.reserved(0)[0] == pytest.approx(2000)
    for op in ops:
        assert rig.run_until(op).state == JobState.DONE
    assert rig.fleet.reserved(0)[0] == rig.fleet.reserved(1)[0] == 0
