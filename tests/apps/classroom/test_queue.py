"""Work on a class waits for the work before it, in the order it was asked for, whoever dies meanwhile."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from classroom import tasks
from classroom.models import Batch, Course, Lab, LabTemplate
from classroom.roster import Entry
from classroom.services import batches, courses, labs, templates
from domain import faults
from tests.apps.classroom.people import SMALL, Class, make_class, make_teacher
from tests.cast import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def woken(monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any) -> list[int]:
    """The batches that a worker was told of; nobody works but the test."""
    told: list[int] = []
    monkeypatch.setattr(batches, "wake", told.append)
    return told


def work_off(*asked: Batch) -> None:
    """What workers do that are woken in any order: nobody is before their turn."""
    for batch in reversed(asked):
        batches.work(batch.pk)
    for _turn in asked:
        for batch in asked:
            while not batches.work(batch.pk):
                pass


def states(rows: Iterable[Batch]) -> list[str]:
    found = []
    for row in rows:
        row.refresh_from_db()
        found.append(row.state)
    return found


def test_work_is_done_in_the_order_it_was_asked_for(woken: list[int]) -> None:
    made = make_class(2)
    making = batches.make_labs(made.teacher, made.course, made.template)
    pausing = batches.for_labs(made.teacher, made.course, "pause")
    deleting = batches.for_labs(made.teacher, made.course, "delete")
    assert (making.behind, pausing.behind, deleting.behind) == (0, 1, 2)
    assert batches.work(deleting.pk), "it is not its turn"
    assert batches.work(pausing.pk)
    assert states([making, pausing, deleting]) == ["queued"] * 3
    assert not batches.work(making.pk, at_once_s=-1)
    assert batches.work(pausing.pk), "nor while the first goes on"
    assert states([making, pausing]) == ["running", "queued"]
    assert batches.work(making.pk)
    assert batches.work(pausing.pk)
    assert [lab.vcenter.clock_speed for lab in Lab.objects.select_related("vcenter")] == [0, 0], "those made meanwhile"
    pausing.refresh_from_db()
    assert (pausing.done, pausing.total, pausing.errors) == (2, 2, [])
    assert batches.work(deleting.pk)
    assert not Lab.objects.exists()


def test_the_end_of_one_wakes_the_next_and_the_tick_whom_that_was_lost_on(
    woken: list[int], django_capture_on_commit_callbacks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_class(1)
    with django_capture_on_commit_callbacks(execute=True):
        making = batches.make_labs(made.teacher, made.course, made.template)
        pausing = batches.for_labs(made.teacher, made.course, "pause")
    assert woken == [making.pk, pausing.pk]
    with django_capture_on_commit_callbacks(execute=True):
        batches.work(making.pk)
    assert woken[2:] == [pausing.pk]
    again: list[int] = []
    monkeypatch.setattr(tasks.work, "apply_async", lambda args: again.extend(args))
    tasks.tidy()
    assert again == [pausing.pk]


def test_whoever_dies_at_one_holds_the_next_back_until_it_is_done() -> None:
    made = make_class(2)
    making = batches.make_labs(made.teacher, made.course, made.template)
    pausing = batches.for_labs(made.teacher, made.course, "pause")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(labs, "make", _dies)
        with pytest.raises(KeyboardInterrupt):
            batches.work(making.pk)
    assert states([making]) == ["running"]
    assert batches.work(pausing.pk)
    assert states([pausing]) == ["queued"]
    Batch.objects.update(lease_until=now())
    work_off(making, pausing)
    assert states([making, pausing]) == ["finished", "finished"]
    assert (making.done, pausing.done, Lab.objects.count()) == (2, 2, 2)


def _dies(*_args: Any) -> None:
    raise KeyboardInterrupt


def test_what_is_asked_again_while_it_waits_is_refused() -> None:
    made = make_class(2, with_labs=True)
    resetting = batches.for_labs(made.teacher, made.course, "reset")
    with pytest.raises(faults.TaskInProgress):
        batches.for_labs(made.teacher, made.course, "reset")
    pausing = batches.for_labs(made.teacher, made.course, "pause")
    resuming = batches.for_labs(made.teacher, made.course, "resume")
    again = batches.for_labs(made.teacher, made.course, "pause")  # after the resuming it is no repetition
    one = batches.for_labs(made.teacher, made.course, "reset", made.labs[:1])
    with pytest.raises(faults.TaskInProgress):
        batches.for_labs(made.teacher, made.course, "reset", made.labs[:1])
    assert states([resetting, pausing, resuming, again, one]) == ["queued"] * 5


def test_no_more_wait_than_anybody_can_look_through() -> None:
    made = make_class(1, with_labs=True)
    for number in range(batches.MOST_WAITING + 1):
        batches.for_labs(made.teacher, made.course, "speed", speed=float(number + 1))
    with pytest.raises(faults.LimitExceeded):
        batches.for_labs(made.teacher, made.course, "pause")


def another_class() -> Class:
    """Of another teacher, with one lab."""
    teacher = make_teacher("second")
    course = courses.create(teacher, name="Datacenters 102")
    template = templates.save(teacher, course, name="Two hosts", plan=SMALL, speed=0.0)
    student = make_user("another-student")
    courses.join(student, course.code)
    return Class(teacher, course, template, [student], [labs.make(teacher, course, template, student)])


def test_other_courses_do_not_wait() -> None:
    one, other = make_class(1, with_labs=True), another_class()
    batches.for_labs(one.teacher, one.course, "pause")
    free = batches.for_labs(other.teacher, other.course, "pause")
    assert free.behind == 0
    assert batches.work(free.pk)
    assert states([free]) == ["finished"]


def test_labs_that_are_made_after_a_deletion_are_those_of_everybody() -> None:
    made = make_class(2, with_labs=True)
    deleting = batches.for_labs(made.teacher, made.course, "delete")
    making = batches.make_labs(made.teacher, made.course, made.template)
    work_off(deleting, making)
    making.refresh_from_db()
    assert (making.done, making.total, making.errors) == (2, 2, [])
    assert Lab.objects.count() == 2


def test_what_turns_out_to_be_nothing_says_so() -> None:
    made = make_class(1)
    making = batches.make_labs(made.teacher, made.course, made.template)
    twice = batches.for_labs(made.teacher, made.course, "pause")
    for_all = batches.make_labs(made.teacher, made.course, made.template)
    work_off(making, twice, for_all)
    for_all.refresh_from_db()
    assert [error["fault"] for error in for_all.errors] == ["InvalidState"]
    assert (for_all.state, for_all.done, for_all.total) == (Batch.FINISHED, 1, 1)


def test_a_name_that_waiting_work_will_take_is_taken() -> None:
    made = make_class(1, with_labs=True)
    values = {"name": "Captured", "description": "", "speed": 1.0}
    batches.for_labs(made.teacher, made.course, "pause")
    batches.capture(made.teacher, made.course, made.labs[0].vcenter, **values)
    with pytest.raises(faults.DuplicateName):
        batches.capture(made.teacher, made.course, made.labs[0].vcenter, **values)


def test_a_class_list_is_taken_at_once_and_its_passwords_wait() -> None:
    made = make_class(1)
    making = batches.make_labs(made.teacher, made.course, made.template)
    entries = [Entry(line=2, name="Min Ji", email="minji@school.kr", group="A", username="")]
    admitted, setting = batches.import_list(made.teacher, made.course, entries)
    assert setting is not None
    assert made.course.memberships.count() == 2
    with pytest.raises(faults.NotSupported):  # the passwords are on paper already
        batches.cancel(made.teacher, setting)
    work_off(making, setting)
    account = get_user_model().objects.get(pk=admitted[0].user.pk)
    assert account.check_password(admitted[0].password)


# --- taking back -----------------------------------------------------------------------------------------------------
def test_what_waits_can_be_cancelled_and_does_nothing() -> None:
    made = make_class(2)
    making = batches.make_labs(made.teacher, made.course, made.template)
    deleting = batches.for_labs(made.teacher, made.course, "delete")
    pausing = batches.for_labs(made.teacher, made.course, "pause")
    batches.cancel(made.teacher, deleting)
    work_off(making, deleting, pausing)
    assert states([making, deleting, pausing]) == ["finished"] * 3
    assert (deleting.done, deleting.cancelled_by) == (0, made.teacher.get_username())
    assert (Lab.objects.count(), pausing.done) == (2, 2)
    with pytest.raises(faults.InvalidState):
        batches.cancel(made.teacher, deleting)


def test_what_runs_stops_before_the_next_lab_even_if_its_worker_has_died() -> None:
    made = make_class(3)
    making = batches.make_labs(made.teacher, made.course, made.template)
    assert not batches.work(making.pk, at_once_s=-1)
    batches.cancel(made.teacher, making)
    Batch.objects.update(lease_until=now())
    assert batches.work(making.pk)
    making.refresh_from_db()
    assert (making.state, making.done, Lab.objects.count()) == (Batch.FINISHED, 1, 1)


@pytest.mark.parametrize("who", ["student", "stranger"])
def test_only_a_teacher_cancels(client: Client, who: str) -> None:
    made = make_class(1, with_labs=True)
    batch = batches.for_labs(made.teacher, made.course, "pause")
    client.force_login(made.students[0] if who == "student" else make_user("stranger"))
    assert client.post(reverse("classroom:batch-cancel", args=(made.course.pk, batch.pk))).status_code == 404
    assert states([batch]) == ["queued"]
    other = another_class()
    client.force_login(other.teacher)
    assert client.post(reverse("classroom:batch-cancel", args=(other.course.pk, batch.pk))).status_code == 404


# --- what a teacher sees ---------------------------------------------------------------------------------------------
def test_the_page_shows_what_runs_what_waits_and_what_became_of_those_before(client: Client) -> None:
    made = make_class(2)
    client.force_login(made.teacher)
    making = batches.make_labs(made.teacher, made.course, made.template)
    made.memberships[1].delete()
    address = reverse("classroom:labs", args=(made.course.pk, "pause"))
    answer = client.post(address)
    assert answer.status_code == 202
    assert "It waits for what the class is doing now." in answer.content.decode()
    pausing = Batch.objects.latest("pk")
    page = shown(client, made)
    assert "Making labs" in page
    assert "Pausing labs" in page
    cancel = reverse("classroom:batch-cancel", args=(made.course.pk, pausing.pk))
    assert cancel in page
    batches.work(making.pk)
    page = shown(client, made)
    assert "1 of 2 labs was left out." in page, "what failed is not hidden by what runs now"
    assert client.post(cancel).status_code == 202
    page = shown(client, made)
    assert 'data-batch="finished"' in page
    assert "Pausing labs: cancelled by" in page


def shown(client: Client, made: Class) -> str:
    return client.get(reverse("classroom:batch", args=(made.course.pk,))).content.decode()


def test_a_course_is_not_put_away_while_work_waits() -> None:
    made = make_class(1)
    batches.make_labs(made.teacher, made.course, made.template)
    with pytest.raises(faults.TaskInProgress):
        courses.archive(made.teacher, made.course)
    assert not Course.objects.get(pk=made.course.pk).archived
    assert LabTemplate.objects.exists()
