"""Random commands and faults in random order: one owner, limits kept, books balanced, space accounted for."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.specs import to_plain
from domain.states import MigrationPriority
from hypervisors.port import Config, Happening, Injection, JobState, Op
from hypervisors.simulated import queue, storage
from hypervisors.simulated.tables import Phase, Power
from tests.drivers.rig import Rig, host_id, lab, store_id, vm_id, vm_spec

HOSTS, VMS, STORES = 3, 8, 2
vms = st.integers(0, VMS + 1).map(vm_id)
hosts = st.integers(0, HOSTS - 1).map(host_id)
stores = st.integers(0, STORES - 1).map(store_id)

SIMPLE = [Op.POWER_ON, Op.POWER_OFF, Op.RESET, Op.SUSPEND, Op.RESUME, Op.SHUTDOWN_GUEST, Op.REBOOT_GUEST,
          Op.UNDEFINE_VM, Op.CONSOLIDATE]  # fmt: skip
HOST_OPS = [Op.HOST_SHUTDOWN, Op.HOST_REBOOT, Op.HOST_POWER_ON, Op.ENTER_STANDBY, Op.EXIT_STANDBY]
HOST_FAULTS = [Injection.HOST_CRASH, Injection.HOST_HANG, Injection.HOST_RECOVER, Injection.ISOLATE,
               Injection.PARTITION, Injection.NIC_DOWN, Injection.NIC_UP, Injection.FAIL_NEXT_WAKE,
               Injection.FAIL_NEXT_MIGRATION]  # fmt: skip
VM_FAULTS = [Injection.GUEST_CRASH, Injection.MEMORY_HOG, Injection.RUNAWAY_SNAPSHOT]
STORE_FAULTS = [Injection.DATASTORE_LOST, Injection.DATASTORE_SLOW, Injection.DATASTORE_OK]

steps = st.one_of(
    st.tuples(st.just("op"), st.sampled_from(SIMPLE), vms),
    st.tuples(st.just("start"), vms, hosts),
    st.tuples(st.just("move"), vms, hosts, st.sampled_from(list(MigrationPriority))),
    st.tuples(st.just("move disks"), vms, hosts, stores),
    st.tuples(st.just("bitmap"), vms, hosts),
    st.tuples(st.just("snapshot"), st.sampled_from([Op.SNAPSHOT_CREATE, Op.SNAPSHOT_REVERT, Op.SNAPSHOT_DELETE]), vms,
              st.sampled_from(["a", "b"])),
    st.tuples(st.just("clone"), vms, st.integers(VMS, VMS + 1)),
    st.tuples(st.just("host"), st.sampled_from(HOST_OPS), hosts, st.booleans()),
    st.tuples(st.just("host fault"), st.sampled_from(HOST_FAULTS), hosts),
    st.tuples(st.just("vm fault"), st.sampled_from(VM_FAULTS), vms),
    st.tuples(st.just("store fault"), st.sampled_from(STORE_FAULTS), stores),
    st.tuples(st.just("cancel"), st.integers(1, 30)),
    st.tuples(st.just("maintenance"), hosts, st.booleans()),
)  # fmt: skip
scripts = st.lists(st.tuples(steps, st.sampled_from([0.0, 0.3, 1.0, 2.5, 4.0, 20.0, 90.0])), min_size=5, max_size=40)


def perform(rig: Rig, step: tuple) -> None:  # type: ignore[type-arg]
    match step:
        case ("op", op, vm):
            rig.do(op, vm, all=True)
        case ("start", vm, host):
            rig.do(Op.POWER_ON, vm, host=host)
        case ("move", vm, host, priority):
            rig.do(Op.MIGRATE, vm, host=host, priority=priority.value)
        case ("move disks", vm, host, store):
            rig.do(Op.MIGRATE, vm, host=host, disks={"2000": store})
        case ("bitmap", vm, host):
            rig.do(Op.MIGRATE, vm, host=host, bitmap_resume=True)
        case ("snapshot", op, vm, name):
            rig.do(op, vm, snapshot=name, memory=True)
        case ("clone", vm, number):
            rig.do(Op.CLONE_VM, vm, spec=to_plain(vm_spec(number)), host=host_id(0))
        case ("host", op, host, force):
            rig.do(op, host, force=force)
        case ("host fault" | "vm fault" | "store fault", fault, target):
            rig.inject(fault, target, nic=1, duration_s=120)
        case ("cancel", number):
            rig.configure(Config.CANCEL, "", op_id=f"op-{number}", user="ann")
        case ("maintenance", host, on):
            rig.configure(Config.MAINTENANCE, host, on=on)


def check(rig: Rig) -> None:
    """What holds at every moment."""
    state, fleet = rig.state, rig.fleet
    alive = state.vms.exists == 1
    assert (state.vms.host[alive] >= 0).all()
    on = alive & (state.vms.power == Power.ON)
    assert (state.hosts.phase[state.vms.host[on]] == Phase.ON).all()
    for resource, units in queue.used(fleet).items():
        assert units <= queue.limit(fleet, resource)
    for host in range(HOSTS):
        assert fleet.reserved(host)[1] <= fleet.capacity(host)[1] + 1e-6
    for move in state.moves.values():
        assert state.jobs[move.op_id].state == JobState.RUNNING
        assert state.vms.host[move.vm] == (move.destination if move.switched else move.source)
    assert (storage.used_bytes(state) <= state.datastores.capacity_bytes + 1).all()
    assert (state.vms.swap_bytes[alive & (state.vms.power != Power.ON)] == 0).all()
    held = [j.target for j in state.jobs.values() if j.active and j.kind != Op.SUSPEND]
    assert len(held) == len(set(held))


def check_stories(rig: Rig) -> None:
    """What the events tell is what is: power, owner, one end per job, numbers without gaps."""
    state = rig.state
    assert [e.seq for e in rig.events] == list(range(rig.events[0].seq, rig.events[0].seq + len(rig.events)))
    assert [e.time_s for e in rig.events] == sorted(e.time_s for e in rig.events)
    power = {v.spec.uuid: v.power.value for v in rig.inventory.vms}
    owner = {v.spec.uuid: v.host for v in rig.inventory.vms}
    for event in rig.events:
        if event.kind == Happening.VM_POWER:
            power[event.target], owner[event.target] = event.data["power"], event.data["host"]
        elif event.kind == Happening.VM_MOVED:
            owner[event.target] = event.data["host"]
    names = {Power.OFF: "poweredOff", Power.ON: "poweredOn", Power.SUSPENDED: "suspended"}
    for slot in np.flatnonzero(state.vms.exists):
        uuid = state.vm_ids.uuids[slot]
        assert power.get(uuid, "poweredOff") == names[Power(int(state.vms.power[slot]))]
        assert owner.get(uuid, host_id(0)) == state.host_ids.uuids[state.vms.host[slot]]
    ends = [e.op_id for e in rig.kinds(Happening.JOB_DONE, Happening.JOB_FAILED)]
    assert len(ends) == len(set(ends))


@settings(max_examples=20, deadline=None)
@given(scripts)
def test_any_interleaving(script: list) -> None:  # type: ignore[type-arg]
    rig = Rig(lab(hosts=HOSTS, vms=VMS, stores=STORES, host={"boot_median_s": 60.0, "memory_mib": 32_768}))
    for step, wait_s in script:
        perform(rig, step)
        rig.run(wait_s)
        check(rig)
    for store in range(STORES):
        rig.inject(Injection.DATASTORE_OK, store_id(store))
    rig.run(4000, step_s=500)
    state, fleet = rig.state, rig.fleet
    check(rig)
    assert not [j for j in state.jobs.values() if j.active]
    assert not state.moves
    assert not queue.used(fleet)
    assert not fleet.busy()
    if rig.events:
        check_stories(rig)


@settings(max_examples=12, deadline=None)
@given(scripts, st.floats(0.05, 7.0))
def test_how_often_one_looks_changes_no_byte(script: list, look_s: float) -> None:  # type: ignore[type-arg]
    """The same commands at the same lab times, polled once per wait or many times between."""
    blobs = []
    for step_s in (1e6, look_s):
        rig = Rig(lab(hosts=HOSTS, vms=VMS, stores=STORES, host={"boot_median_s": 60.0, "memory_mib": 32_768}))
        for step, wait_s in script:
            perform(rig, step)
            rig.run(min(wait_s, 20.0), step_s)
        rig.run(0)  # takes the last acknowledgement
        blobs.append(rig.state.to_bytes())
    assert blobs[0] == blobs[1]
