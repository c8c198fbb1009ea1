"""Checkpoints of whole labs: what goes back, what stays, and who may write afterwards."""

from __future__ import annotations

import sys
import time

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.db.models import ForeignKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from classroom.checkpoints import archive, capture, rows, services
from classroom.models import Checkpoint
from domain import faults
from domain.states import TaskState, VmPower
from hypervisors.port import Command, Op
from inventory import fleet, metrics, pump, seeding
from inventory.journal import changing
from inventory.management.commands.verify_fleet import Command as VerifyFleet
from inventory.models import (
    AuditEntry,
    Event,
    Host,
    License,
    Permission,
    Role,
    ScheduledTask,
    Task,
    VCenter,
    VirtualMachine,
)
from inventory.services import clock, licenses, snapshots, vms
from tests import builders, cast, pumping

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def lab():
    made = builders.small_lab(hosts=2, vms=3)
    pumping.hold_clock(made.vcenter)
    pumping.advance(made.vcenter, 60)
    return made


def agrees(vcenter):
    """The inventory says of every VM what the fleet says."""
    vcenter.refresh_from_db()
    return VerifyFleet()._differences(vcenter) == []


def rewound(vcenter, checkpoint):
    services.rewind(Checkpoint.objects.get(pk=checkpoint.pk), None)
    vcenter.refresh_from_db()


def off(lab):
    return VirtualMachine.objects.filter(vcenter=lab.vcenter, power_state=VmPower.OFF, template=False).first()


# --- what goes back --------------------------------------------------------------------------------------------------
def test_what_was_added_goes_and_what_was_deleted_comes_back(lab):
    gone = off(lab)
    start = services.take(lab.vcenter, None, "Start")
    vms.delete_from_disk(None, gone)
    pumping.succeeded(lab.vcenter, vms.purge(None, VirtualMachine.everything.get(pk=gone.pk)))
    builders.make_folder(lab.vm_folder, "added")
    rewound(lab.vcenter, start)
    back = VirtualMachine.objects.get(pk=gone.pk)
    assert (back.moref, back.uuid, back.disks.count(), back.nics.count()) == (gone.moref, gone.uuid, 1, 1)
    assert not lab.vm_folder.children.exists()
    assert back.created_at == gone.created_at
    assert agrees(lab.vcenter)
    pumping.advance(lab.vcenter, 40)
    assert agrees(lab.vcenter)


def test_clock_figures_and_events_are_those_of_then(lab):
    start = services.take(lab.vcenter, None, "Start")
    vm = lab.vms[0]
    then = metrics.series(lab.vcenter, "vm", vm.slot, [2]).times_s.tolist()
    events = Event.objects.filter(vcenter=lab.vcenter).count()
    newest = metrics.latest(lab.vcenter).time_s
    blob = fleet.store_of(lab.vcenter).load()
    pumping.succeeded(lab.vcenter, vms.power_on(None, off(lab)))
    pumping.advance(lab.vcenter, 400)
    assert metrics.series(lab.vcenter, "vm", vm.slot, [2]).times_s.tolist() != then
    rewound(lab.vcenter, start)
    assert fleet.store_of(lab.vcenter).load() == blob
    assert lab.vcenter.lab_seconds() == start.lab_s
    assert metrics.series(lab.vcenter, "vm", vm.slot, [2]).times_s.tolist() == then
    assert metrics.latest(lab.vcenter).time_s == newest
    # Taking the checkpoint left no event; going back left one.
    assert Event.objects.filter(vcenter=lab.vcenter).count() == events + 1


def test_snapshots_with_their_tree_come_back(lab):
    vm = off(lab)
    pumping.succeeded(lab.vcenter, snapshots.take(None, vm, "one"))
    start = services.take(lab.vcenter, None, "Start")
    current = VirtualMachine.objects.get(pk=vm.pk).current_snapshot_id
    pumping.succeeded(lab.vcenter, snapshots.remove_all(None, VirtualMachine.objects.get(pk=vm.pk)))
    rewound(lab.vcenter, start)
    vm.refresh_from_db()
    assert (vm.current_snapshot_id, vm.snapshots.get().name) == (current, "one")


