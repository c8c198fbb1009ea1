"""The class wall: who needs somebody comes first, in few queries; visits show, messages come, sockets keep apart."""

from __future__ import annotations

import numpy as np
import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from classroom.models import Lab
from classroom.selectors.wall import tiles
from classroom.services import courses, labs, wall
from domain import faults
from domain.counters import ROWS
from hypervisors.port import Sample
from inventory import live, metrics, rights, selectors
from inventory.models import AlarmDefinition, Host, Permission, TriggeredAlarm
from scheduler.models import Decision
from tests.apps.classroom.people import Class, full_lab, make_class, make_teacher
from tests.apps.live.test_socket import page
from tests.builders import SmallLab
from tests.cast import client_of, make_user


def raise_alarm(built: SmallLab, status: str) -> None:
    vcenter = built.vcenter
    definition = AlarmDefinition.objects.create(
        vcenter=vcenter, moref="alarm-1", name="Busy", entity="group-d1", target_kind="HostSystem"
    )
    TriggeredAlarm.objects.create(
        definition=definition, vcenter=vcenter, entity=built.host.moref, entity_kind="HostSystem",
        entity_name=built.host.name, status=status, triggered_lab_s=1.0,
    )  # fmt: skip


def draw_power(built: SmallLab, watts: float) -> None:
    slots = 1 + max(Host.objects.filter(vcenter=built.vcenter).values_list("slot", flat=True))
    arrays = {kind: np.full((len(keys), slots), watts, np.float32) for kind, keys in ROWS.items()}
    sample = Sample(20.0, arrays["vm"], arrays["host"], arrays["datastore"])
    metrics.record(built.vcenter, sample, metrics.membership(built.vcenter))


# --- tiles -----------------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_labs_that_need_somebody_come_first_with_their_figures() -> None:
    made = make_class(4)
    built = [full_lab(made, student)[1] for student in made.students]
    raise_alarm(built[2], "red")
    raise_alarm(built[1], "yellow")
    built[3].cluster.drs_enabled = True
    built[3].cluster.save()
    for score in (90.0, 40.0):
        Decision.objects.create(cluster=built[3].cluster, lab_s=1.0, score=score, score_after=score)
    draw_power(built[0], 100.0)
    client_of(made.students[0]).get(f"/vc/{built[0].vcenter.uuid}/")
    client_of(made.teacher).get(f"/vc/{built[1].vcenter.uuid}/")
    found = {tile.lab.student: tile for tile in tiles(made.course)}
    assert [tile.lab.student for tile in tiles(made.course)] == [made.students[at] for at in (2, 3, 1, 0)]
    assert [tile.tone for tile in tiles(made.course)] == ["error", "warn", "warn", "ok"]
    assert found[made.students[3]].score == 40.0
    hosts = Host.objects.filter(vcenter=built[0].vcenter).count()
    assert found[made.students[0]].power_w == pytest.approx(100.0 * hosts)
    assert found[made.students[0]].idle_min == 0
    assert found[made.students[1]].idle_min is None, "the teacher's visit is not the student's"


@pytest.mark.django_db
def test_a_larger_class_costs_no_more_queries() -> None:
    made = make_class(6)
    for student in made.students[:2]:
        full_lab(made, student)
    client, counted = client_of(made.teacher), []
    addresses = [f"/classroom/{made.course.pk}/{place}" for place in ("wall/", "", "members/")] + ["/classroom/", "/"]
    for address in addresses:
        client.get(address)
    for more in ((), made.students[2:]):
        for student in more:
            full_lab(made, student)
        counted.append([queries_of(client, address) for address in addresses])
    assert counted[1] == counted[0]
    assert max(counted[1]) <= 25


