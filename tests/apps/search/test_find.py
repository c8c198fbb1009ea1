"""The advanced search: every property finds what it names, what is hostile is refused, rights are never widened."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from django.http import QueryDict
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain import faults
from domain.states import VmPower
from inventory.criteria import CHOICE, NUMBER, OPERATORS, Row, Search, parsed
from inventory.models import (
    CustomAttribute,
    CustomValue,
    SavedSearch,
    Snapshot,
    Tag,
    TagAssignment,
    TagCategory,
    VirtualMachine,
)
from inventory.searchable import SEARCHABLE
from inventory.services import searches
from tests.builders import SmallLab
from tests.cast import Cast, grant, make_cast, own_lab

pytestmark = pytest.mark.django_db
GIB = 1024**3


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture
def lab(cast: Cast) -> SmallLab:
    return own_lab(cast, hosts=2, vms=4)


@pytest.fixture
def known(lab: SmallLab) -> SmallLab:
    """One machine that has everything that can be looked for."""
    vm, vcenter = lab.vms[0], lab.vcenter
    VirtualMachine.objects.filter(pk=vm.pk).update(
        name="100%_db", vcpus=12, memory_mib=48 * 1024, notes="payroll", ip_address="10.1.2.3",
        guest_id="debian12_64Guest", consolidation_needed=True, power_state=VmPower.SUSPENDED,
    )  # fmt: skip
    vm.disks.update(used_bytes=900 * GIB)
    tag = Tag.objects.create(category=TagCategory.objects.create(vcenter=vcenter, name="team"), name="blue")
    TagAssignment.objects.create(vcenter=vcenter, tag=tag, entity=vm.moref)
    owner = CustomAttribute.objects.create(vcenter=vcenter, name="Owner")
    CustomValue.objects.create(vcenter=vcenter, attribute=owner, entity=vm.moref, value="Kim")
    Snapshot.objects.create(vm=vm, moref="snapshot-9", name="old", created_lab_s=vcenter.lab_seconds() - 10 * 86_400)
    return lab


def found(lab: SmallLab, *rows: tuple[str, str, str], match: str = "all", grid: str = "vms") -> set[str]:
    search = Search(tuple(Row(*row) for row in rows), match)
    return set(
        VirtualMachine.objects.filter(search.q(SEARCHABLE[grid], lab.vcenter), vcenter=lab.vcenter).values_list(
            "moref", flat=True
        )
    )


def where(*rows: tuple[str, str, str]) -> str:
    return json.dumps([list(row) for row in rows])


def url(lab: SmallLab, tab: str = "vms", name: str = "find") -> str:
    return reverse(f"inventory:{name}", args=(lab.vcenter.uuid, tab))


ONLY_IT = [
    ("name", "is", "100%_DB"), ("name", "contains", "%_d"), ("power", "is", "suspended"), ("cpus", "ge", "12"),
    ("memory", "ge", "48"), ("memory", "eq", "48"), ("used", "ge", "800"), ("guest", "is", "debian12_64Guest"),
    ("ip", "starts", "10.1."), ("notes", "contains", "PAY"), ("tag", "is", "Blue"), ("attribute", "is", "owner=kim"),
    ("attribute", "contains", "ki"), ("snapshot_age", "ge", "9"), ("snapshots", "ge", "1"),
    ("consolidation", "is", "yes"),
]  # fmt: skip


@pytest.mark.parametrize("row", ONLY_IT, ids=lambda row: "-".join(row))
def test_a_property_finds_what_it_names(known: SmallLab, row: Any) -> None:
    assert found(known, row) == {known.vms[0].moref}


@pytest.mark.parametrize("row", [("tag", "isnt", "blue"), ("pool", "lacks", "zzz"), ("snapshot_age", "ge", "11")])
def test_the_opposite_is_everything_else(known: SmallLab, row: Any) -> None:
    everything = found(known)
    name, operator, value = row
    if operator == "isnt":
        assert found(known, row) == everything - {known.vms[0].moref}
    elif operator == "lacks":
        assert found(known, row) == everything  # templates have no pool and lack the name as well
    else:
        assert not found(known, (name, operator, value))


def test_all_and_any(known: SmallLab) -> None:
    rows = ("cpus", "ge", "12"), ("name", "is", known.vms[1].name)
    assert found(known, *rows) == set()
    assert found(known, *rows, match="any") == {known.vms[0].moref, known.vms[1].moref}


@pytest.mark.parametrize("tab", SEARCHABLE)
def test_every_property_and_operator_can_be_asked(lab: SmallLab, cast: Cast, client: Client, tab: str) -> None:
    client.force_login(cast.reader)
    rows = []
    for one in SEARCHABLE[tab].values():
        value = "1" if one.type == NUMBER else str(next(iter(one.choices()))[0]) if one.type == CHOICE else "x"
        rows += [(one.key, operator, value) for operator, _label in one.operators]
    for start in range(0, len(rows), 20):
        answer = client.get(url(lab, tab), {"where": where(*rows[start : start + 20]), "match": "any"})
        assert answer.status_code == 200


HOSTILE = [
    "nonsense", "{}", "[1]", '[["name","contains"]]', '[["name","contains",1]]', '[["nothing","is","x"]]',
    '[["vcenter__owner__password","starts","p"]]', '[["name","regex","(a+)+$"]]', '[["cpus","ge","nan"]]',
    '[["cpus","ge","1e999"]]', '[["cpus","ge",""]]', '[["power","is","x"]]', '[["name","is",""]]',
    '[["name","is","\\u0000"]]', json.dumps([["name", "is", "x"]] * 21), json.dumps([["name", "is", "x" * 121]]),
    "[" * 50_000,
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_what_makes_no_sense_is_refused(lab: SmallLab, cast: Cast, client: Client, text: str) -> None:
    client.force_login(cast.reader)
    answer = client.get(url(lab), {"where": text})
    assert answer.status_code == 400
    assert answer["X-Fault"] in ("InvalidArgument", "LimitExceeded")
    assert 'role="grid"' not in answer.content.decode()
    assert client.get(url(lab, name="find-grid"), {"where": text}).status_code == 409
    assert client.get(url(lab, name="find-export"), {"where": text}).status_code == 409


PROPERTIES = st.sampled_from([*SEARCHABLE["vms"], "password"])
OPERATOR = st.sampled_from([*OPERATORS, "regex"])


@given(rows=st.lists(st.tuples(PROPERTIES, OPERATOR, st.text(max_size=130)), max_size=23))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_whatever_is_asked_is_answered_or_refused(lab: SmallLab, rows: Any) -> None:
    """Any other error than a refusal fails this test."""
    query = QueryDict(mutable=True)
    query["where"] = json.dumps(rows)
    with contextlib.suppress(faults.InvalidArgument, faults.LimitExceeded):
        condition = parsed(query).q(SEARCHABLE["vms"], lab.vcenter)
        VirtualMachine.objects.filter(condition, vcenter=lab.vcenter).exists()


# --- rights ----------------------------------------------------------------------------------------------------------
def test_nobody_finds_what_they_may_not_see(lab: SmallLab, cast: Cast, client: Client) -> None:
    client.force_login(cast.outsider)
    assert client.get(url(lab)).status_code == 404
    grant(cast.outsider, lab.vms[1], "Read-only")
    everything = {"where": where(("name", "lacks", "zzzz"), ("cpus", "ge", "0")), "match": "any"}
    page = client.get(url(lab), everything).content.decode()
    assert lab.vms[1].moref in page
    assert lab.vms[2].moref not in page
    csv = b"".join(client.get(url(lab, name="find-export"), everything)).decode()
    assert lab.vms[1].name in csv
    assert lab.vms[2].name not in csv


# --- the page --------------------------------------------------------------------------------------------------------
def test_a_form_becomes_an_address_that_can_be_shared(lab: SmallLab, cast: Cast, client: Client) -> None:
    client.force_login(cast.reader)
    sent = {"p": ["name", "cpus"], "o": ["contains", "ge"], "v": ["vm", "1"], "match": "any"}
    answer = client.get(url(lab), sent, follow=True)
    assert answer.redirect_chain
    again = client.get(answer.redirect_chain[-1][0]).content.decode()
    assert lab.vms[0].moref in again
    fragment = client.get(
        url(lab, name="find-grid"), {"where": where(("name", "is", lab.vms[1].name)), "sort": "-name"}
    )
    assert fragment["HX-Push-Url"].startswith(url(lab))
    assert "where=" in fragment["HX-Push-Url"]
    assert lab.vms[0].moref not in fragment.content.decode()


def test_root_pools_and_compute_resources_have_no_line(lab: SmallLab, cast: Cast, client: Client) -> None:
    client.force_login(cast.reader)
    every = {"where": where(("name", "lacks", "zzzz"))}
    assert lab.standalone.cluster.moref not in client.get(url(lab, "clusters"), every).content.decode()
    root = lab.cluster.pools.get(parent__isnull=True)
    assert f'data-moref="{root.moref}" data-name' not in client.get(url(lab, "pools"), every).content.decode()


def test_saved_searches_are_a_persons_own(lab: SmallLab, cast: Cast, client: Client) -> None:
    client.force_login(cast.reader)
    sent = {"where": where(("cpus", "ge", "4")), "name": "Big ones"}
    assert "Big ones" in client.post(url(lab, name="find-save"), sent).content.decode()
    assert client.post(url(lab, name="find-save"), sent)["X-Fault"] == "DuplicateName"
    assert client.post(url(lab, name="find-save"), {**sent, "name": "x", "where": "[1]"}).status_code == 409
    saved = SavedSearch.objects.get()
    answer = client.get(f"/find/?{saved.query}", follow=True)
    assert answer.status_code == 200
    assert answer.request["PATH_INFO"] == url(lab)
    client.force_login(cast.operator)
    assert "Big ones" not in client.get(url(lab)).content.decode()
    forget = reverse("inventory:find-forget", args=(saved.pk,))
    assert client.post(forget).status_code == 404
    client.force_login(cast.reader)
    assert "Big ones" not in client.post(forget).content.decode()


def test_nobody_saves_without_end(cast: Cast) -> None:
    SavedSearch.objects.bulk_create(SavedSearch(user=cast.reader, name=f"s{n}", query="") for n in range(searches.MOST))
    with pytest.raises(faults.LimitExceeded):
        searches.save(cast.reader, "one more", "")
