"""What every driver promises. Each test runs on every kind of fleet that can be had here."""

from dataclasses import replace

import numpy as np
import pytest

from domain.counters import ROWS
from domain.specs import PlacedSnapshot, to_plain
from domain.states import VmPower
from hypervisors.port import Command, Config, Driver, Happening, JobState, Op
from hypervisors.simulated import storage
from hypervisors.simulated.driver import LeaseLost, SimulatedDriver
from tests.drivers.rig import Rig, host_id, lab, rows, store_id, vm_id, vm_spec

ON, OFF = vm_id(0), vm_id(8)


@pytest.fixture(params=["simulated"])
def rig(request: pytest.FixtureRequest) -> Rig:
    return Rig(lab())


def test_the_driver_fills_the_port(rig: Rig) -> None:
    driver: Driver = rig.driver
    assert driver.capabilities().live_migration
    assert (driver.version, driver.now_s) == (1, rig.now_s)


def test_a_vm_is_defined_started_changed_stopped_and_removed(rig: Rig) -> None:
    new = vm_id(20)
    assert rig.run_until(rig.define(20, host=1)).state == JobState.DONE
    assert rig.run_until(rig.do(Op.POWER_ON, new)).state == JobState.DONE
    larger = vm_spec(20, memory_mib=8192, memory_hot_add=True)
    assert rig.run_until(rig.do(Op.RECONFIGURE_VM, new, spec=to_plain(larger))).state == JobState.DONE
    assert rig.run_until(rig.do(Op.POWER_OFF, new)).state == JobState.DONE
    assert rig.run_until(rig.do(Op.UNDEFINE_VM, new, delete_files=True)).state == JobState.DONE
    told = [e.data["power"] for e in rig.kinds(Happening.VM_POWER, target=new)]
    assert told == [VmPower.ON, VmPower.OFF]
    assert rig.run_until(rig.do(Op.POWER_ON, new)).state == JobState.FAILED


def test_a_started_guest_reports_its_tools_and_a_stable_address(rig: Rig) -> None:
    addresses = []
    for _ in range(2):
        rig.run_until(rig.do(Op.POWER_ON, OFF))
        rig.run(60)
        addresses.append(rig.kinds(Happening.VM_TOOLS, target=OFF)[-1].data["ip"])
        rig.run_until(rig.do(Op.POWER_OFF, OFF))
    assert addresses[0] == addresses[1]
    assert addresses[0]


def test_the_same_op_id_is_carried_out_once(rig: Rig) -> None:
    command = Command(Op.POWER_ON, OFF, {}, "once")
    for _ in range(3):
        rig.driver.start([command, command])
        rig.run(5)
    assert len(rig.kinds(Happening.VM_POWER, target=OFF)) == 1
    job = rig.driver.job("once")
    assert job is not None
    assert job.state == JobState.DONE


def test_a_command_that_nobody_has_looked_at_is_a_queued_job(rig: Rig) -> None:
    op = rig.do(Op.POWER_ON, OFF)
    job = rig.driver.job(op)
    assert rig.driver.has_pending
    assert job is not None
    assert job.state == JobState.QUEUED
    assert rig.driver.job("unknown") is None


def test_events_stay_until_they_are_acknowledged_and_are_numbered_without_gaps(rig: Rig) -> None:
    rig.driver.start([Command(Op.POWER_ON, OFF, {}, "a")])
    first = rig.driver.poll(rig.now_s + 10).events
    again = rig.driver.poll(rig.now_s + 10).events
    assert first
    assert again[: len(first)] == first
    assert [e.seq for e in again] == list(range(again[0].seq, again[0].seq + len(again)))
    rig.driver.acknowledge(again[-1].seq)
    assert not rig.driver.poll(rig.now_s + 10).events


def test_a_busy_vm_refuses_a_second_operation(rig: Rig) -> None:
    first = rig.do(Op.POWER_OFF, ON)
    second = rig.do(Op.RESET, ON)
    rig.run(10)
    assert rig.jobs[first].state == JobState.DONE
    assert rig.fault(second) == "TaskInProgress"


@pytest.mark.parametrize(
    ("op", "target", "fault"),
    [
        (Op.POWER_ON, ON, "InvalidPowerState"),
        (Op.POWER_OFF, OFF, "InvalidPowerState"),
        (Op.SUSPEND, OFF, "InvalidPowerState"),
        (Op.RESET, OFF, "InvalidPowerState"),
        (Op.UNDEFINE_VM, ON, "InvalidPowerState"),
        (Op.SHUTDOWN_GUEST, OFF, "InvalidPowerState"),
        (Op.POWER_ON, "nobody", "NotFound"),
    ],
)
def test_what_a_state_does_not_allow_is_a_typed_fault(rig: Rig, op: Op, target: str, fault: str) -> None:
    op_id = rig.do(op, target)
    rig.run(5)
    assert (rig.jobs[op_id].state, rig.fault(op_id)) == (JobState.FAILED, fault)


