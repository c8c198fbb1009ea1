"""Nothing that a page offers to a teacher who only looks into a lab is refused, nor to a student who is driven.

Pages and fragments of one object of each kind are read as a browser reads them: what can be pressed or followed there
is pressed and followed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import transaction
from django.test import Client
from django.utils.timezone import now

from classroom.models import Attempt, Lab
from classroom.services import wall
from domain import faults
from domain.states import TaskState
from inventory import rights
from inventory.models import AlarmDefinition, Task, TriggeredAlarm
from inventory.services import tasks as task_services
from inventory.services import vms
from tests.apps.classroom.people import Class, full_lab, make_class
from tests.builders import SmallLab
from tests.ledger import take_moref
from tests.pages import pages_of

GETS = ("data-dialog", "data-menu", "data-context-menu", "data-row-menu", "hx-get", "href")
POSTS = ("hx-post", "data-post", "data-exercise-post", "formaction")
VOID = {"input", "br", "img", "hr", "meta", "link", "use", "path"}
# Of the person, not of the lab.
NOT_LED_TO = ("/login/", "/audit/", "/roles/", "/sessions/")
ELSEWHERE = re.compile(r"^/(static|logout|preferences|i18n|password|account|mfa|admin|ko|en)\b")
NUMBER = re.compile(r"\d+")
Offer = tuple[str, str]


class Reader(HTMLParser):
    """Collects what a page offers: (method, address). `looks` are the vCenters in which data-changes is hidden."""

    def __init__(self, looks: set[str]) -> None:
        super().__init__()
        self.looks, self.offers = looks, set[Offer]()
        self._around: list[tuple[str, str | None]] = []
        self._form: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag not in VOID:
            self._around.append((tag, given.get("data-vc")))
        if "disabled" in given or given.get("aria-disabled") == "true" or self._hidden(given):
            return
        for name in GETS:
            self._add("GET", given.get(name))
        for name in POSTS:
            self._add("POST", given.get(name))
        if tag == "form":
            self._form = given.get("action") if given.get("method", "").lower() == "post" else None
        if tag == "button" and given.get("type", "submit") == "submit" and "formaction" not in given:
            self._add("POST", self._form)  # a form is offered by a button that sends it
        method = given.get("data-method") or given.get("data-act")
        if method:
            self._add("POST" if method == "post" else "GET", given.get("data-url"))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        while tag not in VOID and self._around and self._around.pop()[0] != tag:
            pass

    def _hidden(self, given: dict[str, str]) -> bool:
        return "data-changes" in given and any(vc in self.looks for _tag, vc in self._around)

    def _add(self, method: str, address: str | None) -> None:
        if address and address.startswith("/") and not ELSEWHERE.match(address):
            self.offers.add((method, address.split("#")[0]))


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[tuple[Class, SmallLab]]:
    """A student's lab with one of everything, and with what can be taken back, cancelled and acknowledged there."""
    with django_db_blocker.unblock(), transaction.atomic():
        made = make_class(1)
        lab, built = full_lab(made, made.students[0])
        wall.take_over(made.teacher, lab)
        vms.set_notes(made.teacher, built.vm, "of the teacher")
        vms.set_notes(None, built.vms[1], "of the system")
        about = {"entity": built.vm.moref, "entity_kind": "VirtualMachine", "entity_name": "vm"}
        alarm = AlarmDefinition.objects.create(
            vcenter=built.vcenter, moref="alarm-1", name="Busy", entity="group-d1", target_kind="VirtualMachine"
        )
        TriggeredAlarm.objects.create(
            definition=alarm, vcenter=built.vcenter, status="red", triggered_lab_s=1.0, **about
        )  # fmt: skip
        for person in (made.teacher, None):
            Task.objects.create(
                vcenter=built.vcenter, moref=take_moref(built.vcenter, "task-"), description_id="x.y", cancelable=True,
                state=TaskState.RUNNING, operation="vm.power_on", initiator=person, started_at=now(),
                exclusive=False, **about,
            )  # fmt: skip
        wall.give_back(made.teacher, lab)
        wall.look_in(made.teacher, lab)
        with django_db_blocker.block():
            yield made, built
        transaction.set_rollback(True)


