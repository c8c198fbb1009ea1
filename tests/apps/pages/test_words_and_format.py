"""Every state has a word and an icon that exists; figures have units; dates have the form of the language."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from domain import morefs, states
from inventory import format as forms
from inventory import words
from inventory.operations.base import REGISTRY

ICONS = set((Path(settings.BASE_DIR) / "vsphere_web/frontend/icons.txt").read_text().split())


def enums() -> list[type]:
    found = [one for module in (states, morefs) for one in vars(module).values() if isinstance(one, type)]
    return [one for one in found if issubclass(one, states.StrEnum) and one is not states.StrEnum]


@pytest.mark.parametrize("enum", enums(), ids=lambda enum: enum.__name__)
def test_every_value_has_a_word(enum: type) -> None:
    assert set(words.VOCABULARY[enum]) == set(enum)


def all_words() -> list[words.Word]:
    alone = [one for one in vars(words).values() if isinstance(one, words.Word)]
    return alone + [word for table in words.VOCABULARY.values() for word in table.values()]


def test_icons_are_in_the_sprite_and_tones_are_known() -> None:
    for word in all_words():
        assert word.icon in ICONS, word
        assert not word.badge or word.badge in ICONS, word
        assert word.tone in {"ok", "warn", "error", "info", "quiet"}, word


def test_every_operation_has_a_name_for_its_task() -> None:
    missing = {one.description_id for one in REGISTRY.values()} - set(words.TASKS)
    assert not missing


def test_no_state_differs_by_colour_alone() -> None:
    for enum, table in words.VOCABULARY.items():
        said = [(str(word.label), word.icon) for word in table.values()]
        assert len({label for label, _icon in said}) == len(said), enum


@given(st.one_of(st.none(), st.floats(allow_infinity=False), st.integers(-(10**15), 10**15)))
def test_figures_always_read_as_something_with_a_unit(value: float | None) -> None:
    unknown = value is None or (isinstance(value, float) and math.isnan(value))
    for form in (forms.mhz, forms.size, forms.mib, forms.kib, forms.kbps, forms.pct, forms.watts):
        text = form(value)
        assert text == forms.NOTHING if unknown else not text[-1].isdigit()


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (2600, forms.mhz, "2.60 GHz"), (800, forms.mhz, "800 MHz"), (1536, forms.size, "1.50 KB"),
        (4096, forms.mib, "4 GB"), (8.0, forms.pct, "8%"), (7.25, forms.pct, "7.2%"), (-1, forms.limit, "Unlimited"),
        (90_061, forms.duration, "1 day 1 hour"), (125, forms.duration, "2 min 5 s"), (1250, forms.watts, "1.25 kW"),
    ],
)  # fmt: skip
def test_forms(value: float, form: object, text: str) -> None:
    assert form(value) == text  # type: ignore[operator]


def test_dates_follow_the_language_and_never_the_us_form() -> None:
    from datetime import UTC, datetime

    when = datetime(2026, 11, 5, 18, 20, 11, tzinfo=UTC)
    with translation.override("ko"):
        assert forms.moment(when, "Asia/Seoul") == "2026. 11. 06. 03:20:11"
    with translation.override("en"):
        assert forms.moment(when, "UTC") == "05 Nov 2026, 18:20:11"


def test_an_unknown_value_reads_as_itself() -> None:
    assert words.of(states.VmPower, "levitating").label == "levitating"
    assert words.of(states.VmPower, "") is words.UNKNOWN
