"""VM Monitoring: a guest that has crashed is reset in lab time, never too early, never too often, and one machine may
have settings of its own, also for the isolation of its host."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

import pytest

from domain import faults
from domain.states import VmMonitoring, VmPower
from hypervisors.port import Injection
from inventory.models import Event, Host, Task, VirtualMachine
from inventory.services import vms
from scheduler import monitoring
from scheduler.departures import AS_THE_CLUSTER
from scheduler.failover import primary_of
from scheduler.models import HaReset, HaRestart
from scheduler.services import rules, settings
from tests import pumping
from tests.apps.scheduler.motion_rig import Stage, running_stage

pytestmark = pytest.mark.django_db(transaction=True)
ON, OFF = VmMonitoring.ONLY.value, VmMonitoring.DISABLED.value
QUICK = {"failure_interval_s": 30, "min_uptime_s": 60, "max_resets": 2, "reset_window_s": 3600, "io_interval_s": 30}


def watched(**options: Any) -> Stage:
    """A lab whose machines have run for a while under VM monitoring."""
    told = {"vm_monitoring": ON, **QUICK, "admission": "disabled", **options}
    stage = running_stage(hosts=2, vms=2, ha_enabled=True, ha_options=told)
    pumping.advance(stage.vc, 120, 20.0)
    return stage


def told(stage: Stage, kind: str, vm: VirtualMachine | None = None) -> list[Event]:
    rows = Event.objects.filter(vcenter=stage.vc, type=kind).order_by("key")
    return list(rows.filter(entity=vm.moref) if vm is not None else rows)


def crash(stage: Stage, vm: VirtualMachine) -> float:
    stage.break_(vm, Injection.GUEST_CRASH)
    pumping.advance(stage.vc, 1, 1.0)
    return told(stage, "VmGuestOSCrashedEvent", vm)[-1].lab_s


def test_a_guest_that_stops_beating_is_reset_after_the_failure_interval():
    stage = watched()
    vm = stage.vm(0)
    failed_s = crash(stage, vm)
    row = HaReset.objects.get()
    assert (row.state, row.due_lab_s) == (HaReset.WAITING, pytest.approx(failed_s + 30))
    pumping.advance(stage.vc, 25, 5.0)
    assert not told(stage, "VmDasBeingResetEvent")
    pumping.advance(stage.vc, 90, 5.0)
    (event,) = told(stage, "VmDasBeingResetEvent", vm)
    assert failed_s + 30 <= event.lab_s <= failed_s + 45
    row.refresh_from_db()
    assert (row.state, row.reset_lab_s) == (HaReset.RESET, pytest.approx(event.lab_s))
    task = Task.objects.get(operation="vm.reset")
    assert task.initiator_name == "vSphere HA"
    vm.refresh_from_db()
    assert (vm.power_state, vm.tools_status, vm.host_id) == (VmPower.ON, "toolsOk", stage.vm(0).host_id)
    assert vm.boot_lab_s > failed_s
    assert not HaRestart.objects.exists()


def test_disks_and_network_have_to_be_idle_for_two_minutes_as_well():
    how = monitoring.watch(watched(io_interval_s=120).vm(0))
    assert how.due_s(1000, 0) == 1120
    assert how.due_s(1000, 990) == 1120
    assert how.due_s(1000, 1100) == 1190  # it is watched from its minimum uptime on


@pytest.mark.parametrize(
    "options",
    [{"vm_monitoring": OFF}, {}],
    ids=["as vSphere begins", "no tools"],
)
def test_machines_that_are_not_watched_stay_as_they_are(options):
    stage = watched(**options)
    if not options:
        VirtualMachine.objects.filter(pk=stage.vm(0).pk).update(tools_installed=False)
    crash(stage, stage.vm(0))
    pumping.advance(stage.vc, 300, 20.0)
    assert not HaReset.objects.exists()
    assert not told(stage, "VmDasBeingResetEvent")


def test_no_more_than_the_maximum_within_the_window_then_a_fault_then_again():
    stage = watched(reset_window_s=900)
    vm = stage.vm(0)
    for _ in range(2):
        crash(stage, vm)
        pumping.advance(stage.vc, 140, 5.0)
    assert len(told(stage, "VmDasBeingResetEvent", vm)) == 2
    crash(stage, vm)
    pumping.advance(stage.vc, 140, 5.0)
    assert len(told(stage, "VmDasBeingResetEvent", vm)) == 2
    (failed,) = told(stage, "VmDasResetFailedEvent", vm)
    assert "2 times already" in failed.fields["reason"]
    row = HaReset.objects.get(state=HaReset.WAITING)
    assert row.fault["fault"] == "ResetLimitExceeded"
    first = HaReset.objects.order_by("id").first()
    assert row.due_lab_s == pytest.approx(first.reset_lab_s + 900)
    pumping.advance(stage.vc, row.due_lab_s - stage.vc.lab_seconds() + 60, 20.0)
    assert len(told(stage, "VmDasBeingResetEvent", vm)) == 3
    assert len(told(stage, "VmDasResetFailedEvent", vm)) == 1


def test_without_an_end_of_the_window_the_fault_is_the_last_word():
    stage = watched(max_resets=1, reset_window_s=0)
    vm = stage.vm(0)
    for _ in range(2):
        crash(stage, vm)
        pumping.advance(stage.vc, 140, 5.0)
    assert [row.state for row in HaReset.objects.order_by("id")] == [HaReset.RESET, HaReset.FAILED]
    pumping.advance(stage.vc, 4000, 20.0)
    assert len(told(stage, "VmDasBeingResetEvent", vm)) == 1


def test_whoever_resets_it_first_leaves_nothing_to_do():
    stage = watched()
    vm = stage.vm(0)
    crash(stage, vm)
    pumping.succeeded(stage.vc, vms.reset(None, stage.vm(0)))
    pumping.advance(stage.vc, 200, 10.0)
    assert HaReset.objects.get().state == HaReset.GONE
    assert not told(stage, "VmDasBeingResetEvent")


def test_a_guest_that_crashes_right_after_a_start_is_left_alone_until_its_minimum_uptime():
    stage = watched(min_uptime_s=300)
    vm = stage.vm(0)
    pumping.succeeded(stage.vc, vms.power_off(None, vm))
    pumping.succeeded(stage.vc, vms.power_on(None, stage.vm(0)))
    started_s = stage.vm(0).boot_lab_s
    crash(stage, vm)
    pumping.advance(stage.vc, 500, 5.0)
    (event,) = told(stage, "VmDasBeingResetEvent", vm)
    assert event.lab_s >= started_s + 330


@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_reset_within_its_minimum_uptime_nor_too_often(seed):
    """People and crashes at random: whoever starts, resets or resumes a machine has its minimum uptime in peace."""
    stage, dice = watched(reset_window_s=600, io_interval_s=0), random.Random(seed)
    for _ in range(24):
        vm = stage.vm(0)
        act = dice.choice(["crash", "crash", "reset", "off", "suspend", "wait"])
        try:
            if vm.power_state == VmPower.OFF:
                vms.power_on(None, vm)
            elif vm.power_state == VmPower.SUSPENDED:
                vms.resume(None, vm)
            elif act == "crash":
                stage.break_(vm, Injection.GUEST_CRASH)
            elif act != "wait":
                {"reset": vms.reset, "off": vms.power_off, "suspend": vms.suspend}[act](None, vm)
        except faults.MethodFault:
            pass  # HA is at it
        pumping.advance(stage.vc, dice.choice([10, 40, 90]), 5.0)
    resets = [e.lab_s for e in told(stage, "VmDasBeingResetEvent")]
    asked = Task.objects.filter(operation__in=("vm.reset", "vm.power_on", "vm.resume"), state="success")
    starts = [task.completed_lab_s for task in asked.exclude(initiator_name="vSphere HA")]
    assert not [(r, s) for r in resets for s in starts if s <= r < s + QUICK["min_uptime_s"]]
    assert _most_within(resets, 600) <= QUICK["max_resets"]


def _most_within(times: Iterable[float], window_s: float) -> int:
    times = sorted(times)
    return max((sum(t <= u < t + window_s for u in times) for t in times), default=0)


def test_the_monitoring_of_a_machine_may_differ_from_its_clusters():
    stage = watched(vm_monitoring=OFF)
    rules.set_override(None, [stage.vm(0)], ha_vm_monitoring=ON, ha_failure_interval_s=90, ha_max_resets=0)
    how = monitoring.watch(stage.vm(0))
    assert (how.on, how.failure_interval_s, how.max_resets, how.min_uptime_s) == (True, 90, 0, 60)
    assert not monitoring.watch(stage.vm(1)).on
    crash(stage, stage.vm(0))
    pumping.advance(stage.vc, 120, 5.0)
    assert HaReset.objects.get().fault["fault"] == "ResetLimitExceeded"
    rules.set_override(None, [stage.vm(0)], **AS_THE_CLUSTER)
    assert not monitoring.watch(stage.vm(0)).on


@pytest.mark.parametrize(("of_cluster", "own", "stopped"), [("none", "powerOff", True), ("powerOff", "none", False)])
def test_the_response_to_an_isolation_may_differ_for_one_machine(of_cluster, own, stopped):
    stage = running_stage(ha_enabled=True, ha_options={"isolation_response": of_cluster, "admission": "disabled"})
    primary = primary_of(stage.lab.cluster)
    host = Host.objects.filter(cluster=stage.lab.cluster).exclude(pk=primary.pk).first()
    one = VirtualMachine.objects.filter(host=host, power_state=VmPower.ON).select_related("host__cluster").first()
    rules.set_override(None, [one], ha_isolation_response=own)
    stage.break_(host, Injection.ISOLATE)
    pumping.advance(stage.vc, 200, 5.0)
    assert HaRestart.objects.filter(vm=one.moref).exists() == stopped
    others = VirtualMachine.objects.filter(host__cluster=stage.lab.cluster).exclude(pk=one.pk)
    assert HaRestart.objects.filter(vm__in=others.values("moref")).exists() != stopped


# --- pages -----------------------------------------------------------------------------------------------------------
def sent(stage: Stage, **values: str) -> dict[str, str]:
    return {
        "ha_enabled": "on", "failures": "1", "admission": "disabled", "isolation_response": "none",
        "isolation_shutdown_s": "300", "ready_condition": "none", "ready_delay_s": "0", "vm_monitoring": ON,
        "sensitivity": "medium", "failure_interval_s": "1", "min_uptime_s": "1", "max_resets": "1",
        "reset_window_s": "1", "io_interval_s": "120", "version": str(stage.lab.cluster.change_version), **values,
    }  # fmt: skip


def test_the_settings_of_a_cluster_are_edited_and_shown():
    stage = running_stage(hosts=2, vms=2, ha_enabled=True)
    url = stage.dialog(stage.lab.cluster.moref, "ha-settings")
    assert stage.client("student").post(url, sent(stage)).status_code == 202
    stage.lab.cluster.refresh_from_db()
    numbers = tuple(stage.lab.cluster.ha_options[name] for name in monitoring.NUMBERS)
    assert numbers == monitoring.SENSITIVITIES["medium"]
    (event,) = told(stage, "VmHealthMonitoringStateChangedEvent")
    assert event.fields["state"] == "switched on"
    page = stage.client("reader").get(stage.url("inventory:object-section", stage.lab.cluster.moref, "configure", "ha"))
    assert "Medium: 60 s, 3 resets a day at most" in page.content.decode()
    values = sent(stage, sensitivity="custom", reset_window_s="7200", failure_interval_s="45")
    assert stage.client("student").post(url, values).status_code == 202
    stage.lab.cluster.refresh_from_db()
    assert monitoring.settings_of(stage.lab.cluster)["failure_interval_s"] == 45
    values = sent(stage, sensitivity="custom", failure_interval_s="99999")
    assert stage.client("student").post(url, values).status_code == 422


def test_only_who_may_edit_the_cluster_gets_the_dialogs():
    stage = running_stage(hosts=2, vms=2, ha_enabled=True)
    for name in ("ha-settings", "vm-override"):
        url = stage.dialog(stage.lab.cluster.moref, name)
        assert stage.client("reader").post(url, sent(stage)).status_code == 403
        assert stage.client("outsider").post(url, sent(stage)).status_code == 404
    stage.lab.cluster.refresh_from_db()
    assert not stage.lab.cluster.ha_options


def test_overrides_are_edited_and_shown_with_what_is_of_the_machine():
    stage = running_stage(hosts=2, vms=2, ha_enabled=True)
    vm, url = stage.vm(0), stage.dialog(stage.lab.cluster.moref, "vm-override")
    values = {"vms": [vm.moref], "ha_isolation_response": "shutdown", "ha_vm_monitoring": ON, "ha_max_resets": "5"}
    assert stage.client("student").post(url, values).status_code == 202
    vm.refresh_from_db()
    assert (vm.ha_isolation_response, vm.ha_vm_monitoring, vm.ha_max_resets) == ("shutdown", ON, 5)
    assert (vm.ha_failure_interval_s, vm.ha_ready_delay_s) == (-1, -1)
    shown = stage.url("inventory:object-section", stage.lab.cluster.moref, "configure", "overrides")
    page = stage.client("reader").get(shown).content.decode()
    assert "Shut down and restart VMs" in page
    assert "VM Monitoring Only, at most 5 resets" in page
    own = stage.client("student").get(f"{url}?vm={vm.moref}").content.decode()
    assert 'value="5"' in own


def test_the_monitor_tab_tells_of_resets_and_faults():
    stage = watched(max_resets=0)
    crash(stage, stage.vm(0))
    pumping.advance(stage.vc, 60, 5.0)
    page = stage.client("reader").get(stage.section(stage.lab.cluster.moref, "ha")).content.decode()
    assert "Guests that stopped beating" in page
    assert "Mend its guest operating system" in page


@pytest.mark.parametrize(
    "options",
    [{"vm_monitoring": "always"}, {"vm_monitoring": ""}, {"max_resets": -1}, {"failure_interval_s": 4000},
     {"reset_window_s": "long"}, {"io_interval_s": -1}, {"isolation_response": "reboot"}],
)  # fmt: skip
def test_absurd_settings_are_refused(options):
    stage = running_stage(hosts=2, vms=2, ha_enabled=True)
    with pytest.raises((faults.InvalidArgument, faults.LimitExceeded)):
        settings.reconfigure(None, stage.lab.cluster, {"ha_options": options})
    if (value := next(iter(options.values()))) not in ("", -1):
        with pytest.raises((faults.InvalidArgument, faults.LimitExceeded)):
            rules.set_override(None, [stage.vm(0)], **{f"ha_{name}": value for name in options})
