"""Cost units: what runs at once, what waits, and in which order."""

from itertools import pairwise

import pytest

from domain.states import MigrationPriority
from hypervisors.port import Config, Happening, JobState, Op
from hypervisors.simulated import queue
from tests.drivers.rig import Rig, host_id, lab, store_id, vm_id


def running(rig: Rig, ops: list[str]) -> list[str]:
    return [op for op in ops if rig.jobs[op].state == JobState.RUNNING]


def within_limits(rig: Rig) -> None:
    fleet = rig.fleet
    for resource, units in queue.used(fleet).items():
        assert units <= queue.limit(fleet, resource), resource


def started(rig: Rig) -> list[str]:
    return [e.op_id for e in rig.kinds(Happening.JOB_STARTED)]


@pytest.mark.parametrize(("mbps", "at_once"), [(10_000, 8), (1_000, 4)])
def test_a_host_moves_four_or_eight_vms_at_once_and_the_rest_waits(mbps: int, at_once: int) -> None:
    rig = Rig(lab(hosts=2, vms=40, off=0, host={"nic_mbps": (mbps, mbps)}))
    rig.run(60)
    ops = [rig.do(Op.MIGRATE, vm_id(2 * n), host=host_id(1)) for n in range(20)]
    rig.run(0.1)
    assert len(running(rig, ops)) == at_once
    assert {rig.jobs[op].phase for op in ops if rig.jobs[op].state == JobState.QUEUED} == {"queued"}
    while any(rig.jobs[op].state in (JobState.QUEUED, JobState.RUNNING) for op in ops):
        rig.run(0.5)
        within_limits(rig)
    assert all(rig.jobs[op].state == JobState.DONE for op in ops)
    assert started(rig) == ops


def test_a_blocked_head_does_not_hold_back_others() -> None:
    rig = Rig(lab(hosts=4, vms=48, off=0))
    rig.run(60)
    crowd = [rig.do(Op.MIGRATE, vm_id(4 * n), host=host_id(1)) for n in range(10)]
    other = rig.do(Op.MIGRATE, vm_id(2), host=host_id(3))
    rig.run(0.1)
    assert len(running(rig, crowd)) == 8
    assert running(rig, [other]) == [other]


def test_high_priority_goes_first() -> None:
    rig = Rig(lab(hosts=2, vms=40, off=0))
    rig.run(60)
    usual = [rig.do(Op.MIGRATE, vm_id(2 * n), host=host_id(1)) for n in range(12)]
    urgent = rig.do(Op.MIGRATE, vm_id(30), host=host_id(1), priority=MigrationPriority.HIGH)
    for op in usual:
        rig.run_until(op)
    order = started(rig)
    assert order.index(urgent) == 8  # eight were under way, four were waiting


def test_storage_moves_cost_four_and_are_not_starved_by_cheap_ones() -> None:
    rig = Rig(lab(hosts=2, vms=60, off=0))
    rig.run(60)
    first = [rig.do(Op.MIGRATE, vm_id(2 * n), host=host_id(1)) for n in range(6)]
    costly = rig.do(Op.MIGRATE, vm_id(20), disks={"2000": store_id(1)})
    later = [rig.do(Op.MIGRATE, vm_id(22 + 2 * n), host=host_id(1)) for n in range(8)]
    for op in [*first, costly, *later]:
        rig.run_until(op)
        within_limits(rig)
    order = started(rig)
    assert order.index(costly) < order.index(later[0])


def test_a_waiting_move_can_be_cancelled_and_its_vm_is_free() -> None:
    rig = Rig(lab(hosts=2, vms=40, off=0))
    rig.run(60)
    ops = [rig.do(Op.MIGRATE, vm_id(2 * n), host=host_id(1)) for n in range(10)]
    rig.run(0.1)
    rig.configure(Config.CANCEL, vm_id(18), op_id=ops[9])
    rig.run(0.1)
    assert rig.fault(ops[9]) == "RequestCanceled"
    assert rig.run_until(rig.do(Op.POWER_OFF, vm_id(18))).state == JobState.DONE


def test_five_hundred_moves_asked_at_once_all_end_in_order() -> None:
    rig = Rig(lab(hosts=10, vms=500, off=0, host={"memory_mib": 1_048_576}))
    rig.run(60)
    ops = [rig.do(Op.MIGRATE, vm_id(n), host=host_id((n + 1) % 10)) for n in range(500)]
    rig.run(0.1)
    assert len(running(rig, ops)) <= 40
    while any(rig.jobs[op].state in (JobState.QUEUED, JobState.RUNNING) for op in ops):
        rig.run(10)
        within_limits(rig)
    assert {rig.jobs[op].state for op in ops} == {JobState.DONE}
    place = {op: n for n, op in enumerate(started(rig))}
    for source in range(10):
        assert all(place[a] < place[b] for a, b in pairwise(ops[source::10]))
