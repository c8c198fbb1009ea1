"""A teacher who looks into a student's lab changes nothing there, by no address, until the lab is taken over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import transaction
from django.test import Client

from classroom.models import Attempt, Checkpoint
from classroom.services import courses, wall
from inventory.models import AuditEntry, Event, Task, VCenter
from tests.apps.classroom.people import Class, full_lab, make_class
from tests.apps.rights.test_every_address import OF_VCENTERS, Address, by_route, some_urls
from tests.builders import SmallLab
from tests.cast import make_user


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[tuple[Class, SmallLab]]:
    """A student's lab with one of everything, into which the teacher looks; a co-teacher and a superuser beside."""
    with django_db_blocker.unblock(), transaction.atomic():
        made = make_class(1)
        lab, built = full_lab(made, made.students[0])
        make_user("helper")
        courses.add_co_teacher(made.teacher, made.course, "helper")
        wall.look_in(made.teacher, lab)
        make_user("root", is_superuser=True, is_staff=True)
        with django_db_blocker.block():
            yield made, built
        transaction.set_rollback(True)


def state_of(vcenter: VCenter) -> tuple[Any, ...]:
    """What any change of a lab leaves a trace in."""
    row = VCenter.objects.values("config_version", "clock_speed", "clock_lab_s", "timeline", "name", "next_id")
    counts = (Task.objects.filter(vcenter=vcenter).count(), Event.objects.filter(vcenter=vcenter).count(),
              AuditEntry.objects.count(), Attempt.objects.count(), Checkpoint.objects.count())  # fmt: skip
    return (row.get(pk=vcenter.pk), *counts)


@pytest.mark.parametrize("address", OF_VCENTERS, ids=by_route)
@pytest.mark.parametrize("name", ["kim", "helper", "root"])
def test_no_address_of_the_lab_changes_it(address: Address, name: str, world: tuple[Class, SmallLab], db: None) -> None:
    _made, built = world
    client = Client()
    client.force_login(get_user_model().objects.get(username=name))
    before = state_of(built.vcenter)
    for url in some_urls(address, built):
        answer = client.post(url)
        assert answer.status_code < 500, url
        assert state_of(built.vcenter) == before, (url, answer.status_code)
