"""vSphere HA beyond the crash: isolation and its responses, admission control, what-if, faults caused on purpose."""

from __future__ import annotations

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import OperationalError

from domain import faults
from domain.states import HostConnection, VmPower
from hypervisors.port import FleetEvent, Happening, Injection
from inventory import happenings, pump
from inventory.models import Event, Host, Task, VirtualMachine
from inventory.services import vms
from scheduler.failover import primary_of
from scheduler.models import HaIsolation, HaRestart
from scheduler.selectors import failover
from scheduler.services import injection, rules, settings
from tests import pumping
from tests.apps.scheduler.motion_rig import Stage, running_stage

pytestmark = pytest.mark.django_db(transaction=True)
UNWATCHED = {"vm_monitoring": "vmMonitoringDisabled", "sensitivity": "high", "failure_interval_s": "30",
             "min_uptime_s": "120", "max_resets": "3", "reset_window_s": "3600", "io_interval_s": "120"}  # fmt: skip


def isolated(response: str) -> tuple[Stage, Host, set[str]]:
    """A secondary host that nobody reaches, and what ran there."""
    stage = running_stage(ha_enabled=True, ha_options={"isolation_response": response, "admission": "disabled"})
    primary = primary_of(stage.lab.cluster)
    host = next(h for h in (stage.host(0), stage.host(1), stage.host(2)) if h.pk != primary.pk)
    there = set(VirtualMachine.objects.filter(host=host, power_state=VmPower.ON).values_list("moref", flat=True))
    assert there
    stage.break_(host, Injection.ISOLATE)
    return stage, host, there


def types(stage: Stage) -> list[str]:
    return list(Event.objects.filter(vcenter=stage.vc).order_by("key").values_list("type", flat=True))


@pytest.mark.parametrize("response", ["powerOff", "shutdown"])
def test_an_isolated_hosts_machines_are_stopped_and_start_elsewhere(response):
    stage, host, there = isolated(response)
    pumping.advance(stage.vc, 28, 2.0)
    assert not HaRestart.objects.exists()
    assert HaIsolation.objects.get(host=host).due_lab_s > stage.vc.lab_seconds()
    pumping.advance(stage.vc, 400, 4.0)
    for vm in VirtualMachine.objects.filter(moref__in=there):
        assert (vm.power_state, vm.connection_state) == (VmPower.ON, "connected")
        assert vm.host_id != host.pk
    assert set(HaRestart.objects.values_list("state", flat=True)) == {HaRestart.RESTARTED}
    order = types(stage)
    first = [order.index(name) for name in ("DasHostIsolatedEvent", "VmRestartedOnAlternateHostEvent")]
    assert first == sorted(first)
    assert "DasHostFailedEvent" not in order


def test_response_none_leaves_them_on_and_the_host_comes_back():
    stage, host, there = isolated("none")
    pumping.advance(stage.vc, 120, 5.0)
    assert Host.objects.get(pk=host.pk).ha_state == "networkIsolated"
    assert not HaRestart.objects.exists()
    stage.break_(host, Injection.HOST_RECOVER)
    pumping.advance(stage.vc, 60, 5.0)
    back = Host.objects.get(pk=host.pk)
    assert (back.ha_state, back.connection_state) == ("", HostConnection.CONNECTED)
    running = VirtualMachine.objects.filter(moref__in=there, host=host, power_state=VmPower.ON)
    assert running.filter(connection_state="connected").count() == len(there)


def test_an_isolation_that_ends_in_time_has_no_consequence():
    stage, host, there = isolated("powerOff")
    pumping.advance(stage.vc, 10, 2.0)
    stage.break_(host, Injection.HOST_RECOVER)
    pumping.advance(stage.vc, 120, 5.0)
    assert "DasHostIsolatedEvent" not in types(stage)
    assert VirtualMachine.objects.filter(moref__in=there, host=host, power_state=VmPower.ON).count() == len(there)


def halted_after_isolation(stage: Stage, there: set[str]) -> VirtualMachine:
    """A guest whose system halts right after its shut-down has begun."""
    for _ in range(40):
        pumping.advance(stage.vc, 1, 1.0)
        row = HaRestart.objects.filter(vm__in=there, task__state="running").first()
        if row is not None:
            vm = VirtualMachine.objects.get(moref=row.vm)
            stage.break_(vm, Injection.GUEST_CRASH)
            return vm
    raise AssertionError("no guest shuts down")