def offered_to(client: Client, built: SmallLab, looks: set[str]) -> dict[Offer, str]:
    """Every offer, with the page that makes it; of those that differ in numbers or in the question alone, the first."""
    found: dict[Offer, str] = {}
    kinds: set[Offer] = set()
    more = [("clock", f"/vc/{built.vcenter.uuid}/clock/"), ("notes", f"/vc/{built.vcenter.uuid}/classroom/"),
            ("exercise", f"/vc/{built.vcenter.uuid}/exercise/")]  # fmt: skip
    for name, address in [*pages_of(built), *more]:
        if ": dialog " in name or address in NOT_LED_TO:
            continue  # dialogs are followed where they are offered
        answer = client.get(address, follow=True)
        assert answer.status_code in (200, 204), (name, address)
        reader = Reader(looks)
        reader.feed(answer.content.decode(errors="replace"))
        for method, offer in sorted(reader.offers):
            kind = (method, NUMBER.sub("", offer.split("?")[0].replace(str(built.vcenter.uuid), "")))
            if kind not in kinds:
                kinds.add(kind)
                found[method, offer] = address
    return found


def refused(client: Client, offers: dict[Offer, str]) -> list[tuple[Any, ...]]:
    """Those that end at a closed door; whatever they do is taken back."""
    found = []
    for (method, address), page in sorted(offers.items()):
        with transaction.atomic():
            answer = client.get(address) if method == "GET" else client.post(address)
            if answer.status_code in (403, 404, 405) or answer.status_code >= 500:
                found.append((answer.status_code, method, address, page))
            transaction.set_rollback(True)
    return found


def looks_of(client: Client) -> set[str]:
    """The vCenters in which the shell says that the person only looks."""
    body = client.get("/").content.decode()
    told = re.search(r'<script id="lab-clocks" type="application/json">(.*?)</script>', body, re.DOTALL)
    assert told is not None
    return {one["vc"] for one in json.loads(told[1]) if one["looks"]}


def test_nothing_that_a_looking_teacher_is_offered_is_refused(world: tuple[Class, SmallLab], db: None) -> None:
    made, built = world
    person = get_user_model().objects.get(pk=made.teacher.pk)
    client = Client()
    client.force_login(person)
    looks = looks_of(client)
    assert looks == {str(built.vcenter.uuid)}
    offers = offered_to(client, built, looks)
    assert any(address.endswith("/drive/") for _method, address in offers)
    assert not any("/undo/" in address or "/cancel/" in address for _method, address in offers)
    assert refused(client, offers) == []
    wall.take_over(person, Lab.objects.get(vcenter=built.vcenter))
    assert looks_of(client) == set()
    reader = Reader(set())
    reader.feed(client.get("/tasks/").content.decode())
    assert any("/undo/" in address for _method, address in reader.offers), "who drives is offered it"


def test_nothing_that_a_driven_student_is_offered_is_refused(world: tuple[Class, SmallLab], db: None) -> None:
    made, built = world
    wall.take_over(made.teacher, Lab.objects.get(vcenter=built.vcenter))
    client = Client()
    client.force_login(made.students[0])
    looks = looks_of(client)
    assert looks == {str(built.vcenter.uuid)}
    assert refused(client, offered_to(client, built, looks)) == []
    assert not Attempt.objects.exists()


def test_who_only_looks_cancels_not_even_the_own_task(world: tuple[Class, SmallLab], db: None) -> None:
    made, built = world
    own = Task.objects.get(vcenter=built.vcenter, initiator=made.teacher, state=TaskState.RUNNING)
    person = get_user_model().objects.get(pk=made.teacher.pk)
    with pytest.raises(faults.NoPermission):
        task_services.cancel(person, own)
    wall.take_over(made.teacher, Lab.objects.get(vcenter=built.vcenter))
    rights.forget(person)
    assert task_services.cancel(person, own).live