def test_a_guest_that_shuts_down_is_off_and_needs_its_tools(rig: Rig) -> None:
    assert rig.run_until(rig.do(Op.SHUTDOWN_GUEST, ON)).state == JobState.DONE
    assert rig.kinds(Happening.VM_POWER, target=ON)[-1].data["cause"] == "guest"
    rig.run_until(rig.do(Op.POWER_ON, ON))
    op_id = rig.do(Op.SHUTDOWN_GUEST, ON)
    rig.run(1)
    assert rig.fault(op_id) == "ToolsUnavailable"


def test_suspend_and_resume_keep_the_guest_and_its_disk_space_is_counted(rig: Rig) -> None:
    rig.run(20)
    before = rig.figure("datastore", 281, 0)
    assert rig.run_until(rig.do(Op.SUSPEND, ON)).state == JobState.DONE
    assert rig.power_of(ON) == VmPower.SUSPENDED
    rig.run(20)
    assert np.isnan(rig.figure("vm", 6, 0))
    assert abs(rig.figure("datastore", 281, 0) - before) < 4096 * 1024 * 0.1  # the swap file went, the image came
    assert rig.run_until(rig.do(Op.RESUME, ON)).state == JobState.DONE
    assert rig.power_of(ON) == VmPower.ON


def test_snapshots_grow_revert_and_merge(rig: Rig) -> None:
    db = vm_id(1)
    assert rig.run_until(rig.do(Op.SNAPSHOT_CREATE, db, snapshot="s1", memory=True)).state == JobState.DONE
    rig.run(3600)
    assert rig.run_until(rig.do(Op.SNAPSHOT_CREATE, db, snapshot="s2")).state == JobState.DONE
    sizes = rig.kinds(Happening.VM_SIZES, target=db)[-1].data["snapshots"]
    assert set(sizes) == {"s1", "s2"}
    assert sizes["s1"] > sizes["s2"]
    used = rig.kinds(Happening.VM_SIZES, target=db)[-1].data["disks"]["2000"]
    assert rig.run_until(rig.do(Op.SNAPSHOT_DELETE, db, snapshot="s1")).state == JobState.DONE
    last = rig.kinds(Happening.VM_SIZES, target=db)[-1].data
    assert set(last["snapshots"]) == {"s2"}
    assert last["disks"]["2000"] > used
    assert rig.run_until(rig.do(Op.SNAPSHOT_REVERT, db, snapshot="s2")).state == JobState.DONE
    assert rig.power_of(db) == VmPower.OFF  # s2 has no memory
    assert rig.run_until(rig.do(Op.CONSOLIDATE, db, all=True)).state == JobState.DONE
    assert rig.kinds(Happening.VM_SIZES, target=db)[-1].data["snapshots"] == {}


def test_a_revert_with_memory_runs_on(rig: Rig) -> None:
    rig.run_until(rig.do(Op.SNAPSHOT_CREATE, ON, snapshot="s1", memory=True))
    rig.run_until(rig.do(Op.POWER_OFF, ON))
    assert rig.run_until(rig.do(Op.SNAPSHOT_REVERT, ON, snapshot="s1")).state == JobState.DONE
    assert rig.power_of(ON) == VmPower.ON


def test_a_clone_has_the_bytes_of_its_source(rig: Rig) -> None:
    copy = vm_spec(30)
    op = rig.do(Op.CLONE_VM, vm_id(1), spec=to_plain(copy), host=host_id(2))
    assert rig.run_until(op).state == JobState.DONE
    source = rig.state
    used = {int(source.disks.vm[r]): float(source.disks.used_bytes[r]) for r in range(source.disks.size)}
    assert abs(used[30] - used[1]) <= 1e6


def test_samples_have_the_promised_rows_and_no_gaps(rig: Rig) -> None:
    rig.run(200)
    assert [s.time_s for s in rig.samples] == [START + 20.0 * n for n in range(1, 11)]
    for sample in rig.samples:
        assert sample.vm.shape[0] == len(ROWS["vm"])
        assert sample.host.shape[0] == len(ROWS["host"])
        assert sample.datastore.shape[0] == len(ROWS["datastore"])
        assert sample.vm.dtype == np.float32
        assert not np.isnan(sample.vm[:, :7]).any()
        figures = rows(sample, "vm")
        space = [figures.pop(key)[7:9] for key in (281, 282, 283)]
        assert np.isnan([values[7:9] for values in figures.values()]).all()  # off
        assert not np.isnan(space).any()  # but their files are there
        assert not np.isnan(sample.host[:, :3]).any()


START = 1000.0


def test_a_rebuild_keeps_what_lives_and_drops_what_is_gone(rig: Rig) -> None:
    rig.run(100)
    moving = rig.do(Op.MIGRATE, vm_id(1), host=host_id(0))
    rig.run_until_phase(moving, "pre-copy")
    before = rig.state
    inventory = lab(vms=10, off=3)
    kept = tuple(v for v in inventory.vms if v.spec.uuid != vm_id(1))
    rig.driver.rebuild(type(inventory)(7, 9, 0.0, hosts=inventory.hosts, vms=kept, pools=inventory.pools,
                                       datastores=inventory.datastores))  # fmt: skip
    after = rig.state
    assert rig.driver.version == 9
    assert after.vm_ids.find(vm_id(1)) == -1
    assert after.vms.touched_mib[0] == before.vms.touched_mib[0]
    assert after.vms.power[7] == 0  # known as off, and off it stays, whatever the inventory thought
    rig.run(1)
    assert rig.fault(moving) == "NotFound"
    assert after.vm_ids.find(vm_id(9)) == 9