def test_a_guest_that_does_not_shut_down_in_time_is_powered_off():
    stage, host, there = isolated("shutdown")
    vm = halted_after_isolation(stage, there)
    row = HaRestart.objects.get(vm=vm.moref)
    assert row.stop_by_lab_s == pytest.approx(HaIsolation.objects.get(host=host).due_lab_s + 300)
    pumping.advance(stage.vc, row.stop_by_lab_s - stage.vc.lab_seconds() - 5, 5.0)
    vm.refresh_from_db()
    assert (vm.power_state, HaRestart.objects.get(pk=row.pk).state) == (VmPower.ON, HaRestart.STOPPING)
    pumping.advance(stage.vc, 120, 2.0)
    vm.refresh_from_db()
    assert (vm.power_state, HaRestart.objects.get(pk=row.pk).state) == (VmPower.ON, HaRestart.RESTARTED)
    assert vm.host_id != host.pk
    told = list(Event.objects.filter(vcenter=stage.vc, entity=vm.moref).order_by("key").values_list("type", "lab_s"))
    names = ["VmGuestShutdownEvent", "VmGuestOSCrashedEvent", "VmStoppingEvent", "VmPoweredOffEvent"]
    order = [next(i for i, (kind, _s) in enumerate(told) if kind == name) for name in names]
    assert order == sorted(order)
    assert dict(told)["VmStoppingEvent"] >= row.stop_by_lab_s


def test_a_guest_that_hangs_goes_on_where_the_isolation_ends_first():
    stage, host, there = isolated("shutdown")
    vm = halted_after_isolation(stage, there)
    pumping.advance(stage.vc, 60, 5.0)
    stage.break_(host, Injection.HOST_RECOVER)
    pumping.advance(stage.vc, 400, 20.0)
    assert HaRestart.objects.get(vm=vm.moref).state == HaRestart.GONE
    vm.refresh_from_db()
    assert (vm.host_id, vm.power_state) == (host.pk, VmPower.ON)


@pytest.mark.parametrize(
    ("fault", "state", "event"),
    [
        (Injection.HOST_HANG, "fdmUnreachable", "HostDasErrorEvent"),
        (Injection.PARTITION, "networkPartitionedFromMaster", "com.vmware.vc.HA.HostPartitionedFromMasterEvent"),
    ],
)
def test_a_host_that_lives_is_told_from_a_dead_one_and_keeps_its_machines(fault, state, event):
    stage = running_stage(ha_enabled=True, ha_options={"isolation_response": "powerOff", "admission": "disabled"})
    host = stage.host(0)
    there = set(VirtualMachine.objects.filter(host=host, power_state=VmPower.ON).values_list("moref", flat=True))
    stage.break_(host, fault, duration_s=0)
    pumping.advance(stage.vc, 90, 5.0)
    found = Host.objects.get(pk=host.pk)
    assert (found.ha_state, found.connection_state) == (state, HostConnection.NOT_RESPONDING)
    order = types(stage)
    assert order.index("HostConnectionLostEvent") < order.index(event)
    assert not {"DasHostFailedEvent", "DasHostIsolatedEvent"} & set(order)
    page = stage.client("reader").get(stage.url("inventory:object", host.moref)).content.decode()
    assert "run on" in page
    stage.break_(host, Injection.HOST_RECOVER)
    pumping.advance(stage.vc, 60, 5.0)
    back = Host.objects.get(pk=host.pk)
    assert (back.ha_state, back.connection_state) == ("", HostConnection.CONNECTED)
    assert not HaRestart.objects.exists()
    assert VirtualMachine.objects.filter(moref__in=there, host=host, power_state=VmPower.ON).count() == len(there)


def test_a_host_without_its_last_uplink_is_isolated():
    stage = running_stage(ha_enabled=True, ha_options={"isolation_response": "powerOff", "admission": "disabled"})
    host = stage.host(0)
    for nic in range(len(host.nic_mbps)):
        stage.break_(host, Injection.NIC_DOWN, nic=nic)
        pumping.advance(stage.vc, 2, 2.0)
        assert HaIsolation.objects.filter(host=host).exists() == (nic == len(host.nic_mbps) - 1)
    pumping.advance(stage.vc, 40, 2.0)
    assert Host.objects.get(pk=host.pk).ha_state == "networkIsolated"
    stage.break_(host, Injection.NIC_UP, nic=0)
    pumping.advance(stage.vc, 30, 5.0)
    assert Host.objects.get(pk=host.pk).ha_state == ""