def test_an_adapter_without_a_network_is_carried_and_a_scheduled_task_forgets_what_has_gone(lab):
    nic = off(lab).nics.get()
    type(nic).objects.filter(pk=nic.pk).update(network=None)
    start = services.take(lab.vcenter, None, "Start")
    task = pumping.succeeded(lab.vcenter, vms.power_on(None, off(lab)))
    planned = ScheduledTask.objects.create(
        vcenter=lab.vcenter, entity=task.entity, name="nightly", verb="x", last_task=task,
        owner=get_user_model().objects.create_user("planner"),
    )  # fmt: skip
    rewound(lab.vcenter, start)
    assert type(nic).objects.get(pk=nic.pk).network is None
    planned.refresh_from_db()
    assert planned.last_task is None


def test_numbers_of_history_never_go_back(lab):
    start = services.take(lab.vcenter, None, "Start")
    pumping.succeeded(lab.vcenter, vms.power_on(None, off(lab)))
    before = (lab.vcenter.next_id, lab.vcenter.next_event_key)
    lab.vcenter.refresh_from_db()
    audited = AuditEntry.objects.count()
    rewound(lab.vcenter, start)
    assert lab.vcenter.next_id >= before[0]
    assert lab.vcenter.next_event_key >= before[1]
    assert AuditEntry.objects.count() == audited + 1


def test_rights_are_not_rewound(lab):
    people = cast.make_cast(lab.vcenter)
    role = Role.objects.get(vcenter=None, name="Administrator")
    late = builders.make_folder(lab.vm_folder, "late")
    start = services.take(lab.vcenter, None, "Start")
    Permission.objects.filter(user=people.operator).delete()
    stray = builders.make_folder(lab.vm_folder, "stray")
    for folder in (late, stray):
        Permission.objects.create(vcenter=lab.vcenter, entity=folder.moref, user=people.outsider, role=role)
    rewound(lab.vcenter, start)
    assert not Permission.objects.filter(user=people.operator).exists()
    assert [p.entity for p in Permission.objects.filter(user=people.outsider)] == [late.moref]


# --- what was under way ----------------------------------------------------------------------------------------------
def test_a_task_of_the_abandoned_timeline_ends_with_a_sentence(lab):
    start = services.take(lab.vcenter, None, "Start")
    task = vms.power_on(None, off(lab))
    pumping.advance(lab.vcenter, 1, 1)
    rewound(lab.vcenter, start)
    task.refresh_from_db()
    assert (task.state, task.cancelled) == (TaskState.ERROR, True)
    assert "Start" in faults.from_dict(task.fault).sentence
    pumping.advance(lab.vcenter, 200)
    assert agrees(lab.vcenter)
    assert off(lab).pk == VirtualMachine.objects.get(moref=task.entity).pk


def test_a_task_under_way_at_the_checkpoint_goes_on_from_there(lab):
    task = vms.power_on(None, off(lab))
    pumping.advance(lab.vcenter, 1, 1)
    middle = services.take(lab.vcenter, None, "Middle")
    pumping.succeeded(lab.vcenter, task)
    rewound(lab.vcenter, middle)
    task.refresh_from_db()
    assert task.live
    pumping.succeeded(lab.vcenter, task)
    assert agrees(lab.vcenter)


def test_nothing_of_the_old_timeline_writes_into_the_new_one(lab):
    start = services.take(lab.vcenter, None, "Start")
    pumping.advance(lab.vcenter, 100)
    stale = VCenter.objects.get(pk=lab.vcenter.pk)
    rewound(lab.vcenter, start)
    state = fleet.store_of(lab.vcenter).load()
    # A beat that had read its clock before, a command on its way, a change that began before.
    with fleet.leased(stale) as token:
        assert token is None
    fleet.send(stale, [Command(Op.POWER_OFF, str(lab.vms[0].uuid), {}, "stale")])
    with pytest.raises(faults.LabRewound), changing(stale) as change:
        change.changed(lab.vms[0])
    assert fleet.store_of(lab.vcenter).load() == state
    assert fleet.store_of(lab.vcenter).pending() == []
    pumping.advance(lab.vcenter, 60)
    assert VirtualMachine.objects.get(pk=lab.vms[0].pk).power_state == VmPower.ON


