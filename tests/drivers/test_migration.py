"""Moves: every phase crossed with every failure, the order of events, one owner, nothing left reserved."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from domain.specs import to_plain
from domain.states import DiskProvisioning, VmPower
from hypervisors.port import Config, Happening, JobState, Op
from hypervisors.simulated import queue
from tests.drivers.rig import HOSTED, Rig, host_id, lab, store_id, vm_id, vm_spec

VM = vm_id(1)  # on host 1, moves to host 2
SOURCE, DESTINATION = host_id(1), host_id(2)
PHASES = ("validating", "preparing", "tracing", "pre-copy", "switchover", "committing")


def quiet(rig: Rig) -> None:
    """Nothing of any move is left."""
    state, fleet = rig.state, rig.fleet
    assert not state.moves
    assert not queue.used(fleet)
    for host in range(3):
        running = fleet.vms_on(host)
        cpu, memory = fleet.reserved(host)
        assert cpu == sum(float(state.vms.cpu_reservation_mhz[v]) for v in running)
        assert memory == pytest.approx(sum(fleet.memory_claim(v) for v in running))
    assert (state.vms.speed[:9] == 1.0).all()


def test_the_order_of_events() -> None:
    rig = Rig(lab())
    rig.run(300)
    op = rig.do(Op.MIGRATE, VM, host=DESTINATION)
    rig.run_until(op)
    told = [e.data.get("phase", e.kind.value) for e in rig.events if e.op_id == op]
    assert told == ["job_started", "validating", "preparing", "tracing", "pre-copy", "switchover", "vm_moved",
                    "committing", "job_done"]  # fmt: skip
    assert rig.host_of(VM) == DESTINATION
    assert rig.progress[op] == sorted(rig.progress[op])
    quiet(rig)


def crash(target: str) -> Callable[[Rig], None]:
    return lambda rig: rig.inject("host_crash", target, duration_s=0)


FAILURES: dict[str, Callable[[Rig], None]] = {
    "source dies": crash(SOURCE),
    "destination dies": crash(DESTINATION),
    "destination hangs": lambda rig: rig.inject("host_hang", DESTINATION),
    "link lost": lambda rig: rig.inject("nic_down", SOURCE, nic=1),
    "isolated": lambda rig: rig.inject("isolate", DESTINATION),
    "storage lost": lambda rig: rig.inject("datastore_lost", store_id(0)),
}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("phase", PHASES)
def test_whatever_fails_in_whatever_phase_the_vm_has_one_owner_and_nothing_leaks(phase: str, failure: str) -> None:
    rig = Rig(lab(vm=lambda n: {"memory_mib": 16384}))
    rig.run(1800)
    op = rig.do(Op.MIGRATE, VM, host=DESTINATION)
    rig.run_until_phase(op, phase, step_s=0.04)
    FAILURES[failure](rig)
    job = rig.run_until(op)
    rig.run(1)
    moved = bool(rig.kinds(Happening.VM_MOVED, target=VM))
    assert rig.host_of(VM) == (DESTINATION if moved else SOURCE)
    owner_died = failure == ("destination dies" if moved else "source dies")
    assert rig.power_of(VM) == (VmPower.OFF if owner_died else VmPower.ON)
    assert moved == (phase == "committing" or (job.state == JobState.DONE))
    quiet(rig)


@pytest.mark.parametrize("phase", PHASES)
def test_a_cancel_before_the_switchover_leaves_the_vm_and_later_is_refused(phase: str) -> None:
    rig = Rig(lab(vm=lambda n: {"memory_mib": 16384}))
    rig.run(1800)
    op = rig.do(Op.MIGRATE, VM, host=DESTINATION)
    shown = rig.run_until_phase(op, phase, step_s=0.04)
    rig.configure(Config.CANCEL, VM, op_id=op, user="ann")
    job = rig.run_until(op)
    late = phase in ("switchover", "committing")
    assert shown.cancelable is not late
    assert job.state == (JobState.DONE if late else JobState.FAILED)
    assert rig.fault(op) == ("" if late else "RequestCanceled")
    assert rig.host_of(VM) == (DESTINATION if late else SOURCE)
    assert rig.power_of(VM) == VmPower.ON
    quiet(rig)


def test_a_suspend_during_a_move_ends_suspended_on_the_destination() -> None:
    rig = Rig(lab(vm=lambda n: {"memory_mib": 16384}))
    rig.run(1800)
    move = rig.do(Op.MIGRATE, VM, host=DESTINATION)
    rig.run_until_phase(move, "pre-copy")
    suspend = rig.do(Op.SUSPEND, VM)
    assert rig.run_until(move).state == JobState.DONE
    assert rig.run_until(suspend).state == JobState.DONE
    assert (rig.host_of(VM), rig.power_of(VM)) == (DESTINATION, VmPower.SUSPENDED)
    quiet(rig)


def test_a_suspend_during_a_move_that_fails_ends_suspended_on_the_source() -> None:
    rig = Rig(lab(vm=lambda n: {"memory_mib": 16384}))
    rig.run(1800)
    move = rig.do(Op.MIGRATE, VM, host=DESTINATION)
    rig.run_until_phase(move, "pre-copy")
    suspend = rig.do(Op.SUSPEND, VM)
    rig.run(0.1)
    rig.inject("host_crash", DESTINATION, duration_s=0)
    assert rig.run_until(move).state == JobState.FAILED
    assert rig.run_until(suspend).state == JobState.DONE
    assert (rig.host_of(VM), rig.power_of(VM)) == (SOURCE, VmPower.SUSPENDED)
    quiet(rig)


def test_memory_is_held_on_both_hosts_while_the_vm_runs_on_one() -> None:
    rig = Rig(lab(vm=lambda n: {"memory_mib": 16384}))
    rig.run(1800)
    before = rig.fleet.reserved(2)[1]
    op = rig.do(Op.MIGRATE, VM, host=DESTINATION)
    rig.run_until_phase(op, "pre-copy")
    fleet = rig.fleet
    slot = rig.state.vm_ids.find(VM)
    assert fleet.reserved(2)[1] == pytest.approx(before + fleet.memory_claim(slot))
    assert slot in fleet.vms_on(1)
    assert slot not in fleet.vms_on(2)


def test_a_torn_bitmap_move_takes_the_guest_down_because_its_pages_never_came() -> None:
    rig = Rig(lab(vm=lambda n: {"memory_mib": 32768}))
    rig.run(3600)
    rig.inject("memory_hog", VM)
    rig.run(40)
    op = rig.do(Op.MIGRATE, VM, host=DESTINATION, bitmap_resume=True)
    rig.run_until_phase(op, "sending marked pages")
    rig.inject("host_crash", SOURCE, duration_s=0)
    assert rig.run_until(op).state == JobState.FAILED
    assert (rig.host_of(VM), rig.power_of(VM)) == (DESTINATION, VmPower.OFF)
    quiet(rig)


def test_a_guest_waits_for_both_places_while_its_disks_are_copied() -> None:
    rig = Rig(lab())
    rig.run(300)
    slot = rig.state.vm_ids.find(VM)
    before_ms = rig.figure("vm", 133, slot)
    rig.inject("datastore_slow", store_id(1), duration_s=0)  # the destination: the copy lasts longer than a sample
    op = rig.do(Op.MIGRATE, VM, disks={"2000": store_id(1)})
    rig.run_until_phase(op, "copying disks")
    rig.run(20)
    assert rig.jobs[op].phase == "copying disks"
    assert rig.figure("vm", 133, slot) > 1.3 * before_ms > 0
    rig.configure(Config.CANCEL, VM, op_id=op, user="ann")
    rig.run(40)
    assert rig.figure("vm", 133, slot) < 1.3 * before_ms


@pytest.mark.parametrize(
    ("args", "phases"),
    [
        ({"disks": {"2000": store_id(1)}}, ["copying disks", "switchover"]),
        ({"disks": {"2000": store_id(1)}, "host": DESTINATION}, ["copying disks", "tracing", "pre-copy", "switchover"]),
    ],
)
def test_disks_move_while_the_vm_runs(args: dict[str, object], phases: list[str]) -> None:
    rig = Rig(lab())
    rig.run(300)
    op = rig.do(Op.MIGRATE, VM, **args)
    job = rig.run_until(op)
    assert job.state == JobState.DONE, job
    told = [e.data["phase"] for e in rig.kinds(Happening.MIGRATION_PHASE) if e.data["phase"] in phases]
    assert told == phases
    assert rig.progress[op] == sorted(rig.progress[op])
    fleet = rig.fleet
    assert fleet.stores_of(rig.state.vm_ids.find(VM)) == [1]
    quiet(rig)


def test_a_move_brings_its_new_description_along() -> None:
    rig = Rig(lab())
    after = vm_spec(1, pool="pool-b", memory_mib=4096)
    op = rig.do(Op.MIGRATE, VM, host=DESTINATION, spec=to_plain(after))
    assert rig.run_until(op).state == JobState.DONE
    state = rig.state
    assert state.vms.pool[1] == state.pool_ids.find("pool-b")
    assert rig.host_of(VM) == DESTINATION


def test_a_disk_becomes_thick_on_its_way_and_its_space_is_claimed_beforehand() -> None:
    rig = Rig(lab())
    rig.run(60)
    thin = vm_spec(1).disks[0]
    after = vm_spec(1, disks=(replace(thin, provisioning=DiskProvisioning.THICK_LAZY),))
    op = rig.do(Op.MIGRATE, VM, disks={"2000": store_id(1)}, spec=to_plain(after))
    rig.run_until_phase(op, "preparing")
    assert rig.state.jobs[op].work["bytes"]["1"] >= thin.capacity_bytes
    assert rig.run_until(op).state == JobState.DONE
    state = rig.state
    (row,) = rig.fleet.disks_of(state.vm_ids.find(VM))
    assert (bool(state.disks.thick[row]), int(state.disks.datastore[row])) == (True, 1)
    quiet(rig)


def test_a_pool_that_goes_while_the_machine_moves_leaves_it_in_the_pool_above() -> None:
    rig = Rig(lab())
    rig.run(60)
    op = rig.do(Op.MIGRATE, VM, host=DESTINATION, spec=to_plain(vm_spec(1)))
    rig.run_until_phase(op, "pre-copy")
    rig.configure(Config.REMOVE_POOL, "pool-a")
    assert rig.run_until(op).state == JobState.DONE
    state = rig.state
    assert state.vms.pool[state.vm_ids.find(VM)] == state.pool_ids.find("root")


def test_cold_and_suspended_vms_move_without_downtime() -> None:
    rig = Rig(lab())
    rig.run(60)
    rig.run_until(rig.do(Op.SUSPEND, vm_id(0)))
    for vm in (vm_id(8), vm_id(0)):
        job = rig.run_until(rig.do(Op.MIGRATE, vm, host=host_id(1), disks={"2000": store_id(1)}))
        assert job.state == JobState.DONE, job
        assert job.detail["downtime_s"] == 0
        assert rig.host_of(vm) == host_id(1)
    quiet(rig)


@pytest.mark.parametrize(
    ("prepare", "fault"),
    [
        (lambda rig: rig.configure(Config.MAINTENANCE, DESTINATION, on=True), "InvalidHostState"),
        (lambda rig: rig.inject("nic_down", DESTINATION, nic=1), "VMotionLinkDown"),
        (lambda rig: rig.inject("host_hang", DESTINATION), "InvalidHostConnectionState"),
        (lambda rig: rig.configure(Config.HOST_CONNECTION, DESTINATION, connected=False), "HostNotConnected"),
        (lambda rig: rig.inject("fail_next_migration", VM), "MigrationFault"),
    ],
)
def test_a_move_that_cannot_be_is_refused_and_changes_nothing(prepare: Callable[[Rig], None], fault: str) -> None:
    rig = Rig(lab())
    rig.run(60)
    prepare(rig)
    op = rig.do(Op.MIGRATE, VM, host=DESTINATION)
    rig.run_until(op)
    assert rig.fault(op) == fault
    assert (rig.host_of(VM), rig.power_of(VM)) == (SOURCE, VmPower.ON)
    quiet(rig)


def test_a_newer_cpu_is_no_home_for_an_older_host() -> None:
    inventory = lab()
    old = inventory.hosts[2].spec
    hosts = (*inventory.hosts[:2], replace(inventory.hosts[2], spec=replace(old, generation="intel-westmere")))
    rig = Rig(replace(inventory, hosts=hosts))
    op = rig.do(Op.MIGRATE, VM, host=DESTINATION)
    rig.run_until(op)
    assert rig.fault(op) == "CpuIncompatible"
    back = rig.do(Op.MIGRATE, vm_id(2), host=SOURCE)
    assert rig.run_until(back).state == JobState.DONE


def test_a_crash_of_the_host_os_takes_every_vm_of_a_hosted_hypervisor_along() -> None:
    rig = Rig(lab(host={"kind": HOSTED, "model": "desktop-8c"}))
    rig.run(60)
    rig.inject("host_os_crash", SOURCE)
    rig.run(1)
    gone = {e.target for e in rig.kinds(Happening.VM_POWER)}
    assert gone == {vm_id(1), vm_id(4)}
    assert rig.kinds(Happening.HOST_CRASHED)[0].data["cause"] == "host_os_crash"