def test_a_lost_state_is_rebuilt_from_nothing(rig: Rig) -> None:
    rig.run(40)
    rig.store.blob = None
    rig.driver = SimulatedDriver(rig.store, token=2)
    assert rig.driver.version == -1
    inventory = lab()
    frozen = replace(
        inventory.vms[1],
        snapshots=(PlacedSnapshot("s1", delta_bytes=5 * 2**30), PlacedSnapshot("s2", "s1")),
        current_snapshot="s2",
    )
    vms = (inventory.vms[0], frozen, *inventory.vms[2:])
    rig.driver.rebuild(replace(inventory, vms=vms, seq=500, now_s=rig.now_s))
    rig.run(40)
    assert rig.events[-1].seq > 500
    for snapshot in ("s1", "s2"):
        assert rig.run_until(rig.do(Op.SNAPSHOT_DELETE, vm_id(1), snapshot=snapshot)).state == JobState.DONE
    assert not np.isnan(rig.figure("vm", 6, 0))


def test_full_datastores_refuse(rig: Rig) -> None:
    rig.define(21, disks=(vm_spec(21).disks[0].__class__(2000, "big", 10 * 2**40, store_id(0), used_bytes=9 * 2**40),))
    op = f"op-{rig._ops}"
    rig.run(10)
    assert rig.fault(op) == "NoDiskSpace"


def test_a_state_that_the_record_has_overtaken_is_not_believed(rig: Rig) -> None:
    rig.run(20)
    rig.driver.rebuild(replace(lab(off=5), seq=10_000, now_s=5000.0))
    state = rig.state
    assert (state.seq, state.now_s) == (10_000, 5000.0)
    assert state.vms.power[:9].tolist() == [1] * 4 + [0] * 5


def test_who_has_lost_the_lease_changes_nothing(rig: Rig) -> None:
    rig.run(20)
    late = SimulatedDriver(rig.store, token=1)
    assert late.now_s == rig.now_s
    SimulatedDriver(rig.store, token=2).poll(rig.now_s + 60)
    rig.driver.start([Command(Op.POWER_ON, OFF, {}, "later")])
    before = rig.store.blob
    with pytest.raises(LeaseLost):
        late.poll(rig.now_s + 100)
    assert rig.store.blob == before
    assert len(rig.store.pending()) == 1


@pytest.mark.parametrize(
    "command",
    [
        Command(Op.MIGRATE, ON, {"disks": 7}, "x"),
        Command(Op.DEFINE_VM, "new", {"spec": {"uuid": "new"}}, "x"),
        Command(Op.SNAPSHOT_REVERT, ON, {}, "x"),
        Command(Op.MIGRATE, ON, {"host": host_id(1), "spec": {"uuid": "other"}}, "x"),
        Command("levitate", ON, {}, "x"),
    ],
)
def test_a_malformed_operation_fails_and_the_fleet_goes_on(rig: Rig, command: Command) -> None:
    rig.driver.start([command])
    rig.configure(Config.INJECT, ON, fault="no such thing")
    rig.configure(Config.MAINTENANCE, host_id(0))
    rig.run(20)
    assert rig.fault("x") in ("InvalidArgument", "NotFound", "NotSupported")
    assert rig.run_until(rig.do(Op.POWER_ON, OFF)).state == JobState.DONE


def test_a_host_that_is_removed_takes_its_jobs_and_moves_along(rig: Rig) -> None:
    rig.run(20)
    move = rig.do(Op.MIGRATE, vm_id(1), host=host_id(2))
    stop = rig.do(Op.SHUTDOWN_GUEST, vm_id(2))
    rig.run_until_phase(move, "pre-copy")
    rig.configure(Config.REMOVE_HOST, host_id(2))
    rig.run(60)
    assert rig.jobs[move].state == rig.jobs[stop].state == JobState.FAILED
    assert rig.host_of(vm_id(1)) == host_id(1)


def test_the_space_of_machines_is_what_their_datastores_hold_for_them(rig: Rig) -> None:
    rig.run_until(rig.do(Op.SNAPSHOT_CREATE, ON, snapshot="s1", memory=True))
    rig.run(400)
    figures = rows(rig.samples[-1], "vm")
    used, provisioned, capacity = (figures[key] for key in (281, 282, 283))
    there = ~np.isnan(used)
    assert there.sum() > (~np.isnan(figures[6])).sum(), "files lie there whether a machine runs or not"
    assert (used[there] <= provisioned[there] * 1.001).all()
    assert (capacity[there] < provisioned[there]).all(), "beside the disks there is a swap file"
    held = storage.used_bytes(rig.state) - rig.state.datastores.other_bytes
    assert storage.vm_bytes(rig.state)[0].sum() == pytest.approx(held.sum())
