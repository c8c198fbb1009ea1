"""The terms that a peek shows come from the catalogue: words in both languages, no sentences."""

from __future__ import annotations

from django.test import Client
from django.utils.translation import gettext, override

from inventory.pages.registry import TAB_LABELS
from inventory.views.terms import LONGEST, terms
from tests.apps.pages.conftest import World


def test_every_tab_has_its_other_word() -> None:
    found = terms()
    with override("en"):
        english = [str(label) for label in TAB_LABELS.values()]
    with override("ko"):
        assert {word: found.get(word, word) for word in english} == {word: gettext(word) for word in english}
    assert not found["Migrate"].endswith("…")


def test_sentences_and_gaps_are_left_out() -> None:
    assert len(terms()) > 300
    assert not [english for english in terms() if "%" in english or english.endswith(".") or len(english) > LONGEST]


def test_it_is_for_people_who_are_logged_in(world: World, client: Client) -> None:
    assert client.get("/terms/").status_code == 302
    client.force_login(world.cast.reader)
    answer = client.get("/terms/")
    assert answer.json() == terms()
    assert "max-age" in answer["Cache-Control"]
