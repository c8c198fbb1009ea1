"""VM Startup/Shutdown on the simulated fleet: boots, crashes, reboots, failing machines, killed workers, the clock."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise

import pytest
from django.db import OperationalError

from domain.autostart import Defaults, Machine, Startup
from domain.states import HostConnection, HostPower, TaskReason, TaskState, ToolsStatus, VmPower
from domain.vapps import StopAction
from hypervisors.port import Command, Config, Injection
from inventory import fleet, host_sequences, pump, sequences
from inventory.models import Event, Host, Task, VCenter, VirtualMachine
from inventory.services import autostart, hosts, tasks, undo, vms
from tests import builders, cast, pumping

pytestmark = pytest.mark.django_db(transaction=True)
ON, OFF = VmPower.ON, VmPower.OFF


class Rack:
    """A host with machines db, app, web (that start in this order), spare (any order) and notes (manual)."""

    def __init__(self, enabled: bool = True, delay_s: int = 30, **cluster: object) -> None:
        self.lab = builders.small_lab(hosts=2, vms=1)
        self.vc: VCenter = self.lab.vcenter
        for name, value in cluster.items():
            setattr(self.lab.cluster, name, value)
        self.lab.cluster.save()
        self.names = ("db", "app", "web", "spare", "notes")
        for name in self.names:
            builders.make_vm(self.lab.host, name, datastore=self.lab.datastore, power_state=ON)
        VirtualMachine.objects.exclude(name__in=self.names).update(power_state=OFF)
        pumping.hold_clock(self.vc)
        pumping.beat(self.vc)
        pumping.advance(self.vc, 300)
        own = {self.vm(name).moref: Machine(Startup.ORDERED, n) for n, name in enumerate(("db", "app", "web"), 1)}
        own[self.vm("spare").moref] = Machine(Startup.ANY_ORDER)
        if enabled:
            autostart.configure(None, self.host, defaults=Defaults(True, start_delay_s=delay_s), machines=own)

    @property
    def host(self) -> Host:
        return Host.objects.select_related("cluster", "vcenter").get(pk=self.lab.host.pk)

    def vm(self, name: str) -> VirtualMachine:
        rows = VirtualMachine.objects.select_related("host__cluster", "vcenter", "pool")
        return rows.get(vcenter=self.vc, name=name)

    def running(self) -> set[str]:
        return set(VirtualMachine.objects.filter(name__in=self.names, power_state=ON).values_list("name", flat=True))

    def done(self, operation: str) -> list[tuple[str, float]]:
        """What was done to machines: (name, lab seconds), oldest first."""
        rows = Task.objects.filter(vcenter=self.vc, operation=operation, state=TaskState.SUCCESS)
        return list(rows.order_by("queued_lab_s", "id").values_list("entity_name", "queued_lab_s"))

    def one(self, operation: str) -> Task:
        return Task.objects.select_related("vcenter", "parent").get(vcenter=self.vc, operation=operation)

    def crash(self, down_s: float = 120.0) -> None:
        args = {"fault": Injection.HOST_CRASH.value, "duration_s": down_s}
        fleet.send(self.vc, [Command(Config.INJECT, str(self.host.uuid), args)])

    def until(self, wanted, limit_s: float = 3000.0) -> None:
        for _ in range(int(limit_s / 5)):
            if wanted():
                return
            pumping.advance(self.vc, 5.0, 5.0)
        raise AssertionError(
            list(Task.objects.filter(vcenter=self.vc).values_list("operation", "entity_name", "state", "fault"))
        )

    def ended(self, operation: str) -> bool:
        return Task.objects.filter(vcenter=self.vc, operation=operation, completed_at__isnull=False).exists()


@pytest.fixture
def rack():
    return Rack()


# --- a host reboots --------------------------------------------------------------------------------------------------
def test_a_reboot_stops_what_runs_in_reverse_and_brings_it_back_in_order(rack):
    task = hosts.reboot(None, rack.host, "patches", force=True)
    assert task.operation == "host.auto_power_off"
    rack.until(lambda: rack.ended("host.reboot"))
    assert [name for name, _s in rack.done("vm.power_off")] == ["notes", "spare", "web", "app", "db"]
    assert rack.running() == set()
    reboot = rack.one("host.reboot")
    assert (reboot.state, reboot.parent_id, reboot.args["reason"]) == (TaskState.SUCCESS, task.pk, "patches")
    rack.until(lambda: rack.ended("host.auto_power_on"))
    started = rack.done("vm.power_on")
    assert [name for name, _s in started] == ["db", "app", "web", "spare"]
    gaps = [after - before for (_a, before), (_b, after) in pairwise(started)]
    assert min(gaps) >= 30
    assert rack.running() == {"db", "app", "web", "spare"}
    assert {rack.vm(name).host_id for name in rack.names} == {rack.host.pk}


def test_what_starts_by_itself_says_who_did_it(rack):
    hosts.reboot(None, rack.host, "", force=True)
    rack.until(lambda: rack.ended("host.auto_power_on"))
    run = rack.one("host.auto_power_on")
    started = Task.objects.filter(operation="vm.power_on", parent=run)
    assert started.count() == 4
    assert set(started.values_list("initiator_name", "reason")) == {(host_sequences.INITIATOR, TaskReason.SYSTEM)}
    assert run.reason == TaskReason.SYSTEM


def test_nothing_is_killed_by_a_shut_down_and_a_power_on_starts_again(rack):
    hosts.shut_down(None, rack.host, "moving", force=True)
    rack.until(lambda: rack.ended("host.shutdown"))
    assert rack.host.power_state == HostPower.OFF
    assert {name for name, _s in rack.done("vm.power_off")} == set(rack.names)
    rack.until(lambda: rack.host.connection_state != HostConnection.CONNECTED)
    hosts.power_on(None, rack.host)
    rack.until(lambda: rack.ended("host.auto_power_on"))
    assert rack.running() == {"db", "app", "web", "spare"}


def test_after_a_crash_they_come_back_in_order(rack):
    rack.crash()
    rack.until(lambda: not rack.running(), 300)
    assert rack.done("vm.power_off") == []
    rack.until(lambda: rack.ended("host.auto_power_on"))
    assert [name for name, _s in rack.done("vm.power_on")] == ["db", "app", "web", "spare"]


def test_a_crash_that_is_over_before_anybody_notices_starts_them_too(rack):
    Host.objects.filter(pk=rack.host.pk).update(boot_median_s=5.0)
    rack.crash(5.0)
    rack.until(lambda: rack.ended("host.auto_power_on"))
    assert rack.running() == {"db", "app", "web", "spare"}


# --- where it is off -------------------------------------------------------------------------------------------------
def test_a_host_without_it_reboots_as_before():
    rack = Rack(enabled=False)
    assert hosts.reboot(None, rack.host, "", force=True).operation == "host.reboot"
    rack.until(lambda: rack.ended("host.reboot"))
    assert rack.running() == set()
    pumping.advance(rack.vc, 300)
    assert not Task.objects.filter(operation__startswith="host.auto").exists()


def test_in_a_cluster_with_ha_it_is_off_whatever_is_stored(rack):
    rack.lab.cluster.ha_enabled = True
    rack.lab.cluster.save()
    rack.crash()
    rack.until(lambda: rack.host.connection_state == HostConnection.CONNECTED and not rack.running(), 900)
    pumping.advance(rack.vc, 900)
    assert not Task.objects.filter(operation__startswith="host.auto").exists()


def test_a_host_in_maintenance_mode_starts_nothing(rack):
    VirtualMachine.objects.filter(name__in=rack.names).update(power_state=OFF)
    pumping.meet(rack.vc)
    Host.objects.filter(pk=rack.host.pk).update(in_maintenance=True)
    pumping.meet(rack.vc)
    hosts.reboot(None, rack.host, "")
    rack.until(lambda: rack.ended("host.reboot"))
    pumping.advance(rack.vc, 120)
    assert not Task.objects.filter(operation="host.auto_power_on").exists()


# --- delays and tools ------------------------------------------------------------------------------------------------
def test_a_paused_clock_holds_the_delay(rack):
    rack.crash()
    rack.until(lambda: [n for n, _s in rack.done("vm.power_on")] == ["db"])
    for _ in range(10):
        pumping.beat(rack.vc)
    assert Task.objects.filter(operation="vm.power_on").count() == 1
    pumping.advance(rack.vc, 60, 5.0)
    assert Task.objects.filter(operation="vm.power_on").count() >= 2


def test_as_soon_as_tools_answer_the_next_starts():
    rack = Rack(delay_s=3000)
    autostart.configure(None, rack.host, defaults=Defaults(True, 3000, wait_for_tools=True))
    rack.crash()
    rack.until(lambda: rack.ended("host.auto_power_on"), 2500)
    assert len(rack.done("vm.power_on")) == 4


def test_guests_are_shut_down_where_they_can_and_stopped_hard_where_they_cannot():
    rack = Rack()
    autostart.configure(None, rack.host, defaults=Defaults(True, stop_action=StopAction.GUEST_SHUTDOWN))
    VirtualMachine.objects.filter(name="web").update(tools_status=ToolsStatus.NOT_RUNNING)
    assert rack.vm("db").tools_status == ToolsStatus.OK
    hosts.reboot(None, rack.host, "", force=True)
    rack.until(lambda: rack.ended("host.reboot"))
    assert [name for name, _s in rack.done("vm.power_off")] == ["web"]
    assert {name for name, _s in rack.done("vm.shutdown_guest")} == {"db", "app", "spare", "notes"}


def test_suspended_machines_are_resumed_with_their_host():
    rack = Rack()
    autostart.configure(None, rack.host, defaults=Defaults(True, 0, stop_action=StopAction.SUSPEND))
    hosts.reboot(None, rack.host, "", force=True)
    rack.until(lambda: rack.ended("host.auto_power_on"))
    assert {name for name, _s in rack.done("vm.resume")} == {"db", "app", "web", "spare"}
    assert rack.vm("notes").power_state == VmPower.SUSPENDED


# --- what goes wrong -------------------------------------------------------------------------------------------------
def test_one_that_cannot_start_does_not_hold_up_the_others(rack):
    VirtualMachine.objects.filter(name="app").update(memory_mib=10_000_000, memory_reservation_mib=10_000_000)
    rack.crash()
    rack.until(lambda: rack.ended("host.auto_power_on"))
    assert rack.running() == {"db", "web", "spare"}
    assert Event.objects.filter(type="VmFailedToPowerOnEvent", entity=rack.vm("app").moref).exists()
    assert rack.one("host.auto_power_on").state == TaskState.SUCCESS


def test_a_host_that_goes_down_again_starts_over_once(rack):
    rack.crash()
    rack.until(lambda: rack.running() == {"db"})
    rack.crash()
    rack.until(lambda: not rack.running(), 300)
    runs = Task.objects.filter(operation="host.auto_power_on")
    rack.until(lambda: runs.count() == 2 and not runs.filter(completed_at__isnull=True).exists())
    assert sorted(runs.values_list("state", flat=True)) == [TaskState.ERROR, TaskState.SUCCESS]
    assert rack.running() == {"db", "app", "web", "spare"}


def test_whoever_cancels_the_stop_keeps_the_host(rack):
    task = hosts.reboot(None, rack.host, "", force=True)
    tasks.cancel(None, Task.objects.select_related("vcenter").get(pk=task.pk))
    pumping.advance(rack.vc, 120, 5.0)
    task.refresh_from_db()
    assert task.cancelled
    assert not Task.objects.filter(operation="host.reboot").exists()
    assert rack.host.power_state == HostPower.ON
    assert rack.running()


def test_workers_killed_at_any_beat_do_everything_once(rack, monkeypatch):
    """A process that dies after it has read a run, and one that does the same turn twice, change nothing."""
    hosts.reboot(None, rack.host, "", force=True)
    real, calls = sequences.steward, iter(range(10_000))

    def clumsy(task: Task, lab_s: float) -> None:
        turn = next(calls)
        if turn % 3 == 0:
            raise RuntimeError("killed")
        stale = Task.objects.select_related("vcenter", "initiator").get(pk=task.pk)
        real(task, lab_s)
        real(stale, lab_s)

    monkeypatch.setattr(sequences, "steward", clumsy)
    rack.until(lambda: rack.ended("host.auto_power_on"))
    assert Task.objects.filter(operation="host.reboot").count() == 1
    assert Task.objects.filter(operation="host.auto_power_on").count() == 1
    assert [name for name, _s in rack.done("vm.power_on")] == ["db", "app", "web", "spare"]
    assert Task.objects.filter(operation="vm.power_off").count() == 5


def test_a_beat_that_is_taken_back_starts_nothing_twice(rack, monkeypatch):
    """The transaction that records the boot makes the run: without it there is neither."""
    rack.crash()
    rack.until(lambda: not rack.running(), 300)
    broken = iter([True])
    real = host_sequences.record

    def once(change, events) -> None:
        real(change, events)
        if any(map(host_sequences._booted, events)) and next(broken, False):
            from django.db import OperationalError

            raise OperationalError("the database went away")

    monkeypatch.setattr(pump, "RECORDERS", [once if one is real else one for one in pump.RECORDERS])
    for _ in range(400):
        with suppress(OperationalError):
            if rack.ended("host.auto_power_on"):
                break
            pumping.advance(rack.vc, 5.0, 5.0)
    assert next(broken, False) is False
    assert Task.objects.filter(operation="host.auto_power_on").count() == 1
    assert [name for name, _s in rack.done("vm.power_on")] == ["db", "app", "web", "spare"]


def test_a_machine_that_is_busy_for_long_is_passed_over(rack):
    """Its task goes on as long as it likes; the host does not wait."""
    vm = rack.vm("notes")
    Task.objects.create(
        vcenter=rack.vc, moref="task-99999", description_id="VirtualMachine.clone", operation="vapp.none",
        entity=vm.moref, entity_kind="VirtualMachine", entity_name=vm.name, state=TaskState.RUNNING,
    )  # fmt: skip
    hosts.reboot(None, rack.host, "", force=True)
    pumping.advance(rack.vc, 60, 5.0)
    assert rack.running() == set(rack.names)
    rack.until(lambda: rack.ended("host.reboot"), 1200)
    assert [name for name, _s in rack.done("vm.power_off")] == ["spare", "web", "app", "db"]


def test_a_machine_that_has_left_the_host_is_none_of_its_business(rack):
    other = rack.lab.hosts[1]
    vms.power_off(None, rack.vm("app"))
    rack.until(lambda: "app" not in rack.running(), 120)
    VirtualMachine.objects.filter(name="app").update(host=other)
    pumping.meet(rack.vc)
    rack.crash()
    rack.until(lambda: rack.ended("host.auto_power_on"))
    assert [name for name, _s in rack.done("vm.power_on")] == ["db", "web", "spare"]
    autostart.configure(None, rack.host, defaults=Defaults(True))
    assert rack.vm("app").moref not in rack.host.autostart["machines"]


def test_a_change_of_the_settings_is_taken_back(rack):
    before, boss = rack.host.autostart, cast.make_user("boss", is_superuser=True)
    task = autostart.configure(boss, rack.host, defaults=Defaults(False), machines={rack.vm("db").moref: Machine()})
    assert rack.host.autostart != before
    undo.undo(boss, task)
    assert rack.host.autostart == before
