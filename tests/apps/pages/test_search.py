"""Search: by whatever a person remembers of an object, in English or Korean, and never beyond what may be seen."""

from __future__ import annotations

from typing import Any

import pytest

from inventory.models import Tag, TagAssignment, TagCategory
from tests.apps.pages.conftest import World


@pytest.fixture
def known(world: World) -> World:
    vm = world.lab.vm
    vm.ip_address, vm.notes = "10.1.2.3", "The payroll of the north"
    vm.save()
    tag = Tag.objects.create(category=TagCategory.objects.create(vcenter=world.lab.vcenter, name="team"), name="blue")
    TagAssignment.objects.create(vcenter=world.lab.vcenter, tag=tag, entity=vm.moref)
    return world


def queries(world: World) -> list[str]:
    vm = world.lab.vm
    mac = vm.nics.get().mac
    return [
        vm.name,
        "10.1.2",
        mac.upper(),
        "payroll",
        "BLUE",
        vm.moref,
        f"vm {vm.name}",
        f"가상 머신 {vm.name}",
        f"가상 시스템 {vm.name}",
    ]


def test_everything_that_is_known_of_a_machine_finds_it(known: World, client_of: Any) -> None:
    client = client_of("reader")
    for query in queries(known):
        page = client.get("/search/suggest/", {"q": query}).content.decode()
        assert f"/{known.lab.vm.moref}/" in page, query


def test_a_stranger_finds_nothing(known: World, client_of: Any) -> None:
    client = client_of("outsider")
    for query in queries(known):
        assert known.lab.vm.moref not in client.get("/search/", {"q": query}).content.decode().replace(query, ""), query


def test_a_kind_in_front_narrows(known: World, client_of: Any) -> None:
    page = client_of("reader").get("/search/suggest/", {"q": "호스트"}).content.decode()
    assert known.lab.host.name in page
    assert known.lab.vm.name not in page


def test_the_exact_name_is_first(known: World, client_of: Any) -> None:
    a, b = known.lab.vms[1], known.lab.vms[2]
    a.name, b.name = "aaa-db", "db"
    a.save()
    b.save()
    page = client_of("reader").get("/search/suggest/", {"q": "db"}).content.decode()
    assert page.index(f"/{b.moref}/") < page.index(f"/{a.moref}/")


def test_one_kind_page_by_page(known: World, client_of: Any) -> None:
    page = client_of("reader").get("/search/", {"q": "vm", "kind": "VirtualMachine", "page": "99"})
    assert page.status_code == 200
    assert known.lab.vm.name in page.content.decode()


@pytest.mark.parametrize("query", ["", "%", "_", "'", '"><b>', "a" * 500, "vm-", "\\", "가"])
def test_odd_queries_do_no_harm(known: World, client_of: Any, query: str) -> None:
    for address in ("/search/", "/search/suggest/"):
        answer = client_of("reader").get(address, {"q": query})
        assert answer.status_code == 200
        assert "<b>" not in answer.content.decode()