def test_the_response_to_an_isolation_is_a_setting_of_the_cluster():
    stage = running_stage(ha_enabled=True)
    url = stage.dialog(stage.lab.cluster.moref, "ha-settings")
    sent = {"ha_enabled": "on", "failures": "1", "admission": "percentage", "isolation_response": "shutdown"}
    sent |= {"isolation_shutdown_s": "120", "version": str(stage.lab.cluster.change_version)}
    sent |= {"ready_condition": "poweredOn", "ready_delay_s": "15"} | UNWATCHED
    assert stage.client("student").post(url, sent).status_code == 202
    stage.lab.cluster.refresh_from_db()
    assert stage.lab.cluster.ha_options["isolation_response"] == "shutdown"
    page = stage.client("reader").get(stage.url("inventory:object-section", stage.lab.cluster.moref, "configure", "ha"))
    assert "powered off after 120 s" in page.content.decode()
    assert "and 15 s later" in page.content.decode()


def test_a_restart_that_finds_no_room_at_first_comes_later():
    """The machine's old host is not responding by then; that must not stand in the way."""
    stage = running_stage(hosts=2, vms=2, ha_enabled=True, ha_options={"admission": "disabled"})
    victim, other = stage.host(0), stage.host(1)
    there = VirtualMachine.objects.filter(host=victim, power_state=VmPower.ON).values_list("moref", flat=True)
    there = list(there)
    Host.objects.filter(pk=other.pk).update(in_maintenance=True)
    stage.break_(victim, Injection.HOST_CRASH, duration_s=36_000)
    pumping.advance(stage.vc, 100, 5.0)
    assert set(HaRestart.objects.values_list("state", flat=True)) == {HaRestart.WAITING}
    assert all(HaRestart.objects.values_list("fault", flat=True))
    assert "VmFailoverFailed" in types(stage)
    Host.objects.filter(pk=other.pk).update(in_maintenance=False)
    pumping.advance(stage.vc, 200, 5.0)
    for vm in VirtualMachine.objects.filter(moref__in=there):
        assert (vm.host_id, vm.power_state, vm.connection_state) == (other.pk, VmPower.ON, "connected")
    assert "VmMaxRestartCountReached" not in types(stage)


def starts(stage: Stage) -> dict[str, float]:
    """When HA has started each machine."""
    return dict(HaRestart.objects.exclude(started_lab_s=None).values_list("vm", "started_lab_s"))


def two_classes(
    condition: str, delay_s: int = 0, *, crash: bool = True
) -> tuple[Stage, VirtualMachine, VirtualMachine]:
    """A host with a machine of high priority and one of low priority; it crashes."""
    options = {"admission": "disabled", "ready_condition": condition, "ready_delay_s": delay_s}
    stage = running_stage(hosts=3, vms=6, ha_enabled=True, ha_options=options)
    victim = stage.host(1)
    first, second = VirtualMachine.objects.filter(host=victim, power_state=VmPower.ON).order_by("id")[:2]
    VirtualMachine.objects.filter(pk=first.pk).update(ha_restart_priority="high")
    VirtualMachine.objects.filter(pk=second.pk).update(ha_restart_priority="low")
    if crash:
        stage.break_(victim, Injection.HOST_CRASH, duration_s=36_000)
    return stage, first, second


@pytest.mark.parametrize(
    ("condition", "delay_s", "least_s", "most_s"),
    [("none", 0, 0, 0), ("none", 60, 60, 70), ("poweredOn", 30, 31, 50), ("guestHbStatusGreen", 0, 25, 60)],
)
def test_a_lower_class_starts_when_the_higher_one_is_ready(condition, delay_s, least_s, most_s):
    stage, first, second = two_classes(condition, delay_s)
    pumping.advance(stage.vc, 300, 4.0)
    started = starts(stage)
    assert least_s <= started[second.moref] - started[first.moref] <= most_s
    assert set(HaRestart.objects.values_list("state", flat=True)) == {HaRestart.RESTARTED}


