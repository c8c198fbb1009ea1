"""What a page asks for is parsed without trust and cut down to what its reader may see."""

from contextlib import suppress
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.counters import COUNTERS
from inventory.live.watch import BadWatch, Wish, authorise, parse, visible
from tests import builders
from tests.cast import grant, make_cast, make_user

UUID = str(uuid4())
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=10), inner, max_size=5),
    max_leaves=20,
)
fields = st.sampled_from(["vc", "tasks", "objects", "trees", "figures", "counters", "since", "lang"])


@given(json_values)
def test_any_json_is_parsed_or_refused(raw: Any) -> None:
    with suppress(BadWatch):
        assert all(isinstance(wish, Wish) for wish in parse(raw))


@given(st.dictionaries(fields, json_values))
def test_any_watch_is_parsed_or_refused(entry: dict[str, Any]) -> None:
    try:
        (wish,) = parse({"watch": {"vc": UUID} | entry})
    except BadWatch:
        return
    assert str(wish.vcenter) == str(entry.get("vc", UUID)) or entry.get("vc") is not None
    assert all(isinstance(moref, str) for moref in (*wish.objects, *wish.trees, *wish.figures))


@pytest.mark.parametrize(
    "entry",
    [
        {"vc": "x"},
        {"vc": UUID, "figures": [f"vm-{n}" for n in range(201)]},
        {"vc": UUID, "objects": ["v" * 25]},
        {"vc": UUID, "objects": "vm-1"},
        {"vc": UUID, "since": "1" * 41},
    ],
)
def test_too_much_is_refused(entry: dict[str, Any]) -> None:
    with pytest.raises(BadWatch):
        parse({"watch": entry})


def test_only_known_counters_are_watched_in_one_order() -> None:
    (wish,) = parse({"watch": {"vc": UUID, "counters": [24, 2, 24, -5, 10**9, "x", None, 2.5]}})
    assert wish.counters == (2, 24)
    assert set(wish.counters) <= COUNTERS.keys()


@pytest.mark.django_db
def test_a_reader_watches_everything_and_an_outsider_nothing() -> None:
    lab = builders.small_lab()
    cast = make_cast(lab.vcenter)
    morefs = (lab.vm.moref, lab.host.moref, lab.network.moref, "vm-999999", "nonsense", lab.vcenter.moref)
    wish = Wish(lab.vcenter.uuid, objects=morefs, figures=morefs, trees=(lab.vm_folder.moref,))
    watch = authorise(cast.reader, wish)
    assert watch
    assert watch.sees_everything
    assert watch.objects == {lab.vm.moref, lab.host.moref, lab.network.moref, lab.vcenter.moref}
    assert watch.figures == {lab.vm.moref: ("vm", lab.vm.slot), lab.host.moref: ("host", lab.host.slot)}
    assert watch.trees == {lab.vm_folder.moref}
    assert authorise(cast.outsider, wish) is None


@pytest.mark.django_db
def test_somebody_with_rights_on_a_folder_watches_what_is_in_it() -> None:
    lab = builders.small_lab()
    student = make_user("somebody")
    grant(student, lab.vm_folder, "Read-only")
    wish = Wish(lab.vcenter.uuid, objects=(lab.vms[0].moref, lab.vms[1].moref, lab.host.moref))
    watch = authorise(student, wish)
    assert watch
    assert not watch.sees_everything
    assert watch.objects == {lab.vms[0].moref}
    assert set(visible(student, lab.vcenter, wish.objects)) == {lab.vms[0].moref}
