"""Exercises through the pages: begin, check, hints, restart, scores; and who may do what."""

from __future__ import annotations

import csv
import io

import pytest
from django.test import Client
from django.urls import reverse
from kombu.exceptions import OperationalError

from classroom import tasks
from classroom.exercises import attempts, lessons, opening, restarts, watching
from classroom.exercises.progress import of_labs, scores_of
from classroom.models import Assignment, Attempt, Batch, Card, Course, Lab, LabTemplate, Membership, StepResult
from classroom.sabotage import services as sabotage
from classroom.services import batches, labs, templates, wall
from domain import faults
from inventory import live
from inventory.models import VCenter, VirtualMachine
from inventory.services import vms
from tests import pumping
from tests.apps.classroom.people import make_class
from tests.apps.classroom.stage import ClassStage, class_stage
from tests.cast import make_user

pytestmark = pytest.mark.django_db(transaction=True)
SLUG = "maintenance"


@pytest.fixture
def stage() -> ClassStage:
    made = class_stage(hosts=3, vms=2)
    made.open(SLUG)
    return made


def client(who: object) -> Client:
    browser = Client(headers={"x-requested-with": "fetch"})
    browser.force_login(who)
    return browser


def url(stage: ClassStage, name: str, *args: object) -> str:
    return reverse(f"classroom:{name}", args=(stage.vcenter.uuid, *args))


def test_a_student_begins_checks_and_solves_in_the_client(stage):
    browser = client(stage.student)
    offered = browser.get(url(stage, "exercise")).content.decode()
    assert url(stage, "exercise-begin", SLUG) in offered
    begun = browser.post(url(stage, "exercise-begin", SLUG)).content.decode()
    assert 'data-step="enter" data-state="current"' in begun
    assert "esx-02.lab.local" in begun
    pumping.beat(stage.vcenter)
    checked = browser.post(url(stage, "exercise-check")).content.decode()
    assert "maintenance mode: now no, needed: yes" in checked
    digest = checked.partition('data-digest="')[2].partition('"')[0]
    assert browser.get(url(stage, "exercise"), {"known": digest}).status_code == 204
    for act in lessons.lessons()[SLUG].solution:
        stage.play(act)
    solved = browser.get(url(stage, "exercise"), {"known": digest}).content.decode()
    assert "100 of 100 points" in solved
    assert Attempt.objects.get().state == Attempt.FINISHED


def test_strangers_see_nothing_and_teachers_who_only_look_take_nothing_away(stage):
    stage.begin(SLUG)
    for name, args in (("exercise", ()), ("exercise-check", ()), ("exercise-hint", ("enter",))):
        address = url(stage, name, *args)
        browser = client(stage.outsider)
        answer = browser.get(address) if name == "exercise" else browser.post(address)
        assert answer.status_code == 404, name
    assert Client().get(url(stage, "exercise")).status_code == 302
    stage.lab.driver = stage.teacher
    stage.lab.save()
    refused = client(stage.student).post(url(stage, "exercise-check"))
    assert (refused.status_code, refused["X-Fault"]) == (403, "NoPermission")
    assert "exercise-post" not in client(stage.student).get(url(stage, "exercise")).content.decode()


def test_pages_of_teachers_are_no_pages_of_students(stage):
    for name in ("assignments", "scores", "scores-csv"):
        address = reverse(f"classroom:{name}", args=(stage.course.pk,))
        assert client(stage.teacher).get(address).status_code == 200
        assert client(stage.student).get(address).status_code == 404
    opened = reverse("classroom:assign", args=(stage.course.pk, "vmotion", "open"))
    assert client(stage.student).post(opened).status_code == 404
    assert client(stage.teacher).post(opened).status_code == 202
    assert set(Assignment.objects.values_list("lesson", flat=True)) == {SLUG, "vmotion"}
    text = client(stage.teacher).get(reverse("classroom:lesson", args=(stage.course.pk, SLUG)))
    assert "Repairing without a maintenance window" in text.content.decode()