def test_a_machine_may_have_a_start_order_of_its_own_and_nobody_waits_for_ever():
    stage, first, second = two_classes("none", crash=False)
    rules.set_override(None, [first], ha_ready_condition="guestHbStatusGreen")
    without = {"tools_installed": False, "tools_status": "toolsNotInstalled"}
    VirtualMachine.objects.filter(pk=first.pk).update(**without)
    pumping.meet(stage.vc)
    stage.break_(stage.host(1), Injection.HOST_CRASH, duration_s=36_000)
    pumping.advance(stage.vc, 400, 10.0)
    assert second.moref not in starts(stage)
    pumping.advance(stage.vc, 400, 10.0)
    assert starts(stage)[second.moref] - starts(stage)[first.moref] >= 600


def test_absurd_start_orders_are_refused():
    stage = running_stage(hosts=2, vms=2, ha_enabled=True)
    with pytest.raises(faults.InvalidArgument):
        rules.set_override(None, [stage.vm(0)], ha_ready_condition="soon")
    with pytest.raises(faults.LimitExceeded):
        rules.set_override(None, [stage.vm(0)], ha_ready_delay_s=9999)
    with pytest.raises(faults.InvalidArgument):
        settings.reconfigure(None, stage.lab.cluster, {"ha_options": {"ready_condition": "never"}})


def test_every_attempt_that_fails_is_told_and_the_last_one_ends_it():
    stage = running_stage(hosts=2, vms=2, ha_enabled=True, ha_options={"admission": "disabled"})
    victim, other = stage.host(0), stage.host(1)
    lost = VirtualMachine.objects.filter(host=victim, power_state=VmPower.ON).count()
    Host.objects.filter(pk=other.pk).update(in_maintenance=True)
    stage.break_(victim, Injection.HOST_CRASH, duration_s=36_000)
    pumping.advance(stage.vc, 2000, 20.0)
    told = types(stage)
    assert told.count("VmFailoverFailed") == 5 * lost
    assert told.count("VmMaxRestartCountReached") == lost
    assert set(HaRestart.objects.values_list("state", flat=True)) == {HaRestart.FAILED}


@pytest.mark.parametrize("drs", [False, True])
@pytest.mark.parametrize(
    "options",
    [{"admission": "percentage", "cpu_ratio": 0.999, "mem_ratio": 0.999}, {"admission": "slots", "failures": 3}],
)
def test_admission_control_keeps_the_capacity_for_a_failure(drs, options):
    stage = running_stage(ha_enabled=True, drs_enabled=drs, ha_options=options)
    vm = stage.vm(0)
    pumping.succeeded(stage.vc, vms.power_off(None, vm))
    with pytest.raises(faults.InsufficientFailoverResourcesFault):
        vms.power_on(None, stage.vm(0))
    assert "InsufficientFailoverResourcesEvent" in types(stage)
    stage.lab.cluster.ha_options = {"admission": "disabled"}
    stage.lab.cluster.save()
    pumping.succeeded(stage.vc, vms.power_on(None, stage.vm(0)))


def test_a_dedicated_failover_host_takes_nothing_but_restarts():
    stage = running_stage(ha_enabled=True)
    kept = stage.host(2)
    stage.lab.cluster.ha_options = {"admission": "failover_hosts", "failover_hosts": [kept.moref]}
    stage.lab.cluster.save()
    pumping.succeeded(stage.vc, vms.power_off(None, stage.vm(0)))
    with pytest.raises(faults.DisallowedOperationOnFailoverHost):
        vms.power_on(None, stage.vm(0), stage.host(2))


def test_what_if_tells_of_every_machine_and_changes_nothing():
    stage = running_stage(ha_enabled=True)
    before = list(VirtualMachine.objects.order_by("pk").values_list("host_id", "power_state"))
    cases = failover.what_ifs(stage.lab.cluster)
    assert [case.host.pk for case in cases] == [h.pk for h in stage.lab.hosts]
    for case in cases:
        running = VirtualMachine.objects.filter(host=case.host, power_state=VmPower.ON, template=False).count()
        assert case.lost == running
        assert all(host.pk != case.host.pk for _vm, host in case.restarted)
        assert case.host.pk not in {load.host.pk for load in case.loads}
        assert sum(load.vms_after - load.vms for load in case.loads) == len(case.restarted)
    assert before == list(VirtualMachine.objects.order_by("pk").values_list("host_id", "power_state"))


