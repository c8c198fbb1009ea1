"""Host machines: heartbeats, power, crashes, hangs, standby; and chance."""

from dataclasses import replace

import numpy as np
import pytest

from domain.specs import FaultRates, to_plain
from domain.states import VmPower
from hypervisors.port import Command, Config, Happening, JobState, Op
from tests.drivers.rig import Rig, host_id, lab, rows, vm_id

H0, H1, H2 = host_id(0), host_id(1), host_id(2)


def told(rig: Rig, kind: Happening, host: str, field: str) -> list[object]:
    return [e.data[field] for e in rig.kinds(kind, target=host)]


def test_a_crash_is_noticed_after_sixty_seconds_of_silence_and_the_host_comes_back() -> None:
    rig = Rig(lab())
    rig.run(33)
    rig.inject("host_crash", H1, duration_s=300)
    crashed_s = rig.now_s
    rig.run(1500)
    lost, back = rig.kinds(Happening.HOST_CONNECTION, target=H1)
    assert (lost.data["connection"], back.data["connection"]) == ("notResponding", "connected")
    assert lost.time_s == crashed_s // 10 * 10 + 60
    assert back.time_s % 10 == 0
    off = rig.kinds(Happening.VM_POWER)
    assert {e.target for e in off} == {vm_id(1), vm_id(4)}
    assert {e.time_s for e in off} == {crashed_s}
    assert told(rig, Happening.HOST_POWER, H1, "power")[-1] == "poweredOn"
    kinds = [e.kind for e in rig.events if e.target == H1]
    assert kinds == [Happening.HOST_CRASHED, Happening.HOST_CONNECTION, Happening.HOST_POWER, Happening.HOST_CONNECTION]


def test_a_crashed_hosts_vms_start_again_elsewhere() -> None:
    rig = Rig(lab())
    rig.inject("host_crash", H1, duration_s=0)
    rig.run(15)
    refused = rig.do(Op.POWER_ON, vm_id(1))
    rig.run(1)
    assert rig.fault(refused) == "InvalidHostState"
    assert rig.run_until(rig.do(Op.POWER_ON, vm_id(1), host=H0)).state == JobState.DONE
    assert rig.host_of(vm_id(1)) == H0
    rig.run(4000)
    assert rig.figure("host", 157, 1) > 0  # stands at its purple screen
    rig.inject("host_recover", H1)
    rig.run(1000)
    assert told(rig, Happening.HOST_CONNECTION, H1, "connection")[-1] == "connected"
    assert rig.power_of(vm_id(4)) == VmPower.OFF


def test_a_hung_host_goes_silent_while_its_vms_run_on() -> None:
    rig = Rig(lab())
    rig.run(20)
    rig.inject("host_hang", H1, duration_s=200)
    rig.run(100)
    assert told(rig, Happening.HOST_CONNECTION, H1, "connection") == ["notResponding"]
    assert not rig.kinds(Happening.VM_POWER)
    assert np.isnan(rig.figure("vm", 6, 1))
    assert rig.figure("host", 157, 1) > 0
    refused = rig.do(Op.POWER_OFF, vm_id(1))
    rig.run(1)
    assert rig.fault(refused) == "InvalidHostConnectionState"
    rig.run(200)
    assert told(rig, Happening.HOST_CONNECTION, H1, "connection")[-1] == "connected"
    assert rig.figure("vm", 6, 1) > 0
    assert rig.figure("vm", 155, 1) > 300  # never rebooted


def test_an_isolated_hosts_agent_can_still_stop_its_vms() -> None:
    rig = Rig(lab())
    rig.inject("isolate", H1)
    rig.run(70)
    assert told(rig, Happening.HOST_CONNECTION, H1, "connection") == ["notResponding"]
    from_outside = rig.do(Op.POWER_OFF, vm_id(1))
    rig.run(1)
    assert rig.fault(from_outside) == "InvalidHostConnectionState"
    assert rig.run_until(rig.do(Op.POWER_OFF, vm_id(1), by_agent=True)).state == JobState.DONE


def test_the_last_link_lost_is_silence_the_first_is_not() -> None:
    rig = Rig(lab())
    rig.inject("nic_down", H1, nic=0)
    rig.run(100)
    assert not rig.kinds(Happening.HOST_CONNECTION)
    assert rig.figure("vm", 143, 1) > 0
    rig.inject("nic_down", H1, nic=1, duration_s=100)
    rig.run(90)
    assert told(rig, Happening.HOST_CONNECTION, H1, "connection") == ["notResponding"]
    rig.run(60)
    assert told(rig, Happening.HOST_CONNECTION, H1, "connection")[-1] == "connected"
    assert told(rig, Happening.HOST_NIC, H1, "up") == [False, False, True]


def emptied(rig: Rig, host: str) -> None:
    for vm in (1, 4):
        rig.run_until(rig.do(Op.MIGRATE, vm_id(vm), host=host))


