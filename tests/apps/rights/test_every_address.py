"""Walks every address of the site: strangers find nothing, readers change nothing.

The addresses come from the resolver, so that a new one is tested from its first day. What stands for a part of an
address comes from a small lab in which every name begins with `SECRET`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any
from urllib.parse import urlencode

import pytest
from django.apps import apps
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils.timezone import now

from inventory import selectors
from inventory.actions import registry
from inventory.forms.pickers import PICKS
from inventory.models import (
    AlarmDefinition,
    AuditEntry,
    Preferences,
    Snapshot,
    Task,
    TriggeredAlarm,
    VCenter,
    VirtualMachine,
)
from inventory.selectors import tree
from scheduler.models import Replay
from tests.builders import SmallLab, small_lab
from tests.cast import Cast, admit, make_cast
from tests.ledger import take_moref

SECRET = "Xyzzy"
# Open to everybody: the log-in and how it may fail, the language, the two questions of machines.
PUBLIC = {
    "login/", "login/inactive/", "sso/cancelled/", "sso/error/", "healthz", "preferences/language/", "i18n/setlang/",
}  # fmt: skip
PARAMETER = re.compile(r"<(?:(?P<converter>\w+):)?(?P<name>\w+)>")
REGEX = re.compile(r"\(\?P<\w+>[^)]*\)\$?")
TABS = ("summary", "monitor", "vms", "hosts")
PER_OBJECT = 4  # addresses at least of each, where only some are tried
OURS = ("inventory", "scheduler", "classroom")


@dataclass(frozen=True)
class Address:
    route: str

    @property
    def in_vcenter(self) -> bool:
        return "<uuid:vc>" in self.route

    @property
    def names(self) -> list[tuple[str, str]]:
        return [(m["converter"] or "str", m["name"]) for m in PARAMETER.finditer(self.route)]


def addresses(patterns: Any, prefix: str = "") -> Iterator[Address]:
    for pattern in patterns:
        route = prefix + REGEX.sub("x", str(pattern.pattern)).lstrip("^")
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            yield Address(route)


ALL = sorted(set(addresses(get_resolver().url_patterns)), key=lambda one: one.route)
OF_VCENTERS = [one for one in ALL if one.in_vcenter]
ADMIN = [one for one in ALL if one.route.startswith("admin/")]
OTHERS = [one for one in ALL if not one.in_vcenter and one not in ADMIN]


def by_route(one: Address) -> str:
    return one.route


# --- a lab full of secrets -------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[tuple[Cast, SmallLab]]:
    """The cast and the lab, made once for the module: each test's own transaction lies inside this one."""
    with django_db_blocker.unblock(), transaction.atomic():
        cast = make_cast()
        lab = small_lab(cast.student)
        admit(cast, lab.vcenter)
        fill_with_secrets(lab)
        with django_db_blocker.block():
            yield cast, lab
        transaction.set_rollback(True)


@pytest.fixture
def cast(world: tuple[Cast, SmallLab], db: None) -> Cast:
    return world[0]


@pytest.fixture
def secret(world: tuple[Cast, SmallLab], db: None) -> SmallLab:
    return world[1]


def fill_with_secrets(lab: SmallLab) -> None:
    """One row of everything that an address may name by number; every name begins with `SECRET`."""
    vcenter = lab.vcenter
    VCenter.objects.filter(pk=vcenter.pk).update(name=f"{SECRET} vCenter")
    for model in selectors.visible.LISTED:
        for row in model._base_manager.filter(vcenter=vcenter):
            model._base_manager.filter(pk=row.pk).update(name=f"{SECRET}-{row.moref}")
    about = {"entity": lab.vm.moref, "entity_kind": "VirtualMachine", "entity_name": f"{SECRET}-vm"}
    moref = take_moref(vcenter, "task-")
    Task.objects.create(vcenter=vcenter, moref=moref, description_id="x.y", operation="vm.power_on", **about)
    alarm = AlarmDefinition.objects.create(
        vcenter=vcenter, moref="alarm-1", name=f"{SECRET} alarm", entity="group-d1", target_kind="VirtualMachine"
    )
    TriggeredAlarm.objects.create(definition=alarm, vcenter=vcenter, status="red", triggered_lab_s=1.0, **about)
    Replay.objects.create(
        cluster=lab.cluster, created_lab_s=1.0, origin="upload", source=f"{SECRET} day", site="cluster",
        semantics="physical", vms=1, hosts=1, samples=2, step_s=300.0, done=True,
    )  # fmt: skip
    Snapshot.objects.create(vm=lab.vm, moref="snapshot-1", name=f"{SECRET} snapshot", ready=True)
    VirtualMachine.everything.filter(pk=lab.vms[2].pk).update(deleted_at=now())


def objects_in(lab: SmallLab) -> list[Any]:
    rows = (lab.vm, lab.template, lab.host, lab.cluster, lab.pool, lab.vm_folder, lab.datacenter, lab.datastore)
    return [lab.vcenter, *rows, lab.network]


def numbers() -> list[int]:
    """Primary keys that exist: the first of every table of ours."""
    found = {model._base_manager.values_list("pk", flat=True).first() for app in OURS for model in models_of(app)}
    return sorted(pk for pk in found if isinstance(pk, int))


def models_of(app: str) -> list[Any]:
    return list(apps.get_app_config(app).get_models())


