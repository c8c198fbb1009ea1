"""Every tab and section of every kind of object: it comes, in few queries, and only to those who may see it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inventory.models import Permission, Role
from inventory.pages import sections_for, tabs_for
from tests.apps.pages.conftest import World

QUERIES_AT_MOST = 25
# What differs from one answer to the next by itself: tokens against forgery, and the clock.
PASSING = re.compile(r'csrfmiddlewaretoken" value="[^"]*|X-CSRFToken": "[^"]*|"now": [\d.]+')


def objects_of(world: World) -> list[Any]:
    lab = world.lab
    return [
        lab.vcenter, lab.datacenter, lab.cluster, lab.host, lab.standalone, lab.pool, lab.vm, lab.template,
        lab.datastore, lab.network, lab.vm_folder,
    ]  # fmt: skip


def addresses(world: World) -> list[str]:
    found = []
    for obj in objects_of(world):
        for tab in tabs_for(obj):
            found.append(world.url(obj.moref, tab))
            found += [world.url(obj.moref, tab, section.slug) for section in sections_for(obj, tab)]
    return found


@pytest.mark.parametrize("who", ["student", "reader", "teacher"])
def test_every_tab_and_section_comes_in_few_queries(world: World, client_of: Any, who: str) -> None:
    client = client_of(who)
    for address in addresses(world):
        with CaptureQueriesContext(connection) as queries:
            assert client.get(address).status_code == 200, address
        assert len(queries) <= QUERIES_AT_MOST, f"{address}: {len(queries)} queries"


def test_a_stranger_finds_nothing(world: World, client_of: Any) -> None:
    client = client_of("outsider")
    for address in addresses(world):
        assert client.get(address).status_code == 404, address


def test_whoever_is_not_logged_in_is_sent_to_log_in(world: World, client: Any) -> None:
    answer = client.get(world.url(world.lab.vm.moref))
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/login/")


def test_a_boosted_answer_is_the_workspace_alone(world: World, client_of: Any) -> None:
    client = client_of("reader")
    whole = client.get(world.url(world.lab.vm.moref, "summary")).content.decode()
    part = client.get(world.url(world.lab.vm.moref, "summary"), headers={"HX-Request": "true"}).content.decode()
    assert 'class="topbar"' in whole
    assert 'class="topbar"' not in part
    assert '<main id="workspace"' in part
    assert f"<title>{world.lab.vm.name}" in part


def test_unknown_tabs_and_sections_are_not_found(world: World, client_of: Any) -> None:
    client = client_of("reader")
    for rest in (("nothing",), ("monitor", "nothing"), ("summary", "tasks"), ("hosts",)):
        assert client.get(world.url(world.lab.vm.moref, *rest)).status_code == 404, rest


def test_a_standalone_compute_resource_is_shown_as_its_host(world: World, client_of: Any) -> None:
    answer = client_of("reader").get(world.url(world.lab.standalone.cluster.moref))
    assert answer.headers["Location"] == world.url(world.lab.standalone.moref)


def test_without_live_figures_the_page_says_so(world: World, client_of: Any) -> None:
    page = client_of("reader").get(world.url(world.lab.vm.moref, "summary")).content.decode()
    assert "No live figures yet" in page
    assert "—" in page


def test_hosted_and_bare_metal_hosts_look_different(world: World, client_of: Any) -> None:
    host = world.lab.standalone
    bare = client_of("reader").get(world.url(host.moref, "summary")).content.decode()
    host.host_kind = "hosted"
    host.save()
    hosted = client_of("reader").get(world.url(host.moref, "summary")).content.decode()
    assert "Host operating system" not in bare
    assert "Host operating system" in hosted
    assert "#computer" in hosted


def test_names_are_text_and_not_markup(world: World, client_of: Any) -> None:
    vm = world.lab.vm
    vm.name = '<img src=x onerror="alert(1)">'
    vm.notes = "<script>alert(2)</script>"
    vm.save()
    page = client_of("reader").get(world.url(vm.moref, "summary")).content.decode()
    assert "<img src=x" not in page
    assert "<script>alert" not in page


def test_the_first_tab_is_the_summary(world: World, client_of: Any) -> None:
    page = client_of("reader").get(world.url(world.lab.host.moref)).content.decode()
    assert "Host Details" in page


def test_what_has_gone_and_what_may_not_be_seen_look_the_same_within_the_client(world: World, client_of: Any) -> None:
    lab = world.lab
    role = Role.objects.create(name="Hidden", vcenter=lab.vcenter, privileges=[])
    Permission.objects.create(vcenter=lab.vcenter, entity=lab.vm.moref, user=world.cast.reader, role=role)
    said = set()
    for moref in (lab.vm.moref, "vm-999999", "host-999999"):
        answer = client_of("reader").get(world.url(moref))
        assert answer.status_code == 404
        text = answer.content.decode()
        said.add(PASSING.sub("", text).replace(world.url(moref), ""))
        assert "That object is not here" in text
        assert world.url(lab.vcenter.moref) in text or world.url() in text, "a way on"
    assert len(said) == 1


def test_a_page_names_what_its_object_is_in_the_nearest_first(world: World, client_of: Any) -> None:
    lab = world.lab
    text = client_of("reader").get(world.url(lab.vm.moref)).content.decode()
    above = [lab.host.moref, lab.cluster.moref, lab.datacenter.moref, lab.vcenter.moref]
    assert f'data-above="{" ".join(above)} "' in text


def test_the_nearest_thing_that_is_still_there_is_told(world: World, client_of: Any) -> None:
    lab = world.lab
    asked = f"/landing/?vc={lab.vcenter.uuid}&on=vm-999999,{lab.host.moref},{lab.cluster.moref}"
    assert client_of("reader").get(asked).json() == {"at": lab.host.moref}
    assert client_of("outsider").get(asked).json() == {"at": ""}
    for nothing in ("/landing/", "/landing/?vc=x&on=,", f"/landing/?vc={lab.vcenter.uuid}&on=vm-1,%00"):
        assert client_of("reader").get(nothing).json() == {"at": ""}