def test_a_hint_costs_what_was_said_and_two_presses_open_one_each(stage):
    stage.begin(SLUG)
    browser = client(stage.student)
    assert "costs 8 points" in browser.get(url(stage, "exercise")).content.decode()
    page = browser.post(url(stage, "exercise-hint", "enter")).content.decode()
    assert "fully automated" in page
    browser.post(url(stage, "exercise-hint", "enter"))
    assert StepResult.objects.get(step="enter").hints == 1
    ahead = browser.post(url(stage, "exercise-hint", "leave"))
    assert (ahead.status_code, ahead["X-Fault"]) == (409, "InvalidState")
    for act in lessons.lessons()[SLUG].solution:
        stage.play(act)
    assert Attempt.objects.get().points == 92
    assert StepResult.objects.get(step="enter").points == 32


def test_a_labs_exercises_are_those_of_its_template():
    made = make_class(1)
    templates.save(made.teacher, made.course, made.template, lessons=["vmotion", SLUG])
    opening.open_for(made.course, ["contention"])
    batches.work(batches.make_labs(made.teacher, made.course, made.template).pk)
    assert list(Assignment.objects.values_list("lesson", flat=True)) == ["contention", "vmotion", SLUG]
    lab, student = Lab.objects.get(), made.students[0]
    shown = client(student).get(reverse("classroom:exercise", args=(lab.vcenter.uuid,))).content.decode()
    assert 'data-lesson="vmotion"' in shown
    assert 'data-lesson="contention"' not in shown
    for ask in (attempts.begin, restarts.ask):
        with pytest.raises(faults.NotFound):
            ask(student, lab, "contention")
    templates.save(made.teacher, made.course, made.template, lessons=[])
    assert opening.in_lab(Lab.objects.get()) == ["contention", "vmotion", SLUG]


def test_one_attempt_at_a_time_and_a_closed_lesson_is_not_there(stage):
    stage.begin(SLUG)
    with pytest.raises(faults.InvalidState):
        attempts.begin(stage.student, stage.lab, SLUG)
    attempts.give_up(stage.student, stage.lab)
    with pytest.raises(faults.InvalidState, match="restart"):
        attempts.begin(stage.student, stage.lab, SLUG)
    assert Attempt.objects.count() == 1
    with pytest.raises(faults.NotFound):
        attempts.begin(stage.student, stage.lab, "vmotion")
    with pytest.raises(faults.NoPermission):
        attempts.begin(stage.outsider, stage.lab, SLUG)


def test_a_lab_that_is_too_small_says_so_and_leaves_nothing_behind():
    stage = class_stage(hosts=1, vms=0)
    stage.open(SLUG)
    with pytest.raises(faults.InvalidState, match="more hosts"):
        attempts.begin(stage.student, stage.lab, SLUG)
    assert not Attempt.objects.exists()
    assert not VirtualMachine.objects.filter(vcenter=stage.vcenter, name__startswith="lab5").exists()


def test_an_attempt_ends_where_the_lab_was_taken_back(stage):
    stage.begin(SLUG)
    stage.vcenter.clock_lab_s = 0.0
    stage.vcenter.save(update_fields=["clock_lab_s"])
    assert attempts.check(stage.lab) is None
    assert Attempt.objects.get().state == Attempt.GIVEN_UP


def test_the_pump_looks_by_itself_but_not_more_often_than_it_must(stage, monkeypatch):
    stage.begin(SLUG)
    looks = []
    monkeypatch.setattr(watching.attempts, "check", lambda lab: looks.append(lab.pk))
    monkeypatch.setattr(watching, "EVERY_WALL_S", 0.0)
    pumping.advance(stage.vcenter, 100, 5.0)
    assert len(looks) <= 8
    assert looks
    count = len(looks)
    monkeypatch.setattr(watching, "EVERY_WALL_S", 3600.0)
    pumping.advance(stage.vcenter, 100, 5.0)
    assert len(looks) <= count + 1


def test_a_lab_without_anything_open_costs_the_pump_two_queries(stage, django_assert_max_num_queries):
    from inventory.pump import Beat

    beat = Beat(stage.vcenter, 0.0, 100.0, (), ())
    with django_assert_max_num_queries(2):
        watching.on_beat(beat)