def test_standby_and_wake() -> None:
    rig = Rig(lab())
    refused = rig.do(Op.ENTER_STANDBY, H1)
    rig.run(1)
    assert rig.fault(refused) == "InvalidState"
    emptied(rig, H0)
    assert rig.run_until(rig.do(Op.ENTER_STANDBY, H1)).state == JobState.DONE
    rig.run(100)
    assert rig.figure("host", 157, 1) == 8.0
    assert not rig.kinds(Happening.HOST_CONNECTION)  # silent on purpose
    woken = rig.run_until(rig.do(Op.EXIT_STANDBY, H1))
    assert woken.state == JobState.DONE
    modes = told(rig, Happening.HOST_POWER, H1, "standby")
    assert modes == ["entering", "in", "exiting", "none"]
    assert rig.run_until(rig.do(Op.MIGRATE, vm_id(1), host=H1)).state == JobState.DONE


def test_a_wake_up_that_fails_is_told_and_the_next_one_works() -> None:
    rig = Rig(lab())
    emptied(rig, H0)
    rig.run_until(rig.do(Op.ENTER_STANDBY, H1))
    rig.inject("fail_next_wake", H1)
    op = rig.do(Op.EXIT_STANDBY, H1)
    assert rig.run_until(op).state == JobState.FAILED
    assert rig.fault(op) == "Timedout"
    assert len(rig.kinds(Happening.HOST_STANDBY_FAILED, target=H1)) == 1
    rig.inject("bmc_dead", H1)
    dead = rig.do(Op.EXIT_STANDBY, H1)
    rig.run_until(dead)
    assert rig.fault(dead) == "HostPowerOpFailed"
    rig.inject("bmc_ok", H1)
    assert rig.run_until(rig.do(Op.EXIT_STANDBY, H1)).state == JobState.DONE


def test_shutdown_reboot_and_power_on() -> None:
    rig = Rig(lab())
    refused = rig.do(Op.HOST_REBOOT, H1)
    rig.run(1)
    assert rig.fault(refused) == "InvalidState"
    assert rig.run_until(rig.do(Op.HOST_REBOOT, H1, force=True)).state == JobState.DONE
    assert rig.power_of(vm_id(1)) == VmPower.OFF
    assert rig.run_until(rig.do(Op.HOST_SHUTDOWN, H1)).state == JobState.DONE
    rig.run(100)
    assert rig.figure("host", 157, 1) == 5.0
    assert told(rig, Happening.HOST_CONNECTION, H1, "connection")[-1] == "notResponding"
    assert rig.run_until(rig.do(Op.HOST_POWER_ON, H1)).state == JobState.DONE
    rig.run(20)
    assert told(rig, Happening.HOST_CONNECTION, H1, "connection")[-1] == "connected"


def test_boots_take_their_time_and_each_its_own() -> None:
    rig = Rig(lab(off=9))
    seconds = []
    for _ in range(4):
        rig.run_until(rig.do(Op.ENTER_STANDBY, H1))
        start_s = rig.now_s
        rig.run_until(rig.do(Op.EXIT_STANDBY, H1))
        seconds.append(rig.now_s - start_s)
    assert len(set(seconds)) == 4
    assert all(150 <= s <= 901 for s in seconds)


def test_a_disconnected_host_is_unmanaged_and_its_vms_live() -> None:
    rig = Rig(lab())
    rig.configure(Config.HOST_CONNECTION, H1, connected=False)
    rig.run(60)
    assert np.isnan(rig.figure("vm", 6, 1))
    rig.inject("host_crash", H1, duration_s=0)
    rig.run(100)
    assert not rig.kinds(Happening.HOST_CONNECTION)
    rig.configure(Config.HOST_CONNECTION, H1, connected=True)
    rig.run(1)
    assert told(rig, Happening.HOST_CONNECTION, H1, "connection") == ["notResponding"]


def test_jobs_of_a_dead_host_end_with_the_truth() -> None:
    rig = Rig(lab())
    rig.run(60)
    ops = [rig.do(Op.POWER_OFF, vm_id(1)), rig.do(Op.SNAPSHOT_CREATE, vm_id(4), snapshot="s", memory=True)]
    rig.run(0.1)
    rig.inject("host_crash", H1, duration_s=0)
    rig.run(1)
    assert [rig.fault(op) for op in ops] == ["HostNotConnected", "HostNotConnected"]
    assert not rig.fleet.busy()


def test_a_crashed_guest_stands_still_until_it_is_reset() -> None:
    rig = Rig(lab())
    rig.run(60)
    rig.inject("guest_crash", vm_id(1))
    rig.run(60)
    assert rig.power_of(vm_id(1)) == VmPower.ON
    assert rig.figure("vm", 2, 1) <= 51  # half a percent
    assert [e.data["tools"] for e in rig.kinds(Happening.VM_TOOLS, target=vm_id(1))][-1] == "toolsNotRunning"
    rig.run_until(rig.do(Op.RESET, vm_id(1)))
    rig.run(60)
    assert [e.data["tools"] for e in rig.kinds(Happening.VM_TOOLS, target=vm_id(1))][-1] == "toolsOk"


