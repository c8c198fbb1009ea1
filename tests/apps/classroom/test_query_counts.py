"""How many SQL queries every page of a course costs: none more than written down, and no more with a larger class.

The numbers stand in tests/golden/classroom_query_counts.json. After a change that is meant to cost more, or adds a
page: `WRITE_QUERY_COUNTS=1 manage.py test tests/apps/classroom/test_query_counts.py`, and look at the difference.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from classroom.exercises import lessons
from classroom.models import Assignment, Attempt, Card
from tests.apps.classroom.people import Class, make_class

GOLDEN = Path(__file__).parents[2] / "golden" / "classroom_query_counts.json"
QUERIES_AT_MOST = 24
FEW, MANY = 2, 6
OF_TEACHERS = ("", "wall/", "wall/?group=A", "members/", "members/list/", "exercises/", "exercises/dpm-day/text/",
               "scores/", "scores.csv", "batch/")  # fmt: skip
pytestmark = pytest.mark.django_db


def counts(students: int) -> dict[str, int]:
    """The queries of every page of a course, of its home for both sides, and of what a lab's pages show of it."""
    made = _at_work(make_class(students, with_labs=True))
    teacher, student = Client(), Client()
    teacher.force_login(made.teacher)
    student.force_login(made.students[0])
    lab, course = made.labs[0].vcenter.uuid, made.course.pk
    pages = [(f"teacher: {place or 'labs'}", teacher, f"/classroom/{course}/{place}") for place in OF_TEACHERS]
    pages += [("teacher: home", teacher, "/classroom/"), ("student: home", student, "/classroom/")]
    pages += [("student: join", student, f"/classroom/join/{made.course.code}/")]
    for who, client in (("teacher", teacher), ("student", student)):
        pages += [(f"{who}: notes", client, f"/vc/{lab}/classroom/"), (f"{who}: panel", client, f"/vc/{lab}/exercise/")]
    return {name: _queries(client, address) for name, client, address in pages}


def _at_work(made: Class) -> Class:
    """Everybody has begun an exercise and has a card."""
    made.course.memberships.update(group="A")
    Assignment.objects.create(course=made.course, lesson="dpm-day")
    assert "dpm-day" in lessons.lessons()
    Attempt.objects.bulk_create(Attempt(lab=lab, lesson="dpm-day", started_lab_s=0.0) for lab in made.labs)
    Card.objects.bulk_create(Card(lab=lab, kind="dead-bmc") for lab in made.labs)
    return made


def _queries(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(address)
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    assert answer.status_code == 200, address
    assert body or "panel" in address
    return len(queries)


def test_no_page_costs_more_than_written_down() -> None:
    found = counts(FEW)
    if os.environ.get("WRITE_QUERY_COUNTS"):
        GOLDEN.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    kept = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert found.keys() == kept.keys()
    assert {name: (n, kept[name]) for name, n in found.items() if n > kept[name]} == {}
    assert {name: n for name, n in found.items() if n > QUERIES_AT_MOST} == {}


def test_a_larger_class_costs_no_more() -> None:
    kept = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert {name: (n, kept[name]) for name, n in counts(MANY).items() if n > kept[name]} == {}
