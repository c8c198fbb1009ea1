"""The navigator: lazy levels, what was open stays open, and nothing that a person may not see."""

from __future__ import annotations

from typing import Any

from tests.apps.pages.conftest import World
from tests.cast import grant


def lines(text: str) -> list[str]:
    return [part.split('"')[0].split(":")[1] for part in text.split('data-node="')[1:]]


def test_the_root_opens_level_by_level(world: World, client_of: Any) -> None:
    client, lab = client_of("reader"), world.lab
    roots = client.get("/tree/?view=hosts").content.decode()
    assert lines(roots) == ["group-d1"]
    below = client.get(world.url("tree") + "?view=hosts&node=group-d1").content.decode()
    assert lines(below) == [lab.datacenter.moref]
    inside = client.get(world.url("tree") + f"?view=hosts&node={lab.cluster.moref}").content.decode()
    assert lines(inside) == [
        *(host.moref for host in lab.hosts),
        lab.pool.moref,
        *(v.moref for v in sorted(lab.vms[1:], key=lambda v: v.name)),
    ]


def test_what_was_open_comes_open_in_one_request(world: World, client_of: Any) -> None:
    vc, lab = world.lab.vcenter.uuid, world.lab
    open_ = ",".join(f"{vc}:{moref}" for moref in ("group-d1", lab.datacenter.moref, lab.cluster.moref, "host-999999"))
    tree = client_of("reader").get("/tree/", {"view": "hosts", "open": open_}).content.decode()
    assert lab.host.name in tree
    assert 'aria-level="4"' in tree


def test_each_view_knows_where_an_object_is(world: World, client_of: Any) -> None:
    client, lab = client_of("reader"), world.lab
    path = client.get(world.url("tree"), {"view": "vms", "path": lab.vm.moref}).json()["path"]
    assert path == ["group-d1", lab.datacenter.moref, lab.vm_folder.moref, lab.vm.moref]
    assert client.get(world.url("tree"), {"view": "storage", "path": lab.vm.moref}).json()["path"] == []


def test_a_state_is_in_the_words_of_a_line(world: World, client_of: Any) -> None:
    host = world.lab.host
    host.in_maintenance, host.overall_status = True, "red"
    host.save()
    tree = (
        client_of("reader").get(world.url("tree"), {"view": "hosts", "node": world.lab.cluster.moref}).content.decode()
    )
    assert f'aria-label="{host.name}, Host, Maintenance mode, Alert"' in tree
    assert "(Maintenance mode)" in tree


def test_a_stranger_gets_no_tree(world: World, client_of: Any) -> None:
    client = client_of("outsider")
    assert lines(client.get("/tree/?view=hosts").content.decode()) == []
    assert client.get(world.url("tree") + "?view=hosts&node=group-d1").status_code == 404


def test_whoever_has_one_machine_finds_the_way_to_it(world: World, client_of: Any) -> None:
    grant(world.cast.outsider, world.lab.vm, "Read-only")
    client = client_of("outsider")
    path = client.get(world.url("tree"), {"view": "vms", "path": world.lab.vm.moref}).json()["path"]
    assert path[-1] == world.lab.vm.moref
    level = client.get(world.url("tree"), {"view": "vms", "node": world.lab.vm_folder.moref}).content.decode()
    assert lines(level) == [world.lab.vm.moref]


def test_nonsense_is_not_found(world: World, client_of: Any) -> None:
    client = client_of("reader")
    assert client.get("/tree/?view=clouds").status_code == 404
    assert client.get(world.url("tree") + "?view=hosts&node=host-424242").status_code == 404
    assert client.get(world.url("tree") + "?view=hosts&node=group-d1&offset=x&level=y").status_code == 200
