"""The classroom's pages and dialogs as a browser asks for them."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from classroom import tasks
from classroom.models import Batch, Course, Lab, LabTemplate, Membership
from classroom.services import batches, labs
from inventory.exchange import safe
from inventory.models import VCenter
from inventory.services import exchange
from tests.apps.classroom.people import Class, make_class
from tests.cast import make_user

pytestmark = pytest.mark.django_db
LIST = "name,email,group\nLee Minji,minji@school.kr,A\n박지훈,jihun@school.kr,B\n"


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks.work, "apply_async", lambda *_args, **_options: None)


@pytest.fixture
def made() -> Class:
    return make_class(2)


def client_of(user: Any, language: str = "en") -> Client:
    client = Client(headers={"Accept-Language": language})
    client.force_login(user)
    return client


def places(course: Course, lab: Lab, template: LabTemplate, member: Membership) -> list[str]:
    """Every page and dialog of a course that answers to GET."""
    own = ["", "wall/", "members/", "members/?format=csv", "members/list/", "batch/", "edit/", "archive/", "code/",
           "template/", "template/capture/", "template/file/", "labs/make/", "message/", "teachers/"]  # fmt: skip
    own += [f"labs/all/{verb}/" for verb in ("reset", "delete", "freeze", "thaw", "pause", "resume", "speed")]
    own += [f"labs/{lab.pk}/{verb}/" for verb in ("reset", "delete", "freeze", "extend", "copy", "message")]
    own += [f"template/{template.pk}/", f"template/{template.pk}/delete/", f"members/{member.pk}/remove/"]
    return [f"/classroom/{course.pk}/{place}" for place in own]


def test_every_page_and_dialog_is_drawn_for_its_teacher_alone_in_both_languages() -> None:
    made = make_class(1, with_labs=True)
    every = places(made.course, made.labs[0], made.template, made.memberships[0])
    for language in ("en", "ko"):
        teacher = client_of(made.teacher, language)
        for place in every:
            assert teacher.get(place).status_code == 200, place
    student, stranger = client_of(made.students[0]), client_of(make_user("stranger"))
    for place in every:
        assert student.get(place).status_code == 404, place
        assert stranger.post(place).status_code in (404, 405), place


def test_a_course_is_opened_and_changed_in_dialogs(made: Class) -> None:
    teacher = client_of(made.teacher)
    form = {
        "name": "Night class",
        "max_labs": 10,
        "max_hosts": 8,
        "max_vms": 100,
        "lab_days": "",
        "on_expiry": "freeze",
    }
    assert teacher.post("/classroom/new/", form).status_code == 202
    course = Course.objects.get(name="Night class")
    assert (course.teacher, course.joinable, course.lab_days) == (made.teacher, False, None)
    assert teacher.post("/classroom/new/", form)["X-Fault"] == "DuplicateName"
    answer = teacher.post("/classroom/new/", {**form, "name": "Huge", "max_hosts": 10_000})
    assert (answer.status_code, Course.objects.filter(name="Huge").exists()) == (422, False)
    assert teacher.post(f"/classroom/{course.pk}/edit/", {**form, "lab_days": 7}).status_code == 202
    course.refresh_from_db()
    assert course.lab_days == 7
    assert client_of(made.students[0]).post("/classroom/new/", {**form, "name": "Mine"})["X-Fault"] == "NoPermission"


def test_labs_are_made_from_a_template_of_the_dialog(made: Class) -> None:
    teacher = client_of(made.teacher)
    place = f"/classroom/{made.course.pk}/"
    form = {"name": "Tiny", "hosts": 1, "vms": 2, "model": "lab-1u", "speed": 0, "seed": 5, "traces": ""}
    assert teacher.post(f"{place}template/", {**form, "hosts": 17}).status_code == 422
    assert teacher.post(f"{place}template/", form).status_code == 202
    template = LabTemplate.objects.get(name="Tiny")
    assert (template.plan["hosts"], template.plan["drs"], template.seed) == (1, False, 5)
    answer = teacher.post(f"{place}labs/make/", {"template": template.pk})
    assert answer.status_code == 202
    assert "2 labs are being made" in answer.content.decode()
    batch = Batch.objects.get()
    assert 'data-batch="queued"' in teacher.get(f"{place}batch/").content.decode()
    batches.work(batch.pk)
    assert 'data-batch="finished"' in teacher.get(f"{place}batch/").content.decode()
    assert VCenter.objects.count() == 2
    home = client_of(made.students[0]).get("/classroom/").content.decode()
    assert str(Lab.objects.get(student=made.students[0]).vcenter.uuid) in home


def test_a_template_captured_from_a_running_lab_gives_the_same_lab() -> None:
    made = make_class(2, with_labs=True)
    teacher, place = client_of(made.teacher), f"/classroom/{made.course.pk}/"
    form = {"name": "Captured", "vcenter": str(made.labs[0].vcenter.uuid), "speed": 0}
    assert teacher.post(f"{place}template/capture/", form).status_code == 202
    assert not LabTemplate.objects.filter(name="Captured").exists()  # a worker does it, no request waits
    batches.work(Batch.objects.get().pk)
    template = LabTemplate.objects.get(name="Captured")
    batches.work(batches.make_labs(made.teacher, made.course, template).pk)
    assert not Batch.objects.exclude(errors=[]).exists()
    copy = Lab.objects.get(template=template, student=made.students[1]).vcenter
    assert copy.checkpoints.get().name == "Start"
    assert sorted(_names(copy)) == sorted(_names(made.labs[0].vcenter))
    assert teacher.post(f"{place}template/{template.pk}/", {"name": "Renamed", "speed": 5}).status_code == 202
    template.refresh_from_db()
    assert (template.name, template.source) == ("Renamed", LabTemplate.CAPTURE)
    strange = {**form, "name": "Other", "vcenter": str(VCenter.objects.create(name="secret").uuid)}
    assert teacher.post(f"{place}template/capture/", strange).status_code == 422


def test_a_template_from_an_inventory_file_gives_what_it_describes() -> None:
    made = make_class(1, with_labs=True)
    teacher, place = client_of(made.teacher), f"/classroom/{made.course.pk}/"
    text = safe.dump(exchange.told(made.students[0], made.labs[0].vcenter))
    form = {"name": "From a file", "speed": 0, "inventory": text}
    for broken in ("a: [", "!!python/object:os.system x", "name: x\ndatacenters: 5\n"):
        answer = teacher.post(f"{place}template/file/", {**form, "inventory": broken})
        assert (answer.status_code, answer["X-Fault"]) == (422, "InvalidArgument"), broken
    assert teacher.post(f"{place}template/file/", form).status_code == 202
    template = LabTemplate.objects.get(name="From a file")
    assert (template.plan, template.source) == ({"hosts": 2, "vms": 4}, LabTemplate.YAML)
    lab = labs.make(made.teacher, made.course, template, made.students[0])
    assert sorted(_names(lab.vcenter)) == sorted(_names(made.labs[0].vcenter))
    assert lab.vcenter.owner == made.students[0]
    labs.reset(lab, made.teacher)
    assert len(_names(lab.vcenter)) == 4


def _names(vcenter: VCenter) -> list[str]:
    from inventory.models import VirtualMachine

    return list(VirtualMachine.objects.filter(vcenter=vcenter).values_list("name", flat=True))


def test_a_class_list_is_shown_before_it_is_taken(made: Class) -> None:
    teacher, place = client_of(made.teacher), f"/classroom/{made.course.pk}/members/list/"
    shown = teacher.post(place, {"list": _file(LIST)})
    assert shown.status_code == 200
    assert Membership.objects.count() == 2
    signed = shown.context["signed"]
    taken = teacher.post(f"{place}take/", {"signed": signed})
    body = taken.content.decode()
    assert all(slip.password in body for slip in taken.context["slips"])
    assert "no-store" in taken["Cache-Control"]
    assert Membership.objects.count() == 4
    assert not teacher.post(f"{place}take/", {"signed": signed}).context["slips"], "passwords are shown once"
    forged = teacher.post(f"{place}take/", {"signed": signed[:-2] + "xx"})
    assert (forged.status_code, Membership.objects.count()) == (409, 4)


def test_a_faulty_list_cannot_be_taken(made: Class) -> None:
    teacher, place = client_of(made.teacher), f"/classroom/{made.course.pk}/members/list/"
    shown = teacher.post(place, {"list": _file(LIST + "=1+1,x@y.kr,\n")})
    assert shown.status_code == 422
    assert "signed" not in shown.context
    assert "looks like a formula" in shown.content.decode()
    assert teacher.post(place, {}).status_code == 422


def _file(text: str) -> Any:
    from django.core.files.uploadedfile import SimpleUploadedFile

    return SimpleUploadedFile("list.csv", text.encode())


def test_a_join_link_asks_once_and_enrols(made: Class) -> None:
    late = client_of(make_user("late"))
    typed = late.post("/classroom/join/", {"code": made.course.code.lower()})
    assert typed["Location"] == f"/classroom/join/{made.course.code}/"
    assert made.course.name in late.get(typed["Location"]).content.decode()
    assert Membership.objects.count() == 2
    late.post(typed["Location"])
    assert Membership.objects.filter(user__username="late").exists()
    assert late.post("/classroom/join/", {"code": "NOSUCHCODE"}).status_code == 422
    assert late.get("/classroom/join/NOSUCHCO/").status_code == 404


def test_an_exported_list_is_safe_for_spreadsheets(made: Class) -> None:
    student = made.students[0]
    student.last_name = "=HYPERLINK(1)"
    student.save()
    answer = client_of(made.teacher).get(f"/classroom/{made.course.pk}/members/?format=csv")
    lines = b"".join(answer.streaming_content).decode()
    assert "'=HYPERLINK(1)" in lines