def test_scores_by_student_and_step_and_their_file_is_harmless(stage):
    stage.student.first_name = "=HYPERLINK(1)"
    stage.student.save()
    stage.begin(SLUG)
    stage.play(lessons.lessons()[SLUG].solution[0])
    stage.wait(1)
    row = scores_of(stage.course).rows[0]
    assert (row.points, row.cells[0].steps, row.cells[0].attempts) == (40, (40, None, None), 1)
    assert (of_labs([stage.lab])[stage.lab.pk].step, of_labs([stage.lab])[stage.lab.pk].steps) == (1, 3)
    browser = client(stage.teacher)
    page = browser.get(reverse("classroom:scores", args=(stage.course.pk,))).content.decode()
    assert page.count('data-done="yes"') == 1
    answer = browser.get(reverse("classroom:scores-csv", args=(stage.course.pk,)))
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    lines = list(csv.reader(io.StringIO(text)))
    assert len(lines) == 1 + 3
    assert lines[1][0] == "'=HYPERLINK(1)"
    assert [line[6] for line in lines[1:]] == ["40", "0", "0"]


def test_cards_are_drawn_from_the_page_and_students_never_read_their_name(stage):
    address = reverse("classroom:card-draw", args=(stage.course.pk, "slow-datastore"))
    assert client(stage.student).get(address).status_code == 404
    teacher = client(stage.teacher)
    assert "lab minutes" in teacher.get(address).content.decode()
    assert teacher.post(address, {"labs": [str(stage.lab.pk)], "in_minutes": ""}).status_code == 202
    batches.work(Batch.objects.get(verb="sabotage").pk)
    card = Card.objects.get()
    assert card.played_at
    assert "Slow datastore" in teacher.get(reverse("classroom:assignments", args=(stage.course.pk,))).content.decode()
    panel = client(stage.student).get(url(stage, "exercise")).content.decode()
    assert "sabotage" not in panel.lower()
    gone = reverse("classroom:card-withdraw", args=(stage.course.pk, card.pk))
    assert client(stage.student).post(gone).status_code == 404
    assert teacher.post(gone).status_code == 202
    assert not Card.objects.exists()


def test_a_later_step_alone_counts_nothing_and_a_service_is_as_good_as_a_click(stage):
    stage.open("create-and-edit")
    stage.begin("create-and-edit")
    old = VirtualMachine.objects.select_related("host__cluster", "folder", "pool").get(name="lab2-old")
    vms.power_off(None, old)
    stage.settle()
    vms.delete_from_disk(None, VirtualMachine.objects.select_related("host__cluster", "folder").get(pk=old.pk))
    attempts.check(stage.lab)
    assert not StepResult.objects.filter(state=StepResult.DONE).exists()
    for act in lessons.lessons()["create-and-edit"].solution[:-2]:
        stage.play(act)
    assert Attempt.objects.get().points == 100


@pytest.fixture
def begun(monkeypatch):
    """A lab that was made from a template, with an attempt begun; and the restarts that workers were told of."""
    told: list[tuple] = []
    monkeypatch.setattr(tasks.restart_exercise, "apply_async", lambda args, **_options: told.append(args))
    teacher, student = make_user("teacher"), make_user("student")
    course = Course.objects.create(name="Class", teacher=teacher)
    template = LabTemplate.objects.create(course=course, name="Small", plan={"hosts": 3, "vms": 2}, speed=0)
    Membership.objects.create(course=course, user=student)
    lab = labs.make(teacher, course, template, student)
    Assignment.objects.create(course=course, lesson=SLUG)
    with pumping.committing():
        attempts.begin(student, lab, SLUG)
    pumping.beat(lab.vcenter)
    return lab, told


