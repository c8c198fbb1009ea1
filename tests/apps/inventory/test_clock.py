"""The lab clock, running until something is so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils.timezone import now

from domain import faults
from domain.states import TaskState, VmPower
from inventory import fleet, pump, until
from inventory.models import Event, Task, VCenter, VirtualMachine
from inventory.services import clock, vms
from scheduler.models import Decision, Migration
from tests import builders, cast, pumping

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def lab():
    made = builders.small_lab(hosts=2, vms=3)
    VCenter.objects.filter(pk=made.vcenter.pk).update(
        lab_epoch=datetime(2026, 3, 2, 8, 0, tzinfo=UTC), timezone="Asia/Seoul"
    )
    pumping.hold_clock(VCenter.objects.get(pk=made.vcenter.pk))
    made.vcenter.refresh_from_db()
    pumping.advance(made.vcenter, 40)
    return made


def wait(lab, wall_s):
    """So much wall time goes by, then a beat."""
    lab.vcenter.refresh_from_db()
    VCenter.objects.filter(pk=lab.vcenter.pk).update(clock_wall=lab.vcenter.clock_wall - timedelta(seconds=wall_s))
    pumping.beat(lab.vcenter)
    lab.vcenter.refresh_from_db()


def stopped(lab):
    lab.vcenter.refresh_from_db()
    return lab.vcenter.clock_speed == 0 and until.running(lab.vcenter) is None


def reasons(lab):
    rows = Event.objects.filter(vcenter=lab.vcenter, type="ClockChangedEvent").order_by("key")
    return [event.fields["reason"] for event in rows]


def test_turning_the_clock_is_told_of_the_vcenter(lab):
    task = clock.pause(None, lab.vcenter)
    assert (task.entity, task.entity_name) == (lab.vcenter.moref, lab.vcenter.name)
    event = Event.objects.get(vcenter=lab.vcenter, type="ClockChangedEvent")
    assert event.entity_name == lab.vcenter.name


def test_a_time_of_day_is_met_to_the_second_in_the_labs_zone(lab):
    clock.run_until(None, lab.vcenter, "time", "17:10")  # 08:00 UTC is 17:00 in Seoul
    assert lab.vcenter.lab_seconds(now() + timedelta(hours=1)) == 600
    for _beat in range(4):  # one beat goes so far and no further
        wait(lab, 30)
    assert stopped(lab)
    assert lab.vcenter.lab_seconds() == 600
    assert reasons(lab) == ["×600 until: 17:10", "reached: 17:10"]


def test_a_time_that_has_passed_means_tomorrow(lab):
    clock.run_until(None, lab.vcenter, "time", "17:00")
    assert until.running(lab.vcenter)["until_s"] == 86_400


def test_it_stops_when_the_tasks_are_done_and_resume_goes_on_as_before(lab):
    clock.set_speed(None, lab.vcenter, 5)
    off = VirtualMachine.objects.filter(vcenter=lab.vcenter, power_state=VmPower.OFF, template=False).first()
    task = vms.power_on(None, off)
    pumping.beat(lab.vcenter)
    clock.run_until(None, lab.vcenter, "tasks")
    for _second in range(40):
        wait(lab, 1)
        if stopped(lab):
            break
    assert stopped(lab)
    task.refresh_from_db()
    assert not task.live
    clock.resume(None, lab.vcenter)
    assert lab.vcenter.clock_speed == 5


def test_what_is_so_already_and_what_cannot_be_are_refused(lab):
    with pytest.raises(faults.InvalidState):
        clock.run_until(None, lab.vcenter, "tasks")
    with pytest.raises(faults.InvalidState):
        clock.run_until(None, lab.vcenter, "below", "99")
    with pytest.raises(faults.InvalidState):
        clock.run_until(None, lab.vcenter, "drs_move")  # DRS is off
    for kind, value in (("time", "25:00"), ("time", ""), ("below", "0"), ("below", "x"), ("moon", "")):
        with pytest.raises(faults.InvalidArgument):
            clock.run_until(None, lab.vcenter, kind, value)
    lab.vcenter.refresh_from_db()
    assert until.running(lab.vcenter) is None


def test_the_load_is_looked_at_with_each_beat(lab, monkeypatch):
    loads = iter([70.0, 70.0, 55.0, 39.0])
    monkeypatch.setattr(until, "load_pct", lambda vcenter: next(loads))
    clock.run_until(None, lab.vcenter, "below", "40")
    wait(lab, 1)
    assert not stopped(lab)
    wait(lab, 1)
    assert stopped(lab)


def test_the_real_load_is_a_percentage(lab):
    assert 0 < until.load_pct(lab.vcenter) < 100


def test_what_never_comes_ends_at_its_bound(lab, monkeypatch):
    monkeypatch.setattr(until, "LONGEST_S", 300.0)
    clock.run_until(None, lab.vcenter, "above", "100", speed=600)
    end = until.running(lab.vcenter)["until_s"]
    for _beat in range(4):
        wait(lab, 1)
    assert stopped(lab)
    assert lab.vcenter.lab_seconds() == end
    assert reasons(lab)[-1] == "not reached in time: load above 100 %"


def test_drs_ends_a_run_by_its_cycle_or_its_move(lab):
    lab.cluster.drs_enabled = True
    lab.cluster.save()
    clock.run_until(None, lab.vcenter, "drs_cycle")
    before = until.running(lab.vcenter)["after"]
    Decision.objects.create(cluster=lab.cluster, lab_s=lab.vcenter.lab_seconds())
    wait(lab, 0.1)
    assert before == 0
    assert stopped(lab)
    clock.run_until(None, lab.vcenter, "drs_move")
    move = {"vcenter": lab.vcenter, "vm": "vm-1", "vm_name": "a", "kind": "vmotion", "source": "host-1",
            "source_name": "a", "destination": "host-2", "destination_name": "b", "started_lab_s": 1}  # fmt: skip
    Migration.objects.create(**move, cause="user", ok=True, ended_lab_s=lab.vcenter.lab_seconds())
    pumping.beat(lab.vcenter)
    assert not stopped(lab)
    Migration.objects.create(**move, cause="drs", ok=True, ended_lab_s=lab.vcenter.lab_seconds())
    wait(lab, 0.1)
    assert stopped(lab)


def test_calling_off_goes_on_at_the_speed_from_before(lab):
    clock.set_speed(None, lab.vcenter, 10)
    clock.run_until(None, lab.vcenter, "time", "18:00")
    clock.end_run(None, lab.vcenter)
    assert (lab.vcenter.clock_speed, until.running(lab.vcenter)) == (10, None)
    with pytest.raises(faults.InvalidState):
        clock.end_run(None, lab.vcenter)


def test_whoever_turns_the_clock_ends_a_run(lab):
    for turn in (lambda: clock.pause(None, lab.vcenter), lambda: clock.set_speed(None, lab.vcenter, 2)):
        clock.run_until(None, lab.vcenter, "time", "18:00")
        run = until.running(lab.vcenter)
        turn()
        assert until.running(VCenter.objects.get(pk=lab.vcenter.pk)) is None
        assert clock.stop_at_condition(lab.vcenter, run, "late") is None


def test_no_beat_is_left_out_during_a_run(lab):
    clock.run_until(None, lab.vcenter, "time", "18:00", speed=1)
    assert any(wants(lab.vcenter) for wants in pump.WATCHERS)


def test_the_menu_begins_and_calls_off_a_run(lab, client):
    people = cast.make_cast(lab.vcenter)
    url = f"/vc/{lab.vcenter.uuid}/clock/"
    client.force_login(people.student)
    menu = client.post(url, {"verb": "until", "until": "time", "value": "18:00"}).content.decode()
    assert "18:00" in menu
    assert 'value="end"' in menu
    assert 'value="until"' in client.post(url, {"verb": "end"}).content.decode()
    assert client.post(url, {"verb": "until", "until": "time", "value": "nine"}).status_code >= 400
    client.force_login(people.reader)
    assert client.post(url, {"verb": "until", "until": "time", "value": "18:00"}).status_code == 403


def test_a_beat_that_began_before_the_clock_was_stopped_does_not_run_past_it(lab, monkeypatch):
    leased = fleet.leased

    def late(vcenter):
        clock.pause(None, VCenter.objects.get(pk=vcenter.pk))
        vcenter.clock_wall -= timedelta(seconds=30)  # the beat has waited so long since it read the clock
        return leased(vcenter)

    clock.set_speed(None, lab.vcenter, 600)
    monkeypatch.setattr(pump, "WATCHERS", [lambda _vcenter: True])
    monkeypatch.setattr(fleet, "leased", late)
    assert pump.pump(lab.vcenter.pk)
    lab.vcenter.refresh_from_db()
    mark = fleet.store_of(lab.vcenter).marked()
    assert mark is not None
    assert mark.now_s == pytest.approx(lab.vcenter.lab_seconds(), abs=1e-3)


def test_nothing_begins_before_it_was_asked_for_however_far_the_beat_lags(lab):
    vcenter = VCenter.objects.get(pk=lab.vcenter.pk)
    asked_s = vcenter.clock_lab_s + 500  # since the last beat
    VCenter.objects.filter(pk=vcenter.pk).update(clock_lab_s=asked_s)
    vm = VirtualMachine.objects.filter(power_state=VmPower.ON).select_related("vcenter").first()
    with pumping.committing():
        task = vms.power_off(None, vm)
    done = pumping.succeeded(vcenter, task)
    assert done.started_lab_s >= done.queued_lab_s == asked_s


def test_what_waits_for_its_time_is_not_given_up(lab):
    """A fleet that has a day to catch up on knows the task, and is not asked again and again."""
    vcenter = VCenter.objects.get(pk=lab.vcenter.pk)
    VCenter.objects.filter(pk=vcenter.pk).update(clock_lab_s=vcenter.clock_lab_s + 86_400)
    vm = VirtualMachine.objects.filter(power_state=VmPower.ON).select_related("vcenter").first()
    with pumping.committing():
        task = vms.power_off(None, vm)
    for _beat in range(3):
        Task.objects.filter(pk=task.pk).update(lease_until=now() - timedelta(seconds=1))
        pumping.beat(vcenter)
        task.refresh_from_db()
        assert (task.state, task.attempts) == (TaskState.QUEUED, 1)
