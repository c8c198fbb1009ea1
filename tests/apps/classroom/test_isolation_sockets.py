"""What one student hears of another's lab by the socket: nothing, whatever is watched, followed or caught up with.

What can be watched and what can be told are read from the product, so that a new kind is tried from its first day.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from inventory.live.answers import digest
from inventory.live.publish import DETAILED_FACTS, PLAIN_FACTS, log_key
from inventory.live.topics import TOPICS
from inventory.live.watch import Wish
from inventory.models import Task
from inventory.redis import patient
from inventory.selectors.getters import MODELS
from tests.apps.classroom.people import Class, full_lab, make_class
from tests.apps.live.test_socket import PATIENCE_S, Page, _hears_before_it_greets, page, publish
from tests.builders import SmallLab
from tests.ledger import take_moref
from vsphere_web.env import BASE_DIR

assert _hears_before_it_greets  # autouse here too
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> tuple[Class, SmallLab, SmallLab]:
    """A class of two students, each with a full lab: the first one's, and the second one's."""
    made = make_class(2)
    return made, full_lab(made, made.students[0])[1], full_lab(made, made.students[1])[1]


def everything_of(lab: SmallLab) -> list[str]:
    """A reference of every object in the lab."""
    kinds = set(MODELS.values())
    return [row.moref for model in kinds for row in model._base_manager.filter(vcenter=lab.vcenter)]


def a_wish(lab: SmallLab) -> dict[str, Any]:
    """All that a page can ask for in a lab: every field of a wish is filled in."""
    refs = everything_of(lab)
    asked: dict[str, Any] = {"vc": str(lab.vcenter.uuid), "tasks": True, "objects": refs, "trees": refs,
                             "figures": refs[:200], "counters": [6, 98], "since": "0-0", "lang": "en"}  # fmt: skip
    assert {one.name for one in fields(Wish)} == {"vcenter", "language", *asked} - {"vc", "lang"}
    return asked


def every_fact(lab: SmallLab) -> list[tuple[Any, ...]]:
    about = {"entity": lab.vm.moref, "entity_kind": "VirtualMachine", "entity_name": "theirs", "operation": "x"}
    task = Task.objects.create(
        vcenter=lab.vcenter, moref=take_moref(lab.vcenter, "task-"), description_id="x.y", **about
    )
    detail = {"task.changed": task.pk, "tree.changed": lab.cluster.moref}
    told: list[tuple[Any, ...]] = [(name, detail.get(name, lab.vm.moref)) for name in DETAILED_FACTS]
    return told + [(name, 1.0) if name == "figures" else (name,) for name in PLAIN_FACTS]


def test_a_server_that_has_shown_no_page_yet_knows_what_may_be_followed(tmp_path: Path) -> None:
    """After a restart the sockets of open walls come back before any page is asked for."""
    asked = "import vsphere_web.asgi; from inventory.live.topics import TOPICS; print(sorted(TOPICS))"
    said = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=True, cwd=BASE_DIR,
        env={**os.environ, "DATA_DIR": str(tmp_path)},
    )  # fmt: skip
    assert said.stdout.splitlines()[-1] == str(sorted(TOPICS))
    assert "wall" in TOPICS


def test_every_fact_means_something_to_a_page() -> None:
    for name in (*DETAILED_FACTS, *PLAIN_FACTS):
        assert digest([(name, 1)]) != digest([]) or digest([(name, "vm-1")]) != digest([]), name


async def heard_by_the_other(world: tuple[Class, SmallLab, SmallLab], said: dict[str, Any]) -> list[dict[str, Any]]:
    """What the second student's socket hears, having said that, while everything happens in the first one's lab."""
    made, theirs, mine = world
    facts = await sync_to_async(every_fact)(theirs)
    await publish(theirs.vcenter, *facts)  # what a page could catch up with
    assert await sync_to_async(patient().exists)(log_key(theirs.vcenter))
    async with page(made.students[1]) as socket:
        await socket.say(said)
        heard = await until(socket, "at")  # from here on it misses nothing of its own lab
        await publish(theirs.vcenter, *facts)
        await publish(mine.vcenter, ("notes.changed",))  # heard, so the rest would have been heard before
        return heard + await until(socket, "notes") + await socket.hears_nothing_but()


async def until(socket: Page, name: str) -> list[dict[str, Any]]:
    """All messages up to the first of this type."""
    heard: list[dict[str, Any]] = []
    while not heard or heard[-1]["t"] != name:
        heard.append(json.loads(await socket._communicator.receive_from(PATIENCE_S)))
    return heard


async def test_a_classmates_lab_is_not_watched(world: tuple[Class, SmallLab, SmallLab]) -> None:
    _made, theirs, mine = world
    wishes = await sync_to_async(lambda: [a_wish(theirs), {"vc": str(mine.vcenter.uuid)}])()
    heard = await heard_by_the_other(world, {"watch": wishes})
    assert {m["vc"] for m in heard} == {str(mine.vcenter.uuid)}
    assert str(theirs.vcenter.uuid) not in json.dumps(heard)


@pytest.mark.parametrize("name", sorted(TOPICS))
async def test_no_topic_of_the_course_is_followed(world: tuple[Class, SmallLab, SmallLab], name: str) -> None:
    made, theirs, mine = world
    said = {"watch": {"vc": str(mine.vcenter.uuid)}, "topic": f"{name}:{made.course.pk}", "lang": "en"}
    heard = await heard_by_the_other(world, said)
    assert "topic" not in {m["t"] for m in heard}
    assert str(theirs.vcenter.uuid) not in json.dumps(heard)


async def test_the_owner_would_hear_all_that(world: tuple[Class, SmallLab, SmallLab]) -> None:
    """The same wish and the same facts reach the lab's own student: the other tests could fail."""
    made, theirs, _mine = world
    facts = await sync_to_async(every_fact)(theirs)
    wish = await sync_to_async(a_wish)(theirs)
    async with page(made.students[0]) as socket:
        await socket.say({"watch": {**wish, "since": ""}})
        await socket.hear("at")
        await publish(
            theirs.vcenter, *[fact for fact in facts if fact[0] not in ("lab.rewound", "permissions.changed")]
        )
        wanted = {"task", "changed", "alarms", "notes"}
        while wanted:
            wanted.discard((await socket.hear(*wanted))["t"])
