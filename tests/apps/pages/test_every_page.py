"""Opens every page, section, menu, dialog and link of one object of each kind, in both languages.

Nothing ends in an error or nowhere; what a menu greys is refused when asked for all the same; a Korean page says
nothing in English. (tests/apps/golden opens all pages in English; here it is menus and dialogs.)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import polib
import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client
from django.urls import Resolver404, resolve
from django.utils import translation
from django.utils.html import escape

from domain.events import EVENTS
from inventory.actions import Action, Context, registry
from inventory.actions.perform import service
from inventory.models import Event, Task
from inventory.pages import tabs_for
from inventory.task_names import TASKS
from tests.builders import SmallLab, small_lab
from tests.cast import make_user
from tests.pages import objects_of, pages_of

pytestmark = pytest.mark.django_db
LANGUAGES = [code for code, _name in settings.LANGUAGES]
KOREAN = Path(settings.LOCALE_PATHS[0]) / "ko" / "LC_MESSAGES" / "django.po"
PLAIN = re.compile(r"<(script|style|code|pre|kbd)\b.*?</\1>|<!--.*?-->", re.DOTALL)
TEXT = re.compile(r">([^<]+)<")
SAID = re.compile(r'\s(?:title|aria-label|placeholder|alt)="([^"]+)"|\sdata-[\w-]+="([A-Z][^"/{]* [^"/{]*)"')
LINK = re.compile(r'\s(href|hx-get|data-dialog|data-menu|data-context-menu|data-suggest|hx-post|action)="(/[^"]*)"')
POSTED = {"hx-post", "action"}
SENTENCE = re.compile(r"[A-Za-z]{2,} [a-z]{2,} [a-z]{2,}")
HOLE = re.compile(r"%\(\w+\)[sd]|%[sd]")
# Names of the lab's objects, of a vendor and of a group, and the name that each language has for itself.
NAMES = {"English", "Main", "Cluster", "Production", "Resources", "Web", "VM Network", "Lab", "Teachers"}


@dataclass
class Walk:
    """What a walk in one language saw."""

    lab: SmallLab
    objects: dict[str, Any]  # by kind, as they were when their pages were read
    statuses: dict[str, int] = field(default_factory=dict)  # name of the page -> status
    said: dict[str, str] = field(default_factory=dict)  # text -> the first page that says it
    links: dict[str, tuple[str, str]] = field(default_factory=dict)  # address -> (attribute, page)
    followed: dict[str, int] = field(default_factory=dict)
    menus: dict[str, str] = field(default_factory=dict)  # kind -> the menu's page
    greyed: dict[str, str] = field(default_factory=dict)  # "kind: action" -> why

    def read(self, name: str, at: str, answer: Any) -> None:
        self.statuses[name] = answer.status_code
        if not answer.get("Content-Type", "").startswith("text/html"):
            return
        html = answer.content.decode()
        if name.endswith(": menu"):
            self.menus[name.removesuffix(": menu")] = html
        for attribute, link in LINK.findall(html):
            self.links.setdefault(urljoin(at, unescape(link)), (attribute, name))
        plain = PLAIN.sub("", html)
        for text in (*TEXT.findall(plain), *(a or b for a, b in SAID.findall(plain))):
            self.said.setdefault(" ".join(unescape(text).split()), name)


def tell_history(lab: SmallLab) -> None:
    """One event and one task of every type, so that the consoles say all their sentences."""
    names = {"vm": lab.vm.name, "host": lab.host.name, "cluster": lab.cluster.name}
    Event.objects.bulk_create(
        Event(vcenter=lab.vcenter, key=10_000 + n, type=one.name, category=one.category, lab_s=0.0, fields=names,
              entity=lab.vm.moref, entity_name=lab.vm.name)
        for n, one in enumerate(EVENTS.values())
    )  # fmt: skip
    Task.objects.bulk_create(
        Task(vcenter=lab.vcenter, moref=f"task-{10_000 + n}", description_id=one, operation="", entity=lab.vm.moref,
             entity_kind="VirtualMachine", entity_name=lab.vm.name, exclusive=False)
        for n, one in enumerate(TASKS)
    )  # fmt: skip


def walked(client: Client, teacher: Any, lab: SmallLab, language: str) -> Walk:
    walk = Walk(lab, objects_of(lab))
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
    for name, at in pages_of(lab):
        if language == "ko" or ": menu" in name or ": dialog " in name:
            walk.read(name, at, client.get(at))
    with translation.override(language):
        for kind, obj in walk.objects.items():
            context = Context(teacher, obj)
            found = {a.key: a.why_not(context) for a in registry.flat(registry.entries(obj)) if a.offered(obj)}
            walk.greyed.update({f"{kind}: {key}": why for key, why in found.items() if why})
    return walk


def follow(client: Client, walk: Walk) -> None:
    """Open one link of every form that the pages themselves were not."""
    seen = {shape(at) for _name, at in pages_of(walk.lab)}
    for at, (attribute, _page) in walk.links.items():
        if attribute in POSTED or shape(at) in seen or "logout" in at or at.startswith(("/static/", "/admin/")):
            continue
        seen.add(shape(at))
        walk.followed[at] = client.get(at).status_code


def shape(at: str) -> str:
    """An address without numbers and without the values of its query: links of one form lead to one view."""
    parts = urlsplit(at)
    return re.sub(r"\d+", "0", parts.path) + "?" + ",".join(sorted(re.findall(r"(?:^|&)(\w+)=", parts.query)))


@pytest.fixture(scope="module")
def walks(django_db_setup: None, django_db_blocker: Any) -> dict[str, Walk]:
    with django_db_blocker.unblock(), transaction.atomic():
        client, teacher = Client(), make_user("seo-yun", is_staff=True, is_superuser=True)
        client.force_login(teacher)
        lab = small_lab(teacher)
        tell_history(lab)
        found = {language: walked(client, teacher, lab, language) for language in LANGUAGES}
        follow(client, found["ko"])
        transaction.set_rollback(True)
    return found


def offers(walk: Walk) -> Iterator[tuple[str, Any, Action, str]]:
    """(kind, object, action, why it is greyed) of every entry of every menu."""
    for kind, obj in walk.objects.items():
        for action in registry.flat(registry.entries(obj)):
            if action.offered(obj):
                yield kind, obj, action, walk.greyed.get(f"{kind}: {action.key}", "")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_entry_of_every_menu_does_what_it_says(walks: dict[str, Walk], language: str) -> None:
    walk = walks[language]
    wrong, count = [], 0
    for kind, obj, action, why in offers(walk):
        count += 1
        with translation.override(language):
            for text in filter(None, (str(action.label), why)):
                if escape(text) not in walk.menus[kind]:
                    wrong.append(f"{kind}: the menu does not say “{text}”")
        ways = (action.run and not action.confirm, action.dialog, action.tab, action.page, action.confirm)
        if sum(map(bool, ways)) != 1:
            wrong.append(f"{kind}: {action.key} leads to no one thing")
        if action.run and not callable(service(action.run)):
            wrong.append(f"{kind}: {action.run} is no service")
        if action.tab and action.tab not in tabs_for(obj):
            wrong.append(f"{kind}: {action.key} leads to the tab {action.tab}, which it has not")
        if action.dialog or action.confirm:
            status = walk.statuses[f"{kind}: dialog {action.key}"]
            if status != (409 if why else 200):
                wrong.append(f"{kind}: {action.key} answers {status}, greyed because “{why}”")
    assert not wrong, "\n".join(wrong)
    assert count > 150


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_opens(walks: dict[str, Walk], language: str) -> None:
    statuses = walks[language].statuses
    assert {name: one for name, one in statuses.items() if one not in (200, 302) and ": dialog " not in name} == {}


def test_no_link_is_a_dead_end(walks: dict[str, Walk]) -> None:
    walk, dead = walks["ko"], []
    for at, (_attribute, page) in walk.links.items():
        try:
            resolve(urlsplit(at).path)
        except Resolver404:
            if not at.startswith("/static/"):
                dead.append(f"{page}: {at}")
    dead += [f"{walk.links[at][1]}: {at} answers {one}" for at, one in walk.followed.items() if one not in (200, 302)]
    assert not dead, "\n".join(dead)
    assert len(walk.followed) > 100


def test_a_korean_page_says_nothing_in_english(walks: dict[str, Walk]) -> None:
    catalogue = [e for e in polib.pofile(str(KOREAN)) if e.msgstr and e.msgstr != e.msgid]
    plain = {" ".join(e.msgid.split()) for e in catalogue if not HOLE.search(e.msgid)}
    holed = re.compile("|".join(pattern(e.msgid) for e in catalogue if HOLE.search(e.msgid) and said_alone(e.msgid)))
    english = [
        f"{page}: {text}" for text, page in walks["ko"].said.items()
        if text not in NAMES and (text in plain or holed.fullmatch(text) or SENTENCE.search(text))
    ]  # fmt: skip
    assert not english, "\n".join(english)
    assert len(walks["ko"].said) > 1200


def pattern(template: str) -> str:
    """What a template reads like when it is filled in."""
    return ".+".join(map(re.escape, HOLE.split(" ".join(template.split()).replace("%%", "%"))))


def said_alone(template: str) -> bool:
    """A template with words of its own: “%(a)s - %(b)s” is like anything."""
    return len(re.findall(r"[A-Za-z]{2,}", HOLE.sub(" ", template))) > 1
