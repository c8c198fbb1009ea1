"""Who may change a student's lab: the student, or a teacher who has taken over; the course's own work needs neither."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model

from classroom import tasks
from classroom.curbs import TakeOverFirst
from classroom.exercises import attempts, restarts
from classroom.models import Assignment, Lab
from classroom.services import batches, courses, labs, wall
from classroom.services import templates as template_services
from domain import faults
from inventory import explain, rights
from inventory.actions.action import Context
from inventory.actions.registry import flat, menu_of
from inventory.models import Role, VCenter, VirtualMachine
from inventory.services import clock, exchange, vms
from tests.apps.classroom.people import Class, make_class, make_teacher
from tests.cast import grant, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks.work, "apply_async", lambda *_args, **_options: None)


def person(name: str) -> Any:
    """An account as the next request has it."""
    return get_user_model().objects.get(username=name)


@pytest.fixture
def made() -> Class:
    return make_class(1, with_labs=True)


def vm_of(lab: Lab) -> Any:
    rows = VirtualMachine.objects.filter(vcenter=lab.vcenter, power_state="poweredOn")
    return rows.select_related("host__cluster", "pool", "folder", "vcenter").first()


def test_services_say_take_over_first_until_the_teacher_drives(made: Class) -> None:
    lab, teacher = made.labs[0], made.teacher
    vm = vm_of(lab)
    wall.look_in(teacher, lab)
    for refused in (
        lambda: vms.power_off(teacher, vm),
        lambda: vms.reconfigure(teacher, vm, {"vcpus": 2}),
        lambda: clock.set_speed(teacher, lab.vcenter, 2.0),
        lambda: rights.require(teacher, "Lab.InjectFault", lab.vcenter),
        lambda: rights.require(teacher, "Authorization.ModifyPermissions", lab.vcenter),
    ):
        with pytest.raises(TakeOverFirst, match="Take over first"):
            refused()
    assert rights.has(teacher, "System.Read", vm)
    wall.take_over(teacher, lab)
    assert clock.set_speed(teacher, lab.vcenter, 2.0)
    assert rights.has(teacher, "Lab.InjectFault", lab.vcenter)
    wall.give_back(teacher, lab)
    with pytest.raises(TakeOverFirst):
        clock.set_speed(teacher, lab.vcenter, 5.0)


def test_only_who_drives_may_change_and_the_student_only_while_nobody_does(made: Class) -> None:
    lab, student = made.labs[0], made.students[0]
    helper, stranger = make_user("helper"), make_teacher("lim")
    courses.add_co_teacher(made.teacher, made.course, "helper")
    may = lambda who: rights.has(person(who.username), "VirtualMachine.Interact.PowerOn", vm_of(lab))  # noqa: E731
    everybody = (made.teacher, helper, stranger, student)
    assert [may(who) for who in everybody] == [False, False, False, True]
    wall.take_over(helper, lab)
    assert [may(who) for who in everybody] == [False, True, False, False]
    wall.give_back(made.teacher, lab)
    assert [may(who) for who in everybody] == [False, False, False, True]
    assert not rights.has(stranger, "System.Read", lab.vcenter)


def test_exercises_are_the_students_until_a_teacher_drives(made: Class) -> None:
    lab, teacher = made.labs[0], made.teacher
    Assignment.objects.create(course=made.course, lesson="virtualization")
    for refused in (
        lambda: attempts.begin(teacher, lab, "virtualization"),
        lambda: restarts.ask(teacher, lab, "virtualization"),
        lambda: attempts.give_up(teacher, lab),
        lambda: attempts.hint(teacher, lab, "x"),
        lambda: attempts.press(teacher, lab, "x"),
    ):
        with pytest.raises(TakeOverFirst):
            refused()
    with pytest.raises(faults.NoPermission):
        attempts.give_up(make_user("stranger"), lab)
    attempts.allowed(made.students[0], lab)
    wall.take_over(teacher, lab)
    lab.refresh_from_db()
    attempts.allowed(teacher, lab)


def test_menus_are_greyed_with_what_to_do(made: Class) -> None:
    vm = vm_of(made.labs[0])
    context = Context(made.teacher, vm)
    for action in flat(menu_of("vm")):
        if action.privilege not in ("", "System.Read", "System.View"):
            assert "Take over first" in (action.why_not(context) or ""), action.key


def test_the_explanation_of_rights_names_the_class(made: Class) -> None:
    answer = explain.explain(made.teacher, made.labs[0].vcenter, "Lab.Clock")
    assert not answer.granted
    assert "taken over" in answer.reason


def test_an_inventory_is_read_out_without_a_take_over(made: Class, client: Any) -> None:
    lab = made.labs[0]
    root = f"/vc/{lab.vcenter.uuid}"
    menu = f"{root}/{lab.vcenter.moref}/menu/"
    for who in (made.teacher, made.students[0]):
        client.force_login(who)
        assert lab.vcenter.name in client.get(f"{root}/export.yaml").content.decode()
        assert f"{root}/export.yaml" in client.get(menu).content.decode()
    stranger, watcher = make_teacher("lim"), make_teacher("han")
    role = Role.objects.create(vcenter=lab.vcenter, name="Watcher", privileges=["System.Read"])
    grant(watcher, lab.vcenter, role)
    for who, status in ((stranger, 404), (watcher, 403)):
        client.force_login(who)
        assert client.get(f"{root}/export.yaml").status_code == status
    # What changes something is still refused, and a student who is driven only looks.
    with pytest.raises(TakeOverFirst):
        exchange.apply(made.teacher, lab.vcenter, exchange.told(made.teacher, lab.vcenter))
    wall.take_over(made.teacher, lab)
    client.force_login(made.students[0])
    assert client.get(f"{root}/export.yaml").status_code == 200


# --- what teachers do from the course ---------------------------------------------------------------------------------
def test_work_on_the_class_needs_no_take_over(made: Class) -> None:
    lab, teacher = made.labs[0], made.teacher
    for verb, args in (("speed", {"speed": 30.0}), ("pause", {}), ("resume", {}), ("reset", {})):
        batch = batches.for_labs(teacher, made.course, verb, **args)
        assert batches.work(batch.pk)
        batch.refresh_from_db()
        assert batch.errors == [], verb
    lab.refresh_from_db()
    labs.pause(lab, teacher)
    labs.resume(lab, teacher)
    assert labs.copy(lab, teacher).vcenter.owner == teacher
    values = {"name": "As it is", "description": "", "speed": 0.0}
    assert template_services.capture(teacher, made.course, lab.vcenter, "as-it-is.lab", **values)
    with pytest.raises(TakeOverFirst):  # and inside the lab nothing has changed
        clock.pause(teacher, lab.vcenter)


def test_rights_in_forty_labs_cost_two_queries(made: Class, django_assert_num_queries: Any) -> None:
    teacher = person(made.teacher.username)
    rows = list(VCenter.objects.all())
    with django_assert_num_queries(2):
        assert not any(rights.has(teacher, "Lab.Clock", one) for one in rows)