def queries_of(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert client.get(address).status_code == 200, address
    return len(queries)


# --- visits ----------------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_a_visit_is_seen_by_the_student_and_brings_the_lab_into_the_navigator() -> None:
    made = make_class(2, with_labs=True)
    lab, other = made.labs
    wall.look_in(made.teacher, lab)
    assert list(selectors.vcenters_at_home(made.teacher)) == [lab.vcenter]
    notes = f"/vc/{lab.vcenter.uuid}/classroom/"
    assert "Ms. Kim is looking into your lab" in client_of(made.students[0]).get(notes).content.decode()
    wall.look_in(made.teacher, other)
    lab.refresh_from_db()
    assert lab.watcher is None
    assert list(selectors.vcenters_at_home(made.teacher)) == [other.vcenter]


@pytest.mark.django_db
def test_while_a_teacher_drives_the_student_may_only_look() -> None:
    made = make_class(1, with_labs=True)
    lab, student = made.labs[0], made.students[0]
    helper = make_user("helper")
    courses.add_co_teacher(made.teacher, made.course, "helper")
    wall.take_over(made.teacher, lab)
    rights.forget(student)
    assert rights.privileges(student, lab.vcenter) == rights.privileges(student, lab.vcenter) & {
        "System.Anonymous", "System.View", "System.Read",
    }  # fmt: skip
    body = client_of(student).get(f"/vc/{lab.vcenter.uuid}/classroom/").content.decode()
    assert "Ms. Kim is driving in your lab" in body
    with pytest.raises(faults.InvalidState):
        wall.take_over(helper, lab)
    wall.give_back(helper, lab)
    rights.forget(student)
    assert rights.has(student, "VirtualMachine.Interact.PowerOn", lab.vcenter)


@pytest.mark.django_db
def test_only_teachers_of_the_course_visit() -> None:
    made = make_class(2, with_labs=True)
    lab = made.labs[0]
    for who in (made.students[0], made.students[1], make_teacher("stranger")):
        for verb in (wall.look_in, wall.take_over, wall.give_back, wall.leave):
            with pytest.raises(faults.NoPermission):
                verb(who, lab)
        with pytest.raises(faults.NoPermission):
            wall.say(who, made.course, [lab], "hello")
        address = f"/classroom/{made.course.pk}/labs/{lab.pk}/visit/drive/"
        assert client_of(who).post(address).status_code == 404
    assert Lab.objects.get(pk=lab.pk).driver is None


@pytest.mark.django_db
def test_a_copy_for_the_projector_is_the_teachers_and_changes_nothing_for_the_student() -> None:
    made = make_class(1, with_labs=True)
    lab = made.labs[0]
    copy = labs.copy(lab, made.teacher)
    assert copy.vcenter.owner == made.teacher
    assert copy.copied_from == lab
    assert Host.objects.filter(vcenter=copy.vcenter).count() == Host.objects.filter(vcenter=lab.vcenter).count() == 2
    assert copy.vcenter in selectors.vcenters_at_home(made.teacher)
    assert list(selectors.vcenters_for(made.students[0])) == [lab.vcenter]
    assert not Permission.objects.filter(vcenter=copy.vcenter, user=made.students[0]).exists()
    assert [tile.lab for tile in tiles(made.course)] == [lab]


# --- messages --------------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_a_message_reaches_those_it_is_for_until_they_have_read_it() -> None:
    made = make_class(2, with_labs=True)
    wall.say(made.teacher, made.course, [made.labs[0]], "Look at <b>esx-01</b>")
    pages = [client_of(student) for student in made.students]
    notes = [f"/vc/{lab.vcenter.uuid}/classroom/" for lab in made.labs]
    assert "Look at &lt;b&gt;esx-01" in pages[0].get(notes[0]).content.decode()
    assert "esx-01" not in pages[1].get(notes[1]).content.decode()
    assert client_of(made.teacher).post(f"{notes[0]}dismiss/").status_code == 403
    assert pages[0].post(f"{notes[0]}dismiss/").status_code == 202
    assert "esx-01" not in pages[0].get(notes[0]).content.decode()


@pytest.mark.django_db
def test_one_message_reaches_the_whole_class_and_an_empty_one_takes_it_away() -> None:
    made = make_class(2, with_labs=True)
    teacher, place = client_of(made.teacher), f"/classroom/{made.course.pk}/message/"
    for text, seen in (("Save your work", True), ("", False)):
        assert teacher.post(place, {"text": text}).status_code == 202
        for student, lab in zip(made.students, made.labs, strict=True):
            body = client_of(student).get(f"/vc/{lab.vcenter.uuid}/classroom/").content.decode()
            assert ("Save your work" in body) is seen


# --- sockets ---------------------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
async def test_no_socket_hears_of_anothers_lab_and_the_teachers_hears_of_all() -> None:
    made, built = await sync_to_async(with_labs)()
    vm, topic = built.vm.moref, f"wall:{made.course.pk}"
    facts = (("object.changed", vm), ("alarm.changed", vm), ("events.added",), ("clock.changed",), ("notes.changed",))
    async with page(made.students[1]) as student, page(made.teacher) as teacher:
        wish = {"vc": str(built.vcenter.uuid), "objects": [vm], "figures": [vm], "tasks": True}
        await student.say({"watch": [wish], "topic": topic})
        await sync_to_async(live.publish)(built.vcenter, facts)
        assert await student.hears_nothing_but() == []
        await teacher.say({"watch": [], "topic": topic})
        told = await teacher.hear("topic")
        assert sorted(told["order"]) == sorted(told["parts"])
        assert len(told["order"]) == 2
        await sync_to_async(raise_alarm)(built, "red")
        changed = await teacher.hear("topic")
        assert list(changed["parts"]) == changed["order"][:1], "the tile that changed, and it comes first now"
        await teacher.say({"watch": [], "topic": "wall:999999"})
        await teacher.hears_nothing_but()


@pytest.mark.django_db(transaction=True)
async def test_the_owner_hears_that_something_is_said() -> None:
    made, built = await sync_to_async(with_labs)()
    lab = await Lab.objects.select_related("course", "vcenter").aget(vcenter=built.vcenter)
    async with page(made.students[0]) as student:
        await student.watch(built)
        await sync_to_async(wall.say)(made.teacher, made.course, [lab], "hello")
        assert (await student.hear("notes"))["vc"] == str(built.vcenter.uuid)


def with_labs() -> tuple[Class, SmallLab]:
    made = make_class(2)
    _lab, built = full_lab(made, made.students[0])
    full_lab(made, made.students[1])
    return made, built
