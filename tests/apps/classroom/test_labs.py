"""Labs: made for all, theirs alone, reset to the same beginning, deleted without a trace, ended in time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.test import Client
from django.utils.timezone import now

from classroom import tasks
from classroom.models import Batch, Course, Lab, LabTemplate
from classroom.selectors.wall import tiles
from classroom.services import batches, courses, expiry, labs, templates
from domain import faults
from inventory import fleet, metrics, quotas, rights, selectors, teardown
from inventory.models import AuditEntry, Cluster, Folder, Host, Permission, VCenter, VirtualMachine
from inventory.services import clock, hosts, provisioning, vms
from scheduler.services import failure_rates
from tests.apps.classroom.people import make_class, make_teacher
from tests.cast import make_user
from tests.pumping import advance, beat, committing, succeeded

pytestmark = pytest.mark.django_db


@pytest.fixture
def no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks.work, "apply_async", lambda *_args, **_options: None)


def rows_of(vcenter: VCenter) -> dict[str, int]:
    """How many rows every table has for the vCenter."""
    counted = {model.__name__: model._base_manager.filter(**{way: vcenter.pk}).count()
               for model, way in teardown._tables()}  # fmt: skip
    return {name: number for name, number in counted.items() if number}


def inventory_of(vcenter: VCenter) -> list[Any]:
    """What a reset has to bring back: references, names, places, states."""
    machines = VirtualMachine.objects.filter(vcenter=vcenter).order_by("moref")
    return list(machines.values_list("moref", "name", "uuid", "host__moref", "power_state", "vcpus", "trace"))


# --- making ----------------------------------------------------------------------------------------------------------
def test_every_student_gets_a_lab_of_the_same_datacenter(no_broker: None) -> None:
    made = make_class(3)
    batch = batches.make_labs(made.teacher, made.course, made.template)
    assert batches.work(batch.pk)
    batch.refresh_from_db()
    assert (batch.state, batch.done, batch.total, batch.errors) == (Batch.FINISHED, 3, 3, [])
    first, *others = Lab.objects.filter(course=made.course).order_by("pk")
    assert first.vcenter.active
    assert len(inventory_of(first.vcenter)) == 4
    assert all(inventory_of(one.vcenter) == inventory_of(first.vcenter) for one in others)
    assert {one.vcenter.owner for one in (first, *others)} == set(made.students)


def test_a_batch_goes_on_where_it_was_interrupted_and_tells_what_failed(
    no_broker: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_class(3)
    batch = batches.make_labs(made.teacher, made.course, made.template)
    made.memberships[1].delete()
    assert not batches.work(batch.pk, at_once_s=-1)
    assert Lab.objects.count() == 1
    with pytest.raises(faults.TaskInProgress):
        batches.make_labs(made.teacher, made.course, made.template)
    tasks.tidy()
    while not batches.work(batch.pk, at_once_s=-1):
        pass
    batch.refresh_from_db()
    assert [error["name"] for error in batch.errors] == ["Lee 1"]
    assert sorted(Lab.objects.values_list("student__username", flat=True)) == ["student-0", "student-2"]
    assert batches.work(batch.pk), "a finished batch is done once"


def test_quotas_hold(no_broker: None) -> None:
    made = make_class(2)
    courses.edit(made.teacher, made.course, max_labs=1, max_hosts=2)
    made.course.refresh_from_db()
    with pytest.raises(faults.LimitExceeded):
        batches.make_labs(made.teacher, made.course, made.template)
    with pytest.raises(faults.LimitExceeded):
        templates.save(made.teacher, made.course, name="Larger", plan={"hosts": 3})
    labs.make(made.teacher, made.course, made.template, made.students[0])
    with pytest.raises(faults.LimitExceeded):
        labs.make(made.teacher, made.course, made.template, made.students[1])
    assert Lab.objects.count() == 1


def test_nobody_makes_a_lab_larger_than_the_course_allows(no_broker: None) -> None:
    made = make_class(1, with_labs=True)
    me, vcenter = made.students[0], made.labs[0].vcenter
    vm = VirtualMachine.objects.filter(vcenter=vcenter, power_state="poweredOff").first()
    vm = vm or VirtualMachine.objects.filter(vcenter=vcenter).first()
    assert vm is not None
    cluster = Cluster.objects.filter(vcenter=vcenter, standalone=False).select_related("vcenter").get()

    def grow(number: int) -> None:
        provisioning.clone(me, vm, name=f"copy {number}", folder=vm.folder)

    def add(number: int) -> None:
        hosts.add(me, name=f"esx-9{number}.lab.local", cluster=cluster)

    courses.edit(made.teacher, made.course, max_hosts=2, max_vms=4)
    for act in (grow, add):
        with pytest.raises(faults.LimitExceeded):
            act(1)
    courses.edit(made.teacher, made.course, max_hosts=3, max_vms=5)
    for act in (grow, add):
        act(1)
        with pytest.raises(faults.LimitExceeded):
            act(2)
    assert quotas.of(VCenter.objects.create(name="of no class")) == quotas.Quota()


def test_a_template_says_how_often_things_fail_by_chance(no_broker: None) -> None:
    made = make_class(1)
    browser = Client()
    browser.force_login(made.teacher)
    place = f"/classroom/{made.course.pk}/template/"
    form = {"name": "Rough", "hosts": 1, "vms": 2, "model": "lab-1u", "speed": 0, "seed": 5, "traces": ""}
    assert browser.post(place, {**form, "failures": "10"}).status_code == 202
    rough = LabTemplate.objects.get(name="Rough")
    lab = labs.make(made.teacher, made.course, rough, made.students[0])
    assert failure_rates.present(lab.vcenter)["host_crash"] == 10
    assert failure_rates.present(lab.vcenter)["vmotion_failure"] == 5
    shown = browser.get(f"{place}{rough.pk}/").content.decode()
    assert '<option value="10" selected>' in shown
    assert browser.post(f"{place}{rough.pk}/", form).status_code == 202
    rough.refresh_from_db()
    assert rough.faults == {}


@pytest.mark.parametrize("plan", [{"hosts": 2, "wings": 2}, {"models": ["no-such-server"]}])
def test_a_plan_that_cannot_be_read_makes_nothing(plan: dict[str, Any]) -> None:
    made = make_class(1)
    made.template.plan = plan
    with pytest.raises(faults.InvalidArgument):
        labs.make(made.teacher, made.course, made.template, made.students[0])
    assert not VCenter.objects.exists()


def test_only_teachers_open_courses_and_work_on_them(no_broker: None) -> None:
    made = make_class(1, with_labs=True)
    stranger, student = make_teacher("stranger"), made.students[0]
    with pytest.raises(faults.NoPermission):
        courses.create(student, name="Mine")
    for who in (stranger, student):
        for ask in (
            lambda who=who: courses.edit(who, made.course, name="Other"),
            lambda who=who: labs.reset(made.labs[0], who),
            lambda who=who: labs.delete(made.labs[0], who),
            lambda who=who: batches.for_labs(who, made.course, "delete"),
            lambda who=who: batches.make_labs(who, made.course, made.template),
            lambda who=who: courses.add_co_teacher(who, made.course, who.username),
        ):
            with pytest.raises(faults.NoPermission):
                ask()


# --- rights ----------------------------------------------------------------------------------------------------------
def test_a_student_owns_the_lab_but_shares_it_with_nobody() -> None:
    made = make_class(2, with_labs=True)
    mine, theirs = (one.vcenter for one in made.labs)
    me = made.students[0]
    assert list(selectors.vcenters_for(me)) == [mine]
    assert rights.has(me, "VirtualMachine.Interact.PowerOn", mine)
    assert not rights.has(me, "Authorization.ModifyPermissions", mine)
    assert not rights.privileges(me, theirs)
    assert not rights.has(me, "Lab.Clock", mine)
    courses.edit(made.teacher, made.course, student_clock=True)
    rights.forget(me)
    assert rights.has(me, "Lab.Clock", mine)
    clock.set_speed(me, mine, 2)


def test_teachers_see_all_labs_and_none_at_home() -> None:
    made = make_class(2, with_labs=True)
    helper = make_user("helper")
    courses.add_co_teacher(made.teacher, made.course, "helper")
    for teacher in (made.teacher, helper):
        assert all(rights.has(teacher, "System.Read", one.vcenter) for one in made.labs)
        assert selectors.vcenters_for(teacher).count() == 2
        assert not selectors.vcenters_at_home(teacher)
    courses.remove_co_teacher(made.teacher, made.course, helper.pk)
    assert not selectors.vcenters_for(helper)
    assert Permission.objects.filter(user=made.teacher).count() == 2


# --- reset and delete ------------------------------------------------------------------------------------------------
def test_a_reset_brings_the_same_lab_back_under_the_same_address() -> None:
    made = make_class(1, with_labs=True)
    lab = made.labs[0]
    vcenter, before = lab.vcenter, inventory_of(lab.vcenter)
    beat(vcenter)
    running = VirtualMachine.objects.filter(vcenter=vcenter, power_state="poweredOn").first()
    assert running is not None
    with committing():
        task = vms.power_off(made.students[0], running)
    succeeded(vcenter, task)
    advance(vcenter, 60)
    assert metrics.latest(vcenter) is not None
    with committing():
        labs.reset(lab, made.teacher)
    vcenter.refresh_from_db()
    assert inventory_of(vcenter) == before
    assert vcenter.lab_seconds() < 5
    assert metrics.latest(vcenter) is None
    assert "Task" not in rows_of(vcenter)
    assert rights.has(type(made.teacher).objects.get(pk=made.teacher.pk), "System.Read", vcenter)
    assert beat(vcenter)
    advance(vcenter, 40)
    assert metrics.latest(vcenter) is not None, "the lab lives again"


def test_a_deleted_lab_leaves_nothing_but_the_record() -> None:
    made = make_class(2, with_labs=True)
    lab, other = made.labs
    vcenter, others = lab.vcenter, rows_of(other.vcenter)
    beat(vcenter)
    advance(vcenter, 40)
    key, uuid = VCenter(pk=vcenter.pk), vcenter.uuid
    with committing():
        labs.delete(lab, made.teacher)
    assert rows_of(key) == {}
    assert not VCenter.objects.filter(uuid=uuid).exists()
    assert not Lab.objects.filter(pk=lab.pk).exists()
    assert fleet.RedisStore(str(uuid)).load() is None
    assert not (metrics.folder(VCenter(uuid=uuid))).exists()
    assert rows_of(other.vcenter) == others
    assert AuditEntry.objects.filter(action="VCenter.destroy", detail__vcenter=str(uuid)).exists()


def test_every_table_of_a_vcenter_is_known_to_the_teardown() -> None:
    known = {model for model, _way in teardown._tables()}
    models = [model for app in teardown.APPS for model in apps.get_app_config(app).get_models()]
    direct = {m for m in models if any(getattr(f, "related_model", None) is VCenter for f in m._meta.concrete_fields)}
    assert direct - known == {AuditEntry}
    assert {Host, Folder, Permission} <= known


def test_with_all_labs_go_the_copies_for_the_projector_and_the_course_can_be_put_away(no_broker: None) -> None:
    made = make_class(2, with_labs=True)
    copy = labs.copy(made.labs[0], made.teacher)
    client, address = Client(), f"/classroom/{made.course.pk}/labs/all/delete/"
    client.force_login(made.teacher)
    assert "1 copy for the projector goes too." in client.get(address).content.decode()
    labs.delete(made.labs[0], made.teacher)
    assert [tile.lab for tile in tiles(made.course)] == [made.labs[1]], "a copy whose origin has gone is no lab"
    with pytest.raises(faults.InvalidState):
        courses.archive(made.teacher, made.course)
    labs.delete(made.labs[1], made.teacher)
    assert "Delete 1 copy for the projector?" in client.get(address).content.decode()
    assert client.post(address).status_code == 202
    batches.work(Batch.objects.get().pk)
    assert not VCenter.objects.filter(pk=copy.vcenter_id).exists()
    courses.archive(made.teacher, made.course)


# --- class-wide verbs and time limits --------------------------------------------------------------------------------
def test_the_class_pauses_and_goes_on_at_the_speed_each_lab_had(no_broker: None) -> None:
    made = make_class(2, with_labs=True)
    clock.set_speed(None, made.labs[0].vcenter, 30)
    clock.set_speed(None, made.labs[1].vcenter, 5)
    for verb, expected in (("pause", {0.0}), ("resume", {30.0, 5.0})):
        batches.work(batches.for_labs(made.teacher, made.course, verb).pk)
        assert set(VCenter.objects.values_list("clock_speed", flat=True)) == expected
    batches.work(batches.for_labs(made.teacher, made.course, "speed", speed=60).pk)
    assert set(VCenter.objects.values_list("clock_speed", flat=True)) == {60.0}


def test_an_expired_lab_is_announced_then_frozen_and_can_go_on() -> None:
    made = make_class(1, with_labs=True)
    lab, me = made.labs[0], made.students[0]
    clock.set_speed(None, lab.vcenter, 10)
    Lab.objects.filter(pk=lab.pk).update(expires=now() + timedelta(hours=3))
    expiry.tidy()
    lab.refresh_from_db()
    assert lab.warned_at is not None
    assert not lab.frozen
    Lab.objects.filter(pk=lab.pk).update(expires=now() - timedelta(seconds=1))
    expiry.tidy()
    lab = Lab.objects.get(pk=lab.pk)
    assert lab.frozen
    client = Client()
    client.force_login(me)
    assert "its time is over" in client.get(f"/vc/{lab.vcenter.uuid}/classroom/").content.decode()
    Lab.objects.filter(pk=lab.pk).update(expires=now() + timedelta(days=1))
    assert "Your teacher has frozen" in client.get(f"/vc/{lab.vcenter.uuid}/classroom/").content.decode()
    assert not lab.vcenter.active
    assert not rights.has(me, "VirtualMachine.Interact.PowerOn", lab.vcenter)
    assert rights.has(me, "System.Read", lab.vcenter)
    labs.extend(lab, made.teacher, days=2)
    lab = Lab.objects.get(pk=lab.pk)
    assert lab.vcenter.active
    assert not lab.frozen
    rights.forget(me)
    assert rights.has(me, "VirtualMachine.Interact.PowerOn", lab.vcenter)


def test_an_expired_lab_is_deleted_where_the_course_says_so() -> None:
    made = make_class(1, with_labs=True)
    courses.edit(made.teacher, made.course, on_expiry=Course.DELETE)
    Lab.objects.update(expires=now() - timedelta(seconds=1))
    expiry.tidy()
    assert not Lab.objects.exists()
    assert not VCenter.objects.exists()
