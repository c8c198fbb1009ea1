"""What one student reaches of another's lab by naming it from within his own: numbers of rows are the world's, and so
an address, a query or a form of one's own lab can name what lies in another.

Every row of the first student's lab is tried by its number, in every address, dialog and query that takes one. Nothing
of it may be said, and nothing in that lab may change.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.utils.timezone import now

from classroom.models import Card, Checkpoint, Lab
from classroom.services import wall
from inventory import sessions, teardown
from inventory.forms import DIALOGS
from inventory.models import (
    AlarmDefinition,
    ChartView,
    CustomAttribute,
    Event,
    License,
    Permission,
    Role,
    SavedSearch,
    ScheduledTask,
    Tag,
    TagCategory,
    Task,
    TriggeredAlarm,
)
from scheduler.models import DrsGroup, DrsRule, Replay
from tests.apps.classroom.people import Class, full_lab, make_class
from tests.apps.rights.test_every_address import (
    OF_VCENTERS,
    OTHERS,
    PARAMETER,
    SECRET,
    Address,
    by_route,
    fill_with_secrets,
    objects_in,
    text_of,
    words_for,
)
from tests.builders import SmallLab

World = tuple[Class, SmallLab, SmallLab]
NUMBERED = [one for one in OF_VCENTERS if any(converter == "int" for converter, _name in one.names)]
OF_ONE_ROW = [one for one in OTHERS if "int" in dict(one.names) and not one.route.startswith("classroom/")]


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    """Two students of one course, each with a full lab; in the first one's there is a row of whatever has a number."""
    with django_db_blocker.unblock(), transaction.atomic():
        made = make_class(2)
        lab, theirs = full_lab(made, made.students[0])
        _other, mine = full_lab(made, made.students[1])
        fill_with_secrets(theirs)
        add_numbered_rows(lab, theirs)
        wall.say(made.teacher, made.course, [lab], f"{SECRET} message")
        with django_db_blocker.block():
            yield made, theirs, mine
        transaction.set_rollback(True)


def add_numbered_rows(lab: Lab, theirs: SmallLab) -> None:
    """What `fill_with_secrets` has not: people's own things, rules, schedules, checkpoints, cards."""
    vcenter, person = theirs.vcenter, lab.student
    role = Role.objects.create(vcenter=vcenter, name=f"{SECRET} role", privileges=["System.Read"])
    Permission.objects.create(vcenter=vcenter, entity=theirs.cluster.moref, role=role, user=person)
    ScheduledTask.objects.create(
        vcenter=vcenter, entity=theirs.vm.moref, entity_kind="VirtualMachine", entity_name=theirs.vm.name,
        name=f"{SECRET} schedule", verb="power_on", timing={"kind": "hourly", "at": "00:05"}, owner=person,
    )  # fmt: skip
    SavedSearch.objects.create(user=person, name=f"{SECRET} search", query="in=vms")
    ChartView.objects.create(
        user=person, vcenter=vcenter, kind="vm", name=f"{SECRET} view", period="realtime", style="line", counters="6"
    )
    DrsGroup.objects.create(cluster=theirs.cluster, name=f"{SECRET} group", kind="vm")
    DrsRule.objects.create(cluster=theirs.cluster, name=f"{SECRET} rule", kind="affinity", members=[theirs.vm.moref])
    category = TagCategory.objects.create(vcenter=vcenter, name=f"{SECRET} category")
    Tag.objects.create(category=category, name=f"{SECRET} tag")
    CustomAttribute.objects.create(vcenter=vcenter, name=f"{SECRET} attribute")
    Checkpoint.objects.create(vcenter=vcenter, name=f"{SECRET} checkpoint", lab_s=1.0, lab_time=now(), size=1,
                              path="none.lab", sha256="0" * 64)  # fmt: skip
    Card.objects.create(lab=lab, kind="dead-bmc")
    License.objects.create(vcenter=vcenter, name=f"{SECRET} license", edition="standard", cores=64)


def numbers_in(theirs: SmallLab) -> list[int]:
    """The numbers of all rows of that lab that an address may name, each once."""
    models: tuple[Any, ...] = (Role, Permission, ScheduledTask, ChartView, SavedSearch, AlarmDefinition, TriggeredAlarm,
                               Task, Checkpoint, Card, License, Replay, DrsRule, DrsGroup, Tag, TagCategory,
                               CustomAttribute)  # fmt: skip
    ways = dict(teardown._tables())
    found = set()
    for model in models:
        rows = model._base_manager.all()
        if model in ways:
            rows = rows.filter(**{ways[model]: theirs.vcenter.pk})
        newest = rows.order_by("-pk").values_list("pk", flat=True).first()
        assert newest is not None, model
        found.add(newest)
    return sorted(found)


def number_of(model: Any, theirs: SmallLab, **way: Any) -> int:
    return int(model._base_manager.filter(**(way or {"vcenter": theirs.vcenter})).values_list("pk", flat=True)[0])


def rows_of(theirs: SmallLab, person: Any) -> dict[str, list[Any]]:
    """All rows of a lab, and what its student keeps."""
    found = {
        model.__name__: list(model._base_manager.filter(**{way: theirs.vcenter.pk}).order_by("pk").values())
        for model, way in teardown._tables()
        if model is not Event
    }
    own = {model.__name__: list(model.objects.filter(user=person).values()) for model in (SavedSearch, ChartView)}
    return {**found, **own, "Lab": list(Lab.objects.filter(vcenter=theirs.vcenter).values())}