def test_a_guest_that_crashes_while_it_shuts_down_stays_on() -> None:
    rig = Rig(lab())
    op = rig.do(Op.SHUTDOWN_GUEST, vm_id(1))
    rig.run(1)
    rig.inject("guest_crash", vm_id(1))
    rig.run_until(op)
    assert rig.fault(op) == "ToolsUnavailable"
    assert rig.power_of(vm_id(1)) == VmPower.ON


def test_a_runaway_snapshot_fills_its_datastore_and_stops_there() -> None:
    inventory = lab()
    small = tuple(replace(d, capacity_bytes=60 * 2**30) for d in inventory.datastores)
    rig = Rig(replace(inventory, datastores=small))
    rig.run_until(rig.do(Op.SNAPSHOT_CREATE, vm_id(1), snapshot="s"))
    rig.inject("runaway_snapshot", vm_id(1))
    rig.run(600)
    assert rig.figure("datastore", 281, 0) <= 60 * 2**20 * 1.0001
    assert rig.figure("datastore", 281, 0) > 59 * 2**20
    refused = rig.do(Op.POWER_ON, vm_id(8))
    rig.run(1)
    assert rig.fault(refused) == "NoDiskSpace"


def test_the_end_of_a_fault_of_a_host_that_is_gone_troubles_nobody() -> None:
    rig = Rig(lab())
    rig.inject("host_hang", H2, duration_s=50)
    rig.inject("nic_down", H2, nic=1, duration_s=50)
    rig.run(10)
    rig.configure(Config.REMOVE_HOST, H2)
    rig.run(100)
    assert rig.now_s == rig.inventory.now_s + 110


def test_chance_strikes_at_its_rate_and_a_quiet_lab_is_quiet() -> None:
    calm = Rig(lab())
    calm.run(20_000, step_s=2000)
    assert {e.kind for e in calm.events} <= {Happening.VM_SIZES, Happening.VM_TOOLS}
    rates = FaultRates(host_crash=0.2, nic_flap=0.2, guest_crash=0.1, host_hang=0.1, datastore_slow=0.2)
    wild = Rig(replace(lab(hosts=10, vms=20, off=0, host={"boot_median_s": 60.0}), rates=rates))
    wild.run(36_000, step_s=2000)
    crashes = len(wild.kinds(Happening.HOST_CRASHED))
    assert 8 <= crashes <= 32  # 0.2 per hour, ten hosts, ten hours, less the time they are down
    assert wild.kinds(Happening.HOST_NIC)
    assert wild.kinds(Happening.VM_GUEST_CRASHED)
    assert wild.kinds(Happening.DATASTORE_STATE)


def test_configuration_changes_take_effect_at_once_and_only_once() -> None:
    rig = Rig(lab())
    half = replace(rig.inventory.hosts[0].spec, cores=8)
    rig.driver.start([Command(Config.HOST, H0, {"spec": to_plain(half)}, version=2)])
    rig.run(20)
    assert rig.driver.version == 2
    assert rig.figure("host", 395, 0) == pytest.approx(8 * 2600 * 0.97)
    rig.driver.start([Command(Config.HOST, H0, {"spec": to_plain(rig.inventory.hosts[0].spec)}, version=2)])
    rig.run(20)
    assert rig.figure("host", 395, 0) == pytest.approx(8 * 2600 * 0.97)
    rig.driver.start([Command(Config.MAINTENANCE, H0, {"on": True}, version=4)])
    rig.run(20)
    assert rig.driver.version == 2  # version 3 has been lost on the way


def test_removed_pools_hosts_and_machines_leave_nothing_behind() -> None:
    rig = Rig(lab())
    rig.run(40)
    rig.configure(Config.REMOVE_POOL, "pool-a")
    rig.configure(Config.MOVE_VM, vm_id(1), pool="pool-b")
    rig.configure(Config.RENAME_VM, vm_id(2), name="renamed")
    rig.configure(Config.UNREGISTER_VM, vm_id(8))
    rig.configure(Config.REMOVE_HOST, H2)
    rig.run(40)
    state = rig.state
    assert [bool(state.vm_ids.uuids[n]) for n in range(9)] == [True, True, False, True, True, False, True, True, False]
    assert state.vms.pool[0] == state.pool_ids.find("root")
    assert state.datastores.other_bytes[0] > 0  # files of what was only unregistered
    assert np.isnan(rows(rig.samples[-1], "host")[157][2])
    rig.configure(Config.REGISTER_VM, vm_id(2), spec=to_plain(rig.inventory.vms[2].spec), host=H0, power="poweredOn")
    rig.run(20)
    assert rig.figure("vm", 6, 2) > 0