def test_a_page_names_primary_and_what_is_protected():
    stage = running_stage(ha_enabled=True)
    agents = failover.agents(stage.lab.cluster)
    assert [one.state for one in agents].count("primary") == 1
    page = stage.client("reader").get(stage.section(stage.lab.cluster.moref, "ha")).content.decode()
    assert "Running (primary)" in page
    assert str(sum(one.protected for one in agents)) in page


# --- faults on purpose -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["host", "vm", "datastore"])
def test_every_fault_that_fits_can_be_caused(kind):
    stage = running_stage()
    obj = {"host": stage.host(0), "vm": stage.vm(0), "datastore": stage.lab.datastore}[kind]
    client = stage.client("student")
    for what in injection.fitting(obj):
        answer = client.post(stage.dialog(obj.moref, "inject-fault"), {"fault": what.value, "duration_min": "1"})
        assert answer.status_code == 202, (what, answer.content)
        pumping.advance(stage.vc, 5, 5.0)
    told = Event.objects.filter(vcenter=stage.vc, type="FaultInjectedEvent", entity=obj.moref)
    assert told.count() == len(injection.fitting(obj)) > 0
    assert Task.objects.filter(description_id="Lab.injectFault").count() == told.count()


def test_a_crash_from_the_dialog_ends_when_its_time_is_over():
    stage = running_stage()
    host = stage.host(0)
    answer = stage.client("student").post(
        stage.dialog(host.moref, "inject-fault"), {"fault": "host_crash", "duration_min": "5"}
    )
    assert answer.status_code == 202
    pumping.advance(stage.vc, 100, 5.0)
    assert Host.objects.get(pk=host.pk).connection_state == HostConnection.NOT_RESPONDING
    pumping.advance(stage.vc, 900, 20.0)
    assert Host.objects.get(pk=host.pk).connection_state == HostConnection.CONNECTED


def test_a_fault_of_another_kind_of_object_is_refused():
    stage = running_stage()
    with pytest.raises(faults.InvalidArgument):
        injection.inject(None, stage.vm(0), "host_crash")
    with pytest.raises(faults.InvalidArgument):
        injection.inject(None, stage.host(0), "host_crash", duration_s=-1)
    with pytest.raises(faults.NoPermission):
        injection.inject(stage.cast.operator, stage.host(0), "host_crash")


def test_a_failure_is_not_forgotten_by_a_pump_that_dies_once_it_is_recorded(monkeypatch):
    """Killed between the transaction with the events and everything that listens to the beat."""
    stage = running_stage(ha_enabled=True, ha_options={"admission": "disabled"})
    host = stage.host(0)
    there = set(VirtualMachine.objects.filter(host=host, power_state=VmPower.ON).values_list("moref", flat=True))
    assert there

    def die(beat: pump.Beat) -> None:
        raise KeyboardInterrupt

    stage.break_(host, Injection.HOST_CRASH)
    with monkeypatch.context() as doomed:
        doomed.setattr(pump, "LISTENERS", [die])
        with pytest.raises(KeyboardInterrupt):
            pumping.advance(stage.vc, 5, 5.0)
    pumping.advance(stage.vc, 400, 5.0)
    assert set(HaRestart.objects.values_list("vm", flat=True)) == there
    for vm in VirtualMachine.objects.filter(moref__in=there):
        assert vm.power_state == VmPower.ON
        assert vm.host_id != host.pk


@pytest.mark.parametrize("why", [OperationalError("deadlock detected"), SoftTimeLimitExceeded()])
def test_an_event_whose_transaction_fails_is_recorded_by_the_next_beat(monkeypatch, why):
    stage = running_stage(ha_enabled=True, ha_options={"admission": "disabled"})
    host = stage.host(0)

    def fail(recorder: happenings.Recorder, event: FleetEvent) -> None:
        raise why

    stage.break_(host, Injection.HOST_CRASH)
    with monkeypatch.context() as unlucky:
        unlucky.setitem(happenings.HANDLERS, Happening.VM_POWER, fail)
        with pytest.raises(type(why)):
            pumping.advance(stage.vc, 5, 5.0)
    assert VirtualMachine.objects.filter(host=host, power_state=VmPower.ON).exists()
    pumping.advance(stage.vc, 5, 5.0)
    assert not VirtualMachine.objects.filter(host=host, power_state=VmPower.ON).exists()
    assert HaRestart.objects.exists()