def addresses(address: Address, world: World) -> Iterator[str]:
    """The address within one's own lab, naming every number of the other's."""
    _made, theirs, mine = world
    for obj in objects_in(mine) if ("moref", "moref") in address.names else [None]:
        for number in numbers_in(theirs):
            values = {"uuid": str(mine.vcenter.uuid), "moref": getattr(obj, "moref", ""), "int": str(number)}
            for verb in words_for("verb", obj) if "verb" in {name for _converter, name in address.names} else [""]:
                yield "/" + PARAMETER.sub(
                    lambda part, values=values, verb=verb: values.get(part["converter"] or "") or verb or "summary",
                    address.route,
                )


@pytest.fixture
def client(world: World, db: None) -> Client:
    """The second student's browser."""
    client = Client()
    client.force_login(world[0].students[1])
    return client


def untouched(world: World, client: Client, urls: Iterator[str]) -> int:
    """Read and send all of these; returns how many there were."""
    made, theirs, _mine = world
    before, tried = rows_of(theirs, made.students[0]), 0
    for url in urls:
        tried += 1
        for answer in (client.get(url), client.post(url)):
            assert answer.status_code < 500, url
            assert SECRET not in text_of(answer), url
    assert rows_of(theirs, made.students[0]) == before
    return tried


@pytest.mark.parametrize("address", NUMBERED, ids=by_route)
def test_no_number_of_a_classmates_lab_means_anything_in_ones_own(
    address: Address, world: World, client: Client
) -> None:
    assert untouched(world, client, addresses(address, world))


@pytest.mark.parametrize("address", OF_ONE_ROW, ids=by_route)
def test_no_row_of_a_classmate_is_reached_by_its_number(address: Address, world: World, client: Client) -> None:
    verbs = ("acknowledge", "reset") if "verb" in {name for _converter, name in address.names} else ("",)
    urls = (
        "/" + re.sub(r"<\w+:\w+>", lambda part, n=number, v=verb: str(n) if "int" in part[0] else v, address.route)
        for number in numbers_in(world[1])
        for verb in verbs
    )
    assert untouched(world, client, urls)


def test_no_dialog_of_ones_own_lab_opens_what_is_in_a_classmates(world: World, client: Client) -> None:
    _made, theirs, mine = world
    cluster = {"cluster": theirs.cluster}
    named = {
        "checkpoint": number_of(Checkpoint, theirs), "alarm": number_of(AlarmDefinition, theirs),
        "task": number_of(ScheduledTask, theirs), "rule": number_of(DrsRule, theirs, **cluster),
        "group": number_of(DrsGroup, theirs, **cluster), "replay": number_of(Replay, theirs, **cluster),
        "license": number_of(License, theirs), "vc": theirs.vcenter.uuid,
    }  # fmt: skip
    query = "&".join(f"{name}={value}" for name, value in named.items())
    places = (mine.vcenter, mine.cluster, mine.host, mine.vm)
    urls = (f"/vc/{mine.vcenter.uuid}/{obj.moref}/dialog/{name}/?{query}" for obj in places for name in DIALOGS)
    assert untouched(world, client, urls) == len(places) * len(DIALOGS)


def test_no_page_of_ones_own_lab_shows_what_is_in_a_classmates(world: World, client: Client) -> None:
    _made, theirs, mine = world
    named = [f"replay={number_of(Replay, theirs, cluster=theirs.cluster)}", f"vc={theirs.vcenter.uuid}",
             f"saved={number_of(SavedSearch, theirs, name=f'{SECRET} search')}"]  # fmt: skip
    sections = ("monitor/drs-replay/", "monitor/replay/", "monitor/advanced/", "monitor/tasks/", "monitor/events/")
    root = f"/vc/{mine.vcenter.uuid}"
    urls = [f"{root}/{mine.cluster.moref}/{place}?{one}" for place in sections for one in named]
    urls += [f"{place}?{one}" for place in ("/roles/", "/find/", "/search/", "/tasks/", "/audit/") for one in named]
    assert untouched(world, client, iter(urls))


def test_nobody_ends_the_session_of_a_classmate(world: World, client: Client) -> None:
    other = Client()
    other.force_login(world[0].students[0])
    handle = sessions.handle_of(other.session.session_key)
    assert client.post(f"/sessions/{handle}/end/").status_code == 404
    assert other.get("/").status_code == 200
    assert SECRET not in text_of(client.get("/sessions/"))


NUMBERED = ("edit-alarm", "rewind-to-checkpoint", "drs-rule", "drs-group", "edit-schedule", "edit-license",
            "remove-license")  # fmt: skip


@pytest.mark.parametrize("what", ["A³", "²", "9" * 40, "-1", "1e3", "%00"])
def test_a_number_that_is_none_is_not_found(what: str, world: World, client: Client) -> None:
    mine = world[2]
    for name in NUMBERED:
        for obj in (mine.vcenter, mine.cluster, mine.vm):
            query = "&".join(f"{key}={what}" for key in ("alarm", "checkpoint", "rule", "group", "task", "license"))
            answer = client.get(f"/vc/{mine.vcenter.uuid}/{obj.moref}/dialog/{name}/?{query}")
            assert answer.status_code < 500, (name, what)