def test_no_beat_runs_while_a_checkpoint_is_taken(lab):
    VCenter.objects.filter(pk=lab.vcenter.pk).update(clock_lab_s=lab.vcenter.lab_seconds() + 20)
    with capture.held(lab.vcenter):
        assert not pump.pump(lab.vcenter.pk)
    assert pump.pump(lab.vcenter.pk)


# --- the file --------------------------------------------------------------------------------------------------------
def test_a_damaged_file_changes_nothing(lab):
    start = services.take(lab.vcenter, None, "Start")
    whole = start.file.read_bytes()
    for damage in (b"", whole[:100], whole[:-1], whole + b"x", whole[:-9] + b"\0" + whole[-8:]):
        start.file.write_bytes(damage)
        with pytest.raises(faults.InvalidState):
            services.rewind(start, None)
    start.file.unlink()
    with pytest.raises(faults.InvalidState):
        services.rewind(start, None)
    lab.vcenter.refresh_from_db()
    assert lab.vcenter.timeline == 0


def test_a_section_that_unpacks_to_more_than_it_says_is_refused():
    packed = archive.Archive({}, {"rows": b"\0" * 10_000}).to_bytes()
    liar = archive.Archive({}, {"rows": b"\0" * 100}).to_bytes()
    start = len(liar) - len(archive._pack("rows", b"\0" * 100))
    with pytest.raises(archive.Damaged):
        archive.Archive.from_bytes(liar[:start] + packed[-(len(liar) - start) :])


def test_the_file_goes_with_its_row(lab):
    start = services.take(lab.vcenter, None, "Start")
    assert start.file.stat().st_size == start.size
    services.delete(start, None)
    assert not start.file.parent.exists()


def test_a_name_is_given_once_and_strangers_may_not(lab):
    people = cast.make_cast(lab.vcenter)
    start = services.take(lab.vcenter, None, "Start")
    with pytest.raises(faults.DuplicateName):
        services.take(lab.vcenter, None, "Start")
    for who in (people.operator, people.reader, people.outsider):
        for act in (lambda: services.take(lab.vcenter, who, "Mine"), lambda: services.rewind(start, who)):  # noqa: B023
            with pytest.raises(faults.NoPermission):
                act()


# --- copies ----------------------------------------------------------------------------------------------------------
def test_a_copy_has_the_same_future(lab):
    owner = get_user_model().objects.create_user("copier")
    start = services.take(lab.vcenter, None, "Start")
    copy = services.copy(start, None, "twin", owner)
    assert (copy.owner, VirtualMachine.everything.filter(vcenter=copy).count()) == (owner, 4)
    for vcenter in (lab.vcenter, copy):
        pumping.advance(vcenter, 120)
    assert fleet.store_of(copy).load() == fleet.store_of(lab.vcenter).load()
    pumping.succeeded(
        copy,
        vms.power_on(
            None, VirtualMachine.objects.filter(vcenter=copy, power_state="poweredOff", template=False).first()
        ),
    )
    assert agrees(copy)
    assert agrees(lab.vcenter)


def test_hosts_keep_their_licenses_in_a_copy_and_get_them_back(lab):
    made = License.objects.create(vcenter=lab.vcenter, name="KEY", edition="essentials", cores=64)
    host = Host.objects.select_related("cluster", "vcenter").get(pk=lab.hosts[0].pk)
    licenses.assign(None, host, made)
    start = services.take(lab.vcenter, None, "Start")
    copy = services.copy(start, None, "twin")
    theirs = License.objects.get(vcenter=copy)
    assert Host.objects.get(vcenter=copy, moref=host.moref).license == theirs != made
    licenses.assign(None, host, None)
    licenses.remove(None, made)
    services.rewind(start, None)
    assert Host.objects.get(pk=host.pk).license == License.objects.get(vcenter=lab.vcenter) == made
    assert agrees(lab.vcenter)