def test_restart_takes_the_lab_back_in_a_worker_and_counts_a_second_attempt(begun):
    lab, told = begun
    browser = client(lab.student)
    panel = reverse("classroom:exercise", args=(lab.vcenter.uuid,))
    sabotage.draw(lab.course.teacher, [lab], "slow-datastore", in_minutes=60)
    VirtualMachine.objects.filter(vcenter=lab.vcenter, name="lab5-app").update(notes="mine")
    assert browser.post(reverse("classroom:exercise-again", args=(lab.vcenter.uuid, SLUG))).status_code == 202
    assert "goes back to its beginning" in browser.get(panel).content.decode()
    assert VirtualMachine.objects.get(vcenter=lab.vcenter, name="lab5-app").notes == "mine", "the page did not wait"
    with pytest.raises(faults.TaskInProgress):
        restarts.ask(lab.student, lab, SLUG)

    (job,) = told
    for _time in range(2):  # a job may come twice
        restarts.work(*job)
    assert list(Attempt.objects.order_by("id").values_list("number", "state")) == [
        (1, Attempt.GIVEN_UP), (2, Attempt.OPEN),
    ]  # fmt: skip
    assert VirtualMachine.objects.get(vcenter=lab.vcenter, name="lab5-app").notes == ""
    assert not Card.objects.exists()
    assert restarts.of(lab) is None
    assert "goes back" not in browser.get(panel).content.decode()


def test_a_restart_that_is_refused_says_why_in_the_panel(begun):
    lab, told = begun
    restarts.ask(lab.student, lab, SLUG)
    wall.take_over(lab.course.teacher, lab)
    restarts.work(*told[0])
    assert restarts.of(lab).fault["fault"] == "NoPermission"
    shown = client(lab.student).get(reverse("classroom:exercise", args=(lab.vcenter.uuid,))).content.decode()
    assert 'role="alert"' in shown
    assert Attempt.objects.get().state == Attempt.OPEN
    wall.give_back(lab.course.teacher, lab)
    restarts.ask(lab.student, lab, SLUG)  # and one may ask again
    assert len(told) == 2


def test_without_a_broker_nothing_seems_to_be_under_way(begun, monkeypatch):
    def fail(*_args, **_options):
        raise OperationalError("gone")

    lab, _told = begun
    monkeypatch.setattr(tasks.restart_exercise, "apply_async", fail)
    restarts.ask(lab.student, lab, SLUG)
    assert not restarts.of(lab).running


def test_a_look_with_an_older_clock_does_not_close_what_has_just_begun(begun):
    lab, _told = begun
    lab.vcenter.clock_lab_s -= 3600  # as a beat has it that was under way when the exercise began
    assert attempts.check(lab) is None
    assert Attempt.objects.get().state == Attempt.OPEN
    VCenter.objects.filter(pk=lab.vcenter.pk).update(clock_lab_s=-3600)
    attempts.check(Lab.objects.select_related("vcenter", "course").get(pk=lab.pk))
    assert Attempt.objects.get().state == Attempt.GIVEN_UP, "a lab that was taken back"


def test_open_panels_are_told_when_a_look_finds_something_new_and_only_then(begun):
    lab, _told = begun
    cursor = live.missed(lab.vcenter, "").cursor

    def news() -> int:
        nonlocal cursor
        missed = live.missed(lab.vcenter, cursor)
        cursor = missed.cursor
        return missed.facts.count(("notes.changed",))

    attempts.check(lab)
    assert news() == 1
    attempts.check(lab)
    assert news() == 0
    attempts.hint(lab.student, lab, lessons.lessons()[SLUG].steps[0].key)
    assert news() == 1
    attempts.give_up(lab.student, lab)
    assert news() == 1


def test_pages_cost_no_more_with_a_whole_class(stage, django_assert_max_num_queries):
    stage.begin(SLUG)
    members = [make_user(f"pupil-{number}") for number in range(20)]
    Membership.objects.bulk_create(Membership(course=stage.course, user=user) for user in members)
    teacher, student = client(stage.teacher), client(stage.student)
    for name in ("scores", "assignments"):
        with django_assert_max_num_queries(20):
            assert teacher.get(reverse(f"classroom:{name}", args=(stage.course.pk,))).status_code == 200
    with django_assert_max_num_queries(16):
        assert student.get(url(stage, "exercise")).status_code == 200