def words_for(name: str, obj: Any) -> list[str]:
    """What may stand for a word of an address; menus know the names of actions and dialogs."""
    menu = list(registry.flat(registry.entries(obj))) if obj is not None else []
    known = {
        "action": [one.key for one in menu if one.run],
        "name": sorted({one.dialog for one in menu if one.dialog}),
        "tab": list(TABS),
        "section": ["performance", "tasks", "events", "general"],
        "what": list(PICKS),
        "verb": ["acknowledge", "reset"],
        "view": list(tree.VIEWS),
    }
    return known.get(name, ["summary"])


def query(lab: SmallLab) -> str:
    """What some addresses want besides: a node of the tree, a selection, an action for it, a question."""
    asked = {"node": lab.datacenter.moref, "field": "place", "on": lab.vm.moref, "action": "power-off", "q": SECRET[:3]}
    return urlencode(asked)


def urls(address: Address, lab: SmallLab) -> Iterator[str]:
    """Everything the address can be in the lab."""
    objects = objects_in(lab) if ("moref", "moref") in address.names else [None]
    known = numbers() if any(converter == "int" for converter, _name in address.names) else []
    for obj in objects:
        fixed = {"uuid": [str(lab.vcenter.uuid)], "moref": [getattr(obj, "moref", "")], "int": known}
        words = {name: words_for(name, obj) for _converter, name in address.names}
        if "section" in words:
            words["tab"] = ["monitor", "configure"]
        choices = [fixed.get(converter) or words[name] for converter, name in address.names]
        for values in product(*choices):
            parts = iter(values)
            path = PARAMETER.sub(lambda _match, parts=parts: str(next(parts)), address.route)
            yield f"/{path}?{query(lab)}"


def some_urls(address: Address, lab: SmallLab) -> list[str]:
    """Some of what the address can be, for every object that it can name."""
    by_object: dict[str, list[str]] = {}
    for url in urls(address, lab):
        by_object.setdefault("/".join(url.split("/")[:4]), []).append(url)
    return [url for of_one in by_object.values() for url in of_one[:: max(1, len(of_one) // PER_OBJECT)]]


def text_of(answer: Any) -> str:
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return content.decode(errors="replace") + str(answer.headers)


def client_of(user: Any = None) -> Client:
    client = Client()
    if user is not None:
        client.force_login(user)
    return client


# --- the walks -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("address", OF_VCENTERS, ids=by_route)
def test_a_stranger_gets_404_for_everything_in_a_vcenter(address: Address, cast: Cast, secret: SmallLab) -> None:
    owner, stranger = client_of(cast.student), client_of(cast.outsider)
    known = list(urls(address, secret))
    assert known
    assert any(owner.get(url).status_code != 404 for url in known), "no such address exists even for the owner"
    for url in known:
        answers = [stranger.get(url), stranger.post(url)]
        assert {answer.status_code for answer in answers} in ({404}, {404, 405}), url
        assert not any(SECRET in text_of(answer) for answer in answers), url


@pytest.mark.parametrize("address", OTHERS, ids=by_route)
def test_a_stranger_learns_nothing_elsewhere(address: Address, cast: Cast, secret: SmallLab) -> None:
    before = inventory_rows()
    for url in urls(address, secret):
        stranger = client_of(cast.outsider)
        for answer in (stranger.get(url), stranger.post(url)):
            assert answer.status_code < 500, url
            text = text_of(answer)
            assert SECRET not in text, url
            assert str(secret.vcenter.uuid) not in text, url
    assert inventory_rows() == before


def test_the_admin_site_is_closed_to_strangers(cast: Cast, secret: SmallLab) -> None:
    assert len(ADMIN) > 100
    before, stranger = inventory_rows(), client_of(cast.outsider)
    for address in ADMIN:
        url = next(urls(address, secret))
        for answer in (stranger.get(url), client_of().get(url), client_of().post(url)):
            assert answer.status_code < 500, url
            assert SECRET not in text_of(answer), url
        assert stranger.get(url).status_code in (200, 302, 403, 404, 405), url
    assert inventory_rows() == before


@pytest.mark.parametrize("address", [*OF_VCENTERS, *OTHERS], ids=by_route)
def test_without_a_log_in_there_is_only_the_log_in(address: Address, cast: Cast, secret: SmallLab) -> None:
    if address.route in PUBLIC:
        return
    url = next(urls(address, secret))
    for answer in (client_of().get(url), client_of().post(url)):
        assert answer.status_code in (302, 401, 403, 404, 405), url
        if answer.status_code == 302:
            assert "/login/" in answer["Location"], url


@pytest.mark.parametrize("address", OF_VCENTERS, ids=by_route)
def test_a_reader_changes_nothing(address: Address, cast: Cast, secret: SmallLab) -> None:
    reader, before = client_of(cast.reader), inventory_rows()
    for url in urls(address, secret):
        answer = reader.post(url)
        assert answer.status_code < 500, url
    assert inventory_rows() == before


def inventory_rows() -> dict[str, list[Any]]:
    """All rows of ours but what a person keeps for himself and the trace of his coming and going."""
    personal = (Preferences, AuditEntry)
    models = [model for app in OURS for model in models_of(app) if model not in personal]
    return {model.__name__: list(model._base_manager.order_by("pk").values()) for model in models}
