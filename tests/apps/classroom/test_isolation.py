"""What one student finds of another's lab: nothing, by no address, no search, no export, no socket.

The addresses come from the resolver, as in tests/apps/rights/test_every_address.py; here the stranger sits in the same
course and has a lab of his own beside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from classroom.models import Lab
from classroom.services import wall
from inventory.live.topics import TOPICS
from inventory.models import AlarmDefinition, TriggeredAlarm
from inventory.services import vms
from tests.apps.classroom.people import Class, full_lab, make_class, make_teacher
from tests.apps.rights.test_every_address import (
    OF_VCENTERS,
    OTHERS,
    PER_OBJECT,
    SECRET,
    Address,
    by_route,
    fill_with_secrets,
    objects_in,
    some_urls,
    text_of,
)
from tests.builders import SmallLab, make_vm
from tests.cast import make_user


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[tuple[Class, SmallLab]]:
    """Two students of one course; the first one's lab is full of secrets, and so is the first one."""
    with django_db_blocker.unblock(), transaction.atomic():
        made = make_class(2)
        student = made.students[0]
        student.last_name = f"{SECRET} Lee"
        student.save()
        lab, built = full_lab(made, student)
        full_lab(made, made.students[1])
        fill_with_secrets(built)
        wall.say(made.teacher, made.course, [lab], f"{SECRET} message")
        with django_db_blocker.block():
            yield made, built
        transaction.set_rollback(True)


def test_every_kind_of_object_is_tried_with_more_than_its_first_words(world: tuple[Class, SmallLab], db: None) -> None:
    lab = world[1]
    dialogs = next(one for one in OF_VCENTERS if "/dialog/<" in one.route)
    some = some_urls(dialogs, lab)
    assert {url.split("/")[3] for url in some} == {one.moref for one in objects_in(lab)}
    assert len(some) > PER_OBJECT * len(objects_in(lab)) // 2


@pytest.fixture
def other(world: tuple[Class, SmallLab], db: None) -> Client:
    """The second student's browser."""
    client = Client()
    client.force_login(world[0].students[1])
    return client


@pytest.mark.parametrize("address", OF_VCENTERS, ids=by_route)
def test_no_address_of_anothers_lab_exists(address: Address, other: Client, world: tuple[Class, SmallLab]) -> None:
    for url in some_urls(address, world[1]):
        answers = [other.get(url), other.post(url)]
        assert {answer.status_code for answer in answers} in ({404}, {404, 405}), url
        assert not any(SECRET in text_of(answer) for answer in answers), url


@pytest.mark.parametrize("address", OTHERS, ids=by_route)
def test_no_list_search_or_export_tells_of_it(address: Address, world: tuple[Class, SmallLab], db: None) -> None:
    for url in some_urls(address, world[1]):
        client = Client()
        client.force_login(world[0].students[1])
        for answer in (client.get(url), client.get(f"{url}&format=csv"), client.post(url)):
            assert answer.status_code < 500, url
            text = text_of(answer)
            assert SECRET not in text, url
            assert str(world[1].vcenter.uuid) not in text, url


# What differs from one answer to the next by itself: tokens against forgery, and the clock.
PASSING = re.compile(r'(csrfmiddlewaretoken" value="|X-CSRFToken": ")[^"]*|csrftoken=\S+|"now": [\d.]+|'
                     r'"(at|signed)": "[^"]*"|expires=[^;]*')  # fmt: skip


@pytest.mark.parametrize("address", OTHERS, ids=by_route)
def test_no_count_and_no_page_changes_with_what_a_classmate_does(
    address: Address, other: Client, world: tuple[Class, SmallLab]
) -> None:
    """Whatever is counted, summed up or listed: it stays as it was, to the byte, while the other lab grows."""
    made, lab = world
    every = [url for url in some_urls(address, lab) if not url.startswith(("/logout", "/login"))]

    def seen() -> dict[str, str]:
        return {url: PASSING.sub("", text_of(other.get(url))) for url in every}

    before = seen()
    more = make_vm(lab.host, "one-more", datastore=lab.datastore)
    vms.set_notes(made.students[0], more, "a task, an entry of the audit log")
    alarm = AlarmDefinition.objects.filter(vcenter=lab.vcenter).first()
    TriggeredAlarm.objects.create(
        definition=alarm, vcenter=lab.vcenter, status="yellow", triggered_lab_s=2.0, entity=more.moref,
        entity_kind="VirtualMachine", entity_name="one-more",
    )  # fmt: skip
    for url, text in seen().items():
        assert text == before[url], url


OF_COURSES = [one for one in OTHERS if one.route.startswith("classroom/<int:pk>/")]
# What stands for a part of an address of a course that names one thing in it; a new part has to be named here.
PARTS: dict[str, Callable[[Class], Any]] = {
    "pk": lambda made: made.course.pk,
    "lab": lambda made: Lab.objects.filter(course=made.course).first().pk,  # type: ignore[union-attr]
    "template": lambda made: made.template.pk,
    "member": lambda made: made.memberships[0].pk,
    "user": lambda made: made.teacher.pk,
    "batch": lambda made: 1,
    "card": lambda made: 1,
    "kind": lambda made: "dead-bmc",
    "lesson": lambda made: "dpm-day",
    "verb": lambda made: "reset",
}


@pytest.mark.parametrize("address", OF_COURSES, ids=by_route)
def test_no_address_of_a_course_exists_for_its_students(
    address: Address, other: Client, world: tuple[Class, SmallLab]
) -> None:
    made = world[0]
    url = "/" + re.sub(r"<\w+:(\w+)>", lambda part: str(PARTS[part[1]](made)), address.route)
    for answer in (other.get(url), other.post(url)):
        assert answer.status_code in (404, 405), url
        assert SECRET not in text_of(answer), url


@pytest.mark.parametrize("name", sorted(TOPICS))
def test_no_topic_of_a_course_is_followed_by_anybody_but_its_teachers(
    name: str, world: tuple[Class, SmallLab], db: None
) -> None:
    made, topic = world[0], TOPICS[name]
    assert topic.may(made.teacher, made.course.pk)
    for stranger in (*made.students, make_teacher("lim"), make_user("nobody")):
        assert not topic.may(stranger, made.course.pk)


def test_home_names_the_course_and_nobody_in_it(other: Client, world: tuple[Class, SmallLab]) -> None:
    home = other.get("/classroom/")
    assert world[0].course.name in text_of(home)
    assert SECRET not in text_of(home)