def test_a_copy_of_a_busy_lab_begins_without_what_was_under_way(lab):
    task = vms.power_on(None, off(lab))
    pumping.advance(lab.vcenter, 1, 1)
    copy = services.copy_now(lab.vcenter, None, "twin")
    theirs = Task.objects.get(vcenter=copy, moref=task.moref)
    assert (theirs.state, theirs.cancelled) == (TaskState.ERROR, True)
    pumping.advance(copy, 60)
    assert agrees(copy)
    task.refresh_from_db()
    assert task.live


# --- always ----------------------------------------------------------------------------------------------------------
def test_nothing_outside_points_at_what_is_carried():
    """A row that another app points to would be missing after a rewind, and its transaction would fail."""
    carried = set(rows.ways())
    mended = rows.LEFT_OUT
    outside = [model for model in apps.get_models() if model not in carried | mended]
    pointing = [
        f"{model._meta.label}.{key.name}"
        for model in outside
        for key in model._meta.concrete_fields
        if isinstance(key, ForeignKey) and key.related_model in carried
    ]
    assert pointing == []


STEPS = st.lists(st.sampled_from(["on", "off", "delete", "pass", "take", "back", "speed"]), min_size=3, max_size=9)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=STEPS)
def test_any_order_of_steps_leaves_a_consistent_lab(steps):
    lab = builders.small_lab(hosts=2, vms=3)
    pumping.hold_clock(lab.vcenter)
    pumping.advance(lab.vcenter, 20)
    kept = [services.take(lab.vcenter, None, "0")]
    for number, step in enumerate(steps, 1):
        lab.vcenter.refresh_from_db()
        machine = off(lab)
        running = VirtualMachine.objects.filter(vcenter=lab.vcenter, power_state=VmPower.ON).first()
        try:
            match step:
                case "on" if machine:
                    vms.power_on(None, machine)
                case "off" if running:
                    vms.power_off(None, running)
                case "delete" if machine:
                    vms.delete_from_disk(None, machine)
                case "take":
                    kept.append(services.take(lab.vcenter, None, str(number)))
                case "back":
                    rewound(lab.vcenter, kept[number % len(kept)])
                case "speed":
                    clock.step(None, lab.vcenter, 30)
        except (faults.TaskInProgress, faults.InvalidState):
            pass
        pumping.advance(lab.vcenter, 10, 5)
    pumping.advance(lab.vcenter, 200)
    assert agrees(lab.vcenter)
    assert not Task.objects.filter(vcenter=lab.vcenter, state__in=capture.LIVE).exists()


def test_the_same_commands_after_a_rewind_give_the_same_fleet(lab):
    start = services.take(lab.vcenter, None, "Start")
    states = []
    for _time in range(2):
        fleet.send(lab.vcenter, [Command(Op.POWER_OFF, str(lab.vms[0].uuid), {}, "op-1")])
        driver = fleet.driver_for(lab.vcenter)
        with fleet.leased(lab.vcenter) as token:
            driver = fleet.driver_for(lab.vcenter, token)
            driver.poll(lab.vcenter.lab_seconds() + 300)
        states.append(fleet.store_of(lab.vcenter).load())
        rewound(lab.vcenter, start)
    assert states[0] == states[1]


def test_eighty_vms_go_back_within_seconds(capsys):
    plan = seeding.Plan(hosts=8, vms=80, hosted=0)
    vcenter = seeding.new_vcenter(plan)
    seeding.make(vcenter, plan)
    pumping.hold_clock(vcenter)
    pumping.advance(vcenter, 600, 60)
    began = time.process_time()
    start = services.take(vcenter, None, "Start")
    taken = time.process_time()
    services.rewind(start, None)
    ended = time.process_time()
    with capsys.disabled():
        sys.stdout.write(
            f"\n8 hosts, 80 VMs: {taken - began:.2f} s, back {ended - taken:.2f} s, {start.size / 1e6:.1f} MB\n"
        )
    assert taken - began < 20  # seconds of CPU, 2 on a quiet machine: others on its cores make each one longer too
    assert ended - taken < 20
    assert start.size < 50e6
